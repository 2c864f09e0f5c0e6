//! `meridian check`

use serde_json::Value;

use crate::place::{Outcome, Place};
use crate::server::{ZONE, config, place};

fn check(place: &Place) -> Outcome {
    place.run(&["check", "--config", "meridian.toml"])
}

/// `line:column` of the first `text`.
fn place_of(text: &str, needle: &str) -> String {
    let at = text.find(needle).unwrap_or_else(|| panic!("no {needle}"));
    let line = 1 + text[..at].matches('\n').count();
    let column = 1 + at - text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    format!("{line}:{column}")
}

#[test]
fn a_good_configuration_is_summed_up() {
    let place = place();
    let outcome = check(&place);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{outcome:?}");
    let text = outcome.stdout;
    assert!(
        text.starts_with("meridian.toml: ok, no warnings\n"),
        "{text}"
    );
    for words in [
        "zone gslb.example.com.: 4 records, 1 balanced name\n",
        "3 regions, 3 pools, 4 endpoints, 1 policy, 4 probe targets\n",
        "map 0 (world): 3 regions, ",
        " runs, ",
        " octets\n",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(text.lines().count() < 10, "{text}");
}

#[test]
fn nothing_is_left_behind() {
    let place = place();
    check(&place);
    assert!(!place.path("state").exists());
}

#[test]
fn a_mistake_of_each_kind_is_told_in_one_run_with_place_expectation_and_near_match() {
    let place = place();
    let text = config()
        .replace("udp_threads = 1", "udp_treads = 1")
        .replace("[50.11, 8.68]", "[150.11, 8.68]")
        .replace("continent:NA", "continent:XX")
        .replace("tcp  = true", "tcp  = true\ninterval = \"1 fortnight\"")
        .replace("region    = \"us\"", "region    = \"su\"")
        .replace("203.0.113.1", "203.0.113.1000")
        .replace("\"web-eu\", \"web-us\"", "\"web-eu\", \"web-uss\"")
        .replace("answers = 2", "answers = 200")
        .replace("www =", "\"www.example.org.\" =");
    place.write("meridian.toml", &text);
    place.write("gslb.zone", ZONE.replace("192.0.2.25", "192.0.2"));
    let outcome = check(&place);
    assert_eq!(outcome.code, 1);
    for (needle, words) in [
        ("udp_treads", "unknown key `udp_treads`"),
        ("150.11", "from -90.0 to 90.0"),
        ("\"continent:XX\"", "continents are AF AN AS EU NA OC SA"),
        ("\"1 fortnight\"", "a whole number and ms, s, m, h or d"),
        ("\"su\"", "no region named `su`"),
        ("\"203.0.113.1000\"", "expected an address"),
        ("\"web-uss\"", "no pool or policy named `web-uss`"),
        ("200 }", "from 1 to 16"),
        ("\"www.example.org.\"", "is not in zone"),
    ] {
        let report = format!("meridian.toml:{}: error: ", place_of(&text, needle));
        let reported = outcome.stderr.split("\n\n").find(|r| r.contains(&report));
        let reported = reported.unwrap_or_else(|| panic!("{report}{words}\n{}", outcome.stderr));
        assert!(reported.contains(words), "{reported}");
    }
    for help in ["did you mean `udp_threads`?", "did you mean `web-us`?"] {
        assert!(outcome.stderr.contains(help), "{help}\n{}", outcome.stderr);
    }
    assert!(
        outcome.stderr.contains("gslb.zone:5:10: error: "),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.stdout, "meridian.toml: 10 errors, no warnings\n");
}

#[test]
fn zones_and_databases_are_read_although_the_configuration_is_refused() {
    let place = place();
    place.write("broken.mmdb", "no database");
    let from = crate::place::in_repository("geoip/sample.mmdb");
    let text = config()
        .replace(&from.display().to_string(), "broken.mmdb")
        .replace("[pool.web-ap]", "[pool.web-ap]\nweigth = 3");
    place.write("meridian.toml", &text);
    place.write("gslb.zone", "www 300 IN A 192.0.2.1\n");
    let outcome = check(&place);
    assert_eq!(outcome.code, 1);
    let database = format!(
        "meridian.toml:{}: error: database `{}` cannot be used",
        place_of(&text, "\"broken.mmdb\""),
        place.path("broken.mmdb").display()
    );
    for words in [&*database, "weigth", "gslb.zone:1:5: error: ", "SOA"] {
        assert!(
            outcome.stderr.contains(words),
            "{words}\n{}",
            outcome.stderr
        );
    }
}

#[test]
fn a_refused_configuration_raises_no_false_alarm_in_its_zones() {
    let place = place();
    // The zone names a balanced name that cannot be read here.
    place.write("gslb.zone", format!("{ZONE}@ MX 10 www\n"));
    assert_eq!(check(&place).stderr, "");
    let text = config().replace("policy = \"world\"", "policy = \"word\"");
    place.write("meridian.toml", text);
    let outcome = check(&place);
    assert_eq!(outcome.stdout, "meridian.toml: 1 error, no warnings\n");
}

#[test]
fn an_rrset_that_no_message_can_carry_is_refused() {
    let place = place();
    let addresses: String = (0..4200)
        .map(|n| format!("many A 10.0.{}.{}\n", n / 256, n % 256))
        .collect();
    place.write("gslb.zone", format!("{ZONE}{addresses}"));
    let outcome = check(&place);
    assert_eq!(outcome.code, 1);
    let line = ZONE.lines().count() + 1;
    let told = format!(
        "gslb.zone:{line}:6: error: the A records of `many.gslb.example.com.` have more than 64511 \
         octets and so fit no message"
    );
    assert!(outcome.stderr.contains(&told), "{outcome:?}");
    // Nine hundred names of over seventy octets fit, because each ends in a pointer.
    let names: String = (0..900)
        .map(|n| format!("many PTR {n:050}.gslb.example.com.\n"))
        .collect();
    place.write("gslb.zone", format!("{ZONE}{names}"));
    assert_eq!(check(&place).code, 0);
}

#[test]
fn warnings_alone_do_not_refuse() {
    let place = place();
    place.write("gslb.zone", format!("{ZONE}@ MX 10 nowhere\n"));
    let outcome = check(&place);
    assert_eq!(outcome.code, 0);
    assert!(
        outcome.stderr.contains("gslb.zone:6:3: warning: "),
        "{outcome:?}"
    );
    assert!(
        outcome.stdout.starts_with("meridian.toml: ok, 1 warning\n"),
        "{outcome:?}"
    );
}

#[test]
fn an_own_network_that_holds_ipv4_clients_in_ipv6_form_is_warned_of() {
    let place = place();
    let network =
        "[network.office]\nlocation = \"DE\"\nprefixes = [\"20.0.0.0/8\", \"2002:1401::/32\"]\n";
    place.write("meridian.toml", config() + network);
    let outcome = check(&place);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for words in [
        "warning: `2002:1401::/32` of network `office` says nothing",
        "say it of 20.1.0.0/16",
    ] {
        assert!(outcome.stderr.contains(words), "{outcome:?}");
    }
}

#[test]
fn strict_refuses_warnings_too() {
    let place = place();
    let strict = |place: &Place| place.run(&["check", "--config", "meridian.toml", "--strict"]);
    assert_eq!(strict(&place).code, 0);
    place.write("gslb.zone", format!("{ZONE}@ MX 10 nowhere\n"));
    let outcome = strict(&place);
    assert_eq!(outcome.code, 1);
    assert_eq!(
        outcome.stdout,
        "meridian.toml: refused by --strict: 1 warning\n"
    );
    let outcome = place.run(&["check", "--config", "meridian.toml", "--strict", "--json"]);
    assert_eq!(outcome.code, 1);
    assert_eq!(
        serde_json::from_str::<Value>(&outcome.stdout).unwrap()[0]["severity"],
        "warning"
    );
}

#[test]
fn a_signed_zone_goes_out_unsigned_and_strict_refuses_it() {
    let place = place();
    let signed = "@ RRSIG SOA 13 3 60 20380101000000 20260101000000 1 @ YWJj\n@ NSEC @ SOA NSEC\n";
    place.write("gslb.zone", format!("{ZONE}{signed}"));
    let outcome = check(&place);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let warning = "gslb.zone:6:3: warning: the zone is signed, but goes out unsigned";
    assert!(outcome.stderr.contains(warning), "{outcome:?}");
    assert_eq!(outcome.stderr.matches("warning:").count(), 1, "{outcome:?}");
    let outcome = place.run(&["check", "--config", "meridian.toml", "--strict"]);
    assert_eq!(outcome.code, 1);
}

#[test]
fn files_that_are_not_there_are_named() {
    let place = Place::new();
    let outcome = check(&place);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome
            .stderr
            .starts_with("meridian.toml: error: cannot be read: No such file"),
        "{outcome:?}"
    );
    place.write("meridian.toml", config());
    let outcome = check(&place);
    assert_eq!(outcome.code, 1);
    let zone = place.path("gslb.zone");
    let words = format!(
        "{}: error: cannot read the zone file: No such",
        zone.display()
    );
    assert!(outcome.stderr.contains(&words), "{outcome:?}");
}

#[test]
fn json_has_the_same_mistakes_as_fields() {
    let place = place();
    let list = |place: &Place| -> (i32, Vec<Value>) {
        let outcome = place.run(&["check", "--config", "meridian.toml", "--json"]);
        assert_eq!(outcome.stderr, "");
        (outcome.code, serde_json::from_str(&outcome.stdout).unwrap())
    };
    assert_eq!(list(&place), (0, Vec::new()));
    let text = config().replace("udp_threads", "udp_treads");
    place.write("meridian.toml", &text);
    let (code, mistakes) = list(&place);
    assert_eq!((code, mistakes.len()), (1, 1));
    let mistake = &mistakes[0];
    assert_eq!(mistake["severity"], "error");
    assert_eq!(mistake["file"], "meridian.toml");
    assert_eq!(
        (&mistake["line"], &mistake["column"]),
        (&5.into(), &1.into())
    );
    assert_eq!(mistake["message"], "unknown key `udp_treads`");
    assert_eq!(mistake["help"], "did you mean `udp_threads`?");
}

#[test]
fn of_many_zones_and_names_the_rest_is_summed_up() {
    let place = place();
    let mut text = config() + "\n";
    for name in 0..150 {
        text += &format!("n{name} = {{ policy = \"world\" }}\n");
    }
    place.write(
        "meridian.toml",
        text + "[zones]\nfiles = [\"zones/*.zone\"]\n",
    );
    for zone in 0..102 {
        place.write(&format!("zones/z{zone}.example.zone"), ZONE);
    }
    let outcome = check(&place);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{outcome:?}");
    for words in [
        "  zone gslb.example.com.: 4 records, 151 balanced names\n",
        "  and 3 more; 103 zones in all: 412 records, 151 balanced names\n",
        "  policy world: 151 names, mean scope /",
    ] {
        assert!(
            outcome.stdout.contains(words),
            "{words}: {}",
            outcome.stdout
        );
    }
    assert_eq!(outcome.stdout.matches("  zone ").count(), 100);
}
