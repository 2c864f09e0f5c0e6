//! Policy -> map -> pool -> endpoints.

use std::net::IpAddr;

use super::{Abreast, Asked};
use crate::dns::edns::Edns;
use crate::dns::rtype;
use crate::model::{Balance, Family, PolicyId, PoolId};
use crate::prefix_table::{Ahead, RESERVED};
use crate::state::pools::{Member, Order, Policy};
use crate::state::usable::Usable;
use crate::state::zone::{BalancedName, ZoneEntry};
use crate::state::{Map, Root};

/// Pools that are walked to where any of several may be drawn.
const POOLS_MAX: usize = 4;

/// Endpoints of a pool that are brought into the cache: of more than that, hardly one would be answered.
const ENDPOINTS_MAX: usize = 8;

/// One decision to come, and how far it has come.
#[derive(Clone, Copy)]
pub(super) struct SteeredWalk<'a> {
    asked: Asked<'a>,
    question_end: usize,
    family: Family,
    entry: &'a ZoneEntry,
    balanced: &'a BalancedName,
    policy: Option<&'a Policy>,
    place: Option<Place<'a>>,
    pools: [Option<PoolId>; POOLS_MAX],
}

/// A client on its way to its place on a map.
#[derive(Clone, Copy)]
struct Place<'a> {
    map: &'a Map,
    address: IpAddr,
    /// How many of its bits are known.
    source: u8,
    ahead: Ahead<'a>,
}

impl<'a> SteeredWalk<'a> {
    /// `None` where other records than addresses are asked for.
    #[inline]
    pub fn new(
        asked: Asked<'a>,
        question_end: usize,
        entry: &'a ZoneEntry,
        balanced: &'a BalancedName,
    ) -> Option<Self> {
        let qtype = asked.message.get(question_end - 4..question_end - 2)?;
        let family = match u16::from_be_bytes([qtype[0], qtype[1]]) {
            rtype::A => Family::V4,
            rtype::AAAA => Family::V6,
            _ => return None,
        };
        Some(SteeredWalk {
            asked,
            question_end,
            family,
            entry,
            balanced,
            policy: None,
            place: None,
            pools: [None; POOLS_MAX],
        })
    }

    #[inline]
    fn policy_id(&self) -> Option<PolicyId> {
        let place = usize::from(self.balanced.policy);
        self.entry.policies.get(place).copied()
    }

    #[inline]
    fn ahead(&mut self) -> Option<&mut Ahead<'a>> {
        self.place.as_mut().map(|place| &mut place.ahead)
    }

    #[inline]
    fn is_wide(&self) -> bool {
        self.place.is_some_and(|place| place.ahead.is_wide())
    }

    /// Whom the answer is for: the client subnet where there is one and the zone steers by it, else whoever
    /// sent the query.
    #[inline]
    fn client(&self) -> (IpAddr, u8) {
        let Asked { message, peer } = self.asked;
        let mut edns = None;
        if self.entry.zone.client_subnet
            && self.question_end < message.len()
            && Edns::read(message, self.question_end, &mut edns)
            && let Some(subnet) = edns.and_then(|edns| edns.subnet)
            && subnet.source > 0
        {
            return (subnet.address, subnet.source);
        }
        (peer, Family::of(&peer).bits())
    }

    /// The pools that the policy may come to, if they are up. Where a nested policy has to choose they are
    /// left to the answer.
    #[inline]
    fn choose(&mut self) {
        let Some(policy) = self.policy else { return };
        let tier = match policy.order {
            Order::Listed => Some(0),
            Order::Nearest(_) => {
                let order = self.place.map_or(&[][..], |place| place.order());
                let mut slots = order.iter().map(|&slot| usize::from(slot));
                slots.find(|&slot| !policy.tiers.members(slot).is_empty())
            }
            Order::Ruled { .. } => None,
        };
        let members = tier.map_or(&[][..], |tier| policy.tiers.members(tier));
        let count = match policy.balance {
            Balance::Failover => 1,
            _ => POOLS_MAX,
        };
        self.take(members.iter().take(count).map(|&(member, _)| member));
    }

    #[inline]
    fn take(&mut self, members: impl IntoIterator<Item = Member>) {
        for (place, member) in self.pools.iter_mut().zip(members) {
            *place = match member {
                Member::Pool(pool) => Some(pool),
                Member::Policy(_) => None,
            };
        }
    }

    #[inline]
    fn pools(&self) -> impl Iterator<Item = PoolId> {
        self.pools.iter().copied().flatten()
    }

    #[inline]
    fn usable(&self, root: &'a Root) -> impl Iterator<Item = &'a Usable> {
        let family = self.family;
        self.pools()
            .map(move |pool| root.health.slot(pool).family(family))
    }
}

impl<'a> Place<'a> {
    /// The order in which the client's class prefers the map's regions.
    #[inline]
    fn order(&self) -> &'a [u8] {
        match self.map.table.lookup(self.address, self.source).class {
            // What holds instead is seldom needed, and then a look-up of its own.
            RESERVED => &[],
            class => self.map.order(class),
        }
    }
}

/// Lets all go to their ends.
pub(super) fn walk<'a, const N: usize>(walks: &mut Abreast<SteeredWalk<'a>, N>, root: &'a Root) {
    let pools = &*root.pools;
    walks.step(|walk| walk.policy_id().map_or(0, |id| id.0.into()));
    walks.step(|walk| {
        let id = walk.policy_id();
        walk.policy = id.and_then(|id| pools.policies.get(id.index()));
        walk.policy.map_or(0, Policy::peek)
    });
    walks.step(|walk| walk.policy.map_or(0, Policy::peek_members));
    walks.prepare(|walk| {
        let id = walk.policy.and_then(|policy| policy.maps.first());
        walk.place = id.map(|&id| {
            let map = root.map(id);
            let (address, source) = walk.client();
            Place {
                map,
                address,
                source,
                ahead: map.table.ahead(address, source),
            }
        });
    });
    if walks.iter().any(|walk| walk.place.is_some()) {
        to_places(walks);
    }
    walks.prepare(SteeredWalk::choose);
    walks.step(|walk| {
        let usable = walk.usable(root);
        usable.fold(0, |seen, usable| seen ^ u64::from(usable.is_empty()))
    });
    walks.step(|walk| {
        let usable = walk.usable(root);
        usable.fold(0, |seen, usable| seen ^ usable.peek())
    });
    walks.step(|walk| {
        let usable = walk.usable(root);
        usable.fold(0, |seen, usable| {
            seen ^ peek_endpoints(root, walk.family, usable)
        })
    });
}

/// Where clients are, on the map that their policy reads first: hardly one reads more.
fn to_places<const N: usize>(walks: &mut Abreast<SteeredWalk<'_>, N>) {
    walks.step(|walk| walk.ahead().map_or(0, |ahead| ahead.bucket()));
    walks.step(|walk| walk.ahead().map_or(0, Ahead::span));
    while walks.iter().any(SteeredWalk::is_wide) {
        walks.step(|walk| walk.ahead().map_or(0, Ahead::halve));
    }
    walks.prepare(|walk| {
        if let Some(ahead) = walk.ahead() {
            ahead.find();
        }
    });
    walks.step(|walk| walk.ahead().map_or(0, |ahead| ahead.run()));
    walks.step(|walk| walk.ahead().map_or(0, |ahead| ahead.result()));
}

/// Something of the addresses of `usable` and of what is known of their health: so few endpoints in a row
/// stand on one or two cache lines.
#[inline]
fn peek_endpoints(root: &Root, family: Family, usable: &Usable) -> u64 {
    let Some(last) = usable.len().min(ENDPOINTS_MAX).checked_sub(1) else {
        return 0;
    };
    [0, last].iter().fold(0, |seen, &index| {
        let id = usable.get(index);
        let address = root.pools.addresses.get(family, id).is_loopback();
        seen ^ u64::from(address) ^ u64::from(root.health.endpoint(id).flip_after_ms)
    })
}

#[cfg(test)]
impl SteeredWalk<'_> {
    pub fn first_pool(&self) -> Option<PoolId> {
        self.pools().next()
    }
}
