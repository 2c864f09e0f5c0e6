//! Reads what a listener of HTTP holds its clients to.

use std::time::Duration;

use ipnet::IpNet;

use crate::config::address::prefix;
use crate::config::reader::{Reader, Table, Value, quoted};
use crate::config::scalar::{integer, one_or_many, text};
use crate::config::units::duration;

/// Keys of `[forwarder.listener.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// `head_max`: octets of a request's head: 1,024..=1,048,576. Default 16,384. Past it: 431 (RFC 6585, 5).
    pub head_max: u32,
    /// `headers_max`: header fields of a request: 1..=1,000. Default 100. Past it: 431.
    pub headers_max: u16,
    /// `target_max`: octets of a request's target: 64..=65,534. Default 8,192; RFC 9110, 4.1 wants 8,000 at least. Past it:
    /// 414 (RFC 9110, 15.5.15).
    pub target_max: u32,
    /// `body_max`: octets of a request's body: 0..=2^53; 0: any. Default 1 GiB. Past it: 413 (RFC 9110, 15.5.14).
    pub body_max: u64,
    /// `head_timeout`: from the first octet of a head to its last: 1 s..=10 min. Default 15 s. Past it: 408 (RFC 9110,
    /// 15.5.9).
    pub head_timeout: Duration,
    /// `body_timeout`: between two parts of a request's body: 1 s..=1 h. Default 30 s. Past it: 408.
    pub body_timeout: Duration,
    /// `write_timeout`: how long a client may take nothing of a response: 1 s..=1 h. Default 60 s. Past it the connection, or
    /// the stream, is closed.
    pub write_timeout: Duration,
    /// `keep_alive`: how long a connection waits for its next request: 1 s..=1 h. Default 60 s. Past it, it is closed (RFC
    /// 9112, 9.5).
    pub keep_alive: Duration,
    /// `upgrade_timeout`: how long nothing may be said either way over a connection that another protocol was agreed on
    /// for (WebSocket): 1 s..=7 d. Default 10 min.
    pub upgrade_timeout: Duration,
    /// `requests_max`: requests of a connection: 1..=2^53. Default 100,000. The last one's response says that the
    /// connection is closed.
    pub requests_max: u64,
    /// `streams_max`: requests of an HTTP/2 connection at a time: 1..=10,000. Default 128; RFC 9113, 6.5.2 wants 100 at
    /// least.
    pub streams_max: u32,
    /// `trusted_proxies`: networks whose word on clients is believed: what stands in X-Forwarded-For, Forwarded and the
    /// like, and in X-Request-Id. Default: none.
    pub trusted_proxies: Vec<IpNet>,
    /// `via`: what messages are told to have come by (a pseudonym: RFC 9110, 7.6.3). A request that has come by it already is
    /// refused with 508 (RFC 5842, 7.2), so forwarders behind one another need different ones. Default: "meridian-" and eight
    /// digits that the process draws when it starts.
    pub via: Option<String>,
}

impl Default for Http {
    fn default() -> Self {
        Http {
            head_max: 16_384,
            headers_max: 100,
            target_max: 8_192,
            body_max: 1 << 30,
            head_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            keep_alive: Duration::from_secs(60),
            upgrade_timeout: Duration::from_secs(600),
            requests_max: 100_000,
            streams_max: 128,
            trusted_proxies: Vec::new(),
            via: None,
        }
    }
}

/// The largest number that every reader of TOML takes for what it is.
const NUMBER_MAX: u64 = 1 << 53;

pub(super) fn http(reader: &mut Reader, table: &mut Table) -> Http {
    let default = Http::default();
    let second = Duration::from_secs(1);
    let mut time = |reader: &mut Reader, key: &'static str, most_s: u64, default: Duration| {
        let most = Duration::from_secs(most_s);
        let read = table.optional(reader, key, |r, v| duration(r, v, second..=most));
        read.unwrap_or(default)
    };
    let head_timeout = time(reader, "head_timeout", 600, default.head_timeout);
    let body_timeout = time(reader, "body_timeout", 3600, default.body_timeout);
    let write_timeout = time(reader, "write_timeout", 3600, default.write_timeout);
    let keep_alive = time(reader, "keep_alive", 3600, default.keep_alive);
    let upgrade_timeout = time(
        reader,
        "upgrade_timeout",
        7 * 86_400,
        default.upgrade_timeout,
    );
    let head_max = table.optional(reader, "head_max", |r, v| integer(r, v, 1024..=1_048_576));
    let headers_max = table.optional(reader, "headers_max", |r, v| integer(r, v, 1..=1000));
    let target_max = table.optional(reader, "target_max", |r, v| integer(r, v, 64..=65_534));
    let body_max = table.optional(reader, "body_max", |r, v| integer(r, v, 0..=NUMBER_MAX));
    let requests = table.optional(reader, "requests_max", |r, v| integer(r, v, 1..=NUMBER_MAX));
    let streams = table.optional(reader, "streams_max", |r, v| integer(r, v, 1..=10_000));
    let trusted = table.optional(reader, "trusted_proxies", |reader, value| {
        one_or_many(reader, value, |r, v| prefix(r, v).map(|net| net.value))
    });
    let via = table.optional(reader, "via", pseudonym);
    Http {
        head_max: head_max.unwrap_or(default.head_max),
        headers_max: headers_max.unwrap_or(default.headers_max),
        target_max: target_max.unwrap_or(default.target_max),
        body_max: body_max.unwrap_or(default.body_max),
        head_timeout,
        body_timeout,
        write_timeout,
        keep_alive,
        upgrade_timeout,
        requests_max: requests.unwrap_or(default.requests_max),
        streams_max: streams.unwrap_or(default.streams_max),
        trusted_proxies: trusted.unwrap_or_default(),
        via,
    }
}

/// A token (RFC 9110, 5.6.2).
fn pseudonym(reader: &mut Reader, value: &Value) -> Option<String> {
    const EXPECTED: &str = "a name of letters, digits, `-`, `.` and `_` such as \"edge-fra\"";
    let text = text(reader, value, EXPECTED)?;
    let is_right = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if text.len() > 64 || !text.chars().all(is_right) {
        let message = format!("expected {EXPECTED}, found {}", quoted(text));
        let help = (text.len() > 64).then(|| "at most 64 characters are allowed".to_owned());
        reader.error(value.span(), message, help);
        return None;
    }
    Some(text.to_owned())
}
