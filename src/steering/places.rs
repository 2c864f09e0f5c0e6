//! Where do the policy's maps put the client, and what is the scope?

use super::{Recorder, Step};
use crate::locate::{Client, locate};
use crate::model::{MapId, POLICY_DEPTH_MAX, POLICY_MAPS_MAX, PolicyId};
use crate::state::Root;
use crate::state::map::CLASS_DEFAULT;
use crate::state::pools::Order;

/// The client's place on every map that a policy can read, each looked up once.
pub(super) struct Places<'a> {
    root: &'a Root,
    client: &'a Client,
    maps: &'a [MapId],
    classes: [u16; POLICY_MAPS_MAX],
    scope: u8,
}

impl<'a> Places<'a> {
    /// Before anything is looked up.
    #[inline]
    pub fn new(root: &'a Root, maps: &'a [MapId], client: &'a Client) -> Self {
        Places {
            root,
            client,
            maps,
            classes: [CLASS_DEFAULT; POLICY_MAPS_MAX],
            scope: 0,
        }
    }

    /// All of the maps are read, whether or not the choice will come to them: a scope that depended
    /// on the choice would depend on health, and caches would hold overlapping scopes after a
    /// failover (RFC 7871, 7.2.1).
    #[inline]
    pub fn look_up<R: Recorder>(&mut self, recorder: &mut R) {
        for (index, &map) in self.maps.iter().enumerate() {
            let located = locate(self.root.map(map), self.client);
            recorder.record(|| Step::Located { map, located });
            self.scope = located.scope.max(self.scope);
            if let Some(class) = self.classes.get_mut(index) {
                *class = located.class;
            }
        }
    }

    /// The longest over all maps.
    #[inline]
    pub fn scope(&self) -> u8 {
        self.scope
    }

    /// What `map` says of the client.
    #[inline]
    pub fn class(&self, map: MapId) -> u16 {
        let mut known = self.maps.iter().zip(&self.classes);
        match known.find(|&(&other, _)| other == map) {
            Some((_, &class)) => class,
            None => locate(self.root.map(map), self.client).class,
        }
    }

    /// The policy that stands for `policy`, for this client: itself, where no rules do.
    #[inline]
    pub fn ruled<R: Recorder>(&self, policy: PolicyId, recorder: &mut R) -> PolicyId {
        let mut id = policy;
        for _ in 0..POLICY_DEPTH_MAX {
            let Order::Ruled { map, by_class } = &self.root.pools.policies[id.index()].order else {
                break;
            };
            let class = usize::from(self.class(*map));
            let Some(&by) = by_class.get(class) else {
                break;
            };
            recorder.record(|| Step::Ruled { policy: id, by });
            id = by;
        }
        id
    }
}
