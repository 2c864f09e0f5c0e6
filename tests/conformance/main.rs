//! What the standards demand, by section: real zones, asked through the answer engine, answers
//! decoded by an implementation that is not ours, and octets read where that hides them. What they say
//! of connections is asked of a nameserver on loopback.
//!
//! The zones and the configuration are the files beside this one.

#[path = "../in_process/mod.rs"]
mod in_process;
#[path = "../loopback/mod.rs"]
mod loopback;

mod rfc1034;
mod rfc1034_zones;
mod rfc1035;
mod rfc1794;
mod rfc1995;
mod rfc2181;
mod rfc2308;
mod rfc2782;
mod rfc3404;
mod rfc3597;
mod rfc4035;
mod rfc4343;
mod rfc4592;
mod rfc4892;
mod rfc5001;
mod rfc6604;
mod rfc6672;
mod rfc6891;
mod rfc7766;
mod rfc7828;
mod rfc7830;
mod rfc7871;
mod rfc7873;
mod rfc8020;
mod rfc8482;
mod rfc8906;
mod rfc8914;
mod rfc8945;
mod rfc9018;
mod rfc9210;
mod rfc9460;
mod rfc9471;
mod rfc9609;
mod rfc9619;

use std::sync::LazyLock;

use in_process::{Query, Reply, Server, compile};
use meridian::compile::Whole;

static WHOLE: LazyLock<Whole> = LazyLock::new(|| {
    compile(&[
        ("meridian.toml", include_str!("meridian.toml")),
        ("feed.csv", include_str!("feed.csv")),
        (
            "gslb.example.com.zone",
            include_str!("gslb.example.com.zone"),
        ),
        ("plain.example.zone", include_str!("plain.example.zone")),
        (
            "inner.gslb.example.com.zone",
            include_str!("inner.gslb.example.com.zone"),
        ),
        (
            "redirected.example.zone",
            include_str!("redirected.example.zone"),
        ),
        ("hosts.zone", include_str!("hosts.zone")),
        ("services.zone", include_str!("services.zone")),
        (
            "bare.gslb.example.com.zone",
            include_str!("bare.gslb.example.com.zone"),
        ),
    ])
    .unwrap_or_else(|mistakes| panic!("{mistakes}"))
});

/// Everything is up.
fn server() -> Server {
    Server::new(&WHOLE, 1)
}

#[track_caller]
fn ask(query: &Query) -> Reply {
    server().ask(query)
}

/// A query for a name below gslb.example.com ("@" for the apex).
#[track_caller]
fn gslb(name: &str, rtype: &str) -> Query {
    match name {
        "@" => Query::new("gslb.example.com", rtype),
        name => Query::new(&format!("{name}.gslb.example.com"), rtype),
    }
}

/// A query for a name in one of the zones that share their file.
#[track_caller]
fn in_zone(zone: &str, name: &str, rtype: &str) -> Query {
    match name {
        "@" => Query::new(zone, rtype),
        name => Query::new(&format!("{name}.{zone}"), rtype),
    }
}

/// The SOA record of negative answers of gslb.example.com.
const NEGATIVE_SOA: &str = "gslb.example.com. 60 IN SOA ns1.gslb.example.com. \
    hostmaster.example.com. 2026112101 7200 1800 1209600 60";

/// "There is nothing of this type": authoritative, with the SOA.
#[track_caller]
fn assert_no_data(reply: &Reply) {
    assert_eq!(reply.rcode(), "NOERROR");
    assert_negative(reply);
}

/// "There is no such name".
#[track_caller]
fn assert_no_name(reply: &Reply) {
    assert_eq!(reply.rcode(), "NXDOMAIN");
    assert_negative(reply);
}

#[track_caller]
fn assert_negative(reply: &Reply) {
    assert!(reply.is_authoritative());
    assert!(!reply.is_truncated());
    assert_eq!(reply.answers(), [""; 0]);
    assert_eq!(reply.authority(), [NEGATIVE_SOA]);
    assert_eq!(reply.additional(), [""; 0]);
}

/// The answer section holds these records, in any order, and the answer is authoritative.
#[track_caller]
fn assert_answers(reply: &Reply, expected: &[&str]) {
    assert_eq!(reply.rcode(), "NOERROR");
    assert!(reply.is_authoritative());
    assert_same(reply.answers(), expected);
}

/// Equal but for the order: there is none in a section (RFC 2181, 5).
#[track_caller]
fn assert_same(mut lines: Vec<String>, expected: &[&str]) {
    let mut expected = expected.to_vec();
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
}
