//! Reads `[forwarder]` and the `backend` of a pool.

mod access;
mod access_log;
mod backend;
mod balance;
mod care;
mod http;
mod listener;
mod rate;
mod route;
mod tls;

use std::collections::HashMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use toml::de::DeValue;

use super::At;
use super::reader::{Reader, Table, Value, quoted, ticked};
use super::references::References;
use super::scalar::{integer, path};
use super::units::size;
use crate::model::routing::{ErrorPages, Index, Matching};

pub use crate::model::routing::HostPattern;
pub use access::{Access, Clients};
pub use access_log::{AccessLog, LogFormat};
pub(super) use backend::backend;
pub use backend::{Backend, Protocol};
pub use balance::{Choosing, SameSite, Secure, Sticky};
pub use care::{Care, Circuit, Outliers};
pub use http::Http;
pub use listener::{Hsts, Listener, Mode, Tcp};
pub use rate::{Rate, RatedBy};
pub use route::{Action, Route};
pub use tls::{BackendTls, CertificateFiles, ClientCertificates, ServerTls, Versions};

/// Listeners, and routes, that can be configured, each.
const TABLES_MAX: usize = 65_535;
/// Octets that routes keep of responses by default.
const CACHE_SIZE: u64 = 64 << 20;

/// `[forwarder]`: the next hop behind the answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Forwarder {
    /// 1..=1024. Default: one per core.
    pub threads: Option<u16>,
    /// `[forwarder.listener.NAME]`: one at least.
    pub listeners: Vec<Listener>,
    /// `[[forwarder.route]]`: the first that fits a request says what is done with it. One at least where a listener takes
    /// requests.
    pub routes: Vec<Route>,
    /// Of requests whose route says nothing else. Default: none.
    pub access_log: Option<AccessLog>,
    /// `secret_file`: 1 to 4 secrets that sessions' cookies are signed with, a line each of 32 hexadecimal digits; the
    /// first signs, and all of them are good. Nodes with equal secrets know each other's cookies. Default: the process's
    /// own, which no other knows, and which ends with it.
    pub secret_file: Option<At<PathBuf>>,
    /// Connections of clients at a time, on all listeners: 1..=10,000,000. Default 65,536. Past it, new ones are closed
    /// at once.
    pub connections_max: u32,
    /// The same of one client (an IPv4 address, or an IPv6 network of 64 bits). Default 1,024.
    pub per_client_max: u32,
    /// `error_pages = { 404 = "lost.html" }`: where no route fits, and where the route has no page of its own.
    pub error_pages: ErrorPages,
    /// `cache_size = "64MiB"`: what all routes that have a `cache` keep together, bodies and headers: 1 MiB..=64 GiB.
    /// Default 64 MiB.
    pub cache_size: u64,
}

impl Forwarder {
    /// How many threads serve.
    pub fn thread_count(&self) -> usize {
        let cores = || available_parallelism().map_or(1, NonZero::get);
        self.threads.map_or_else(cores, usize::from)
    }
}

/// Connections of clients, and those of one client, by default.
pub(super) const CONNECTIONS_MAX: u32 = 65_536;
pub(super) const PER_CLIENT_MAX: u32 = 1_024;

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
    let (key, value) = top.entry("forwarder")?;
    if cfg!(not(feature = "forwarder")) {
        let message = "this program was built without the forwarder: it takes no [forwarder]";
        let help = "leave it out, or take a program that was built with the feature `forwarder`";
        reader.error(key.span(), message, Some(help.to_owned()));
        return None;
    }
    let mut table = Table::of(reader, "[forwarder]", value, "a table [forwarder]")?;
    let threads = table.optional(reader, "threads", |r, v| integer(r, v, 1..=1024));
    let log = table.optional(reader, "access_log", access_log::access_log);
    let secret_file = table.optional(reader, "secret_file", path);
    let connections = table.optional(reader, "connections_max", |r, v| {
        integer(r, v, 1..=10_000_000)
    });
    let per_client = table.optional(reader, "per_client_max", |r, v| {
        integer(r, v, 1..=10_000_000)
    });
    let example = "{ web = { listen = \"0.0.0.0:8080\" } }";
    let listeners = table.required(reader, "listener", example, |reader, value| {
        listener::listeners(reader, references, value)
    });
    let takes_requests =
        |listener: &Listener| listener.mode == Mode::Http && listener.redirect_to_https.is_none();
    let needs_routes = listeners
        .as_ref()
        .is_none_or(|all| all.iter().any(takes_requests));
    let example = "[{ to = \"a pool or a policy\" }]";
    let names: Vec<String> = listeners
        .iter()
        .flatten()
        .map(|listener| listener.name.clone())
        .collect();
    let routes = match needs_routes || table.key_span("route").is_some() {
        true => table.required(reader, "route", example, |reader, value| {
            routes(reader, references, &names, value)
        }),
        false => Some(Vec::new()),
    };
    let error_pages = table.optional(reader, "error_pages", route::error_pages);
    let cache_size = table.optional(reader, "cache_size", |r, v| size(r, v, 1 << 20..=64 << 30));
    table.finish(reader);
    Some(Forwarder {
        threads,
        listeners: listeners?,
        routes: routes?,
        access_log: log.flatten(),
        secret_file,
        connections_max: connections.unwrap_or(CONNECTIONS_MAX),
        per_client_max: per_client.unwrap_or(PER_CLIENT_MAX),
        error_pages: error_pages.unwrap_or_default(),
        cache_size: cache_size.unwrap_or(CACHE_SIZE),
    })
}

fn routes(
    reader: &mut Reader,
    references: &mut References,
    listeners: &[String],
    value: &Value,
) -> Option<Vec<Route>> {
    let DeValue::Array(elements) = value.get_ref() else {
        return reader.wrong_type(value, "a list of tables [[forwarder.route]]");
    };
    if let Some(element) = elements.get(TABLES_MAX) {
        let help = format!("at most {TABLES_MAX} are allowed");
        reader.error(element.span(), "too many [[forwarder.route]]", Some(help));
        return None;
    }
    let mut names = HashMap::new();
    let mut routes = Vec::new();
    for element in elements.iter() {
        let Some(route) = route::route(reader, references, listeners, element) else {
            continue;
        };
        if let Some(name) = &route.name
            && let Some(first) = names.insert(name.clone(), element.span().start)
        {
            let message = format!("a route is called {} already", ticked(name));
            let help = reader.elsewhere(first, element.span().start);
            reader.error(element.span(), message, Some(format!("it stands {help}")));
        }
        routes.push(route);
    }
    if routes.len() == elements.len() {
        warn_of_covered(reader, &routes);
    }
    Some(routes)
}

/// Says which routes no request ever comes to.
fn warn_of_covered(reader: &mut Reader, routes: &[Route]) {
    let matchings: Vec<&Matching> = routes.iter().map(|route| &route.matching).collect();
    let index = Index::new(matchings.iter().copied());
    for (number, route) in (0..).zip(routes) {
        if let Some(other) = index.find_cover(number, &matchings) {
            let other = &routes[other as usize].place;
            let help =
                format!("the one at {other} fits all that this one fits, and stands before it");
            reader.warning_at(
                &route.place,
                "no request ever comes to this route",
                Some(help),
            );
        }
    }
}
