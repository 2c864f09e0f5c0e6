//! `meridian explain`

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::place::{Outcome, Place};
use crate::server::{Server, config, place};

const WWW: &str = "www.gslb.example.com";

fn explain(place: &Place, more: &[&str]) -> Outcome {
    let mut arguments = vec!["explain", WWW];
    arguments.extend(more);
    place.run(&arguments)
}

/// Lines in their order, each of which has to hold its words.
fn assert_tells(text: &str, story: &[&[&str]]) {
    let mut lines = text.lines();
    for words in story {
        let found = lines.any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "no line (any more) with {words:?} in\n{text}");
    }
}

#[test]
fn without_a_server_verdicts_are_unknown_and_it_says_so() {
    let place = place();
    let outcome = explain(&place, &["-c", "meridian.toml", "--client", "193.0.0.7"]);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
    assert_tells(
        &outcome.stdout,
        &[
            &["verdicts", "unknown: no running server was found"],
            &["endpoints", "192.0.2.1 weight 3 unknown"],
            &["answer", "NOERROR"],
        ],
    );
    assert!(!place.path("state").exists());
}

#[test]
fn without_a_state_folder_a_server_cannot_be_asked_and_it_says_so() {
    let place = place();
    let config = config().replace("state_dir   = \"state\"", "");
    place.write("meridian.toml", config);
    let outcome = explain(&place, &["-c", "meridian.toml"]);
    assert!(
        outcome.stdout.contains("unknown: without a state_dir"),
        "{outcome:?}"
    );
}

#[test]
fn a_running_server_tells_the_whole_story() {
    let place = place();
    place.write(
        "verdicts.toml",
        "web-ap = \"down\"\n\"192.0.2.2\" = \"down\"\n\"192.0.2.1\" = \"up\"\nweb-us = \"up\"\n",
    );
    let _server = Server::frozen(&place);
    let europe = ["--config", "meridian.toml", "--client", "193.0.0.0/24"];
    let outcome = explain(&place, &europe);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
    assert_tells(
        &outcome.stdout,
        &[
            &["www.gslb.example.com. A"],
            &["verdicts", "of the running server"],
            &["client", "193.0.0.0/24", "in 193.0.0.0/21", "continent EU"],
            &["zone", "gslb.example.com."],
            &["map", "class", "eu, us, ap"],
            &["scope", "/8"],
            &["policy", "world (geo)", "eu, us, ap"],
            &["take", "pool web-eu (region eu)"],
            &[
                "endpoints",
                "192.0.2.1 weight 3 up",
                "192.0.2.2 weight 1 down, not used",
            ],
            &["draw", "192.0.2.1"],
            &["ttl", " s, within 5..30 s", "192.0.2.1 can flip after"],
            &["answer", "NOERROR", "scope /8"],
            &["www.gslb.example.com.", "IN A 192.0.2.1"],
        ],
    );

    let asia = explain(
        &place,
        &["--client", "203.119.0.0/24", "-c", "meridian.toml"],
    );
    assert_tells(
        &asia.stdout,
        &[
            &[
                "pass",
                "pool web-ap (region ap)",
                "none of its endpoints is up",
            ],
            &["take", "pool web-eu (region eu)"],
            &["answer", "NOERROR", "scope /10"],
        ],
    );
}

#[test]
fn a_client_that_may_not_ask_is_told_so_and_by_which_list() {
    let place = place();
    let by_server = config().replace("[server]", "[server]\nallow_query = \"193.0.0.0/21\"");
    place.write("meridian.toml", &by_server);
    let ask = |client| explain(&place, &["-c", "meridian.toml", "--client", client]).stdout;
    let allowed: [&[&str]; 2] = [
        &["access", "193.0.0.7 is in `allow_query` of [server]"],
        &["answer", "NOERROR"],
    ];
    assert_tells(&ask("193.0.0.7"), &allowed);
    let refused: [&[&str]; 2] = [
        &[
            "access",
            "refused: 8.8.8.8 is not in `allow_query` of [server]",
        ],
        &[
            "answer",
            "REFUSED",
            "queries from this address are not allowed",
        ],
    ];
    let told = ask("8.8.8.8");
    assert_tells(&told, &refused);
    assert!(!told.contains("policy"), "{told}");

    let zone = "[zone.\"gslb.example.com\"]";
    assert!(by_server.contains(zone));
    let by_zone = format!("{zone}\nallow_query = \"2001:db8::/32\"");
    place.write("meridian.toml", by_server.replace(zone, &by_zone));
    let refused: [&[&str]; 1] = [&[
        "access",
        "refused: 193.0.0.7 is not in `allow_query` of zone gslb.example.com.",
    ]];
    assert_tells(&ask("193.0.0.7"), &refused);
}

#[test]
fn what_is_known_of_a_client_is_not_denied_where_its_order_is_the_default() {
    let place = place();
    let outcome = explain(&place, &["-c", "meridian.toml", "--client", "193.0.0.7"]);
    assert!(outcome.stdout.contains("continent EU"), "{outcome:?}");
    assert!(!outcome.stdout.contains("no source knows"), "{outcome:?}");
}

#[test]
fn without_a_configuration_the_only_server_is_asked_and_several_are_listed() {
    let (first, second) = (place(), place());
    let nobody = explain(&first, &[]);
    assert_eq!(nobody.code, 1);
    assert!(nobody.stderr.contains("no running server was found"));

    let _one = Server::frozen(&first);
    let found = explain(&first, &[]);
    assert_eq!(found.code, 0, "{found:?}");
    assert!(found.stdout.contains("of the running server"));

    // A second one of the same user.
    let mut command = second.command(&["serve", "--config", "meridian.toml"]);
    command
        .args(["--frozen-health", "verdicts.toml"])
        .env("XDG_RUNTIME_DIR", first.path("run"));
    let mut two = crate::process::Process::start(command);
    two.until_stdout("\n");
    let several = explain(&first, &[]);
    assert_eq!(several.code, 1);
    assert!(several.stderr.contains("several servers are running"));
    for place in [&first, &second] {
        let socket = place.path("state/admin.sock");
        let socket = std::fs::canonicalize(socket).unwrap();
        assert!(
            several.stderr.contains(&*socket.to_string_lossy()),
            "{several:?}"
        );
    }
}

#[test]
fn many_clients_show_the_weights() {
    let place = place();
    let arguments = [
        "-c",
        "meridian.toml",
        "--client",
        "193.0.0.7",
        "--seed",
        "1",
    ];
    let mut arguments = arguments.to_vec();
    arguments.extend(["--clients", "10000", "--json"]);
    let outcome = explain(&place, &arguments);
    let explanation: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let shares = explanation["distribution"].as_array().unwrap();
    assert_eq!(shares.len(), 2, "{shares:?}");
    let sum: u64 = shares.iter().map(|s| s["count"].as_u64().unwrap()).sum();
    assert_eq!(sum, 10_000);
    assert_eq!(shares[0]["answer"], "192.0.2.1");
    // Weights 3 and 1; the seed makes it the same each time.
    let share = shares[0]["share"].as_f64().unwrap();
    assert!((0.73..0.77).contains(&share), "{share}");
    assert_eq!(outcome.stdout, explain(&place, &arguments).stdout);

    let last = arguments.len() - 1;
    let text = explain(&place, &arguments[..last]).stdout;
    assert_tells(
        &text,
        &[&["share", " %", "192.0.2.1"], &["share", " %", "192.0.2.2"]],
    );
}

#[test]
fn json_has_the_documented_fields_from_a_file_and_from_a_server() {
    let place = place();
    let arguments = ["-c", "meridian.toml", "--client", "8.8.8.0/24", "--json"];
    let alone = explain(&place, &arguments);
    let _server = Server::frozen(&place);
    let asked = explain(&place, &arguments);
    for outcome in [alone, asked] {
        let explanation: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(explanation["name"], "www.gslb.example.com.");
        assert_eq!(explanation["type"], "A");
        assert_eq!(explanation["zone"], "gslb.example.com.");
        assert!(explanation["verdicts"].is_string());
        for step in explanation["steps"].as_array().unwrap() {
            assert!(step["step"].is_string() && step["text"].is_string());
        }
        let answer = &explanation["answer"];
        assert_eq!(answer["rcode"], "NOERROR");
        assert_eq!(answer["authoritative"], true);
        assert_eq!(answer["scope"], 7);
        assert_eq!(answer["records"].as_array().unwrap().len(), 1);
        assert_eq!(answer["authority"], Value::Array(Vec::new()));
        assert_eq!(answer["error"], Value::Null);
        assert_eq!(explanation["distribution"], Value::Null);
    }
}

#[test]
fn an_outage_is_explained_with_its_extended_error() {
    let place = place();
    let all = "web-eu = \"down\"\nweb-us = \"down\"\nweb-ap = \"down\"\n";
    place.write("verdicts.toml", all);
    let _server = Server::frozen(&place);
    let outcome = explain(&place, &["--client", "8.8.8.8"]);
    assert_tells(
        &outcome.stdout,
        &[
            &["pass", "web-us"],
            &[
                "all down",
                "policy world (geo)",
                "answers as if all were up",
            ],
            &[
                "answer",
                "NOERROR",
                "extended error: no endpoint for this query is up",
            ],
        ],
    );
}

#[test]
fn static_names_other_types_and_foreign_names_are_explained_too() {
    let place = place();
    let explained = |name: &str, rtype: &str| {
        let outcome = place.run(&["explain", name, rtype, "-c", "meridian.toml"]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome.stdout
    };
    assert_tells(
        &explained("mail.gslb.example.com", "A"),
        &[&["answer", "NOERROR"], &["IN A 192.0.2.25"]],
    );
    assert_tells(
        &explained(WWW, "TXT"),
        &[&["answer", "NOERROR"], &["IN SOA"]],
    );
    assert_tells(
        &explained("nope.gslb.example.com", "type65534"),
        &[&["answer", "NXDOMAIN"], &["IN SOA"]],
    );
    assert_tells(
        &explained("www.example.org", "A"),
        &[
            &["zone", "none of ours"],
            &["answer", "REFUSED", "extended error: Not Authoritative"],
        ],
    );
}

#[test]
fn what_is_no_name_type_client_or_number_is_refused_with_what_was_expected() {
    let place = place();
    let refused = |arguments: &[&str], words: &str| {
        let mut all = vec!["explain"];
        all.extend(arguments);
        all.extend(["-c", "meridian.toml"]);
        let outcome = place.run(&all);
        assert_ne!(outcome.code, 0, "{outcome:?}");
        assert_eq!(outcome.stdout, "");
        assert!(outcome.stderr.contains(words), "{words}: {outcome:?}");
    };
    refused(&["a..b"], "`a..b` is no name");
    refused(&[WWW, "AAAAA"], "`AAAAA` is no record type");
    refused(&[WWW, "--client", "1.2.3"], "expected an address");
    refused(&[WWW, "--clients", "1000001"], "1000000");
}

#[test]
fn a_broken_configuration_is_refused_with_its_mistakes() {
    let place = place();
    place.write("meridian.toml", "[server]\nlistn = 1\n");
    let outcome = explain(&place, &["-c", "meridian.toml"]);
    assert_eq!(outcome.code, 1);
    for words in ["meridian.toml:2:1: error: ", "cannot be used"] {
        assert!(outcome.stderr.contains(words), "{outcome:?}");
    }
}

#[test]
fn a_running_server_is_asked_although_a_zone_file_has_a_mistake_by_now() {
    let place = place();
    place.write("verdicts.toml", "");
    let mut server = Server::frozen(&place);
    let zone = "gslb.zone";
    place.write(zone, place.read(zone) + "broken\n");
    let outcome = explain(&place, &["-c", "meridian.toml"]);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
    assert_tells(&outcome.stdout, &[&["answer", "NOERROR"]]);
    assert!(
        !outcome.stdout.contains("not what is served"),
        "{outcome:?}"
    );
    server.reload("configuration reloaded");
    let outcome = explain(&place, &["-c", "meridian.toml"]);
    assert_tells(
        &outcome.stdout,
        &[
            &["zone", "gslb.example.com."],
            &["file", "not what is served (stale)", "gslb.zone:6:7: error"],
            &["answer", "NOERROR"],
        ],
    );
}

#[test]
fn what_the_admin_socket_cannot_make_sense_of_is_answered_with_an_error_in_json() {
    let place = place();
    let _server = Server::frozen(&place);
    let asked = |request: &str| {
        let mut socket = UnixStream::connect(place.path("state/admin.sock")).unwrap();
        let head = "Host: x\r\nConnection: close\r\nContent-Type: application/json";
        let len = request.split_once('|').unwrap().1.len();
        let request = request.replace(
            '|',
            &format!(" HTTP/1.1\r\n{head}\r\nContent-Length: {len}\r\n\r\n"),
        );
        socket.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        socket.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert!(body["error"].is_string(), "{body}");
        head[9..12].to_owned()
    };
    assert_eq!(asked("POST /v1/explain|rubbish"), "400");
    assert_eq!(asked("POST /v1/explain|{\"name\":1}"), "422");
    assert_eq!(asked("GET /v1/explain|"), "405");
    assert_eq!(asked("GET /v2|"), "404");
}

#[test]
fn every_type_of_a_zone_file_can_be_explained_and_is_shown_as_zone_files_have_it() {
    let place = place();
    let zone = "gslb.zone";
    let records = "\
txt    TXT   \"a\\027b\" \"\"
office LOC   52 22 23 N 4 53 32 E -2m
n      NAPTR 1 1 \"\\255\" \"\" \"\" xn--bcher-kva
csync  CSYNC 1 65535 A
sub    NS    ns.example.net.
";
    place.write(zone, place.read(zone) + records);
    for (owner, rtype, expected) in [
        ("txt", "txt", r#"TXT "a\027b" """#),
        ("office", "LOC", r"LOC \# 16 001216138b3cf018"),
        (
            "n",
            "NAPTR",
            r#"NAPTR 1 1 "\255" "" "" xn--bcher-kva.gslb.example.com."#,
        ),
        ("csync", "CSYNC", r"CSYNC \# 9 00000001ffff000140"),
    ] {
        let name = format!("{owner}.gslb.example.com");
        let outcome = place.run(&["explain", &name, rtype, "-c", "meridian.toml"]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert_tells(&outcome.stdout, &[&[&name, "IN", expected]]);
    }
    let outcome = place.run(&["explain", "sub.gslb.example.com", "-c", "meridian.toml"]);
    assert_tells(
        &outcome.stdout,
        &[
            &["answer", "NOERROR, a referral"],
            &["IN NS ns.example.net."],
        ],
    );
}
