//! Which endpoints of a pool does a client's hash prefer, whatever is up?

use crate::hashing::Item;
use crate::hashing::rendezvous::Lists;
use crate::hashing::ring::Ring;
use crate::model::{Balance, EndpointId};

/// Endpoints of one pool and family that have a weight. It does not depend on health: who looks skips those that
/// are down, and so only their clients move.
#[derive(Debug)]
pub struct Preference {
    endpoints: Box<[EndpointId]>,
    order: Order,
}

#[derive(Debug)]
enum Order {
    Ring(Ring),
    Lists(Lists),
}

impl Preference {
    /// `None` where `balance` does not go by preference.
    pub fn new(balance: Balance, endpoints: &[(EndpointId, Item)]) -> Option<Self> {
        let items: Vec<Item> = endpoints.iter().map(|&(_, item)| item).collect();
        let order = match balance {
            Balance::ConsistentHash => Order::Ring(Ring::new(&items)),
            Balance::Rendezvous => Order::Lists(Lists::new(&items)),
            Balance::Weighted
            | Balance::Failover
            | Balance::RoundRobin
            | Balance::Random
            | Balance::Smooth
            | Balance::SourceHash
            | Balance::LeastConnections
            | Balance::WeightedLeastConnections
            | Balance::LeastTime => return None,
        };
        Some(Preference {
            endpoints: endpoints.iter().map(|&(id, _)| id).collect(),
            order,
        })
    }

    /// Hands over one after another, the most preferred first and some more than once, until `is_enough` or
    /// there are no more.
    #[inline]
    pub fn walk(&self, hash: u64, mut is_enough: impl FnMut(EndpointId) -> bool) {
        let mut is_enough = |index: u32| is_enough(self.endpoints[index as usize]);
        match &self.order {
            Order::Ring(ring) => ring.walk(hash).any(&mut is_enough),
            Order::Lists(lists) => lists.walk(hash).any(&mut is_enough),
        };
    }
}
