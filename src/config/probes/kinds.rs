//! What probes ask, by kind, as the rest of the program reads it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{At, Calculation, Push};
use crate::dns::Name;
pub use crate::proxy_protocol::Version as ProxyProtocol;

/// Octets of an answer that are read at most, unless `body_limit` says otherwise.
pub const BODY_LIMIT_DEFAULT: u32 = 64 * 1024;

/// Commands that run at a time, unless `commands_max` says otherwise.
pub const COMMANDS_MAX_DEFAULT: u16 = 16;

/// What a probe does.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeKind {
    /// `http = "/path"` or `https = "/path"`
    Http(HttpProbe),
    /// `tcp = true` or `tcp = { send = "…", expect = "…" }`
    Tcp(TcpProbe),
    /// `tls = true`: a handshake, and that is all.
    Tls(HandshakeProbe),
    /// `grpc = "service"` or `grpcs = "service"`
    Grpc(GrpcProbe),
    /// `dns = { name = "example.com.", … }`
    Dns(DnsProbe),
    /// `udp = { send = "…", expect = "…" }`
    Udp(UdpProbe),
    /// `icmp = true`: an echo request.
    Icmp(Source),
    /// `command = ["/path", "argument", …]`
    Command(CommandProbe),
    /// `file = "/path"`: what others write there.
    File(FileProbe),
    /// `all`, `any`, `at_least` or `not`: other monitors say it.
    Calculated(Calculation),
    /// `push = { max_age = "30s" }`: others say it, from outside.
    Push(Push),
    /// No probe at all: endpoints of the pool are always up. (Not written as a monitor; a pool
    /// without `monitor` has none.)
    None,
}

/// How connections to an endpoint are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    pub source: Source,
    /// `proxy_protocol = "v1"` or `"v2"`: a header before anything else. Default: none.
    pub proxy_protocol: Option<ProxyProtocol>,
}

/// `source`: the own addresses that probes come from, one per family. Default: the system's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Source {
    pub v4: Option<Ipv4Addr>,
    pub v6: Option<Ipv6Addr>,
}

impl Source {
    /// The address towards `destination`, if one is given for its family.
    pub fn towards(self, destination: IpAddr) -> Option<IpAddr> {
        match destination {
            IpAddr::V4(_) => self.v4.map(IpAddr::V4),
            IpAddr::V6(_) => self.v6.map(IpAddr::V6),
        }
    }
}

/// A conversation over TCP: a connection, what is said, and what must be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpProbe {
    pub way: Way,
    /// Default: nothing.
    pub send: Vec<u8>,
    /// What comes must contain this within `limit`. Default: nothing is read.
    pub expect: Vec<u8>,
    /// `body_limit`: octets that are read at most.
    pub limit: u32,
}

impl Default for TcpProbe {
    fn default() -> Self {
        TcpProbe {
            way: Way::default(),
            send: Vec::new(),
            expect: Vec::new(),
            limit: BODY_LIMIT_DEFAULT,
        }
    }
}

/// A TLS handshake.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HandshakeProbe {
    pub way: Way,
    pub tls: TlsProbe,
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    #[default]
    One,
    /// HTTP/2: with TLS by ALPN, else with prior knowledge (RFC 9113, 3.3).
    Two,
}

/// A method of HTTP requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpMethod {
    #[default]
    Get,
    /// Without a body in the answer.
    Head,
}

/// An HTTP or HTTPS request and what is accepted as an answer to it.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpProbe {
    pub way: Way,
    pub tls: Option<TlsProbe>,
    /// `http_version = "1.1"` or `"2"`. Default 1.1.
    pub version: HttpVersion,
    /// Default GET.
    pub method: HttpMethod,
    /// Fields besides those that every request has, names in lower case. Default: none.
    pub headers: Vec<(String, String)>,
    /// Redirects that are followed at most, 0..=5, all of them to the same address. Default 0: they are answers
    /// as any others.
    pub redirects: u8,
    /// Whether the next probe takes the same connection, if it is still there. Default false: a kept connection
    /// hides that nobody accepts new ones.
    pub reuse: bool,
    /// Starts with `/`.
    pub path: String,
    /// `Host` header. Default: the endpoint's address.
    pub host: Option<String>,
    /// Accepted status codes, as inclusive ranges within 100..=599. Default 200..=299.
    pub expect_status: Vec<(u16, u16)>,
    /// The body must contain this within `body_limit`. Default: the body is not read.
    pub expect_body: Option<String>,
    /// Octets of the body that are read at most. Default 64 KiB; up to 1 MiB.
    pub body_limit: u32,
    /// Default: nowhere.
    pub load: Option<Box<LoadFrom>>,
}

impl HttpProbe {
    /// A plain request for a path, everything else at its default.
    pub fn get(path: impl Into<String>) -> Self {
        HttpProbe {
            way: Way::default(),
            tls: None,
            version: HttpVersion::default(),
            method: HttpMethod::default(),
            headers: Vec::new(),
            redirects: 0,
            reuse: false,
            path: path.into(),
            host: None,
            expect_status: vec![(200, 299)],
            expect_body: None,
            body_limit: BODY_LIMIT_DEFAULT,
            load: None,
        }
    }
}

/// Where the answer to a probe says how loaded the endpoint is: as a part of its capacity (`0.85`), or
/// `85%`. What cannot be read there is no failure of the probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadFrom {
    /// `load_header = "x-load"`: a header field; lower case.
    Header(String),
    /// `load_json = "/load"`: what a JSON pointer (RFC 6901) finds in the body, which must not be longer
    /// than `body_limit`.
    Json(String),
}

/// TLS towards a probed endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsProbe {
    /// Server name for SNI and for the certificate. Default: `host`, or the address.
    pub sni: Option<String>,
    /// Trust anchors, PEM. Default: the machine's.
    pub ca: Option<At<PathBuf>>,
    /// Take any certificate. Default false.
    pub insecure: bool,
    /// `certificate_valid_for`: fails when the certificate ends sooner than that. Default: never, as long as
    /// it is valid.
    pub valid_for: Option<Duration>,
}

/// A call of `grpc.health.v1.Health/Check`.
#[derive(Clone, Debug, PartialEq)]
pub struct GrpcProbe {
    pub way: Way,
    pub tls: Option<TlsProbe>,
    /// Empty: the server as a whole.
    pub service: String,
    /// The authority that is asked for. Default: the endpoint's address.
    pub host: Option<String>,
}

/// A DNS query and what must be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsProbe {
    pub source: Source,
    /// Absolute.
    pub name: Name,
    pub rtype: u16,
    /// Default NOERROR.
    pub rcode: u16,
    /// The data of a record of that type, as text, which must be among the answers. Default: any, or none.
    pub answer: Option<String>,
    /// `over = "tcp"`. Default: UDP.
    pub over_tcp: bool,
}

/// A datagram, and what must be in the one that comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpProbe {
    pub source: Source,
    pub send: Vec<u8>,
    /// Default: anything.
    pub expect: Vec<u8>,
}

/// A program that is run without a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandProbe {
    /// Absolute.
    pub program: PathBuf,
    /// `{address}` and `{port}` in them stand for those of the target.
    pub arguments: Vec<String>,
}

/// What other monitoring writes: a file with lines `ADDRESS up|down reason`, or a folder with a file per address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProbe {
    /// Absolute.
    pub path: PathBuf,
    /// What was not written for longer than that is a failure. Default: never.
    pub max_age: Option<Duration>,
}
