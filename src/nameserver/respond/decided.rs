//! What did steering choose for names beside the one that was asked for?

use super::Responder;
use crate::dns::compose::{Composer, Section};
use crate::dns::rtype;
use crate::model::{EndpointId, Family};
use crate::random::Random;
use crate::state::zone::{BalancedName, Found, NodeId};
use crate::steering::{Decision, Outcome, Recorder, Step};

/// Balanced names of one answer whose addresses are chosen beside what was asked for; those past it get
/// none. So an answer costs no more than so many decisions of each family.
const NAMES_MAX: usize = 8;

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// The decisions of one answer: one for each name and family, wherever in the answer it is needed.
#[derive(Default)]
pub(super) struct Decided {
    names: [Option<Both>; NAMES_MAX],
}

/// The decisions for one balanced name.
#[derive(Clone, Copy)]
pub(super) struct Both {
    node: NodeId,
    by_family: [Decision; 2],
    /// The longer of the two.
    pub scope: u8,
}

impl Both {
    fn of(&self, family: Family) -> &Decision {
        &self.by_family[family as usize]
    }

    /// The endpoints of a family that have addresses: none where another name is answered.
    pub fn addresses(&self, family: Family) -> &[EndpointId] {
        let decision = self.of(family);
        match decision.is_name {
            false => decision.endpoints(),
            true => &[],
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Decision> {
        self.by_family.iter()
    }
}

impl<R: Recorder> Responder<'_, R> {
    /// The decisions for a name, made when they are first needed; none where the name is not balanced, or
    /// one too many.
    pub(super) fn decided(&mut self, decided: &mut Decided, node: NodeId) -> Option<Both> {
        let balanced = *self.entry.zone.balanced(node)?;
        let is_its = |known: &Option<Both>| known.is_none_or(|known| known.node == node);
        let place = decided.names.iter_mut().find(|known| is_its(known))?;
        Some(*place.get_or_insert_with(|| self.decide_both(node, balanced)))
    }

    /// Both families with the same dice, so that both come from one pool wherever chance or the client
    /// decides and the pool has both up.
    #[inline(never)]
    fn decide_both(&mut self, node: NodeId, balanced: BalancedName) -> Both {
        let seed = self.worker.random.next_u64();
        let mut longest = 0;
        let by_family = FAMILIES.map(|family| {
            let zone = &self.entry.zone;
            self.recorder.record(|| Step::Addresses {
                name: zone.name(node).map(|n| n.to_string()).unwrap_or_default(),
                family,
            });
            let after = std::mem::replace(&mut self.worker.random, Random::from_seed(seed));
            let (decision, scope) = self.decide(balanced, family);
            self.worker.random = after;
            longest = longest.max(scope);
            decision
        });
        Both {
            node,
            by_family,
            scope: longest,
        }
    }

    /// The addresses that a balanced name has for this client to the additional section, as far as they
    /// are up; false when not all of them fit. That section has no scope, so that nobody's client subnet
    /// may show in it (RFC 7871, 7.4); a query without one is answered for its resolver.
    pub(super) fn append_steered(
        &mut self,
        composer: &mut Composer<'_>,
        node: NodeId,
        owner: u16,
        decided: &mut Decided,
    ) -> bool {
        if self.subnet.is_some() {
            return true;
        }
        let Some(both) = self.decided(decided, node) else {
            return true;
        };
        let mut fit = true;
        for family in FAMILIES {
            let decision = both.of(family);
            let is_up = decision.outcome == Outcome::Answer && !decision.is_name;
            if is_up && !self.is_answered(node, family) {
                fit &=
                    self.append_addresses(composer, Section::Additional, owner, family, decision);
            }
        }
        fit
    }

    /// Whether the answer is about just these addresses.
    fn is_answered(&self, node: NodeId, family: Family) -> bool {
        let rtype = match family {
            Family::V4 => rtype::A,
            Family::V6 => rtype::AAAA,
        };
        let found = || self.entry.zone.find(&self.worker.name, self.apex);
        self.qtype == rtype && found() == Found::Node(node)
    }
}
