//! `meridian observe`

use crate::place::{Outcome, Place};
use crate::process::eventually;
use crate::query::{EUROPE, ask, sorted};
use crate::server::{Server, config, place};

const WWW: &str = "www.gslb.example.com";

fn observe(place: &Place, words: &[&str]) -> Outcome {
    let mut arguments = vec!["observe"];
    arguments.extend(words);
    arguments.extend(["--config", "meridian.toml"]);
    place.run(&arguments)
}

/// What nobody can reach, and of which others tell.
fn told() -> Place {
    let place = place();
    let push = "push = { max_age = \"1h\" }";
    let config = config().replace("tcp  = true\nport = 80", push);
    assert!(config.contains(push));
    place.write("meridian.toml", config);
    place
}

#[test]
fn what_is_told_is_what_is_answered_through_restarts() {
    let place = told();
    let mut server = Server::start(&place, &[]);
    let until = |server: &Server, expected: &[&str]| {
        eventually(&format!("{expected:?}"), || {
            (sorted(&ask(server.address, WWW, EUROPE)) == expected).then_some(())
        });
    };
    until(&server, &["192.0.2.1", "192.0.2.2"]);
    let words = ["web-eu/192.0.2.1", "down", "--reason", "disk full"];
    assert_eq!((observe(&place, &words).code), 0);
    until(&server, &["192.0.2.2"]);
    eventually("it is logged", || {
        let log = server.process.stderr();
        log.contains("told to be down: disk full").then_some(())
    });
    assert_eq!(observe(&place, &["web-eu", "down"]).code, 0);
    until(&server, &["198.51.100.1"]);
    server.process.signal("TERM");
    server.process.wait();
    let server = Server::start(&place, &[]);
    until(&server, &["198.51.100.1"]);
    assert_eq!(observe(&place, &["region:eu", "up"]).code, 0);
    until(&server, &["192.0.2.1", "192.0.2.2"]);
}

#[test]
fn what_nobody_goes_by_is_refused_in_words() {
    let place = told();
    let _server = Server::start(&place, &[]);
    for (words, why) in [
        (
            &["nowhere", "up"][..],
            "`nowhere`: no pool or endpoint here",
        ),
        (
            &["web-eu", "up", "--monitor", "db"],
            "`web-eu`: no monitor `db` with `push` watches it",
        ),
        (
            &["web-eu", "up", "--passive"],
            "`web-eu`: no monitor with `passive` watches it",
        ),
    ] {
        let outcome = observe(&place, words);
        assert_eq!(outcome.code, 1);
        assert!(outcome.stderr.contains(why), "{}", outcome.stderr);
    }
    assert_eq!(observe(&place, &["web-eu", "sideways"]).code, 2);
}
