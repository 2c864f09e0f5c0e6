//! Reads `udp` and `icmp` monitors.

use super::octets::octets;
use super::tcp::is_true;
use super::way::source;
use super::{Source, UdpProbe};
use crate::config::reader::{Reader, Table, Value};

/// What goes into one datagram without fragments, whatever the path (RFC 8200, 5: 1280 octets).
const SEND_MAX: usize = 1200;

pub(super) fn udp(reader: &mut Reader, table: &mut Table) -> Option<UdpProbe> {
    let source = source(reader, table);
    let said = table.optional(reader, "udp", exchange);
    Some(UdpProbe { source, ..said? })
}

fn exchange<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<UdpProbe> {
    const EXPECTED: &str = "a table such as { send = \"ping\", expect = \"pong\" }";
    let mut table = Table::of(reader, "this exchange", value, EXPECTED)?;
    let send = table.required(reader, "send", "\"ping\"", |reader, value| {
        let send = octets(reader, value)?;
        if send.len() > SEND_MAX {
            let message = format!("{} octets are too many for a datagram", send.len());
            let help = format!("expected {SEND_MAX} at most");
            reader.error(value.span(), message, Some(help));
        }
        Some(send)
    });
    let expect = table.optional(reader, "expect", octets);
    table.finish(reader);
    Some(UdpProbe {
        source: Source::default(),
        send: send?,
        expect: expect.unwrap_or_default(),
    })
}

pub(super) fn icmp(reader: &mut Reader, table: &mut Table) -> Option<Source> {
    let source = source(reader, table);
    let is_written = table.optional(reader, "icmp", |r, v| is_true(r, v, "icmp").then_some(()));
    is_written.map(|()| source)
}
