//! `meridian override`

use serde_json::Value;

use crate::place::{Outcome, Place};
use crate::process::{Process, eventually};
use crate::query::{AMERICA, EUROPE, ask, sorted};
use crate::server::{Server, config, place};

const WWW: &str = "www.gslb.example.com";
const EU: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const US: [&str; 1] = ["198.51.100.1"];

fn say(place: &Place, words: &[&str]) -> Outcome {
    let mut arguments = vec!["override"];
    arguments.extend(words);
    arguments.extend(["--config", "meridian.toml"]);
    place.run(&arguments)
}

#[track_caller]
fn said(place: &Place, words: &[&str]) -> String {
    let outcome = say(place, words);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
    outcome.stdout
}

fn europe(server: &Server) -> Vec<String> {
    sorted(&ask(server.address, WWW, EUROPE))
}

#[test]
fn what_is_drained_is_not_answered_until_it_is_cleared_and_explain_says_whose_word_it_is() {
    let place = place();
    let server = Server::frozen(&place);
    assert_eq!(europe(&server), EU);
    let told = said(
        &place,
        &["drain", "eu", "--by", "ann", "--reason", "new disks"],
    );
    assert!(
        told.contains("2 endpoints: drained by ann: new disks (override 1)"),
        "{told}"
    );
    assert_eq!(europe(&server), US);

    let explained = place.run(&["explain", WWW, "-c", "meridian.toml", "--client", EUROPE]);
    let why = "192.0.2.1 weight 3 down, drained by ann: new disks (override 1)";
    assert!(explained.stdout.contains(why), "{}", explained.stdout);

    let list: Value = serde_json::from_str(&said(&place, &["list", "--json"])).unwrap();
    assert_eq!(list[0]["what"], "eu");
    assert_eq!(list[0]["action"], "drain");
    assert_eq!(list[0]["endpoints"], 2);

    // The later word holds.
    said(&place, &["up", "web-eu/192.0.2.2"]);
    assert_eq!(europe(&server), ["192.0.2.2"]);
    assert!(said(&place, &["clear", "1"]).starts_with("cleared:\n   1  eu "));
    assert_eq!(europe(&server), EU);
    said(&place, &["clear", "web-eu/192.0.2.2"]);
    assert_eq!(said(&place, &["list"]), "no override stands\n");
    assert_eq!(europe(&server), EU);
}

#[test]
fn a_word_outlives_reloads_and_restarts() {
    let place = place();
    let mut server = Server::frozen(&place);
    said(&place, &["down", "pool:web-e*"]);
    place.write("meridian.toml", config().replace("192.0.2.2", "192.0.2.7"));
    server.reload("configuration reloaded");
    assert_eq!(europe(&server), US);
    // Not told to stop, and so not able to save anything then.
    server.process.signal("KILL");
    server.process.wait();
    let server = Server::frozen(&place);
    assert_eq!(europe(&server), US);
    said(&place, &["clear", "--all"]);
    assert_eq!(europe(&server), ["192.0.2.1", "192.0.2.7"]);
}

#[test]
fn a_word_ends_by_itself_when_its_time_is_over() {
    let place = place();
    let server = Server::frozen(&place);
    said(&place, &["drain", "192.0.2.1", "--for", "1s"]);
    eventually("the end of it", || (europe(&server) == EU).then_some(()));
    assert_eq!(said(&place, &["list"]), "no override stands\n");
    assert!(server.process.stderr().contains("its time is over"));
}

#[test]
fn what_is_frozen_stays_what_it_was() {
    let place = place();
    let mut server = Server::frozen(&place);
    said(&place, &["freeze", "region:eu"]);
    place.write("verdicts.toml", "web-eu = \"down\"\nweb-us = \"down\"\n");
    server.reload("configuration reloaded");
    assert_eq!(europe(&server), EU);
    assert_eq!(sorted(&ask(server.address, WWW, AMERICA)), EU);
    said(&place, &["clear", "region:eu"]);
    assert_eq!(europe(&server), ["203.0.113.1"]);
}

#[test]
fn who_is_weighted_takes_a_part_and_explain_says_why() {
    let place = place();
    let server = Server::frozen(&place);
    let told = said(
        &place,
        &["weight", "eu", "0%", "--by", "ann", "--reason", "canary"],
    );
    assert!(
        told.contains("2 endpoints: weighted 0 % by ann: canary (override 1)"),
        "{told}"
    );
    assert_eq!(europe(&server), US);
    let explain = ["explain", WWW, "-c", "meridian.toml", "--client", EUROPE];
    let explained = place.run(&explain).stdout;
    let why = "it takes 0 % of what would come to it (weighted 0 % by ann: canary (override 1)), and this is not of it";
    assert!(explained.contains(why), "{explained}");
    // The later word holds.
    said(&place, &["weight", "pool:web-eu", "25%"]);
    let mut counted = explain.to_vec();
    counted.extend(["--clients", "20000", "--seed", "7", "--json"]);
    let explained: Value = serde_json::from_str(&place.run(&counted).stdout).unwrap();
    let shares = explained["distribution"].as_array().unwrap();
    let away = shares
        .iter()
        .find(|share| share["answer"] == US[0])
        .unwrap();
    let share = away["share"].as_f64().unwrap();
    assert!((0.74..0.76).contains(&share), "{explained}");
    said(&place, &["clear", "--all"]);
    assert_eq!(europe(&server), EU);
    // Of one endpoint, the others of its pool take what it leaves.
    said(&place, &["weight", "192.0.2.1", "0%"]);
    assert_eq!(europe(&server), ["192.0.2.2"]);
}

#[test]
fn a_drain_may_take_its_time() {
    let place = place();
    let server = Server::frozen(&place);
    said(&place, &["drain", "eu", "--over", "3s"]);
    let list: Value = serde_json::from_str(&said(&place, &["list", "--json"])).unwrap();
    assert_eq!(list[0]["over_s"], 3);
    // On the way, some still get there: at first nearly all.
    assert_eq!(europe(&server), EU);
    let is_down = || {
        let status = place.run(&["explain", WWW, "-c", "meridian.toml", "--client", EUROPE]);
        status
            .stdout
            .contains("192.0.2.1 weight 3 down, drained over 3 s")
            .then_some(())
    };
    eventually("the end of it", is_down);
    assert_eq!(europe(&server), US);
}

#[test]
fn what_cannot_be_meant_is_refused_and_changes_nothing() {
    let place = place();
    let server = Server::frozen(&place);
    for (words, why) in [
        (
            &["drain", "mars"][..],
            "`mars` is no region, pool or endpoint here",
        ),
        (&["drain", "a b"], "expected a name such as `eu`"),
        (&["drain", "7"], "expected a name such as `eu`"),
        (
            &["drain", "eu", "--for", "1w"],
            "expected a time such as 90s",
        ),
        (&["weight", "eu", "110%"], "expected 0 % to 100 %"),
        (&["clear", "7"], "there is no override 7"),
        (&["clear", "eu"], "there is no override of `eu`"),
        (&["clear"], "required"),
    ] {
        let outcome = say(&place, words);
        assert_ne!(outcome.code, 0, "{words:?}");
        assert!(
            outcome.stderr.contains(why),
            "{words:?}: {}",
            outcome.stderr
        );
    }
    assert_eq!(europe(&server), EU);
    drop(server);
    let outcome = say(&place, &["list"]);
    assert!(
        outcome.stderr.contains("no server is running there"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_word_holds_although_it_cannot_be_saved_and_although_the_configuration_is_torn() {
    let place = place();
    let server = Server::frozen(&place);
    // In the way of the file that is written aside.
    place.write("state/overrides.json.new/full", "");
    let outcome = say(&place, &["drain", "eu"]);
    assert_eq!(outcome.code, 0);
    let warning = "meridian: warning: it holds, but not after a restart:";
    assert!(outcome.stderr.starts_with(warning), "{}", outcome.stderr);
    assert_eq!(europe(&server), US);
    place.write("meridian.toml", "[server");
    let outcome = say(&place, &["clear", "eu"]);
    assert!(outcome.stderr.contains("--state-dir FOLDER"), "{outcome:?}");
    let outcome = place.run(&["override", "clear", "eu", "--state-dir", "state"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(europe(&server), EU);
}

#[test]
fn a_server_does_not_start_without_the_words_that_were_saved() {
    let place = place();
    place.write("state/overrides.json", "{\"version\":1,");
    let options = [
        "serve",
        "--config",
        "meridian.toml",
        "--frozen-health",
        "verdicts.toml",
    ];
    let mut process = Process::start(place.command(&options));
    let told = process.until_stderr("moved away, it is ignored");
    assert!(told.contains("state/overrides.json: EOF"), "{told}");
    assert_ne!(process.wait(), 0);
}
