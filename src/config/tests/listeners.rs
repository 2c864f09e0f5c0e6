//! TLS, TCP and the PROXY protocol of listeners and backends: each mistake at its place.

use super::{marked, reported};

/// A listener and a backend that have these lines.
fn text(listener: &str, backend: &str) -> String {
    format!(
        "[region.eu]\n\
         [pool.web]\nregion = \"eu\"\nendpoints = [\"192.0.2.1\"]\n\
         [pool.web.backend]\n{backend}\n\
         [forwarder.listener.one]\nlisten = \"127.0.0.1:8080\"\n{listener}\n\
         [[forwarder.route]]\nto = \"web\"\n"
    )
}

/// What is reported of them besides what is of the rest, and where the marker `¦` was.
fn told(written: &str) -> (Vec<String>, String) {
    let (text, place) = match written.contains('¦') {
        true => marked(written),
        false => (written.to_owned(), String::new()),
    };
    let rest = reported(&self::text("", ""));
    let all = reported(&text).into_iter();
    (all.filter(|line| !rest.contains(line)).collect(), place)
}

const OWN: &str = "certificates = [{ chain = \"a.pem\", key = \"a.key\" }]";

#[test]
fn right_listeners_and_backends_are_read() {
    for listener in [
        "redirect_to_https = true",
        "redirect_to_https = 8443",
        "proxy_protocol = true\ntrusted_proxies = \"10.0.0.0/8\"",
        &format!("tls = {{ {OWN} }}\nhsts = \"0s\""),
        &format!(
            "tls = {{ {OWN}, strict_sni = true, versions = [\"1.3\"], alpn = [\"http/1.1\"], client_ca = \"ca.pem\", \
             client_certificates = \"optional\", handshake_timeout = \"5s\" }}\n\
             hsts = {{ max_age = \"365d\", include_subdomains = true, preload = true }}"
        ),
        "mode = \"tcp\"\nto = \"web\"\nidle_timeout = \"1h\"",
        "mode = \"tcp\"\nsni = { \"a.example\" = \"web\", \"*.b.example\" = \"web\" }",
        &format!("mode = \"tcp\"\nto = \"web\"\ntls = {{ {OWN}, alpn = [\"imap\"] }}"),
    ] {
        assert_eq!(told(&text(listener, "")).0, [""; 0], "{listener}");
    }
    for backend in [
        "tls = true",
        "tls = false",
        "tls = { sni = \"b.example\", ca = \"ca.pem\", certificate = \"b.pem\", key = \"b.key\" }",
        "tls = { insecure = true }\nprotocol = \"h2\"",
        "proxy_protocol = \"v2\"",
    ] {
        assert_eq!(told(&text("", backend)).0, [""; 0], "{backend}");
    }
    // Where nobody takes requests, there are no routes.
    let text = text("mode = \"tcp\"\nto = \"web\"", "");
    let without = text.replace("[[forwarder.route]]\nto = \"web\"\n", "");
    assert_eq!(told(&without).0, [""; 0]);
}

#[test]
fn mistakes_are_told_where_they_are() {
    let mut wrong = String::new();
    let listeners = [
        (
            "¦proxy_protocol = true",
            "`proxy_protocol` needs `trusted_proxies`",
        ),
        (
            "¦hsts = \"1d\"",
            "`hsts` is for requests that come over `tls`",
        ),
        ("¦to = \"web\"", "`to` is for `mode = \"tcp\"`"),
        (
            "¦idle_timeout = \"1m\"",
            "`idle_timeout` is for `mode = \"tcp\"`",
        ),
        ("mode = ¦\"udp\"", "\"udp\" is none of"),
        ("redirect_to_https = ¦0", "0 is out of range"),
        ("redirect_to_https = ¦\"yes\"", "expected `true`, or a port"),
        ("tls = ¦true", "expected a table such as { certificates"),
        (
            "tls = { certificates = ¦[] }",
            "expected 1 to 10000 certificates, found 0",
        ),
        (
            "tls = { certificates = [¦{ key = \"a\" }] }",
            "`chain` is missing",
        ),
        (
            "mode = \"tcp\"\nto = ¦\"wob\"",
            "no pool or policy named `wob`",
        ),
        (
            "mode = \"tcp\"\nsni = { ¦\"a b\" = \"web\" }",
            "expected a host such as",
        ),
        (
            "mode = \"tcp\"\nsni = { \"a.b\" = \"web\", ¦\"A.B\" = \"web\" }",
            "this name stands here already",
        ),
        (
            "mode = \"tcp\"\nto = \"web\"\n¦redirect_to_https = true",
            "`redirect_to_https` is for requests that come without TLS",
        ),
    ];
    let of_tls = [
        ("versions = ¦[]", "expected \"1.2\", \"1.3\" or both"),
        ("versions = [¦\"1.1\"]", "\"1.1\" is none of"),
        ("alpn = [¦\"h3\"]", "\"h3\" is none of"),
        ("¦client_certificates = \"required\"", "needs `client_ca`"),
        ("handshake_timeout = ¦\"1ms\"", "1ms is out of range"),
    ];
    let backends = [
        ("tls = ¦\"yes\"", "expected `true`, or a table"),
        ("tls = { sni = ¦\"192.0.2.1\" }", "expected a name such as"),
        (
            "tls = { insecure = true, ¦ca = \"a\" }",
            "`ca` has no effect",
        ),
        ("tls = ¦{ certificate = \"a\" }", "`key` is missing"),
        ("proxy_protocol = ¦\"v3\"", "\"v3\" is none of"),
        (
            "protocol = \"h2\"\n¦proxy_protocol = \"v1\"",
            "`proxy_protocol` says of a connection whose it is",
        ),
    ];
    let listeners = listeners.map(|(lines, words)| (text(lines, ""), words));
    let of_tls =
        of_tls.map(|(lines, words)| (text(&format!("tls = {{ {OWN}, {lines} }}"), ""), words));
    let backends = backends.map(|(lines, words)| (text("", lines), words));
    for (text, words) in listeners.into_iter().chain(of_tls).chain(backends) {
        let (told, place) = told(&text);
        let is_right =
            |line: &String| line.starts_with(&format!("{place}: error: ")) && line.contains(words);
        if told.len() != 1 || !told.iter().all(is_right) {
            wrong += &format!("{words} at {place}: {told:#?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
