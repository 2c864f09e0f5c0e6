//! `explain --json` is what docs/explain.schema.json says.

use serde_json::Value;

use crate::place::Place;
use crate::query::{AMERICA, EUROPE};
use crate::schema::wrong;
use crate::server::{config, place};

const SCHEMA: &str = include_str!("../../docs/explain.schema.json");

#[track_caller]
fn explained(place: &Place, words: &[&str]) -> Value {
    let mut arguments = vec!["explain"];
    arguments.extend(words);
    arguments.extend(["--config", "meridian.toml", "--json"]);
    let outcome = place.run(&arguments);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
    let value = serde_json::from_str(&outcome.stdout).unwrap();
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(wrong(&schema, &value), [""; 0]);
    value
}

#[test]
fn every_explanation_is_as_the_schema_says() {
    let place = place();
    let text = config().replacen(
        "[zone.\"gslb",
        "[policy.more]\nrendezvous = [\"web-eu\", \"web-us\"]\nlast_resort = [\"web-ap\"]\nspread = [1, 1]\n\
         when = [{ clients = [\"continent:NA\"], within = [\"us\"], when_all_down = \"refuse\" }]\n[zone.\"gslb",
        1,
    ) + "more = { policy = \"more\" }\n";
    place.write(
        "meridian.toml",
        text.replace("tcp  = true", "tcp  = true\nunknown_is = \"down\""),
    );
    let www = "www.gslb.example.com";
    let more = "more.gslb.example.com";
    let drawn = explained(&place, &[www, "--client", EUROPE, "--clients", "100"]);
    assert_eq!(
        drawn["distribution"][0]["count"]
            .as_u64()
            .map(|count| count > 0),
        Some(true)
    );
    let mut steps = Vec::new();
    for words in [
        &[www][..],
        &[www, "AAAA", "--client", EUROPE],
        &[www, "MX"],
        &[more, "--client", EUROPE],
        &[more, "--client", AMERICA],
        &["nowhere.gslb.example.com"],
        &["example.org"],
    ] {
        let explained = explained(&place, words);
        let told = explained["steps"].as_array().unwrap().iter();
        steps.extend(told.map(|step| step["step"].as_str().unwrap().to_owned()));
    }
    for expected in [
        "client", "zone", "map", "scope", "network", "when", "family", "pass", "all down",
    ] {
        assert!(
            steps.iter().any(|step| step == expected),
            "{expected}: {steps:?}"
        );
    }
}
