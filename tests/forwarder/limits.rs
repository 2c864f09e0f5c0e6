//! What a listener holds its clients to.

use crate::harness::*;

#[test]
fn rfc6585_5_long_heads_and_many_headers_are_refused() {
    let site = Site::with("head_max = 2048\nheaders_max = 10", "", answering(OK));
    let head = |fields: String| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    assert_eq!(
        status(&site.talk(head(format!("X: {}\r\n", "x".repeat(2048))))),
        431
    );
    assert_eq!(status(&site.talk(head("X: y\r\n".repeat(10)))), 431);
    let right = head("X: y\r\n".repeat(8) + "Connection: close\r\n");
    assert_eq!(status(&site.talk(right)), 200);
}

#[test]
fn more_headers_than_usual_can_be_allowed() {
    let site = Site::with("head_max = 1048576\nheaders_max = 1000", "", answering(OK));
    let fields = format!("X: {}\r\n", "y".repeat(900)).repeat(900);
    let said = site.talk(format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n"
    ));
    assert_eq!(status(&said), 200);
}

#[test]
fn rfc9110_15_5_15_long_targets_are_refused() {
    let site = Site::with("target_max = 100", "", answering(OK));
    let get = |len| {
        format!(
            "GET /{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "x".repeat(len)
        )
    };
    assert_eq!(status(&site.talk(get(100))), 414);
    assert_eq!(status(&site.talk(get(99))), 200);
}

#[test]
fn rfc9110_15_5_14_long_bodies_are_refused_whether_their_length_is_known_or_not() {
    let port = backend(|mut client, _| while read_head(&mut client).is_some() {});
    let site = Site::with("body_max = 10", "", port);
    let known = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world";
    assert_eq!(status(&site.talk(known)), 413);
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                   6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n";
    assert_eq!(status(&site.talk(chunked)), 413);
}

#[test]
fn rfc9110_15_5_9_a_head_that_does_not_end_is_given_up() {
    let site = Site::with("head_timeout = \"1s\"", "", answering(OK));
    let said = site.talk("GET / HTTP/1.1\r\nHost: ");
    assert_eq!(status(&said), 408);
    assert_eq!(values(&said, "connection"), ["close"]);
}

#[test]
fn rfc9110_15_5_9_a_head_that_comes_octet_by_octet_is_given_up() {
    let site = Site::with("head_timeout = \"1s\"", "", answering(OK));
    let mut client = site.connect();
    client.0.set_nodelay(true).unwrap();
    client.send("GET / HTTP/1.1\r\nX: ");
    let mut writer = Client(client.0.try_clone().unwrap());
    std::thread::spawn(move || {
        while std::io::Write::write(&mut writer.0, b"x").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    assert_eq!(status(&client.head()), 408);
}

#[test]
fn rfc9110_15_5_9_a_body_that_does_not_end_is_given_up() {
    let port = backend(|mut client, _| while read_head(&mut client).is_some() {});
    let site = Site::with("body_timeout = \"1s\"", "", port);
    let said = site.talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    assert_eq!(status(&said), 408);
}

#[test]
fn rfc9112_9_5_a_connection_that_is_not_used_is_closed() {
    let site = Site::with("keep_alive = \"1s\"", "", answering(OK));
    let mut client = site.connect();
    client.send(GET);
    client.head();
    client.until("ok");
    assert!(client.is_closed());
    assert!(site.connect().is_closed(), "one that says nothing at all");
}

#[test]
fn rfc9112_9_6_the_last_request_of_a_connection_is_told_to_be() {
    let site = Site::with("requests_max = 2", "", answering(OK));
    let mut client = site.connect();
    client.send(GET);
    assert!(values(&client.head(), "connection").is_empty());
    client.until("ok");
    client.send(GET);
    assert_eq!(values(&client.head(), "connection"), ["close"]);
    client.until("ok");
    assert!(client.is_closed());
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let port = backend(|mut client, _| {
        client.head();
        client.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        while std::io::Write::write(&mut client.0, &[b'x'; 65_536]).is_ok() {}
    });
    let site = Site::with("write_timeout = \"1s\"", "", port);
    let mut client = site.connect();
    client.send(GET);
    client.head();
    // Nothing is read, and what has come when the end is seen is not all.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(client.rest().len() < 1_000_000_000);
}
