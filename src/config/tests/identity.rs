//! `[server.identity]` and `[server.cookies]`.

use super::{FULL, marked, parse_text, reported};
use crate::dns::cookie::Secret;

#[test]
fn both_tables_are_read() {
    let server = parse_text(FULL)
        .expect("the example is right")
        .config
        .server;
    assert_eq!(server.identity.nsid.as_deref(), Some(&b"fra1"[..]));
    assert_eq!(server.identity.version.as_deref(), Some("Meridian"));
    assert_eq!(server.identity.hostname.as_deref(), Some("ns1.example.net"));
    assert_eq!(server.identity.id.as_deref(), Some("fra1"));
    let secret = |hex| Secret::from_hex(hex).unwrap();
    let expected = [
        secret("e5e973e5a6b2a43f48e7dc849e37bfcf"),
        secret("445536bcd2513298075a5d379663c962"),
    ];
    let secrets = server.cookies.secrets.expect("there are some");
    assert_eq!(secrets.value, expected);
    assert!(server.cookies.enabled && server.cookies.require);
}

#[test]
fn without_them_nothing_is_said_and_cookies_are_used() {
    let server = parse_text("").expect("nothing is wrong").config.server;
    assert_eq!(server.identity, Default::default());
    assert!(server.cookies.enabled && !server.cookies.require);
    assert_eq!(
        (server.cookies.secrets, server.cookies.secret_file),
        (None, None)
    );
}

#[test]
fn an_nsid_is_text_or_octets() {
    let nsid = |value: &str| {
        let text = format!("[server.identity]\nnsid = \"{value}\"");
        parse_text(&text).expect(value).config.server.identity.nsid
    };
    assert_eq!(nsid("ns1"), Some(b"ns1".to_vec()));
    assert_eq!(nsid("0x00fF"), Some(vec![0, 255]));
    assert_eq!(nsid("0X00"), Some(b"0X00".to_vec()));
    assert_eq!(nsid(&"x".repeat(128)).map(|nsid| nsid.len()), Some(128));
}

/// One mistake, at the mark, with this text.
fn assert_mistakes(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let (text, place) = marked(text);
        let text = text + "\n[zone.example]\nfile = \"example.zone\"";
        assert_eq!(reported(&text), [format!("{place}: {expected}")], "{text}");
    }
}

#[test]
fn mistakes_in_what_the_server_says() {
    assert_mistakes(&[
        (
            "[server]\nidentity = ¦\"ns1\"",
            "error: expected a table [server.identity], found the string \"ns1\"",
        ),
        (
            "[server.identity]\n¦nsidd = \"ns1\"",
            "error: unknown key `nsidd` (did you mean `nsid`?)",
        ),
        (
            "[server.identity]\nnsid = ¦\"\"",
            "error: expected a text such as \"fra1\", or octets such as \"0x66726131\", found \"\"",
        ),
        (
            "[server.identity]\nnsid = ¦\"0x123\"",
            "error: expected pairs of hexadecimal digits after \"0x\"",
        ),
        (
            "[server.identity]\nnsid = ¦\"0x\"",
            "error: expected pairs of hexadecimal digits after \"0x\"",
        ),
        (
            "[server.identity]\nversion = ¦9",
            "error: expected a text such as \"ns1-fra\", found the integer 9",
        ),
    ]);
    let long =
        |key: &str, len: usize| format!("[server.identity]\n{key} = ¦\"{}\"", "x".repeat(len));
    assert_mistakes(&[
        (
            &long("nsid", 129),
            "error: is 129 octets long, 128 at most are told",
        ),
        (
            &long("id", 256),
            "error: is 256 octets long, 255 at most are told",
        ),
    ]);
}

#[test]
fn mistakes_in_secrets_show_neither_them_nor_their_line() {
    const FORM: &str =
        "error: expected 32 hexadecimal digits, as `openssl rand -hex 16` makes them";
    const SECRET: &str = "\"e5e973e5a6b2a43f48e7dc849e37bfcf\"";
    let five = format!("[{}]", [SECRET; 5].join(", "));
    for (secrets, expected) in [
        ("[\"e5e973e5a6b2a43f48e7dc849e37bfc\"]", FORM),
        ("[1234]", FORM),
        (
            SECRET,
            "error: expected a list of secrets, the one that signs first",
        ),
        ("[]", "error: expected 1 to 4 secrets, found 0"),
        (&five, "error: expected 1 to 4 secrets, found 5"),
    ] {
        let text = format!("[zone.a]\nfile = \"a\"\n[server.cookies]\nsecrets = {secrets}");
        // Without a column: see `Place`.
        assert_eq!(reported(&text), [format!("4: {expected}")]);
    }
}

#[test]
fn a_slip_beside_a_secret_does_not_show_it() {
    const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
    for line in [
        "secrets = [SECRET]",
        "secrets = [\"SECRET]",
        "secrets = [\"SECRET\"] secret_file = \"x\"",
        "secrets = [\"SECRET\", \"SECRET\"]\nsecrets = [\"SECRET\"]",
        "secret = [\"SECRET\"]",
        "secret_file = [\"SECRET\"]",
        "SECRET = 1",
        "enabled = \"SECRET\"",
        "enabled = SECRET",
    ] {
        let line = line.replace("SECRET", SECRET);
        let text = format!("[zone.a]\nfile = \"a\"\n[server.cookies]\n{line}\n");
        let said = reported(&text);
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(!said[0].contains(&SECRET[..8]), "{said:#?}");
        // Without a column: see `Place`.
        let place = format!("{}: error: ", 3 + line.lines().count());
        assert!(said[0].starts_with(&place), "{said:#?}");
    }
}

#[test]
fn mistakes_in_what_else_is_said_of_cookies() {
    assert_mistakes(&[
        (
            "[server.cookies]\nsecrets = [\"e5e973e5a6b2a43f48e7dc849e37bfcf\"]\n¦secret_file = \"s\"",
            "error: `secret_file` and `secrets` exclude each other",
        ),
        (
            "[server.cookies]\nenabled = false\n¦require = true",
            "warning: `require` has no effect while `enabled` is false",
        ),
        (
            "[server.cookies]\nenabled = ¦\"no\"",
            "error: expected `true` or `false`, found the string \"no\"",
        ),
    ]);
}
