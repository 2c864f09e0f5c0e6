//! Listeners that come and go, and the end of all of them.

use std::net::TcpListener;

use crate::harness::*;

fn listener(name: &str, address: &str, more: &str) -> String {
    format!("[forwarder.listener.{name}]\nlisten = \"{address}\"\n{more}\n")
}

/// An address that was free a moment ago.
fn free() -> String {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().to_string()
}

#[test]
fn listeners_come_and_go_and_the_others_lose_nothing() {
    let port = answering(OK);
    let (a, b) = (free(), free());
    let first = config(&listener("a", &a, ""), "", port);
    let both = config(&(listener("a", &a, "") + &listener("b", &b, "")), "", port);
    let second = config(&listener("b", &b, ""), "", port);
    let site = Site::of(&first);
    let mut kept = site.connect();
    kept.send(GET);
    kept.until("ok");
    site.reload(&both).unwrap();
    assert_eq!(site.addresses().len(), 2);
    let mut other = Client::connect(b.parse().unwrap());
    other.send(GET);
    other.until("ok");
    kept.send(GET);
    kept.until("ok");
    site.reload(&second).unwrap();
    assert_eq!(site.addresses(), [b.parse().unwrap()]);
    assert!(kept.is_closed(), "one that waits is closed");
    other.send(GET);
    other.until("ok");
    assert!(std::net::TcpStream::connect(&a).is_err());
}

#[test]
fn rfc9112_9_6_what_is_under_way_where_a_listener_goes_is_finished() {
    let Held {
        port,
        there,
        let_go,
    } = held(OK);
    let (a, b) = (free(), free());
    let site = Site::of(&config(&listener("a", &a, ""), "", port));
    let mut client = site.connect();
    client.send(GET);
    there.recv_timeout(GUARD).unwrap();
    site.reload(&config(&listener("b", &b, ""), "", port))
        .unwrap();
    // When the thread has closed that, it has told its connections, too.
    while std::net::TcpStream::connect(&a).is_ok() {}
    let_go.send(()).unwrap();
    let head = client.head();
    assert_eq!(status(&head), 200);
    assert_eq!(values(&head, "connection"), ["close"]);
    client.until("ok");
    assert!(client.is_closed());
}

#[test]
fn an_address_that_is_not_to_be_had_refuses_the_whole_reload() {
    let port = answering(OK);
    let (a, b) = (free(), free());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let _holder = TcpListener::bind(&taken);
    let site = Site::of(&config(&listener("a", &a, ""), "", port));
    let blocked = TcpListener::bind("127.0.0.1:0").unwrap();
    let blocked = (blocked.local_addr().unwrap().to_string(), blocked);
    let listeners = listener("b", &b, "") + &listener("c", &blocked.0, "");
    let mistakes = site.reload(&config(&listeners, "", port)).unwrap_err();
    assert!(mistakes[0].contains("meridian.toml:"), "{mistakes:?}");
    assert!(mistakes[0].contains(&blocked.0), "{mistakes:?}");
    assert_eq!(site.addresses(), [a.parse().unwrap()]);
    assert!(std::net::TcpStream::connect(&b).is_err());
    assert!(site.talk(LAST).ends_with("ok"));
}

#[test]
fn a_forwarder_may_come_with_a_reload_and_go() {
    let port = answering(OK);
    let none = "[server]\nlisten = [\"127.0.0.1:0\"]\n";
    let site = Site::of(none);
    assert!(site.addresses().is_empty());
    let a = free();
    site.reload(&config(&listener("a", &a, ""), "", port))
        .unwrap();
    assert!(site.talk(LAST).ends_with("ok"));
    site.reload(none).unwrap();
    assert!(site.addresses().is_empty());
    // The threads close it in their own time.
    while std::net::TcpStream::connect(&a).is_ok() {}
}

#[test]
fn limits_of_a_listener_change_with_a_reload() {
    let port = answering(OK);
    let a = free();
    let site = Site::of(&config(&listener("a", &a, ""), "", port));
    assert!(site.talk(LAST).ends_with("ok"));
    site.reload(&config(&listener("a", &a, "target_max = 64"), "", port))
        .unwrap();
    let get = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100));
    assert_eq!(status(&site.talk(get)), 414);
}

#[test]
fn what_is_under_way_at_the_end_is_finished() {
    let Held {
        port,
        there,
        let_go,
    } = held(OK);
    let site = Site::of(&config(&listener("a", "127.0.0.1:0", ""), "", port));
    let (mut client, mut idle) = (site.connect(), site.connect());
    client.send(GET);
    there.recv_timeout(GUARD).unwrap();
    let stopped = site.stop();
    assert!(idle.is_closed());
    let_go.send(()).unwrap();
    let head = client.head();
    assert_eq!(values(&head, "connection"), ["close"]);
    client.until("ok");
    stopped.join().unwrap();
}

#[test]
fn what_clients_have_used_of_a_limit_is_kept_wherever_the_route_stands() {
    let text = |before: &str| {
        let limited = "[[forwarder.route]]\npath = \"/few\"\nto = \"web\"\n\
                       rate_limit = { requests = 1, per = \"1h\" }\n";
        config(
            &format!("{}{before}{limited}", listener("a", "127.0.0.1:0", "")),
            "",
            answering(OK),
        )
    };
    let site = Site::of(&text(""));
    let ask = || status(&site.talk("GET /few HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_eq!((ask(), ask()), (200, 429));
    let other = "[[forwarder.route]]\npath = \"/other\"\nrespond = { body = \"other\" }\n";
    site.reload(&text(other)).unwrap();
    assert_eq!(ask(), 429);
}
