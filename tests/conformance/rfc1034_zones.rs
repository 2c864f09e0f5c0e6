//! RFC 1034: Domain names, concepts. Sections 4.2 and 4.3.2, step 2: the root, a zone of it, one of
//! that, and one of that again, all served here.

use crate::*;

const CONFIG: &str = r#"
[region.here]
location = [0, 0]
[pool.web]
region = "here"
endpoints = ["192.0.2.80"]
[policy.any]
failover = ["web"]
[zone."."]
file = "root.zone"
[zone."example"]
file = "example.zone"
balanced."*.balanced" = { policy = "any" }
[zone."gslb.example"]
file = "gslb.zone"
[zone."zone.deep.gslb.example"]
file = "deep.zone"
balanced.www = { policy = "any" }
"#;

/// Delegates a zone that is here, one that is not, and has names of its own.
const ROOT: &str = "$TTL 60
@ SOA ns hostmaster 1 2 3 4 5
@ NS ns
ns A 192.0.2.1
example NS ns.example
example DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000
ns.example A 192.0.2.2
elsewhere NS ns.elsewhere
ns.elsewhere A 192.0.2.3
alias CNAME alias.example.
*.wild TXT root
";
const EXAMPLE: &str = "$TTL 60
@ SOA ns hostmaster 2 2 3 4 5
@ NS ns
ns A 192.0.2.2
gslb NS ns.gslb
gslb DS 2 13 2 0000000000000000000000000000000000000000000000000000000000000000
ns.gslb A 192.0.2.4
alias CNAME www.gslb
up CNAME ns.
";
const GSLB: &str = "$TTL 60
@ SOA ns hostmaster 3 2 3 4 5
@ NS ns
ns A 192.0.2.4
www CNAME www.zone.deep
host.deep A 192.0.2.5
";
const DEEP: &str = "$TTL 60
@ SOA ns.gslb.example. hostmaster 4 2 3 4 5
@ NS ns.gslb.example.
* TXT deep
";

#[track_caller]
fn ask(name: &str, rtype: &str) -> Reply {
    static WHOLE: LazyLock<Whole> = LazyLock::new(|| {
        compile(&[
            ("meridian.toml", CONFIG),
            ("root.zone", ROOT),
            ("example.zone", EXAMPLE),
            ("gslb.zone", GSLB),
            ("deep.zone", DEEP),
        ])
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
    });
    Server::new(&WHOLE, 1).ask(&Query::new(name, rtype))
}

/// The serial number of the SOA of a negative answer: it says which zone answered.
#[track_caller]
fn answered_by(reply: &Reply) -> String {
    assert!(reply.is_authoritative());
    assert_eq!(reply.answers(), [""; 0]);
    let [soa] = <[String; 1]>::try_from(reply.authority()).expect("a SOA record");
    soa.split(' ').nth(6).expect("a serial number").to_owned()
}

#[test]
fn section_4_3_2_step_2_the_nearest_zone_answers() {
    for (name, rcode, serial) in [
        (".", "NOERROR", "1"),
        ("nothing", "NXDOMAIN", "1"),
        ("a.b.c.nothing", "NXDOMAIN", "1"),
        // Not below `example`, although it ends like it.
        ("xexample", "NXDOMAIN", "1"),
        ("example", "NOERROR", "2"),
        ("nothing.example", "NXDOMAIN", "2"),
        ("xgslb.example", "NXDOMAIN", "2"),
        ("gslb.example", "NOERROR", "3"),
        ("a.b.nothing.gslb.example", "NXDOMAIN", "3"),
        ("GSLB.Example", "NOERROR", "3"),
        // An empty non-terminal of the zone above, and of nobody else.
        ("deep.gslb.example", "NOERROR", "3"),
        ("nothing.deep.gslb.example", "NXDOMAIN", "3"),
        ("zone.deep.gslb.example", "NOERROR", "4"),
        ("nothing.zone.deep.gslb.example", "NOERROR", "4"),
    ] {
        let reply = ask(name, "MX");
        assert_eq!(reply.rcode(), rcode, "{name}");
        assert_eq!(answered_by(&reply), serial, "{name}");
    }
}

#[test]
fn section_4_2_1_the_root_has_records_of_its_own() {
    assert_answers(&ask(".", "NS"), &[". 60 IN NS ns."]);
    assert_answers(&ask("ns", "A"), &["ns. 60 IN A 192.0.2.1"]);
    assert_answers(&ask("a.wild", "TXT"), &["a.wild. 60 IN TXT root"]);
}

#[test]
fn section_4_2_1_a_zone_that_is_here_is_answered_for_and_another_is_referred_to() {
    let reply = ask("example", "NS");
    assert_answers(&reply, &["example. 60 IN NS ns.example."]);
    let reply = ask("www.elsewhere", "A");
    assert!(!reply.is_authoritative());
    assert_eq!(reply.authority(), ["elsewhere. 60 IN NS ns.elsewhere."]);
    assert_eq!(reply.additional(), ["ns.elsewhere. 60 IN A 192.0.2.3"]);
}

/// RFC 4035, 3.1.4.1.
#[test]
fn ds_at_a_cut_is_answered_by_the_zone_above_down_all_levels() {
    for (name, upper) in [("example", "AAEN"), ("gslb.example", "AAIN")] {
        let reply = ask(name, "DS");
        assert!(reply.is_authoritative(), "{name}");
        assert_eq!(reply.answers().len(), 1, "{name}");
        // The key tag, undecoded, is the upper zone's serial number.
        let start = format!("{name}. 60 IN DS {upper}");
        assert!(
            reply.answers()[0].starts_with(&start),
            "{:?}",
            reply.answers()
        );
    }
    // Nobody is above the root, and nobody delegates the deepest one.
    assert_eq!(answered_by(&ask(".", "DS")), "1");
    assert_eq!(answered_by(&ask("zone.deep.gslb.example", "DS")), "4");
}

#[test]
fn section_4_3_2_step_3a_a_chain_is_followed_from_the_root_down_through_all_zones() {
    assert_answers(
        &ask("alias", "A"),
        &[
            "alias. 60 IN CNAME alias.example.",
            "alias.example. 60 IN CNAME www.gslb.example.",
            "www.gslb.example. 60 IN CNAME www.zone.deep.gslb.example.",
            "www.zone.deep.gslb.example. 30 IN A 192.0.2.80",
        ],
    );
    // Not back up: the client goes on.
    assert_answers(&ask("up.example", "A"), &["up.example. 60 IN CNAME ns."]);
}

#[test]
fn a_balanced_wildcard_stops_where_another_zone_begins() {
    let steered = "x.balanced.example. 30 IN A 192.0.2.80";
    assert_answers(&ask("x.balanced.example", "A"), &[steered]);
    assert_eq!(answered_by(&ask("x.balanced.gslb.example", "A")), "3");
}

/// The zones above, of which `example` is new at a reload, and cannot be read.
#[track_caller]
fn ask_without_data(name: &str, rtype: &str) -> Reply {
    static WHOLE: LazyLock<Whole> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meridian.toml");
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("root.zone", ROOT);
        std::fs::create_dir(folder.path().join("zones")).unwrap();
        write("zones/gslb.example", GSLB);
        let files = "files = [\"zones/*\"]";
        let root = "[zone.\".\"]\nfile = \"root.zone\"";
        write("meridian.toml", &format!("[zones]\n{files}\n{root}\n"));
        let Ok((before, _)) = meridian::compile::load(&path, None) else {
            panic!("mistakes");
        };
        write("zones/example", "nonsense\n");
        let Ok((whole, _)) = meridian::compile::reload(&before, 0, &path, None) else {
            panic!("mistakes");
        };
        whole
    });
    Server::new(&WHOLE, 1).ask(&Query::new(name, rtype).edns())
}

/// RFC 8914, 4.25.
#[test]
fn a_zone_that_could_not_be_read_fails_and_is_not_denied_by_the_zone_above() {
    for (name, rtype) in [
        ("example", "SOA"),
        ("www.example", "A"),
        ("x.y.example", "DS"),
        ("gslb.example", "DS"),
    ] {
        let reply = ask_without_data(name, rtype);
        assert_eq!(reply.rcode(), "SERVFAIL", "{name}");
        assert!(!reply.is_authoritative());
        assert_eq!((reply.answers().len(), reply.authority().len()), (0, 0));
        let error = reply.option(15).expect("an Extended DNS Error");
        assert_eq!(error[..2], 24_u16.to_be_bytes());
    }
    // What the zones above and below say stays true.
    assert!(ask_without_data("example", "DS").is_authoritative());
    assert_answers(
        &ask_without_data("ns.gslb.example", "A"),
        &["ns.gslb.example. 60 IN A 192.0.2.4"],
    );
    assert_answers(
        &ask_without_data("alias", "A"),
        &["alias. 60 IN CNAME alias.example."],
    );
}
