//! HTTP/1 between a client and a backend: RFC 9112 and RFC 9110, by their sections.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc;

use crate::harness::*;

#[test]
fn rfc9112_9_3_connections_are_kept_on_both_sides() {
    let (port, connections) = counting();
    let site = Site::to(port);
    let mut client = site.connect();
    for _ in 0..5 {
        client.send(GET);
        assert_eq!(status(&client.head()), 200);
        assert_eq!(client.until("ok"), "ok");
    }
    assert_eq!(connections.load(SeqCst), 1);
}

#[test]
fn rfc9112_9_3_2_pipelined_requests_are_answered_in_their_order() {
    let site = Site::to(echoing());
    let request = |path| format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let said = site.talk(request("a") + &request("b") + &request("c") + LAST);
    let lines: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("GET"))
        .collect();
    let expected = ["a", "b", "c", ""].map(|path| format!("GET /{path} HTTP/1.1"));
    assert_eq!(lines, expected);
}

#[test]
fn rfc9112_2_5_clients_of_http_1_0_get_a_body_that_ends_with_the_connection() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let site = Site::to(answering(chunked));
    let said = site.talk("GET / HTTP/1.0\r\n\r\n");
    assert!(said.ends_with("\r\n\r\nok"), "{said}");
    assert!(values(&said, "transfer-encoding").is_empty(), "{said}");
}

#[test]
fn rfc9112_9_3_clients_of_http_1_0_may_keep_the_connection() {
    let site = Site::to(answering(OK));
    let mut client = site.connect();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(values(&client.head(), "connection"), ["keep-alive"]);
    client.until("ok");
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert!(client.rest().ends_with("ok"));
}

#[test]
fn rfc9112_3_2_a_request_has_one_host() {
    let site = Site::to(answering(OK));
    for wrong in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:80@b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]b\r\n\r\n",
        "GET http://a:b@c/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let mut client = site.connect();
        client.send(wrong);
        assert_eq!(status(&client.head()), 400, "{wrong:?}");
    }
}

#[test]
fn rfc9112_3_3_where_there_is_none_it_is_the_address_that_was_asked() {
    let site = Site::to(echoing());
    let said = site.talk("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(values(&said, "host"), [site.address().to_string()]);
    assert!(values(&said, "x-forwarded-host").is_empty(), "{said}");
}

#[test]
fn rfc9112_3_2_2_the_host_of_the_target_counts() {
    let site = Site::to(echoing());
    let said = site
        .talk("GET http://b.example/x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    assert!(said.contains("GET /x HTTP/1.1\r\n"), "{said}");
    assert_eq!(values(&said, "host"), ["b.example"]);
}

#[test]
fn rfc9112_3_2_4_a_star_is_a_target() {
    let site = Site::to(echoing());
    let said = site.talk("OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(said.contains("OPTIONS * HTTP/1.1\r\n"), "{said}");
}

#[test]
fn rfc9110_9_3_6_connect_is_refused() {
    let site = Site::to(answering(OK));
    for method in ["CONNECT a.example:443", "TRACE /"] {
        let mut client = site.connect();
        client.send(format!("{method} HTTP/1.1\r\nHost: a.example:443\r\n\r\n"));
        assert_eq!(status(&client.head()), 501);
    }
}

#[test]
fn rfc9110_9_3_2_responses_to_head_have_no_body_and_keep_their_length() {
    let site = Site::to(answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"));
    let said = site.talk(
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 2, "{said}");
    assert_eq!(values(&said, "content-length"), ["1000", "1000"]);
    assert!(said.ends_with("\r\n\r\n"));
}

#[test]
fn rfc9110_15_3_5_and_15_4_5_some_responses_have_no_body() {
    for response in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 7\r\n\r\n",
    ] {
        let site = Site::to(answering(response));
        let mut client = site.connect();
        for _ in 0..2 {
            client.send(GET);
            let head = client.head();
            assert_eq!(status(&head), status(response));
            assert!(values(&head, "transfer-encoding").is_empty(), "{head}");
        }
    }
}

#[test]
fn rfc9110_10_1_1_a_client_that_waits_is_told_to_go_on_once_a_backend_listens() {
    let port = backend(|mut client, _| {
        let head = client.head();
        assert!(values(&head, "expect").is_empty(), "{head}");
        client.until("body");
        client.send(OK);
    });
    let site = Site::to(port);
    let mut client = site.connect();
    let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    client.send(request);
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body");
    assert_eq!(status(&client.head()), 200);
}

#[test]
fn rfc9110_10_1_1_what_is_refused_is_refused_before_the_body_is_sent() {
    let site = Site::with("body_max = 3", "", answering(OK));
    let mut client = site.connect();
    let expecting = |len, what: &str| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\nExpect: {what}\r\n\r\n")
    };
    client.send(expecting(4, "100-continue"));
    assert_eq!(status(&client.head()), 413);
    let mut client = site.connect();
    client.send(expecting(3, "miracles"));
    assert_eq!(status(&client.head()), 417);
}

#[test]
fn rfc9110_15_2_responses_in_between_are_passed_over() {
    let site = Site::to(answering(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ));
    let said = site.talk(LAST);
    assert_eq!(status(&said), 200, "{said}");
    assert!(said.ends_with("ok"));
}

#[test]
fn rfc9112_7_1_bodies_are_streamed_both_ways_with_their_trailers() {
    let (told, heard) = mpsc::channel();
    let port = backend(move |mut client, _| {
        let head = client.head();
        assert_eq!(values(&head, "transfer-encoding"), ["chunked"], "{head}");
        // The first part is there before the client sends the next one.
        client.until("first\r\n");
        told.send(()).unwrap();
        let body = client.until("\r\n\r\n");
        assert!(
            body.to_ascii_lowercase().contains("0\r\nx-sum: 7\r\n"),
            "{body:?}"
        );
        client.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Check\r\n\r\n");
        client.send("2\r\nok\r\n0\r\nX-Check: 9\r\n\r\n");
    });
    let site = Site::to(port);
    let mut client = site.connect();
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\
         Connection: TE, close\r\nTrailer: X-Sum\r\n\r\n5\r\nfirst\r\n",
    );
    heard.recv_timeout(GUARD).unwrap();
    client.send("6\r\nsecond\r\n0\r\nX-Sum: 7\r\n\r\n");
    let said = client.rest().to_ascii_lowercase();
    assert!(said.contains("0\r\nx-check: 9\r\n\r\n"), "{said:?}");
}

#[test]
fn rfc9110_9_3_1_a_body_of_a_get_goes_with_it() {
    let port = backend(|mut client, _| {
        let head = client.head();
        assert_eq!(values(&head, "transfer-encoding"), ["chunked"], "{head}");
        client.until("0\r\n\r\n");
        client.send(OK);
    });
    let site = Site::to(port);
    let said = site.talk(
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
         4\r\nbody\r\n0\r\n\r\n",
    );
    assert_eq!(status(&said), 200);
}

#[test]
fn a_large_body_waits_for_a_client_that_reads_slowly() {
    const LEN: usize = 64 << 20;
    let (told, heard) = mpsc::channel();
    let port = backend(move |mut client, _| {
        client.head();
        client.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LEN}\r\n\r\n"));
        client.0.set_nonblocking(true).unwrap();
        let part = [b'x'; 65_536];
        let mut sent = 0;
        // Whatever is in between takes some, and not all.
        let mut stalls = 0;
        while sent < LEN && stalls < 50 {
            match std::io::Write::write(&mut client.0, &part[..part.len().min(LEN - sent)]) {
                Ok(len) => (sent, stalls) = (sent + len, 0),
                Err(_) => {
                    stalls += 1;
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            }
        }
        told.send(sent).unwrap();
        client.0.set_nonblocking(false).unwrap();
        while sent < LEN {
            sent +=
                std::io::Write::write(&mut client.0, &part[..part.len().min(LEN - sent)]).unwrap();
        }
        client.until("never");
    });
    let site = Site::to(port);
    let mut client = site.connect();
    client.send(LAST);
    client.head();
    let sent = heard.recv_timeout(GUARD).unwrap();
    assert!(sent < LEN / 2, "{sent} octets are held somewhere");
    assert_eq!(client.rest().len(), LEN);
}

#[test]
fn a_connection_that_rests_goes_on_where_it_was() {
    let site = Site::with("requests_max = 3", "", answering(OK));
    let mut client = site.connect();
    for request in 0..3 {
        // Longer than a look around takes twice.
        std::thread::sleep(std::time::Duration::from_millis(1300));
        // In two parts, of which the first is what wakes it.
        client.send(&GET[..5]);
        std::thread::sleep(std::time::Duration::from_millis(20));
        client.send(&GET[5..]);
        let head = client.head();
        assert_eq!(status(&head), 200);
        assert_eq!(values(&head, "connection").len(), usize::from(request == 2));
        client.until("ok");
    }
    assert!(client.is_closed());
    let mut client = site.connect();
    client.send(GET);
    client.until("ok");
    std::thread::sleep(std::time::Duration::from_millis(1300));
    client.send("GET / HTTP/1.1\nHost: a\n\n");
    assert_eq!(status(&client.rest()), 400);
}

#[test]
fn a_backend_works_for_nobody_who_has_gone() {
    let (tell, told) = mpsc::channel();
    let (tell_end, told_end) = mpsc::channel();
    let port = backend(move |mut client, _| {
        client.head();
        tell.send(()).unwrap();
        tell_end.send(client.is_closed()).unwrap();
    });
    let site = Site::to(port);
    let mut client = site.connect();
    client.send(GET);
    told.recv_timeout(GUARD).unwrap();
    drop(client);
    assert!(told_end.recv_timeout(GUARD).unwrap());
}

#[test]
fn a_request_that_comes_while_another_takes_its_time_is_not_lost() {
    let port = backend(|mut client, number| {
        while read_head(&mut client).is_some() {
            if number == 0 {
                std::thread::sleep(std::time::Duration::from_millis(1700));
            }
            client.send(OK);
        }
    });
    let site = Site::to(port);
    let mut client = site.connect();
    client.send(GET);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    client.send(LAST);
    assert_eq!(client.rest().matches("HTTP/1.1 200").count(), 2);
}

/// What the scanner refuses, with the status and the end that the client sees; the request in front of it is answered.
#[test]
fn a_request_of_which_a_part_has_come_when_the_server_stops_is_answered() {
    let site = Site::to(answering(OK));
    let mut client = site.connect();
    client.send(GET);
    assert_eq!(status(&client.head()), 200);
    client.until("ok");
    client.send("GET / HTTP/1.1\r\nHo");
    // So that the part is read before the stop: another client is answered by the same thread.
    assert_eq!(status(&site.talk(LAST)), 200);
    let stopped = site.stop();
    client.send("st: a\r\n\r\n");
    assert_eq!(status(&client.rest()), 200);
    stopped.join().unwrap();
}

#[test]
fn rfc9112_11_2_requests_that_could_be_two_are_refused_and_the_connection_ends() {
    let site = Site::to(answering(OK));
    for (wrong, with) in [
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            400,
        ),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("\0", 400),
    ] {
        let said = site.talk(wrong);
        assert_eq!(status(&said), with, "{wrong:?}");
        assert_eq!(values(&said, "connection"), ["close"], "{wrong:?}");
        let said = site.talk(format!("{GET}{wrong}{GET}"));
        assert_eq!(said.matches("HTTP/1.1 ").count(), 2, "{said}");
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
        assert!(said.contains(&format!("HTTP/1.1 {with} ")), "{said}");
    }
}

#[test]
fn rfc9112_7_1_a_body_with_wrong_chunks_is_refused_and_the_connection_ends() {
    let port = backend(|mut client, _| while read_head(&mut client).is_some() {});
    let site = Site::to(port);
    for wrong in [
        "5\r\nhellox",
        "5\nhello\r\n0\r\n\r\n",
        "x\r\n",
        "5;=\r\nhello\r\n0\r\n\r\n",
    ] {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let said = site.talk(format!("{head}{wrong}{GET}"));
        assert_eq!(status(&said), 400, "{wrong:?}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
    }
}
