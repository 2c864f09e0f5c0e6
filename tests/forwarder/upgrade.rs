//! Other protocols on a connection that began as HTTP/1: RFC 9110, 7.8, and RFC 6455.

use crate::harness::*;

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const AGREE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn agreeing() -> u16 {
    backend(|mut client, _| {
        let head = client.head();
        assert_eq!(values(&head, "upgrade"), ["websocket"]);
        assert_eq!(values(&head, "connection"), ["upgrade"]);
        // The first words come with the response.
        client.send(AGREE.to_owned() + "hello");
        let said = client.until("ping");
        client.send(said + "pong");
        client.until("end");
    })
}

#[test]
fn rfc9110_7_8_octets_go_both_ways_once_it_is_agreed_on() {
    let site = Site::to(agreeing());
    let mut client = site.connect();
    client.send(ASK);
    let head = client.head();
    assert_eq!(status(&head), 101);
    assert_eq!(values(&head, "upgrade"), ["websocket"]);
    assert_eq!(values(&head, "connection"), ["upgrade"]);
    assert_eq!(client.until("hello"), "hello");
    client.send("\0\x01ping");
    assert_eq!(client.until("pong"), "\0\x01pingpong");
    client.send("end");
    assert!(client.is_closed());
}

#[test]
fn rfc9110_7_8_what_the_client_says_too_early_is_not_lost() {
    let site = Site::to(agreeing());
    let mut client = site.connect();
    client.send(ASK.to_owned() + "\0\x01ping");
    client.head();
    assert_eq!(client.until("pong"), "hello\0\x01pingpong");
}

#[test]
fn rfc9110_7_8_a_backend_may_decline() {
    let site = Site::to(answering(OK));
    let mut client = site.connect();
    client.send(ASK.to_owned() + LAST);
    assert_eq!(status(&client.head()), 200);
    client.until("ok");
    assert_eq!(status(&client.head()), 200);
    client.until("ok");
    assert!(client.is_closed());
}

#[test]
fn rfc9110_7_8_a_connection_that_is_silent_is_closed() {
    let site = Site::with("upgrade_timeout = \"1s\"", "", agreeing());
    let mut client = site.connect();
    client.send(ASK);
    client.until("hello");
    assert!(client.is_closed());
}

#[test]
fn rfc9113_3_1_http_2_is_not_reached_past_the_forwarder() {
    let site = Site::to(echoing());
    let said = site.talk(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
    );
    assert!(values(&said, "upgrade").is_empty(), "{said}");
}

#[test]
fn rfc9110_7_8_an_upgrade_is_asked_for_of_the_connection() {
    let site = Site::to(echoing());
    let said =
        site.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: websocket\r\n\r\n");
    assert!(values(&said, "upgrade").is_empty(), "{said}");
}

#[test]
fn rfc9110_7_8_either_side_may_end_first() {
    let port = backend(|mut client, _| {
        client.head();
        client.send(AGREE);
        assert_eq!(client.rest(), "all that the client has to say");
        client.send("heard");
    });
    let site = Site::to(port);
    let mut client = site.connect();
    client.send(ASK);
    client.head();
    client.send("all that the client has to say");
    client.0.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.rest(), "heard");
}
