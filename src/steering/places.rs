//! Where do the policy's maps put the client, and what is the scope?

use super::{Recorder, Step};
use crate::locate::{Client, Located, LocatedBy, locate};
use crate::model::MapId;
use crate::model::POLICY_MAPS_MAX;
use crate::state::Root;
use crate::state::map::CLASS_DEFAULT;

/// The client's place on every map that a policy can read, each looked up once.
pub(super) struct Places<'a> {
    root: &'a Root,
    client: &'a Client,
    maps: &'a [MapId],
    located: [Located; POLICY_MAPS_MAX],
    scope: u8,
}

impl<'a> Places<'a> {
    /// All of `maps` are read, whether or not the choice will come to them: a scope that depended
    /// on the choice would depend on health, and caches would hold overlapping scopes after a
    /// failover (RFC 7871, 7.2.1).
    pub fn find<R: Recorder>(
        root: &'a Root,
        maps: &'a [MapId],
        client: &'a Client,
        recorder: &mut R,
    ) -> Self {
        let nowhere = Located {
            class: CLASS_DEFAULT,
            scope: 0,
            by: LocatedBy::Default,
        };
        let mut places = Places {
            root,
            client,
            maps,
            located: [nowhere; POLICY_MAPS_MAX],
            scope: 0,
        };
        for (index, &map) in maps.iter().enumerate() {
            let located = locate(root.map(map), client);
            recorder.record(|| Step::Located { map, located });
            places.scope = places.scope.max(located.scope);
            if let Some(place) = places.located.get_mut(index) {
                *place = located;
            }
        }
        if client.subnet.is_some() {
            recorder.record(|| Step::Scope { bits: places.scope });
        }
        places
    }

    /// The longest over all maps.
    pub fn scope(&self) -> u8 {
        self.scope
    }

    /// What `map` says of the client.
    pub fn class(&self, map: MapId) -> u16 {
        let mut known = self.maps.iter().zip(&self.located);
        match known.find(|&(&other, _)| other == map) {
            Some((_, located)) => located.class,
            None => locate(self.root.map(map), self.client).class,
        }
    }
}
