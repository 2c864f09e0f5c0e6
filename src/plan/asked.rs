//! Which clients are in a recording?

use super::places::Places;
use super::population::{Clients, Portion};
use super::{Asker, Policies, Sides};
use crate::locate::{Client, locate};

/// A client of a recording, and how often it asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub asker: Asker,
    pub count: u64,
}

/// The clients of a recording that asked for names of the same policies.
pub(super) struct Askers<'a> {
    pub sides: Sides<'a>,
    pub places: &'a Places,
    pub policies: Policies,
    pub asked: &'a [Asked],
}

impl Askers<'_> {
    /// What the maps say, and which family is asked for.
    fn classes(&self, asker: &Asker, to: &mut Vec<u16>) {
        to.clear();
        let Sides { before, after } = &self.sides;
        for (side, policy, client) in [
            (before, self.policies.before, &asker.before),
            (after, self.policies.after, &asker.after),
        ] {
            let policy = &side.root.pools.policies[policy.index()];
            let maps = policy.maps.iter().map(|id| side.root.map(*id));
            to.extend(maps.map(|map| locate(map, client).class));
        }
        to.push(asker.family as u16);
    }

    fn place(&self, client: &Client) -> u32 {
        self.places.of_client(&self.sides, client)
    }
}

impl Clients for Askers<'_> {
    fn walk(&self, each: &mut dyn FnMut(&Portion<'_>)) {
        let mut classes = Vec::new();
        for (index, asked) in self.asked.iter().enumerate() {
            self.classes(&asked.asker, &mut classes);
            each(&Portion {
                classes: &classes,
                place: self.place(&asked.asker.after),
                weight: asked.count.into(),
                code: index as u128,
                is_spread: false,
            });
        }
    }

    /// The code is the index.
    fn asker(&self, code: u128) -> Asker {
        self.asked[code as usize].asker
    }
}
