//! Backends whose responses are not what they say.

use std::io::Write;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, atomic::AtomicUsize};

use crate::harness::*;

/// What a client gets of a response that is followed by the end of the connection, if `ends`.
fn of(response: &'static str, ends: bool) -> String {
    let port = backend(move |mut client, _| {
        client.head();
        client.send(response);
        if !ends {
            client.is_closed();
        }
    });
    Site::to(port).talk(LAST)
}

#[test]
fn rfc9110_15_6_3_responses_that_cannot_be_read_are_refused() {
    for wrong in [
        "nonsense\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX : 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ] {
        assert_eq!(status(&of(wrong, false)), 502, "{wrong:?}");
    }
    for early in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nX: 1\r\n"] {
        assert_eq!(status(&of(early, true)), 502, "{early:?}");
    }
}

#[test]
fn rfc9112_8_a_response_that_is_cut_short_is_cut_short_for_the_client() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n",
    ] {
        let said = of(response, true);
        assert_eq!(status(&said), 200);
        assert!(!said.ends_with("0\r\n\r\n"), "{said:?} looks whole");
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        let lengths = values(head, "content-length");
        assert!(lengths.is_empty() || lengths[0] != body.len().to_string());
    }
}

#[test]
fn a_head_without_an_end_is_given_up() {
    for part in ["X: y\r\n", "xxxx"] {
        let port = backend(move |mut client, _| {
            client.head();
            client.send("HTTP/1.1 200 OK\r\nX: ");
            while client.0.write_all(part.as_bytes()).is_ok() {}
        });
        assert_eq!(status(&Site::to(port).talk(LAST)), 502, "{part:?}");
    }
}

#[test]
fn a_head_that_is_too_long_is_refused_and_a_body_that_comes_with_one_is_not() {
    // All of it is there at once, so that it may be read at once.
    for (head, body, expected) in [
        (100_000, 0, 502),
        (1000, 200_000, 200),
        (60_000, 200_000, 200),
    ] {
        let (long, rest) = ("x".repeat(head), "y".repeat(body));
        let port = backend(move |mut client, _| {
            client.head();
            let length = rest.len();
            client.send(format!(
                "HTTP/1.1 200 OK\r\nX: {long}\r\nContent-Length: {length}\r\n\r\n{rest}"
            ));
            client.is_closed();
        });
        let said = Site::to(port).talk(LAST);
        assert_eq!(status(&said), expected, "{head}");
        assert!(
            expected != 200 || said.ends_with(&"y".repeat(body)),
            "{head}"
        );
    }
}

#[test]
fn responses_in_between_without_an_end_are_given_up() {
    let port = backend(|mut client, _| {
        client.head();
        while client.0.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok() {}
    });
    assert_eq!(status(&Site::to(port).talk(LAST)), 502);
}

#[test]
fn rfc9112_9_2_what_stands_behind_a_response_is_nobodys() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let port = backend(move |mut client, _| {
        counted.fetch_add(1, SeqCst);
        while read_head(&mut client).is_some() {
            // The second one is for nobody.
            client.send(OK.to_owned() + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
        }
    });
    let site = Site::to(port);
    let mut client = site.connect();
    for _ in 0..3 {
        client.send(GET);
        client.head();
        assert_eq!(client.until("ok"), "ok");
    }
    assert_eq!(connections.load(SeqCst), 3);
}

#[test]
fn a_body_without_an_end_is_cut_off() {
    let port = backend(|mut client, _| {
        client.head();
        client.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        client.is_closed();
    });
    let said = Site::with("", "body_timeout = \"1s\"", port).talk(LAST);
    assert!(said.ends_with("hello"));
}
