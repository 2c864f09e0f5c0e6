//! Sessions: a client comes back to the endpoint that it had, as long as that can serve.

use meridian::model::Verdict;

use crate::rig::{Act, Plan, Reply, Rig, address};

const SECRETS: &str = "000102030405060708090a0b0c0d0e0f\n";

fn plan<'a>(route: &'a str) -> Plan<'a> {
    Plan {
        backends: 4,
        route,
        forwarder: "secret_file = \"secrets\"",
        files: &[("secrets", SECRETS)],
        frozen: true,
        ..Plan::default()
    }
}

/// The cookie that a response sets: `name=value`, and its attributes.
fn cookie(reply: &Reply) -> Option<(String, String)> {
    let set = reply.header("set-cookie")?;
    let (pair, attributes) = set.split_once("; ")?;
    Some((pair.to_owned(), attributes.to_owned()))
}

fn with(pair: &str) -> String {
    format!("Cookie: other=1; {pair}\r\n")
}

#[test]
fn a_client_comes_back_to_the_same_and_is_told_once() {
    let rig = Rig::new(plan("session = { cookie = \"s\" }"));
    let first = rig.get("");
    let (pair, attributes) = cookie(&first).expect("a cookie");
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(first.header("cache-control"), Some("private"));
    for _ in 0..20 {
        let again = rig.get(&with(&pair));
        assert_eq!(again.backend(), first.backend());
        assert_eq!(cookie(&again), None);
    }
}

#[test]
fn a_cookie_has_the_attributes_that_are_asked_for_and_no_address() {
    let rig = Rig::new(plan(
        "session = { cookie = \"s\", max_age = \"1h\", path = \"/shop\", same_site = \"strict\", secure = true }",
    ));
    let (pair, attributes) = cookie(&rig.get("")).expect("a cookie");
    let expected = "Path=/shop; HttpOnly; SameSite=Strict; Max-Age=3600; Secure";
    assert_eq!(attributes, expected);
    let (_, value) = pair.split_once('=').unwrap();
    let octets: Vec<u8> = (0..value.len() / 2)
        .map(|at| u8::from_str_radix(&value[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    for number in 0..4 {
        let octets_of = address(number).octets();
        assert!(!octets.windows(4).any(|four| four == octets_of));
    }
}

#[test]
fn what_was_made_up_or_changed_counts_for_nothing() {
    let rig = Rig::new(plan("session = { cookie = \"s\" }"));
    let (pair, _) = cookie(&rig.get("")).expect("a cookie");
    let turned = match pair.ends_with('0') {
        true => format!("{}1", &pair[..pair.len() - 1]),
        false => format!("{}0", &pair[..pair.len() - 1]),
    };
    let long = format!("s={}", "0".repeat(4_000));
    for wrong in [
        &*turned,
        "s=",
        "s=1",
        "s",
        &*long,
        &pair.replace("s=", "s=0"),
    ] {
        let reply = rig.get(&with(wrong));
        reply.backend();
        assert!(cookie(&reply).is_some(), "{wrong}");
    }
    // A right one behind wrong ones counts.
    let reply = rig.get(&with(&format!("s=1; {pair}")));
    assert_eq!(cookie(&reply), None);
}

#[test]
fn sessions_of_who_is_down_move_once_and_do_not_come_back() {
    let rig = Rig::new(plan("session = { cookie = \"s\" }"));
    let first = rig.get("");
    let (pair, _) = cookie(&first).expect("a cookie");
    rig.set_verdict(first.backend(), Verdict::Down);
    let moved = rig.get(&with(&pair));
    assert_ne!(moved.backend(), first.backend());
    let (now, _) = cookie(&moved).expect("another cookie");
    rig.set_verdict(first.backend(), Verdict::Up);
    for _ in 0..10 {
        assert_eq!(rig.get(&with(&now)).backend(), moved.backend());
    }
}

#[test]
fn a_session_whose_endpoint_fails_goes_on_elsewhere() {
    let rig = Rig::new(plan("session = { cookie = \"s\" }"));
    let first = rig.get("");
    let (pair, _) = cookie(&first).expect("a cookie");
    rig.backends[first.backend()].acts(Act::Close);
    let moved = rig.get(&with(&pair));
    assert_ne!(moved.backend(), first.backend());
    assert!(cookie(&moved).is_some());
}

#[test]
fn nodes_with_equal_secrets_agree_and_old_secrets_are_good() {
    let route = "session = { cookie = \"s\" }";
    let one = Rig::new(plan(route));
    let first = one.get("");
    let (pair, _) = cookie(&first).expect("a cookie");
    let other = one.beside(plan(route));
    let there = other.get(&with(&pair));
    assert_eq!((there.backend(), cookie(&there)), (first.backend(), None));
    let both = format!("ffffffffffffffffffffffffffffffff\n{SECRETS}");
    let newer = one.beside(Plan {
        files: &[("secrets", &both)],
        ..plan(route)
    });
    let renewed = newer.get(&with(&pair));
    assert_eq!(renewed.backend(), first.backend());
    let (new, _) = cookie(&renewed).expect("one of the new secret");
    assert_ne!(new, pair);
    // Who does not know that secret yet takes it for none.
    assert!(cookie(&one.get(&with(&new))).is_some());
}

#[test]
fn a_cookie_is_secure_where_a_trusted_proxy_says_that_the_client_came_by_tls() {
    let rig = Rig::new(Plan {
        listener: "trusted_proxies = [\"127.0.0.1/32\"]",
        ..plan("session = { cookie = \"s\" }")
    });
    for (said, expected) in [("https", true), ("http", false)] {
        let (_, attributes) =
            cookie(&rig.get(&format!("X-Forwarded-Proto: {said}\r\n"))).expect("a cookie");
        assert_eq!(attributes.contains("Secure"), expected, "{said}");
    }
}
