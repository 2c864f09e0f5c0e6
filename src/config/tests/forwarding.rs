//! How routes choose, and what holds endpoints and clients to their limits: each mistake once, at its place.

use super::{marked, parse_text, reported};
use crate::config::forwarder::{RatedBy, Secure};
use crate::model::routing::{Balancing, HashBy};

/// A configuration with these lines in the pool's `backend`, the route, and `[forwarder]`.
fn text(backend: &str, route: &str, forwarder: &str) -> String {
    format!(
        "[region.eu]\n[pool.web]\nregion = \"eu\"\nendpoints = [\"192.0.2.1\"]\n\
         [pool.web.backend]\n{backend}\n[forwarder]\n{forwarder}\n\
         [forwarder.listener.http]\nlisten = \"127.0.0.1:80\"\n\
         [[forwarder.route]]\nto = \"web\"\n{route}\n"
    )
}

fn each_is_reported(make: impl Fn(&str) -> String, cases: &[(&str, &str)]) {
    for (lines, expected) in cases {
        let (text, place) = marked(&make(lines));
        let expected = format!("{place}: error: {expected}");
        assert_eq!(reported(&text), [expected], "{lines}");
    }
}

#[test]
fn of_a_route() {
    each_is_reported(
        |route| text("", route, ""),
        &[
            (
                "balance = \"two-choices\"\n¦hash = \"path\"",
                "`hash` has no effect where no hash chooses",
            ),
            (
                "balance = \"random\"\n¦load_factor = 2.0",
                "`load_factor` has no effect where no hash chooses",
            ),
            (
                "load_factor = ¦1.0",
                "1.0 is out of range (expected a factor from 1.01 to 10.0)",
            ),
            (
                "hash = ¦{}",
                "expected \"client\", \"host\", \"path\", { header = \"X-User\" } or { cookie = \"user\" }",
            ),
            (
                "hash = ¦{ header = \"a\", cookie = \"b\" }",
                "`header` and `cookie` exclude each other",
            ),
            (
                "hash = { header = ¦\"a b\" }",
                "\"a b\" is not the name of a header \
                 (up to 256 letters, digits and !#$%&'*+-.^_`|~)",
            ),
            (
                "session = { cookie = \"s\", ¦same_site = \"none\" }",
                "`same_site` is \"none\", which browsers take with `secure = true` only",
            ),
            (
                "session = { cookie = \"s\", path = ¦\"a\" }",
                "expected a path such as \"/shop\", found \"a\"",
            ),
            (
                "session = { cookie = \"s\", max_age = ¦\"1s\" }",
                "1s is out of range (expected 1m to 400d)",
            ),
            (
                "rate_limit = { requests = ¦0 }",
                "0 is out of range (expected a whole number from 1 to 1000000)",
            ),
            (
                "rate_limit = { requests = 1, by = ¦\"host\" }",
                "\"host\" is none of `client` and `route`",
            ),
            ("¦allow = []", "`allow` is empty"),
            (
                "deny = [\"10.0.0.0/8\", ¦\"10.0.0.0/8\"]",
                "\"10.0.0.0/8\" is in this list already",
            ),
        ],
    );
}

#[test]
fn of_a_pools_backend() {
    each_is_reported(
        |backend| text(backend, "", ""),
        &[
            (
                "¦max_pending = 5",
                "`max_pending` has no effect without `max_in_flight`",
            ),
            (
                "retry_budget = ¦\"120%\"",
                "expected a percentage from \"0%\" to \"100%\", found \"120%\"",
            ),
            (
                "retry_status = [502, ¦404]",
                "404 is out of range (expected a whole number from 500 to 599)",
            ),
            (
                "replay = ¦\"17MiB\"",
                "17MiB is out of range (expected 0B to 16MiB)",
            ),
            (
                "outliers = { ejection = \"1m\", ejection_max = ¦\"30s\" }",
                "30s is out of range (expected 1m to 1d)",
            ),
            (
                "outliers = ¦true",
                "expected `false` or a table such as { failures = 5, ejection = \"10s\" }, found `true`",
            ),
            (
                "circuit = { failures = ¦\"0%\" }",
                "expected a percentage from \"1%\" to \"100%\", found \"0%\"",
            ),
        ],
    );
}

#[test]
fn what_is_right_is_read_whole() {
    let text = text(
        "total_timeout = \"9s\"\noutliers = false\nmax_in_flight = 7\nreplay = \"2KiB\"",
        "balance = \"rendezvous\"\nhash = { cookie = \"user\" }\n\
         session = { cookie = \"s\", secure = false }\n\
         rate_limit = [{ requests = 10, by = { header = \"X-Key\" } }, { requests = 5, per = \"1m\" }]",
        "per_client_max = 9",
    );
    let config = parse_text(&text).expect("no mistakes").config;
    let forwarder = config.forwarder.expect("it is there");
    assert_eq!(
        (forwarder.per_client_max, forwarder.connections_max),
        (9, 65_536)
    );
    let route = &forwarder.routes[0];
    let rendezvous = Balancing::As(crate::model::Balance::Rendezvous);
    assert_eq!(route.choosing.balance, Some(rendezvous));
    assert_eq!(route.choosing.hash, HashBy::Cookie("user".into()));
    let sticky = route.choosing.sticky.as_ref().expect("sessions");
    assert_eq!((&*sticky.path, sticky.secure), ("/", Secure::Never));
    assert_eq!(route.rates[0].by, RatedBy::Header("x-key".to_owned()));
    assert_eq!((route.rates[0].burst, route.rates[1].burst), (10, 5));
    let care = &config.pools[0].backend.care;
    assert_eq!((care.outliers.clone(), care.max_in_flight), (None, Some(7)));
    assert_eq!((care.replay, care.max_pending), (2048, 100));
}
