//! Reads for which requests a route is.

use std::ops::Range;

use hyper::Method;
use hyper::header::HeaderName;
use toml::de::DeValue;

use crate::config::near::did_you_mean;
use crate::config::reader::{Reader, Table, Value, in_order, listed, quoted, ticked};
use crate::config::scalar::{one_or_many, text};
use crate::dns::Name;
use crate::model::routing::{HostPattern, Matching, PathPattern, Pattern, Test, path as paths};

/// Hosts, methods, listeners, headers and cookies of one route, each.
const LIST_MAX: usize = 1024;

pub(super) fn matching(
    reader: &mut Reader,
    listeners: &[String],
    table: &mut Table,
) -> Option<Matching> {
    let hosts = table.optional(reader, "host", |r, v| {
        many(r, v, |reader, value| {
            let name = text(reader, value, HOST_EXPECTED)?;
            host(reader, name, value.span())
        })
    });
    let path = table.optional(reader, "path", path);
    let methods = table.optional(reader, "method", |r, v| many(r, v, method));
    let headers = table.optional(reader, "header", |r, v| tests(r, v, "header", field_name));
    let cookies = table.optional(reader, "cookie", |r, v| tests(r, v, "cookie", cookie_name));
    let listeners = table.optional(reader, "listener", |reader, value| {
        many(reader, value, |r, v| listener(r, v, listeners))
    });
    Some(Matching {
        hosts: hosts.unwrap_or_default(),
        path: path.unwrap_or_default(),
        methods: methods.unwrap_or_default(),
        headers: headers.unwrap_or_default(),
        cookies: cookies.unwrap_or_default(),
        listeners: listeners.unwrap_or_default(),
    })
}

/// One, or a list of them that is not empty, each once.
fn many<'t, T: PartialEq>(
    reader: &mut Reader,
    value: &'t Value<'t>,
    mut read: impl FnMut(&mut Reader, &'t Value<'t>) -> Option<T>,
) -> Option<Box<[T]>> {
    if let DeValue::Array(elements) = value.get_ref()
        && (elements.is_empty() || elements.len() > LIST_MAX)
    {
        let message = match elements.is_empty() {
            true => "an empty list fits no request".to_owned(),
            false => format!("expected at most {LIST_MAX}, found {}", elements.len()),
        };
        reader.error(value.span(), message, None);
        return None;
    }
    let mut seen: Vec<T> = Vec::new();
    one_or_many(reader, value, |reader, value| {
        let element = read(reader, value)?;
        match seen.contains(&element) {
            true => reader.error(value.span(), "it is listed already", None),
            false => seen.push(element),
        }
        Some(())
    })?;
    Some(seen.into())
}

const HOST_EXPECTED: &str = "a host such as \"www.example.com\" or \"*.example.com\"";

/// `text` stands at `span`.
pub(in crate::config::forwarder) fn host(
    reader: &mut Reader,
    text: &str,
    span: Range<usize>,
) -> Option<HostPattern> {
    let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let (name, is_below) = match host.strip_prefix("*.") {
        Some(name) => (name, true),
        None => (&*host, false),
    };
    let is_address =
        name.parse::<std::net::Ipv4Addr>().is_ok() || name.starts_with('[') && name.ends_with(']');
    // Those are the characters of host names that browsers send (RFC 3986, 3.2.2; names that are not ASCII come as
    // A-labels); a name with others would fit no request.
    let has_host_characters = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_name = has_host_characters && Name::parse(name).is_ok_and(|name| name.label_count() > 0);
    if !(is_name || is_address && !is_below) {
        let message = format!("expected {HOST_EXPECTED}, found {}", quoted(text));
        let help = text.contains(':').then(|| "without a port".to_owned());
        reader.error(span, message, help);
        return None;
    }
    Some(match is_below {
        true => HostPattern::Below(format!(".{name}").into()),
        false => HostPattern::Exact(host.into()),
    })
}

fn path(reader: &mut Reader, value: &Value) -> Option<PathPattern> {
    if value.get_ref().as_str().is_some() {
        return Some(match prefix(reader, value)? {
            path if path.is_empty() => PathPattern::Any,
            path => PathPattern::Prefix(path.into()),
        });
    }
    let expected = "a path such as \"/api\", { exact = \"/api\" } or { regex = \"/v[0-9]+/.*\" }";
    let mut table = Table::of(reader, "`path`", value, expected)?;
    let regex = table.optional(reader, "regex", pattern);
    let path = if table.key_span("regex").is_some() {
        table.refuse(reader, "exact", "cannot stand beside `regex`");
        table.know(&["exact"]);
        regex.map(PathPattern::Regex)
    } else {
        let exact = table.required(reader, "exact", "\"/api\"", absolute);
        exact.map(|path| PathPattern::Exact(path.into()))
    };
    table.finish(reader);
    path
}

/// A path that requests can have, in its normal form.
pub(super) fn absolute(reader: &mut Reader, value: &Value) -> Option<String> {
    const EXPECTED: &str = "a path such as \"/api\"";
    let text = text(reader, value, EXPECTED)?;
    if !text.starts_with('/') {
        let message = format!("expected {EXPECTED}, found {}", quoted(text));
        let help = format!("did you mean {}?", quoted(&format!("/{text}")));
        reader.error(value.span(), message, Some(help));
        return None;
    }
    match paths::normalise(text) {
        // Another spelling of the same characters is understood; another path is a mistake.
        Ok(normal) if normal.matches('/').count() == text.matches('/').count() => {
            Some(normal.into_owned())
        }
        Ok(normal) => {
            let message = format!("no request is matched with the path {}", quoted(text));
            let help = format!("it becomes {} before routes are asked", quoted(&normal));
            reader.error(value.span(), message, Some(help));
            None
        }
        Err(why) => {
            reader.error(value.span(), format!("{why}: {}", quoted(text)), None);
            None
        }
    }
}

/// The same without a slash at its end.
pub(super) fn prefix(reader: &mut Reader, value: &Value) -> Option<String> {
    let path = absolute(reader, value)?;
    Some(path.trim_end_matches('/').to_owned())
}

/// A regular expression for a whole text.
pub(super) fn pattern(reader: &mut Reader, value: &Value) -> Option<Pattern> {
    let text = text(
        reader,
        value,
        "a regular expression such as \"/v[0-9]+/.*\"",
    )?;
    match Pattern::new(text) {
        Ok(pattern) => Some(pattern),
        Err(why) => {
            let message = format!("{} is no regular expression: {why}", quoted(text));
            reader.error(value.span(), message, None);
            None
        }
    }
}

fn method(reader: &mut Reader, value: &Value) -> Option<Method> {
    let text = text(reader, value, "a method such as \"GET\"")?;
    let method = Method::from_bytes(text.as_bytes()).ok();
    let is_upper = !text.bytes().any(|octet| octet.is_ascii_lowercase());
    if method.is_none() || !is_upper {
        let message = format!("{} is no method", quoted(text));
        let help = (!is_upper).then(|| format!("did you mean {}?", quoted(&text.to_uppercase())));
        reader.error(value.span(), message, help);
        return None;
    }
    method
}

fn listener(reader: &mut Reader, value: &Value, listeners: &[String]) -> Option<Box<str>> {
    let name = text(reader, value, "the name of a listener such as \"web\"")?;
    if !listeners.iter().any(|listener| listener == name) {
        let names = listeners.iter().map(String::as_str);
        let known = || Some(format!("known: {}", listed(listeners)));
        let help = did_you_mean(name, names).or_else(known);
        let message = format!("no listener named {}", ticked(name));
        reader.error(value.span(), message, help);
        return None;
    }
    Some(name.into())
}

/// The name of a header.
pub(super) fn field_name(
    reader: &mut Reader,
    text: &str,
    span: std::ops::Range<usize>,
) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(text.as_bytes()).ok();
    if name.is_none() {
        let message = format!("{} is no name of a header", quoted(text));
        reader.error(span, message, None);
    }
    name
}

/// The name of a cookie (RFC 6265, 4.1.1).
pub(super) fn cookie_name(
    reader: &mut Reader,
    text: &str,
    span: std::ops::Range<usize>,
) -> Option<Box<str>> {
    let is_token = |octet: u8| octet.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&octet);
    if text.is_empty() || !text.bytes().all(is_token) {
        let message = format!("{} is no name of a cookie", quoted(text));
        reader.error(span, message, None);
        return None;
    }
    Some(text.into())
}

fn tests<N: PartialEq>(
    reader: &mut Reader,
    value: &Value,
    what: &str,
    read_name: impl Fn(&mut Reader, &str, std::ops::Range<usize>) -> Option<N>,
) -> Option<Box<[(N, Test)]>> {
    let expected = format!("what {what}s must be, such as {{ NAME = \"value\" }}");
    let DeValue::Table(entries) = value.get_ref() else {
        return reader.wrong_type(value, &expected);
    };
    let mut tests: Vec<(N, Test)> = Vec::new();
    for (key, value) in in_order(entries) {
        let name = read_name(reader, key.get_ref(), key.span());
        let (Some(name), Some(test)) = (name, test(reader, value)) else {
            continue;
        };
        if tests.iter().any(|(other, _)| *other == name) {
            reader.error(
                key.span(),
                format!("{} is asked for already", ticked(key.get_ref())),
                None,
            );
        }
        tests.push((name, test));
    }
    Some(tests.into())
}

fn test(reader: &mut Reader, value: &Value) -> Option<Test> {
    match value.get_ref() {
        DeValue::Boolean(true) => Some(Test::Present),
        DeValue::Boolean(false) => Some(Test::Absent),
        DeValue::String(text) => {
            // Nothing else comes with a request (RFC 9110, 5.5).
            let is_sent =
                |octet: u8| octet == b'\t' || (b' '..0x7f).contains(&octet) || octet >= 0x80;
            if !text.bytes().all(is_sent) || text.trim_ascii() != &**text {
                let message = format!("no request has the value {}", quoted(text));
                let help =
                    "values have no control characters, and no spaces around them".to_owned();
                reader.error(value.span(), message, Some(help));
                return None;
            }
            Some(Test::Is((&**text).into()))
        }
        _ => {
            let expected =
                "a value, { regex = \"…\" }, or `true` or `false` for whether it is there";
            let mut table = Table::of(reader, "this condition", value, expected)?;
            let pattern = table.required(reader, "regex", "\"[0-9]+\"", pattern);
            table.finish(reader);
            pattern.map(Test::Fits)
        }
    }
}
