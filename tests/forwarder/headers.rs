//! What is said of clients and of the way: RFC 9110, 7.6, and RFC 7239.

use crate::harness::*;

/// What the backend is sent, if a client sends `fields`.
fn sent(listener: &str, fields: &str) -> String {
    let site = Site::with(listener, "", echoing());
    site.talk(format!(
        "GET / HTTP/1.1\r\nHost: a.example:81\r\n{fields}Connection: close\r\n\r\n"
    ))
    .split_once("\r\n\r\n")
    .unwrap()
    .1
    .to_owned()
}

const TRUSTED: &str = "via = \"edge\"\ntrusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]";

#[test]
fn rfc9110_7_6_1_what_is_of_the_connection_goes_no_further() {
    let fields = "Connection: X-Secret, keep-alive\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\n\
                  Proxy-Connection: x\r\nTE: gzip\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nX-Stays: 2\r\n";
    let head = sent("", fields);
    for gone in [
        "x-secret",
        "keep-alive",
        "proxy-connection",
        "te",
        "upgrade",
        "http2-settings",
        "connection",
    ] {
        assert!(values(&head, gone).is_empty(), "{gone} in {head}");
    }
    assert_eq!(values(&head, "x-stays"), ["2"]);
}

#[test]
fn rfc9110_7_6_1_the_same_of_responses() {
    let site = Site::to(answering(
        "HTTP/1.1 200 OK\r\nConnection: X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\n\
         Server: backend/1\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nok",
    ));
    let said = site.talk(LAST);
    for gone in ["x-secret", "keep-alive"] {
        assert!(values(&said, gone).is_empty(), "{gone} in {said}");
    }
    assert_eq!(values(&said, "server"), ["backend/1"]);
    assert_eq!(values(&said, "date"), ["Thu, 01 Jan 1970 00:00:00 GMT"]);
}

#[test]
fn rfc9110_10_1_4_trailers_are_taken_where_the_client_takes_them() {
    let head = sent("", "TE: trailers, deflate;q=0.5\r\n");
    assert_eq!(values(&head, "te"), ["trailers"]);
    assert_eq!(values(&head, "connection"), ["te"]);
}

#[test]
fn rfc9110_7_6_2_a_request_goes_no_further_than_it_may() {
    let site = Site::to(echoing());
    let options = |hops| {
        format!(
            "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: {hops}\r\nConnection: close\r\n\r\n"
        )
    };
    let said = site.talk(options(5));
    assert_eq!(values(&said, "max-forwards"), ["4"]);
    let said = site.talk(options(0));
    assert_eq!(status(&said), 200);
    assert!(values(&said, "max-forwards").is_empty());
}

#[test]
fn rfc9110_7_6_3_messages_say_which_way_they_came() {
    let head = sent("via = \"edge\"", "Via: 1.0 fred\r\n");
    assert_eq!(values(&head, "via"), ["1.0 fred", "1.1 edge"]);
    let site = Site::with("via = \"edge\"", "", answering(OK));
    assert_eq!(values(&site.talk(LAST), "via"), ["1.1 edge"]);
}

#[test]
fn rfc9110_7_6_3_by_default_no_two_processes_say_the_same() {
    let head = sent("", "");
    let via = values(&head, "via");
    assert!(
        via.len() == 1 && via[0].starts_with("1.1 meridian-"),
        "{via:?}"
    );
}

#[test]
fn rfc5842_7_2_a_request_that_has_come_by_already_is_refused() {
    let site = Site::with("via = \"edge\"", "", answering(OK));
    let said = site.talk(
        "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 fred, 1.1 edge (it)\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(status(&said), 508);
}

#[test]
fn rfc7239_5_what_strangers_say_of_clients_is_replaced() {
    let fields = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\nX-Forwarded-Proto: https\r\n\
                  X-Forwarded-Host: b\r\nX-Forwarded-Port: 1\r\nForwarded: for=192.0.2.1\r\nX-Request-Id: 7\r\n";
    let head = sent("", fields);
    assert_eq!(values(&head, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(&head, "x-forwarded-proto"), ["http"]);
    assert_eq!(values(&head, "x-forwarded-host"), ["a.example:81"]);
    assert_ne!(values(&head, "x-forwarded-port"), ["1"]);
    let forwarded = "for=127.0.0.1;host=\"a.example:81\";proto=http";
    assert_eq!(values(&head, "forwarded"), [forwarded]);
    let id = values(&head, "x-request-id");
    assert!(id.len() == 1 && id[0].len() == 32, "{id:?}");
}

#[test]
fn rfc7239_7_4_what_trusted_proxies_say_of_clients_is_kept() {
    let fields = "X-Forwarded-For: 192.0.2.1, 10.0.0.1\r\nX-Forwarded-Proto: https\r\n\
                  X-Forwarded-Host: b\r\nX-Forwarded-Port: 443\r\nForwarded: for=192.0.2.1\r\nX-Request-Id: 7\r\n\
                  traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    let head = sent(TRUSTED, fields);
    assert_eq!(
        values(&head, "x-forwarded-for"),
        ["192.0.2.1, 10.0.0.1, 127.0.0.1"]
    );
    assert_eq!(values(&head, "x-forwarded-proto"), ["https"]);
    assert_eq!(values(&head, "x-forwarded-host"), ["b"]);
    assert_eq!(values(&head, "x-forwarded-port"), ["443"]);
    let forwarded = "for=192.0.2.1, for=127.0.0.1;host=\"a.example:81\";proto=http";
    assert_eq!(values(&head, "forwarded"), [forwarded]);
    assert_eq!(values(&head, "x-request-id"), ["7"]);
    let traced = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(values(&head, "traceparent"), [traced]);
}

#[test]
fn rfc7239_4_hosts_are_kept_apart_on_one_connection() {
    let site = Site::to(echoing());
    let get = |host| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let said = site.talk(get("a") + &get("b") + &get("b") + LAST);
    let hosts =
        ["a", "b", "b", "a.example"].map(|host| format!("for=127.0.0.1;host={host};proto=http"));
    assert_eq!(values(&said, "forwarded"), hosts);
}

#[test]
fn rfc9110_7_6_1_connection_does_not_name_whom_a_request_is_for() {
    let said = Site::to(echoing())
        .talk("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close, host\r\n\r\n");
    assert_eq!(values(&said, "host"), ["a.example"]);
}

#[test]
fn rfc3875_4_1_18_what_is_alike_for_backends_goes_no_further() {
    let fields = "X_Forwarded_For: 192.0.2.1\r\nX-Forwarded_Host: b\r\nX_Request_Id: 7\r\n\
                  Transfer_Encoding: chunked\r\nX_Stays: 1\r\n";
    for listener in ["", TRUSTED] {
        let head = sent(listener, fields);
        let names = head.lines().filter_map(|line| line.split_once(':'));
        let alike: Vec<_> = names.filter(|field| field.0.contains('_')).collect();
        assert_eq!(alike, [("x_stays", " 1")], "{head}");
    }
}

/// What of a scheme and a port is told, if a trusted proxy tells `fields`.
fn port_told(fields: &str) -> usize {
    values(&sent(TRUSTED, fields), "x-forwarded-port").len()
}

#[test]
fn the_port_is_told_with_the_scheme_and_the_host_that_it_is_of() {
    assert_eq!(port_told(""), 1);
    assert_eq!(port_told("X-Forwarded-Proto: https\r\n"), 0);
    assert_eq!(port_told("X-Forwarded-Host: b\r\n"), 0);
    assert_eq!(
        port_told("X-Forwarded-Host: b\r\nX-Forwarded-Port: 1\r\n"),
        1
    );
}

#[test]
fn rfc7239_4_what_a_trusted_proxy_says_there_alone_counts() {
    let listener = format!("[forwarder.listener.web]\nlisten = \"127.0.0.1:0\"\n{TRUSTED}\n");
    let route = "request_headers = { set = { x-told = \"{scheme} {client}\" } }\n";
    let site = Site::of(&(config(&listener, "", echoing()) + route));
    let told = |fields: &str| {
        let said = site.talk(format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{fields}Connection: close\r\n\r\n"
        ));
        values(&said, "x-told").concat()
    };
    let client = "Forwarded: for=192.0.2.1;proto=https, for=\"10.0.0.1:80\"\r\n";
    assert_eq!(told(client), "https 192.0.2.1");
    let both = format!("{client}X-Forwarded-For: 192.0.2.2\r\n");
    assert_eq!(told(&both), "http 192.0.2.2");
    let open = "Forwarded: for=192.0.2.1;by=\", for=\"[2001:db8::1]\"\r\n";
    assert_eq!(told(open), "http 127.0.0.1");
}
