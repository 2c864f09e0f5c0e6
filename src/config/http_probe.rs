//! Reads what `http` and `https` monitors ask and accept.

use toml::de::DeValue;

use super::load::load_from;
use super::reader::{Reader, Table, Value, quoted};
use super::scalar::{boolean, integer, one_or_many, path, text};
use super::{HttpProbe, TlsProbe};
use crate::dns::Name;

const HTTP_KEYS: [&str; 6] = [
    "host",
    "expect_status",
    "expect_body",
    "body_limit",
    "load_header",
    "load_json",
];
const TLS_KEYS: [&str; 3] = ["sni", "ca", "insecure"];

const BODY_LIMIT_DEFAULT: u32 = 64 * 1024;
const BODY_LIMIT_MAX: u32 = 1024 * 1024;

/// Makes the table know every option, so that none is reported as unknown.
pub(super) fn know_keys(table: &mut Table) {
    for key in HTTP_KEYS.into_iter().chain(TLS_KEYS) {
        table.entry(key);
    }
}

/// Reports options that only an HTTP probe has.
pub(super) fn refuse_options(reader: &mut Reader, table: &Table) {
    for key in HTTP_KEYS.into_iter().chain(TLS_KEYS) {
        table.refuse(reader, key, "is for `http` and `https` monitors");
    }
}

/// `kind` is `http` or `https`: the key that holds the path.
pub(super) fn http_probe(
    reader: &mut Reader,
    table: &mut Table,
    kind: &'static str,
) -> Option<HttpProbe> {
    let path = table.optional(reader, kind, url_path);
    let tls = if kind == "https" {
        Some(tls(reader, table))
    } else {
        for key in TLS_KEYS {
            table.refuse(reader, key, "is for `https` monitors");
        }
        None
    };
    let host = table.optional(reader, "host", host);
    let expect_status = table.optional(reader, "expect_status", statuses);
    let body_limit = table.optional(reader, "body_limit", |r, v| {
        integer(r, v, 1..=BODY_LIMIT_MAX)
    });
    let body_limit = body_limit.unwrap_or(BODY_LIMIT_DEFAULT);
    let expect_body = table.optional(reader, "expect_body", |r, v| body(r, v, body_limit));
    let load = load_from(reader, table).map(Box::new);
    Some(HttpProbe {
        tls,
        path: path?,
        host,
        expect_status: expect_status.unwrap_or_else(|| vec![(200, 299)]),
        expect_body,
        body_limit,
        load,
    })
}

fn tls(reader: &mut Reader, table: &mut Table) -> TlsProbe {
    TlsProbe {
        sni: table.optional(reader, "sni", host),
        ca: table.optional(reader, "ca", path),
        insecure: table.optional(reader, "insecure", boolean).unwrap_or(false),
    }
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

/// A host name or an address, with or without a port.
fn host(reader: &mut Reader, value: &Value) -> Option<String> {
    const EXPECTED: &str = "a host name such as \"www.example.com\"";
    let text = text(reader, value, EXPECTED)?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if text.bytes().all(allowed) && Name::parse(text).is_ok() {
        return Some(text.to_owned());
    }
    let message = format!("expected {EXPECTED}, found {}", quoted(text));
    reader.error(value.span(), message, None);
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
