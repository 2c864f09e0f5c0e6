//! Whom do proxies name as the client?

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::{FORWARDED, HeaderName};

pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// One who passed a request on, or made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop<'h> {
    pub address: IpAddr,
    /// How it asked, if that is told.
    pub scheme: Option<&'h str>,
}

/// Whom a request is from by the word of `peer`, who is trusted: the last of those whom `X-Forwarded-For` names, or where
/// there is none, `Forwarded` (RFC 7239), who is not trusted; or as far as it can be read.
pub fn client<'h>(
    headers: &'h HeaderMap,
    peer: IpAddr,
    trusts: impl Fn(IpAddr) -> bool,
) -> Hop<'h> {
    let from = Hop {
        address: peer,
        scheme: None,
    };
    let lines = |name| {
        let lines = headers.get_all(name).iter().rev();
        lines.map(|line| line.to_str().unwrap_or("?"))
    };
    match headers.contains_key(X_FORWARDED_FOR) {
        true => {
            let named = lines(X_FORWARDED_FOR).flat_map(|line| line.rsplit(','));
            let hop = |address| Hop {
                address,
                scheme: None,
            };
            follow(from, named.map(|text| read_address(text).map(hop)), trusts)
        }
        false => {
            let named = lines(FORWARDED).flat_map(|line| elements(line).into_iter().rev());
            follow(from, named.map(read_element), trusts)
        }
    }
}

fn follow<'h>(
    mut at: Hop<'h>,
    named: impl Iterator<Item = Option<Hop<'h>>>,
    trusts: impl Fn(IpAddr) -> bool,
) -> Hop<'h> {
    for hop in named {
        let Some(hop) = hop else {
            break;
        };
        at = hop;
        if !trusts(at.address) {
            break;
        }
    }
    at
}

/// With or without a port, with or without brackets.
fn read_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let plain = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address = plain().or_else(with_port).or_else(bracketed)?;
    Some(address.to_canonical())
}

/// What stands between the commas that are in no quotes.
fn elements(line: &str) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_comma = |octet: char| {
        let is_comma = octet == ',' && !is_quoted;
        is_quoted ^= octet == '"' && !is_escaped;
        is_escaped = octet == '\\' && is_quoted && !is_escaped;
        is_comma
    };
    line.split(is_comma).collect()
}

/// RFC 7239, 4: `for="[2001:db8::1]:4711";proto=https`. `None`: it names no address, or is not written so; then nothing in it
/// counts, since what a client has written may be a part of it.
fn read_element(element: &str) -> Option<Hop<'_>> {
    let (mut address, mut scheme) = (None, None);
    let mut rest = element.trim();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once('=')?;
        let value;
        (value, rest) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => behind.split_at(behind.find(';').unwrap_or(behind.len())),
        };
        // No address and no scheme has an escape.
        if value.contains(['"', '\\', '=', ' ']) || name.contains(['"', '\\', ' ']) {
            return None;
        }
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        if is("for") {
            if address.is_some() {
                return None;
            }
            address = Some(read_address(value)?);
        } else if is("proto") {
            scheme = Some(value);
        }
        rest = match rest {
            "" => rest,
            more => more.strip_prefix(';')?,
        };
    }
    Some(Hop {
        address: address?,
        scheme,
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn found(name: HeaderName, lines: &[&'static str]) -> (String, Option<String>) {
        let trusts = |address: IpAddr| {
            ["10.0.0.1", "10.0.0.2", "2001:db8::1"].contains(&&*address.to_string())
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_static(line));
        }
        let hop = client(&headers, "10.0.0.1".parse().unwrap(), trusts);
        (hop.address.to_string(), hop.scheme.map(str::to_owned))
    }

    #[test]
    fn the_client_is_the_last_one_that_is_not_trusted() {
        for (lines, expected) in [
            (&[][..], "10.0.0.1"),
            (&["192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.1, 192.0.2.2"], "192.0.2.2"),
            (&["192.0.2.1, 10.0.0.2"], "192.0.2.1"),
            (&["192.0.2.1", "192.0.2.2, 10.0.0.2"], "192.0.2.2"),
            (&["10.0.0.2"], "10.0.0.2"),
            (&["192.0.2.1:4711"], "192.0.2.1"),
            (&["[2001:db8::2]:4711, 2001:db8::1"], "2001:db8::2"),
            (&["[2001:db8::2]"], "2001:db8::2"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            // What cannot be read ends it: who wrote it is the last that is known.
            (&["192.0.2.1, unknown, 10.0.0.2"], "10.0.0.2"),
            (&["192.0.2.1,"], "10.0.0.1"),
        ] {
            assert_eq!(found(X_FORWARDED_FOR, lines).0, expected, "{lines:?}");
        }
    }

    #[test]
    fn rfc7239_4_the_same_of_elements() {
        for (lines, expected, scheme) in [
            (&["for=192.0.2.1"][..], "192.0.2.1", None),
            (
                &["For=\"[2001:db8::2]:4711\";Proto=https;by=x"],
                "2001:db8::2",
                Some("https"),
            ),
            (
                &["for=192.0.2.1;proto=https, for=10.0.0.2;proto=http"],
                "192.0.2.1",
                Some("https"),
            ),
            (
                &["for=192.0.2.1", "host=\"a,b\";for=\"10.0.0.2\""],
                "192.0.2.1",
                None,
            ),
            (&["for=192.0.2.1, for=unknown"], "10.0.0.1", None),
            (&["for=192.0.2.1, proto=https"], "10.0.0.1", None),
            (&["for=192.0.2.1, for=_x, for=10.0.0.2"], "10.0.0.2", None),
            // What a client leaves open takes nothing of what a proxy writes behind it for its own.
            (
                &["for=192.0.2.1, for=\", for=\"[2001:db8::2]\""],
                "10.0.0.1",
                None,
            ),
            (&["for=192.0.2.1;x=\", for=192.0.2.2"], "10.0.0.1", None),
            (
                &["for=192.0.2.1;x=\"\\\", for=\"[2001:db8::2]\""],
                "10.0.0.1",
                None,
            ),
            (&["for=192.0.2.1;for=192.0.2.2"], "10.0.0.1", None),
        ] {
            let scheme = scheme.map(str::to_owned);
            assert_eq!(
                found(FORWARDED, lines),
                (expected.to_owned(), scheme),
                "{lines:?}"
            );
        }
    }
}
