//! Access lists and rate limits.

use std::time::Duration;

use super::super::{ClientNetwork, RateLimit};
use super::{FULL, marked, parse_text, reported};
use crate::model::NetworkId;

fn prefix(text: &str) -> ClientNetwork {
    ClientNetwork::Prefix(text.parse().unwrap())
}

fn named(id: u16) -> ClientNetwork {
    ClientNetwork::Named(NetworkId(id))
}

/// The rate limit that stands there when `text` does.
fn rate_limit(text: &str) -> RateLimit {
    let loaded = parse_text(text).expect("right");
    loaded.config.server.rate_limit.expect("a rate limit")
}

/// Reported once, at the mark.
#[track_caller]
fn refused(from: &str, to: &str, expected: &str) {
    assert!(FULL.contains(from), "the example has no {from:?}");
    let (text, place) = marked(&FULL.replacen(from, to, 1));
    assert_eq!(reported(&text), [format!("{place}: error: {expected}")]);
}

#[test]
fn access_lists_are_read() {
    let config = parse_text(FULL).unwrap().config;
    let office = named(0);
    assert_eq!(
        config.server.allow_query,
        Some(vec![
            prefix("192.0.2.0/24"),
            office,
            prefix("2001:db8::/32")
        ])
    );
    assert_eq!(
        config.zones[0].allow_query.as_deref(),
        Some(&[named(2)][..])
    );
}

#[test]
fn by_default_everyone_may_ask_as_often_as_they_like() {
    let config = parse_text("[zone.example]\nfile = \"x\"").unwrap().config;
    assert_eq!(config.server.allow_query, None);
    assert_eq!(config.zones[0].allow_query, None);
    assert_eq!(config.server.rate_limit, None);
}

#[test]
fn a_network_that_only_stands_in_lists_needs_no_location_and_places_nobody() {
    let config = parse_text(FULL).unwrap().config;
    let places: Vec<_> = config.networks.iter().map(|n| n.places_clients).collect();
    assert_eq!(places, [true, true, false]);
}

#[test]
fn mistakes_in_access_lists() {
    let list = "[\"192.0.2.0/24\", \"network:office\", \"2001:db8::/32\"]";
    refused(
        list,
        "¦[]",
        "`allow_query` is empty (leave `allow_query` out to answer everyone)",
    );
    refused(
        list,
        "[\"192.0.2.0/24\", ¦\"192.0.2.0/24\"]",
        "\"192.0.2.0/24\" is in this list already",
    );
    refused(
        list,
        "[¦\"192.0.2.1/24\"]",
        "192.0.2.1/24 has host bits set (did you mean 192.0.2.0/24?)",
    );
    refused(
        list,
        "[¦\"network:ofice\"]",
        "no network named `ofice` (did you mean `office`?)",
    );
    refused(
        list,
        "[¦\"office\"]",
        "expected a prefix such as \"10.0.0.0/8\", or \"network:NAME\", found \"office\" \
         (did you mean \"network:office\"?)",
    );
    refused(
        list,
        "[¦\"192.0.2.1\"]",
        "expected a prefix such as \"10.0.0.0/8\", or \"network:NAME\", found \"192.0.2.1\" \
         (did you mean \"192.0.2.1/32\"?)",
    );
    refused(
        list,
        "[¦7]",
        "expected a prefix such as \"10.0.0.0/8\", or \"network:NAME\", found the integer 7",
    );
    refused(
        "\"network:staff\"\n",
        "¦[]\n[network.other]\nprefixes = \"192.0.2.0/24\"\nlocation = \"DE\"\n",
        "`allow_query` is empty (leave `allow_query` out to answer everyone)",
    );
}

#[test]
fn rate_limits_are_read() {
    assert_eq!(
        rate_limit(FULL),
        RateLimit {
            responses_per_second: 50,
            referrals_per_second: 40,
            negatives_per_second: 30,
            errors_per_second: 0,
            window: Duration::from_secs(10),
            slip: 3,
            ipv4_prefix: 28,
            ipv6_prefix: 48,
            table_size: 5000,
            exempt: vec![named(2), prefix("10.0.0.0/8")],
            dry_run: true,
        }
    );
}

#[test]
fn an_empty_table_turns_the_defaults_on_and_one_rate_stands_for_all() {
    assert_eq!(rate_limit("[server.rate_limit]"), RateLimit::default());
    let limit = rate_limit("[server]\nrate_limit = { responses_per_second = 7 }");
    assert_eq!(
        (
            limit.referrals_per_second,
            limit.negatives_per_second,
            limit.errors_per_second
        ),
        (7, 7, 7)
    );
}

#[test]
fn mistakes_in_rate_limits() {
    let out_of_range =
        |range: &str| format!("is out of range (expected a whole number from {range})");
    for (from, to, value, range) in [
        ("second = 50", "second = ¦100001", "100001", "0 to 100000"),
        ("second = 50", "second = ¦-1", "-1", "0 to 100000"),
        ("slip = 3", "slip = ¦101", "101", "0 to 100"),
        ("ipv4_prefix = 28", "ipv4_prefix = ¦0", "0", "1 to 32"),
        ("ipv4_prefix = 28", "ipv4_prefix = ¦33", "33", "1 to 32"),
        ("ipv6_prefix = 48", "ipv6_prefix = ¦129", "129", "1 to 128"),
        (
            "table_size = 5000",
            "table_size = ¦999",
            "999",
            "1000 to 100000000",
        ),
    ] {
        refused(from, to, &format!("{value} {}", out_of_range(range)));
    }
    refused(
        "window = \"10s\"",
        "window = ¦\"500ms\"",
        "500ms is out of range (expected 1s to 1h)",
    );
    refused(
        "dry_run = true",
        "dry_run = ¦1",
        "expected `true` or `false`, found the integer 1",
    );
    refused(
        "dry_run = true",
        "¦dryrun = true",
        "unknown key `dryrun` (did you mean `dry_run`?)",
    );
    refused(
        "exempt = [\"network:staff\", \"10.0.0.0/8\"]",
        "exempt = [\"network:staff\", ¦\"network:staff\"]",
        "\"network:staff\" is in this list already",
    );
}
