//! `meridian serve`: a mistake in one zone's file costs that zone's news, and nothing else.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::place::Place;
use crate::query::{EUROPE, ask, sorted};
use crate::server::{Server, ZONE, config, place};

const WWW: &str = "www.gslb.example.com";

/// Asks the admin API; the status and the body.
fn admin(place: &Place, request: &str) -> (u16, Value) {
    let mut stream = UnixStream::connect(place.path("state/admin.sock")).unwrap();
    write!(stream, "{request} HTTP/1.0\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let status = response.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    (status, serde_json::from_str(body).unwrap())
}

/// A server of gslb.example.com and of the zones in a folder, of which there is one.
fn with_more_zones() -> (Place, Server) {
    let place = place();
    let config = config() + "[zones]\nfiles = [\"zones/*.zone\"]\n";
    place.write("meridian.toml", config);
    place.write("zones/good.example.zone", ZONE);
    let server = Server::frozen(&place);
    (place, server)
}

fn addresses(server: &Server, name: &str) -> Vec<String> {
    sorted(&ask(server.address, name, EUROPE))
}

#[test]
fn a_zone_file_with_a_mistake_keeps_its_old_data_while_all_else_is_taken_over() {
    let (place, mut server) = with_more_zones();
    let changed = place
        .read("meridian.toml")
        .replace("192.0.2.1\"", "192.0.2.7\"");
    place.write("meridian.toml", changed);
    place.write("zones/new.example.zone", ZONE);
    place.write(
        "zones/good.example.zone",
        ZONE.replace("192.0.2.25", "192.0.2.26"),
    );
    place.write(
        "gslb.zone",
        ZONE.replace("mail A   192.0.2.25", "news A   192.0.2"),
    );
    server.reload("configuration reloaded");

    assert_eq!(addresses(&server, "mail.gslb.example.com"), ["192.0.2.25"]);
    assert_eq!(addresses(&server, WWW), ["192.0.2.2", "192.0.2.7"]);
    assert_eq!(addresses(&server, "mail.good.example"), ["192.0.2.26"]);
    assert_eq!(addresses(&server, "mail.new.example"), ["192.0.2.25"]);
    let log = server.process.stderr();
    assert!(log.contains("gslb.zone:5:10: error: "), "{log}");
    assert!(
        log.contains("zone gslb.example.com. keeps its old data: "),
        "{log}"
    );
    let (_, status) = admin(&place, "GET /v1/status");
    let troubles = &status["zones_in_trouble"];
    assert_eq!(troubles.as_array().map(Vec::len), Some(1), "{troubles}");
    assert_eq!(troubles[0]["zone"], "gslb.example.com.");
    assert_eq!(troubles[0]["state"], "stale");
    assert!(
        troubles[0]["mistake"]
            .as_str()
            .unwrap()
            .contains("gslb.zone:5:10")
    );
    let since = troubles[0]["since_unix_ms"].clone();
    assert!(since.as_u64().unwrap() > 1_700_000_000_000);

    // Since when does not change while the file is wrong; then the trouble is over.
    server.reload("configuration reloaded");
    let (_, status) = admin(&place, "GET /v1/status");
    assert_eq!(status["zones_in_trouble"][0]["since_unix_ms"], since);
    place.write("gslb.zone", ZONE.replace("192.0.2.25", "192.0.2.27"));
    server.reload("configuration reloaded");
    assert_eq!(addresses(&server, "mail.gslb.example.com"), ["192.0.2.27"]);
    let (_, status) = admin(&place, "GET /v1/status");
    assert_eq!(status["zones_in_trouble"], Value::Array(Vec::new()));
}

#[test]
fn a_reload_by_the_admin_api_says_which_zones_were_kept_and_why() {
    let (place, _server) = with_more_zones();
    place.write("zones/good.example.zone", "nonsense\n");
    place.write("zones/bad.example.zone", ZONE.replace("SOA", "SAO"));
    let (code, body) = admin(&place, "POST /v1/reload");
    assert_eq!(
        (code, &body["reloaded"]),
        (200, &Value::Bool(true)),
        "{body}"
    );
    let states: Vec<_> = body["zones_in_trouble"]
        .as_array()
        .unwrap()
        .iter()
        .map(|zone| {
            (
                zone["zone"].as_str().unwrap(),
                zone["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [("bad.example.", "no data"), ("good.example.", "stale")]
    );
    let mistakes = body["mistakes"].to_string();
    assert!(
        mistakes.contains("bad.example.zone:2:6: error: `SAO`"),
        "{mistakes}"
    );
    assert!(
        mistakes.contains("good.example.zone:1:9: error: "),
        "{mistakes}"
    );

    place.write("zones/good.example.zone", ZONE);
    place.write("zones/bad.example.zone", ZONE);
    let (code, body) = admin(&place, "POST /v1/reload");
    assert_eq!(code, 200);
    assert_eq!(body["zones_in_trouble"], Value::Array(Vec::new()));
}

#[test]
fn a_new_zone_that_cannot_be_read_answers_servfail_and_nobody_answers_for_it() {
    let (place, mut server) = with_more_zones();
    // Without the new zone, its parent would deny its names.
    place.write("zones/sub.good.example.zone", "nonsense\n");
    server.reload("configuration reloaded");
    let log = server.process.stderr();
    assert!(
        log.contains("zone sub.good.example. has no data and answers SERVFAIL"),
        "{log}"
    );
    for name in ["sub.good.example", "www.sub.good.example"] {
        let answer = ask(server.address, name, EUROPE);
        assert_eq!(
            (&*answer.rcode, answer.scope),
            ("SERVFAIL", Some(0)),
            "{name}"
        );
    }
    assert_eq!(addresses(&server, "mail.good.example"), ["192.0.2.25"]);
    let explained = place.run(&[
        "explain",
        "www.sub.good.example",
        "A",
        "--client",
        "192.0.2.1",
    ]);
    assert!(
        explained.stdout.contains("whose file could not be read"),
        "{explained:?}"
    );
    assert!(
        explained.stdout.contains("could not read the zone"),
        "{explained:?}"
    );

    // Still wrong: no data yet. Right: data.
    server.reload("configuration reloaded");
    assert_eq!(
        ask(server.address, "sub.good.example", EUROPE).rcode,
        "SERVFAIL"
    );
    place.write("zones/sub.good.example.zone", ZONE);
    server.reload("configuration reloaded");
    assert_eq!(addresses(&server, "mail.sub.good.example"), ["192.0.2.25"]);
}

#[test]
fn a_zone_that_is_no_longer_configured_is_gone_although_another_one_is_kept() {
    let (place, mut server) = with_more_zones();
    std::fs::remove_file(place.path("zones/good.example.zone")).unwrap();
    place.write("zones/other.example.zone", ZONE);
    std::fs::remove_file(place.path("gslb.zone")).unwrap();
    server.reload("configuration reloaded");
    assert_eq!(
        ask(server.address, "mail.good.example", EUROPE).rcode,
        "REFUSED"
    );
    assert_eq!(addresses(&server, "mail.gslb.example.com"), ["192.0.2.25"]);
    let log = server.process.stderr();
    assert!(
        log.contains("gslb.zone: error: cannot read the zone file"),
        "{log}"
    );
}

#[test]
fn kept_balanced_names_go_on_with_the_policy_of_the_same_name_or_fail_without_one() {
    let (place, mut server) = with_more_zones();
    place.write("gslb.zone", "nonsense\n");
    let config = place.read("meridian.toml");
    // The same name, another meaning.
    let other = config.replace(
        "geo = [\"web-eu\", \"web-us\", \"web-ap\"]",
        "failover = [\"web-us\"]",
    );
    place.write("meridian.toml", other);
    server.reload("configuration reloaded");
    assert_eq!(addresses(&server, WWW), ["198.51.100.1"]);

    let renamed = config
        .replace("[policy.world]", "[policy.planet]")
        .replace("policy = \"world\"", "policy = \"planet\"");
    place.write("meridian.toml", renamed);
    server.reload("configuration reloaded");
    assert_eq!(ask(server.address, WWW, EUROPE).rcode, "SERVFAIL");
    assert_eq!(addresses(&server, "mail.gslb.example.com"), ["192.0.2.25"]);
    let log = server.process.stderr();
    assert!(
        log.contains("keeps balanced names of policy world, which is gone"),
        "{log}"
    );
    let (_, status) = admin(&place, "GET /v1/status");
    assert_eq!(status["zones_in_trouble"][0]["policies_gone"][0], "world");
    let explained = place.run(&["explain", WWW, "A", "--client", "192.0.2.1"]);
    assert!(
        explained.stdout.contains("no longer configured"),
        "{explained:?}"
    );

    place.write("gslb.zone", ZONE);
    server.reload("configuration reloaded");
    assert_eq!(addresses(&server, WWW), ["192.0.2.1", "192.0.2.2"]);
}

#[test]
fn a_mistake_in_the_configuration_refuses_everything() {
    let (place, mut server) = with_more_zones();
    place.write(
        "zones/good.example.zone",
        ZONE.replace("192.0.2.25", "192.0.2.26"),
    );
    for (wrong, words) in [
        ("[pool.x]\n", "`region` is missing"),
        // Steered where another zone answers.
        (
            "[zone.\"www.gslb.example.com\"]\nfile = \"zones/good.example.zone\"\n",
            "belongs to",
        ),
    ] {
        place.write("meridian.toml", place.read("meridian.toml") + wrong);
        server.reload("not reloaded");
        assert!(server.process.stderr().contains(words), "{words}");
        assert_eq!(addresses(&server, "mail.good.example"), ["192.0.2.25"]);
        place.write("meridian.toml", config());
    }
}

#[test]
fn a_zone_file_with_a_mistake_refuses_the_start() {
    let place = place();
    place.write("gslb.zone", "nonsense\n");
    let outcome = place.run(&["serve", "--config", "meridian.toml", "--log", "text"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.contains("gslb.zone:1:9: error: "),
        "{outcome:?}"
    );
}

#[test]
fn what_a_zone_includes_is_read_again_although_the_zone_file_is_the_same() {
    let (place, mut server) = with_more_zones();
    place.write("gslb.zone", format!("{ZONE}$include more\n"));
    place.write("more", "new A 192.0.2.91\n");
    server.reload("configuration reloaded");
    assert_eq!(addresses(&server, "new.gslb.example.com"), ["192.0.2.91"]);
    place.write("more", "new A 192.0.2.92\n");
    server.reload("configuration reloaded");
    assert_eq!(addresses(&server, "new.gslb.example.com"), ["192.0.2.92"]);
}

#[test]
fn another_declaration_of_a_zone_is_seen_although_its_file_is_the_same() {
    let (place, mut server) = with_more_zones();
    for (from, to, name, expected) in [
        ("www =", "web =", "web.gslb.example.com", 2),
        ("answers = 2", "answers = 1", WWW, 1),
    ] {
        place.write("meridian.toml", config().replace(from, to));
        server.reload("configuration reloaded");
        assert_eq!(addresses(&server, name).len(), expected, "{name}");
    }
    let file = "file = \"gslb.zone\"";
    let off = config().replace(file, &format!("{file}\nclient_subnet = false"));
    place.write("meridian.toml", off);
    server.reload("configuration reloaded");
    assert_eq!(ask(server.address, WWW, EUROPE).scope, None);
}
