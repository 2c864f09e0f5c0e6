//! Which route fits, and what it does with the request.

use std::fs;

use crate::asking::*;
use crate::harness::*;

/// Routes that each say their name.
fn saying(routes: &[(&str, &str)]) -> Site {
    let routes: String = routes
        .iter()
        .map(|(name, lines)| {
            format!("[[forwarder.route]]\n{lines}\nrespond = {{ body = \"{name}\" }}\n")
        })
        .collect();
    site(&routes, &[1])
}

#[test]
fn the_first_that_fits_in_the_order_of_the_file_answers() {
    let site = saying(&[
        ("beta", "host = \"a.example\"\nheader = { x-beta = \"1\" }"),
        (
            "digits",
            "host = \"a.example\"\nheader = { x-beta = { regex = \"[0-9]+\" } }",
        ),
        ("cookie", "cookie = { beta = true }"),
        ("post", "path = \"/api\"\nmethod = [\"POST\", \"PUT\"]"),
        ("exact", "path = { exact = \"/api\" }"),
        ("api", "path = \"/api\""),
        ("versions", "path = { regex = \"/v[0-9]+/.*\" }"),
        ("below", "host = \"*.a.example\""),
        ("rest", "host = [\"a.example\", \"b.example\"]"),
    ]);
    for (host, method, target, fields, expected) in [
        ("a.example", "GET", "/", "", "rest"),
        ("A.Example:80", "GET", "/", "", "rest"),
        ("b.example.", "GET", "/", "", "rest"),
        ("x.a.example", "GET", "/", "", "below"),
        ("x.y.a.example", "GET", "/", "", "below"),
        ("a.example", "GET", "/", "X-Beta: 1\r\n", "beta"),
        (
            "a.example",
            "GET",
            "/",
            "X-Beta: 0\r\nX-Beta: 1\r\n",
            "beta",
        ),
        ("a.example", "GET", "/", "X-Beta: 12\r\n", "digits"),
        ("a.example", "GET", "/", "X-Beta: 1x\r\n", "rest"),
        ("a.example", "GET", "/", "Cookie: a=b; beta=\r\n", "cookie"),
        ("a.example", "GET", "/", "Cookie: betas=1\r\n", "rest"),
        ("a.example", "PUT", "/api/x", "", "post"),
        ("a.example", "GET", "/api", "", "exact"),
        ("a.example", "GET", "/api/", "", "api"),
        ("a.example", "GET", "/apis", "", "rest"),
        ("a.example", "GET", "/v12/x", "", "versions"),
        ("a.example", "GET", "/xv1/y", "", "rest"),
    ] {
        let answer = ask_of(&site, host, method, target, fields);
        assert_eq!(answer.text(), expected, "{host} {method} {target} {fields}");
    }
    let nowhere = ask_of(&site, "c.example", "GET", "/", "");
    assert_eq!(nowhere.status, 404, "{nowhere:?}");
}

#[test]
fn a_route_may_be_of_one_listener() {
    let site = saying(&[("back", "listener = \"back\""), ("all", "")]);
    let of = |place: usize| {
        let mut client = Client::connect(site.addresses()[place]);
        client.send(LAST);
        client.rest()
    };
    // In the order of the file.
    assert!(of(0).ends_with("all") && of(1).ends_with("back"));
}

#[test]
fn no_spelling_goes_past_a_route_and_backends_get_what_was_matched() {
    let (port, heads) = scripted(|_, _| ok("", ""));
    let site = site(
        "[[forwarder.route]]\npath = \"/admin\"\nrespond = { status = 403 }\n\
         [[forwarder.route]]\nto = \"web\"\n",
        &[port],
    );
    for target in [
        "/admin",
        "//admin",
        "/./admin",
        "/x/../admin",
        "/x/%2e%2e/admin",
        "/x/.%2E/admin/y",
        "/%61dmin",
        "/x//..//admin",
        "http://a.example/x/../admin",
    ] {
        assert_eq!(get(&site, target).status, 403, "{target}");
    }
    for target in [
        "/x/..;/admin",
        "/x/..%2fadmin",
        "/x%5c..%5cadmin",
        "/x\\..\\admin",
        "/%00",
        "/%zz",
    ] {
        assert_eq!(get(&site, target).status, 400, "{target}");
    }
    assert!(heads.lock().unwrap().is_empty());
    for (target, sent) in [
        ("/a/../b?x=../y", "/b?x=../y"),
        ("/a%2fb", "/a%2Fb"),
        ("/%7ea//b/", "/~a/b/"),
        ("/a b".trim_end_matches(" b"), "/a"),
    ] {
        assert_eq!(get(&site, target).status, 200, "{target}");
        let heads = heads.lock().unwrap();
        let line = heads.last().unwrap().lines().next().unwrap();
        assert_eq!(line, format!("GET {sent} HTTP/1.1"), "{target}");
    }
}

#[test]
fn redirects_say_where() {
    let site = site(
        "[[forwarder.route]]\npath = \"/to-https\"\n\
         redirect = { to = \"https://{host}{uri}\", status = 308 }\n\
         [[forwarder.route]]\npath = \"/found\"\nredirect = \"/elsewhere{path}{query}\"\n",
        &[1],
    );
    let answer = get(&site, "/to-https/x?a=b&c=%20|");
    assert_eq!(answer.status, 308);
    assert_eq!(
        answer.value("location"),
        "https://a.example/to-https/x?a=b&c=%20%7C"
    );
    let answer = get(&site, "/found");
    assert_eq!(
        (answer.status, answer.value("location")),
        (302, "/elsewhere/found")
    );
}

#[test]
fn paths_are_rewritten_on_their_way() {
    let (port, heads) = scripted(|_, _| ok("", ""));
    let site = site(
        "[[forwarder.route]]\npath = \"/api\"\nto = \"web\"\nrewrite = { strip_prefix = \"/api\" }\n\
         [[forwarder.route]]\npath = \"/v1\"\nto = \"web\"\nrewrite = { replace_prefix = \"/v1\", with = \"/v2\" }\n\
         [[forwarder.route]]\nto = \"web\"\nrewrite = { regex = \"/u/([^/]+)/(.*)\", with = \"/users/$2/$1\" }\n",
        &[port],
    );
    for (target, sent) in [
        ("/api", "/"),
        ("/api/x?y", "/x?y"),
        ("/v1/x", "/v2/x"),
        ("/u/7/a", "/users/a/7"),
        ("/other", "/other"),
    ] {
        assert_eq!(get(&site, target).status, 200, "{target}");
        let heads = heads.lock().unwrap();
        assert!(
            heads
                .last()
                .unwrap()
                .starts_with(&format!("GET {sent} HTTP/1.1\r\n")),
            "{target} {heads:?}"
        );
    }
}

#[test]
fn headers_are_set_added_and_removed_and_never_injected() {
    let (port, heads) = scripted(|_, _| ok("X-Powered-By: secret\r\nX-A: 1\r\n", "x"));
    let site = site(
        "[[forwarder.route]]\nname = \"api\"\nto = \"web\"\n\
         request_headers = { set = { x-client = \"{client}\", x-route = \"{route} {method} {scheme}\", host = \"inner\" }, \
         add = { x-tag = \"b\" }, remove = \"x-debug\" }\n\
         response_headers = { set = { x-path = \"{path}{query}\" }, add = { x-a = \"2\" }, remove = [\"x-powered-by\"] }\n",
        &[port],
    );
    let answer = ask(
        &site,
        "GET",
        "/p/%0d%0aX-Evil:1?q",
        "X-Client: forged\r\nX-Tag: a\r\nX-Debug: 1\r\n",
    );
    let heads = heads.lock().unwrap();
    assert_eq!(values(&heads[0], "x-client"), ["127.0.0.1"]);
    assert_eq!(values(&heads[0], "x-route"), ["api GET http"]);
    assert_eq!(values(&heads[0], "host"), ["inner"]);
    assert_eq!(values(&heads[0], "x-tag"), ["a", "b"]);
    assert!(values(&heads[0], "x-debug").is_empty());
    assert_eq!(answer.value("x-path"), "/p/%0D%0AX-Evil:1?q");
    assert_eq!(values(&answer.head, "x-a"), ["1", "2"]);
    assert!(
        values(&answer.head, "x-powered-by").is_empty()
            && values(&answer.head, "x-evil").is_empty()
    );
}

#[test]
fn fixed_responses_and_error_pages_come_from_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("sorry.html");
    fs::write(&page, "<p>sorry").unwrap();
    let page = page.display();
    let failing = answering("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nETag: \"x\"\r\n\r\nbusy");
    let text = routed(
        &format!("error_pages = {{ 404 = \"{page}\" }}"),
        &format!(
            "[[forwarder.route]]\npath = \"/file\"\nrespond = {{ status = 503, file = \"{page}\", headers = {{ retry-after = \"60\" }} }}\n\
             [[forwarder.route]]\npath = \"/down\"\nto = \"web\"\nerror_pages = {{ 502 = \"{page}\" }}\n\
             [[forwarder.route]]\npath = \"/said\"\nto = \"other\"\nerror_pages = {{ 503 = \"{page}\" }}\n\
             [[forwarder.route]]\npath = \"/kept\"\nto = \"other\"\nerror_pages = {{ 503 = \"{page}\", intercept = true }}\n\
             [[forwarder.route]]\npath = \"/empty\"\nrespond = {{ status = 204 }}\n"
        ),
        &[1, failing],
    );
    let site = Site::of(&text);
    for (target, status, body, media) in [
        ("/file", 503, "<p>sorry", "text/html; charset=utf-8"),
        ("/down", 502, "<p>sorry", "text/html; charset=utf-8"),
        ("/said", 503, "busy", ""),
        ("/kept", 503, "<p>sorry", "text/html; charset=utf-8"),
        ("/lost", 404, "<p>sorry", "text/html; charset=utf-8"),
        ("/empty", 204, "", ""),
    ] {
        let answer = get(&site, target);
        let got = (answer.status, answer.text(), answer.value("content-type"));
        assert_eq!(got, (status, body.to_owned(), media), "{target}");
    }
    assert_eq!(get(&site, "/file").value("retry-after"), "60");
    assert!(values(&get(&site, "/kept").head, "etag").is_empty());
}
