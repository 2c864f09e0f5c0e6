//! `meridian register`, `meridian deregister`, `meridian registrations`

use std::process::Command;

use serde_json::Value;

use crate::place::{Outcome, Place};
use crate::process::{Process, eventually};
use crate::query::{EUROPE, ask, sorted};
use crate::server::{Server, config, place};

const WWW: &str = "www.gslb.example.com";

fn run(place: &Place, words: &[&str]) -> Outcome {
    let mut arguments = words.to_vec();
    arguments.extend(["--config", "meridian.toml"]);
    place.run(&arguments)
}

#[track_caller]
fn refused(place: &Place, words: &[&str], why: &str) {
    let outcome = run(place, words);
    assert!(
        outcome.code == 1 && outcome.stderr.contains(why),
        "{words:?}: {} {}",
        outcome.stdout,
        outcome.stderr
    );
}

fn registered(place: &Place) -> Vec<Value> {
    let list = run(place, &["registrations", "--json"]).stdout;
    serde_json::from_str(&list).unwrap()
}

/// With a European pool in which two may register, and none is written.
fn open() -> Place {
    let place = place();
    let written = "endpoints = [{ address = \"192.0.2.1\", weight = 3 }, \"192.0.2.2\"]";
    let open = "registration = { max = 2, lease_max = \"10m\" }";
    let text = config().replace(written, open);
    assert!(text.contains(open));
    place.write("meridian.toml", text);
    place
}

fn until_answered(server: &Server, addresses: &[&str]) {
    eventually(&format!("{addresses:?}"), || {
        let answer = ask(server.address, WWW, EUROPE);
        (sorted(&answer) == addresses).then_some(())
    });
}

#[test]
fn who_registers_is_answered_until_it_leaves_and_outlives_a_kill() {
    let place = open();
    let mut server = Server::frozen(&place);
    let joined = run(
        &place,
        &["register", "web-eu", "192.0.2.7:8080", "--lease", "10m"],
    );
    assert!(
        joined.stdout.starts_with("web-eu/192.0.2.7:8080")
            && joined.stdout.contains("weight 1, 10 min"),
        "{} {}",
        joined.stdout,
        joined.stderr
    );
    run(
        &place,
        &[
            "register",
            "web-eu",
            "192.0.2.8",
            "--lease",
            "5m",
            "--weight",
            "2",
        ],
    );
    until_answered(&server, &["192.0.2.7", "192.0.2.8"]);
    let explained = run(&place, &["explain", WWW, "--client", EUROPE]).stdout;
    assert!(explained.contains("192.0.2.7:8080 weight 1"), "{explained}");

    server.process.signal("KILL");
    server.process.wait();
    let server = Server::frozen(&place);
    assert_eq!(
        sorted(&ask(server.address, WWW, EUROPE)),
        ["192.0.2.7", "192.0.2.8"]
    );
    let told = registered(&place);
    assert_eq!(told.len(), 2);
    assert_eq!(
        (&told[1]["address"], &told[1]["weight"]),
        (&"192.0.2.8".into(), &2.into())
    );
    assert_eq!(told[1]["verdict"], "unknown");

    run(&place, &["register", "web-eu", "192.0.2.8", "--drain"]);
    until_answered(&server, &["192.0.2.7"]);
    let explained = run(&place, &["explain", WWW, "--client", EUROPE]).stdout;
    assert!(
        explained.contains("drained (by its registration)"),
        "{explained}"
    );
    let left = run(&place, &["deregister", "web-eu", "192.0.2.7:8080"]);
    assert_eq!(left.stdout, "web-eu/192.0.2.7:8080 has left\n");
    until_answered(&server, &["198.51.100.1"]);
    refused(
        &place,
        &["deregister", "web-eu", "192.0.2.7:8080"],
        "has not registered in pool",
    );
}

#[test]
fn a_lease_that_is_not_renewed_ends() {
    let place = open();
    let mut server = Server::frozen(&place);
    run(
        &place,
        &["register", "web-eu", "192.0.2.7", "--lease", "1s"],
    );
    server
        .process
        .until_stderr("no longer registered: its lease is over");
    until_answered(&server, &["198.51.100.1"]);
    assert_eq!(registered(&place), [Value::Null; 0]);
}

#[test]
fn whoever_keeps_its_registration_leaves_when_it_is_told_to_stop() {
    let place = open();
    let server = Server::frozen(&place);
    let words = [
        "register",
        "web-eu",
        "192.0.2.7",
        "--lease",
        "1s",
        "--keep",
        "--config",
        "meridian.toml",
    ];
    let command: Command = place.command(&words);
    let mut keeper = Process::start(command);
    keeper.until_stdout("web-eu/192.0.2.7");
    until_answered(&server, &["192.0.2.7"]);
    let since = registered(&place)[0]["until_unix_ms"].clone();
    eventually("a renewal", || {
        (registered(&place)[0]["until_unix_ms"] != since).then_some(())
    });
    keeper.signal("TERM");
    assert_eq!(keeper.wait(), 0);
    assert!(keeper.stdout().contains("has left"));
    until_answered(&server, &["198.51.100.1"]);
}

#[test]
fn only_what_is_allowed_and_possible_is_taken() {
    let place = open();
    let _server = Server::frozen(&place);
    for (words, why) in [
        (
            &["web-us", "192.0.2.7"][..],
            "nobody may register in pool `web-us`",
        ),
        (&["mars", "192.0.2.7"], "there is no pool `mars`"),
        (
            &["web-eu", "0.0.0.0"],
            "is no address that a client can connect to",
        ),
        (&["web-eu", "192.0.2.7:0"], "is no address"),
        (&["web-eu", "a.example"], "is no address"),
        (
            &["web-eu", "192.0.2.7", "--lease", "11m"],
            "expected 1 s to 600 s",
        ),
    ] {
        refused(&place, &[&["register"], words].concat(), why);
    }
    run(&place, &["register", "web-eu", "192.0.2.7:80"]);
    let twin = ["register", "web-eu", "192.0.2.7:81"];
    refused(
        &place,
        &twin,
        "192.0.2.7:80 is in pool `web-eu` already, and balanced names",
    );
    run(&place, &["register", "web-eu", "192.0.2.8"]);
    let third = ["register", "web-eu", "192.0.2.9"];
    refused(
        &place,
        &third,
        "2 endpoints have registered in pool `web-eu` already",
    );
    let again = run(
        &place,
        &["register", "web-eu", "192.0.2.8", "--weight", "5"],
    );
    assert!(again.stdout.contains("weight 5"), "{}", again.stderr);
    let listed = run(&place, &["registrations"]).stdout;
    assert!(
        listed.contains("web-eu/192.0.2.8") && listed.lines().count() == 2,
        "{listed}"
    );
}

/// Nobody can say that a name has no addresses where those who have them only need to come back.
#[test]
fn a_pool_that_nobody_has_joined_is_no_statement() {
    let place = open();
    let text = std::fs::read_to_string(place.path("meridian.toml")).unwrap();
    let text = text.replace(
        "geo = [\"web-eu\", \"web-us\", \"web-ap\"]",
        "failover = [\"web-eu\"]",
    );
    place.write("meridian.toml", text);
    let server = Server::frozen(&place);
    let explained = run(&place, &["explain", WWW, "--client", EUROPE]).stdout;
    assert!(
        explained.contains("nobody has registered") && explained.contains("SERVFAIL"),
        "{explained}"
    );
    run(&place, &["register", "web-eu", "192.0.2.7"]);
    until_answered(&server, &["192.0.2.7"]);
}

#[test]
fn an_address_at_two_ports_is_refused_where_names_are_answered_with_it() {
    let place = place();
    let text = config().replace(
        "[\"198.51.100.1\"]",
        "[\"198.51.100.1:80\", \"198.51.100.1:81\"]",
    );
    place.write("meridian.toml", text);
    let checked = place.run(&["check", "--config", "meridian.toml"]);
    assert!(
        checked.code == 1 && checked.stderr.contains("records have no ports"),
        "{}",
        checked.stderr
    );
}
