//! What fails is left out at once, whatever probes say, and the verdicts that answers go by hear of it.

use std::net::{Ipv4Addr, UdpSocket};

use crate::rig::{Act, PATIENT, Plan, Rig, address, send, until};

fn rig(backends: usize, outliers: &str) -> Rig {
    Rig::new(Plan {
        backends,
        pool: "balance = \"round-robin\"",
        backend: &format!("retries = 0\noutliers = {outliers}"),
        ..Plan::default()
    })
}

#[test]
fn who_fails_in_a_row_is_left_out() {
    for act in [Act::Status(500), Act::Close, Act::Lie] {
        let rig = rig(
            3,
            "{ failures = 3, ejection = \"1h\", ejection_max = \"1h\" }",
        );
        rig.backends[1].acts(act);
        for _ in 0..60 {
            // One that is cut may end before its head.
            let _ = send(rig.address(), "GET", "/", "", "");
        }
        // Two threads may each have sent one before the third failure was known.
        let counts = rig.counts();
        assert!((3..=4).contains(&counts[1]), "{act:?}: {counts:?}");
        assert!(counts[0] >= 27 && counts[2] >= 27, "{counts:?}");
    }
}

#[test]
fn who_fails_now_and_then_is_not() {
    let rig = rig(
        2,
        "{ failures = 2, ejection = \"1h\", ejection_max = \"1h\" }",
    );
    let turn = std::sync::atomic::AtomicUsize::new(0);
    rig.backends[1].scripted(move |_| {
        match turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2 {
            0 => Act::Status(500),
            _ => Act::Serve,
        }
    });
    for _ in 0..40 {
        rig.get("");
    }
    assert_eq!(rig.counts(), [20, 20]);
}

#[test]
fn no_more_are_left_out_than_may_be() {
    let rig = rig(
        4,
        "{ failures = 1, ejection = \"1h\", ejection_max = \"1h\" }",
    );
    rig.backends
        .iter()
        .for_each(|one| one.acts(Act::Status(500)));
    for _ in 0..40 {
        assert_eq!(rig.get("").status, 500);
    }
    let mut counts = rig.counts();
    counts.sort_unstable();
    assert!(counts[..2].iter().all(|count| *count <= 2), "{counts:?}");
    assert!(counts[2..].iter().all(|count| *count >= 15), "{counts:?}");
}

#[test]
fn after_its_time_one_request_decides() {
    let rig = rig(
        2,
        "{ failures = 1, ejection = \"100ms\", ejection_max = \"200ms\" }",
    );
    rig.backends[1].acts(Act::Status(500));
    until(|| rig.get("").status == 500);
    rig.backends[1].acts(Act::Serve);
    let before = rig.backends[1].count();
    until(|| rig.get("").backend() == 1);
    assert_eq!(rig.backends[1].count(), before + 1);
    until(|| rig.get("").backend() == 1);
}

#[test]
fn who_is_much_slower_than_the_others_is_left_out() {
    let rig = rig(
        4,
        "{ failures = 0, slowness = 3.0, ejection = \"1h\", ejection_max = \"1h\" }",
    );
    rig.backends[3].acts(Act::Slow(80));
    let mut last = usize::MAX;
    // Looked at now and then.
    until(|| {
        for _ in 0..8 {
            rig.get("").backend();
        }
        let count = rig.backends[3].count();
        std::mem::replace(&mut last, count) == count
    });
    for _ in 0..20 {
        assert_ne!(rig.get("").backend(), 3);
    }
}

/// The addresses that a name has now, in order.
fn resolve(rig: &Rig, name: &str) -> Vec<Ipv4Addr> {
    let mut query = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(&[0, 0, 1, 0, 1]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENT)).unwrap();
    socket.send_to(&query, rig.dns()).unwrap();
    let mut answer = [0; 1232];
    let len = socket.recv(&mut answer).unwrap();
    let count = usize::from(answer[7]);
    // Each record ends with its address; names are pointers.
    let records = answer[query.len()..len].chunks_exact(16).take(count);
    let mut addresses: Vec<_> = records
        .map(|record| Ipv4Addr::new(record[12], record[13], record[14], record[15]))
        .collect();
    addresses.sort_unstable();
    addresses
}

#[test]
fn answers_leave_out_who_fails_requests_although_its_probes_succeed() {
    let rig = Rig::new(Plan {
        backends: 2,
        pool: "monitor = \"up\"\nbalance = \"round-robin\"",
        backend: "retries = 0\noutliers = false",
        more: "[monitor.up]\ntcp = true\nport = PORT\ninterval = \"1h\"\npassive = { fall = 3, rise = 1 }\n\
               [policy.near]\nround-robin = [\"web\"]\n\
               [zone.\"example.com\"]\nfile = \"zone\"\n\
               [zone.\"example.com\".balanced]\nwww = { policy = \"near\", answers = 4 }\n",
        files: &[(
            "zone",
            "$TTL 60\n@ SOA ns1 admin 1 3600 600 86400 60\n@ NS ns1\nns1 A 192.0.2.1\n",
        )],
        ..Plan::default()
    });
    let name = "www.example.com";
    assert_eq!(resolve(&rig, name), [address(0), address(1)]);
    rig.backends[1].acts(Act::Status(500));
    until(|| {
        rig.get("");
        resolve(&rig, name) == [address(0)]
    });
    // The forwarder goes by the same verdict.
    let before = rig.backends[1].count();
    for _ in 0..10 {
        assert_eq!(rig.get("").backend(), 0);
    }
    assert_eq!(rig.backends[1].count(), before);
}
