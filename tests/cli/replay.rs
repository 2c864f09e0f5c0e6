//! `meridian replay`, and recorded queries in `meridian plan`

use serde_json::Value;

use crate::place::{Outcome, Place};
use crate::query::EUROPE;
use crate::server::place;

/// Two thirds from Europe, a third from North America, and what is not steered.
const RECORDED: &str = "\
www.gslb.example.com A 193.0.0.0/24
WWW.gslb.example.com A 193.0.1.0/24   # the same name
www.gslb.example.com A 8.8.8.8
www.gslb.example.com A 193.0.0.9      # a resolver
www.gslb.example.com A 193.0.0.0/24
www.gslb.example.com A 8.8.8.0/24
mail.gslb.example.com A 193.0.0.0/24
no.gslb.example.com A
www.example.org A
www.gslb.example.com TXT
";

fn recorded() -> Place {
    let place = place();
    place.write("recorded", RECORDED);
    place
}

fn json(outcome: &Outcome) -> Value {
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{outcome:?}");
    serde_json::from_str(&outcome.stdout).unwrap()
}

fn replay(place: &Place, arguments: &[&str]) -> Value {
    let always = ["replay", "recorded", "--config", "meridian.toml", "--json"];
    json(&place.run(&[&always, arguments].concat()))
}

fn count(shares: &Value, what: &str) -> Value {
    let mut shares = shares.as_array().unwrap().iter();
    let found = shares.find(|share| share["what"] == what);
    found.map_or(Value::Null, |share| share["count"].clone())
}

#[test]
fn every_query_is_answered_as_the_server_would() {
    let place = recorded();
    let report = replay(&place, &[]);
    assert_eq!(report["queries"], 10);
    for (rcode, times) in [("NOERROR", 8), ("NXDOMAIN", 1), ("REFUSED", 1)] {
        assert_eq!(count(&report["rcodes"], rcode), times);
    }
    assert_eq!(count(&report["regions"], "eu"), 4);
    assert_eq!(count(&report["regions"], "us"), 2);
    let www = &report["questions"][0];
    assert_eq!(
        (&www["name"], &www["type"]),
        (&"www.gslb.example.com.".into(), &"A".into())
    );
    assert_eq!((&www["count"], &www["share"]), (&6.into(), &0.6.into()));
    assert_eq!(count(&www["answers"], "198.51.100.1"), 2);
    let questions = report["questions"].as_array().unwrap();
    let names: Vec<_> = questions
        .iter()
        .map(|q| q["name"].as_str().unwrap())
        .collect();
    for name in ["mail.gslb.example.com.", "(no such name)", "(refused)"] {
        assert!(names.contains(&name), "{names:?}");
    }
    // Equal seeds, equal draws.
    assert_eq!(replay(&place, &["--seed", "1"]), report);
}

#[test]
fn a_drain_is_replayed() {
    let report = replay(&recorded(), &["--drain", "eu", "--drain", "us"]);
    assert_eq!(report["drained"][1], "us");
    assert_eq!(count(&report["regions"], "ap"), 6);
}

#[test]
fn a_replay_is_for_people_too() {
    let place = recorded();
    let arguments = [
        "replay",
        "recorded",
        "--config",
        "meridian.toml",
        "--drain",
        "us",
    ];
    let outcome = place.run(&arguments);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{outcome:?}");
    for words in [
        "recorded: 10 queries, answered by meridian.toml, us drained\n",
        "  NXDOMAIN         10.00 %             1\n",
        "\nwww.gslb.example.com. A: 6 queries, 60.00 %\n",
        "  eu              100.00 %             6\n",
        "  192.0.2.1  ",
        "\n(no such name) A: 1 queries, 10.00 %\n",
    ] {
        assert!(
            outcome.stdout.contains(words),
            "{words}: {}",
            outcome.stdout
        );
    }
}

#[test]
fn explain_says_the_same() {
    let place = recorded();
    place.write("recorded", format!("www.gslb.example.com A {EUROPE}\n"));
    let report = replay(&place, &[]);
    let explain = [
        "explain",
        "www.gslb.example.com",
        "--client",
        EUROPE,
        "--config",
        "meridian.toml",
        "--seed",
        "1",
        "--json",
    ];
    let explained = json(&place.run(&explain));
    let first = report["questions"][0]["answers"][0]["what"]
        .as_str()
        .unwrap();
    let record = explained["answer"]["records"][0].as_str().unwrap();
    assert!(record.ends_with(first), "{record}: {first}");
}

#[test]
fn a_plan_counts_recorded_queries() {
    let place = recorded();
    let queries = ["--queries", "recorded", "--drain", "eu"];
    let plan = |arguments: &[&str]| {
        json(
            &place.run(
                &[
                    &["plan", "meridian.toml", "--json"],
                    &queries[..],
                    arguments,
                ]
                .concat(),
            ),
        )
    };
    let all = plan(&[]);
    let counts = &all["recording"];
    assert_eq!(
        (&counts["counted"], &counts["others"]),
        (&6.into(), &4.into())
    );
    let clients = &all["policies"][0]["clients"][0];
    assert_eq!(
        (&clients["clients"], &clients["total"]),
        (&"recorded".into(), &6.0.into())
    );
    assert!(
        (clients["moved"].as_f64().unwrap() - 4.0 / 6.0).abs() < 1e-9,
        "{clients}"
    );
    assert_eq!(clients["flows"].as_array().unwrap().len(), 1);
    let none = plan(&["--type", "AAAA"]);
    assert_eq!(none["recording"]["counted"], 0);
    assert_eq!(none["policies"].as_array().unwrap().len(), 0);

    let arguments = [&["plan", "meridian.toml", "--svg", "map.svg"], &queries[..]].concat();
    let outcome = place.run(&arguments);
    for words in [
        "recorded: 6 queries for balanced names, and 4 others\n",
        "recorded clients, type A: 66.67 % of 6 queries move\n",
    ] {
        assert!(outcome.stdout.contains(words), "{words}: {outcome:?}");
    }
    assert!(
        place
            .read("map.svg")
            .contains("by recorded queries, type A")
    );
}

#[test]
fn a_capture_is_replayed() {
    let place = place();
    // "www.gslb.example.com A", from 193.0.0.9 to port 5300, as raw IP.
    let mut query = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend(b"\x03www\x04gslb\x07example\x03com\x00\x00\x01\x00\x01");
    let len = |more: usize| ((query.len() + more) as u16).to_be_bytes();
    let mut packet = vec![0x45, 0];
    packet.extend(len(28));
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0, 193, 0, 0, 9, 192, 0, 2, 53]);
    packet.extend([0x30, 0x39, 0x14, 0xb4]);
    packet.extend(len(8));
    packet.extend([0, 0]);
    packet.extend(&query);
    let mut capture = Vec::new();
    let size = packet.len() as u32;
    for word in [
        0xa1b2_c3d4,
        0x0002_0004,
        0,
        0,
        65_535,
        101,
        0,
        0,
        size,
        size,
    ] {
        capture.extend(u32::to_be_bytes(word));
    }
    capture.extend(packet);
    place.write("recorded", &capture);
    let report = replay(&place, &["--port", "5300"]);
    assert_eq!(count(&report["regions"], "eu"), 1);

    let arguments = ["replay", "recorded", "--config", "meridian.toml"];
    let outcome = place.run(&arguments);
    assert_eq!(outcome.code, 1);
    let words = "meridian: recorded: no queries in it: 1 packets or messages are something else \
                 (queries to port 53 are looked for)";
    assert!(outcome.stderr.starts_with(words), "{outcome:?}");
}

#[test]
fn what_cannot_be_replayed_is_told() {
    let place = recorded();
    place.write(
        "broken",
        "www.gslb.example.com A\nwww.gslb.example.com NOTYPE\n",
    );
    for (arguments, words) in [
        (
            &["broken", "--config", "meridian.toml"][..],
            "broken:2: `NOTYPE` is no record type",
        ),
        (&["none", "--config", "meridian.toml"], "none: No such file"),
        (
            &["recorded", "--config", "none.toml"],
            "none.toml cannot be used",
        ),
        (
            &["recorded", "--config", "meridian.toml", "--drain", "mars"],
            "`mars` means no endpoint of meridian.toml",
        ),
    ] {
        let outcome = place.run(&[&["replay"], arguments].concat());
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(outcome.stderr.contains(words), "{words}: {outcome:?}");
    }
}
