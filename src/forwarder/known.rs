//! What is a request known by, to those who send equal ones to the same endpoint?

use hyper::HeaderMap;
use hyper::header::HOST;
use hyper::http::request::Parts;

use crate::clock;
use crate::hashing::{of_address, of_octets};
use crate::locate::Client;
use crate::model::routing::HashBy;
use crate::model::routing::cookie_values;
use crate::state::forwarding::{Forward, Named, Sticky};

/// Cookies of one name that are looked at: browsers send those of longer paths first, and a client that sends more
/// has made them up.
const COOKIES_MAX: usize = 4;

/// What is known of a request before it is known where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub hash: u64,
    /// The endpoint that its cookie names.
    pub named: Option<Named>,
}

impl Known {
    /// Where nothing is known but who it is.
    pub fn of_client(client: &Client) -> Self {
        Known {
            hash: of_address(client.resolver.to_canonical()),
            named: None,
        }
    }

    pub fn of(forward: &Forward, client: &Client, head: &Parts) -> Self {
        let sticky = forward.sticky.as_deref();
        Known {
            hash: hash(&forward.hash, client, head),
            named: sticky.and_then(|sticky| named(sticky, &head.headers)),
        }
    }
}

fn hash(by: &HashBy, client: &Client, head: &Parts) -> u64 {
    let of_client = || of_address(client.resolver.to_canonical());
    match by {
        HashBy::Client => of_client(),
        HashBy::Host => {
            let host = head.headers.get(HOST).map(|host| host.as_bytes());
            let mut parts = host.unwrap_or_default().split(|&octet| octet == b':');
            of_octets(&parts.next().unwrap_or_default().to_ascii_lowercase())
        }
        HashBy::Path => of_octets(head.uri.path().as_bytes()),
        HashBy::Header(name) => {
            let value = head.headers.get(&**name);
            value.map_or_else(of_client, |value| of_octets(value.as_bytes()))
        }
        HashBy::Cookie(name) => {
            let value = cookie_values(&head.headers, name).next();
            value.map_or_else(of_client, of_octets)
        }
    }
}

/// Minutes since 1970.
pub(super) fn now_min() -> u32 {
    (clock::unix_ms() / 60_000) as u32
}

fn named(sticky: &Sticky, headers: &HeaderMap) -> Option<Named> {
    let mut values = cookie_values(headers, &sticky.cookie).take(COOKIES_MAX);
    values.find_map(|value| sticky.read(value, now_min()))
}
