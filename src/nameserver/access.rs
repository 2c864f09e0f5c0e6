//! Who may ask.

use std::net::IpAddr;
use std::sync::Arc;

use crate::dns::compose::ExtendedError;
use crate::state::Root;
use crate::state::zone::ZoneEntry;

/// What a client that may not ask is told beside REFUSED (RFC 8914, 4.19).
pub static NOT_ALLOWED: ExtendedError = ExtendedError {
    code: 18,
    text: "queries from this address are not allowed",
};

/// What an access list says of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    pub is_allowed: bool,
    /// It is the server's list that counted, not one of the zone's own.
    pub by_server: bool,
}

/// Whether `peer` may ask about `zone` (about anything else, without one). It is the address that
/// counts which a query comes from: anybody can write a client subnet.
#[inline]
pub fn is_allowed(root: &Root, zone: Option<&ZoneEntry>, peer: IpAddr) -> bool {
    let list = match zone {
        Some(entry) => &entry.allow_query,
        None => &root.service.traffic.allow_query,
    };
    list.as_ref().is_none_or(|list| list.contains(peer))
}

/// [`is_allowed`] with its reason; `None` where there is no list.
pub fn listed(root: &Root, zone: Option<&ZoneEntry>, peer: IpAddr) -> Option<Listed> {
    let servers = root.service.traffic.allow_query.as_ref();
    let list = match zone {
        Some(entry) => entry.allow_query.as_ref(),
        None => servers,
    }?;
    Some(Listed {
        is_allowed: is_allowed(root, zone, peer),
        by_server: servers.is_some_and(|servers| Arc::ptr_eq(servers, list)),
    })
}
