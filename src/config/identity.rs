//! Reads `[server.identity]` and `[server.cookies]`: what the server says of itself, and how it knows
//! its clients again.

use toml::de::DeValue;

use super::reader::{Reader, Table, Value};
use super::scalar::{boolean, list, path, text};
use super::{At, Cookies, Identity};
use crate::dns::cookie::Secret;
use crate::dns::edns::NSID_LEN_MAX;

/// Longest text of the CHAOS class: one character-string (RFC 1035, 3.3).
const TEXT_LEN_MAX: usize = 255;
/// Secrets in use at a time: a new one, the one that signs and old ones.
pub const SECRETS_MAX: usize = 4;
/// What a secret looks like, without being one.
pub const SECRET_FORM: &str = "32 hexadecimal digits, as `openssl rand -hex 16` makes them";

impl Default for Cookies {
    fn default() -> Self {
        Cookies {
            enabled: true,
            secrets: None,
            secret_file: None,
            require: false,
        }
    }
}

pub(super) fn identity<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<Identity> {
    let mut table = Table::of(
        reader,
        "[server.identity]",
        value,
        "a table [server.identity]",
    )?;
    let identity = Identity {
        nsid: table.optional(reader, "nsid", nsid),
        version: table.optional(reader, "version", chaos),
        hostname: table.optional(reader, "hostname", chaos),
        id: table.optional(reader, "id", chaos),
    };
    table.finish(reader);
    Some(identity)
}

fn chaos<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<String> {
    let text = text(reader, value, "a text such as \"ns1-fra\"")?;
    fits(reader, value, text.len(), TEXT_LEN_MAX).then(|| text.to_owned())
}

/// Text, or octets as "0x" and hexadecimal digits.
fn nsid<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<Vec<u8>> {
    let text = text(
        reader,
        value,
        "a text such as \"fra1\", or octets such as \"0x66726131\"",
    )?;
    let octets = match text.strip_prefix("0x") {
        Some(digits) => hex(reader, value, digits)?,
        None => text.as_bytes().to_vec(),
    };
    fits(reader, value, octets.len(), NSID_LEN_MAX).then_some(octets)
}

fn hex(reader: &mut Reader, value: &Value, digits: &str) -> Option<Vec<u8>> {
    let octet = |pair: &[u8]| match *pair {
        [high, low] => {
            let digit = |octet| char::from(octet).to_digit(16);
            Some((digit(high)? << 4 | digit(low)?) as u8)
        }
        _ => None,
    };
    let octets: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(octet).collect();
    let octets = octets.filter(|octets| !octets.is_empty());
    if octets.is_none() {
        let message = "expected pairs of hexadecimal digits after \"0x\"";
        reader.error(value.span(), message, None);
    }
    octets
}

fn fits(reader: &mut Reader, value: &Value, len: usize, max: usize) -> bool {
    if len > max {
        let message = format!("is {len} octets long, {max} at most are told");
        reader.error(value.span(), message, None);
    }
    len <= max
}

pub(super) fn cookies<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<Cookies> {
    let mut table = Table::of(
        reader,
        "[server.cookies]",
        value,
        "a table [server.cookies]",
    )?;
    let mut cookies = Cookies::default();
    if let Some(enabled) = table.optional(reader, "enabled", boolean) {
        cookies.enabled = enabled;
    }
    if let Some(require) = table.optional(reader, "require", boolean) {
        cookies.require = require;
    }
    cookies.secrets = table.optional(reader, "secrets", secrets);
    cookies.secret_file = table.optional(reader, "secret_file", path);
    if table.key_span("secrets").is_some() {
        table.refuse(reader, "secret_file", "and `secrets` exclude each other");
    }
    if !cookies.enabled {
        for key in ["secrets", "secret_file", "require"] {
            warn_without_effect(reader, &table, key);
        }
    }
    table.finish(reader);
    Some(cookies)
}

fn secrets<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<At<Vec<Secret>>> {
    let expected = "a list of secrets, the one that signs first";
    let DeValue::Array(elements) = value.get_ref() else {
        // A value of another type may be a secret all the same: it is not shown.
        error_unshown(reader, value, format!("expected {expected}"));
        return None;
    };
    let count = elements.len();
    if !(1..=SECRETS_MAX).contains(&count) {
        let message = format!("expected 1 to {SECRETS_MAX} secrets, found {count}");
        error_unshown(reader, value, message);
    }
    let secrets = list(reader, value, expected, secret)?;
    Some(reader.at(secrets, value.span()))
}

/// What stands there is not shown, be it right or wrong.
fn secret(reader: &mut Reader, value: &Value) -> Option<Secret> {
    let secret = match value.get_ref() {
        DeValue::String(text) => Secret::from_hex(text),
        _ => None,
    };
    if secret.is_none() {
        error_unshown(reader, value, format!("expected {SECRET_FORM}"));
    }
    secret
}

/// A mistake in a line that is not to be shown.
fn error_unshown(reader: &mut Reader, value: &Value, message: String) {
    let mut place = reader.place(value.span().start);
    place.column = 0;
    reader.error_at(&place, message, None);
}

fn warn_without_effect(reader: &mut Reader, table: &Table, key: &str) {
    if let Some(span) = table.key_span(key) {
        let place = reader.place(span.start);
        let message = format!("`{key}` has no effect while `enabled` is false");
        reader.warning_at(&place, message, None);
    }
}
