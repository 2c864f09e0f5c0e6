//! `meridian serve`: verdicts that come from files, frozen ones and those of before a restart.

use std::net::TcpListener;

use crate::place::Place;
use crate::process::eventually;
use crate::query::{EUROPE, ask, sorted};
use crate::server::{Server, ZONE, place};

const WWW: &str = "www.gslb.example.com";

#[test]
fn frozen_verdicts_steer_and_follow_their_file_at_a_reload() {
    let place = place();
    place.write(
        "verdicts.toml",
        "web-eu = \"down\"\n\"web-eu/192.0.2.2\" = \"up\"\n",
    );
    let mut server = Server::frozen(&place);
    assert_eq!(sorted(&ask(server.address, WWW, EUROPE)), ["192.0.2.2"]);
    place.write("verdicts.toml", "web-eu = \"down\"\n");
    server.reload("configuration reloaded");
    assert_eq!(sorted(&ask(server.address, WWW, EUROPE)), ["198.51.100.1"]);
}

#[test]
fn a_bad_file_of_frozen_verdicts_refuses_start_and_reload_with_every_mistake() {
    let place = place();
    let bad = "web-uk = \"down\"\nweb-eu = \"dwon\"\n";
    place.write("bad.toml", bad);
    let outcome = place.run(&[
        "serve",
        "--config",
        "meridian.toml",
        "--frozen-health",
        "bad.toml",
        "--log",
        "text",
    ]);
    assert_eq!(outcome.code, 1);
    for words in [
        "bad.toml:1:1: error: no endpoint is called `web-uk`",
        "bad.toml:2:10: error: ",
    ] {
        assert!(outcome.stderr.contains(words), "{outcome:?}");
    }

    let mut server = Server::frozen(&place);
    place.write("verdicts.toml", bad);
    server.reload("not reloaded");
    let log = server.process.stderr();
    assert!(log.contains("verdicts.toml:1:1: "), "{log}");
    assert_eq!(ask(server.address, WWW, EUROPE).rcode, "NOERROR");
}

#[test]
fn a_file_of_frozen_verdicts_that_is_not_there_is_refused_by_name() {
    let place = place();
    let missing = ["--frozen-health", "missing.toml", "--log", "text"];
    let mut arguments = vec!["serve", "--config", "meridian.toml"];
    arguments.extend(missing);
    let outcome = place.run(&arguments);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.contains("missing.toml: error: cannot read"),
        "{outcome:?}"
    );
}

/// Two endpoints whose probes go to `one` and `two`. What a first observation says is believed at
/// once; after that, only ten in a row, ten seconds apart, are.
fn watched(one: &str, two: &str) -> String {
    format!(
        r#"
[server]
listen    = ["127.0.0.1:0"]
state_dir = "state"
[region.here]
location = [0, 0]
[monitor.port]
tcp      = true
port     = 1
interval = "10s"
timeout  = "5s"
rise     = 10
fall     = 10
[pool.all]
region    = "here"
monitor   = "port"
endpoints = [{{ address = "192.0.2.1", check = "{one}" }}, {{ address = "192.0.2.2", check = "{two}" }}]
[policy.any]
random = ["all"]
[zone."gslb.example.com"]
file = "gslb.zone"
[zone."gslb.example.com".balanced]
www = {{ policy = "any" }}
"#
    )
}

#[test]
fn verdicts_survive_a_kill_at_any_moment() {
    let place = Place::new();
    place.write("gslb.zone", ZONE);
    // On addresses of their own, so that nobody else is given the closed port.
    let one = TcpListener::bind("127.0.71.1:0").unwrap();
    let two = TcpListener::bind("127.0.71.2:0").unwrap();
    let one_address = one.local_addr().unwrap().to_string();
    let two_address = two.local_addr().unwrap().to_string();
    place.write("meridian.toml", watched(&one_address, &two_address));
    drop(two);

    let mut server = Server::start(&place, &[]);
    assert_eq!(sorted(&ask(server.address, WWW, EUROPE)), ["192.0.2.1"]);
    eventually("saved verdicts", || {
        let saved = std::fs::read_to_string(place.path("state/verdicts.json")).ok()?;
        (saved.contains("\"up\"") && saved.contains("\"down\"")).then_some(())
    });
    server.process.signal("KILL");
    server.process.wait();

    // A server that knew nothing would now believe the opposite.
    drop(one);
    let _two = TcpListener::bind(&two_address).unwrap();
    let server = Server::start(&place, &[]);
    assert_eq!(sorted(&ask(server.address, WWW, EUROPE)), ["192.0.2.1"]);
}
