//! RFC 7873: Domain name system (DNS) cookies.

use meridian::dns::cookie::{Secret, Secrets};
use meridian::state::Identity;
use meridian::state::identity::Cookies;

use crate::in_process::wire;
use crate::*;

pub const COOKIE: u16 = 10;
const CLIENT: [u8; 8] = *b"\x24\x64\xc4\xab\xcf\x10\xc9\x57";
pub const NOW_S: u64 = 1_559_731_985;

/// A server that has this secret, at a time.
pub fn with_secrets(secrets: &[u8], require: bool) -> Server {
    let mut server = server();
    let secrets = secrets.iter().map(|&octet| Secret::new([octet; 16]));
    server.set_identity(Identity {
        cookies: Some(Cookies {
            secrets: Secrets::new(secrets.collect()).unwrap(),
            require,
        }),
        ..Identity::default()
    });
    server.set_time(NOW_S);
    server
}

fn baker() -> Server {
    with_secrets(&[1], false)
}

fn strict_baker() -> Server {
    with_secrets(&[1], true)
}

fn without_cookies() -> Server {
    let mut server = server();
    server.set_identity(Identity::default());
    server
}

/// The server cookie that a client with a cookie of its own gets.
#[track_caller]
pub fn learn(server: &mut Server, query: &Query) -> Vec<u8> {
    let reply = server.ask(&query.clone().option(COOKIE, &CLIENT));
    let cookie = reply.option(COOKIE).expect("a cookie");
    assert_eq!(cookie.len(), 24);
    assert_eq!(cookie[..8], CLIENT);
    cookie
}

/// A query without a question.
fn only_cookie(cookie: &[u8]) -> Vec<u8> {
    let message = gslb("mail", "A").option(COOKIE, cookie).message();
    let question = wire::question(&message);
    let mut message = [&message[..question.start], &message[question.end..]].concat();
    message[5] = 0;
    message
}

#[track_caller]
fn exchange(server: &mut Server, message: &[u8]) -> Reply {
    let Query {
        peer, transport, ..
    } = gslb("mail", "A");
    server
        .exchange(message, peer, transport)
        .expect("an answer")
}

#[test]
fn section_5_2_1_without_a_cookie_there_is_none() {
    for mut server in [baker(), strict_baker()] {
        assert_eq!(server.ask(&gslb("mail", "A")).answers().len(), 1);
        let reply = server.ask(&gslb("mail", "A").edns());
        assert_eq!(reply.answers().len(), 1);
        assert_eq!(reply.option(COOKIE), None);
    }
}

#[test]
fn section_5_2_2_other_lengths_are_a_format_error() {
    for len in (0..8).chain(9..16).chain(41..50) {
        let reply = baker().ask(&gslb("mail", "A").option(COOKIE, &vec![1; len]));
        assert_eq!(reply.rcode(), "FORMERR", "{len} octets");
        assert!(reply.opt().is_some());
        assert_eq!(reply.option(COOKIE), None);
    }
    for len in [8].into_iter().chain(16..=40) {
        let reply = baker().ask(&gslb("mail", "A").option(COOKIE, &vec![1; len]));
        assert_eq!(reply.rcode(), "NOERROR", "{len} octets");
    }
}

#[test]
fn section_5_2_of_several_cookies_the_first_counts() {
    for other in [&b"whatever"[..], b"?"] {
        let query = gslb("mail", "A")
            .option(COOKIE, &CLIENT)
            .option(COOKIE, other);
        let reply = baker().ask(&query);
        assert_eq!(reply.rcode(), "NOERROR");
        assert_eq!(reply.option(COOKIE).unwrap()[..8], CLIENT);
    }
}

#[test]
fn section_5_2_3_a_client_cookie_alone_is_answered_with_both() {
    for query in [
        gslb("mail", "A"),
        gslb("mail", "A").tcp(),
        gslb("www", "A").subnet("20.1.2.0/24"),
        gslb("missing", "A"),
        gslb("long", "TXT").payload(512),
        Query::new("elsewhere.example.org", "A"),
        gslb("mail", "A").class(3),
        gslb("mail", "A").opcode(4),
        gslb("@", "AXFR"),
    ] {
        let without = baker().ask(&query.clone().edns());
        let with = baker().ask(&query.clone().option(COOKIE, &CLIENT));
        assert_eq!(with.option(COOKIE).map(|cookie| cookie.len()), Some(24));
        assert_eq!(with.rcode(), without.rcode(), "{query:?}");
        assert_eq!(with.answers(), without.answers());
        assert_eq!(with.scope(), without.scope());
    }
}

#[test]
fn section_5_2_4_a_wrong_server_cookie_counts_as_none() {
    let fresh = learn(&mut baker(), &gslb("mail", "A"));
    for wrong in [[&CLIENT[..], &[9; 16]].concat(), vec![9; 16], vec![9; 40]] {
        let reply = baker().ask(&gslb("mail", "A").option(COOKIE, &wrong));
        assert_eq!(reply.rcode(), "NOERROR");
        assert_eq!(reply.answers().len(), 1);
        let cookie = reply.option(COOKIE).unwrap();
        assert_eq!(cookie[..8], wrong[..8]);
        assert_eq!(cookie == fresh, wrong[..8] == CLIENT);
    }
}

#[test]
fn section_5_2_5_the_right_server_cookie_is_answered_with_both() {
    let cookie = learn(&mut baker(), &gslb("mail", "A"));
    let reply = baker().ask(&gslb("mail", "A").option(COOKIE, &cookie));
    assert_eq!(reply.answers().len(), 1);
    assert_eq!(reply.option(COOKIE), Some(cookie));
}

#[test]
fn section_5_2_5_whatever_is_asked_with_the_right_server_cookie_its_client_is_known() {
    let mut server = baker();
    let cookie = learn(&mut server, &gslb("mail", "A"));
    for query in [
        gslb("mail", "A"),
        gslb("missing", "A"),
        Query::new("elsewhere.example.org", "A"),
        gslb("mail", "A").opcode(4),
    ] {
        server.ask(&query.clone().option(COOKIE, &cookie));
        assert!(server.knows_client(), "{query:?}");
        server.ask(&query.clone().option(COOKIE, &CLIENT));
        assert!(!server.knows_client(), "{query:?}");
        server.ask(&query.clone().option(COOKIE, &cookie));
        server.ask(&query);
        assert!(!server.knows_client(), "{query:?}");
    }
    exchange(&mut server, &only_cookie(&cookie));
    assert!(server.knows_client());
}

#[test]
fn section_5_2_3_who_requires_a_server_cookie_sends_one_instead_of_an_answer() {
    let query = gslb("mail", "A");
    for wrong in [&CLIENT[..], &[&CLIENT[..], &[9; 16]].concat()] {
        let reply = strict_baker().ask(&query.clone().option(COOKIE, wrong));
        assert_eq!(reply.rcode(), "BADCOOKIE");
        assert!(!reply.is_authoritative());
        assert_eq!(reply.answers(), [""; 0]);
        assert_eq!(reply.bytes[wire::question(&reply.bytes)], query.question());
        let cookie = reply.option(COOKIE).unwrap();
        let reply = strict_baker().ask(&query.clone().option(COOKIE, &cookie));
        assert_eq!(reply.rcode(), "NOERROR");
        assert_eq!(reply.answers().len(), 1);
    }
    // Over TCP, nobody forges an address.
    let reply = strict_baker().ask(&query.option(COOKIE, &CLIENT).tcp());
    assert_eq!(reply.answers().len(), 1);
}

#[test]
fn section_5_4_a_server_cookie_may_be_asked_for_without_a_question() {
    let reply = exchange(&mut baker(), &only_cookie(&CLIENT));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(wire::counts(&reply.bytes), [0, 0, 0, 1]);
    let cookie = reply.option(COOKIE).unwrap();
    assert_eq!(cookie, learn(&mut baker(), &gslb("mail", "A")));
    let reply = exchange(&mut baker(), &only_cookie(&cookie));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.option(COOKIE), Some(cookie));
}

#[test]
fn section_5_4_a_wrong_server_cookie_without_a_question_is_badcookie() {
    let wrong = [&CLIENT[..], &[9; 16]].concat();
    let reply = exchange(&mut baker(), &only_cookie(&wrong));
    assert_eq!(reply.rcode(), "BADCOOKIE");
    assert_eq!(
        reply.option(COOKIE),
        Some(learn(&mut baker(), &gslb("mail", "A")))
    );
}

#[test]
fn section_5_4_nothing_else_may_be_asked_without_a_question() {
    let right = only_cookie(&CLIENT);
    let error = |message: &[u8]| exchange(&mut baker(), message).rcode() == "FORMERR";
    assert!(!error(&right));
    assert!(error(&[&right[..], b"x"].concat()));
    // It says that there is an answer.
    let mut message = right.clone();
    message[7] = 1;
    assert!(error(&message));
    // A server without cookies.
    let reply = exchange(&mut without_cookies(), &right);
    assert_eq!(reply.rcode(), "FORMERR");
    assert_eq!(reply.option(COOKIE), None);
    // Without a cookie: see RFC 9619.
}

#[test]
fn section_7_unless_configured_otherwise_cookies_are_used() {
    learn(&mut server(), &gslb("mail", "A"));
}

#[test]
fn section_4_a_server_without_cookies_ignores_them() {
    for cookie in [&CLIENT[..], &[1; 24]] {
        let reply = without_cookies().ask(&gslb("mail", "A").option(COOKIE, cookie));
        assert_eq!(reply.rcode(), "NOERROR");
        assert_eq!(reply.option(COOKIE), None);
    }
}
