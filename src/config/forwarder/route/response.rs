//! Reads what becomes of responses.

use std::time::Duration;

use hyper::StatusCode;
use toml::de::DeValue;

use super::action::file;
use crate::config::reader::{Reader, Table, Value, in_order, quoted, ticked};
use crate::config::scalar::{boolean, integer, one_or_many, text};
use crate::config::units::{duration, size};
use crate::model::routing::{CacheRules, Compress, ErrorPages, Page};

/// What is worth it: texts. What is compressed already is not among them.
const TYPES: [&str; 12] = [
    "text/*",
    "application/javascript",
    "application/json",
    "application/ld+json",
    "application/manifest+json",
    "application/xml",
    "application/xhtml+xml",
    "application/rss+xml",
    "application/atom+xml",
    "application/wasm",
    "image/svg+xml",
    "image/x-icon",
];
/// Shorter bodies fit into one packet as they are.
const MIN_LEN: u64 = 1024;
const GZIP_LEVEL: u8 = 5;
const BROTLI_LEVEL: u8 = 4;
const TYPES_MAX: usize = 256;

/// `error_pages = { 503 = "maintenance.html", intercept = true }`
pub(in crate::config::forwarder) fn error_pages(
    reader: &mut Reader,
    value: &Value,
) -> Option<ErrorPages> {
    let DeValue::Table(entries) = value.get_ref() else {
        return reader.wrong_type(value, "pages such as { 503 = \"maintenance.html\" }");
    };
    let mut pages = Vec::new();
    let mut replaces_responses = false;
    for (key, value) in in_order(entries) {
        let name: &str = key.get_ref();
        if name == "intercept" {
            replaces_responses = boolean(reader, value).unwrap_or_default();
            continue;
        }
        let status = name
            .parse()
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok());
        let Some(status) = status.filter(|status| (400..600).contains(&status.as_u16())) else {
            let message = format!("{} is no status of an error", ticked(name));
            let help = "expected 400 to 599, or `intercept`".to_owned();
            reader.error(key.span(), message, Some(help));
            continue;
        };
        if let Some((body, content_type)) = file(reader, value) {
            pages.push((status, Page { content_type, body }));
        }
    }
    Some(ErrorPages {
        pages: pages.into(),
        replaces_responses,
    })
}

/// `None` within: it is switched off.
pub(super) fn compress(reader: &mut Reader, value: &Value) -> Option<Option<Compress>> {
    let default = Compress {
        types: TYPES.iter().map(|&media| media.into()).collect(),
        min_len: MIN_LEN,
        gzip: Some(GZIP_LEVEL),
        brotli: Some(BROTLI_LEVEL),
    };
    if let DeValue::Boolean(is_on) = value.get_ref() {
        return Some(is_on.then_some(default));
    }
    let expected = "`true`, or a table such as { types = [\"text/*\"], gzip = 6 }";
    let mut table = Table::of(reader, "`compress`", value, expected)?;
    let types = table.optional(reader, "types", |reader, value| {
        if let DeValue::Array(types) = value.get_ref()
            && types.len() > TYPES_MAX
        {
            reader.error(
                value.span(),
                format!("expected at most {TYPES_MAX} types"),
                None,
            );
        }
        one_or_many(reader, value, media)
    });
    let min_len = table.optional(reader, "min_size", |r, v| size(r, v, 0..=1 << 30));
    let gzip = table.optional(reader, "gzip", |r, v| level(r, v, 1));
    let brotli = table.optional(reader, "brotli", |r, v| level(r, v, 0));
    table.finish(reader);
    let compress = Compress {
        types: types.map_or(default.types, Vec::into_boxed_slice),
        min_len: min_len.unwrap_or(default.min_len),
        gzip: gzip.unwrap_or(default.gzip),
        brotli: brotli.unwrap_or(default.brotli),
    };
    if compress.gzip.is_none() && compress.brotli.is_none() {
        let help = Some("write `compress = false`".to_owned());
        reader.error(value.span(), "neither gzip nor brotli", help);
    }
    Some(Some(compress))
}

fn level(reader: &mut Reader, value: &Value, least: u8) -> Option<Option<u8>> {
    match value.get_ref() {
        DeValue::Boolean(false) => Some(None),
        _ => integer(reader, value, least..=9).map(Some),
    }
}

fn media(reader: &mut Reader, value: &Value) -> Option<Box<str>> {
    const EXPECTED: &str = "a media type such as \"text/html\" or \"text/*\"";
    let text = text(reader, value, EXPECTED)?.to_ascii_lowercase();
    let is_token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    let is_type = |(kind, sub): (&str, &str)| is_token(kind) && (sub == "*" || is_token(sub));
    if !text.split_once('/').is_some_and(is_type) {
        reader.error(
            value.span(),
            format!("expected {EXPECTED}, found {}", quoted(&text)),
            None,
        );
        return None;
    }
    Some(text.into())
}

/// `None` within: it is switched off.
pub(super) fn cache(reader: &mut Reader, value: &Value) -> Option<Option<CacheRules>> {
    let default = CacheRules {
        body_max: 1 << 20,
        fresh: Duration::ZERO,
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        wait: Duration::from_secs(5),
    };
    if let DeValue::Boolean(is_on) = value.get_ref() {
        return Some(is_on.then_some(default));
    }
    let expected = "`true`, or a table such as { body_max = \"1MiB\" }";
    let mut table = Table::of(reader, "`cache`", value, expected)?;
    let body_max = table.optional(reader, "body_max", |r, v| size(r, v, 0..=64 << 20));
    let mut time = |reader: &mut Reader, key, most| {
        let most = Duration::from_secs(most);
        table.optional(reader, key, |r, v| duration(r, v, Duration::ZERO..=most))
    };
    const YEAR: u64 = 365 * 86_400;
    let fresh = time(reader, "fresh", YEAR);
    let stale_while_revalidate = time(reader, "stale_while_revalidate", YEAR);
    let stale_if_error = time(reader, "stale_if_error", YEAR);
    let wait = time(reader, "wait", 60);
    table.finish(reader);
    Some(Some(CacheRules {
        body_max: body_max.unwrap_or(default.body_max),
        fresh: fresh.unwrap_or(default.fresh),
        stale_while_revalidate: stale_while_revalidate.unwrap_or(default.stale_while_revalidate),
        stale_if_error: stale_if_error.unwrap_or(default.stale_if_error),
        wait: wait.unwrap_or(default.wait),
    }))
}
