//! What is known of health outlives `kill -9` at any moment.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::place::Place;
use crate::process::eventually;
use crate::query::{EUROPE, ask, sorted};
use crate::server::{Server, ZONE};

const WWW: &str = "www.gslb.example.com";
const BOTH: [&str; 2] = ["192.0.2.1", "192.0.2.2"];

/// One refusal is a fall, and after two of them an hour of successes is needed; nothing else makes anything fall.
fn config(first: SocketAddr, second: SocketAddr) -> String {
    format!(
        r#"
[server]
listen        = ["127.0.0.1:0"]
state_dir     = "state"
saved_max_age = "20s"
udp_threads   = 1

[region.eu]
[monitor.web]
tcp                    = true
port                   = 80
interval               = "500ms"
interval_doubt         = "50ms"
fall                   = 100
rise                   = 1
refused_counts_at_once = true
flap                   = {{ falls = 2, hold = "1h", max = "1h" }}

[pool.web]
region    = "eu"
monitor   = "web"
endpoints = [
    {{ address = "192.0.2.1", check = "{first}" }},
    {{ address = "192.0.2.2", check = "{second}" }},
]
[policy.world]
failover = ["web"]

[zone."gslb.example.com"]
file = "gslb.zone"
[zone."gslb.example.com".balanced]
www = {{ policy = "world", answers = 2 }}
"#
    )
}

fn listen(address: impl Into<SocketAddr>) -> TcpListener {
    TcpListener::bind(address.into()).unwrap()
}

fn answers(server: &Server) -> Vec<String> {
    sorted(&ask(server.address, WWW, EUROPE))
}

fn until_answered(server: &Server, expected: &[&str]) {
    eventually(&format!("{expected:?}"), || {
        (answers(server) == expected).then_some(())
    });
}

/// The falls that are saved of the second backend, if the file is there; whatever is there is whole.
fn saved_level(place: &Place, backend: SocketAddr) -> Option<u64> {
    let text = std::fs::read(place.path("state/verdicts.json")).ok()?;
    let saved: Value = serde_json::from_slice(&text).expect("a whole file");
    let entries = saved["verdicts"].as_array().expect("a list");
    let of_backend = format!("tcp://{backend} ");
    let mut targets = entries
        .iter()
        .map(|entry| (entry["target"].as_str(), entry));
    let found = targets.find(|(key, _)| key.is_some_and(|key| key.starts_with(&of_backend)));
    found.and_then(|(_, entry)| entry["flap_level"].as_u64())
}

#[test]
fn verdicts_and_what_falls_demand_outlive_being_killed_at_any_moment() {
    let free = (Ipv4Addr::LOCALHOST, 0);
    let (first, second) = (listen(free), listen(free));
    let address = second.local_addr().unwrap();
    let place = Place::new();
    place.write(
        "meridian.toml",
        config(first.local_addr().unwrap(), address),
    );
    place.write("gslb.zone", ZONE);
    let mut server = Server::start(&place, &[]);
    until_answered(&server, &BOTH);
    drop(second);
    until_answered(&server, &BOTH[..1]);
    let second = listen(address);
    until_answered(&server, &BOTH);
    drop(second);
    until_answered(&server, &BOTH[..1]);
    // It answers again, and has to for an hour from now on.
    let _second = listen(address);
    eventually("it is saved", || {
        (saved_level(&place, address)? == 1).then_some(())
    });
    for round in 0..12 {
        // The file is written every second or two.
        thread::sleep(Duration::from_millis(round * 173 % 1100));
        server.process.signal("KILL");
        server.process.wait();
        assert_eq!(saved_level(&place, address), Some(1), "round {round}");
        server = Server::start(&place, &[]);
        assert_eq!(
            answers(&server),
            BOTH[..1],
            "the first query of round {round}"
        );
    }
    // A file that is no longer what was written is no reason not to start: probes tell then.
    server.process.signal("KILL");
    server.process.wait();
    place.write("state/verdicts.json", "{\"version\":2,\"saved_unix_ms\":1");
    let server = Server::start(&place, &[]);
    assert_eq!(answers(&server), BOTH);
    assert!(
        server
            .process
            .stderr()
            .contains("saved verdicts are not used")
    );
}
