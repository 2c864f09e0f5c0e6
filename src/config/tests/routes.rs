//! Routes of the forwarder: each mistake at its place.

use super::{marked, reported};

/// Routes that have these lines, one after the other; `¦` marks where something is reported.
fn text(routes: &[&str]) -> String {
    let routes = routes
        .iter()
        .map(|lines| format!("[[forwarder.route]]\n{lines}\n"));
    "[region.eu]\n\
     [pool.web]\nregion = \"eu\"\nendpoints = [\"192.0.2.1\"]\n\
     [pool.new]\nregion = \"eu\"\nendpoints = [\"192.0.2.2\"]\n\
     [policy.all]\nmembers = [\"web\", \"new\"]\n\
     [zone.\"example.com\"]\nfile = \"zone\"\nbalanced = { www = { policy = \"all\" } }\n\
     [forwarder.listener.plain]\nlisten = \"127.0.0.1:8080\"\n"
        .to_owned()
        + &routes.collect::<String>()
}

/// What is reported of the routes besides what is of the rest.
fn told(routes: &[&str]) -> (Vec<String>, String) {
    let written = text(routes);
    let (text, place) = match written.contains('¦') {
        true => marked(&written),
        false => (written, String::new()),
    };
    let rest = super::reported(&self::text(&["to = \"web\""]));
    let all = reported(&text);
    (
        all.into_iter()
            .filter(|line| !rest.contains(line))
            .collect(),
        place,
    )
}

#[test]
fn right_routes_are_read() {
    for lines in [
        "to = \"web\"\nname = \"a-1\"\nhost = [\"a.example\", \"*.b.example\", \"192.0.2.1\", \"[2001:db8::1]\"]",
        "to = \"web\"\npath = \"/caf%c3%a9/é/\"\nmethod = [\"GET\", \"PURGE\"]\nlistener = \"plain\"",
        "to = \"web\"\npath = { regex = \"/v[0-9]+(?i:/x)?\" }\ncookie = { a = \"1\", b = { regex = \"x|y\" }, c = false }",
        "to = \"web\"\nrewrite = { regex = \"/(a)(b)\", with = \"/${2}/$1\" }\ncompress = { gzip = false, brotli = 9 }",
        "split = [{ to = \"web\", weight = 1 }, { to = \"new\", weight = 0 }]\ncanary = { keep = \"none\" }\ncache = false",
        "redirect = { to = \"{scheme}://{host}:8443{uri}\", status = 307 }",
        "respond = { status = 404, body = \"no\", content_type = \"text/plain\", headers = { x-a = \"b\" } }",
        "files = { root = \"/\", index = [], fallback = \"a\", dot_files = true, precompressed = true }\ncompress = true",
        "to = \"web\"\ncache = { body_max = \"2MiB\", fresh = \"1m\", stale_while_revalidate = \"1h\", stale_if_error = \"1d\", wait = \"0s\" }",
        "to = \"web\"\nrequest_headers = { set = { host = \"x\" }, add = { a = \"{client} {{}}\" }, remove = \"b\" }",
    ] {
        assert_eq!(told(&[lines]).0, [""; 0], "{lines}");
    }
}

#[test]
fn mistakes_in_routes_are_told_where_they_are() {
    let mut wrong = String::new();
    for (lines, expected) in [
        (
            "to = \"web\"\nname = ¦\"a b\"",
            "error: \"a b\" is no name for a route (expected 1 to 63 ASCII letters, digits, `-` and `_`)",
        ),
        (
            "to = \"web\"\nhost = ¦[]",
            "error: an empty list fits no request",
        ),
        (
            "to = \"web\"\nhost = [\"a.b\", ¦\"A.B\"]",
            "error: it is listed already",
        ),
        (
            "to = \"web\"\npath = ¦\"api\"",
            "error: expected a path such as \"/api\", found \"api\" (did you mean \"/api\"?)",
        ),
        (
            "to = \"web\"\npath = ¦\"/a/../b\"",
            "error: no request is matched with the path \"/a/../b\" (it becomes \"/b\" before routes are asked)",
        ),
        (
            "to = \"web\"\npath = { exact = ¦\"//a\" }",
            "error: no request is matched with the path \"//a\" (it becomes \"/a\" before routes are asked)",
        ),
        (
            "to = \"web\"\npath = ¦\"/a?b\"",
            "error: the path has a character that no path may have: \"/a?b\"",
        ),
        (
            "to = \"web\"\npath = { regex = ¦\"(\" }",
            "error: \"(\" is no regular expression: unclosed group",
        ),
        (
            "to = \"web\"\npath = { regex = \"/a\", ¦exact = \"/a\" }",
            "error: `exact` cannot stand beside `regex`",
        ),
        (
            "to = \"web\"\nmethod = ¦\"get\"",
            "error: \"get\" is no method (did you mean \"GET\"?)",
        ),
        (
            "to = \"web\"\nlistener = ¦\"plan\"",
            "error: no listener named `plan` (did you mean `plain`?)",
        ),
        (
            "to = \"web\"\nheader = { ¦\"a b\" = \"1\" }",
            "error: \"a b\" is no name of a header",
        ),
        (
            "to = \"web\"\nheader = { a = ¦\" 1\" }",
            "error: no request has the value \" 1\" (values have no control characters, and no spaces around them)",
        ),
        (
            "to = \"web\"\nheader = { a = \"1\", ¦A = \"2\" }",
            "error: `A` is asked for already",
        ),
        (
            "to = \"web\"\ncookie = { ¦\"a;b\" = true }",
            "error: \"a;b\" is no name of a cookie",
        ),
        (
            "to = \"web\"\n¦redirect = \"/\"",
            "error: `redirect` cannot stand beside `to`",
        ),
        (
            "redirect = ¦\"//evil\"",
            "error: expected an address such as \"https://{host}{uri}\" or \"/elsewhere\", found \"//evil\"",
        ),
        (
            "redirect = ¦\"/{hots}\"",
            "error: \"/{hots}\": no placeholder is called {hots} (known: `{scheme}`, `{host}`, `{path}`, `{query}`, `{uri}`, `{method}`, `{client}` and `{route}`; a brace is written twice)",
        ),
        (
            "redirect = { to = \"/\", status = ¦300 }",
            "error: 300 redirects nobody (expected 301, 302, 303, 307 or 308)",
        ),
        (
            "respond = { status = 200 }\n¦cache = true",
            "error: `cache` means nothing where no backend is asked",
        ),
        (
            "respond = ¦{ status = 204, body = \"x\" }",
            "error: a response 204 has no body",
        ),
        (
            "respond = { file = ¦\"nowhere\" }",
            "error: \"/etc/meridian/nowhere\" cannot be read: No such file or directory (os error 2)",
        ),
        (
            "files = ¦\"/nowhere\"",
            "warning: \"/nowhere\" is no folder (until it is one, requests are answered 404)",
        ),
        (
            "to = \"web\"\nresponse_headers = { set = { ¦content-length = \"1\" } }",
            "error: `content-length` is not for routes to change (it frames messages, or is about one connection)",
        ),
        (
            "to = \"web\"\nresponse_headers = { set = { a = ¦\"x\\ny\" } }",
            "error: \"x\\ny\" is no value of a header",
        ),
        (
            "to = \"web\"\nrewrite = { regex = \"/(a)\", with = ¦\"/$2\" }",
            "error: the expression has no group 2",
        ),
        (
            "to = \"web\"\nrewrite = { regex = \"/(a)\", with = ¦\"b\" }",
            "error: expected a path such as \"/new/$1\", found \"b\"",
        ),
        (
            "to = \"web\"\nrewrite = { strip_prefix = \"/a\", ¦with = \"/b\" }",
            "error: `with` means nothing beside `strip_prefix`",
        ),
        (
            "to = \"web\"\nerror_pages = { ¦200 = \"x\" }",
            "error: `200` is no status of an error (expected 400 to 599, or `intercept`)",
        ),
        (
            "to = \"web\"\ncompress = { brotli = ¦11 }",
            "error: 11 is out of range (expected a whole number from 0 to 9)",
        ),
        (
            "to = \"web\"\ncompress = { types = ¦\"html\" }",
            "error: expected a media type such as \"text/html\" or \"text/*\", found \"html\"",
        ),
        (
            "to = \"web\"\ncompress = ¦{ gzip = false, brotli = false }",
            "error: neither gzip nor brotli (write `compress = false`)",
        ),
        (
            "to = \"web\"\ncache = { body_max = ¦\"1 MB\" }",
            "error: expected a size such as \"64KiB\", found \"1 MB\" (a whole number and B, KiB, MiB or GiB)",
        ),
        (
            "to = \"web\"\ncache = { body_max = ¦\"1GiB\" }",
            "error: 1GiB is out of range (expected 0B to 64MiB)",
        ),
        (
            "to = \"web\"\n¦canary = { header = \"a\" }",
            "error: `canary` means nothing without `split`",
        ),
        (
            "split = ¦[{ to = \"web\", weight = 1 }]",
            "error: expected 2 to 16 sides, found 1",
        ),
        (
            "split = [{ to = \"web\", weight = 1 }, ¦{ to = \"web\", weight = 1 }]",
            "error: `web` is a side already",
        ),
        (
            "split = ¦[{ to = \"web\", weight = 0 }, { to = \"new\", weight = 0 }]",
            "error: no side has any weight",
        ),
        (
            "split = [{ to = \"web\", weight = 1 }, { to = \"new\", weight = 1 }]\ncanary = { ¦keep = \"cookie\" }",
            "error: `keep = \"cookie\"` needs the name of a cookie (write `cookie = \"canary\"`)",
        ),
    ] {
        let (told, place) = told(&[lines]);
        let expected = format!("{place}: {expected}");
        if told != [expected.as_str()] {
            wrong += &format!("{lines}\n  expected {expected}\n  told {told:#?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_route_that_leads_nowhere_is_read_to_its_end() {
    let (told, _) = told(&["to = \"nowhere\"\nbaance = \"smooth\""]);
    assert_eq!(told.len(), 2, "{told:#?}");
}

#[test]
fn routes_that_nothing_comes_to_are_told() {
    for (first, second, is_covered) in [
        ("", "path = \"/a\"", true),
        (
            "path = \"/a\"",
            "path = \"/a/b\"\nhost = \"a.example\"",
            true,
        ),
        (
            "host = \"*.example\"",
            "host = [\"a.example\", \"b.example\"]",
            true,
        ),
        (
            "host = \"*.example\"",
            "host = [\"a.example\", \"example\"]",
            false,
        ),
        ("method = \"GET\"", "", false),
        (
            "header = { a = true }",
            "header = { a = \"1\", b = true }",
            true,
        ),
        ("header = { a = true }", "", false),
        (
            "path = { regex = \"/.*\" }",
            "path = { exact = \"/a\" }",
            true,
        ),
    ] {
        let route = |lines: &str, mark: &str| format!("to = \"web\"\n{lines}{mark}");
        let (told, _) = told(&[&route(first, ""), &route(second, "")]);
        let covered = "warning: no request ever comes to this route";
        assert_eq!(
            told.iter().any(|line| line.contains(covered)),
            is_covered,
            "{first} {second} {told:?}"
        );
    }
    let (told, _) = told(&[
        "name = \"a\"\npath = \"/a\"\nto = \"web\"",
        "name = \"a\"\nto = \"web\"",
    ]);
    assert!(
        told.iter()
            .any(|line| line.contains("a route is called `a` already")),
        "{told:?}"
    );
}
