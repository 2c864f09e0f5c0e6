use std::sync::Arc;

use super::forwarding::Forwarding;
use super::{Health, Map, Pools, Service, Zones};
use crate::model::MapId;

/// Everything that answering one query reads. Immutable; made of parts, so that a change of one
/// zone, database or verdict rebuilds only its part.
#[derive(Debug)]
pub struct Root {
    /// Counts publications; larger is later.
    pub generation: u64,
    pub zones: Arc<Zones>,
    /// By [`MapId`].
    pub maps: Arc<[Arc<Map>]>,
    pub pools: Arc<Pools>,
    pub health: Arc<Health>,
    pub service: Arc<Service>,
    pub forwarding: Arc<Forwarding>,
}

impl Root {
    #[inline]
    pub fn map(&self, id: MapId) -> &Map {
        &self.maps[id.index()]
    }
}
