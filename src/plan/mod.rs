//! What share of clients moves from which region to which, between two roots: two configurations, two
//! databases, or two states of health.
//!
//! ```text
//! clients -> kinds (every map says the same of them) -> where steering sends each kind, before and after -> moves
//! ```
//!
//! Every address is counted, as if it asked for itself. Address space is walked once, along the runs of
//! all maps and the ranges of the world side by side, so that the work is linear in their number. What becomes
//! of a kind of clients is asked of [`steering`](crate::steering) itself. Where a policy draws, many clients of the
//! kind ask, with equal dice before and after, and their shares count: these are the only figures that
//! are estimates. Where it goes by the client (by a hash of its network), each of them counts by itself; where it
//! goes by the die, nobody has a place of his own, and as few count as moved as the shares allow.
//!
//! | file | question |
//! |---|---|
//! | `space` | which addresses are there? |
//! | `asked` | which clients are in a recording? |
//! | `population` | which kinds of clients are there, how many of each, and where? |
//! | `places` | in which country, and on which degree of the globe? |
//! | `destination` | where does steering send a client? |
//! | `moves` | so how many move, from where to where? |

mod asked;
mod destination;
mod moves;
mod places;
mod population;
mod space;

use std::net::IpAddr;
use std::sync::Arc;

use crate::dns::QueryName;
use crate::geoip::World;
use crate::locate::Client;
use crate::model::{Family, PolicyId};
use crate::prefix_table::{PrefixTable, mean_scope_v4, mean_scope_v6};
use crate::state::zone::Found;
use crate::state::{Map, Root};

pub use asked::Asked;
pub use destination::Destination;
pub use moves::{Account, Moves};
pub use places::{Cell, Places};
pub use population::Population;

/// One of the two states that are compared.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub root: &'a Root,
    pub world: &'a World,
    /// Names of own networks, by [`NetworkId`](crate::model::NetworkId).
    pub networks: &'a [&'a str],
}

impl<'a> Side<'a> {
    /// Whether both policies read the same maps.
    pub fn reads_alike(&self, policy: PolicyId, other: &Side<'_>, others: PolicyId) -> bool {
        let (ours, theirs) = (self.maps(policy), other.maps(others));
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    fn maps(&self, policy: PolicyId) -> Vec<&'a Arc<Map>> {
        let root = self.root;
        let maps = root.pools.policies[policy.index()].maps.iter();
        maps.map(|id| &root.maps[id.index()]).collect()
    }

    /// The mean ECS scope of answers to clients of `family`, in bits. `None`: the policy reads no map, or none
    /// that places such clients.
    pub fn mean_scope(&self, policy: PolicyId, family: Family) -> Option<f64> {
        let maps = self.maps(policy);
        let tables: Vec<&PrefixTable> = maps.iter().map(|map| &map.table).collect();
        match family {
            Family::V4 => mean_scope_v4(&tables),
            Family::V6 => mean_scope_v6(&tables),
        }
    }
}

/// Before and after.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    pub before: Side<'a>,
    pub after: Side<'a>,
}

/// A balanced name's policy before and after; the ids are those of the sides' roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Policies {
    pub before: PolicyId,
    pub after: PolicyId,
}

/// Who asks, for what. The client differs between before and after only where a zone begins or ceases to
/// heed client subnets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asker {
    /// Of the addresses that are asked for.
    pub family: Family,
    pub before: Client,
    pub after: Client,
}

/// The policy that answers for `name`, straight or by a wildcard, and whether its zone steers by client subnet.
/// `None`: no balanced name of `root`'s.
pub fn policy_of(root: &Root, name: &QueryName, qtype: u16) -> Option<(PolicyId, bool)> {
    let (entry, apex) = root.zones.find(name, qtype)?;
    let Found::Node(node) = entry.zone.find(name, apex) else {
        return None;
    };
    let balanced = entry.zone.balanced(node)?;
    let policy = *entry.policies.get(usize::from(balanced.policy))?;
    Some((policy, entry.zone.client_subnet))
}

/// Where steering sends the client at `address` that asks for `family`; with a `seed` for the die.
pub fn destination_of(
    side: &Side<'_>,
    policy: PolicyId,
    family: Family,
    address: IpAddr,
    seed: u64,
) -> Destination {
    destination::drawn(side, policy, family, &client_at(address), seed, &mut ())
}

/// The client that asks for itself.
fn client_at(address: IpAddr) -> Client {
    Client {
        subnet: Some(crate::locate::Subnet {
            address,
            source: Family::of(&address).bits(),
        }),
        resolver: address,
    }
}
