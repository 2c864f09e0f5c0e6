//! Zone -> name -> records, or what makes the name balanced.

use super::steered::SteeredWalk;
use super::{Abreast, Asked};
use crate::dns::octets::hash;
use crate::dns::{HEADER_LEN, QueryName};
use crate::state::Zones;
use crate::state::zone::{BalancedName, Node, Zone, ZoneEntry};

/// Suffixes of a name that are looked up as apexes: those that as many labels as an apex has, and there
/// are hardly ever more.
const APEXES_MAX: usize = 3;

/// Octets of records that are brought into the cache; the processor sees by itself that more follow.
const RECORDS_LEN: usize = 64;

/// One look-up, and how far it has come.
#[derive(Clone, Copy)]
pub(super) struct NameWalk<'a> {
    asked: Asked<'a>,
    /// Where the question section ends in the message.
    question_end: usize,
    /// Of each suffix that may be an apex, the longest first: its hash, and that of the labels below it.
    apexes: [(u64, u64); APEXES_MAX],
    apex_count: u8,
    entry: Option<&'a ZoneEntry>,
    /// Of the labels below the apex.
    hash: u64,
    node: Option<&'a Node>,
}

impl<'a> NameWalk<'a> {
    #[inline]
    pub fn new(zones: &Zones, asked: Asked<'a>, name: &mut QueryName) -> Option<Self> {
        let name_len = name.read(asked.message.get(HEADER_LEN..)?)?;
        let mut walk = NameWalk {
            asked,
            question_end: HEADER_LEN + name_len + 4,
            apexes: [(0, 0); APEXES_MAX],
            apex_count: 0,
            entry: None,
            hash: 0,
            node: None,
        };
        let suffixes = zones.apex_suffixes(name);
        for (place, suffix) in walk.apexes.iter_mut().zip(suffixes) {
            *place = (hash(name.suffix(suffix)), hash(name.between(0, suffix)));
            walk.apex_count += 1;
        }
        (walk.apex_count > 0).then_some(walk)
    }

    #[inline]
    fn apexes(&self) -> &[(u64, u64)] {
        &self.apexes[..usize::from(self.apex_count)]
    }

    fn zone(&self) -> Option<&'a Zone> {
        self.entry.map(|entry| &*entry.zone)
    }

    #[inline]
    pub fn is_steered(&self) -> bool {
        self.balanced().is_some()
    }

    /// What goes on from here if the name is balanced.
    #[inline]
    pub fn steered(&self) -> Option<SteeredWalk<'a>> {
        let balanced = self.balanced()?;
        SteeredWalk::new(self.asked, self.question_end, self.entry?, balanced)
    }

    fn balanced(&self) -> Option<&'a BalancedName> {
        self.zone()?.balanced.get(self.node?.balanced as usize)
    }
}

/// Lets all go to their ends.
pub(super) fn walk<'a, const N: usize>(walks: &mut Abreast<NameWalk<'a>, N>, zones: &'a Zones) {
    walks.step(|walk| {
        let slots = walk.apexes().iter();
        slots.fold(0, |seen, apex| {
            seen ^ u64::from(zones.table.first_slot(apex.0))
        })
    });
    walks.step(|walk| {
        let found = walk.apexes().iter().find_map(|&(apex, below)| {
            let index = zones.table.candidates(apex).next()?;
            Some((zones.entries.get(index as usize)?, below))
        });
        let Some((entry, below)) = found else {
            return 0;
        };
        (walk.entry, walk.hash) = (Some(entry), below);
        entry.peek()
    });
    walks.step(|walk| walk.zone().map_or(0, Zone::peek));
    walks.step(|walk| {
        walk.zone().map_or(0, |zone| {
            let apex = zone.apex_lower.first().copied().unwrap_or_default();
            u64::from(zone.table.first_slot(walk.hash)) ^ u64::from(apex)
        })
    });
    walks.step(|walk| {
        let Some(zone) = walk.zone() else { return 0 };
        let index = zone.table.candidates(walk.hash).next();
        walk.node = index.and_then(|index| zone.nodes.get(index as usize));
        walk.node.map_or(0, |node| node.name_at.into())
    });
    walks.step(|walk| {
        let (Some(zone), Some(node)) = (walk.zone(), walk.node) else {
            return 0;
        };
        let name_at = node.name_at as usize;
        let records = usize::from(node.first.len).min(RECORDS_LEN);
        let ends = [name_at, name_at + usize::from(node.name_len) + records];
        let octets = ends.map(|at| zone.blob.get(at).copied().unwrap_or_default());
        let balanced = walk.balanced().map_or(0, |balanced| balanced.policy);
        u64::from(octets[0] ^ octets[1]) ^ u64::from(balanced)
    });
}

#[cfg(test)]
impl<'a> NameWalk<'a> {
    pub fn node(&self) -> Option<&'a Node> {
        self.node
    }
}
