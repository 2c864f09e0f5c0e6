//! Reads `[forwarder.listener.NAME]`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use toml::de::DeValue;

use super::access::{Access, access};
use super::http::{Http, http};
use super::route::host;
use super::tls::{ServerTls, server_tls};
use super::{HostPattern, IDLE_TIMEOUT};
use crate::config::address::{port, socket};
use crate::config::reader::{Key, Reader, Table, Value, in_order};
use crate::config::references::References;
use crate::config::scalar::{boolean, choice, one_or_many, text};
use crate::config::units::duration;
use crate::config::{Member, Place};

/// `[forwarder.listener.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    pub name: String,
    /// Addresses; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Whose connections are taken. Default: all.
    pub access: Option<Access>,
    /// `mode = "http"` or `"tcp"`. Default: HTTP.
    pub mode: Mode,
    /// How requests are taken.
    pub http: Http,
    /// Default: none; what comes is as it is.
    pub tls: Option<ServerTls>,
    /// `proxy_protocol = true`: connections from `trusted_proxies` begin with the header of the PROXY protocol, version
    /// 1 or 2, and those without it are closed. Others are what they are. Default: false.
    pub proxy_protocol: bool,
    /// `redirect_to_https = true`, or the port of the addresses that clients are sent to (1..=65535; true: 443). Every
    /// request is answered with 308 then, and routes are not asked. Default: none.
    pub redirect_to_https: Option<u16>,
    /// Strict-Transport-Security of responses over TLS. Default: none.
    pub hsts: Option<Hsts>,
    pub place: Place,
}

/// What comes over connections.
#[derive(Clone, Debug, PartialEq)]
pub enum Mode {
    /// Requests: routes say where they go.
    Http,
    /// Whatever it is: the whole connection goes to an endpoint.
    Tcp(Tcp),
}

/// Where connections go.
#[derive(Clone, Debug, PartialEq)]
pub struct Tcp {
    /// `sni = { "a.example" = "pool-a", "*.b.example" = "pool-b" }`: by the name that the client asks TLS for; of
    /// several names that fit, the longest. Without `tls` the connection stays encrypted on its way to the endpoint.
    pub sni: Vec<(HostPattern, Member)>,
    /// `to = "pool"`: those of other names, or all. Default, with `sni`: they are refused.
    pub to: Option<Member>,
    /// How long nothing comes from either side until the connection is closed: 1 s..=24 h. Default 10 min.
    pub idle_timeout: Duration,
}

/// `hsts = "365d"`, or `{ max_age = "365d", include_subdomains = true, preload = true }` (RFC 6797, 6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hsts {
    /// 0 s..=3650 d; 0 s: clients shall forget it.
    pub max_age: Duration,
    /// Default: false.
    pub include_subdomains: bool,
    /// For lists that browsers come with (hstspreload.org). Default: false.
    pub preload: bool,
}

const DAY: Duration = Duration::from_secs(86_400);
/// Of TCP: longer than keep-alives of what goes over it.
const TCP_IDLE_TIMEOUT: Duration = IDLE_TIMEOUT.saturating_mul(10);

pub(super) fn listeners(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Vec<Listener>> {
    let DeValue::Table(entries) = value.get_ref() else {
        return reader.wrong_type(value, EXPECTED);
    };
    let mut seen = HashMap::new();
    let listeners = in_order(entries).into_iter();
    let listeners =
        listeners.filter_map(|(key, value)| listener(reader, references, &mut seen, key, value));
    Some(listeners.collect())
}

const EXPECTED: &str = "a table [forwarder.listener.NAME]";

fn listener(
    reader: &mut Reader,
    references: &mut References,
    seen: &mut HashMap<SocketAddr, usize>,
    key: &Key,
    value: &Value,
) -> Option<Listener> {
    let name: &str = key.get_ref();
    let title = format!("[forwarder.listener.{name}]");
    let mut table = Table::of(reader, title, value, EXPECTED)?;
    table.span = key.span();
    let listen = table.required(reader, "listen", "\"0.0.0.0:8080\"", |reader, value| {
        one_or_many(reader, value, |reader, value| address(reader, seen, value))
    });
    let is_tcp = table.optional(reader, "mode", |r, v| {
        choice(r, v, &[("http", false), ("tcp", true)])
    });
    let is_tcp = is_tcp.unwrap_or(false);
    let tls = table.optional(reader, "tls", |r, v| server_tls(r, v, is_tcp));
    let has_tls = table.key_span("tls").is_some();
    let access = access(reader, references, &mut table);
    let http = http(reader, &mut table);
    let proxy_protocol = table.optional(reader, "proxy_protocol", boolean);
    if proxy_protocol == Some(true) && http.trusted_proxies.is_empty() {
        let why =
            "needs `trusted_proxies`, the networks of those that say whose connections they are";
        table.refuse(reader, "proxy_protocol", why);
    }
    let redirect_to_https = table.optional(reader, "redirect_to_https", redirect_to_https);
    let hsts = table.optional(reader, "hsts", hsts);
    if is_tcp || has_tls {
        let why = "is for requests that come without TLS";
        table.refuse(reader, "redirect_to_https", why);
    }
    if is_tcp || !has_tls {
        // RFC 6797, 7.2: never without TLS.
        table.refuse(reader, "hsts", "is for requests that come over `tls`");
    }
    let mode = match is_tcp {
        true => Mode::Tcp(tcp(reader, references, &mut table)?),
        false => {
            let keys = ["to", "sni", "idle_timeout"];
            table.know(&keys);
            for key in keys {
                table.refuse(
                    reader,
                    key,
                    "is for `mode = \"tcp\"`; requests go where a route says",
                );
            }
            Mode::Http
        }
    };
    table.finish(reader);
    Some(Listener {
        name: name.to_owned(),
        listen: listen?,
        access,
        mode,
        http,
        tls,
        proxy_protocol: proxy_protocol.unwrap_or(false),
        redirect_to_https: redirect_to_https.flatten(),
        hsts,
        place: reader.place(key.span().start),
    })
}

/// One that no other listener has.
fn address(
    reader: &mut Reader,
    seen: &mut HashMap<SocketAddr, usize>,
    value: &Value,
) -> Option<SocketAddr> {
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
}

fn tcp(reader: &mut Reader, references: &mut References, table: &mut Table) -> Option<Tcp> {
    let sni = table.optional(reader, "sni", |r, v| sni(r, references, v));
    let idle = table.optional(reader, "idle_timeout", |r, v| {
        duration(r, v, Duration::from_secs(1)..=DAY)
    });
    let to = match table.key_span("sni") {
        Some(_) => table.optional(reader, "to", |r, v| member(r, references, v)),
        None => {
            let example = "\"a pool or a policy\"";
            let to = table.required(reader, "to", example, |r, v| member(r, references, v));
            Some(to?)
        }
    };
    Some(Tcp {
        sni: sni.unwrap_or_default(),
        to,
        idle_timeout: idle.unwrap_or(TCP_IDLE_TIMEOUT),
    })
}

fn member(reader: &mut Reader, references: &mut References, value: &Value) -> Option<Member> {
    let name = text(reader, value, "the name of a pool or a policy")?;
    references.member(reader, name, value.span())
}

fn sni(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Vec<(HostPattern, Member)>> {
    const EXPECTED: &str = "a table such as { \"a.example\" = \"pool-a\" }";
    let DeValue::Table(entries) = value.get_ref() else {
        return reader.wrong_type(value, EXPECTED);
    };
    let mut routes: Vec<(HostPattern, Member)> = Vec::new();
    for (key, value) in in_order(entries) {
        let pattern = host(reader, key.get_ref(), key.span());
        let to = member(reader, references, value);
        let (Some(pattern), Some(to)) = (pattern, to) else {
            continue;
        };
        if routes.iter().any(|(other, _)| *other == pattern) {
            reader.error(key.span(), "this name stands here already", None);
        }
        routes.push((pattern, to));
    }
    Some(routes)
}

/// `true`, or a port.
fn redirect_to_https(reader: &mut Reader, value: &Value) -> Option<Option<u16>> {
    match value.get_ref() {
        DeValue::Boolean(redirects) => Some(redirects.then_some(443)),
        DeValue::Integer(_) => port(reader, value).map(Some),
        _ => reader.wrong_type(value, "`true`, or a port such as 8443"),
    }
}

fn hsts<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<Hsts> {
    let age = |reader: &mut Reader, value: &Value| {
        duration(reader, value, Duration::ZERO..=DAY.saturating_mul(3650))
    };
    if let DeValue::String(_) = value.get_ref() {
        return Some(Hsts {
            max_age: age(reader, value)?,
            include_subdomains: false,
            preload: false,
        });
    }
    let expected =
        "a duration such as \"365d\", or { max_age = \"365d\", include_subdomains = true }";
    let mut table = Table::of(reader, "`hsts`", value, expected)?;
    let max_age = table.required(reader, "max_age", "\"365d\"", age);
    let include_subdomains = table.optional(reader, "include_subdomains", boolean);
    let preload = table.optional(reader, "preload", boolean);
    table.finish(reader);
    Some(Hsts {
        max_age: max_age?,
        include_subdomains: include_subdomains.unwrap_or(false),
        preload: preload.unwrap_or(false),
    })
}
