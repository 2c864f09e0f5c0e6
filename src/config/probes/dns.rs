//! Reads `dns` monitors.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::DnsProbe;
use super::way::source;
use crate::config::reader::{Reader, Table, Value, quoted};
use crate::config::scalar::{choice, text};
use crate::dns::{Name, mnemonic, rtype};

const EXAMPLE: &str = "a table such as { name = \"example.com.\", type = \"SOA\" }";
const TEXT_MAX: usize = 1024;
const RCODES: [(&str, u16); 6] = [
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
];

pub(super) fn dns(reader: &mut Reader, table: &mut Table) -> Option<DnsProbe> {
    let source = source(reader, table);
    let query = table.optional(reader, "dns", query);
    Some(DnsProbe { source, ..query? })
}

fn query<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<DnsProbe> {
    let mut table = Table::of(reader, "this query", value, EXAMPLE)?;
    let name = table.required(reader, "name", "\"example.com.\"", name);
    let of_type = table.optional(reader, "type", type_of);
    let of_type = of_type.unwrap_or(rtype::A);
    let rcode = table.optional(reader, "rcode", |r, v| choice(r, v, &RCODES));
    let answer = table.optional(reader, "answer", |r, v| answer(r, v, of_type));
    let over_tcp = table.optional(reader, "over", |r, v| {
        choice(r, v, &[("udp", false), ("tcp", true)])
    });
    table.finish(reader);
    Some(DnsProbe {
        source: Default::default(),
        name: name?,
        rtype: of_type,
        rcode: rcode.unwrap_or(0),
        answer,
        over_tcp: over_tcp.unwrap_or(false),
    })
}

fn name(reader: &mut Reader, value: &Value) -> Option<Name> {
    const EXPECTED: &str = "a name such as \"example.com.\"";
    let text = text(reader, value, EXPECTED)?;
    let parsed = Name::parse(text);
    if let Err(error) = &parsed {
        let message = format!("expected {EXPECTED}, found {}", quoted(text));
        reader.error(value.span(), message, Some(error.to_string()));
    }
    parsed.ok()
}

fn type_of(reader: &mut Reader, value: &Value) -> Option<u16> {
    const EXPECTED: &str = "a type such as \"A\" or \"TYPE65280\"";
    let text = text(reader, value, EXPECTED)?;
    // Types from 128 to 255 are of questions and of the transport (RFC 6895, 3.1).
    let found = mnemonic::rtype(text.as_bytes()).filter(|number| !(128..=255).contains(number));
    if found.is_none() {
        let message = format!("expected {EXPECTED}, found {}", quoted(text));
        reader.error(value.span(), message, None);
    }
    found
}

/// Addresses in their shortest form; other data as it is written.
fn answer(reader: &mut Reader, value: &Value, of_type: u16) -> Option<String> {
    let (expected, parse): (_, fn(&str) -> Option<String>) = match of_type {
        rtype::A => ("an address such as \"192.0.2.1\"", |text| {
            let parsed = text.parse::<Ipv4Addr>().ok()?;
            Some(IpAddr::V4(parsed).to_string())
        }),
        rtype::AAAA => ("an address such as \"2001:db8::1\"", |text| {
            let parsed = text.parse::<Ipv6Addr>().ok()?;
            Some(IpAddr::V6(parsed).to_string())
        }),
        _ => (
            "the data of a record such as \"10 mail.example.com.\"",
            |text| (text.len() <= TEXT_MAX).then(|| text.to_owned()),
        ),
    };
    let text = text(reader, value, expected)?;
    let parsed = parse(text);
    if parsed.is_none() {
        let message = format!("expected {expected}, found {}", quoted(text));
        reader.error(value.span(), message, None);
    }
    parsed
}
