//! Client subnet -> class and scope.

use std::net::IpAddr;

use crate::state::Map;

/// Who asks: the network that the query speaks for, and who carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The EDNS Client Subnet, unless there was none or its SOURCE was 0 (a request for privacy).
    pub subnet: Option<Subnet>,
    /// The address that the query came from.
    pub resolver: IpAddr,
}

/// A client network as EDNS Client Subnet carries it: bits past `source` are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    pub address: IpAddr,
    /// SOURCE PREFIX-LENGTH: 1..=32 or 1..=128.
    pub source: u8,
}

/// Where a map puts a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    pub class: u16,
    /// The SCOPE PREFIX-LENGTH of what follows from this map, in bits of the subnet's family (0 when
    /// there is no subnet).
    pub scope: u8,
    pub by: LocatedBy,
}

/// What the location rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocatedBy {
    /// The client subnet.
    Subnet,
    /// The resolver's address: there was no subnet, or it was private or unroutable.
    Resolver,
    /// Neither is in any database or own network: the map's default order.
    Default,
}

/// Where `map` puts `client`.
pub fn locate(_map: &Map, _client: &Client) -> Located {
    Located {
        class: 0,
        scope: 0,
        by: LocatedBy::Default,
    }
}
