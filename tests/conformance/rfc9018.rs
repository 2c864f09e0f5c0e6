//! RFC 9018: Interoperable domain name system (DNS) server cookies. The vectors of its appendix A are
//! beside the code (`dns::cookie`); one is here, as octets of messages.

use meridian::dns::cookie::{Secret, Secrets};
use meridian::state::Identity;
use meridian::state::identity::Cookies;

use crate::rfc7873::{COOKIE, NOW_S, learn, with_secrets};
use crate::*;

#[test]
fn appendix_a_1_a_new_server_cookie() {
    let mut server = server();
    let secret = Secret::from_hex("e5e973e5a6b2a43f48e7dc849e37bfcf").unwrap();
    server.set_identity(Identity {
        cookies: Some(Cookies {
            secrets: Secrets::new(vec![secret]).unwrap(),
            require: false,
        }),
        ..Identity::default()
    });
    server.set_time(1_559_731_985);
    let cookie = learn(&mut server, &gslb("mail", "A").from("198.51.100.100"));
    assert_eq!(
        cookie[8..],
        *b"\x01\x00\x00\x00\x5c\xf7\x9f\x11\x1f\x81\x30\xc3\xee\xe2\x94\x80"
    );
}

#[test]
fn section_4_3_a_cookie_is_renewed_after_half_an_hour_and_dies_after_one() {
    let query = gslb("mail", "A");
    let mut server = with_secrets(&[1], true);
    let cookie = learn(&mut server, &query);
    let query = query.option(COOKIE, &cookie);
    for (age_s, rcode, is_kept) in [
        (1800, "NOERROR", true),
        (1801, "NOERROR", false),
        (3600, "NOERROR", false),
        (3601, "BADCOOKIE", false),
    ] {
        server.set_time(NOW_S + age_s);
        let reply = server.ask(&query);
        assert_eq!(reply.rcode(), rcode, "{age_s}");
        let next = reply.option(COOKIE).unwrap();
        assert_eq!(next == cookie, is_kept, "{age_s}");
        assert_eq!(next[..8], cookie[..8]);
    }
    for (ahead_s, rcode) in [(300, "NOERROR"), (301, "BADCOOKIE")] {
        server.set_time(NOW_S - ahead_s);
        assert_eq!(server.ask(&query).rcode(), rcode, "{ahead_s}");
    }
}

#[test]
fn section_4_4_a_cookie_is_good_for_one_address() {
    let query = gslb("mail", "A");
    let mut server = with_secrets(&[1], true);
    for address in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
        let query = query.clone().from(address);
        let cookie = learn(&mut server, &query);
        let query = query.option(COOKIE, &cookie);
        assert_eq!(server.ask(&query).rcode(), "NOERROR");
        assert_eq!(
            server.ask(&query.clone().from("192.0.2.2")).rcode(),
            "BADCOOKIE"
        );
        assert_eq!(server.ask(&query.from("2001:db8::2")).rcode(), "BADCOOKIE");
    }
}

#[test]
fn section_5_secrets_are_rolled_over_without_a_cookie_lost() {
    let query = gslb("mail", "A");
    let old = learn(&mut with_secrets(&[1], true), &query);
    let new = learn(&mut with_secrets(&[2], true), &query);
    // The new one is known everywhere; then it signs; then the old one goes.
    for (secrets, old_is_good, new_is_good, signed) in [
        (&[1][..], true, false, &old),
        (&[1, 2], true, true, &old),
        (&[2, 1], true, true, &new),
        (&[2], false, true, &new),
    ] {
        let mut server = with_secrets(secrets, true);
        let mut is_good = |cookie: &[u8]| {
            let reply = server.ask(&query.clone().option(COOKIE, cookie));
            (reply.rcode() == "NOERROR", reply.option(COOKIE).unwrap())
        };
        // What was made with a secret that does not sign any more is renewed.
        assert_eq!(is_good(&old).0, old_is_good, "{secrets:?}");
        assert_eq!(is_good(&new).0, new_is_good, "{secrets:?}");
        assert_eq!(&is_good(&old).1, signed, "{secrets:?}");
        assert_eq!(&is_good(&new).1, signed, "{secrets:?}");
    }
}

#[test]
fn section_4_servers_with_the_same_secret_know_each_others_clients() {
    let query = gslb("mail", "A");
    let cookie = learn(&mut with_secrets(&[1], true), &query);
    let query = query.option(COOKIE, &cookie);
    assert_eq!(with_secrets(&[1], true).ask(&query).rcode(), "NOERROR");
    assert_eq!(with_secrets(&[3], true).ask(&query).rcode(), "BADCOOKIE");
}
