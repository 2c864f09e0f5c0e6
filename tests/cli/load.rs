//! `meridian load`

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::Value;

use crate::place::{Outcome, Place};
use crate::process::eventually;
use crate::query::{EUROPE, ask, sorted};
use crate::server::{Server, config, place};

const WWW: &str = "www.gslb.example.com";

fn load(place: &Place, words: &[&str]) -> Outcome {
    let mut arguments = vec!["load"];
    arguments.extend(words);
    arguments.extend(["--config", "meridian.toml"]);
    place.run(&arguments)
}

#[track_caller]
fn set(place: &Place, words: &[&str]) {
    let outcome = load(place, &[&["set"], words].concat());
    assert_eq!(
        (outcome.code, &*outcome.stdout, &*outcome.stderr),
        (0, "", "")
    );
}

fn explain(place: &Place) -> String {
    let arguments = ["explain", WWW, "-c", "meridian.toml", "--client", EUROPE];
    place.run(&arguments).stdout
}

/// What is listed of `what`.
fn listed(place: &Place, what: &str) -> Value {
    let list: Value = serde_json::from_str(&load(place, &["list", "--json"]).stdout).unwrap();
    let list = list.as_array().unwrap().iter();
    let mut of = list.filter(|loaded| loaded["what"] == what);
    of.next().cloned().unwrap_or_default()
}

/// With a pool that sheds.
fn shedding() -> String {
    let pool = "[pool.web-eu]\n";
    let keys = "capacity = 100\nshed = { above = \"90%\" }\nload_max_age = \"2s\"\n";
    config().replace(pool, &format!("{pool}{keys}"))
}

#[test]
fn what_is_reported_counts_until_it_is_stale() {
    let place = place();
    place.write("meridian.toml", shedding());
    let _server = Server::frozen(&place);
    let list = load(&place, &["list"]).stdout;
    assert!(list.contains("no load reported"), "{list}");
    set(&place, &["web-eu", "--connections", "40", "--time", "12.5"]);
    set(&place, &["web-us/198.51.100.1", "--load", "85%"]);
    let told = listed(&place, "web-eu");
    assert_eq!(
        (&told["connections"], &told["time_ms"]),
        (&40.0.into(), &12.5.into())
    );
    assert_eq!(listed(&place, "web-us/198.51.100.1")["load"], 0.85);
    eventually("the share", || {
        let why = listed(&place, "web-eu")["why"].as_str()?.to_owned();
        (why == "takes all: load 40 % of its capacity, sheds past 90 %").then_some(())
    });
    eventually("the end of it", || {
        let told = listed(&place, "web-eu");
        let words = told["words"].as_str().unwrap();
        let is_stale = words.starts_with("load ignored: the last report is")
            && words.ends_with("more than 2 s");
        (is_stale && told["connections"].is_null()).then_some(())
    });
    eventually("explain", || {
        explain(&place)
            .contains("pool web-eu takes all: load ignored: the last report is")
            .then_some(())
    });
}

#[test]
fn what_is_too_full_takes_less_and_its_part_of_that_survives_a_reload() {
    let place = place();
    place.write("meridian.toml", shedding());
    let mut server = Server::frozen(&place);
    let share = |place: &Place| listed(place, "web-eu")["share"].as_f64();
    eventually("a smaller share", || {
        set(&place, &["web-eu", "--load", "150%"]);
        (share(&place)? < 0.99).then_some(())
    });
    eventually("an answer of the next region", || {
        set(&place, &["web-eu", "--load", "150%"]);
        (sorted(&ask(server.address, WWW, EUROPE)) == ["198.51.100.1"]).then_some(())
    });
    let explained = explain(&place);
    assert!(explained.contains("pool web-eu takes "), "{explained}");
    assert!(
        explained.contains("load 150 % of its capacity, sheds past 90 %"),
        "{explained}"
    );
    place.write(
        "meridian.toml",
        shedding().replace("192.0.2.2", "192.0.2.7"),
    );
    server.reload("configuration reloaded");
    set(&place, &["web-eu/192.0.2.7", "--load", "1"]);
    assert!(share(&place).unwrap() < 0.99);
    eventually("an answer of the next region", || {
        set(&place, &["web-eu", "--load", "150%"]);
        (sorted(&ask(server.address, WWW, EUROPE)) == ["198.51.100.1"]).then_some(())
    });
}

#[test]
fn what_is_wrong_is_refused_and_nothing_is_taken() {
    let place = place();
    let server = Server::frozen(&place);
    for (words, why) in [
        (
            &["mars", "--load", "1"][..],
            "`mars`: no pool or endpoint here",
        ),
        (
            &["web-eu/192.0.2.9", "--load", "1"],
            "`web-eu/192.0.2.9`: no",
        ),
        (&["web-eu", "--load", "85"], "0.85 or \"85%\""),
        (&["web-eu", "--connections=-1"], "connections -1: expected"),
        (&["web-eu", "--time", "NaN"], "time_ms NaN: expected"),
        (&["web-eu"], "required"),
    ] {
        let outcome = load(&place, &[&["set"], words].concat());
        assert_ne!(outcome.code, 0, "{words:?}");
        assert!(
            outcome.stderr.contains(why),
            "{words:?}: {}",
            outcome.stderr
        );
    }
    assert_eq!(load(&place, &["list"]).stdout, "no load was reported\n");
    drop(server);
    let outcome = load(&place, &["list"]);
    assert!(
        outcome.stderr.contains("no server is running there"),
        "{}",
        outcome.stderr
    );
}

/// Answers every request with this load in a header, or in its body, until the tests end.
fn backend(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { break };
            // A probe's request is one segment.
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

#[test]
fn probes_bring_the_load_along_and_what_they_cannot_read_is_told_of() {
    let place = place();
    let header = backend("HTTP/1.1 200 OK\r\nX-Load: 85%\r\n\r\n");
    let body = backend("HTTP/1.1 200 OK\r\n\r\n{\"cpu\": [0.5, 0.25]}");
    let neither = backend("HTTP/1.1 200 OK\r\nX-Load: much\r\n\r\n");
    let monitors = "\
[monitor.header]
http = \"/\"
interval = \"100ms\"
load_header = \"X-Load\"
[monitor.body]
http = \"/\"
interval = \"100ms\"
load_json = \"/cpu/1\"
";
    let pool = |region: &str, monitor: &str, address: &str, port: u16| {
        format!(
            "[pool.web-{region}]\nregion = \"{region}\"\nmonitor = \"{monitor}\"\n\
             endpoints = [{{ address = \"{address}\", check = \"127.0.0.1:{port}\" }}]\n"
        )
    };
    let config = config();
    let (before, rest) = config.split_once("[monitor.web]").unwrap();
    let (_, after) = rest.split_once("[policy.world]").unwrap();
    let pools = [
        pool("eu", "header", "192.0.2.1", header),
        pool("us", "body", "198.51.100.1", body),
        pool("ap", "header", "203.0.113.1", neither),
    ];
    let config = format!("{before}{monitors}{}[policy.world]{after}", pools.concat());
    place.write("meridian.toml", config);
    let mut server = Server::start(&place, &[]);
    for (what, load) in [("web-eu/192.0.2.1", 0.85), ("web-us/198.51.100.1", 0.25)] {
        eventually(what, || {
            (listed(&place, what)["load"] == load).then_some(())
        });
    }
    server.process.until_stderr("the load cannot be read: load");
    assert_eq!(listed(&place, "web-ap/203.0.113.1"), Value::Null);
}

#[test]
fn a_pool_that_has_more_to_do_than_others_of_its_policy_is_answered_less_and_explain_says_why() {
    let place = place();
    let config = config().replace("geo = [", "least-connections = [");
    place.write("meridian.toml", config);
    let mut server = Server::frozen(&place);
    let loads = [("web-eu", "900"), ("web-us", "99"), ("web-ap", "99")];
    for (pool, connections) in loads {
        set(&place, &[pool, "--connections", connections]);
    }
    let why = "pool web-eu takes ";
    let because = "900 connections; web-us has 99 connections (policy world)";
    let is_told = |told: &String| {
        let mut lines = told.lines();
        lines.any(|line| line.contains(why) && line.contains(because))
    };
    eventually("a smaller share", || Some(explain(&place)).filter(is_told));
    let share = || listed(&place, "web-eu")["share"].as_f64().unwrap();
    // A third of queries is drawn for it; the square root of its excess is about a third, too.
    assert!((0.35..0.5).contains(&share()), "{}", share());
    let before = share();
    server.reload("configuration reloaded");
    assert!((share() - before).abs() < 0.02, "{} {before}", share());
    set(&place, &["web-us", "--connections", "100000"]);
    set(&place, &["web-ap", "--connections", "100000"]);
    eventually("all again", || (share() == 1.0).then_some(()));
}

#[test]
fn who_has_more_to_do_is_answered_less_until_that_is_stale_and_explain_says_so() {
    let place = place();
    let pool = "[pool.web-eu]\n";
    let keys = "balance = \"least-connections\"\nload_max_age = \"3s\"\n";
    let config = config()
        .replace(pool, &format!("{pool}{keys}"))
        .replace("answers = 2", "answers = 1");
    place.write("meridian.toml", config);
    let mut server = Server::frozen(&place);
    let busy = "192.0.2.1 weight 3 unknown, takes ";
    assert!(!explain(&place).contains(busy));
    let report = || {
        set(&place, &["web-eu/192.0.2.1", "--connections", "900"]);
        set(&place, &["web-eu/192.0.2.2", "--connections", "99"]);
    };
    let explained = eventually("a smaller share", || {
        report();
        Some(explain(&place)).filter(|told| told.contains(busy))
    });
    // Nine times as many connections, less the tenth that counts as noise: the square root is about 3, so that it is
    // answered a quarter of the time.
    let counted = [
        "explain",
        WWW,
        "-c",
        "meridian.toml",
        "--client",
        EUROPE,
        "--clients",
        "20000",
        "--json",
    ];
    let told: Value = serde_json::from_str(&place.run(&counted).stdout).unwrap();
    let shares = told["distribution"].as_array().unwrap();
    let of_busy = shares.iter().find(|share| share["answer"] == "192.0.2.1");
    let share = of_busy.unwrap()["share"].as_f64().unwrap();
    assert!((0.2..0.3).contains(&share), "{told} {explained}");
    report();
    server.reload("configuration reloaded");
    assert!(explain(&place).contains(busy));
    eventually("the end of it", || {
        (!explain(&place).contains(busy)).then_some(())
    });
}
