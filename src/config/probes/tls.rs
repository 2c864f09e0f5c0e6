//! Reads TLS towards probed endpoints.

use std::time::Duration;

use super::TlsProbe;
use crate::config::reader::{Reader, Table, Value, quoted};
use crate::config::scalar::{boolean, path, text};
use crate::config::units::duration;
use crate::dns::Name;

const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

pub(super) fn tls(reader: &mut Reader, table: &mut Table) -> TlsProbe {
    TlsProbe {
        sni: table.optional(reader, "sni", host),
        ca: table.optional(reader, "ca", path),
        insecure: table.optional(reader, "insecure", boolean).unwrap_or(false),
        valid_for: table.optional(reader, "certificate_valid_for", |r, v| {
            duration(r, v, HOUR..=YEAR)
        }),
    }
}

/// A host name or an address, with or without a port.
pub(super) fn host(reader: &mut Reader, value: &Value) -> Option<String> {
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
