//! How is a request, or a connection that is none, told in one line?
//!
//! Whatever clients send is escaped, so that no line can be forged: in JSON as RFC 8259, 7 says, in the other format
//! quotes, backslashes and whatever is not printable ASCII as `\xHH`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper::header::{HOST, HeaderName, REFERER, USER_AGENT};
use hyper::{HeaderMap, Method, Uri, Version};
use serde::Serialize;

use crate::state::forwarding::Format;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Octets of a target, or of a header, that are told.
const TEXT_MAX: usize = 2048;

/// What is told of the head of a request, as the client sent it.
pub(super) struct Said {
    method: Method,
    target: String,
    version: Version,
    host: Option<Vec<u8>>,
    referrer: Option<Vec<u8>>,
    agent: Option<Vec<u8>>,
    id: Option<Vec<u8>>,
}

/// What became of it.
pub(super) struct Over<'o> {
    pub client: IpAddr,
    pub is_tls: bool,
    pub route: &'o str,
    /// The last that it was sent to, and its pool.
    pub endpoint: Option<(SocketAddr, &'o str)>,
    /// To how many it was sent.
    pub tries: u32,
    pub status: u16,
    /// Of the response's body.
    pub octets: u64,
    /// Whether all of it was sent.
    pub is_whole: bool,
    /// Until it was sent to that endpoint, if it was.
    pub before: Option<Duration>,
    /// From there to the head of the response.
    pub waited: Option<Duration>,
    pub took: Duration,
}

impl Said {
    pub fn of(method: &Method, uri: &Uri, version: Version, headers: &HeaderMap) -> Self {
        let authority = uri.authority();
        let host = authority.map(|authority| authority.as_str().as_bytes().to_vec());
        let target = uri.path_and_query();
        let target = target.map_or("*", |target| target.as_str());
        Said {
            method: method.clone(),
            target: String::from_utf8_lossy(cut(target.as_bytes())).into_owned(),
            version,
            host: host.or_else(|| text(headers, &HOST)),
            referrer: text(headers, &REFERER),
            agent: text(headers, &USER_AGENT),
            id: text(headers, &X_REQUEST_ID),
        }
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    Some(cut(headers.get(name)?.as_bytes()).to_vec())
}

fn cut(octets: &[u8]) -> &[u8] {
    &octets[..octets.len().min(TEXT_MAX)]
}

/// With a line feed at its end.
pub(super) fn line(format: Format, now_unix_ms: u64, said: &Said, over: &Over<'_>) -> Vec<u8> {
    match format {
        Format::Json => json(now_unix_ms, said, over),
        Format::Combined => combined(now_unix_ms, said, over),
    }
}

#[derive(Serialize)]
struct Line<'l> {
    /// When it was over, in milliseconds since the Unix epoch.
    time_unix_ms: u64,
    client: String,
    method: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    target: &'l str,
    protocol: &'static str,
    tls: bool,
    status: u16,
    octets: u64,
    /// False where the client or the endpoint went away.
    whole: bool,
    route: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    tries: u32,
    /// Milliseconds: in all, until it was sent to the endpoint, from there to the head of the response.
    took_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    before_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
}

fn json(now_unix_ms: u64, said: &Said, over: &Over<'_>) -> Vec<u8> {
    let lossy = |octets: &Option<Vec<u8>>| {
        let octets = octets.as_deref();
        octets.map(|octets| String::from_utf8_lossy(octets).into_owned())
    };
    let line = Line {
        time_unix_ms: now_unix_ms,
        client: over.client.to_canonical().to_string(),
        method: said.method.as_str(),
        host: lossy(&said.host),
        target: &said.target,
        protocol: protocol(said.version),
        tls: over.is_tls,
        status: over.status,
        octets: over.octets,
        whole: over.is_whole,
        route: over.route,
        pool: over.endpoint.map(|(_, pool)| pool),
        endpoint: over.endpoint.map(|(address, _)| address.to_string()),
        tries: over.tries,
        took_ms: ms(over.took),
        before_ms: over.before.map(ms),
        waited_ms: over.waited.map(ms),
        id: lossy(&said.id),
        referrer: lossy(&said.referrer),
        agent: lossy(&said.agent),
    };
    let mut text = serde_json::to_vec(&line).unwrap_or_default();
    text.push(b'\n');
    text
}

fn combined(now_unix_ms: u64, said: &Said, over: &Over<'_>) -> Vec<u8> {
    let client = over.client.to_canonical();
    let time = clf_time(now_unix_ms / 1000);
    let mut text = format!("{client} - - [{time}] \"").into_bytes();
    escape(said.method.as_str().as_bytes(), &mut text);
    text.push(b' ');
    escape(said.target.as_bytes(), &mut text);
    let (status, octets) = (over.status, over.octets);
    text.extend(format!(" {}\" {status} {octets}", protocol(said.version)).bytes());
    for part in [&said.referrer, &said.agent] {
        text.extend(b" \"");
        escape(part.as_deref().unwrap_or(b"-"), &mut text);
        text.push(b'"');
    }
    text.push(b'\n');
    text
}

/// A connection that was passed on as a whole.
#[derive(Clone, Copy)]
pub(super) struct Passed<'p> {
    pub client: IpAddr,
    pub listener: &'p str,
    /// What the client asked TLS for.
    pub name: Option<&'p str>,
    /// Whether TLS ended here.
    pub is_tls: bool,
    /// `None`: no endpoint took it.
    pub endpoint: Option<(SocketAddr, &'p str)>,
    pub tries: u32,
    /// From the client, and to it.
    pub octets_in: u64,
    pub octets: u64,
    /// Until an endpoint had it.
    pub before: Option<Duration>,
    pub took: Duration,
}

#[derive(Serialize)]
struct PassedLine<'l> {
    time_unix_ms: u64,
    client: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'l str>,
    protocol: &'static str,
    tls: bool,
    listener: &'l str,
    octets_in: u64,
    octets: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    tries: u32,
    took_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    before_ms: Option<f64>,
}

/// With a line feed at its end. In the combined format, `TCP` and the name stand for the request, and there is no status.
pub(super) fn passed(format: Format, now_unix_ms: u64, passed: &Passed<'_>) -> Vec<u8> {
    let client = passed.client.to_canonical().to_string();
    let mut text = match format {
        Format::Json => serde_json::to_vec(&PassedLine {
            time_unix_ms: now_unix_ms,
            client,
            host: passed.name,
            protocol: "TCP",
            tls: passed.is_tls,
            listener: passed.listener,
            octets_in: passed.octets_in,
            octets: passed.octets,
            pool: passed.endpoint.map(|(_, pool)| pool),
            endpoint: passed.endpoint.map(|(address, _)| address.to_string()),
            tries: passed.tries,
            took_ms: ms(passed.took),
            before_ms: passed.before.map(ms),
        })
        .unwrap_or_default(),
        Format::Combined => {
            let time = clf_time(now_unix_ms / 1000);
            let mut text = format!("{client} - - [{time}] \"TCP ").into_bytes();
            escape(passed.name.unwrap_or("-").as_bytes(), &mut text);
            text.extend(format!("\" - {} \"-\" \"-\"", passed.octets).bytes());
            text
        }
    };
    text.push(b'\n');
    text
}

/// In milliseconds; microseconds are what there is to say.
fn ms(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

fn escape(octets: &[u8], into: &mut Vec<u8>) {
    for &octet in octets {
        match octet {
            b'"' | b'\\' | 0..0x20 | 0x7f.. => into.extend(format!("\\x{octet:02X}").bytes()),
            octet => into.push(octet),
        }
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

/// `10/Oct/2000:13:55:36 +0000`
fn clf_time(unix_s: u64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (year, month, day) = crate::clock::date(unix_s / 86_400);
    let month = MONTHS[(month as usize - 1).min(11)];
    let (h, min, s) = (unix_s / 3600 % 24, unix_s / 60 % 60, unix_s % 60);
    format!("{day:02}/{month}/{year:04}:{h:02}:{min:02}:{s:02} +0000")
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn said() -> Said {
        let request = Request::builder()
            .uri("/a?b=%22")
            .header("host", "www.example.com")
            .header("user-agent", &b"a\"\\\xff\" 200 0"[..])
            .header("x-request-id", "7");
        let request = request.body(()).unwrap();
        Said::of(
            request.method(),
            request.uri(),
            request.version(),
            request.headers(),
        )
    }

    fn over() -> Over<'static> {
        Over {
            client: "::ffff:203.0.113.9".parse().unwrap(),
            is_tls: true,
            route: "api",
            endpoint: Some(("192.0.2.1:8080".parse().unwrap(), "web")),
            tries: 2,
            status: 200,
            octets: 5,
            is_whole: true,
            before: Some(Duration::from_micros(1_500)),
            waited: Some(Duration::from_millis(20)),
            took: Duration::from_millis(25),
        }
    }

    #[test]
    fn json_says_all_and_is_one_line() {
        let text = line(Format::Json, 1_000, &said(), &over());
        assert_eq!(text.iter().filter(|&&octet| octet == b'\n').count(), 1);
        let told: serde_json::Value = serde_json::from_slice(&text).unwrap();
        for (key, value) in [
            ("client", serde_json::json!("203.0.113.9")),
            ("route", "api".into()),
            ("pool", "web".into()),
            ("endpoint", "192.0.2.1:8080".into()),
            ("tries", 2.into()),
            ("before_ms", 1.5.into()),
            ("waited_ms", 20.0.into()),
            ("took_ms", 25.0.into()),
            ("id", "7".into()),
            ("tls", true.into()),
            ("agent", "a\"\\\u{fffd}\" 200 0".into()),
        ] {
            assert_eq!(told[key], value, "{key}");
        }
    }

    #[test]
    fn a_connection_that_is_passed_on_is_one_line() {
        let told = Passed {
            client: "203.0.113.9".parse().unwrap(),
            listener: "db",
            name: Some("a\"\n.example"),
            is_tls: false,
            endpoint: Some(("192.0.2.1:5432".parse().unwrap(), "db")),
            tries: 1,
            octets_in: 3,
            octets: 5,
            before: Some(Duration::from_micros(1_500)),
            took: Duration::from_millis(25),
        };
        let text = passed(Format::Json, 1_000, &told);
        assert_eq!(text.iter().filter(|&&octet| octet == b'\n').count(), 1);
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(json["host"], "a\"\n.example");
        assert_eq!(
            (json["octets_in"].as_u64(), json["octets"].as_u64()),
            (Some(3), Some(5))
        );
        let text = passed(Format::Combined, 971_211_336_000, &told);
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.ends_with(" \"TCP a\\x22\\x0A.example\" - 5 \"-\" \"-\"\n"),
            "{text}"
        );
    }

    #[test]
    fn nobody_forges_a_line_of_the_combined_format() {
        let text = line(Format::Combined, 971_211_336_000, &said(), &over());
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.starts_with("203.0.113.9 - - [10/Oct/2000:20:55:36 +0000] \"GET /a?b="),
            "{text}"
        );
        assert!(
            text.ends_with(" HTTP/1.1\" 200 5 \"-\" \"a\\x22\\x5C\\xFF\\x22 200 0\"\n"),
            "{text}"
        );
    }
}
