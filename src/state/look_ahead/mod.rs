//! Brings what a batch of queries will be answered from into the cache, all of it at once.
//!
//! Where there is much to answer from, a look-up is a chain of cache misses: a zone, its tables, the
//! name; for a balanced name its policy, the client's place on a map, the pool and its endpoints. The
//! queries of a batch do not depend on each other, so that their chains can be walked side by side,
//! one step of all at a time: the processor has the misses of a step under way together, and the
//! batch waits for one chain instead of many. Nothing is decided here; what is read is thrown away.
//!
//! | file | walks |
//! |---|---|
//! | `names` | zone -> name -> records, or what makes the name balanced |
//! | `steered` | policy -> map -> pool -> endpoints |

mod names;
mod steered;

use std::array;
use std::hint::black_box;
use std::net::IpAddr;

use self::names::NameWalk;
use self::steered::SteeredWalk;
use super::Root;
use crate::dns::QueryName;

/// Owner names of all zones past which what they are found by outgrows the second-level cache of most
/// processors, so that walking ahead costs less than it saves.
const NODES_MIN: usize = 16_384;

/// The same of pools and policies together.
const POOLS_MIN: usize = 2_048;

/// The same of the runs of one map. Only the first is asked, for all are of the same world.
const RUNS_MIN: usize = 65_536;

/// The look-ups of up to `N` queries.
pub struct LookAhead<'a, const N: usize> {
    root: &'a Root,
    names: Abreast<NameWalk<'a>, N>,
}

/// A query that somebody sent.
#[derive(Clone, Copy)]
struct Asked<'a> {
    message: &'a [u8],
    peer: IpAddr,
}

impl<'a, const N: usize> LookAhead<'a, N> {
    /// `None` where nearly everything is in the cache anyway.
    #[inline]
    pub fn new(root: &'a Root) -> Option<Self> {
        let is_large = root.zones.node_count() >= NODES_MIN
            || root.pools.pools.len() + root.pools.policies.len() >= POOLS_MIN
            || (root.maps.first()).is_some_and(|map| map.table.run_count() >= RUNS_MIN);
        is_large.then(|| LookAhead {
            root,
            names: Abreast::default(),
        })
    }

    /// Adds a query; `name` is scratch space. What is not to be found is left out, and so is what there is
    /// no room for.
    #[inline]
    pub fn add(&mut self, message: &'a [u8], peer: IpAddr, name: &mut QueryName) {
        if let Some(walk) = NameWalk::new(&self.root.zones, Asked { message, peer }, name) {
            self.names.push(walk);
        }
    }

    /// Walks all look-ups to their ends.
    pub fn walk(&mut self) {
        names::walk(&mut self.names, &self.root.zones);
        if self.names.iter().any(NameWalk::is_steered) {
            self.walk_steered(&mut Abreast::default());
        }
    }

    fn walk_steered(&self, steered: &mut Abreast<SteeredWalk<'a>, N>) {
        for walk in self.names.iter().filter_map(NameWalk::steered) {
            steered.push(walk);
        }
        steered::walk(steered, self.root);
    }
}

/// Up to `N` walks, side by side.
struct Abreast<W, const N: usize> {
    walks: [Option<W>; N],
    count: usize,
}

impl<W, const N: usize> Default for Abreast<W, N> {
    fn default() -> Self {
        Abreast {
            walks: array::from_fn(|_| None),
            count: 0,
        }
    }
}

impl<W, const N: usize> Abreast<W, N> {
    /// Leaves it out if there is no room.
    #[inline]
    fn push(&mut self, walk: W) {
        if let Some(place) = self.walks.get_mut(self.count) {
            *place = Some(walk);
            self.count += 1;
        }
    }

    #[inline]
    fn iter(&self) -> impl Iterator<Item = &W> {
        self.walks[..self.count].iter().flatten()
    }

    /// Has all compute where their next step leads, if that takes long: the processor sees only so many
    /// instructions ahead of a reading that it waits for, and with long steps would see few of them.
    #[inline(always)]
    fn prepare(&mut self, prepare: impl Fn(&mut W)) {
        let walks = self.walks[..self.count].iter_mut().flatten();
        walks.for_each(prepare);
    }

    /// Lets all take one step. A step reads what the one before has asked for, and returns something of what
    /// the next will read: as nobody waits for that, all of it is under way at once.
    #[inline(always)]
    fn step(&mut self, step: impl Fn(&mut W) -> u64) {
        let walks = self.walks[..self.count].iter_mut().flatten();
        black_box(walks.fold(0, |seen, walk| seen ^ step(walk)));
    }
}

#[cfg(test)]
mod tests;
