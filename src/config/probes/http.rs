//! Reads what `http` and `https` monitors ask and accept.

use toml::de::DeValue;

use super::headers::headers;
use super::tls::{host, tls};
use super::way::way;
use super::{HttpMethod, HttpProbe, HttpVersion, body_limit};
use crate::config::load::load_from;
use crate::config::reader::{Reader, Table, Value, quoted};
use crate::config::scalar::{boolean, choice, integer, one_or_many, text};

/// `kind` is `http` or `https`: the key that holds the path.
pub(super) fn http(
    reader: &mut Reader,
    table: &mut Table,
    kind: &'static str,
) -> Option<HttpProbe> {
    let path = table.optional(reader, kind, url_path);
    let mut probe = HttpProbe::get("/");
    probe.way = way(reader, table);
    probe.tls = (kind == "https").then(|| tls(reader, table));
    probe.host = table.optional(reader, "host", host);
    of_requests(reader, table, &mut probe);
    if let Some(statuses) = table.optional(reader, "expect_status", statuses) {
        probe.expect_status = statuses;
    }
    probe.body_limit = body_limit(reader, table);
    let limit = probe.body_limit;
    probe.expect_body = table.optional(reader, "expect_body", |r, v| body(r, v, limit));
    probe.load = load_from(reader, table).map(Box::new);
    if probe.method == HttpMethod::Head {
        for key in ["expect_body", "load_json"] {
            table.refuse(reader, key, "needs a body, and the answer to HEAD has none");
        }
    }
    if probe.reuse {
        let why = "needs a handshake each time, and `reuse` has one only";
        table.refuse(reader, "certificate_valid_for", why);
    }
    Some(HttpProbe {
        path: path?,
        ..probe
    })
}

/// What is asked, and how often of one connection.
fn of_requests(reader: &mut Reader, table: &mut Table, probe: &mut HttpProbe) {
    let version = table.optional(reader, "http_version", |r, v| {
        choice(r, v, &[("1.1", HttpVersion::One), ("2", HttpVersion::Two)])
    });
    probe.version = version.unwrap_or_default();
    let method = table.optional(reader, "method", |r, v| {
        choice(
            r,
            v,
            &[("GET", HttpMethod::Get), ("HEAD", HttpMethod::Head)],
        )
    });
    probe.method = method.unwrap_or_default();
    let headers = table.optional(reader, "headers", headers);
    probe.headers = headers.unwrap_or_default();
    let redirects = table.optional(reader, "redirects", |r, v| integer(r, v, 0..=5));
    probe.redirects = redirects.unwrap_or(0);
    let reuse = table.optional(reader, "reuse", boolean);
    probe.reuse = reuse.unwrap_or(false);
}

/// Path and query of a request: begins with `/`; visible ASCII (RFC 3986 leaves nothing else), no
/// fragment.
fn url_path(reader: &mut Reader, value: &Value) -> Option<String> {
    const EXPECTED: &str = "a path such as \"/healthz\"";
    let text = text(reader, value, EXPECTED)?;
    let visible = text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    if text.starts_with('/') && visible {
        return Some(text.to_owned());
    }
    let message = format!("expected {EXPECTED}, found {}", quoted(text));
    let help = if text.starts_with('/') {
        "spaces, `#` and what is not ASCII are written as %20 and so on"
    } else {
        "a path begins with /; the address is the endpoint's"
    };
    reader.error(value.span(), message, Some(help.into()));
    None
}

fn statuses<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<Vec<(u16, u16)>> {
    if value
        .get_ref()
        .as_array()
        .is_some_and(|list| list.is_empty())
    {
        let help = "leave it out to accept 200 to 299".to_owned();
        reader.error(value.span(), "`expect_status` is empty", Some(help));
        return None;
    }
    one_or_many(reader, value, status_range)
}

/// `200` or `"300-399"`: an inclusive range within 100..=599.
fn status_range(reader: &mut Reader, value: &Value) -> Option<(u16, u16)> {
    const EXPECTED: &str = "a status such as 200, or a range such as \"300-399\"";
    let text = match value.get_ref() {
        DeValue::Integer(_) => return integer(reader, value, 100..=599).map(|code| (code, code)),
        DeValue::String(text) => text,
        _ => return reader.wrong_type(value, EXPECTED),
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let code = |text: &str| text.parse().ok().filter(|code| (100..=599).contains(code));
    match (code(first), code(last)) {
        (Some(first), Some(last)) if first <= last => Some((first, last)),
        _ => {
            let message = format!("expected {EXPECTED}, found {}", quoted(text));
            let help = "from 100 to 599, the lower one first".to_owned();
            reader.error(value.span(), message, Some(help));
            None
        }
    }
}

fn body(reader: &mut Reader, value: &Value, limit: u32) -> Option<String> {
    let body = text(reader, value, "text such as \"ok\"")?;
    if body.len() > limit as usize {
        let message = format!("`expect_body` is longer than the {limit} octets that are read");
        let help = "see `body_limit`".to_owned();
        reader.error(value.span(), message, Some(help));
    }
    Some(body.to_owned())
}
