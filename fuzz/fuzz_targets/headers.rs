//! Any header lines of a client: what is of its connection goes no further, what it says of itself counts for nothing, and
//! nothing that it writes makes anybody else of it once a proxy that is trusted has said who it is.
#![no_main]

use std::net::{IpAddr, SocketAddr};

use hyper::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use meridian::config::forwarder;
use meridian::forwarder::headers::{Asker, strip_request, tell_client};
use meridian::forwarder::hops::{self, X_FORWARDED_FOR};
use meridian::model::routing::host;
use meridian::state::listening::Http;

const STRIPPED: [&str; 6] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "x_forwarded_for",
];

fuzz_target!(|octets: &[u8]| {
    client_is_who_the_proxy_says(octets);
    headers_are_those_of_the_forwarder(octets);
    if let Ok(text) = std::str::from_utf8(octets)
        && let Some(found) = host::without_port(text)
    {
        assert!(text.starts_with(found));
        assert!(!found.contains(['@', '/', '\\', ' ', '?', '#']));
    }
});

/// What a client has written stands in front of what the proxy adds.
fn client_is_who_the_proxy_says(octets: &[u8]) {
    let proxy = IpAddr::from([10, 0, 0, 1]);
    let trusts = |address: IpAddr| address == proxy;
    let added = [
        (&X_FORWARDED_FOR, "192.0.2.7"),
        (&FORWARDED, "for=192.0.2.7;proto=https"),
        (&FORWARDED, "for=\"192.0.2.7:80\";proto=\"https\""),
    ];
    for (name, own) in added {
        for between in [&b", "[..], b","] {
            let line = [octets, between, own.as_bytes()].concat();
            let Ok(line) = HeaderValue::from_bytes(&line) else {
                return;
            };
            let headers = HeaderMap::from_iter([(name.clone(), line)]);
            let found = hops::client(&headers, proxy, trusts).address;
            assert!(
                found == proxy || found == IpAddr::from([192, 0, 2, 7]),
                "{found}"
            );
        }
    }
}

/// Lines of names and values.
fn headers_are_those_of_the_forwarder(octets: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in octets.split(|&octet| octet == b'\n').take(100) {
        let colon = line.iter().position(|&octet| octet == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or_default();
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name),
            HeaderValue::from_bytes(value.trim_ascii()),
        ) {
            headers.append(name, value);
        }
    }
    let host = headers.get(HOST).cloned();
    strip_request(&mut headers, None);
    let names_te = headers.get("connection").is_some_and(|value| value == "te");
    for name in STRIPPED {
        assert!(
            !headers.contains_key(name) || name == "connection" && names_te,
            "{name}"
        );
    }
    assert_eq!(headers.get(HOST), host.as_ref());
    let mut told = None;
    for peer in ["192.0.2.7:4000", "[2001:db8::7]:4000", "192.0.2.7:4000"] {
        let peer: SocketAddr = peer.parse().expect("an address");
        let asker = Asker {
            peer,
            port: 80,
            is_tls: false,
            host: host.as_ref(),
        };
        let client = tell_client(&mut headers, asker, &strict(), &mut told);
        assert_eq!(client, peer.ip());
        let said: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().collect();
        assert_eq!(said, [&*peer.ip().to_string()]);
        // What is said here is read as it is meant.
        let own = HeaderMap::from_iter([(FORWARDED, headers[FORWARDED].clone())]);
        let read = hops::client(&own, [10, 0, 0, 1].into(), |_| false);
        let has_escape = host.as_ref().is_some_and(|host| {
            let octets = host.as_bytes();
            octets.iter().any(|octet| b"\"\\= ".contains(octet))
        });
        assert!(read.address == peer.ip() || has_escape, "{own:?}");
    }
}

/// Of a listener that trusts nobody.
fn strict() -> Http {
    let defaults = forwarder::Http::default();
    Http {
        head_max: defaults.head_max,
        headers_max: defaults.headers_max,
        target_max: defaults.target_max,
        body_max: None,
        head_timeout: defaults.head_timeout,
        body_timeout: defaults.body_timeout,
        write_timeout: defaults.write_timeout,
        keep_alive: defaults.keep_alive,
        upgrade_timeout: defaults.upgrade_timeout,
        requests_max: defaults.requests_max,
        streams_max: defaults.streams_max,
        trusted: Box::default(),
        via: "edge".into(),
        via_values: ["1.0 edge", "1.1 edge", "2.0 edge"].map(HeaderValue::from_static),
    }
}
