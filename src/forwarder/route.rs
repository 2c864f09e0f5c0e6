//! Which route fits a request?

use hyper::header::HOST;
use hyper::http::request::Parts;

use crate::model::routing::{Asked, host};
use crate::state::forwarding::{Forwarding, Route};

/// The first that fits, and its place.
pub(super) fn find<'f>(forwarding: &'f Forwarding, asked: &Asked<'_>) -> Option<(u32, &'f Route)> {
    let fits = |number: u32| forwarding.routes[number as usize].matching.fits(asked);
    let found = forwarding.index.find(asked.host, asked.path, fits)?;
    Some((found, &forwarding.routes[found as usize]))
}

/// Why a request names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostError {
    Missing,
    Several,
    Unreadable,
}

impl HostError {
    pub fn words(self) -> &'static str {
        match self {
            HostError::Missing => "the request has no Host header",
            HostError::Several => "the request has several Host headers",
            HostError::Unreadable => "the host of the request cannot be read",
        }
    }
}

/// The host that a request is for, without a port: of its target, where that says so (RFC 9112, 3.2.2), or else of
/// its one `Host` (RFC 9112, 3.2). Empty for HTTP/1.0 without one.
pub(super) fn host_of(head: &Parts) -> Result<&str, HostError> {
    let mut hosts = head.headers.get_all(HOST).into_iter();
    let first = hosts.next();
    if hosts.next().is_some() {
        return Err(HostError::Several);
    }
    let written = match (head.uri.authority(), first) {
        (Some(authority), _) => authority.as_str(),
        (None, Some(host)) => host.to_str().map_err(|_| HostError::Unreadable)?,
        (None, None) if head.version < hyper::Version::HTTP_11 => return Ok(""),
        (None, None) => return Err(HostError::Missing),
    };
    host::without_port(written).ok_or(HostError::Unreadable)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn host(target: &str, hosts: &[&str]) -> Result<String, HostError> {
        let mut request = Request::builder().uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let request = request.body(()).expect("a request");
        host_of(&request.into_parts().0).map(str::to_owned)
    }

    #[test]
    fn the_host_is_that_of_the_target_or_the_only_one_of_the_header() {
        for (target, hosts, expected) in [
            ("/", &["www.example.com"][..], Ok("www.example.com")),
            ("/", &["www.example.com.:8080"], Ok("www.example.com")),
            ("/", &["[2001:db8::1]:8080"], Ok("[2001:db8::1]")),
            ("http://a.example/", &["b.example"], Ok("a.example")),
            ("/", &[], Err(HostError::Missing)),
            ("/", &["a.example", "a.example"], Err(HostError::Several)),
            ("/", &["a b"], Err(HostError::Unreadable)),
            ("/", &["user@a.example"], Err(HostError::Unreadable)),
            (
                "http://a.example:x@b.example/",
                &["c.example"],
                Err(HostError::Unreadable),
            ),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(host(target, hosts), expected, "{target} {hosts:?}");
        }
    }
}
