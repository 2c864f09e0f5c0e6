//! Which route fits a request?

use hyper::Request;
use hyper::header::HOST;

use crate::state::forwarding::{Forwarding, HostPattern, PathPattern, Route};

/// The first that fits; `host` is of [`host_of`].
pub(super) fn find<'f>(forwarding: &'f Forwarding, host: &str, path: &str) -> Option<&'f Route> {
    let mut routes = forwarding.routes.iter();
    routes.find(|route| fits_host(&route.hosts, host) && fits_path(&route.path, path))
}

fn fits_host(patterns: &[HostPattern], host: &str) -> bool {
    let fits = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(name) => name.eq_ignore_ascii_case(host),
        HostPattern::Below(suffix) => {
            let start = host.len().checked_sub(suffix.len());
            let end = start.and_then(|start| host.get(start..));
            start != Some(0) && end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
        }
    };
    patterns.is_empty() || patterns.iter().any(fits)
}

fn fits_path(pattern: &PathPattern, path: &str) -> bool {
    match pattern {
        PathPattern::Any => true,
        PathPattern::Exact(exact) => **exact == *path,
        PathPattern::Prefix(prefix) => path
            .strip_prefix(&**prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    }
}

/// Why a request names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostError {
    Missing,
    Several,
    Unreadable,
}

/// The host that a request is for, without a port: of its target, where that says so (RFC 9112, 3.2.2), or else of
/// its one `Host` (RFC 9112, 3.2). Empty for HTTP/1.0 without one.
pub(super) fn host_of<B>(request: &Request<B>) -> Result<&str, HostError> {
    let mut hosts = request.headers().get_all(HOST).into_iter();
    let first = hosts.next();
    if hosts.next().is_some() {
        return Err(HostError::Several);
    }
    let written = match (request.uri().authority(), first) {
        (Some(authority), _) => authority.as_str(),
        (None, Some(host)) => host.to_str().map_err(|_| HostError::Unreadable)?,
        (None, None) if request.version() < hyper::Version::HTTP_11 => return Ok(""),
        (None, None) => return Err(HostError::Missing),
    };
    let host = match written.strip_prefix('[') {
        // An IPv6 address keeps its brackets.
        Some(rest) => {
            let end = rest.find(']').ok_or(HostError::Unreadable)?;
            &written[..end + 2]
        }
        None => written.split(':').next().unwrap_or_default(),
    };
    let is_right = |octet: u8| octet.is_ascii_graphic() && !b"/@?#\\".contains(&octet);
    match host.bytes().all(is_right) {
        true => Ok(host.strip_suffix('.').unwrap_or(host)),
        false => Err(HostError::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(target: &str, hosts: &[&str]) -> Result<String, HostError> {
        let mut request = Request::builder().uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let request = request.body(()).expect("a request");
        host_of(&request).map(str::to_owned)
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
            ("/", &["[2001:db8::1"], Err(HostError::Unreadable)),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(host(target, hosts), expected, "{target} {hosts:?}");
        }
    }

    #[test]
    fn prefixes_are_of_whole_segments_and_wildcards_of_names_below() {
        let prefix = PathPattern::Prefix("/api".into());
        for (path, fits) in [
            ("/api", true),
            ("/api/", true),
            ("/api/v1", true),
            ("/apis", false),
        ] {
            assert_eq!(fits_path(&prefix, path), fits, "{path}");
        }
        let below = [HostPattern::Below(".example.com".into())];
        for (host, fits) in [
            ("a.example.com", true),
            ("a.b.EXAMPLE.com", true),
            ("example.com", false),
            (".example.com", false),
            ("badexample.com", false),
        ] {
            assert_eq!(fits_host(&below, host), fits, "{host}");
        }
    }
}
