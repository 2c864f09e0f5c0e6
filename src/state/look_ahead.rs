//! Brings what a batch of queries will be answered from into the cache, all of it at once.
//!
//! In a zone of a million names a look-up is a chain of cache misses: slot, node, name and RRset. The
//! queries of a batch do not depend on each other, so that their chains can be walked side by side,
//! one step of all at a time: the processor has the misses of a step under way together, and the
//! batch waits for one chain instead of many. Nothing is decided here; what is read is thrown away.

use std::hint::black_box;

use super::zone::{NONE, Zone, Zones};
use crate::dns::octets::hash;
use crate::dns::{QueryName, rtype};

/// Owner names of all zones past which what they are found by outgrows the second-level cache of most
/// processors, so that walking ahead costs less than it saves.
const NODES_MIN: usize = 16_384;

/// The look-ups of up to `N` queries.
pub struct LookAhead<'r, const N: usize> {
    zones: &'r Zones,
    walks: [Option<Walk<'r>>; N],
    count: usize,
}

/// One look-up, and how far it has come.
#[derive(Clone, Copy)]
struct Walk<'r> {
    zone: &'r Zone,
    hash: u64,
    node: u32,
    name_at: u32,
}

impl<'r, const N: usize> LookAhead<'r, N> {
    /// `None` where nearly everything is in the cache anyway.
    #[inline]
    pub fn new(zones: &'r Zones) -> Option<Self> {
        (zones.node_count() >= NODES_MIN).then_some(LookAhead {
            zones,
            walks: [None; N],
            count: 0,
        })
    }

    /// Adds a query by its question section; `name` is scratch space. What is not to be found is left
    /// out, and so is what there is no room for.
    #[inline]
    pub fn add(&mut self, question: &[u8], name: &mut QueryName) {
        if name.read(question).is_none() {
            return;
        }
        let Some((entry, apex)) = self.zones.find(name, rtype::A) else {
            return;
        };
        if let Some(walk) = self.walks.get_mut(self.count) {
            *walk = Some(Walk {
                zone: &entry.zone,
                hash: hash(name.between(0, apex)),
                node: NONE,
                name_at: 0,
            });
            self.count += 1;
        }
    }

    /// Walks all look-ups to their ends. Each loop reads only where the one before it has led, so that no
    /// reading waits for another of the same loop.
    pub fn walk(&mut self) {
        let walks = &mut self.walks[..self.count];
        let slots = walks.iter().flatten();
        black_box(slots.fold(0, |seen, walk| seen ^ walk.zone.table.first_slot(walk.hash)));
        for walk in walks.iter_mut().flatten() {
            walk.node = walk.zone.table.candidates(walk.hash).next().unwrap_or(NONE);
        }
        for walk in walks.iter_mut().flatten() {
            if let Some(node) = walk.zone.nodes.get(walk.node as usize) {
                walk.name_at = node.name_at;
            }
        }
        let names = walks.iter().flatten();
        black_box(names.fold(0, |seen, walk| {
            let octet = walk.zone.blob.get(walk.name_at as usize);
            seen ^ octet.copied().unwrap_or_default()
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::dns::Name;
    use crate::nameserver::tests::root;
    use crate::state::Root;
    use crate::state::zone::{Found, NodeId};

    fn root_of(names: usize) -> Root {
        let mut zone =
            "$TTL 60\n@ SOA ns hostmaster 1 7200 1800 1209600 60\n@ NS ns.example.net.\n"
                .to_owned();
        for i in 0..names {
            writeln!(zone, "n{i} A 192.0.2.1").unwrap();
        }
        let config = "[zone.\"example.com\"]\nfile = \"zone\"\n";
        root(config, &[("zone", &zone)])
    }

    fn question(name: &str) -> Vec<u8> {
        let mut question = Name::parse(name).unwrap().as_wire().to_vec();
        question.extend([0, 1, 0, 1]);
        question
    }

    #[test]
    fn look_ups_end_where_the_answer_begins() {
        let root = root_of(NODES_MIN);
        let mut ahead = LookAhead::<3>::new(&root.zones).unwrap();
        let mut name = QueryName::default();
        // Malformed, and of no zone here.
        ahead.add(b"\xff", &mut name);
        ahead.add(&question("example.net"), &mut name);
        assert_eq!(ahead.count, 0);
        let asked = [
            "N7.example.com",
            "missing.example.com",
            "n12345.example.com",
        ];
        for asked in asked.iter().chain(&["there.is.no.room.example.com"]) {
            ahead.add(&question(asked), &mut name);
        }
        ahead.walk();
        for (asked, walk) in asked.iter().zip(ahead.walks) {
            let walk = walk.unwrap();
            name.read(&question(asked)).unwrap();
            let node = match walk.zone.find(&name, 1) {
                Found::Node(NodeId(node)) => node,
                _ => NONE,
            };
            assert_eq!(walk.node, node, "{asked}");
            if node != NONE {
                assert_eq!(walk.name_at, walk.zone.nodes[node as usize].name_at);
            }
        }
    }

    #[test]
    fn small_zones_are_not_worth_it() {
        assert!(LookAhead::<3>::new(&root_of(10).zones).is_none());
    }
}
