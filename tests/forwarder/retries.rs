//! What fails is sent again where that is safe, and nowhere else: nothing lost that could be retried, nothing sent twice
//! that must not be.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use meridian::random::Random;

use crate::harness::{Client, status, values};
use crate::rig::{Act, Plan, Rig, send};

/// The first of the list is asked first, so that it is known who fails.
const FAILOVER: &str = "balance = \"failover\"";
const NO_OUTLIERS: &str = "outliers = false";

fn rig(backends: usize, backend: &str) -> Rig {
    Rig::new(Plan {
        backends,
        pool: FAILOVER,
        backend: &format!("{NO_OUTLIERS}\n{backend}"),
        ..Plan::default()
    })
}

#[test]
fn what_no_connection_was_had_for_is_sent_elsewhere_whatever_it_is() {
    // Nobody listens at the first address.
    let rig = Rig::new(Plan {
        backends: 2,
        pool: FAILOVER,
        endpoints: Some(vec!["\"127.0.0.99\"".into(), "\"127.0.0.1\"".into()]),
        ..Plan::default()
    });
    for (method, body) in [("GET", ""), ("POST", "once"), ("POST", "")] {
        let reply = rig.send(method, "/", "", body);
        assert_eq!(reply.backend(), 0, "{method}");
    }
    assert_eq!(rig.counts(), [3, 0]);
    let seen = rig.backends[0].seen();
    assert_eq!(seen[1].body, b"once");
}

#[test]
fn what_was_sent_is_sent_again_only_if_it_does_nothing_more_the_second_time() {
    for act in [Act::Close, Act::Reset, Act::Nonsense] {
        let rig = rig(2, "");
        rig.backends[0].acts(act);
        for method in ["GET", "HEAD", "OPTIONS", "DELETE", "PUT"] {
            let reply = rig.send(method, "/", "", "");
            assert_eq!(reply.status, 200, "{method} {act:?}");
        }
        for (method, body) in [("POST", ""), ("POST", "once"), ("PATCH", "x"), ("PUT", "x")] {
            let before = rig.counts();
            let reply = rig.send(method, "/", "", body);
            assert_eq!(reply.status, 502, "{method} {act:?}");
            let after = rig.counts();
            assert_eq!((after[0] - before[0], after[1]), (1, before[1]), "{method}");
        }
    }
}

#[test]
fn rfc9112_9_3_1_a_connection_that_ends_as_it_is_used_again_loses_nothing_that_can_be_sent_again() {
    let rig = rig(1, "");
    let seen = AtomicUsize::new(0);
    // Every second one: the connection was kept for it, and ends.
    rig.backends[0].scripted(move |_| match seen.fetch_add(1, SeqCst) % 2 {
        0 => Act::Serve,
        _ => Act::Close,
    });
    // One connection of a client is served by one thread, which has its own connections.
    let mut client = Client::connect(rig.address());
    let mut status_of = |method: &str| {
        client.send(format!(
            "{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        ));
        let head = client.head();
        let length: usize = values(&head, "content-length")[0].parse().unwrap();
        (0..length).for_each(|_| {
            client.0.read_exact(&mut [0]).unwrap();
        });
        status(&head)
    };
    let statuses = ["GET", "GET", "DELETE", "POST"].map(&mut status_of);
    assert_eq!(statuses, [200, 200, 200, 502]);
    assert_eq!(rig.counts(), [6]);
    // Over a new connection it is the endpoint's doing.
    rig.backends[0].acts(Act::Close);
    assert_eq!(status_of("GET"), 502);
    assert_eq!(rig.counts(), [7]);
}

#[test]
fn a_body_that_is_kept_is_sent_again_whole() {
    let rig = rig(2, "replay = \"1KiB\"");
    rig.backends[0].acts(Act::Close);
    let body = "kept ".repeat(200);
    let reply = rig.send("PUT", "/", "", &body);
    assert_eq!(reply.backend(), 1);
    assert_eq!(rig.backends[1].seen()[0].body, body.as_bytes());
    // Longer than what is kept.
    let long = "long ".repeat(300);
    assert_eq!(rig.send("PUT", "/", "", &long).status, 502);
    // However short: it might count twice.
    assert_eq!(rig.send("POST", "/", "", "once").status, 502);
    assert_eq!(rig.counts(), [3, 1]);
}

#[test]
fn a_response_that_has_begun_is_not_asked_for_again() {
    for act in [Act::Lie, Act::Half] {
        let rig = rig(2, "");
        rig.backends[0].acts(act);
        // It may end before its head has gone out.
        let reply = send(rig.address(), "GET", "/", "", "");
        assert!(reply.is_none_or(|reply| !reply.is_whole), "{act:?}");
        assert_eq!(rig.counts(), [1, 0]);
    }
}

#[test]
fn statuses_that_are_listed_are_taken_for_no_response() {
    let rig = rig(2, "retry_status = [502, 503]");
    rig.backends[0].acts(Act::Status(503));
    assert_eq!(rig.get("").backend(), 1);
    assert_eq!(rig.send("POST", "/", "", "").status, 503);
    rig.backends[0].acts(Act::Status(504));
    assert_eq!(rig.get("").status, 504);
    // Where nobody has a better one, it is the response.
    rig.backends
        .iter()
        .for_each(|one| one.acts(Act::Status(502)));
    let reply = rig.get("");
    assert_eq!((reply.status, &*reply.body), (502, "1"));
}

#[test]
fn who_hangs_is_left_after_the_time_that_it_has() {
    let rig = rig(2, "response_timeout = \"200ms\"");
    rig.backends[0].acts(Act::Hang);
    assert_eq!(rig.get("").backend(), 1);
    assert_eq!(rig.send("POST", "/", "", "").status, 504);
    assert_eq!(rig.counts(), [2, 1]);
}

#[test]
fn all_of_it_takes_no_longer_than_it_may() {
    let rig = rig(3, "total_timeout = \"300ms\"\nretries = 10");
    rig.backends.iter().for_each(|one| one.acts(Act::Hang));
    assert_eq!(rig.get("").status, 504);
    assert_eq!(rig.counts().iter().sum::<usize>(), 1);
}

#[test]
fn a_pool_that_fails_is_not_asked_more_than_the_budget_allows() {
    let rig = rig(
        3,
        "retries = 10\nretry_budget = \"20%\"\nretries_per_second = 0",
    );
    rig.backends.iter().for_each(|one| one.acts(Act::Close));
    for _ in 0..100 {
        assert_eq!(rig.get("").status, 502);
    }
    let asked: usize = rig.counts().iter().sum();
    assert!((105..=121).contains(&asked), "{asked}");
}

#[test]
fn a_pool_that_mostly_fails_is_not_asked_until_a_trial_succeeds() {
    let rig = rig(
        2,
        "retries = 0\ncircuit = { failures = \"50%\", requests = 10, open = \"300ms\" }",
    );
    rig.backends
        .iter()
        .for_each(|one| one.acts(Act::Status(500)));
    let statuses: Vec<u16> = (0..50).map(|_| rig.get("").status).collect();
    assert!(statuses.contains(&503), "{statuses:?}");
    let refused = rig.get("");
    if refused.status == 503 {
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    rig.backends.iter().for_each(|one| one.acts(Act::Serve));
    crate::rig::until(|| rig.get("").status == 200);
    assert_eq!(rig.get("").status, 200);
}

/// Whatever backends do: what may be sent again is answered by the one that is well, and what may not be is seen once
/// at most.
#[test]
fn nothing_is_lost_that_could_be_sent_again_and_nothing_done_twice_that_must_not_be() {
    const ACTS: [Act; 8] = [
        Act::Serve,
        Act::Close,
        Act::Reset,
        Act::Nonsense,
        Act::Status(503),
        Act::Lie,
        Act::Half,
        Act::Serve,
    ];
    let rig = Rig::new(Plan {
        backends: 4,
        route: "balance = \"random\"",
        backend: "outliers = false\nretries = 3\nretry_budget = \"100%\"\nretries_per_second = 10000\n\
                  retry_status = 503\nreplay = \"64KiB\"",
        ..Plan::default()
    });
    for (number, backend) in rig.backends.iter().enumerate().take(3) {
        let random = Mutex::new(Random::from_seed(number as u64));
        backend.scripted(move |_| {
            let drawn = random.lock().unwrap().below(ACTS.len() as u32);
            ACTS[drawn as usize]
        });
    }
    let address = rig.address();
    let clients = (0..4).map(|client| {
        thread::spawn(move || {
            let mut replies = Vec::new();
            for number in 0..100 {
                let (method, body) = [
                    ("GET", ""),
                    ("POST", "a body"),
                    ("PUT", "another body"),
                    ("POST", ""),
                    ("DELETE", ""),
                ][number % 5];
                let path = format!("/{client}-{number}");
                let reply = send(address, method, &path, "", body);
                replies.push((method, path, reply));
            }
            replies
        })
    });
    let clients: Vec<_> = clients.collect();
    let replies: Vec<_> = clients
        .into_iter()
        .flat_map(|c| c.join().unwrap())
        .collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for backend in &rig.backends {
        for one in backend.seen() {
            *seen.entry(one.path).or_default() += 1;
            let expected: &[u8] = match &*one.method {
                "PUT" => b"another body",
                "POST" if !one.body.is_empty() => b"a body",
                _ => b"",
            };
            assert_eq!(one.body, expected);
        }
    }
    for (method, path, reply) in replies {
        let times = seen.get(&path).copied().unwrap_or(0);
        if method == "POST" {
            assert_eq!(times, 1, "{path}");
        } else {
            // The well one is among those that it may be sent to; what was cut had begun.
            let status = reply.map_or(200, |reply| reply.status);
            assert_eq!(status, 200, "{method} {path}");
            assert!(times <= 4, "{path}: {times}");
        }
    }
}

/// A pool whose one endpoint is in trouble, and another one behind it.
fn in_order(backend: &str) -> Rig {
    Rig::new(Plan {
        backends: 2,
        endpoints: Some(vec!["\"127.0.0.1\"".into()]),
        backend: &format!("{NO_OUTLIERS}\n{backend}"),
        route: "path = \"/first\"",
        more: "[pool.spare]\nregion = \"here\"\nendpoints = [\"127.0.0.2\"]\nbackend = { port = PORT }\n\
               [policy.both]\nfailover = [\"web\", \"spare\"]\n\
               [[forwarder.route]]\nto = \"both\"\n",
        ..Plan::default()
    })
}

#[test]
fn a_policy_leads_past_a_pool_whose_circuit_is_open() {
    let rig = in_order("circuit = { failures = \"50%\", requests = 5, open = \"1h\" }");
    rig.backends[0].acts(Act::Status(500));
    let statuses: Vec<u16> = (0..8).map(|_| rig.get("").status).collect();
    assert_eq!(statuses, [500, 500, 500, 500, 500, 200, 200, 200]);
    assert_eq!(rig.send("POST", "/", "", "x").backend(), 1);
    // Who asks for that pool and no other hears why.
    assert_eq!(rig.send("GET", "/first", "", "").status, 503);
}

#[test]
fn a_policy_leads_past_a_pool_whose_endpoints_were_all_tried() {
    let rig = in_order("");
    rig.backends[0].acts(Act::Close);
    assert_eq!(rig.get("").backend(), 1);
    assert_eq!(rig.send("POST", "/", "", "x").status, 502);
    assert_eq!(rig.send("GET", "/first", "", "").status, 502);
    assert_eq!(rig.counts(), [3, 1]);
}
