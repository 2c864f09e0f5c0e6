//! How much is taken: of requests at a time, of a client's requests, of connections; and of whom.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use crate::rig::{Act, PATIENT, Plan, Rig, send};

#[test]
fn who_works_on_as_much_as_it_may_gets_the_next_when_one_ends() {
    let rig = Rig::new(Plan {
        backends: 2,
        backend: "max_in_flight = 2\nmax_pending = 3\npending_timeout = \"1m\"",
        ..Plan::default()
    });
    rig.backends.iter().for_each(|one| one.acts(Act::Hold));
    let address = rig.address();
    let ask = move || send(address, "GET", "/", "", "").expect("a response");
    let mut asking: Vec<_> = (0..4).map(|_| thread::spawn(ask)).collect();
    rig.wait_at_work(4);
    // Six more wait; those that come then are told at once.
    let late: Vec<_> = (0..10).map(|_| thread::spawn(ask)).collect();
    crate::rig::until(|| late.iter().filter(|one| one.is_finished()).count() == 4);
    rig.gate.open();
    asking.extend(late);
    let replies: Vec<_> = asking.into_iter().map(|one| one.join().unwrap()).collect();
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 503).collect();
    assert_eq!(refused.len(), 4);
    assert!(
        refused
            .iter()
            .all(|reply| reply.header("retry-after") == Some("1"))
    );
    assert_eq!(rig.counts().iter().sum::<usize>(), 10);
    assert!(rig.backends.iter().all(|one| one.most() <= 2));
}

#[test]
fn nobody_waits_for_longer_than_it_may() {
    let rig = Rig::new(Plan {
        backends: 1,
        backend: "max_in_flight = 1\npending_timeout = \"100ms\"",
        ..Plan::default()
    });
    rig.backends[0].acts(Act::Hold);
    let address = rig.address();
    let first = thread::spawn(move || send(address, "GET", "/", "", ""));
    rig.wait_at_work(1);
    assert_eq!(rig.get("").status, 503);
    rig.gate.open();
    first.join().unwrap().expect("a response").backend();
    // Who has left the queue takes no place.
    assert_eq!(rig.get("").backend(), 0);
}

#[test]
fn a_client_has_as_many_requests_as_it_may_and_is_told_when_the_next() {
    let rig = Rig::new(Plan {
        backends: 1,
        route: "rate_limit = { requests = 5, per = \"1h\" }",
        ..Plan::default()
    });
    let statuses: Vec<u16> = (0..7).map(|_| rig.get("").status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429]);
    let again_in = rig.get("").header("retry-after").map(str::to_owned);
    let again_in: u32 = again_in.expect("a time").parse().unwrap();
    assert!((1..=720).contains(&again_in), "{again_in}");
}

#[test]
fn rates_are_of_a_header_or_of_all() {
    let rig = Rig::new(Plan {
        backends: 1,
        route: "rate_limit = [{ requests = 2, per = \"1h\", by = { header = \"X-Key\" } }, \
                { requests = 5, per = \"1h\", by = \"route\" }]",
        ..Plan::default()
    });
    let ask = |key: &str| rig.get(&format!("X-Key: {key}\r\n")).status;
    assert_eq!([ask("a"), ask("a"), ask("a")], [200, 200, 429]);
    assert_eq!([ask("b"), ask("b"), ask("b")], [200, 200, 429]);
    assert_eq!([ask("c"), ask("d")], [200, 429]);
}

/// Whether a request on a connection is answered.
fn is_served(stream: &mut TcpStream) -> bool {
    let request = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let mut first = [0; 12];
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_exact(&mut first).is_ok()
        && &first == b"HTTP/1.1 200"
}

#[test]
fn there_are_no_more_connections_than_may_be() {
    for forwarder in ["connections_max = 2", "per_client_max = 2"] {
        let rig = Rig::new(Plan {
            backends: 1,
            forwarder,
            ..Plan::default()
        });
        let connect = || {
            let stream = TcpStream::connect(rig.address()).unwrap();
            stream.set_read_timeout(Some(PATIENT)).unwrap();
            stream
        };
        let (mut first, mut second) = (connect(), connect());
        assert!(is_served(&mut first) && is_served(&mut second));
        assert!(!is_served(&mut connect()), "{forwarder}");
        drop(first);
        crate::rig::until(|| is_served(&mut connect()));
    }
}

#[test]
fn only_those_are_let_in_who_may_be() {
    let network = "[network.office]\nprefixes = [\"127.0.0.0/8\"]\nlocation = \"DE\"\n";
    for (lists, status) in [
        ("allow = [\"127.0.0.0/8\"]", 200),
        ("allow = \"10.0.0.0/8\"", 403),
        ("deny = \"127.0.0.1/32\"", 403),
        ("deny = \"10.0.0.0/8\"", 200),
        ("allow = \"network:office\"", 200),
        ("allow = \"country:DE\"", 200),
        ("allow = [\"country:FR\", \"10.0.0.0/8\"]", 403),
        ("deny = \"country:DE\"", 403),
        ("deny = \"country:FR\"", 200),
        ("allow = \"127.0.0.0/8\"\ndeny = \"network:office\"", 403),
        ("deny = \"unlocated\"", 200),
    ] {
        let of_route = Rig::new(Plan {
            backends: 1,
            route: lists,
            more: network,
            ..Plan::default()
        });
        assert_eq!(of_route.get("").status, status, "route: {lists}");
        let of_listener = Rig::new(Plan {
            backends: 1,
            listener: lists,
            more: network,
            ..Plan::default()
        });
        assert_eq!(of_listener.get("").status, status, "listener: {lists}");
    }
}
