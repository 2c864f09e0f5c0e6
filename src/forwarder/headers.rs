//! Which headers are of the connection only, and what is said of the client and of the way?

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, HeaderName, HeaderValue, MAX_FORWARDS, TE,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use hyper::{HeaderMap, Version};

use super::hops::{self, X_FORWARDED_FOR};
use super::shown;
use crate::state::listening::Http;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Whether a header of this name is about one connection, whatever `Connection` says (RFC 9110, 7.6.1).
fn is_of_connection(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Takes out what is about one connection: what `Connection` names, and those headers that were always so (RFC 9110,
/// 7.6.1). `Trailer` says what the message has behind its body, and stays.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|name| name.trim())
            // That one goes in any case, and is named most of the time.
            .filter(|name| !name.eq_ignore_ascii_case("keep-alive"))
            .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
            // Whom a request is for is of no connection.
            .filter(|name| name != HOST)
            .collect();
        named.iter().for_each(|name| {
            headers.remove(name);
        });
    }
    // Most messages have none or one of them: one look at all names is less than a search for each.
    while let Some(name) = headers.keys().find(|name| is_of_connection(name)).cloned() {
        headers.remove(name);
    }
}

/// Whether `name` lists `element`, in any case.
pub(super) fn lists(headers: &HeaderMap, name: HeaderName, element: &[u8]) -> bool {
    headers.get_all(name).iter().any(|value| {
        let mut elements = value.as_bytes().split(|&octet| octet == b',');
        elements.any(|other| other.trim_ascii().eq_ignore_ascii_case(element))
    })
}

/// The same of a request. What goes on is what the next hop is to do as this one does: trailers are taken (RFC 9110,
/// 10.1.4), and `upgrade` is asked for. An expectation is met here (RFC 9110, 10.1.1).
pub fn strip_request(headers: &mut HeaderMap, upgrade: Option<HeaderValue>) {
    let takes_trailers = lists(headers, TE, b"trailers");
    strip_hop_by_hop(headers);
    strip_alike(headers);
    count_hop(headers);
    headers.remove(EXPECT);
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    if let Some(protocols) = upgrade {
        headers.insert(UPGRADE, protocols);
        headers.append(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

/// Takes out what backends that take `_` for `-` (CGI: RFC 3875, 4.1.18) would read as what is said here, or as what frames
/// the message.
fn strip_alike(headers: &mut HeaderMap) {
    const SAID: [HeaderName; 7] = [
        CONTENT_LENGTH,
        TRANSFER_ENCODING,
        X_FORWARDED_FOR,
        X_FORWARDED_PROTO,
        X_FORWARDED_HOST,
        X_FORWARDED_PORT,
        X_REQUEST_ID,
    ];
    let is_alike = |name: &&HeaderName| {
        name.as_str().contains('_') && {
            let dashed = name.as_str().replace('_', "-");
            let is_it = |said: &HeaderName| dashed == said.as_str();
            SAID.iter().any(is_it) || shown::TOLD.iter().any(is_it)
        }
    };
    while let Some(alike) = headers.keys().find(is_alike).cloned() {
        headers.remove(alike);
    }
}

/// Says how many more may forward it (RFC 9110, 7.6.2): of methods that have no use for that, nobody minds.
fn count_hop(headers: &mut HeaderMap) {
    let Some(hops) = headers.get(MAX_FORWARDS) else {
        return;
    };
    let hops: Option<u32> = hops.to_str().ok().and_then(|hops| hops.parse().ok());
    if let Some(left) = hops.and_then(|hops| hops.checked_sub(1)) {
        headers.insert(MAX_FORWARDS, HeaderValue::from(left));
    }
}

/// Whether a request has come by here already (RFC 9110, 7.6.3).
pub(super) fn has_come_by(headers: &HeaderMap, http: &Http) -> bool {
    let by = |element: &str| {
        let mut words = element.split_ascii_whitespace();
        words.nth(1).is_some_and(|by| *by == *http.via)
    };
    headers.get_all(VIA).iter().any(|value| {
        let elements = value.to_str().unwrap_or_default();
        elements.split(',').any(by)
    })
}

/// Says that a message of `version` has come by here (RFC 9110, 7.6.3).
pub(super) fn tell_way(headers: &mut HeaderMap, version: Version, http: &Http) {
    let value = match version {
        Version::HTTP_2 => &http.via_values[2],
        Version::HTTP_10 => &http.via_values[0],
        _ => &http.via_values[1],
    };
    headers.append(VIA, value.clone());
}

/// Who asks, and how.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'h> {
    /// Of the connection's other end.
    pub peer: SocketAddr,
    /// Of its own end.
    pub port: u16,
    pub is_tls: bool,
    /// As the client wrote it, with a port if it did.
    pub host: Option<&'h HeaderValue>,
}

/// What is said of a connection in every request that comes over it.
#[derive(Debug)]
pub struct Told {
    /// Whom it is said of.
    of: (IpAddr, u16, bool),
    client: HeaderValue,
    port: HeaderValue,
    /// With the host that it was made for.
    forwarded: (Option<HeaderValue>, HeaderValue),
}

impl Told {
    fn new(asker: &Asker<'_>, address: IpAddr) -> Self {
        Told {
            of: (address, asker.port, asker.is_tls),
            client: text(address.to_string()),
            port: HeaderValue::from(asker.port),
            forwarded: (asker.host.map(copied), forwarded(asker, address)),
        }
    }
}

/// Says who asks, and the address of the client that it is said of. What others say of that is kept if `http` trusts the
/// peer, and replaced if not. `told` is what was said last.
pub fn tell_client(
    headers: &mut HeaderMap,
    asker: Asker<'_>,
    http: &Http,
    told: &mut Option<Told>,
) -> IpAddr {
    let address = asker.peer.ip().to_canonical();
    let of = (address, asker.port, asker.is_tls);
    let told = match told {
        Some(told) if told.of == of => {
            if told.forwarded.0.as_ref() != asker.host {
                told.forwarded = (asker.host.map(copied), forwarded(&asker, address));
            }
            told
        }
        _ => told.insert(Told::new(&asker, address)),
    };
    let scheme = HeaderValue::from_static(scheme(&asker));
    let host = asker.host.cloned();
    if http.trusts(address) {
        let client = client_of(headers, address, http);
        // The port is of the scheme and the host, so that it is told with them or not at all.
        let is_told = [X_FORWARDED_PROTO, X_FORWARDED_HOST, X_FORWARDED_PORT];
        if !is_told.iter().any(|name| headers.contains_key(name)) {
            headers.insert(X_FORWARDED_PORT, told.port.clone());
        }
        append_to_list(headers, X_FORWARDED_FOR, &told.client);
        append_to_list(headers, FORWARDED, &told.forwarded.1);
        headers.entry(X_FORWARDED_PROTO).or_insert(scheme);
        if let Some(host) = host {
            headers.entry(X_FORWARDED_HOST).or_insert(host);
        }
        return client;
    }
    headers.insert(X_FORWARDED_FOR, told.client.clone());
    headers.insert(FORWARDED, told.forwarded.1.clone());
    headers.insert(X_FORWARDED_PROTO, scheme);
    headers.insert(X_FORWARDED_PORT, told.port.clone());
    match host {
        Some(host) => headers.insert(X_FORWARDED_HOST, host),
        None => headers.remove(X_FORWARDED_HOST),
    };
    address
}

/// Whom a request is from, of which `peer` says so.
pub(super) fn client_of(headers: &HeaderMap, peer: IpAddr, http: &Http) -> IpAddr {
    let peer = peer.to_canonical();
    match http.trusts(peer) {
        true => hops::client(headers, peer, |address| http.trusts(address)).address,
        false => peer,
    }
}

/// Whether a request came over TLS, of which `peer` says so, who did so itself if `is_tls`.
pub(super) fn came_by_tls(headers: &HeaderMap, peer: IpAddr, is_tls: bool, http: &Http) -> bool {
    if !http.trusts(peer) {
        return is_tls;
    }
    let told = headers.get(X_FORWARDED_PROTO).map(HeaderValue::as_bytes);
    let by_hops = || hops::client(headers, peer, |address| http.trusts(address)).scheme;
    let told = told.or_else(|| by_hops().map(str::as_bytes));
    told.map_or(is_tls, |scheme| scheme.eq_ignore_ascii_case(b"https"))
}

/// What else a response may depend on: the host as the client wrote it, with a port, and the one that a proxy that is
/// believed says that it wrote.
pub(super) fn asked_for(headers: &HeaderMap, is_trusted: bool) -> Box<str> {
    let told = headers.get(X_FORWARDED_HOST).filter(|_| is_trusted);
    let values = [headers.get(HOST), told].into_iter().flatten();
    let texts = values.map(|value| value.to_str().unwrap_or_default().to_ascii_lowercase());
    texts.collect::<Vec<_>>().join(" ").into()
}

/// One more element, on the line of the last one.
fn append_to_list(headers: &mut HeaderMap, name: HeaderName, element: &HeaderValue) {
    let mut all = Vec::new();
    for value in headers.get_all(&name) {
        all.extend_from_slice(value.as_bytes());
        all.extend_from_slice(b", ");
    }
    all.extend_from_slice(element.as_bytes());
    if let Ok(all) = HeaderValue::from_maybe_shared(Bytes::from(all)) {
        headers.insert(name, all);
    }
}

fn scheme(asker: &Asker<'_>) -> &'static str {
    match asker.is_tls {
        true => "https",
        false => "http",
    }
}

/// RFC 7239, 4: `for=192.0.2.1;host=www.example.com;proto=http`.
fn forwarded(asker: &Asker<'_>, address: IpAddr) -> HeaderValue {
    let mut element = String::with_capacity(80);
    // Writing to a string cannot fail.
    let _ = match address {
        IpAddr::V4(address) => write!(element, "for={address}"),
        IpAddr::V6(address) => write!(element, "for=\"[{address}]\""),
    };
    if let Some(host) = asker.host.and_then(|host| host.to_str().ok()) {
        let is_of_tokens = |octet: u8| octet.is_ascii_alphanumeric() || b"-._".contains(&octet);
        let is_token = !host.is_empty() && host.bytes().all(is_of_tokens);
        let _ = match is_token {
            true => write!(element, ";host={host}"),
            // RFC 9110, 5.6.4.
            false => write!(
                element,
                ";host=\"{}\"",
                host.replace('\\', "\\\\").replace('"', "\\\"")
            ),
        };
    }
    let _ = write!(element, ";proto={}", scheme(asker));
    text(element)
}

/// Without the buffer that it was read to.
fn copied(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone())
}

/// Of visible characters.
fn text(text: String) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text))
        .unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// What the request is known by, on its whole way: as somebody who is trusted says, or a number that `draw` gives.
pub(super) fn tell_request(headers: &mut HeaderMap, is_trusted: bool, draw: impl FnOnce() -> u128) {
    if is_trusted && headers.contains_key(X_REQUEST_ID) {
        return;
    }
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut id = [0; 32];
    for (digits, octet) in id.chunks_exact_mut(2).zip(draw().to_be_bytes()) {
        digits[0] = DIGITS[usize::from(octet >> 4)];
        digits[1] = DIGITS[usize::from(octet & 15)];
    }
    if let Ok(id) = HeaderValue::from_bytes(&id) {
        headers.insert(X_REQUEST_ID, id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let fields = fields.iter().map(|&(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn what_connection_names_goes_no_further() {
        let mut headers = headers(&[
            ("connection", "close, X-Secret"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("x-stays", "2"),
        ]);
        strip_hop_by_hop(&mut headers);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-stays"]);
    }

    #[test]
    fn what_backends_may_take_for_what_is_said_here_goes_no_further() {
        let mut headers = headers(&[
            ("x_forwarded_for", "192.0.2.1"),
            ("x-forwarded_for", "192.0.2.1"),
            ("x_client_cert_subject", "CN=root"),
            ("x-client_cert-san", "DNS:root"),
            ("transfer_encoding", "chunked"),
            ("x_stays", "1"),
        ]);
        strip_request(&mut headers, None);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x_stays"]);
    }

    #[test]
    fn whom_a_request_is_for_is_of_no_connection() {
        let mut headers = headers(&[("host", "a.example"), ("connection", "host")]);
        strip_request(&mut headers, None);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["host"]);
    }
}
