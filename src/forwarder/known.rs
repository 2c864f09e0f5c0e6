//! What is a request known by, to those who send equal ones to the same endpoint?

use hyper::HeaderMap;
use hyper::header::{COOKIE, HOST};
use hyper::http::request::Parts;

use crate::clock;
use crate::hashing::{of_address, of_octets};
use crate::locate::Client;
use crate::state::forwarding::{Forward, HashBy, Named, Sticky};

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
            let value = cookies(&head.headers, name).next();
            value.map_or_else(of_client, of_octets)
        }
    }
}

/// Minutes since 1970.
pub(super) fn now_min() -> u32 {
    (clock::unix_ms() / 60_000) as u32
}

fn named(sticky: &Sticky, headers: &HeaderMap) -> Option<Named> {
    let mut values = cookies(headers, &sticky.cookie).take(COOKIES_MAX);
    values.find_map(|value| sticky.read(value, now_min()))
}

/// The values of the cookies of this name (RFC 6265, 4.2.1), without the quotes that they may stand in.
pub fn cookies<'h>(headers: &'h HeaderMap, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|&octet| octet == b';'));
    pairs.filter_map(move |pair| {
        let pair = pair.trim_ascii();
        let value = pair
            .strip_prefix(name.as_bytes())?
            .trim_ascii_start()
            .strip_prefix(b"=")?
            .trim_ascii_start();
        let unquoted = value
            .strip_prefix(b"\"")
            .and_then(|v| v.strip_suffix(b"\""));
        Some(unquoted.unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn values(lines: &[&str], name: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
        }
        let values = cookies(&headers, name);
        values
            .map(|value| String::from_utf8(value.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        for (lines, expected) in [
            (&["s=1"][..], &["1"][..]),
            (&["a=2; s=1; ss=3", "s=\"4\""], &["1", "4"]),
            (&["as=1;  s = 5 ;s=6"], &["5", "6"]),
            (&["s", "s;", "=s", "S=1", ""], &[]),
            (&["s=a=b"], &["a=b"]),
            (&["s=\""], &["\""]),
        ] {
            assert_eq!(values(lines, "s"), expected, "{lines:?}");
        }
    }
}
