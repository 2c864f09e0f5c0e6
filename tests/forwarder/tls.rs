//! TLS with clients, and towards backends.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use meridian::compile;
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::{HandshakeKind, ServerConnection, StreamOwned};

use crate::harness::*;
use crate::pki::*;

fn listener(tls: &str, more: &str) -> String {
    format!("tls = {{ {tls} }}\n{more}")
}

fn certificates(all: &[&Signed]) -> String {
    let all: Vec<_> = all.iter().map(|signed| signed.table()).collect();
    format!("certificates = [{}]", all.join(", "))
}

/// Whose certificate a client is shown: the name of its file.
fn shown(tls: &Tls) -> String {
    let shown = tls.conn.peer_certificates().unwrap();
    let certificate = meridian::tls::Certificate::read(&shown[0]).unwrap();
    certificate.subject()
}

#[test]
fn requests_come_over_tls_and_backends_are_told_so() {
    let authority = Authority::new();
    let own = authority.sign("own", &["a.example"]);
    let site = Site::with(&listener(&certificates(&[&own]), ""), "", echoing());
    let client = authority.client(None, &["http/1.1"]);
    let mut tls = dial(&client, site.address(), "a.example").unwrap();
    assert_eq!(tls.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let response = ask(&mut tls, LAST);
    assert_eq!(status(&response), 200);
    assert_eq!(values(&response, "x-forwarded-proto"), ["https"]);
    // What speaks no TLS is not served, and harms nobody.
    assert_eq!(site.talk(LAST).len(), 7, "an alert");
    let mut tls = dial(&client, site.address(), "a.example").unwrap();
    assert_eq!(status(&ask(&mut tls, LAST)), 200);
}

#[test]
fn rfc7301_http2_is_agreed_on_where_both_speak_it() {
    let authority = Authority::new();
    let own = authority.sign("own", &["a.example"]);
    let site = Site::with(&listener(&certificates(&[&own]), ""), "", answering(OK));
    let client = authority.client(None, &["h2", "http/1.1"]);
    let mut tls = dial(&client, site.address(), "a.example").unwrap();
    assert_eq!(tls.conn.alpn_protocol(), Some(b"h2".as_slice()));
    tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    let mut head = [0; 9];
    tls.read_exact(&mut head).unwrap();
    assert_eq!(head[3], 4, "SETTINGS");
    let other = authority.client(None, &["imap"]);
    assert!(dial(&other, site.address(), "a.example").is_err());
}

#[test]
fn rfc6066_3_each_name_has_its_certificate() {
    let authority = Authority::new();
    let first = authority.sign("first", &["a.example"]);
    let wild = authority.sign("wild", &["*.b.example", "b.example"]);
    let exact = authority.sign("exact", &["x.b.example"]);
    let all = certificates(&[&first, &wild, &exact]);
    let site = Site::with(&listener(&all, ""), "", answering(OK));
    let strict = format!("{all}, strict_sni = true");
    let strict = Site::with(&listener(&strict, ""), "", answering(OK));
    let client = authority.client(None, &[]);
    for (name, expected) in [
        ("a.example", "CN=first"),
        ("b.example", "CN=wild"),
        ("y.b.example", "CN=wild"),
        ("x.b.example", "CN=exact"),
    ] {
        for site in [&site, &strict] {
            let tls = dial(&client, site.address(), name).unwrap();
            assert_eq!(shown(&tls), expected, "{name}");
        }
    }
    for name in ["other.example", "x.y.b.example", "127.0.0.1"] {
        // The first is shown, and the client sees that it is not for the name.
        let error = dial(&client, site.address(), name).unwrap_err().to_string();
        assert!(error.contains("not valid for name"), "{name}: {error}");
        let error = dial(&client, strict.address(), name)
            .unwrap_err()
            .to_string();
        assert!(error.contains("AccessDenied"), "{name}: {error}");
    }
}

#[test]
fn versions_are_those_that_are_configured() {
    let authority = Authority::new();
    let own = authority.sign("own", &["a.example"]);
    for (versions, v1_2, v1_3) in [
        ("[\"1.2\"]", true, false),
        ("[\"1.3\"]", false, true),
        ("[\"1.2\", \"1.3\"]", true, true),
    ] {
        let tls = format!("{}, versions = {versions}", certificates(&[&own]));
        let site = Site::with(&listener(&tls, ""), "", answering(OK));
        for (version, is_taken) in [
            (&rustls::version::TLS12, v1_2),
            (&rustls::version::TLS13, v1_3),
        ] {
            let config = rustls::ClientConfig::builder_with_provider(meridian::tls::provider())
                .with_protocol_versions(&[version])
                .unwrap();
            let anchors = meridian::tls::anchors_in(&authority.ca).unwrap();
            let config = config.with_root_certificates(anchors).with_no_client_auth();
            let tls = dial(&Arc::new(config), site.address(), "a.example");
            assert_eq!(tls.is_ok(), is_taken, "{versions} {version:?}");
        }
    }
}

#[test]
fn sessions_go_on_over_connections_threads_and_reloads() {
    let authority = Authority::new();
    let own = authority.sign("own", &["a.example"]);
    let text = |tls: &str| {
        let listener = format!(
            "[forwarder.listener.web]\nlisten = \"127.0.0.1:0\"\n{}",
            listener(tls, "")
        );
        config(&listener, "", answering(OK)).replace("threads = 1", "threads = 4")
    };
    let plain = certificates(&[&own]);
    let site = Site::of(&text(&plain));
    let client = authority.client(None, &[]);
    let kind = |client| {
        let mut tls = dial(client, site.address(), "a.example").unwrap();
        assert_eq!(status(&ask(&mut tls, LAST)), 200);
        tls.conn.handshake_kind().unwrap()
    };
    assert_eq!(kind(&client), HandshakeKind::Full);
    for _ in 0..10 {
        assert_eq!(kind(&client), HandshakeKind::Resumed);
    }
    authority.sign("own", &["a.example", "b.example"]);
    site.reload(&text(&plain)).unwrap();
    assert_eq!(kind(&client), HandshakeKind::Resumed);
    // Where clients are asked for certificates now, nobody comes in by a session of before.
    let ca = authority.ca.display();
    let asking = format!("{plain}, client_ca = \"{ca}\", client_certificates = \"optional\"");
    site.reload(&text(&asking)).unwrap();
    assert_eq!(kind(&client), HandshakeKind::Full);
}

#[test]
fn a_reload_brings_new_certificates_and_ends_no_connection() {
    let authority = Authority::new();
    let own = authority.sign("own", &["a.example"]);
    let tls = listener(&certificates(&[&own]), "");
    let text = config(
        &format!("[forwarder.listener.web]\nlisten = \"127.0.0.1:0\"\n{tls}"),
        "",
        answering(OK),
    );
    let site = Site::of(&text);
    let client = || authority.client(None, &[]);
    let mut kept = dial(&client(), site.address(), "a.example").unwrap();
    authority.sign_as("own", &["b.example"], |_| {});
    site.reload(&text).unwrap();
    assert!(dial(&client(), site.address(), "a.example").is_err());
    dial(&client(), site.address(), "b.example").unwrap();
    // A key that does not fit refuses the reload, and what there is goes on.
    let other = authority.sign("other", &["b.example"]);
    fs::copy(&other.key, &own.key).unwrap();
    let mistakes = site.reload(&text).unwrap_err();
    let told = mistakes.last().unwrap();
    assert!(told.contains("own.key: is not the key of"), "{mistakes:?}");
    dial(&client(), site.address(), "b.example").unwrap();
    assert_eq!(status(&ask(&mut kept, LAST)), 200);
}

/// What is said of a listener with this `tls`, without the folders.
fn told(tls: &str) -> (bool, Vec<String>) {
    told_with(tls, "")
}

/// The same where the route has these lines.
fn told_with(tls: &str, route: &str) -> (bool, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meridian.toml");
    let listener = format!(
        "[forwarder.listener.web]\nlisten = \"127.0.0.1:0\"\n{}",
        listener(tls, "")
    );
    let text = config(&listener, "", 80) + route;
    fs::write(&path, text).unwrap();
    let (is_right, told) = match compile::load(&path, None) {
        Ok((_, warnings)) => (true, warnings),
        Err(mistakes) => (false, mistakes),
    };
    let told = told.sorted();
    let told = told.iter().map(ToString::to_string);
    (
        is_right,
        told.filter(|line| !line.contains("no zone")).collect(),
    )
}

#[test]
fn what_is_wrong_with_certificates_is_told_in_words() {
    let authority = Authority::new();
    let right = authority.sign("right", &["a.example"]);
    let (is_right, words) = told(&certificates(&[&right]));
    assert!(is_right && words.is_empty(), "{words:?}");

    let (year, month, day) = day_in(5);
    let soon = date_time_ymd(year, month, day);
    let ended = authority.sign_as("ended", &["a.example"], |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let ends = authority.sign_as("ends", &["a.example"], |params| params.not_after = soon);
    let begins = authority.sign_as("begins", &["a.example"], |params| {
        params.not_before = date_time_ymd(2090, 1, 1);
    });
    let order = authority.sign("order", &["a.example"]);
    let chain = [&order.chain, &right.chain].map(|path| fs::read_to_string(path).unwrap());
    fs::write(&order.chain, chain.concat()).unwrap();
    let open = authority.sign("open", &["a.example"]);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(&open.key, mode).unwrap();
    let nameless = authority.sign("nameless", &[]);
    for (signed, words) in [
        (&ended, "the certificate ended at 2021-01-01 00:00 UTC"),
        (&ends, "UTC, in 4 days"),
        (&begins, "begins at 2090-01-01 00:00 UTC"),
        (
            &order,
            "certificate 2 of the chain is not the one that signed certificate 1",
        ),
        (&open, "everybody may read"),
        (&nameless, "has no names"),
    ] {
        let (is_right, told) = told(&certificates(&[signed]));
        assert!(is_right, "{told:?}");
        assert!(
            told.iter().any(|line| line.contains(words)),
            "{words}: {told:?}"
        );
    }

    let names = certificates(&[&right, &authority.sign("odd", &["odd.example"])]);
    let (_, words) = told_with(&names, "host = [\"a.example\", \"*.b.example\"]");
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(words[0].contains("no route is for the names of the certificate: odd.example"));

    let broken = authority.sign("broken", &["a.example"]);
    fs::write(&broken.chain, "nothing").unwrap();
    let swapped = Signed {
        chain: right.chain.clone(),
        key: ends.key.clone(),
    };
    let keyless = Signed {
        chain: right.chain.clone(),
        key: right.chain.clone(),
    };
    let missing = Signed {
        chain: "/nowhere/a.pem".into(),
        key: right.key.clone(),
    };
    for (signed, words) in [
        (&broken, "expected certificates in PEM"),
        (&swapped, "is not the key of the certificate"),
        (&keyless, "expected a private key in PEM"),
        (&missing, "cannot be read: No such file"),
    ] {
        let (is_right, told) = told(&certificates(&[signed]));
        assert!(!is_right, "{words}");
        assert!(
            told.iter().any(|line| line.contains(words)),
            "{words}: {told:?}"
        );
        assert!(told[0].contains("meridian.toml:"), "{told:?}");
    }
}

/// Year, month and day, so many days from now (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn day_in(days: i64) -> (i32, u8, u8) {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let days = since.as_secs() as i64 / 86_400 + days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year as i32, month as u8, day as u8)
}

#[test]
fn clients_show_certificates_and_backends_are_told_whose() {
    let authority = Authority::new();
    let own = authority.sign("own", &["a.example"]);
    let client = authority.sign_as("client", &["c.example"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let ca = authority.ca.display();
    let tls = format!("{}, client_ca = \"{ca}\"", certificates(&[&own]));
    let required = Site::with(&listener(&tls, ""), "", echoing());
    let tls = format!("{tls}, client_certificates = \"optional\"");
    let optional = Site::with(&listener(&tls, ""), "", echoing());
    let forged = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\
                  X-Client-Cert-Subject: CN=root\r\nx_client_cert_subject: CN=root\r\n\
                  Client-Cert: :AAAA:\r\n\r\n";
    let with = authority.client(Some(&client), &[]);
    for site in [&required, &optional] {
        let mut tls = dial(&with, site.address(), "a.example").unwrap();
        let response = ask(&mut tls, forged);
        assert_eq!(values(&response, "x-client-cert-subject"), ["CN=client"]);
        assert_eq!(values(&response, "x-client-cert-san"), ["DNS:c.example"]);
        assert!(!response.contains("root") && !response.contains("AAAA"));
        // A session that goes on has the same certificate.
        let mut tls = dial(&with, site.address(), "a.example").unwrap();
        let response = ask(&mut tls, forged);
        assert_eq!(tls.conn.handshake_kind(), Some(HandshakeKind::Resumed));
        assert_eq!(values(&response, "x-client-cert-subject"), ["CN=client"]);
    }
    let without = authority.client(None, &[]);
    let mut tls = dial(&without, optional.address(), "a.example").unwrap();
    let response = ask(&mut tls, forged);
    assert_eq!(status(&response), 200);
    assert!(!response.contains("root") && !response.contains("client-cert"));
    // With TLS 1.3 the client learns of it when it reads.
    let refused = dial(&without, required.address(), "a.example");
    assert!(refused.map_or(true, |mut tls| ask(&mut tls, forged).is_empty()));
    let elsewhere = Authority::new();
    let stranger = elsewhere.sign("stranger", &["c.example"]);
    let with = authority.client(Some(&stranger), &[]);
    for site in [&required, &optional] {
        let refused = dial(&with, site.address(), "a.example");
        assert!(refused.map_or(true, |mut tls| ask(&mut tls, forged).is_empty()));
    }
}

#[test]
fn rfc6797_browsers_are_told_to_come_back_over_tls() {
    let authority = Authority::new();
    let own = authority.sign("own", &["a.example"]);
    let hsts = "hsts = { max_age = \"365d\", include_subdomains = true }";
    let site = Site::with(&listener(&certificates(&[&own]), hsts), "", answering(OK));
    let client = authority.client(None, &[]);
    for request in [LAST, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"] {
        let mut tls = dial(&client, site.address(), "a.example").unwrap();
        let response = ask(&mut tls, request);
        let value = "max-age=31536000; includeSubDomains";
        let hsts = values(&response, "strict-transport-security");
        assert!(status(&response) == 400 || hsts == [value], "{response}");
    }
}

#[test]
fn plain_requests_are_sent_to_https() {
    for (more, place) in [
        ("redirect_to_https = true", "https://a.example/b?c=d"),
        ("redirect_to_https = 8443", "https://a.example:8443/b?c=d"),
    ] {
        let site = Site::with(more, "", answering(OK));
        let response = site.talk(
            "POST /b?c=d HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n",
        );
        assert_eq!(status(&response), 308);
        assert_eq!(values(&response, "location"), [place]);
        let response = site.talk("GET / HTTP/1.0\r\n\r\n");
        assert_eq!(status(&response), 400);
    }
}

/// Answers each request over TLS with `ok`; its port.
fn tls_backend(config: Arc<rustls::ServerConfig>) -> u16 {
    backend(move |client, _| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut tls = StreamOwned::new(connection, client.0);
        let mut octets = Vec::new();
        loop {
            let mut octet = [0];
            let Ok(1) = tls.read(&mut octet) else { return };
            octets.push(octet[0]);
            if octets.ends_with(b"\r\n\r\n") {
                octets.clear();
                let kind = format!("{:?}", tls.conn.handshake_kind().unwrap());
                let name = tls.conn.server_name().unwrap_or("none").to_owned();
                let head = format!("HTTP/1.1 200 OK\r\nX-Kind: {kind}\r\nX-Name: {name}\r\n");
                tls.write_all(head.as_bytes()).unwrap();
                tls.write_all(b"Content-Length: 2\r\n\r\nok").unwrap();
            }
        }
    })
}

#[test]
fn backends_are_spoken_to_over_tls_and_must_be_who_they_should() {
    let authority = Authority::new();
    let own = authority.sign("own", &["b.example", "127.0.0.1"]);
    let shown = authority.sign("shown", &["c.example"]);
    let port = tls_backend(authority.server(&own, false));
    let asking = tls_backend(authority.server(&own, true));
    let ca = authority.ca.display();
    let certificate = format!(
        "certificate = \"{}\", key = \"{}\"",
        shown.chain.display(),
        shown.key.display()
    );
    for (tls, port, expected) in [
        (format!("{{ ca = \"{ca}\" }}"), port, 200),
        (
            format!("{{ ca = \"{ca}\", sni = \"b.example\" }}"),
            port,
            200,
        ),
        (
            format!("{{ ca = \"{ca}\", sni = \"x.example\" }}"),
            port,
            502,
        ),
        ("true".to_owned(), port, 502),
        (
            "{ insecure = true, sni = \"x.example\" }".to_owned(),
            port,
            200,
        ),
        (format!("{{ ca = \"{ca}\" }}"), asking, 502),
        (format!("{{ ca = \"{ca}\", {certificate} }}"), asking, 200),
    ] {
        let site = Site::with("", &format!("tls = {tls}"), port);
        let response = site.talk(LAST);
        assert_eq!(status(&response), expected, "{tls}: {response}");
        if expected == 200 && tls.contains("b.example") {
            assert_eq!(values(&response, "x-name"), ["b.example"]);
        }
    }
}

#[test]
fn sessions_with_backends_go_on() {
    let authority = Authority::new();
    let own = authority.sign("own", &["b.example"]);
    let port = tls_backend(authority.server(&own, false));
    let ca = authority.ca.display();
    let backend = format!("idle_timeout = \"0s\"\ntls = {{ ca = \"{ca}\", sni = \"b.example\" }}");
    let site = Site::with("", &backend, port);
    assert_eq!(values(&site.talk(LAST), "x-kind"), ["Full"]);
    assert_eq!(values(&site.talk(LAST), "x-kind"), ["Resumed"]);
}

#[test]
fn a_handshake_takes_no_longer_than_it_may() {
    let authority = Authority::new();
    let own = authority.sign("own", &["a.example"]);
    let tls = format!("{}, handshake_timeout = \"100ms\"", certificates(&[&own]));
    let site = Site::with(&listener(&tls, ""), "", answering(OK));
    let mut silent = TcpStream::connect(site.address()).unwrap();
    silent.set_read_timeout(Some(GUARD)).unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
}
