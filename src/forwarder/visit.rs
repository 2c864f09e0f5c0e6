//! What is known of a request, whatever becomes of it?

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;

use hyper::header::{HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{HeaderMap, Method, Uri};

use super::headers;
use super::route::{self, HostError};
use super::service::{Asked, Peer};
use super::session::Session;
use super::story::Story;
use super::worker::Worker;
use crate::locate::Client;
use crate::model::routing::{self, Template, Variable, path};
use crate::state::forwarding::Route;
use crate::state::listening::Http;

/// What the client asked for: it stays as it is when the request is changed on its way.
#[derive(Clone)]
pub(super) struct Visit {
    pub session: Rc<Session>,
    /// Among those of the session, from 1 on.
    number: u64,
    pub peer: Peer,
    /// Who asks, by the word of those who are trusted.
    pub client: Client,
    /// Whether the peer is believed.
    pub is_trusted: bool,
    /// Whether the client asked by TLS, by the same word.
    pub is_tls: bool,
    pub method: Method,
    /// In lower case, without a port.
    pub host: Box<str>,
    /// Path and query, the path in its normal form.
    pub uri: Uri,
    story: Rc<RefCell<Story>>,
}

impl Visit {
    /// Brings the target into the form in which it is matched and sent on, and keeps what is known of the request.
    pub fn new(head: &mut Parts, asked: Asked<'_>, http: &Http) -> Result<Self, &'static str> {
        let host = aim(head)?;
        let peer = asked.peer.address.ip();
        let client = Client {
            subnet: None,
            resolver: headers::client_of(&head.headers, peer, http),
        };
        Ok(Visit {
            session: Rc::clone(asked.session),
            number: asked.number,
            peer: asked.peer,
            client,
            is_trusted: http.trusts(peer),
            is_tls: headers::came_by_tls(&head.headers, peer, asked.peer.is_tls, http),
            method: head.method.clone(),
            host,
            uri: head.uri.clone(),
            story: Rc::clone(asked.story),
        })
    }

    pub fn asked(&self) -> Asked<'_> {
        Asked {
            session: &self.session,
            number: self.number,
            peer: self.peer,
            story: &self.story,
        }
    }

    /// What routes go by; `headers` are those of the request.
    pub fn matched<'a>(&'a self, headers: &'a HeaderMap, listener: &'a str) -> routing::Asked<'a> {
        routing::Asked {
            host: &self.host,
            path: self.uri.path(),
            method: &self.method,
            headers,
            listener,
        }
    }

    /// The same, asked by the forwarder itself, while the client has its answer already.
    pub fn aside(&self, worker: &Rc<Worker>) -> Self {
        Visit {
            story: Rc::new(RefCell::new(Story::own(worker, self.peer))),
            ..self.clone()
        }
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
                let _ = write!(text, "{}", self.client.resolver.to_canonical());
            }
            Variable::Route => text.push_str(&route.name),
        })
    }

    pub fn scheme(&self) -> &'static str {
        match self.is_tls {
            true => "https",
            false => "http",
        }
    }
}

/// Brings the target into the form in which it is matched and sent on; the host that it is for.
fn aim(head: &mut Parts) -> Result<Box<str>, &'static str> {
    let host = route::host_of(head).map_err(HostError::words)?;
    let host = host.to_ascii_lowercase().into();
    if let Some(authority) = head.uri.authority() {
        if head.uri.scheme().is_none() {
            // That form is CONNECT's (RFC 9112, 3.2.3).
            return Err(NO_PATH);
        }
        // What the target says counts (RFC 9112, 3.2.2).
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            head.headers.insert(HOST, host);
        }
        let path = head.uri.path_and_query().cloned();
        head.uri = path.map_or_else(Uri::default, Uri::from);
    }
    settle(&mut head.uri, &head.method)?;
    Ok(host)
}

const NO_PATH: &str = "the target of the request is no path";

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
            path::Unsound::Relative => NO_PATH,
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

    fn head(target: &str) -> Parts {
        let request = Request::builder()
            .uri(target)
            .header(HOST, "WWW.Example.com:80");
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn the_target_is_matched_and_sent_on_in_one_form() {
        for (target, expected) in [
            ("/a/%2e%2e/b?x=/../y", "/b?x=/../y"),
            ("/a?", "/a?"),
            ("http://other.example//a", "/a"),
            ("http://other.example", "/"),
        ] {
            let mut head = head(target);
            let host = aim(&mut head).expect(target);
            assert_eq!(head.uri.to_string(), expected, "{target}");
            assert_eq!(
                &*host == "www.example.com",
                target.starts_with('/'),
                "{target}"
            );
        }
        for target in ["/%", "*", "other.example:80"] {
            assert!(aim(&mut head(target)).is_err(), "{target}");
        }
    }

    #[test]
    fn the_host_of_the_target_is_the_host() {
        let mut head = head("http://Other.example:8080/");
        assert_eq!(&*aim(&mut head).expect("a host"), "other.example");
        assert_eq!(head.headers[HOST], "Other.example:8080");
    }
}
