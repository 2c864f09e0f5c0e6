//! Reads `backend = { … }` of a pool: how the forwarder speaks to its endpoints.

use std::time::Duration;

use super::care::{Care, care};
use super::tls::{BackendTls, backend_tls};
use super::{BODY_TIMEOUT, CONNECT_TIMEOUT, IDLE_TIMEOUT, RESPONSE_TIMEOUT};
use crate::config::ProxyProtocol;
use crate::config::address::port;
use crate::config::reader::{Reader, Table, Value};
use crate::config::scalar::{choice, integer};
use crate::config::units::duration;

/// `[pool.NAME.backend]`
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    /// Default 80.
    pub port: u16,
    /// `protocol = "http1"` or `"h2"`: HTTP/1.1, a request at a time on a connection, or HTTP/2 with prior knowledge (RFC
    /// 9113, 3.3), up to 100 at a time. Default: HTTP/1.1.
    pub protocol: Protocol,
    /// 1 ms..=10 min. Default 2 s.
    pub connect_timeout: Duration,
    /// From the whole request to the head of its response: 1 ms..=1 h. Default 1 min.
    pub response_timeout: Duration,
    /// Between two parts of a response's body: 1 ms..=1 h. Default 1 min. Past it, the response is cut off.
    pub body_timeout: Duration,
    /// How long a connection waits for its next request: 0 s..=1 h; 0 s: none does. Default 1 min.
    pub idle_timeout: Duration,
    /// Further endpoints that a request is sent to where that is safe: 0..=10. Default 2.
    pub retries: u32,
    /// `tls = true`, or `{ sni = "…", ca = "…", insecure = false, certificate = "…", key = "…" }`. Default: none.
    pub tls: Option<BackendTls>,
    /// `proxy_protocol = "v1"` or `"v2"`: connections begin with a header that says whose they are
    /// (haproxy.org, proxy-protocol.txt). Each is of one client then, and not used again for another. Default: none.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// What is done so that endpoints in trouble do no harm.
    pub care: Care,
}

/// What is spoken with endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

const PROTOCOLS: [(&str, Protocol); 2] = [("http1", Protocol::Http1), ("h2", Protocol::Http2)];

impl Default for Backend {
    fn default() -> Self {
        Backend {
            port: 80,
            protocol: Protocol::Http1,
            connect_timeout: CONNECT_TIMEOUT,
            response_timeout: RESPONSE_TIMEOUT,
            body_timeout: BODY_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            retries: 2,
            tls: None,
            proxy_protocol: None,
            care: Care::default(),
        }
    }
}

pub(in crate::config) fn backend<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<Backend> {
    let mut table = Table::of(
        reader,
        "`backend`",
        value,
        "a table such as { port = 8080 }",
    )?;
    let least = Duration::from_millis(1);
    let hour = Duration::from_secs(3600);
    let default = Backend::default();
    let port = table.optional(reader, "port", port);
    let protocol = table.optional(reader, "protocol", |r, v| choice(r, v, &PROTOCOLS));
    let connect = table.optional(reader, "connect_timeout", |r, v| {
        duration(r, v, least..=Duration::from_secs(600))
    });
    let response = table.optional(reader, "response_timeout", |r, v| {
        duration(r, v, least..=hour)
    });
    let body = table.optional(reader, "body_timeout", |r, v| duration(r, v, least..=hour));
    let idle = table.optional(reader, "idle_timeout", |r, v| {
        duration(r, v, Duration::ZERO..=hour)
    });
    let retries = table.optional(reader, "retries", |r, v| integer(r, v, 0..=10));
    let tls = table.optional(reader, "tls", backend_tls);
    let proxy_protocol = table.optional(reader, "proxy_protocol", |r, v| {
        let versions = [("v1", ProxyProtocol::V1), ("v2", ProxyProtocol::V2)];
        choice(r, v, &versions)
    });
    if proxy_protocol.is_some() && protocol == Some(Protocol::Http2) {
        let why = "says of a connection whose it is, and those of `protocol = \"h2\"` are of several clients";
        table.refuse(reader, "proxy_protocol", why);
    }
    let care = care(reader, &mut table);
    table.finish(reader);
    Some(Backend {
        port: port.unwrap_or(default.port),
        protocol: protocol.unwrap_or(default.protocol),
        connect_timeout: connect.unwrap_or(default.connect_timeout),
        response_timeout: response.unwrap_or(default.response_timeout),
        body_timeout: body.unwrap_or(default.body_timeout),
        idle_timeout: idle.unwrap_or(default.idle_timeout),
        retries: retries.unwrap_or(default.retries),
        tls: tls.flatten(),
        proxy_protocol,
        care,
    })
}
