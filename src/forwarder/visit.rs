//! What is known of a request, whatever becomes of it?

use std::borrow::Cow;
use std::fmt::Write;

use hyper::header::{HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Uri};

use super::route::{self, HostError};
use super::service::Peer;
use crate::model::routing::{Template, Variable, path};
use crate::state::forwarding::Route;

/// What the client asked for: it stays as it is when the request is changed on its way.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub peer: Peer,
    pub method: Method,
    /// In lower case, without a port.
    pub host: Box<str>,
    /// Path and query, the path in its normal form.
    pub uri: Uri,
}

impl Visit {
    /// Brings the target into the form in which it is matched and sent on, and keeps what is known of the request.
    pub fn new(head: &mut Parts, peer: Peer) -> Result<Self, &'static str> {
        let host = route::host_of(head).map_err(|error| match error {
            HostError::Missing => "the request has no Host header",
            HostError::Several => "the request has several Host headers",
            HostError::Unreadable => "the host of the request cannot be read",
        })?;
        let host = host.to_ascii_lowercase().into();
        if let Some(authority) = head.uri.authority() {
            // What the target says counts (RFC 9112, 3.2.2).
            if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
                head.headers.insert(HOST, host);
            }
            let path = head.uri.path_and_query().cloned();
            head.uri = path.map_or_else(Uri::default, Uri::from);
        }
        settle(&mut head.uri, &head.method)?;
        Ok(Visit {
            peer,
            method: head.method.clone(),
            host,
            uri: head.uri.clone(),
        })
    }

    /// The text that a template stands for.
    pub fn fill(&self, template: &Template, route: &Route) -> String {
        let path = self.uri.path();
        let push_query = |text: &mut String| {
            if let Some(query) = self.uri.query() {
                text.push('?');
                push_clean(query, text);
            }
        };
        template.fill(|variable, text| match variable {
            Variable::Scheme => text.push_str(self.scheme()),
            Variable::Host => text.push_str(&self.host),
            Variable::Path => text.push_str(path),
            Variable::Query => push_query(text),
            Variable::Uri => {
                text.push_str(path);
                push_query(text);
            }
            Variable::Method => text.push_str(self.method.as_str()),
            Variable::Client => {
                // Writing to a text never fails.
                let _ = write!(text, "{}", self.peer.address.ip().to_canonical());
            }
            Variable::Route => text.push_str(&route.name),
        })
    }

    pub fn scheme(&self) -> &'static str {
        match self.peer.is_tls {
            true => "https",
            false => "http",
        }
    }
}

/// Characters that stand in no query are escaped (RFC 3986, 3.4).
fn push_clean(query: &str, text: &mut String) {
    for octet in query.bytes() {
        match octet {
            b'!'..=b'~' if !b"\"<>\\^`{|}#".contains(&octet) => text.push(char::from(octet)),
            _ => {
                let _ = write!(text, "%{octet:02X}");
            }
        }
    }
}

/// Brings a path into its normal form.
fn settle(uri: &mut Uri, method: &Method) -> Result<(), &'static str> {
    if *method == Method::OPTIONS && uri.path() == "*" {
        return Ok(());
    }
    match path::normalise(uri.path()) {
        Ok(Cow::Borrowed(_)) => Ok(()),
        Ok(Cow::Owned(path)) => replace_path(uri, &path),
        Err(why) => Err(match why {
            path::Unsound::Relative => "the target of the request is no path",
            path::Unsound::Escape => "the path has a % without two hexadecimal digits behind it",
            path::Unsound::Character => "the path has a character that no path may have",
            path::Unsound::HiddenDots => "the path has dot segments in disguise",
        }),
    }
}

/// Gives the target another path; the query stays.
pub(super) fn replace_path(uri: &mut Uri, path: &str) -> Result<(), &'static str> {
    let target = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    let target = target.map_err(|_| "the path cannot be sent on")?;
    *uri = Uri::from(target);
    Ok(())
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn visit(target: &str) -> Result<(Visit, Parts), &'static str> {
        let request = Request::builder()
            .uri(target)
            .header(HOST, "WWW.Example.com:80");
        let mut head = request.body(()).expect("a request").into_parts().0;
        let peer = Peer {
            address: "[::ffff:192.0.2.1]:1".parse().expect("an address"),
            listener: 0,
            is_tls: true,
        };
        Visit::new(&mut head, peer).map(|visit| (visit, head))
    }

    #[test]
    fn the_target_is_matched_and_sent_on_in_one_form() {
        for (target, expected) in [
            ("/a/%2e%2e/b?x=/../y", "/b?x=/../y"),
            ("/a?", "/a?"),
            ("http://other.example//a", "/a"),
            ("http://other.example", "/"),
        ] {
            let (visit, head) = visit(target).expect(target);
            assert_eq!(
                (visit.uri.to_string().as_str(), &head.uri),
                (expected, &visit.uri),
                "{target}"
            );
        }
        assert!(visit("/%").is_err() && visit("*").is_err());
    }

    #[test]
    fn the_host_of_the_target_is_the_host() {
        let (of_target, head) = visit("http://Other.example:8080/").expect("a visit");
        assert_eq!(&*of_target.host, "other.example");
        assert_eq!(head.headers[HOST], "Other.example:8080");
        let (of_header, _) = visit("/").expect("a visit");
        assert_eq!(&*of_header.host, "www.example.com");
    }
}
