//! Reads `tcp` and `tls` monitors.

use toml::de::DeValue;

use super::octets::octets;
use super::tls::tls;
use super::way::way;
use super::{HandshakeProbe, TcpProbe, body_limit};
use crate::config::reader::{Reader, Table, Value};
use crate::config::scalar::boolean;

const TABLE: &str = "a table such as { send = \"PING\\r\\n\", expect = \"+PONG\" }";

pub(super) fn tcp(reader: &mut Reader, table: &mut Table) -> Option<TcpProbe> {
    let said = table.optional(reader, "tcp", conversation);
    let probe = TcpProbe {
        way: way(reader, table),
        limit: body_limit(reader, table),
        ..TcpProbe::default()
    };
    let (send, expect) = said?;
    if expect.is_empty() {
        table.refuse(reader, "body_limit", "has no effect without `expect`");
    }
    Some(TcpProbe {
        send,
        expect,
        ..probe
    })
}

/// What is sent and what is expected: nothing for `true`.
fn conversation<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<(Vec<u8>, Vec<u8>)> {
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        return is_true(reader, value, "tcp").then_some((Vec::new(), Vec::new()));
    }
    let mut table = Table::of(reader, "this conversation", value, TABLE)?;
    let send = table.optional(reader, "send", octets);
    let expect = table.optional(reader, "expect", octets);
    let says_nothing = table.key_span("send").is_none() && table.key_span("expect").is_none();
    table.finish(reader);
    if says_nothing {
        let help = "write `tcp = true` to connect only".to_owned();
        reader.error(value.span(), "neither `send` nor `expect`", Some(help));
    }
    Some((send.unwrap_or_default(), expect.unwrap_or_default()))
}

pub(super) fn handshake(reader: &mut Reader, table: &mut Table) -> Option<HandshakeProbe> {
    let is_written = table.optional(reader, "tls", |r, v| is_true(r, v, "tls").then_some(()));
    let probe = HandshakeProbe {
        way: way(reader, table),
        tls: tls(reader, table),
    };
    is_written.map(|()| probe)
}

/// Of a kind that has nothing to say but that it is meant.
pub(super) fn is_true(reader: &mut Reader, value: &Value, kind: &str) -> bool {
    match boolean(reader, value) {
        Some(true) => true,
        Some(false) => {
            let help = "a pool that is not probed has no `monitor`".to_owned();
            reader.error(
                value.span(),
                format!("expected `{kind} = true`"),
                Some(help),
            );
            false
        }
        None => false,
    }
}
