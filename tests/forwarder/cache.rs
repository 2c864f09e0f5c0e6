//! What is kept of responses: RFC 9111, RFC 9211 and RFC 5861. Nothing waits for time to pass: responses say their age.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use meridian::admin::{self, Kept, Purge, Purged};

use crate::asking::*;
use crate::harness::*;

const ROUTE: &str = "[[forwarder.route]]\nto = \"web\"\ncache = true\n";

/// A site that keeps what a backend says.
fn keeping(respond: impl Fn(&str, usize) -> String + Send + Sync + 'static) -> (Site, Heads) {
    let (port, heads) = scripted(respond);
    (site(ROUTE, &[port]), heads)
}

fn count(heads: &Heads) -> usize {
    heads.lock().unwrap().len()
}

/// What comes of two requests of the same, and how often the backend was asked.
fn twice(fields: &'static str, request: &str) -> (Answer, usize) {
    let (site, heads) = keeping(move |_, number| ok(fields, &format!("body {number}")));
    ask(&site, "GET", "/", request);
    (ask(&site, "GET", "/", request), count(&heads))
}

#[test]
fn rfc9111_3_what_may_be_kept_is() {
    for (fields, request, asked) in [
        ("Cache-Control: max-age=60\r\n", "", 1),
        ("Cache-Control: s-maxage=60\r\n", "", 1),
        ("Expires: Fri, 31 Dec 9999 23:59:59 GMT\r\n", "", 1),
        ("", "", 2),
        // 5.2.2.5, 5.2.2.7, in whichever case.
        ("Cache-Control: max-age=60, no-store\r\n", "", 2),
        ("Cache-Control: max-age=60, Private\r\n", "", 2),
        ("Cache-Control: max-age=60\r\nSet-Cookie: a=b\r\n", "", 2),
        // 3.5
        ("Cache-Control: max-age=60\r\n", "Authorization: x\r\n", 2),
        (
            "Cache-Control: max-age=60, public\r\n",
            "Authorization: x\r\n",
            1,
        ),
        ("Cache-Control: s-maxage=60\r\n", "Authorization: x\r\n", 1),
        (
            "Cache-Control: max-age=60, must-revalidate\r\n",
            "Authorization: x\r\n",
            1,
        ),
        // 5.2.1.5
        (
            "Cache-Control: max-age=60\r\n",
            "Cache-Control: no-store\r\n",
            2,
        ),
        // 4.1
        ("Cache-Control: max-age=60\r\nVary: *\r\n", "", 2),
        (
            "Cache-Control: max-age=60\r\nVary: X-Forwarded-For\r\n",
            "",
            2,
        ),
        // 3.3, 14.2: parts are not put together.
        ("Cache-Control: max-age=60\r\n", "Range: bytes=0-1\r\n", 2),
    ] {
        assert_eq!(twice(fields, request).1, asked, "{fields} {request}");
    }
}

#[test]
fn rfc9111_5_1_and_rfc9211_responses_say_where_they_come_from() {
    let (site, _) = keeping(|_, _| {
        ok(
            "Cache-Control: max-age=60\r\nAge: 7\r\nCache-Status: origin; hit\r\n",
            "body",
        )
    });
    let first = get(&site, "/");
    assert_eq!(
        values(&first.head, "cache-status"),
        ["origin; hit", "Meridian; fwd=uri-miss; stored"]
    );
    let second = get(&site, "/");
    assert_eq!(
        values(&second.head, "cache-status"),
        ["origin; hit", "Meridian; hit"]
    );
    let age: u64 = second.value("age").parse().unwrap();
    assert!((7..60).contains(&age), "{age}");
    assert_eq!(
        (second.text(), second.value("content-length")),
        ("body".to_owned(), "4")
    );
    let head = ask(&site, "HEAD", "/", "");
    assert_eq!((head.value("content-length"), head.body.len()), ("4", 0));
    assert!(values(&head.head, "cache-status").contains(&"Meridian; hit"));
}

#[test]
fn rfc9111_4_1_variants_are_told_apart() {
    let (site, heads) = keeping(|head, _| {
        let language = values(head, "accept-language").join("+");
        ok(
            "Cache-Control: max-age=60\r\nVary: Accept-Language\r\n",
            &language,
        )
    });
    for _ in 0..2 {
        for language in ["de", "en", "de, en"] {
            let fields = format!("Accept-Language: {language}\r\n");
            assert_eq!(ask(&site, "GET", "/", &fields).text(), language);
        }
        assert_eq!(get(&site, "/").text(), "");
    }
    assert_eq!(count(&heads), 4);
    let other = ask(&site, "GET", "/", "Accept-Language: fr\r\n");
    assert_eq!(
        other.value("cache-status"),
        "Meridian; fwd=vary-miss; stored"
    );
}

#[test]
fn rfc9111_2_hosts_queries_and_routes_are_told_apart() {
    let (port, heads) = scripted(|head, _| {
        let line = head.lines().next().unwrap().to_owned();
        ok(
            "Cache-Control: max-age=60\r\n",
            &format!("{line} {}", values(head, "host")[0]),
        )
    });
    let site = site(
        "[[forwarder.route]]\nto = \"web\"\ncache = true\nheader = { x-other = true }\n\
         [[forwarder.route]]\nto = \"web\"\ncache = true\n",
        &[port],
    );
    for _ in 0..2 {
        for (host, target) in [
            ("a.example", "/"),
            ("b.example", "/"),
            ("a.example", "/?x"),
            ("a.example", "/?y"),
        ] {
            let answer = ask_of(&site, host, "GET", target, "");
            assert_eq!(answer.text(), format!("GET {target} HTTP/1.1 {host}"));
        }
    }
    assert_eq!(count(&heads), 4);
    ask(&site, "GET", "/", "X-Other: 1\r\n");
    assert_eq!(count(&heads), 5);
    // Spellings of one path are one.
    get(&site, "/x/..//?x");
    assert_eq!(count(&heads), 5);
}

#[test]
fn rfc9111_4_3_what_is_stale_is_validated() {
    let (site, heads) = keeping(|head, number| match values(head, "if-none-match")[..] {
        ["\"a\""] => {
            "HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\nX-New: 1\r\n\r\n".to_owned()
        }
        _ => {
            let modified = "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
            let fields =
                format!("Cache-Control: max-age=10\r\nAge: 20\r\nETag: \"a\"\r\n{modified}");
            ok(&fields, &format!("body {number}"))
        }
    });
    assert_eq!(get(&site, "/").text(), "body 0");
    let second = get(&site, "/");
    assert_eq!((second.status, second.text()), (200, "body 0".to_owned()));
    assert_eq!(
        (second.value("x-new"), second.value("etag")),
        ("1", "\"a\"")
    );
    assert_eq!(
        second.value("cache-status"),
        "Meridian; fwd=stale; fwd-status=304"
    );
    let heads_now = heads.lock().unwrap().clone();
    assert_eq!(
        values(&heads_now[1], "if-modified-since"),
        ["Thu, 01 Jan 1970 00:00:00 GMT"]
    );
    // 4.3.4: it is fresh again.
    assert_eq!(get(&site, "/").value("cache-status"), "Meridian; hit");
    assert_eq!(count(&heads), 2);
}

#[test]
fn rfc9111_4_3_3_another_response_replaces_what_is_stale() {
    let (site, heads) = keeping(|_, number| match number {
        0 => ok(
            "Cache-Control: max-age=10\r\nAge: 20\r\nETag: \"a\"\r\n",
            "old",
        ),
        _ => ok("Cache-Control: max-age=60\r\nETag: \"b\"\r\n", "new"),
    });
    assert_eq!(get(&site, "/").text(), "old");
    assert_eq!(get(&site, "/").text(), "new");
    assert_eq!(get(&site, "/").text(), "new");
    assert_eq!(count(&heads), 2);
}

#[test]
fn rfc9111_4_3_2_clients_that_have_it_are_told_so() {
    let (site, heads) = keeping(|_, _| ok("Cache-Control: max-age=60\r\nETag: \"a\"\r\n", "body"));
    // Others shall have it whole: what one client has is not asked of the backend.
    let first = ask(&site, "GET", "/", "If-None-Match: \"a\"\r\n");
    assert_eq!((first.status, first.body.len()), (304, 0));
    assert!(values(&heads.lock().unwrap()[0], "if-none-match").is_empty());
    assert_eq!(get(&site, "/").text(), "body");
    let third = ask(&site, "GET", "/", "If-None-Match: W/\"a\"\r\n");
    assert_eq!((third.status, third.value("etag")), (304, "\"a\""));
    assert_eq!(
        ask(&site, "GET", "/", "If-None-Match: \"b\"\r\n").text(),
        "body"
    );
    assert_eq!(count(&heads), 1);
}

#[test]
fn rfc9111_5_2_1_clients_say_how_they_want_it() {
    let (site, heads) = keeping(|_, number| {
        ok(
            "Cache-Control: max-age=60\r\nAge: 30\r\n",
            &number.to_string(),
        )
    });
    let only = ask(&site, "GET", "/", "Cache-Control: only-if-cached\r\n");
    assert_eq!(only.status, 504);
    assert_eq!(get(&site, "/").text(), "0");
    for (fields, text) in [
        ("Cache-Control: only-if-cached\r\n", "0"),
        ("Cache-Control: no-cache\r\n", "1"),
        ("", "1"),
        ("Pragma: no-cache\r\n", "2"),
        ("Cache-Control: max-age=10\r\n", "3"),
        ("Cache-Control: max-age=50\r\n", "3"),
    ] {
        assert_eq!(ask(&site, "GET", "/", fields).text(), text, "{fields}");
    }
    assert_eq!(count(&heads), 4);
}

#[test]
fn rfc9111_4_4_changes_make_old_what_is_kept() {
    let (site, heads) = keeping(|head, number| match head.starts_with("GET") {
        true => ok("Cache-Control: max-age=60\r\n", &number.to_string()),
        false if head.contains("x-fail") => {
            "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_owned()
        }
        false => ok("Location: /b\r\n", "done"),
    });
    for target in ["/a", "/b", "/c"] {
        get(&site, target);
    }
    ask(&site, "POST", "/a", "X-Fail: 1\r\nContent-Length: 0\r\n");
    assert_eq!(get(&site, "/a").text(), "0");
    ask(&site, "DELETE", "/a", "");
    assert_eq!(count(&heads), 5);
    assert_eq!(get(&site, "/a").text(), "5");
    assert_eq!(get(&site, "/b").text(), "6");
    assert_eq!(get(&site, "/c").text(), "2");
}

#[test]
fn rfc5861_3_what_is_stale_is_sent_while_it_is_asked_for_again() {
    let (sender, receiver) = mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let (site, _) = keeping(move |_, number| {
        sender.lock().unwrap().send(number).unwrap();
        match number {
            0 => ok(
                "Cache-Control: max-age=10, stale-while-revalidate=60\r\nAge: 20\r\n",
                "old",
            ),
            _ => ok("Cache-Control: max-age=60\r\n", "new"),
        }
    });
    assert_eq!(get(&site, "/").text(), "old");
    assert_eq!(receiver.recv_timeout(GUARD), Ok(0));
    let stale = get(&site, "/");
    assert_eq!(
        (stale.text(), stale.value("cache-status")),
        ("old".to_owned(), "Meridian; hit")
    );
    assert_eq!(receiver.recv_timeout(GUARD), Ok(1));
    // It will be there in a moment.
    while get(&site, "/").text() != "new" {}
    assert!(receiver.try_recv().is_err());
}

#[test]
fn rfc5861_4_what_is_stale_stands_in_for_errors() {
    let (site, heads) = keeping(
        |head, number| match (number, head.starts_with("GET /plain")) {
            (0, _) => ok(
                "Cache-Control: max-age=10, stale-if-error=60\r\nAge: 20\r\n",
                "old",
            ),
            (1, _) => ok(
                "Cache-Control: max-age=10\r\nAge: 20\r\nETag: \"a\"\r\n",
                "old",
            ),
            _ => "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy".to_owned(),
        },
    );
    get(&site, "/");
    get(&site, "/plain");
    let stands_in = get(&site, "/");
    assert_eq!(
        (stands_in.status, stands_in.text()),
        (200, "old".to_owned())
    );
    assert_eq!(
        stands_in.value("cache-status"),
        "Meridian; hit; fwd=stale; fwd-status=503"
    );
    assert_eq!(get(&site, "/plain").status, 503);
    assert_eq!(count(&heads), 4);
}

#[test]
fn one_request_asks_and_the_others_wait() {
    const CLIENTS: usize = 8;
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = std::sync::Mutex::new(receiver);
    let (site, heads) = keeping(move |_, number| {
        if number == 0 {
            receiver.lock().unwrap().recv().unwrap();
        }
        ok("Cache-Control: max-age=60\r\n", &number.to_string())
    });
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| site.connect()).collect();
    for client in &mut clients {
        client.send(LAST);
    }
    // Whoever comes first asks; one that comes late finds it.
    while count(&heads) == 0 {
        thread::yield_now();
    }
    sender.send(()).unwrap();
    for client in &mut clients {
        assert!(client.rest().ends_with("\r\n\r\n0"));
    }
    assert_eq!(count(&heads), 1);
}

#[test]
fn nobody_waits_for_what_is_not_kept() {
    const CLIENTS: usize = 4;
    // All of them are with the backend at the same time, or none gets an answer.
    let all = Arc::new(Barrier::new(CLIENTS));
    let (site, _) = keeping(move |head, _| {
        if head.contains("x-together") {
            all.wait();
        }
        ok("Cache-Control: private\r\n", "own")
    });
    // Once it is known.
    get(&site, "/");
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| site.connect()).collect();
    for client in &mut clients {
        client.send(
            "GET / HTTP/1.1\r\nHost: a.example\r\nX-Together: 1\r\nConnection: close\r\n\r\n",
        );
    }
    for client in &mut clients {
        assert!(client.rest().ends_with("own"));
    }
}

#[test]
fn a_client_that_goes_away_costs_the_others_nothing() {
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = std::sync::Mutex::new(receiver);
    let (port, heads) = {
        let heads = Heads::default();
        let kept = Arc::clone(&heads);
        let port = backend(move |mut client, _| {
            while let Some(head) = read_head(&mut client) {
                kept.lock().unwrap().push(head);
                client.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nCache-Control: max-age=60\r\n\r\n01234");
                receiver.lock().unwrap().recv().unwrap();
                client.send("56789");
            }
        });
        (port, heads)
    };
    let site = site(ROUTE, &[port]);
    let mut first = site.connect();
    first.send(GET);
    first.head();
    let mut second = site.connect();
    second.send(LAST);
    drop(first);
    sender.send(()).unwrap();
    assert!(second.rest().ends_with("0123456789"));
    assert_eq!(count(&heads), 1);
}

#[test]
fn rfc9111_3_3_what_breaks_off_and_what_is_too_long_is_not_kept() {
    let long = "x".repeat(5000);
    let heads = Heads::default();
    let kept = Arc::clone(&heads);
    let port = backend(move |mut client, _| {
        while let Some(head) = read_head(&mut client) {
            let target = head.split(' ').nth(1).unwrap().to_owned();
            kept.lock().unwrap().push(head);
            let keep = "Cache-Control: max-age=60";
            match &*target {
                "/torn" => {
                    client.send(format!("HTTP/1.1 200 OK\r\n{keep}\r\nContent-Length: 10\r\n\r\n01234"));
                    return;
                }
                "/ends" => {
                    client.send(format!("HTTP/1.1 200 OK\r\n{keep}\r\n\r\n01234"));
                    return;
                }
                "/long" => client.send(format!("HTTP/1.1 200 OK\r\n{keep}\r\nContent-Length: 5000\r\n\r\n{long}")),
                "/chunked" => client.send(format!(
                    "HTTP/1.1 200 OK\r\n{keep}\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n{long}\r\n0\r\n\r\n"
                )),
                _ => client.send(format!(
                    "HTTP/1.1 200 OK\r\n{keep}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\n\r\n"
                )),
            }
        }
    });
    let site = site(
        "[[forwarder.route]]\nto = \"web\"\ncache = { body_max = \"4KiB\" }\n",
        &[port],
    );
    for (target, len, asked) in [
        ("/torn", 5, 2),
        ("/ends", 5, 2),
        ("/long", 5000, 2),
        ("/chunked", 5000, 2),
        ("/short", 5, 1),
    ] {
        for _ in 0..2 {
            assert_eq!(get(&site, target).body.len(), len, "{target}");
        }
        let of_target = |head: &&String| head.starts_with(&format!("GET {target} "));
        assert_eq!(
            heads.lock().unwrap().iter().filter(of_target).count(),
            asked,
            "{target}"
        );
    }
}

#[test]
fn what_is_kept_outlives_reloads_of_the_same_route() {
    let (port, heads) =
        scripted(|_, number| ok("Cache-Control: max-age=60\r\n", &number.to_string()));
    let site = site(ROUTE, &[port]);
    assert_eq!(get(&site, "/").text(), "0");
    let before = "[[forwarder.route]]\npath = \"/new\"\nto = \"other\"\n";
    site.reload(&routed("", &format!("{before}{ROUTE}"), &[port]))
        .unwrap();
    assert_eq!(get(&site, "/").text(), "0");
    let changed = format!("{ROUTE}rewrite = {{ replace_prefix = \"/\", with = \"/x\" }}\n");
    site.reload(&routed("", &changed, &[port])).unwrap();
    assert_eq!(get(&site, "/").text(), "1");
    assert_eq!(count(&heads), 2);
}

#[test]
fn operators_make_it_forget() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (port, heads) =
        scripted(|_, number| ok("Cache-Control: max-age=60\r\n", &number.to_string()));
    let state = tempfile::tempdir().unwrap();
    let listen = "listen = [\"127.0.0.1:0\"]\n";
    let with_state = format!("{listen}state_dir = \"{}\"\n", state.path().display());
    let site = Site::of(&routed("", ROUTE, &[port]).replacen(listen, &with_state, 1));
    let socket = admin::Socket::path_in(state.path());
    let forgotten = |purge: Purge| {
        let purged = admin::client::post(&socket, "/v1/cache/purge", &purge);
        let Purged { purged } = site.runtime.block_on(purged).unwrap();
        purged
    };
    let fill = || {
        for target in ["/a", "/a?x", "/a/b", "/c"] {
            get(&site, target);
        }
        count(&heads)
    };
    let what = |what: &str| Purge::What(what.to_owned());
    assert_eq!((fill(), fill()), (4, 4));
    assert_eq!(forgotten(what("A.example/x/../a")), 2);
    assert_eq!(fill(), 6);
    assert_eq!(forgotten(what("*/a*")), 3);
    assert_eq!(forgotten(what("b.example/a")), 0);
    assert_eq!(fill(), 9);
    let kept: Kept = site
        .runtime
        .block_on(admin::client::get(&socket, "/v1/cache"))
        .unwrap();
    assert_eq!((kept.size, kept.addresses), (64 << 20, 4));
    assert_eq!(forgotten(Purge::All), 4);
    assert_eq!(fill(), 13);
    let no_path = what("no-path");
    let wrong = admin::client::post::<Purged>(&socket, "/v1/cache/purge", &no_path);
    assert!(site.runtime.block_on(wrong).is_err());
}

/// A backend that sends those who came without TLS elsewhere must not send everybody there.
#[test]
fn rfc9111_2_what_trusted_proxies_say_of_the_address_tells_responses_apart() {
    let (port, heads) = scripted(|head, _| {
        let scheme = values(head, "x-forwarded-proto").join("+");
        ok("Cache-Control: max-age=60\r\n", &scheme)
    });
    let listen = "[forwarder.listener.web]\n";
    let trusting = format!("{listen}trusted_proxies = [\"127.0.0.0/8\"]\n");
    let site = Site::of(&routed("", ROUTE, &[port]).replacen(listen, &trusting, 1));
    for _ in 0..2 {
        for scheme in ["http", "https"] {
            let fields = format!("X-Forwarded-Proto: {scheme}\r\n");
            assert_eq!(ask(&site, "GET", "/", &fields).text(), scheme);
        }
        ask(&site, "GET", "/", "X-Forwarded-Host: b.example\r\n");
        ask_of(&site, "a.example:8443", "GET", "/", "");
    }
    assert_eq!(count(&heads), 4);
}

#[test]
fn when_the_one_that_asks_goes_away_it_is_anothers_turn() {
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = std::sync::Mutex::new(receiver);
    let (site, heads) = keeping(move |_, number| {
        if number == 0 {
            let _ = receiver.lock().unwrap().recv();
        }
        ok("Cache-Control: max-age=60\r\n", &number.to_string())
    });
    let mut first = site.connect();
    first.send(GET);
    while count(&heads) == 0 {
        thread::yield_now();
    }
    let mut others: Vec<Client> = (0..4).map(|_| site.connect()).collect();
    for other in &mut others {
        other.send(LAST);
    }
    drop(first);
    for other in &mut others {
        assert!(other.rest().ends_with("\r\n\r\n1"));
    }
    assert_eq!(count(&heads), 2);
    drop(sender);
}

#[test]
fn rfc9111_4_1_nobody_waits_for_a_response_to_others() {
    const CLIENTS: usize = 4;
    // All of them are with the backend at the same time, or none gets an answer.
    let all = Arc::new(Barrier::new(CLIENTS));
    let (site, heads) = keeping(move |head, _| {
        if head.contains("of-") {
            all.wait();
        }
        ok("Cache-Control: max-age=60\r\nVary: User-Agent\r\n", "own")
    });
    // Once it is known what they differ by.
    get(&site, "/");
    let ask_all = || {
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| site.connect()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(format!(
                "GET / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: of-{number}\r\nConnection: close\r\n\r\n"
            ));
        }
        for client in &mut clients {
            assert!(client.rest().ends_with("own"));
        }
    };
    ask_all();
    assert_eq!(count(&heads), 1 + CLIENTS);
    // Each of them was kept.
    ask_all();
    assert_eq!(count(&heads), 1 + CLIENTS);
}
