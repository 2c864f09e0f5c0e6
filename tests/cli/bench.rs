//! `meridian bench`

use serde_json::Value;

use crate::place::{Outcome, Place};
use crate::server::{Server, config, place};

/// Loads `server` with few queries.
fn bench(place: &Place, server: &Server, arguments: &[&str]) -> Outcome {
    let address = server.address.to_string();
    let bounds = [
        "--server",
        &address,
        "--warmup",
        "0s",
        "--max-queries",
        "2000",
    ];
    place.run(&[&["bench"][..], &bounds, arguments].concat())
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"))
}

#[test]
fn answers_are_what_explain_says() {
    let place = place();
    let server = Server::frozen(&place);
    let check = ["--check", "40", "--config", "meridian.toml", "--json"];
    let subnets = ["www.gslb.example.com", "--subnets", "500"];
    let outcome = bench(&place, &server, &[&subnets[..], &check].concat());
    let report = json(&outcome);
    assert_eq!(
        (outcome.code, &report["answered"]),
        (0, &2000.into()),
        "{outcome:?}"
    );
    assert_eq!(report["check"]["compared"], 40);
    assert_eq!(report["check"]["mismatches"], 0, "{report}");
    assert_eq!(report["server"]["pids"][0], server.process.id());

    let outcome = bench(
        &place,
        &server,
        &[&["x{0..9}.gslb.example.com"][..], &check].concat(),
    );
    let report = json(&outcome);
    assert_eq!(report["rcodes"]["NXDOMAIN"], 2000, "{report}");
    assert_eq!(report["check"]["mismatches"], 0, "{report}");
}

#[test]
fn answers_that_explain_does_not_know_are_told() {
    let place = place();
    let server = Server::frozen(&place);
    let other = Place::new();
    other.write("meridian.toml", config().replace("192.0.2.2", "192.0.2.3"));
    other.write("gslb.zone", crate::server::ZONE);
    let config = other.path("meridian.toml");
    let arguments = [
        "www.gslb.example.com",
        "--check",
        "20",
        "--config",
        config.to_str().unwrap(),
    ];
    let subnet = place.write("subnets", crate::query::EUROPE);
    let subnets = ["--subnets", subnet.to_str().unwrap()];
    let outcome = bench(&place, &server, &[&arguments[..], &subnets].concat());
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let expected = "www.gslb.example.com. A 193.0.0.0/24: explain never answers 192.0.2.2";
    assert!(outcome.stdout.contains(expected), "{outcome:?}");
    assert!(
        outcome
            .stdout
            .contains("20 answers compared with explain, 20 differ")
    );
}

#[test]
fn tcp_is_measured_too() {
    let place = place();
    let server = Server::frozen(&place);
    let check = ["--check", "10", "--config", "meridian.toml", "--json"];
    for pace in ["--window=64", "--rate=20000"] {
        let subnets = ["www.gslb.example.com", "--tcp", "--subnets", "500", pace];
        let outcome = bench(&place, &server, &[&subnets[..], &check].concat());
        let report = json(&outcome);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        for key in ["sent", "answered"] {
            assert_eq!(report[key], 2000, "{report}");
        }
        assert_eq!(report["server"]["pids"][0], server.process.id());
    }
}

#[test]
fn a_person_reads_lines() {
    let place = place();
    let server = Server::frozen(&place);
    place.write(
        "questions",
        "www.gslb.example.com A\nmail.gslb.example.com A\n",
    );
    let arguments = ["--questions", "questions", "--rate", "20000"];
    let outcome = bench(&place, &server, &arguments);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{outcome:?}");
    for words in [
        "20000 queries per second",
        "sent       2000",
        "lost       0 ",
        "NOERROR 2000",
        "us of CPU per answer (user",
        "latency    us: p50 ",
    ] {
        assert!(outcome.stdout.contains(words), "{words}: {outcome:?}");
    }
}

#[test]
fn a_remote_server_is_not_loaded() {
    let place = Place::new();
    let outcome = place.run(&["bench", "www.example.com", "--server", "192.0.2.1:53"]);
    assert_eq!(outcome.code, 1);
    let expected =
        "meridian: 192.0.2.1:53 is not on this machine. Only load a server that is yours";
    assert!(outcome.stderr.starts_with(expected), "{outcome:?}");
}
