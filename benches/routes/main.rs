//! What does it cost to find a route among many? Nanoseconds a request, for a route of every host, every path, and none.

use std::hint::black_box;
use std::time::Instant;

use hyper::{HeaderMap, Method};
use meridian::model::routing::{Asked, HostPattern, Index, Matching, PathPattern};

const ROUNDS: u32 = 200_000;

fn main() {
    println!(
        "{:>8} {:>12} {:>12} {:>12}",
        "routes", "by host", "by path", "nowhere"
    );
    for count in [1, 10, 100, 1000, 10_000, 65_535] {
        let by_host: Vec<Matching> = (0..count).map(|number| of_host(&host(number))).collect();
        let by_path: Vec<Matching> = (0..count).map(|number| of_path(&path(number))).collect();
        let last = count - 1;
        println!(
            "{count:>8} {:>12.1} {:>12.1} {:>12.1}",
            cost(&by_host, &host(last), "/a/b", Some(last)),
            cost(
                &by_path,
                "www.example.com",
                &format!("{}/x/y", path(last)),
                Some(last)
            ),
            cost(&by_path, "www.example.com", "/elsewhere/x/y", None),
        );
    }
}

fn host(number: u32) -> String {
    format!("host-{number}.example.com")
}

fn path(number: u32) -> String {
    format!("/service/{number}")
}

fn of_host(host: &str) -> Matching {
    Matching {
        hosts: [HostPattern::Exact(host.into())].into(),
        ..Matching::default()
    }
}

fn of_path(path: &str) -> Matching {
    Matching {
        path: PathPattern::Prefix(path.into()),
        ..of_host("www.example.com")
    }
}

/// Nanoseconds.
fn cost(routes: &[Matching], host: &str, path: &str, expected: Option<u32>) -> f64 {
    let index = Index::new(routes);
    let (method, headers) = (Method::GET, HeaderMap::new());
    let asked = Asked {
        host,
        path,
        method: &method,
        headers: &headers,
        listener: "",
    };
    let find = || {
        let asked = black_box(&asked);
        index.find(asked.host, asked.path, |number| {
            routes[number as usize].fits(asked)
        })
    };
    assert_eq!(find(), expected);
    let start = Instant::now();
    for _ in 0..ROUNDS {
        black_box(find());
    }
    start.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
}
