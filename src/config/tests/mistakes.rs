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

/// Like [`each_is_reported_once`], for values of one key, given with its right value.
fn each_value_is_refused(key: &str, right: &str, cases: &[(&str, &str)]) {
    let from = format!("{key} = {right}");
    for (value, expected) in cases {
        let to = format!("{key} = {value}");
        each_is_reported_once(&[(from.as_str(), to.as_str(), *expected)]);
    }
}

#[test]
fn syntax() {
    each_is_reported_once(&[
        (
            "\"1s\"",
            "¦1s",
            "text must stand in quotes (did you mean \"1s\"?)",
        ),
        (
            "\"500ms\"",
            "¦500ms",
            "text must stand in quotes (did you mean \"500ms\"?)",
        ),
        (
            "[\"192.0.2.2\"]",
            "[¦192.0.2.2]",
            "text must stand in quotes (did you mean \"192.0.2.2\"?)",
        ),
        (
            "[\"192.0.2.2\"]",
            "[¦2001:db8::1]",
            "text must stand in quotes (did you mean \"2001:db8::1\"?)",
        ),
        (
            "region = \"eu\"",
            "region = ¦eu",
            "text must stand in quotes (did you mean \"eu\"?)",
        ),
        ("rise = 3", "rise ¦3", "key with no value, expected `=`"),
        (
            "[\"web-eu\", \"web-us\"]",
            "[\"web-eu\" ¦\"web-us\"]",
            "missing comma between array elements, expected `,`",
        ),
        (
            "[pool.web-us]",
            "[pool.¦web-eu]",
            "`web-eu` stands twice (keep one of the two)",
        ),
        (
            "rise = 3",
            "rise = 3\n¦rise = 4",
            "`rise` stands twice (keep one of the two)",
        ),
        (
            "{ world = 95,",
            "{ world = 95, ¦world = 5,",
            "`world` stands twice (keep one of the two)",
        ),
    ]);
}

#[test]
fn several_syntax_mistakes_are_reported_at_once() {
    let text = "[server]\nlisten = 5s\n[geoip]\ndepth = \"3\n[region.a\n[region.b]\nserves = \n";
    let lines: Vec<_> = reported(text)
        .iter()
        .map(|report| report.split(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(lines, ["2", "4", "5", "7"]);
}

#[test]
fn a_key_that_stands_twice_does_not_hide_other_mistakes() {
    let text = FULL
        .replacen("rise = 3", "rise = 3\nrise = 4\nfall = 0", 1)
        .replacen("\nfall = 2", "", 1);
    let reported = reported(&text);
    assert_eq!(reported.len(), 2, "{reported:#?}");
}

#[test]
fn mistakes_in_many_tables_are_reported_at_once() {
    let text = FULL
        .replace("\"127.0.0.1:5300\"", "\"127.0.0.1\"")
        .replace("rise = 3", "rise = 0")
        .replace("region = \"us\"", "region = \"su\"")
        .replace("answers = 4", "answers = 40");
    let lines: Vec<_> = reported(&text)
        .iter()
        .map(|report| report.split(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(lines, ["2", "42", "68", "73", "107"]);
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
             `udp_payload_max`, `commands_max`, `tcp_connections_max`, `tcp_per_client_max`, `tcp_idle_timeout`, \
             `startup_grace`, `saved_max_age`, `drain_time`, `panic`, `identity`, `cookies`, \
             `allow_query`, `explain_to` and `rate_limit`)",
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
        (
            "hold =",
            "¦holt =",
            "unknown key `holt` (did you mean `hold`?)",
        ),
        (
            "depth",
            "¦dept",
            "unknown key `dept` (did you mean `depth`?)",
        ),
    ]);
}

#[test]
fn aliases() {
    let alias = "{ alias = \"lb.example.net\", weight = 2, capacity = 100 }";
    each_is_reported_once(&[
        (
            alias,
            "{ alias = \"lb.example.net\", ¦check = \"192.0.2.1:80\" }",
            "`check` does not go with `alias`",
        ),
        (
            alias,
            "{ ¦address = \"192.0.2.1\", alias = \"lb.example.net\" }",
            "`address` does not go with `alias`",
        ),
        (
            alias,
            "{ alias = ¦\"192.0.2.1\" }",
            "\"192.0.2.1\" is an address (write `address = \"192.0.2.1\"`)",
        ),
        (
            alias,
            "{ alias = \"lb.example.net\", ¦wait = 2 }",
            "unknown key `wait` (an endpoint knows `alias`, `weight`, `capacity`, `address`, `cname` and `check`)",
        ),
        (
            alias,
            "¦{ cname = \"lb.example.net\" }",
            "a pool has addresses or names, and not both (an answer is one CNAME or addresses; write \
             two pools, and a policy of both)",
        ),
    ]);
    let twice = FULL.replace(
        alias,
        &format!("{alias}, {{ alias = \"LB.example.net.\" }}"),
    );
    let reported = reported(&twice);
    assert_eq!(reported.len(), 1, "{reported:#?}");
    assert!(
        reported[0].contains("LB.example.net. is in this pool already"),
        "{reported:#?}"
    );
}

#[test]
fn resolvers() {
    const EXPECTED: &str = "expected an address such as \"192.0.2.53\", or with its port as \
                            \"[2001:db8::53]:5353\", found";
    each_is_reported_once(&[
        (
            "[\"192.0.2.53\", \"[2001:db8::53]:5353\"]",
            "¦[]",
            "`servers` is empty (leave `servers` out to ask those of /etc/resolv.conf)",
        ),
        (
            "[\"192.0.2.53\", ",
            "[¦\"dns.example\", ",
            &format!("{EXPECTED} \"dns.example\""),
        ),
        (
            "[\"192.0.2.53\", ",
            "[\"192.0.2.53\", ¦\"192.0.2.53:53\", ",
            "192.0.2.53:53 is listed twice",
        ),
        (
            "[\"192.0.2.53\", ",
            "[¦\"0.0.0.0\", ",
            "0.0.0.0:53 is nobody who can be asked",
        ),
        (
            "keep = \"30m\"",
            "keep = ¦\"169h\"",
            "169h is out of range (expected 0s to 7d)",
        ),
        (
            "keep = \"30m\"",
            "¦keeps = \"30m\"",
            "unknown key `keeps` (did you mean `keep`?)",
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
            "¦[[pool.mail]]",
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
        (
            "jitter = 0.2",
            "jitter = ¦true",
            "expected a share from 0.0 to 0.5, found `true`",
        ),
        (
            "endpoints = [\"192.0.2.4\"]",
            "endpoints = [¦4.5]",
            "expected an endpoint such as \"192.0.2.1\" or { address = \"192.0.2.1\", weight = 2 }, \
             found the number 4.5",
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
            "[pool.sorry]\nregion = \"eu\"\nendpoints = [\"192.0.2.4\"]",
            "[pool.¦sorry]\nregion = \"eu\"",
            "`endpoints` is missing in [pool.sorry] (write `endpoints = [\"192.0.2.1\"]`)",
        ),
        (
            "[zone.\"gslb.example.com\"]\nfile = \"gslb.zone\"",
            "[zone.¦\"gslb.example.com\"]",
            "`file` is missing in [zone.\"gslb.example.com\"] \
             (write `file = \"zones/example.com.zone\"`)",
        ),
        (
            "[network.lab]\nprefixes = \"198.51.100.0/24\"",
            "[network.¦lab]",
            "`prefixes` is missing in [network.lab] (write `prefixes = [\"203.0.113.0/24\"]`)",
        ),
        (
            "\"@\" = { policy = \"world\" }",
            "¦\"@\" = { answers = 1 }",
            "`policy` is missing in balanced name \"@\" (write `policy = \"world\"`)",
        ),
        (
            "{ address = \"2001:db8::1\", ",
            "¦{ ",
            "`address` is missing in an endpoint (write `address = \"192.0.2.1\"`)",
        ),
    ]);
}

#[test]
fn durations() {
    let expected = "expected a duration such as \"500ms\", found";
    let help = "(a whole number and ms, s, m, h or d)";
    for wrong in ["", "5", "1.5s", "-1s", "1 s", "1w", "99999999999999999999s"] {
        let report = format!("{expected} \"{wrong}\" {help}");
        each_value_is_refused("interval", "\"1s\"", &[(&format!("¦\"{wrong}\""), &report)]);
    }
    each_value_is_refused(
        "interval",
        "\"1s\"",
        &[
            ("¦\"49ms\"", "49ms is out of range (expected 50ms to 1h)"),
            ("¦\"61m\"", "61m is out of range (expected 50ms to 1h)"),
        ],
    );
    each_is_reported_once(&[
        (
            "timeout = \"500ms\"",
            "timeout = ¦\"1s\"",
            "timeout 1s is not less than interval 1s (a probe must end before the next one starts)",
        ),
        (
            "startup_grace = \"1s\"",
            "startup_grace = ¦\"2m\"",
            "2m is out of range (expected 0s to 1m)",
        ),
    ]);
}

#[test]
fn ttls() {
    each_value_is_refused(
        "ttl",
        "[\"5s\", \"1m\"]",
        &[
            (
                "¦\"500ms\"",
                "500ms is not in whole seconds, as a TTL must be (expected 0s to 24h)",
            ),
            (
                "[\"5s\", ¦\"25h\"]",
                "25h is out of range (expected 0s to 24h)",
            ),
            (
                "¦[\"30s\", \"5s\"]",
                "the shortest TTL is longer than the longest (did you mean [\"5s\", \"30s\"]?)",
            ),
            (
                "¦[\"5s\"]",
                "expected two TTLs, found 1 (the shortest and the longest: [\"5s\", \"30s\"])",
            ),
            (
                "¦30",
                "expected a TTL such as \"10s\", or the shortest and the longest in brackets, \
                 found the integer 30",
            ),
        ],
    );
}

#[test]
fn numbers_out_of_range() {
    each_is_reported_once(&[
        (
            "weight = 3",
            "weight = ¦65536",
            "65536 is out of range (expected a whole number from 0 to 65535)",
        ),
        (
            "mail = 0",
            "mail = ¦-1",
            "-1 is out of range (expected a whole number from 0 to 65535)",
        ),
        (
            "answers = 4",
            "answers = ¦17",
            "17 is out of range (expected a whole number from 1 to 16)",
        ),
        (
            "udp_payload_max = 1400",
            "udp_payload_max = ¦0x2000",
            "0x2000 is out of range (expected a whole number from 512 to 4096)",
        ),
        (
            "rise = 3",
            "rise = ¦99999999999999999999",
            "99999999999999999999 is out of range (expected a whole number from 1 to 100)",
        ),
        (
            "jitter = 0.2",
            "jitter = ¦0.6",
            "0.6 is out of range (expected a share from 0.0 to 0.5)",
        ),
        (
            "share = 0.5",
            "share = ¦nan",
            "nan is out of range (expected a share from 0.0 to 1.0)",
        ),
        (
            "depth = 4",
            "depth = ¦9",
            "9 is out of range (expected a whole number from 1 to 8)",
        ),
        (
            "port = 8443",
            "port = ¦0",
            "0 is out of range (expected a whole number from 1 to 65535)",
        ),
        (
            "body_limit = 1000",
            "body_limit = ¦1048577",
            "1048577 is out of range (expected a whole number from 1 to 1048576)",
        ),
    ]);
}

#[test]
fn addresses() {
    let address =
        "expected an address such as \"192.0.2.1\", \"2001:db8::1\" or \"192.0.2.1:8080\", found";
    each_value_is_refused(
        "endpoints",
        "[\"192.0.2.4\"]",
        &[
            ("[¦\"192.0.2.256\"]", &format!("{address} \"192.0.2.256\"")),
            (
                "[¦\"192.0.2.4:0\"]",
                &format!("{address} \"192.0.2.4:0\" (expected a port from 1 to 65535)"),
            ),
            (
                "[¦\"0.0.0.0\"]",
                "0.0.0.0 is no address that a client can connect to",
            ),
            (
                "[¦\"ff02::1\"]",
                "ff02::1 is no address that a client can connect to",
            ),
            (
                "[¦\"::ffff:192.0.2.4\"]",
                "::ffff:192.0.2.4 is no address that a client can connect to \
                 (did you mean \"192.0.2.4\"?)",
            ),
            (
                "¦[]",
                "`endpoints` is empty (a pool needs one endpoint at least)",
            ),
            (
                "[\"192.0.2.4\", ¦\"192.0.2.4\"]",
                "192.0.2.4 is in this pool already (it stands on line 79; `weight` says how much \
                 it gets)",
            ),
            (
                "[\"2001:db8::4\", ¦{ address = \"2001:DB8:0::4\" }]",
                "2001:db8::4 is in this pool already (it stands on line 79; `weight` says how much \
                 it gets)",
            ),
            (
                "[{ address = \"192.0.2.4\", ¦check = \"192.0.2.4:80\" }]",
                "`check` has no effect in a pool without `monitor`",
            ),
        ],
    );
    let socket =
        "expected an address and a port such as \"192.0.2.1:53\" or \"[2001:db8::1]:53\", found";
    each_is_reported_once(&[
        (
            "\"[::1]:5300\"",
            "¦\"::1\"",
            &format!("{socket} \"::1\" (write the port too, as in \"[::1]:53\")"),
        ),
        (
            "\"[::1]:5300\"",
            "¦\"localhost:53\"",
            &format!("{socket} \"localhost:53\""),
        ),
        (
            "\"[::1]:5300\"",
            "¦\"127.0.0.1:5300\"",
            "127.0.0.1:5300 is listed twice",
        ),
        (
            "[\"127.0.0.1:5300\", \"[::1]:5300\"]",
            "¦[]",
            "`listen` is empty (leave `listen` out to listen on every address at port 53)",
        ),
        (
            "\"192.0.2.1:8080\"",
            "¦\"192.0.2.1:0\"",
            "port 0 cannot be connected to (expected a port from 1 to 65535)",
        ),
    ]);
}

#[test]
fn prefixes() {
    let prefix = "expected a prefix such as \"203.0.113.0/24\" or \"2001:db8::/48\", found";
    each_value_is_refused(
        "prefixes",
        "\"198.51.100.0/24\"",
        &[
            (
                "¦\"203.0.113.5/24\"",
                "203.0.113.5/24 has host bits set (did you mean 203.0.113.0/24?)",
            ),
            (
                "¦\"192.0.2.1\"",
                &format!("{prefix} \"192.0.2.1\" (did you mean \"192.0.2.1/32\"?)"),
            ),
            ("¦\"192.0.2.0/33\"", &format!("{prefix} \"192.0.2.0/33\"")),
            (
                "[¦\"203.0.113.0/24\"]",
                "203.0.113.0/24 is in network `office` already (it stands on line 21)",
            ),
            ("¦[]", "`prefixes` is empty"),
        ],
    );
}

#[test]
fn locations() {
    let location =
        "expected a location: [latitude, longitude], \"DE\", \"US-CA\" or \"continent:EU\", found";
    each_value_is_refused(
        "location",
        "[50.11, 8.68]",
        &[
            (
                "[¦90.1, 0]",
                "90.1 is out of range (expected a latitude in degrees from -90.0 to 90.0)",
            ),
            (
                "[0, ¦-181]",
                "-181 is out of range (expected a longitude in degrees from -180.0 to 180.0)",
            ),
            (
                "¦[1]",
                "expected latitude and longitude, found 1 elements (for example [50.11, 8.68])",
            ),
            ("¦\"de\"", &format!("{location} \"de\" (in upper case: DE)")),
            (
                "¦\"Germany\"",
                &format!("{location} \"Germany\" (country codes have two letters (ISO 3166-1))"),
            ),
            (
                "¦\"us-ca\"",
                &format!("{location} \"us-ca\" (in upper case: US-CA)"),
            ),
            (
                "¦\"continent:XX\"",
                &format!("{location} \"continent:XX\" (continents are AF AN AS EU NA OC SA)"),
            ),
            ("¦\"planet:X\"", &format!("{location} \"planet:X\"")),
        ],
    );
}

#[test]
fn selectors() {
    let selector = "expected \"continent:EU\", \"country:DE\", \"subdivision:US-CA\", \
                    \"asn:64500\" or \"network:NAME\", found";
    each_value_is_refused(
        "serves",
        "[\"country:US\", \"subdivision:CA-ON\", \"network:lab\"]",
        &[
            (
                "[\"network:lab\", ¦\"contry:US\"]",
                &format!("{selector} \"contry:US\" (did you mean `country`?)"),
            ),
            ("[\"network:lab\", ¦\"DE\"]", &format!("{selector} \"DE\"")),
            (
                "[\"network:lab\", ¦\"country:us\"]",
                &format!("{selector} \"country:us\" (in upper case: US)"),
            ),
            (
                "[\"network:lab\", ¦\"asn:AS64500\"]",
                &format!("{selector} \"asn:AS64500\" (did you mean \"asn:64500\"?)"),
            ),
            (
                "[\"network:lab\", ¦\"asn:4294967296\"]",
                &format!("{selector} \"asn:4294967296\" (an AS number is from 0 to 4294967295)"),
            ),
            (
                "[\"network:lab\", ¦\"subdivision:US\"]",
                &format!("{selector} \"subdivision:US\""),
            ),
            (
                "[\"network:lab\", ¦\"network:offic\"]",
                "no network named `offic` (did you mean `office`?)",
            ),
            (
                "[\"network:lab\", ¦\"network:lab\"]",
                "\"network:lab\" is in this list already",
            ),
        ],
    );
}

#[test]
fn how_observations_become_verdicts() {
    each_value_is_refused(
        "interval_doubt",
        "\"250ms\"",
        &[
            ("¦\"10ms\"", "10ms is out of range (expected 50ms to 1h)"),
            (
                "¦\"3s\"",
                "`interval_doubt` is longer than the interval, 2s (doubts are looked into sooner, not later)",
            ),
        ],
    );
    each_value_is_refused(
        "flap",
        "{ falls = 4, within = \"20m\", hold = \"1m\", max = \"2h\" }",
        &[
            (
                "¦3",
                "expected a table such as `{ falls = 3, within = \"10m\" }`, found the integer 3",
            ),
            (
                "{ falls = ¦0 }",
                "0 is out of range (expected a whole number from 1 to 100)",
            ),
            (
                "{ max = ¦\"10s\" }",
                "`max` is shorter than `hold`, 30s (the first hold is the shortest)",
            ),
            (
                "{ ¦fall = 3 }",
                "unknown key `fall` (did you mean `falls`?)",
            ),
        ],
    );
    each_value_is_refused(
        "degraded",
        "{ above = \"200ms\", weight = \"40%\" }",
        &[
            (
                "{ above = \"200ms\", weight = ¦\"0%\" }",
                "expected a percentage from \"1%\" to \"100%\", found \"0%\"",
            ),
            (
                "¦{ weight = \"40%\" }",
                "`above` is missing in `degraded` (write `above = \"200ms\"`)",
            ),
        ],
    );
    each_is_reported_once(&[
        (
            "interval_stable = \"10s\"",
            "interval_stable = ¦\"1s\"",
            "`interval_stable` is shorter than the interval, 2s (what is long stable is asked less \
             often, not more)",
        ),
        (
            "interval_stable = \"10s\"\nstable_after",
            "¦stable_after",
            "`stable_after` has no effect without `interval_stable`",
        ),
        (
            "refused_counts_at_once = true",
            "refused_counts_at_once = ¦1",
            "expected `true` or `false`, found the integer 1",
        ),
    ]);
}

#[test]
fn monitors_that_probe_nothing_themselves() {
    each_value_is_refused(
        "any",
        "[\"told-so\", \"database\"]",
        &[
            ("¦[]", "expected 1 to 64 monitors, found 0"),
            (
                "[\"database\", ¦\"database\"]",
                "`database` stands here twice",
            ),
            (
                "[¦\"databas\"]",
                "no monitor named `databas` (did you mean `database`?)",
            ),
            (
                "¦\"database\"",
                "expected a list of monitors such as [\"web\", \"db\"], found the string \"database\"",
            ),
        ],
    );
    each_is_reported_once(&[
        (
            "[monitor.service]\nnot = \"maintenance\"",
            "[monitor.¦service]\nnot = \"service\"",
            "monitor `service` is calculated from itself",
        ),
        (
            "count = 2, of",
            "count = ¦4, of",
            "`count` asks for 4 of 3 monitors",
        ),
        (
            "[monitor.service]\nnot = \"maintenance\"",
            "[monitor.service]\nnot = \"maintenance\"\n¦push = true",
            "a monitor is one thing, not `not` and `push` (write one monitor for each, and a third \
             of both)",
        ),
        (
            "[monitor.maintenance]\npush = true",
            "[monitor.maintenance]\npush = ¦false",
            "expected `push = true` (a pool that nothing is said of has no `monitor`)",
        ),
        (
            "at = \"192.0.2.50:5432\"",
            "at = \"192.0.2.50:5432\"\n¦port = 1",
            "`port` stands in `at` already",
        ),
    ]);
}

#[test]
fn monitors_nest_four_deep_at_most() {
    let nested = |depth: usize| {
        let monitors = (1..=depth).map(|n| format!("[monitor.m{n}]\nnot = \"m{}\"\n", n - 1));
        let monitors: String = monitors.collect();
        let text = format!("{FULL}\n[monitor.m0]\npush = true\n{monitors}");
        let mistakes = reported(&text).into_iter();
        let mistakes: Vec<_> = mistakes.filter(|line| line.contains("steps")).collect();
        mistakes.len()
    };
    assert_eq!(nested(4), 0);
    assert_eq!(nested(5), 1);
    assert_eq!(nested(500), 496);
}

#[test]
fn monitors() {
    each_is_reported_once(&[
        (
            "[monitor.plain]\nhttp = \"/\"",
            "[monitor.¦plain]",
            "a monitor needs one of `http`, `https`, `tcp`, `tls`, `grpc`, `grpcs`, `dns`, `udp`, `icmp`, `command`, `file`, `all`, `any`, `at_least`, `not` and `push` (for example `http = \"/healthz\"`)",
        ),
        (
            "[monitor.plain]\nhttp = \"/\"",
            "[monitor.plain]\nhttp = \"/\"\n¦tcp = true\nhost = \"a\"",
            "a monitor asks one thing, not `http` and `tcp` (write one monitor for each)",
        ),
        (
            "[monitor.plain]\nhttp = \"/\"",
            "[monitor.plain]\nhttp = \"/\"\n¦sni = \"a\"",
            "`sni` is for `https`, `tls` and `grpcs` monitors",
        ),
        (
            "[monitor.plain]\nhttp = \"/\"",
            "[monitor.plain]\nhttp = \"/\"\n¦ca = \"ca.pem\"",
            "`ca` is for `https`, `tls` and `grpcs` monitors",
        ),
        (
            "[monitor.plain]\nhttp = \"/\"",
            "[monitor.plain]\nhttp = \"/\"\n¦insecure = true",
            "`insecure` is for `https`, `tls` and `grpcs` monitors",
        ),
        (
            "port = 25",
            "port = 25\n¦expect_status = 200",
            "`expect_status` is for `http` and `https` monitors",
        ),
        (
            "tcp = true",
            "tcp = ¦false",
            "expected `tcp = true` (a pool that is not probed has no `monitor`)",
        ),
        (
            "[monitor.port]\ntcp = true\nport = 25",
            "[monitor.¦port]\ntcp = true",
            "a `tcp` monitor needs a `port` (write `port = 443`)",
        ),
        (
            "client_subnet = false",
            "responses = ¦\"all\"",
            "\"all\" is none of `minimal`, `additional` and `full`",
        ),
        (
            "client_subnet = false",
            "rrset_order = ¦true",
            "expected one of `fixed` and `rotated`, found `true`",
        ),
        (
            "unknown_is = \"down\"",
            "unknown_is = ¦\"dwn\"",
            "\"dwn\" is none of `up` and `down` (did you mean `down`?)",
        ),
        (
            "host = \"www.example.com\"",
            "host = ¦\"www example\"",
            "expected a host name such as \"www.example.com\", found \"www example\"",
        ),
        (
            "expect_body = \"ok\"\nbody_limit = 1000",
            "expect_body = ¦\"ok\"\nbody_limit = 1",
            "`expect_body` is longer than the 1 octets that are read (see `body_limit`)",
        ),
    ]);
    let path = "expected a path such as \"/healthz\", found";
    each_value_is_refused(
        "https",
        "\"/healthz?full=1\"",
        &[
            (
                "¦\"healthz\"",
                &format!(
                    "{path} \"healthz\" (a path begins with /; the address is the endpoint's)"
                ),
            ),
            (
                "¦\"/a b\"",
                &format!(
                    "{path} \"/a b\" (spaces, `#` and what is not ASCII are written as %20 and so on)"
                ),
            ),
        ],
    );
    let status = "expected a status such as 200, or a range such as \"300-399\", found";
    let help = "(from 100 to 599, the lower one first)";
    each_value_is_refused(
        "expect_status",
        "[200, \"300-399\"]",
        &[
            (
                "[¦99]",
                "99 is out of range (expected a whole number from 100 to 599)",
            ),
            ("[¦\"399-300\"]", &format!("{status} \"399-300\" {help}")),
            ("[¦\"2xx\"]", &format!("{status} \"2xx\" {help}")),
            ("[¦true]", &format!("{status} `true`")),
            (
                "¦[]",
                "`expect_status` is empty (leave it out to accept 200 to 299)",
            ),
        ],
    );
}

#[test]
fn loads() {
    each_is_reported_once(&[
        (
            "capacity = 1000",
            "capacity = ¦0",
            "0 is out of range (expected a whole number from 1 to 1000000000)",
        ),
        (
            "capacity = 500",
            "capacity = ¦\"500\"",
            "expected a whole number from 1 to 1000000000, found the string \"500\"",
        ),
        (
            "capacity = 1000",
            "¦capcity = 1000",
            "unknown key `capcity` (did you mean `capacity`?)",
        ),
        (
            "\"30s\"\n\n[pool.asked]",
            "¦\"2h\"\n\n[pool.asked]",
            "2h is out of range (expected 1s to 1h)",
        ),
        (
            "shed = { above = \"90%\" }",
            "shed = ¦\"90%\"",
            "expected a table such as { above = \"90%\", floor = \"10%\" }, found the string \"90%\"",
        ),
        (
            "shed = { above = \"90%\" }",
            "shed = ¦{ floor = \"10%\" }",
            "`above` is missing in `shed` (write `above = \"90%\"`)",
        ),
        (
            "load_header = \"X-Load\"",
            "load_header = ¦\"x load\"",
            "expected the name of a header such as \"x-load\", found \"x load\"",
        ),
        (
            "load_header = \"X-Load\"",
            "load_header = \"X-Load\"\n¦load_json = \"/load\"",
            "`load_json` has no effect beside `load_header`",
        ),
        (
            "port = 25",
            "port = 25\n¦load_header = \"x-load\"",
            "`load_header` is for `http` and `https` monitors",
        ),
    ]);
    let percent = "expected a percentage from \"20%\" to \"100%\", found";
    each_value_is_refused(
        "above",
        "\"85%\"",
        &[
            ("¦\"19%\"", &format!("{percent} \"19%\"")),
            ("¦\"NaN%\"", &format!("{percent} \"NaN%\"")),
            ("¦\"90\"", &format!("{percent} \"90\"")),
            ("¦0.9", &format!("{percent} the number 0.9")),
        ],
    );
    let pointer = "expected a JSON pointer such as \"/load\", found";
    each_value_is_refused(
        "load_json",
        "\"/web/load~1cpu\"",
        &[
            (
                "¦\"load\"",
                &format!("{pointer} \"load\" (each name on the way begins with /)"),
            ),
            (
                "¦\"/load~2\"",
                &format!("{pointer} \"/load~2\" (`~` is written as ~0, and `/` in a name as ~1)"),
            ),
        ],
    );
}

#[test]
fn references() {
    each_is_reported_once(&[
        (
            "[\"web-eu\", \"web-us\"]\nserves",
            "[¦\"web-ue\", \"web-us\"]\nserves",
            "no pool or policy named `web-ue` (did you mean `web-eu`?)",
        ),
        (
            "fallback = \"sorry\"",
            "fallback = ¦\"sory\"",
            "no pool named `sory` (did you mean `sorry`?)",
        ),
        (
            "region = \"eu\"",
            "region = ¦\"asia\"",
            "no region named `asia` (known: `eu` and `us`)",
        ),
        (
            "monitor = \"plain\"",
            "monitor = ¦\"plan\"",
            "no monitor named `plan` (did you mean `plain`?)",
        ),
        (
            "policy = \"ordered\"",
            "policy = ¦\"order\"",
            "no policy named `order` (did you mean `ordered`?)",
        ),
        (
            "{ us = [\"country:DE\"] }",
            "{ ¦uss = [\"country:DE\"] }",
            "no region named `uss` (did you mean `us`?)",
        ),
    ]);
}

#[test]
fn a_reference_to_a_table_with_a_mistake_is_no_second_mistake() {
    each_is_reported_once(&[
        (
            "rise = 3",
            "rise = ¦0",
            "0 is out of range (expected a whole number from 1 to 100)",
        ),
        (
            "[pool.web-us]\nregion = \"us\"",
            "[pool.¦web-us]",
            "`region` is missing in [pool.web-us] (write `region = \"eu\"`)",
        ),
        (
            "[region.us]\nlocation = \"US-CA\"\nbias = -20\n\
             serves = [\"country:US\", \"subdivision:CA-ON\", \"network:lab\"]",
            "[region]\nus = ¦5",
            "expected a table [region.NAME], found the integer 5",
        ),
    ]);
}

#[test]
fn regions() {
    each_is_reported_once(&[
        (
            "bias = -20",
            "bias = ¦-100",
            "-100 is out of range (expected a whole number from -99 to 99)",
        ),
        (
            "location = \"US-CA\"\nbias",
            "¦bias",
            "`bias` is for regions with a `location`",
        ),
    ]);
}

#[test]
fn policies() {
    each_is_reported_once(&[
        (
            "failover = [\"canary\", \"mail\"]",
            "failover = ¦[]",
            "`failover` has no members (name a pool or a policy)",
        ),
        (
            "weighted = { world = 95, mail = 0 }",
            "weighted = ¦{}",
            "`weighted` has no members (name a pool or a policy)",
        ),
        (
            "[policy.turns]\nround-robin = [\"web-eu\", \"web-us\"]",
            "[policy.¦turns]",
            "a policy needs one of `geo`, `failover`, `weighted`, `round-robin`, `random`, `smooth`, `source-hash`, `consistent-hash`, `rendezvous`, `least-connections`, `weighted-least-connections` and `least-time` \
             (for example `geo = [\"web-eu\", \"web-us\"]`)",
        ),
        (
            "failover = [\"canary\", \"mail\"]",
            "failover = [\"canary\", \"mail\"]\n¦random = [\"mail\"]",
            "a policy chooses in one way, not by `failover` and `random` \
             (write two policies; one can be a member of the other)",
        ),
        (
            "failover = [\"canary\", \"mail\"]",
            "failover = [\"canary\", \"mail\", ¦\"canary\"]",
            "`canary` is a member already",
        ),
        (
            "failover = [\"canary\", \"mail\"]",
            "failover = [\"canary\", \"mail\"]\n¦serves = { eu = [\"country:DE\"] }",
            "`serves` is for `geo` policies",
        ),
        (
            "default = [\"us\"]",
            "default = [\"us\", ¦\"us\"]",
            "region `us` is in this list already",
        ),
        (
            "geo = [\"web-eu\", \"web-us\"]\nserves = { us = [\"country:DE\"] }",
            "geo = [\"web-us\"]\nserves = { ¦eu = [\"country:DE\"] }",
            "no member of this policy lies in region `eu`",
        ),
        (
            "default = [\"us\"]",
            "default = [\"us\", ¦\"ap\"]\n[region.ap]\n[policy.other]\nrandom = [\"mail\"]",
            "no member of this policy lies in region `ap`",
        ),
        (
            "when_all_down = \"servfail\"",
            "when_all_down = ¦\"fail\"",
            "\"fail\" is none of `all`, `nodata`, `servfail` and `refuse`",
        ),
        (
            "when_all_down = \"servfail\"",
            "when_all_down = ¦true",
            "expected \"all\", \"nodata\", \"servfail\", \"refuse\" or { fallback = \"POOL\" }, \
             found `true`",
        ),
        (
            "family_fallback = \"nodata\"",
            "family_fallback = ¦\"none\"",
            "\"none\" is none of `region` and `nodata`",
        ),
        (
            "random = [\"web-eu\", \"turns\"]",
            "geo = [\"web-eu\", ¦\"turns\"]",
            "`turns` has pools in several regions, such as `eu` and `us` \
             (a member of `geo` stands for one region)",
        ),
        (
            "[policy.turns]",
            "[policy.¦mail]\nrandom = [\"web-eu\"]\n[policy.turns]",
            "policy `mail` has the name of a pool \
             (rename one: a member is named without saying which it is)",
        ),
    ]);
}

#[test]
fn policy_loops_name_the_way_round() {
    each_is_reported_once(&[
        (
            "round-robin = [\"web-eu\", \"web-us\"]",
            "round-robin = [\"web-eu\", ¦\"turns\"]",
            "policies refer to one another in a circle: turns -> turns",
        ),
        (
            "geo = [\"web-eu\", \"web-us\"]\nserves = { us = [\"country:DE\"] }\n\
             default = [\"us\"]\nwhen_all_down = { fallback = \"sorry\" }\n\
             family_fallback = \"nodata\"\n\n[policy.canary]\nweighted = { world",
            "random = [\"canary\"]\n\n[policy.canary]\nweighted = { ¦world",
            "policies refer to one another in a circle: world -> canary -> world",
        ),
    ]);
}

#[test]
fn zones() {
    each_is_reported_once(&[
        (
            "[zone.\"gslb.example.com\"]",
            "[zone.¦\"a..b\"]\nfile = \"x\"\n[zone.\"gslb.example.com\"]",
            "\"a..b\" is an empty label (two dots in a row, or one in front)",
        ),
        (
            "[zone.\"gslb.example.com\"]\n",
            "[zone.\"GSLB.example.com.\"]\nfile = \"x\"\n[zone.¦\"gslb.example.com\"]\n",
            "zone gslb.example.com. is configured twice \
             (it stands on line 101 too; upper and lower case are the same)",
        ),
        (
            "[zone.\"gslb.example.com\"]\n",
            "¦[zone.other.example.com]\nfile = \"x\"\n[zone.\"gslb.example.com\"]\n",
            "a name with dots must stand in quotes (did you mean \"other.example.com\"?)",
        ),
        (
            "\"@\" = { policy = \"world\" }",
            "api.eu = ¦{ policy = \"world\" }",
            "a name with dots must stand in quotes (did you mean \"api.eu\"?)",
        ),
        (
            "\"@\" = { policy = \"world\" }",
            "¦WWW = { policy = \"world\" }",
            "WWW.gslb.example.com. is balanced twice (it stands on line 107 too)",
        ),
        (
            "\"@\" = { policy = \"world\" }",
            "¦\"www.example.org.\" = { policy = \"world\" }",
            "www.example.org. is not in zone gslb.example.com. \
             (names are relative to the zone: \"www\" is www.gslb.example.com.)",
        ),
        (
            "\"*.app\"",
            "¦\"app.*\"",
            "`*` is not the first label of \"app.*\" (a wildcard looks like \"*.app\")",
        ),
        (
            "\"*.app\"",
            "¦\"café\"",
            "\"café\" is not in ASCII (write international names in their xn-- form)",
        ),
        (
            "[zone.\"gslb.example.com\"]\n",
            "[zone.¦\"*.example.com\"]\nfile = \"x\"\n[zone.\"gslb.example.com\"]\n",
            "a zone name has no `*`, found \"*.example.com\"",
        ),
    ]);
}

#[test]
fn names_of_tables() {
    each_is_reported_once(&[(
        "[region.eu]",
        "[region.¦\"e u\"]\n[region.eu]",
        "`e u` is no name for a region (expected 1 to 63 ASCII letters, digits, `-` and `_`)",
    )]);
}

#[test]
fn own_networks_that_say_nothing() {
    each_is_reported_once(&[(
        "[network.lab]",
        "[network.¦other]\nprefixes = \"192.0.2.0/24\"\n[network.lab]",
        "network `other` has no location \
         (give it one, or let a region serve \"network:other\")",
    )]);
}
