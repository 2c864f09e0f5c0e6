//! Connections that are passed on as a whole.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;

use rustls::{ServerConnection, StreamOwned};

use crate::harness::*;
use crate::pki::*;

/// A listener of TCP with these lines.
fn tcp(more: &str, backend: &str, port: u16) -> Site {
    Site::of(&tcp_config(more, backend, port))
}

fn tcp_config(more: &str, backend: &str, port: u16) -> String {
    let listener = "[forwarder.listener.web]\nlisten = \"127.0.0.1:0\"\nmode = \"tcp\"\n";
    let text = config(&format!("{listener}{more}\n"), backend, port);
    text.replace("[[forwarder.route]]\nto = \"web\"\n", "")
}

#[test]
fn what_comes_from_either_side_goes_to_the_other_until_both_have_ended() {
    let port = backend(|mut client, _| {
        client.send("hello\n");
        let all = client.rest();
        client.send(format!("{} octets", all.len()));
    });
    let site = tcp("to = \"web\"", "", port);
    let mut client = site.connect();
    assert_eq!(client.until("\n"), "hello\n");
    let many = vec![b'x'; 3_000_000];
    client.send(&many);
    client.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest(), "3000000 octets");
}

#[test]
fn who_takes_nothing_is_sent_nothing() {
    let port = backend(|mut client, _| {
        let mut sent = 0_u64;
        client.0.set_nonblocking(true).unwrap();
        let mut idle = 0;
        while idle < 30 {
            match client.0.write(&[0; 65_536]) {
                Ok(len) => {
                    sent += len as u64;
                    idle = 0;
                }
                Err(_) => {
                    idle += 1;
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            }
            assert!(sent < 1 << 28, "it is taken without end");
        }
        client.0.set_nonblocking(false).unwrap();
        client.send(sent.to_be_bytes());
    });
    let site = tcp("to = \"web\"", "", port);
    let mut client = site.connect();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let mut octets = Vec::new();
    client.0.read_to_end(&mut octets).unwrap();
    let (sent, end) = octets.split_at(octets.len() - 8);
    assert_eq!(end, (sent.len() as u64).to_be_bytes());
}

#[test]
fn another_endpoint_is_tried_where_one_takes_no_connection() {
    let port = backend(|mut client, _| client.send("here"));
    let gone = TcpListener::bind("127.0.0.2:0").unwrap();
    drop(gone);
    let text = tcp_config("to = \"web\"", "", port).replace(
        "[\"127.0.0.1\"]",
        "[\"127.0.0.1\", \"127.0.0.2\", \"127.0.0.3\"]",
    );
    let site = Site::of(&text);
    for _ in 0..20 {
        assert_eq!(site.connect().rest(), "here");
    }
    let none = tcp("to = \"web\"", "", 1);
    assert_eq!(none.connect().rest(), "");
}

#[test]
fn who_is_not_let_in_gets_no_connection() {
    let port = backend(|mut client, _| client.send("here"));
    let kept_out = "to = \"web\"\ndeny = \"127.0.0.0/8\"";
    assert_eq!(tcp(kept_out, "", port).connect().rest(), "");
    let others = "to = \"web\"\ndeny = \"192.0.2.0/24\"";
    assert_eq!(tcp(others, "", port).connect().rest(), "here");
    // It counts whose the connection is, not who passes it on.
    let proxied = format!("{others}\nproxy_protocol = true\ntrusted_proxies = [\"127.0.0.1/32\"]");
    let site = tcp(&proxied, "", port);
    for (from, expected) in [("192.0.2.7", ""), ("198.51.100.7", "here")] {
        let mut client = site.connect();
        client.send(format!("PROXY TCP4 {from} 127.0.0.1 4000 80\r\n"));
        assert_eq!(client.rest(), expected, "{from}");
    }
}

#[test]
fn a_connection_over_which_nothing_goes_is_closed_in_time() {
    let port = backend(|mut client, _| drop(client.rest()));
    let site = tcp("to = \"web\"\nidle_timeout = \"1s\"", "", port);
    assert!(site.connect().is_closed());
}

/// Answers over TLS with `word`; its port.
fn secret(authority: &Authority, own: &Signed, word: &'static str) -> u16 {
    let config = authority.server(own, false);
    backend(move |client, _| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut tls = StreamOwned::new(connection, client.0);
        if tls.write_all(word.as_bytes()).is_ok() {
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    })
}

#[test]
fn tls_is_passed_on_by_the_name_that_is_asked_for() {
    let authority = Authority::new();
    let own = authority.sign("own", &["a.example", "*.b.example", "c.example"]);
    let (a, b, rest) = (
        secret(&authority, &own, "a"),
        secret(&authority, &own, "b"),
        secret(&authority, &own, "rest"),
    );
    let pools = |text: String| {
        let pool = |name: &str, port: u16| {
            format!(
                "[pool.{name}]\nregion = \"eu\"\nendpoints = [\"127.0.0.1\"]\nbackend = {{ port = {port} }}\n"
            )
        };
        text + &pool("a", a) + &pool("b", b)
    };
    let sni = "sni = { \"a.example\" = \"a\", \"*.b.example\" = \"b\" }";
    let all = Site::of(&pools(tcp_config(
        &format!("{sni}\nto = \"web\""),
        "",
        rest,
    )));
    let some = Site::of(&pools(tcp_config(sni, "", rest)));
    let client = authority.client(None, &[]);
    let said = |site: &Site, name: &str| {
        let mut tls = dial(&client, site.address(), name)?;
        let mut text = String::new();
        tls.read_to_string(&mut text).map(|_| text)
    };
    for (name, expected) in [
        ("a.example", "a"),
        ("x.b.example", "b"),
        ("c.example", "rest"),
    ] {
        assert_eq!(said(&all, name).unwrap(), expected);
        match expected {
            "rest" => {
                let error = said(&some, name).unwrap_err().to_string();
                assert!(error.contains("UnrecognisedName"), "{error}");
            }
            _ => assert_eq!(said(&some, name).unwrap(), expected),
        }
    }
    // What is no TLS.
    assert_eq!(all.talk("GET / HTTP/1.1\r\n\r\n"), "");
}

#[test]
fn tls_in_tls_is_warned_of() {
    let text = tcp_config("sni = { \"a.example\" = \"web\" }", "tls = true", 443);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meridian.toml");
    std::fs::write(&path, text).unwrap();
    let (_, told) = meridian::compile::load(&path, None).unwrap();
    let told = format!("{:?}", told.sorted());
    assert!(
        told.contains("passes on to pool `web` is TLS already"),
        "{told}"
    );
}

#[test]
fn tls_may_end_here_and_begin_again() {
    let authority = Authority::new();
    let own = authority.sign("own", &["a.example", "127.0.0.1"]);
    let tls = format!("tls = {{ certificates = [{}] }}\nto = \"web\"", own.table());
    let plain = backend(|mut client, _| {
        let line = client.until("\n");
        client.send(line);
    });
    let config = authority.server(&own, false);
    let secret = backend(move |client, _| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut tls = StreamOwned::new(connection, client.0);
        let mut line = [0; 5];
        tls.read_exact(&mut line).unwrap();
        assert_eq!(tls.conn.alpn_protocol(), None);
        tls.write_all(&line).unwrap();
        tls.conn.send_close_notify();
        tls.flush().unwrap();
    });
    let towards = format!("tls = {{ ca = \"{}\" }}", authority.ca.display());
    let client = authority.client(None, &[]);
    for (backend, port) in [("", plain), (&*towards, secret)] {
        let site = tcp(&tls, backend, port);
        let mut tls = dial(&client, site.address(), "a.example").unwrap();
        assert_eq!(ask(&mut tls, "abcd\n"), "abcd\n", "{backend}");
    }
}

#[test]
fn what_was_passed_on_is_logged_and_so_is_what_nobody_took() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let log = format!("access_log = \"{}\"\n", path.display());
    let with_log = |port| {
        let text = tcp_config("to = \"web\"", "", port);
        Site::of(&text.replace("threads = 1\n", &format!("threads = 1\n{log}")))
    };
    let port = backend(|mut client, _| {
        client.send("hello");
        client.rest();
    });
    let site = with_log(port);
    let mut client = site.connect();
    client.0.write_all(b"abc").unwrap();
    client.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest(), "hello");
    let lines = lines_of(&path, 1);
    let served: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    for (key, value) in [
        ("protocol", "TCP".into()),
        ("listener", "web".into()),
        ("client", "127.0.0.1".into()),
        ("endpoint", format!("127.0.0.1:{port}").into()),
        ("octets_in", 3.into()),
        ("octets", 5.into()),
        ("tries", serde_json::json!(1)),
    ] {
        assert_eq!(served[key], value, "{key}");
    }
    // Nobody listens there.
    let site = with_log(1);
    site.connect().rest();
    let lines = lines_of(&path, 2);
    let unserved: serde_json::Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!(
        (unserved["tries"].as_u64(), unserved.get("endpoint")),
        (Some(1), None)
    );
}

/// So many lines, once they are there.
fn lines_of(path: &std::path::Path, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    crate::rig::until(|| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        lines = text.lines().map(str::to_owned).collect();
        lines.len() >= count
    });
    lines
}
