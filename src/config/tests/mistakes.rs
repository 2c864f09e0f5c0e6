//! Each case changes the full example in one place: what is replaced, by what (`¦` marks where the
//! mistake is to be reported), and the report.

use super::{FULL, marked, reported};

/// One mistake, one report: here, with this text.
fn each_is_reported_once(cases: &[(&str, &str, &str)]) {
    let mut wrong = String::new();
    for (from, to, expected) in cases {
        assert!(FULL.contains(from), "the example has no {from:?}");
        let (text, place) = marked(&FULL.replacen(from, to, 1));
        let expected = format!("{place}: error: {expected}");
        let reported = reported(&text);
        if reported != [expected.as_str()] {
            wrong += &format!("{to}\n  expected {expected}\n  reported {reported:#?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn syntax() {
    each_is_reported_once(&[
        ("interval = \"1s\"", "interval = ¦1s", ""),
        ("rise = 3", "rise ¦3", ""),
        (
            "geo = [\"web-eu\", \"web-us\"]",
            "geo = [\"web-eu\" ¦\"web-us\"]",
            "",
        ),
        ("region = \"eu\"", "region = ¦eu", ""),
        ("[pool.web-us]", "[pool.¦web-eu]", ""),
        ("rise = 3", "rise = 3\n¦rise = 4", ""),
    ]);
}

#[test]
fn several_syntax_mistakes_are_reported_at_once() {
    let text = "[server]\nlisten = 5s\n[geoip\ndepth = \"3\n[region.a]\nserves = \n";
    let lines: Vec<_> = reported(text)
        .iter()
        .map(|report| report.split(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(lines, ["2", "3", "4", "6"]);
}

#[test]
fn unknown_keys_and_tables() {
    each_is_reported_once(&[
        (
            "rise = 3",
            "¦rize = 3",
            "unknown key `rize` (did you mean `rise`?)",
        ),
        (
            "region = \"eu\"",
            "¦regio = \"eu\"",
            "unknown key `regio` (did you mean `region`?)",
        ),
        (
            "drain_time",
            "¦colour",
            "unknown key `colour` ([server] knows `listen`, `state_dir`, `udp_threads`, \
             `udp_payload_max`, `tcp_connections_max`, `tcp_per_client_max`, `tcp_idle_timeout`, \
             `startup_grace`, `saved_max_age`, `drain_time` and `panic`)",
        ),
        (
            "[geoip]",
            "[¦servers]\n[geoip]",
            "unknown key `servers` (did you mean `server`?)",
        ),
        (
            "weight = 3",
            "¦wieght = 3",
            "unknown key `wieght` (did you mean `weight`?)",
        ),
        (
            "ttl = \"10s\"",
            "¦tll = \"10s\"",
            "unknown key `tll` (did you mean `ttl`?)",
        ),
    ]);
}

#[test]
fn wrong_types() {
    each_is_reported_once(&[
        (
            "interval = \"1s\"",
            "interval = ¦500",
            "expected a duration such as \"500ms\", found the integer 500",
        ),
        (
            "rise = 3",
            "rise = ¦\"3\"",
            "expected a whole number from 1 to 100, found the string \"3\"",
        ),
        (
            "insecure = true",
            "insecure = ¦1",
            "expected `true` or `false`, found the integer 1",
        ),
        (
            "listen = [\"127.0.0.1:5300\", \"[::1]:5300\"]",
            "listen = ¦{}",
            "expected a list such as [\"0.0.0.0:53\", \"[::]:53\"], found a table",
        ),
        (
            "[pool.mail]",
            "[[pool.¦mail]]",
            "expected a table [pool.NAME], found a list",
        ),
        (
            "\"@\" = { policy = \"world\" }",
            "\"@\" = ¦\"world\"",
            "expected a table such as { policy = \"world\" }, found the string \"world\"",
        ),
        (
            "state_dir = \"state\"",
            "state_dir = ¦1979-05-27",
            "expected a path such as \"zones/example.com.zone\", found a date",
        ),
        (
            "weighted = { world = 95, mail = 0 }",
            "weighted = ¦[\"world\"]",
            "expected weights such as { web-eu = 3, web-us = 1 }, found a list",
        ),
    ]);
}

#[test]
fn missing_keys() {
    each_is_reported_once(&[
        (
            "[pool.mail]\nregion = \"us\"",
            "[pool.¦mail]",
            "`region` is missing in [pool.mail] (write `region = \"eu\"`)",
        ),
        (
            "endpoints = [\"192.0.2.3\"]\n\n[pool.sorry]",
            "\n[pool.¦sorry]\nendpoints = [\"192.0.2.3\"]",
            "",
        ),
        ("file = \"gslb.zone\"\n", "", ""),
    ]);
}
