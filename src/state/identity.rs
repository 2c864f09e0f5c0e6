//! What the server says of itself, and the secrets by which it knows its clients again.

use crate::dns::cookie::Secrets;

/// A part of [`super::Service`]. The default says nothing and knows nobody.
#[derive(Debug, Default)]
pub struct Identity {
    /// Told to those who ask (RFC 5001); 1..=[`NSID_LEN_MAX`](crate::dns::edns::NSID_LEN_MAX) octets.
    pub nsid: Option<Box<[u8]>>,
    pub chaos: Chaos,
    pub cookies: Option<Cookies>,
}

/// The texts of the CHAOS class (RFC 4892), 1..=255 octets each; what is absent is refused.
#[derive(Debug, Default)]
pub struct Chaos {
    /// version.bind, version.server
    pub version: Option<Box<[u8]>>,
    /// hostname.bind
    pub hostname: Option<Box<[u8]>>,
    /// id.server
    pub id: Option<Box<[u8]>>,
}

/// DNS cookies are used (RFC 7873).
#[derive(Debug)]
pub struct Cookies {
    pub secrets: Secrets,
    /// A client that sends a cookie over UDP gets an answer only with a valid server cookie.
    pub require: bool,
}
