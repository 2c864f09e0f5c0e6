//! Compression of responses: RFC 9110, 8.4 and 12.5.3.

use std::io::Read;

use crate::asking::*;
use crate::harness::*;

const ROUTE: &str = "[[forwarder.route]]\nto = \"web\"\ncompress = { min_size = \"100B\" }\n";

fn decoded(answer: &Answer) -> String {
    let mut text = String::new();
    let read = match answer.value("content-encoding") {
        "gzip" => flate2::read::GzDecoder::new(&*answer.body).read_to_string(&mut text),
        "br" => brotli::Decompressor::new(&*answer.body, 4096).read_to_string(&mut text),
        _ => return answer.text(),
    };
    read.unwrap();
    text
}

#[test]
fn rfc9110_12_5_3_the_client_says_how() {
    let text = "all work and no play ".repeat(10_000);
    let sent = text.clone();
    let (port, _) = scripted(move |_, _| {
        ok(
            "Content-Type: text/plain\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\n",
            &sent,
        )
    });
    let site = site(ROUTE, &[port]);
    for (accepts, coding) in [
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip, br", "br"),
        ("gzip;q=1.0, br;q=0.1", "gzip"),
        ("gzip;q=0", ""),
        ("identity", ""),
    ] {
        let answer = ask(
            &site,
            "GET",
            "/",
            &format!("Accept-Encoding: {accepts}\r\n"),
        );
        assert_eq!(answer.value("content-encoding"), coding, "{accepts}");
        assert_eq!(answer.value("vary"), "Accept-Encoding", "{accepts}");
        assert!(decoded(&answer) == text, "{accepts}");
        match coding {
            "" => assert_eq!(answer.value("etag"), "\"a\""),
            _ => {
                assert_eq!(answer.value("etag"), "W/\"a\"");
                assert!(answer.body.len() < 10_000);
                assert!(values(&answer.head, "content-length").is_empty());
                assert!(values(&answer.head, "accept-ranges").is_empty());
            }
        }
        // 9.3.2: what is said of the response to HEAD is what GET would say.
        let head = ask(
            &site,
            "HEAD",
            "/",
            &format!("Accept-Encoding: {accepts}\r\n"),
        );
        assert_eq!(head.value("content-encoding"), coding, "{accepts}");
        assert_eq!(head.value("etag"), answer.value("etag"), "{accepts}");
        assert_eq!(
            values(&head.head, "content-length").is_empty(),
            !coding.is_empty(),
            "{accepts}"
        );
        assert!(head.body.is_empty());
    }
    assert!(get(&site, "/").value("content-encoding").is_empty());
}

#[test]
fn what_must_stay_as_it_is_does() {
    let long = "x".repeat(1000);
    for fields in [
        "Content-Type: image/png\r\n",
        "Content-Type: text/plain\r\nContent-Encoding: zstd\r\n",
        "Content-Type: text/plain\r\nCache-Control: no-transform\r\n",
        "Content-Type: text/plain\r\nContent-Range: bytes 0-999/2000\r\n",
        "Content-Type: text/plain\r\nRepr-Digest: sha-256=:x:\r\n",
        "",
    ] {
        let long = long.clone();
        let (port, _) = scripted(move |_, _| ok(fields, &long));
        let answer = ask(
            &site(ROUTE, &[port]),
            "GET",
            "/",
            "Accept-Encoding: gzip\r\n",
        );
        assert_eq!(answer.body.len(), 1000, "{fields}");
        assert_eq!(answer.value("content-length"), "1000", "{fields}");
    }
    let (port, _) = scripted(|_, _| ok("Content-Type: text/plain\r\n", "short"));
    let answer = ask(
        &site(ROUTE, &[port]),
        "GET",
        "/",
        "Accept-Encoding: gzip\r\n",
    );
    assert_eq!(answer.text(), "short");
}

#[test]
fn events_are_not_held_back() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let receiver = std::sync::Mutex::new(receiver);
    let port = backend(move |mut client, _| {
        read_head(&mut client);
        client.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send("5\r\nfirst\r\n");
        // Not before the client has read the first.
        receiver.lock().unwrap().recv().unwrap();
        client.send("6\r\nsecond\r\n0\r\n\r\n");
    });
    let site = site(ROUTE, &[port]);
    let mut client = site.connect();
    client.send(
        "GET / HTTP/1.1\r\nHost: a.example\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
    );
    let head = client.head();
    assert_eq!(values(&head, "content-encoding"), ["gzip"]);
    let mut body = Vec::new();
    let mut decoder = flate2::write::GzDecoder::new(Vec::new());
    while !decoder.get_ref().ends_with(b"first") {
        let size = client.until("\r\n");
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        client.0.read_exact(&mut chunk).unwrap();
        std::io::Write::write_all(&mut decoder, &chunk[..size]).unwrap();
        std::io::Write::flush(&mut decoder).unwrap();
    }
    sender.send(()).unwrap();
    client.0.read_to_end(&mut body).unwrap();
    assert!(body.ends_with(b"0\r\n\r\n"));
}
