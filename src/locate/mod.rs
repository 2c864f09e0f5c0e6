//! Client subnet -> class and scope.

mod network;

use std::net::IpAddr;

pub use network::ClientNetwork;

use crate::model::Family;
use crate::prefix_table::RESERVED;
use crate::state::Map;
use crate::state::map::CLASS_DEFAULT;

/// Who asks: the network that the query speaks for, and who carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// The EDNS Client Subnet, unless there was none or its SOURCE was 0 (a request for privacy).
    pub subnet: Option<Subnet>,
    /// The address that the query came from.
    pub resolver: IpAddr,
}

/// A client network as EDNS Client Subnet carries it: bits past `source` are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Nothing: no source knows the subnet (or, in its place, the resolver), or what they know ranks
    /// regions as the map's default order does.
    Default,
}

/// Where `map` puts `client`.
///
/// A subnet in private or unroutable space is placed by the resolver's address, but keeps the scope
/// of the block that it lies in (RFC 7871, 10 and 11.3).
#[inline]
pub fn locate(map: &Map, client: &Client) -> Located {
    let Some(subnet) = client.subnet else {
        return by_resolver(map, client.resolver, 0);
    };
    let found = map.table.lookup(subnet.address, subnet.source);
    match found.class {
        RESERVED => by_resolver(map, client.resolver, found.scope),
        class => located(class, found.scope, LocatedBy::Subnet),
    }
}

/// By the whole of the resolver's address; an IPv4-mapped one reads the IPv4 runs.
fn by_resolver(map: &Map, resolver: IpAddr, scope: u8) -> Located {
    match map
        .table
        .lookup(resolver, Family::of(&resolver).bits())
        .class
    {
        RESERVED => located(CLASS_DEFAULT, scope, LocatedBy::Default),
        class => located(class, scope, LocatedBy::Resolver),
    }
}

fn located(class: u16, scope: u8, by: LocatedBy) -> Located {
    let by = match class {
        CLASS_DEFAULT => LocatedBy::Default,
        _ => by,
    };
    Located { class, scope, by }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefix_table::{Builder, ClassRange};

    /// 20.0.0.0/8 is class 1, 2a00::/16 class 2, the own network 10.5.0.0/16 class 3.
    fn map() -> Map {
        let mut builder = Builder::new(CLASS_DEFAULT);
        for (start, end, class) in [(0x0a05_0000, 0x0a05_ffff, 3), (0x1400_0000, 0x14ff_ffff, 1)] {
            builder.v4(ClassRange {
                start,
                end,
                class,
                own: class == 3,
            });
        }
        builder.v6(ClassRange {
            start: 0x2a00 << 112,
            end: (0x2a01 << 112) - 1,
            class: 2,
            own: false,
        });
        Map {
            table: builder.finish(),
            regions: Box::default(),
            orders: Box::default(),
        }
    }

    fn locate_from(subnet: Option<(&str, u8)>, resolver: &str) -> (u16, u8, LocatedBy) {
        let client = Client {
            subnet: subnet.map(|(address, source)| Subnet {
                address: address.parse().unwrap(),
                source,
            }),
            resolver: resolver.parse().unwrap(),
        };
        let located = locate(&map(), &client);
        (located.class, located.scope, located.by)
    }

    #[test]
    fn a_known_subnet_wins_over_the_resolver() {
        let located = locate_from(Some(("20.1.2.0", 24)), "2a00::1");
        assert_eq!(located, (1, 8, LocatedBy::Subnet));
        let located = locate_from(Some(("10.5.1.0", 24)), "2a00::1");
        assert_eq!(located, (3, 16, LocatedBy::Subnet));
    }

    #[test]
    fn without_a_subnet_the_resolver_counts_and_the_scope_is_0() {
        assert_eq!(locate_from(None, "20.1.2.3"), (1, 0, LocatedBy::Resolver));
        assert_eq!(
            locate_from(None, "::ffff:20.1.2.3"),
            (1, 0, LocatedBy::Resolver)
        );
    }

    #[test]
    fn a_private_subnet_is_placed_by_its_resolver_with_the_scope_of_the_private_block() {
        let located = locate_from(Some(("192.168.7.0", 24)), "2a00::1");
        assert_eq!(located, (2, 16, LocatedBy::Resolver));
        let located = locate_from(Some(("fd00::", 56)), "20.1.2.3");
        assert_eq!(located, (1, 7, LocatedBy::Resolver));
    }

    #[test]
    fn a_private_resolver_gets_the_default_order() {
        let located = locate_from(Some(("192.168.7.0", 24)), "127.0.0.1");
        assert_eq!(located, (CLASS_DEFAULT, 16, LocatedBy::Default));
        let located = locate_from(None, "::1");
        assert_eq!(located, (CLASS_DEFAULT, 0, LocatedBy::Default));
    }

    #[test]
    fn an_unknown_subnet_gets_the_default_order_whatever_the_resolver_is() {
        let located = locate_from(Some(("64.1.2.0", 24)), "20.1.2.3");
        assert_eq!(located, (CLASS_DEFAULT, 3, LocatedBy::Default));
    }
}
