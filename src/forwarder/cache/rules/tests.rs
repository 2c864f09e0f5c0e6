use hyper::Response;

use super::*;
use crate::forwarder::body::ResponseBody;

const DATE_AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const MINUTE_LATER: &str = "Sun, 06 Nov 1994 08:50:37 GMT";
const AT_MS: u64 = 784_111_777_000;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn came() -> Came {
    Came {
        delay: Duration::ZERO,
        at: crate::clock::now(),
        unix_ms: AT_MS,
    }
}

fn rules() -> CacheRules {
    CacheRules {
        body_max: 1000,
        fresh: Duration::ZERO,
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        wait: Duration::ZERO,
    }
}

fn terms_of(status: u16, lines: &[(&'static str, &'static str)]) -> Option<Terms> {
    let status = StatusCode::from_u16(status).expect("a status");
    terms(status, &headers(lines), &came(), &rules())
}

fn lifetime(lines: &[(&'static str, &'static str)]) -> Option<u64> {
    terms_of(200, lines).map(|terms| terms.lifetime.as_secs())
}

#[test]
fn rfc9111_4_2_1_the_lifetime_is_of_the_first_that_says_it() {
    for (lines, expected) in [
        (&[("cache-control", "max-age=60")][..], 60),
        (&[("cache-control", "Max-Age=60")], 60),
        (&[("cache-control", "max-age=\"60\"")], 60),
        (&[("cache-control", "max-age=60, s-maxage=10")], 10),
        (&[("cache-control", "max-age=60"), ("expires", DATE_AT)], 60),
        (&[("date", DATE_AT), ("expires", MINUTE_LATER)], 60),
        (&[("expires", MINUTE_LATER)], 60),
        (&[("expires", "Sunday, 06-Nov-94 08:50:37 GMT")], 60),
        // 5.3: what cannot be read lies in the past.
        (&[("expires", "0")], 0),
        (&[("cache-control", "max-age=soon")], 0),
        (&[("cache-control", "max-age=-1")], 0),
        (&[("cache-control", "max-age")], 0),
        (&[("cache-control", "max-age=60, max-age=10")], 10),
        (&[("cache-control", "x=\"a, max-age=60\"")], 0),
        // 1.2.2: more than can be counted.
        (
            &[("cache-control", "max-age=99999999999999999999")],
            1 << 31,
        ),
        (&[], 0),
    ] {
        assert_eq!(lifetime(lines), Some(expected), "{lines:?}");
    }
}

#[test]
fn rfc9111_3_only_what_is_understood_is_kept() {
    for (status, lines, is_kept) in [
        (200, &[][..], true),
        (206, &[("cache-control", "max-age=60")], false),
        (302, &[], false),
        (302, &[("cache-control", "max-age=60")], true),
        (404, &[], true),
        (500, &[("cache-control", "max-age=60")], false),
        (503, &[("cache-control", "public")], false),
    ] {
        assert_eq!(
            terms_of(status, lines).is_some(),
            is_kept,
            "{status} {lines:?}"
        );
    }
}

#[test]
fn rfc9111_4_2_3_the_age_is_the_larger_of_what_is_told_and_what_is_seen() {
    let age = |lines| terms_of(200, lines).expect("terms").age.as_secs();
    assert_eq!(age(&[("age", "7")]), 7);
    assert_eq!(age(&[("date", DATE_AT), ("age", "7")]), 7);
    assert_eq!(
        age(&[("date", "Sun, 06 Nov 1994 08:49:17 GMT"), ("age", "7")]),
        20
    );
    assert_eq!(age(&[("date", MINUTE_LATER)]), 0);
    assert_eq!(age(&[("age", "x")]), 0);
}

fn use_of(response: &'static str, age: &'static str, request: &'static str) -> Use {
    let terms = terms_of(200, &[("cache-control", response), ("age", age)]).expect("terms");
    let wish = match request {
        "" => Wish::of(&HeaderMap::new()),
        request => Wish::of(&headers(&[("cache-control", request)])),
    };
    may_use(&terms, &wish, terms.at)
}

#[test]
fn rfc9111_5_2_directives_say_whether_it_may_be_used() {
    for (response, age, request, expected) in [
        ("max-age=60", "59", "", Use::Fresh),
        // 4.2: it is fresh as long as it is younger.
        ("max-age=60", "60", "", Use::Ask),
        // 5.2.1
        ("max-age=60", "30", "max-age=20", Use::Ask),
        ("max-age=60", "20", "max-age=20", Use::Fresh),
        ("max-age=60", "30", "min-fresh=30", Use::Fresh),
        ("max-age=60", "31", "min-fresh=30", Use::Ask),
        ("max-age=60", "0", "no-cache", Use::Ask),
        ("max-age=60", "90", "max-stale", Use::Fresh),
        ("max-age=60", "90", "max-stale=30", Use::Fresh),
        ("max-age=60", "91", "max-stale=30", Use::Ask),
        // 5.2.2.2, 5.2.2.8, 5.2.2.10: nobody has it stale.
        ("max-age=60, must-revalidate", "90", "max-stale", Use::Ask),
        ("max-age=60, proxy-revalidate", "90", "max-stale", Use::Ask),
        ("s-maxage=60", "90", "max-stale", Use::Ask),
        // 5.2.2.4
        ("max-age=60, no-cache", "0", "", Use::Ask),
        ("max-age=60, no-cache=\"set-cookie, x\"", "0", "", Use::Ask),
        // RFC 5861, 3.
        (
            "max-age=60, stale-while-revalidate=30",
            "89",
            "",
            Use::WhileAsking,
        ),
        ("max-age=60, stale-while-revalidate=30", "90", "", Use::Ask),
        (
            "max-age=60, stale-while-revalidate=30, must-revalidate",
            "70",
            "",
            Use::Ask,
        ),
    ] {
        assert_eq!(
            use_of(response, age, request),
            expected,
            "{response} {age} {request}"
        );
    }
    let pragma = Wish::of(&headers(&[("pragma", "No-Cache")]));
    assert!(pragma.no_cache);
}

#[test]
fn rfc5861_4_what_is_stale_stands_in_for_an_error() {
    for (response, age, stands_in) in [
        ("max-age=60, stale-if-error=30", "89", true),
        ("max-age=60, stale-if-error=30", "90", false),
        ("max-age=60", "61", false),
        (
            "max-age=60, stale-if-error=30, must-revalidate",
            "61",
            false,
        ),
        ("max-age=60, stale-if-error=30, no-cache", "61", false),
    ] {
        let terms = terms_of(200, &[("cache-control", response), ("age", age)]).expect("terms");
        assert_eq!(
            may_stand_in(&terms, terms.at),
            stands_in,
            "{response} {age}"
        );
    }
}

#[test]
fn rfc9111_4_1_what_vary_names_selects() {
    let edits = HeaderEdits::default();
    let request = headers(&[("accept", "a, b"), ("accept", "c")]);
    let asked = Asked {
        headers: &request,
        edits: &edits,
    };
    let selected = varies(
        &asked,
        &headers(&[("vary", "Accept, accept"), ("vary", "X-None")]),
    )
    .expect("names");
    assert_eq!(selected.len(), 2);
    assert!(fits(&selected, &headers(&[("accept", "a,b , c")])));
    assert!(!fits(&selected, &headers(&[("accept", "a, b")])));
    assert!(!fits(
        &selected,
        &headers(&[("accept", "a, b, c"), ("x-none", "")])
    ));
    for unknown in ["*", "accept, *", "X-Forwarded-For", "a b"] {
        assert!(
            varies(&asked, &headers(&[("vary", unknown)])).is_none(),
            "{unknown}"
        );
    }
}

#[test]
fn what_is_of_the_forwarders_own_is_not_kept() {
    let edits = HeaderEdits::default();
    let request = HeaderMap::new();
    let asked = Asked {
        headers: &request,
        edits: &edits,
    };
    let answer = Response::builder().header("cache-control", "max-age=60");
    let answer = answer.body(ResponseBody::whole("x")).expect("a response");
    assert!(kept(&asked, &answer, &came(), &rules(), 0).is_none());
}

#[test]
fn rfc9111_3_2_a_304_renews_all_but_what_is_of_the_body() {
    let came = came();
    let stale = Kept {
        space: 0,
        varies: Box::default(),
        status: StatusCode::OK,
        headers: headers(&[
            ("etag", "\"a\""),
            ("content-length", "3"),
            ("x-a", "1"),
            ("x-a", "2"),
        ]),
        body: "abc".into(),
        terms: terms_of(200, &[("cache-control", "max-age=1")]).expect("terms"),
    };
    let news = headers(&[
        ("cache-control", "max-age=60"),
        ("content-length", "0"),
        ("x-a", "3"),
        ("x-b", "4"),
    ]);
    let kept = updated(&stale, &news, &came, &rules());
    assert_eq!(kept.headers["content-length"], "3");
    assert_eq!(
        kept.headers.get_all("x-a").iter().collect::<Vec<_>>(),
        ["3"]
    );
    assert_eq!(
        (&kept.headers["x-b"], &kept.headers["date"]),
        (
            &HeaderValue::from_static("4"),
            &HeaderValue::from_static(DATE_AT)
        )
    );
    assert_eq!(kept.terms.lifetime, Duration::from_secs(60));
}

#[test]
fn rfc9111_4_4_what_a_change_names_is_old_on_the_same_host_only() {
    let key = Key {
        is_tls: false,
        host: "a.example".into(),
        asked_for: "a.example".into(),
        target: "/".into(),
    };
    let answer = headers(&[
        ("location", "http://A.example/x?y"),
        ("content-location", "http://b.example/z"),
    ]);
    let changed = also_changed(&answer, &key);
    let targets: Vec<&str> = changed.iter().map(|key| &*key.target).collect();
    assert_eq!(targets, ["/x?y"]);
}
