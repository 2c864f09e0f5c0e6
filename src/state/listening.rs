//! What the forwarder holds its clients to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use ipnet::IpNet;

use super::forwarding::{Access, Entrance};

/// One address that is listened on, as it is configured. It says the same across reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spot {
    pub address: SocketAddr,
    /// There may be several with port 0.
    pub nth: u16,
}

/// One listener.
#[derive(Debug)]
pub struct Listener {
    pub name: Box<str>,
    /// As they are configured: port 0 stands for whichever was taken.
    pub addresses: Box<[SocketAddr]>,
    pub http: Http,
    pub entrance: Arc<Entrance>,
    /// Whose connections are taken. `None`: everybody's.
    pub access: Option<Access>,
}

/// How HTTP is spoken with those who come to a listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Octets of a request's head.
    pub head_max: u32,
    /// Header fields of a request.
    pub headers_max: u16,
    /// Octets of a request's target.
    pub target_max: u32,
    /// Octets of a request's body. `None`: any.
    pub body_max: Option<u64>,
    /// From the first octet of a head to its last, and of a connection to what it speaks.
    pub head_timeout: Duration,
    /// Between two parts of a request's body.
    pub body_timeout: Duration,
    /// How long a client may take nothing of what there is for it.
    pub write_timeout: Duration,
    /// Between a response and the next request.
    pub keep_alive: Duration,
    /// How long nothing may be said either way over a connection that another protocol was agreed on for.
    pub upgrade_timeout: Duration,
    /// Requests of a connection.
    pub requests_max: u64,
    /// Requests of an HTTP/2 connection at a time.
    pub streams_max: u32,
    /// Whose word on clients is believed.
    pub trusted: Box<[IpNet]>,
    /// What messages are told to have come by (RFC 9110, 7.6.3).
    pub via: Box<str>,
    /// How that is said of messages of HTTP/1.0, HTTP/1.1 and HTTP/2.
    pub via_values: [HeaderValue; 3],
}

impl Http {
    /// Whether what `address` says of clients is believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        !self.trusted.is_empty() && {
            let address = address.to_canonical();
            self.trusted.iter().any(|net| net.contains(&address))
        }
    }
}
