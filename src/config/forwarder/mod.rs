//! Reads `[forwarder]` and the `backend` of a pool.

mod access_log;
mod backend;
mod http;
mod route;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use toml::de::DeValue;

use super::Place;
use super::address::socket;
use super::reader::{Reader, Table, Value, in_order};
use super::references::References;
use super::scalar::{integer, one_or_many};

pub use access_log::{AccessLog, LogFormat};
pub(super) use backend::backend;
pub use backend::{Backend, Protocol};
pub use http::Http;
pub use route::{Action, HostPattern, PathPattern, Route};

/// Listeners, and routes, that can be configured, each.
const TABLES_MAX: usize = 65_535;

/// `[forwarder]`: the next hop behind the answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Forwarder {
    /// 1..=1024. Default: one per core.
    pub threads: Option<u16>,
    /// `[forwarder.listener.NAME]`: one at least.
    pub listeners: Vec<Listener>,
    /// `[[forwarder.route]]`: the first that fits a request says what is done with it. One at least.
    pub routes: Vec<Route>,
    /// Of requests whose route says nothing else. Default: none.
    pub access_log: Option<AccessLog>,
}

impl Forwarder {
    /// How many threads serve.
    pub fn thread_count(&self) -> usize {
        let cores = || available_parallelism().map_or(1, NonZero::get);
        self.threads.map_or_else(cores, usize::from)
    }
}

/// `[forwarder.listener.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    pub name: String,
    /// Addresses; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    pub http: Http,
    pub place: Place,
}

/// How long backends have by default: to take a connection, to begin a response, to go on with it, to be
/// asked again.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(60);
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn forwarder(
    reader: &mut Reader,
    references: &mut References,
    top: &mut Table,
) -> Option<Forwarder> {
    let (_, value) = top.entry("forwarder")?;
    let mut table = Table::of(reader, "[forwarder]", value, "a table [forwarder]")?;
    let threads = table.optional(reader, "threads", |r, v| integer(r, v, 1..=1024));
    let example = "{ web = { listen = \"0.0.0.0:8080\" } }";
    let listeners = table.required(reader, "listener", example, listeners);
    let log = table.optional(reader, "access_log", access_log::access_log);
    let example = "[{ to = \"a pool or a policy\" }]";
    let routes = table.required(reader, "route", example, |reader, value| {
        routes(reader, references, value)
    });
    table.finish(reader);
    Some(Forwarder {
        threads,
        listeners: listeners?,
        routes: routes?,
        access_log: log.flatten(),
    })
}

fn listeners(reader: &mut Reader, value: &Value) -> Option<Vec<Listener>> {
    const EXPECTED: &str = "a table [forwarder.listener.NAME]";
    let DeValue::Table(entries) = value.get_ref() else {
        return reader.wrong_type(value, EXPECTED);
    };
    let mut seen = HashMap::new();
    let mut listeners = Vec::new();
    for (key, value) in in_order(entries) {
        let name: &str = key.get_ref();
        let title = format!("[forwarder.listener.{name}]");
        let Some(mut table) = Table::of(reader, title, value, EXPECTED) else {
            continue;
        };
        table.span = key.span();
        let listen = table.required(reader, "listen", "\"0.0.0.0:8080\"", |reader, value| {
            one_or_many(reader, value, |reader, value| {
                let address = socket(reader, value, true)?;
                let at = value.span().start;
                if address.port() != 0
                    && let Some(first) = seen.insert(address, at)
                {
                    let message = format!("{address} is listened on already");
                    let help = format!("it stands {}", reader.elsewhere(first, at));
                    reader.error(value.span(), message, Some(help));
                }
                Some(address)
            })
        });
        let http = http::http(reader, &mut table);
        table.finish(reader);
        listeners.extend(listen.map(|listen| Listener {
            name: name.to_owned(),
            listen,
            http,
            place: reader.place(key.span().start),
        }));
    }
    Some(listeners)
}

fn routes(reader: &mut Reader, references: &mut References, value: &Value) -> Option<Vec<Route>> {
    let DeValue::Array(elements) = value.get_ref() else {
        return reader.wrong_type(value, "a list of tables [[forwarder.route]]");
    };
    if let Some(element) = elements.iter().nth(TABLES_MAX) {
        let help = format!("at most {TABLES_MAX} are allowed");
        reader.error(element.span(), "too many [[forwarder.route]]", Some(help));
        return None;
    }
    let routes = elements
        .iter()
        .filter_map(|element| route::route(reader, references, element));
    Some(routes.collect())
}
