//! Reads how connections to endpoints are made.

use std::net::IpAddr;

use super::{ProxyProtocol, Source, Way};
use crate::config::reader::{Reader, Table, Value, quoted};
use crate::config::scalar::{choice, one_or_many, text};

pub(super) fn way(reader: &mut Reader, table: &mut Table) -> Way {
    Way {
        source: source(reader, table),
        proxy_protocol: table.optional(reader, "proxy_protocol", |r, v| {
            choice(
                r,
                v,
                &[("v1", ProxyProtocol::V1), ("v2", ProxyProtocol::V2)],
            )
        }),
    }
}

/// An address, or a list of one per family.
pub(super) fn source(reader: &mut Reader, table: &mut Table) -> Source {
    let mut source = Source::default();
    table.optional(reader, "source", |reader, value| {
        one_or_many(reader, value, |reader, value| {
            let address = own_address(reader, value)?;
            let before = match address {
                IpAddr::V4(v4) => source.v4.replace(v4).map(IpAddr::V4),
                IpAddr::V6(v6) => source.v6.replace(v6).map(IpAddr::V6),
            };
            if let Some(before) = before {
                let message = format!("{address} is a second address of the family of {before}");
                let help =
                    "one per family: probes of a target always come from the same".to_owned();
                reader.error(value.span(), message, Some(help));
            }
            Some(())
        })
    });
    source
}

fn own_address(reader: &mut Reader, value: &Value) -> Option<IpAddr> {
    const EXPECTED: &str = "an address of this machine such as \"192.0.2.1\"";
    let text = text(reader, value, EXPECTED)?;
    match text.parse::<IpAddr>() {
        Ok(address) if !address.is_unspecified() && !address.is_multicast() => Some(address),
        _ => {
            let message = format!("expected {EXPECTED}, found {}", quoted(text));
            reader.error(value.span(), message, None);
            None
        }
    }
}
