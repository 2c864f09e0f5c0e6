//! Reads `[server]`.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::access::{allow_query, client_networks};
use super::address::socket;
use super::identity::{cookies, identity};
use super::rate_limit::rate_limit;
use super::reader::{Reader, Table, Value};
use super::references::References;
use super::scalar::{integer, list, number, path};
use super::units::duration;
use super::{COMMANDS_MAX_DEFAULT, Cookies, Identity, Panic, Server};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

impl Default for Server {
    fn default() -> Self {
        Server {
            listen: vec![
                (Ipv4Addr::UNSPECIFIED, 53).into(),
                (Ipv6Addr::UNSPECIFIED, 53).into(),
            ],
            state_dir: None,
            udp_threads: None,
            udp_payload_max: 1232,
            tcp_connections_max: 15_000,
            tcp_per_client_max: 200,
            tcp_idle_timeout: 10 * SECOND,
            startup_grace: 2 * SECOND,
            saved_max_age: 10 * MINUTE,
            drain_time: Duration::ZERO,
            commands_max: COMMANDS_MAX_DEFAULT,
            panic: Panic::default(),
            identity: Identity::default(),
            cookies: Cookies::default(),
            allow_query: None,
            explain_to: None,
            rate_limit: None,
        }
    }
}

impl Default for Panic {
    fn default() -> Self {
        Panic {
            share: 0.8,
            hold: 30 * SECOND,
            control: Vec::new(),
        }
    }
}

pub(super) fn server<'t>(
    reader: &mut Reader,
    references: &mut References,
    top: &mut Table<'t>,
) -> Server {
    let mut server = Server::default();
    let Some((_, value)) = top.entry("server") else {
        return server;
    };
    let Some(mut table) = Table::of(reader, "[server]", value, "a table [server]") else {
        return server;
    };
    if let Some(listen) = table.optional(reader, "listen", listen) {
        server.listen = listen;
    }
    server.state_dir = table.optional(reader, "state_dir", path).map(|at| at.value);
    server.udp_threads = table.optional(reader, "udp_threads", |r, v| integer(r, v, 1..=1024));
    limits(reader, &mut table, &mut server);
    times(reader, &mut table, &mut server);
    if let Some(panic) = table.optional(reader, "panic", panic_guard) {
        server.panic = panic;
    }
    if let Some(identity) = table.optional(reader, "identity", identity) {
        server.identity = identity;
    }
    if let Some(cookies) = table.optional(reader, "cookies", cookies) {
        server.cookies = cookies;
    }
    server.allow_query =
        table.optional(reader, "allow_query", |r, v| allow_query(r, references, v));
    server.explain_to = table.optional(reader, "explain_to", |r, v| {
        client_networks(r, references, v)
    });
    server.rate_limit = table.optional(reader, "rate_limit", |r, v| rate_limit(r, references, v));
    warn_without_state_dir(reader, &table);
    table.finish(reader);
    server
}

fn limits(reader: &mut Reader, table: &mut Table, server: &mut Server) {
    if let Some(octets) =
        table.optional(reader, "udp_payload_max", |r, v| integer(r, v, 512..=4096))
    {
        server.udp_payload_max = octets;
    }
    if let Some(most) = table.optional(reader, "commands_max", |r, v| integer(r, v, 1..=1024)) {
        server.commands_max = most;
    }
    let mut connections = |key, limit: &mut u32| {
        if let Some(most) = table.optional(reader, key, |r, v| integer(r, v, 1..=1_000_000)) {
            *limit = most;
        }
    };
    connections("tcp_connections_max", &mut server.tcp_connections_max);
    connections("tcp_per_client_max", &mut server.tcp_per_client_max);
}

fn times(reader: &mut Reader, table: &mut Table, server: &mut Server) {
    let mut time = |key, field: &mut Duration, range| {
        if let Some(time) = table.optional(reader, key, |r, v| duration(r, v, range)) {
            *field = time;
        }
    };
    time(
        "tcp_idle_timeout",
        &mut server.tcp_idle_timeout,
        SECOND..=HOUR,
    );
    time(
        "startup_grace",
        &mut server.startup_grace,
        Duration::ZERO..=MINUTE,
    );
    time(
        "saved_max_age",
        &mut server.saved_max_age,
        Duration::ZERO..=24 * HOUR,
    );
    time("drain_time", &mut server.drain_time, Duration::ZERO..=HOUR);
}

/// Addresses to listen on: at least one, each once.
fn listen<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<Vec<SocketAddr>> {
    let mut seen = HashSet::new();
    let mut mistakes = false;
    let expected = "a list such as [\"0.0.0.0:53\", \"[::]:53\"]";
    let listen = list(reader, value, expected, |reader, value| {
        let address = socket(reader, value, true);
        mistakes |= address.is_none();
        let address = address?;
        if address.port() != 0 && !seen.insert(address) {
            reader.error(value.span(), format!("{address} is listed twice"), None);
        }
        Some(address)
    })?;
    if listen.is_empty() && !mistakes {
        let help = "leave `listen` out to listen on every address at port 53".to_owned();
        reader.error(value.span(), "`listen` is empty", Some(help));
    }
    Some(listen)
}

fn panic_guard<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<Panic> {
    let mut panic = Panic::default();
    let mut table = Table::of(reader, "[server.panic]", value, "a table [server.panic]")?;
    if let Some(share) = table.optional(reader, "share", |r, v| number(r, v, "a share", 0.0..=1.0))
    {
        panic.share = share;
    }
    if let Some(hold) = table.optional(reader, "hold", |r, v| duration(r, v, Duration::ZERO..=HOUR))
    {
        panic.hold = hold;
    }
    if let Some(control) = table.optional(reader, "control", |r, v| {
        let expected = "a list such as [\"192.0.2.1:443\"]";
        list(r, v, expected, |r, v| socket(r, v, false))
    }) {
        panic.control = control;
    }
    table.finish(reader);
    Some(panic)
}

fn warn_without_state_dir(reader: &mut Reader, table: &Table) {
    if let Some(span) = table.key_span("saved_max_age")
        && table.key_span("state_dir").is_none()
    {
        let place = reader.place(span.start);
        let help = "nothing is saved without it".to_owned();
        reader.warning_at(
            &place,
            "`saved_max_age` has no effect without `state_dir`",
            Some(help),
        );
    }
}
