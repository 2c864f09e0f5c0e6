//! What the forwarder makes of the connections that come to a listener.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::header::HeaderValue;
use rustls::ServerConfig;

use super::{Forward, HostPattern};

/// What is made of connections before they are requests, and of those that never are.
#[derive(Debug)]
pub struct Entrance {
    pub name: Box<str>,
    pub mode: Mode,
    pub tls: Option<Tls>,
    /// Whether connections of proxies that are trusted begin with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// Requests are sent to this port.
    pub redirect_to_https: Option<u16>,
    /// The value of Strict-Transport-Security.
    pub hsts: Option<HeaderValue>,
    /// They outlive reloads that keep the name.
    pub counts: Arc<Counts>,
}

/// What comes over connections.
#[derive(Debug)]
pub enum Mode {
    Http,
    Tcp(Tcp),
}

/// Where whole connections go.
#[derive(Debug)]
pub struct Tcp {
    pub by_name: ByName<Forward>,
    pub to: Option<Forward>,
    /// How long nothing comes from either side until the connection is closed.
    pub idle_timeout: Duration,
}

impl Tcp {
    /// Where a connection goes whose client asks for `name`, in lower case; `None`: nowhere.
    pub fn forward(&self, name: Option<&str>) -> Option<&Forward> {
        let named = name.and_then(|name| self.by_name.get(name));
        named.or(self.to.as_ref())
    }
}

/// What clients are shown.
pub struct Tls {
    pub config: Arc<ServerConfig>,
    pub handshake_timeout: Duration,
    /// Whom it takes certificates of, as a digest; `None`: nobody is asked. Sessions are resumed only where that was
    /// the same, so that nobody comes in with a session of elsewhere.
    pub clients: Option<Box<[u8]>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Things by the names of hosts; the longest that fits counts.
#[derive(Debug)]
pub struct ByName<T> {
    exact: HashMap<Box<str>, T>,
    /// By what stands behind `*`, with its dot.
    below: HashMap<Box<str>, T>,
}

impl<T> ByName<T> {
    pub fn new(all: impl IntoIterator<Item = (HostPattern, T)>) -> Self {
        let mut by_name = ByName {
            exact: HashMap::new(),
            below: HashMap::new(),
        };
        for (pattern, value) in all {
            match pattern {
                HostPattern::Exact(name) => by_name.exact.insert(name, value),
                HostPattern::Below(suffix) => by_name.below.insert(suffix, value),
            };
        }
        by_name
    }

    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty()
    }

    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.exact.values().chain(self.below.values())
    }

    /// That of `name`, which is in lower case.
    pub fn get(&self, name: &str) -> Option<&T> {
        let below = || {
            if self.below.is_empty() {
                return None;
            }
            let dots = name.match_indices('.').filter(|(at, _)| *at > 0);
            dots.into_iter()
                .find_map(|(at, _)| self.below.get(&name[at..]))
        };
        self.exact.get(name).or_else(below)
    }
}

/// What has come to a listener, since the process began.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections taken.
    pub connections: Counter,
    /// Handshakes of TLS that came to an end, and those of them that went on with an earlier session.
    pub handshakes: Counter,
    pub resumed: Counter,
    /// Those that did not: what the client sent or did not trust, and that it took too long.
    pub failed_handshakes: Counter,
    pub slow_handshakes: Counter,
    /// Connections without a header of the PROXY protocol, or with another one, where one must be.
    pub bad_proxy_headers: Counter,
    /// Connections of clients that are not let in, where they are not told so by a response.
    pub refused: Counter,
    /// Connections that went to nobody: those of a name that leads nowhere, and those that no endpoint took.
    pub unknown_names: Counter,
    pub unserved: Counter,
    /// Octets of connections that were passed on, from clients and to them.
    pub octets_in: Counter,
    pub octets_out: Counter,
}

/// Counts up. Threads share it: it is for what happens once in a connection.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_that_fits_counts() {
        let exact = |name: &str| HostPattern::Exact(name.into());
        let below = |name: &str| HostPattern::Below(name.into());
        let by_name = ByName::new([
            (exact("a.example"), 1),
            (below(".example"), 2),
            (below(".b.example"), 3),
        ]);
        for (name, found) in [
            ("a.example", Some(&1)),
            ("b.example", Some(&2)),
            ("x.a.example", Some(&2)),
            ("x.b.example", Some(&3)),
            ("x.y.b.example", Some(&3)),
            (".b.example", Some(&2)),
            ("example", None),
            (".example", None),
            ("", None),
            ("other", None),
        ] {
            assert_eq!(by_name.get(name), found, "{name}");
        }
    }
}
