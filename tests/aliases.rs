//! Endpoints that are the addresses of another name: a server that resolves them for real, from another one.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use meridian::compile::{self, Whole};
use meridian::config::{Addresses, Resolved};
use meridian::dns::Name;
use meridian::model::Family;
use meridian::testing::TestServer;

/// Of the name's own zone: answers with it hold for a second.
fn upstream_zone(records: &str) -> String {
    format!(
        "$TTL 1\n@ SOA ns admin 1 7200 1800 1209600 1\n@ NS ns\nns A 192.0.2.53\n\
         cdn CNAME lb\n{records}"
    )
}

/// Who answers for `example.net`.
fn upstream(records: &str) -> TestServer {
    let config = "[zone.\"example.net\"]\nfile = \"zone\"\n";
    TestServer::start(config, &[("zone", &upstream_zone(records))]).unwrap()
}

const ZONE: &str = "@ 60 SOA ns admin 1 7200 1800 1209600 60\n@ 60 NS ns\nns 60 A 192.0.2.53\n";

fn config(resolver: SocketAddr, more: &str) -> String {
    format!(
        "[resolver]\nservers = [\"{resolver}\"]\ntimeout = \"500ms\"\n{more}\n\
         [region.r]\n\
         [pool.p]\nregion = \"r\"\nendpoints = [{{ alias = \"cdn.example.net\" }}]\n\
         [pool.mixed]\nregion = \"r\"\nendpoints = [\"192.0.2.99\", {{ alias = \"lb.example.net.\", weight = 0 }}]\n\
         [policy.here]\nfailover = [\"p\"]\n\
         [policy.both]\nfailover = [\"p\", \"mixed\"]\n\
         [policy.beside]\nfailover = [\"mixed\"]\n\
         [zone.\"example.com\"]\nfile = \"zone\"\n\
         [zone.\"example.com\".balanced]\n\
         \"@\" = {{ policy = \"here\", ttl = [\"0s\", \"30s\"], answers = 4 }}\n\
         both = {{ policy = \"both\" }}\n\
         mixed = {{ policy = \"beside\" }}\n"
    )
}

fn started(resolver: SocketAddr, more: &str) -> TestServer {
    TestServer::start(&config(resolver, more), &[("zone", ZONE)]).unwrap()
}

/// The response code, and the addresses in order of their text.
fn asked(server: &TestServer, name: &str, rtype: &str) -> (String, Vec<String>) {
    let answer = server.query(name, rtype, None).unwrap();
    let mut addresses: Vec<_> = answer.addresses.iter().map(IpAddr::to_string).collect();
    addresses.sort();
    (answer.rcode, addresses)
}

fn says(rcode: &str, addresses: &[&str]) -> (String, Vec<String>) {
    let addresses = addresses.iter().map(ToString::to_string);
    (rcode.to_owned(), addresses.collect())
}

#[track_caller]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_apex_has_the_addresses_of_another_name_in_both_families_and_follows_them() {
    let upstream = upstream("lb A 192.0.2.1\nlb A 192.0.2.2\nlb AAAA 2001:db8::1\n");
    let server = started(upstream.address(), "");
    let apex = |rtype| asked(&server, "example.com", rtype);
    assert_eq!(apex("A"), says("NOERROR", &["192.0.2.1", "192.0.2.2"]));
    assert_eq!(apex("AAAA"), says("NOERROR", &["2001:db8::1"]));
    let ttl_s = server.query("example.com", "A", None).unwrap().ttl_s;
    assert_eq!(ttl_s, Some(1), "that of the records which led there");

    let zone = upstream_zone("lb A 192.0.2.3\n");
    upstream.reload_with("zone", &zone).unwrap();
    eventually("the change is followed", || {
        apex("A") == says("NOERROR", &["192.0.2.3"])
    });
    // A family that is gone is gone, and that is said of it.
    eventually("the family is gone", || {
        apex("AAAA") == says("NOERROR", &[])
    });
}

#[test]
fn what_was_known_last_is_kept_and_given_up_in_the_end() {
    let upstream = upstream("lb A 192.0.2.1\n");
    let address = upstream.address();
    let server = started(address, "keep = \"1h\"");
    let apex = |rtype| asked(&server, "example.com", rtype);
    assert_eq!(apex("A"), says("NOERROR", &["192.0.2.1"]));
    drop(upstream);
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(apex("A"), says("NOERROR", &["192.0.2.1"]));
    // No longer than is configured, and that may change.
    let text = config(address, "keep = \"0s\"");
    server.reload_with("meridian.toml", &text).unwrap();
    // Not that there is no address: nobody knows.
    eventually("it is given up", || apex("A") == says("SERVFAIL", &[]));
    assert_eq!(apex("AAAA"), says("SERVFAIL", &[]));
    // What else there is goes on.
    let both = |rtype| asked(&server, "both.example.com", rtype);
    assert_eq!(both("A"), says("NOERROR", &["192.0.2.99"]));
}

#[test]
fn a_name_that_was_never_resolved_is_no_reason_not_to_start() {
    // Nobody answers there.
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = started(
        nobody.local_addr().unwrap(),
        "[server]\nstartup_grace = \"100ms\"",
    );
    for rtype in ["A", "AAAA"] {
        assert_eq!(asked(&server, "example.com", rtype), says("SERVFAIL", &[]));
    }
    assert_eq!(
        asked(&server, "both.example.com", "A"),
        says("NOERROR", &["192.0.2.99"])
    );
    // Half of it is known, and up: the other family is just not there now.
    assert_eq!(
        asked(&server, "mixed.example.com", "AAAA"),
        says("NOERROR", &[])
    );

    // A reload that names another resolver asks it.
    let upstream = upstream("lb A 192.0.2.1\n");
    server
        .reload_with("meridian.toml", &config(upstream.address(), ""))
        .unwrap();
    eventually("the new resolver is asked", || {
        asked(&server, "example.com", "A") == says("NOERROR", &["192.0.2.1"])
    });
    // And a name that is new then is resolved before it is answered.
    let other = upstream_zone("lb A 192.0.2.1\nother A 192.0.2.4\n");
    upstream.reload_with("zone", &other).unwrap();
    let text = config(upstream.address(), "").replace("cdn.example.net", "other.example.net");
    server.reload_with("meridian.toml", &text).unwrap();
    assert_eq!(
        asked(&server, "example.com", "A"),
        says("NOERROR", &["192.0.2.4"])
    );
}

#[test]
fn addresses_beside_an_alias_go_by_weight_as_ever() {
    let upstream = upstream("lb A 192.0.2.1\nlb A 192.0.2.99\nlb AAAA 2001:db8::1\n");
    let server = started(upstream.address(), "");
    let mixed = |rtype| asked(&server, "mixed.example.com", rtype);
    // 192.0.2.99 stands there itself, with a weight; what has none is the last resort.
    assert_eq!(mixed("A"), says("NOERROR", &["192.0.2.99"]));
    assert_eq!(mixed("AAAA"), says("NOERROR", &["2001:db8::1"]));
}

#[test]
fn what_names_lead_to_changes_pools_only_and_a_reload_remembers_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meridian.toml");
    std::fs::write(&path, config(([127, 0, 0, 1], 53).into(), "")).unwrap();
    std::fs::write(folder.path().join("zone"), ZONE).unwrap();
    let (before, _) = compile::load(&path, None).unwrap();
    let resolved = |text: &str| Resolved {
        address: text.parse().unwrap(),
        ttl_s: 5,
    };
    let known = |text: &str| -> Addresses {
        let name = Name::parse("cdn.example.net").unwrap();
        [(name, vec![resolved(text)])].into()
    };
    let one = compile::expand(&before, known("192.0.2.1").into());
    let endpoints = |whole: &Whole| whole.parts.pools.endpoints.len();
    assert_eq!((endpoints(&before), endpoints(&one)), (1, 2));
    let (old, new) = (&before.parts.served[0].zone, &one.parts.served[0].zone);
    assert!(Arc::ptr_eq(old, new), "zones are shared");
    assert!(Arc::ptr_eq(&before.world, &one.world));
    let same = compile::expand(&one, known("192.0.2.1").into());
    assert!(Arc::ptr_eq(&one.parts.pools, &same.parts.pools));

    // Whether the configuration is read again or not.
    for text in ["", "# A comment.\n"] {
        let text = std::fs::read_to_string(&path).unwrap() + text;
        std::fs::write(&path, text).unwrap();
        let (again, _) = compile::reload(&one, 0, &path, None).unwrap();
        assert!(Arc::ptr_eq(&one.parts.pools, &again.parts.pools));
    }
    let other = compile::expand(&one, known("192.0.2.2").into());
    assert_eq!(endpoints(&other), 2);
    assert!(!Arc::ptr_eq(&one.parts.pools, &other.parts.pools));
}

/// What leads to IPv4 today may lead to IPv6 tomorrow: that it does not is never true for as long as the SOA says.
#[test]
fn either_family_may_be_there_tomorrow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meridian.toml");
    std::fs::write(folder.path().join("zone"), ZONE).unwrap();
    std::fs::write(&path, config("127.0.0.1:53".parse().unwrap(), "")).unwrap();
    let (whole, _) = compile::load(&path, None).unwrap();
    let resolved = Resolved {
        address: "192.0.2.1".parse().unwrap(),
        ttl_s: 60,
    };
    let names = ["cdn.example.net", "lb.example.net"].map(|name| Name::parse(name).unwrap());
    let addresses = Addresses::from(names.map(|name| (name, vec![resolved])));
    let whole = compile::expand(&whole, addresses.into());
    for policy in &whole.parts.pools.policies {
        assert!(policy.has(Family::V4) && policy.has(Family::V6));
    }
}
