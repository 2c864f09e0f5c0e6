//! Reads `[resolver]`.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Resolver;
use super::reader::{Reader, Table, Value, quoted};
use super::scalar::{list, text};
use super::units::duration;

const PORT_DEFAULT: u16 = 53;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

impl Default for Resolver {
    fn default() -> Self {
        Resolver {
            servers: None,
            timeout: 2 * SECOND,
            keep: HOUR,
        }
    }
}

pub(super) fn resolver<'t>(reader: &mut Reader, top: &mut Table<'t>) -> Resolver {
    let mut resolver = Resolver::default();
    let Some((_, value)) = top.entry("resolver") else {
        return resolver;
    };
    let Some(mut table) = Table::of(reader, "[resolver]", value, "a table [resolver]") else {
        return resolver;
    };
    resolver.servers = table.optional(reader, "servers", servers);
    if let Some(timeout) = table.optional(reader, "timeout", |r, v| {
        duration(r, v, Duration::from_millis(100)..=30 * SECOND)
    }) {
        resolver.timeout = timeout;
    }
    if let Some(keep) = table.optional(reader, "keep", |r, v| {
        duration(r, v, Duration::ZERO..=7 * 24 * HOUR)
    }) {
        resolver.keep = keep;
    }
    table.finish(reader);
    resolver
}

/// At least one, each once.
fn servers<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<Vec<SocketAddr>> {
    let mut seen = HashSet::new();
    let mut mistakes = false;
    let expected = "a list such as [\"192.0.2.53\", \"[2001:db8::53]:5353\"]";
    let servers = list(reader, value, expected, |reader, value| {
        let server = server(reader, value);
        mistakes |= server.is_none();
        let server = server?;
        if !seen.insert(server) {
            reader.error(value.span(), format!("{server} is listed twice"), None);
        }
        Some(server)
    })?;
    if servers.is_empty() && !mistakes {
        let help = "leave `servers` out to ask those of /etc/resolv.conf".to_owned();
        reader.error(value.span(), "`servers` is empty", Some(help));
    }
    Some(servers)
}

/// `"192.0.2.53"` or `"192.0.2.53:5353"`
fn server(reader: &mut Reader, value: &Value) -> Option<SocketAddr> {
    const EXPECTED: &str =
        "an address such as \"192.0.2.53\", or with its port as \"[2001:db8::53]:5353\"";
    let text = text(reader, value, EXPECTED)?;
    let bare = text.parse::<IpAddr>();
    let Ok(server) = bare.map_or_else(
        |_| text.parse::<SocketAddr>(),
        |address| Ok(SocketAddr::new(address, PORT_DEFAULT)),
    ) else {
        let message = format!("expected {EXPECTED}, found {}", quoted(text));
        reader.error(value.span(), message, None);
        return None;
    };
    let address = server.ip();
    if address.is_unspecified() || address.is_multicast() || server.port() == 0 {
        let message = format!("{server} is nobody who can be asked");
        reader.error(value.span(), message, None);
        return None;
    }
    Some(server)
}
