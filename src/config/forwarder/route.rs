//! Reads `[[forwarder.route]]`.

use std::ops::Range;

use super::access::{Access, access};
use super::balance::{Choosing, choosing};
use super::rate::{Rate, rates};
use crate::config::reader::{Reader, Table, Value, quoted};
use crate::config::references::References;
use crate::config::scalar::{one_or_many, text};
use crate::config::{Member, Place};
use crate::dns::Name;

/// `[[forwarder.route]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// `host = "www.example.com"`, `"*.example.com"`, or a list. Default: all.
    pub hosts: Vec<HostPattern>,
    /// `path = "/api"`: it and what is below it; `path = { exact = "/api" }`: it alone. Default: all.
    pub path: PathPattern,
    /// How one of a pool's endpoints is chosen.
    pub choosing: Choosing,
    /// Whose requests are taken. Default: all.
    pub access: Option<Access>,
    /// `rate_limit`: how many are taken, all of which must hold. Default: any number.
    pub rates: Vec<Rate>,
    pub action: Action,
    pub place: Place,
}

/// In lower case, without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    Exact(String),
    /// Every name below it: the part after `*`, with its dot.
    Below(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPattern {
    Any,
    Exact(String),
    /// Without a slash at its end.
    Prefix(String),
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `to = "web-eu"`: a pool, or a policy.
    Forward { to: Member },
}

pub(super) fn route(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Route> {
    let expected = "a table [[forwarder.route]]";
    let mut table = Table::of(reader, "[[forwarder.route]]", value, expected)?;
    let place = reader.place(value.span().start);
    let hosts = table.optional(reader, "host", |r, v| {
        one_or_many(r, v, |reader, value| {
            let name = text(reader, value, HOST_EXPECTED)?;
            host(reader, name, value.span())
        })
    });
    let path = table.optional(reader, "path", path);
    let to = table.required(reader, "to", "\"a pool or a policy\"", |reader, value| {
        let name = text(reader, value, "the name of a pool or a policy")?;
        references.member(reader, name, value.span())
    });
    let choosing = choosing(reader, &mut table);
    let access = access(reader, references, &mut table);
    let rates = table.optional(reader, "rate_limit", rates);
    table.finish(reader);
    Some(Route {
        choosing,
        access,
        rates: rates.unwrap_or_default(),
        hosts: hosts.unwrap_or_default(),
        path: path.unwrap_or(PathPattern::Any),
        action: Action::Forward { to: to? },
        place,
    })
}

const HOST_EXPECTED: &str = "a host such as \"www.example.com\" or \"*.example.com\"";

/// `text` stands at `span`.
pub(super) fn host(reader: &mut Reader, text: &str, span: Range<usize>) -> Option<HostPattern> {
    let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let (name, is_below) = match host.strip_prefix("*.") {
        Some(name) => (name, true),
        None => (&*host, false),
    };
    let is_address =
        name.parse::<std::net::Ipv4Addr>().is_ok() || name.starts_with('[') && name.ends_with(']');
    let is_name = Name::parse(name).is_ok_and(|name| name.label_count() > 0);
    if !(is_name || is_address && !is_below) || name.contains(['*', ':', '/']) && !is_address {
        let message = format!("expected {HOST_EXPECTED}, found {}", quoted(text));
        let help = text.contains(':').then(|| "without a port".to_owned());
        reader.error(span, message, help);
        return None;
    }
    Some(match is_below {
        true => HostPattern::Below(format!(".{name}")),
        false => HostPattern::Exact(host),
    })
}

fn path(reader: &mut Reader, value: &Value) -> Option<PathPattern> {
    const EXPECTED: &str = "a path such as \"/api\"";
    fn absolute(reader: &mut Reader, value: &Value) -> Option<String> {
        let text = text(reader, value, EXPECTED)?;
        if !text.starts_with('/') {
            let message = format!("expected {EXPECTED}, found {}", quoted(text));
            reader.error(
                value.span(),
                message,
                Some(format!("did you mean \"/{text}\"?")),
            );
            return None;
        }
        Some(text.to_owned())
    }
    if value.get_ref().as_str().is_some() {
        let path = absolute(reader, value)?;
        let path = path.trim_end_matches('/').to_owned();
        return Some(match path.is_empty() {
            true => PathPattern::Any,
            false => PathPattern::Prefix(path),
        });
    }
    let expected = "a path such as \"/api\" or { exact = \"/api\" }";
    let mut table = Table::of(reader, "`path`", value, expected)?;
    let exact = table.required(reader, "exact", "\"/api\"", absolute);
    table.finish(reader);
    exact.map(PathPattern::Exact)
}
