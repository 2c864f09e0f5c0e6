//! What connections to endpoints are made of besides TCP.

use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::proxy_protocol::Version;

/// Of the endpoints of a pool.
#[derive(Debug, Default)]
pub struct Way {
    /// Tells it from all others: connections that were made in one way are not used in another.
    pub number: u64,
    pub tls: Option<ClientTls>,
    /// Connections begin with a header that says whose they are.
    pub proxy_protocol: Option<Version>,
    /// What it follows from, files included, as a digest.
    pub digest: Box<[u8]>,
}

/// Sessions are kept in the settings, which all threads share.
pub struct ClientTls {
    /// For requests.
    pub http: Arc<ClientConfig>,
    /// For whatever comes over a connection: nothing is said of what is spoken.
    pub any: Arc<ClientConfig>,
    /// Whom certificates must be of; `None`: of the address.
    pub name: Option<ServerName<'static>>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_ref();
        f.debug_struct("ClientTls").field("name", &name).finish()
    }
}
