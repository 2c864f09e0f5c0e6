//! What comes along with what was asked for?

use super::Responder;
use crate::dns::compose::{Composer, Section};
use crate::dns::placed::POINTER;
use crate::dns::rtype;
use crate::state::zone::{Compressed, NodeId, Rrset, Target, Turn, Zone};
use crate::steering::Recorder;

/// The highest place that a compression pointer can name (RFC 1035, 4.1.4: 14 bits).
const POINTER_MAX: usize = 0x3FFF;

/// An RRset in the message, and what comes along with it.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    /// Where it begins.
    start: usize,
    turn: Turn,
    targets: &'a [Target],
}

impl<'a, R: Recorder> Responder<'a, R> {
    /// The RRset that was asked for, and the addresses of the names in its data, where there is room.
    #[inline(always)]
    pub(super) fn append_answer(&mut self, composer: &mut Composer<'_>, rrset: &'a Rrset) {
        let zone: &'a Zone = &self.entry.zone;
        let mut answer = Placed {
            start: composer.position(),
            turn: Turn::NONE,
            targets: zone.targets(rrset),
        };
        let fits = if zone.is_rotated && rrset.count > 1 {
            self.append_turned(composer, rrset, &mut answer.turn)
        } else {
            self.append(composer, Section::Answer, rrset, self.name.at)
        };
        if !fits {
            composer.set_truncated();
            return;
        }
        // Who asks for anything gets little (RFC 8482, 4).
        if zone.is_full && self.qtype != rtype::ANY {
            self.append_nameservers(composer, Some(rrset), Some(answer));
        } else if !answer.targets.is_empty() {
            self.append_targets(composer, answer, Some(rrset), |_| true);
        }
    }

    /// The records of the answer, beginning at another one each time.
    #[cold]
    fn append_turned(
        &mut self,
        composer: &mut Composer<'_>,
        rrset: &Rrset,
        turn: &mut Turn,
    ) -> bool {
        let first = self.worker.turn(rrset.count);
        let (zone, name) = (&self.entry.zone, self.name);
        let appended = composer.append(Section::Answer, zone.records(rrset), rrset.count);
        let Some(mut appended) = appended else {
            return false;
        };
        *turn = zone.turn(rrset, appended.copied, first);
        zone.patch(rrset, &mut appended, name.at, name, *turn);
        true
    }

    /// The nameservers of a delegation, and their addresses. What the delegation cannot do without sets
    /// TC when it does not fit (RFC 9471, 3); the rest is left out.
    pub(super) fn append_referral(&self, composer: &mut Composer<'_>, ns: &'a Rrset, owner: u16) {
        let start = composer.position();
        if !self.append(composer, Section::Authority, ns, owner) {
            composer.set_truncated();
            return;
        }
        let zone: &'a Zone = &self.entry.zone;
        let referral = Placed {
            start,
            turn: Turn::NONE,
            targets: zone.targets(ns),
        };
        // The needed ones first: they are not to lack room because of others.
        if !self.append_targets(composer, referral, None, |target| target.is_needed) {
            composer.set_truncated();
        }
        self.append_targets(composer, referral, None, |target| !target.is_needed);
    }

    /// The zone's nameservers beside an answer, if that is not what they are; then the addresses that
    /// belong to the answer, and theirs. `said` is what was asked for, if it is static; what is there
    /// already is not repeated (RFC 2181, 5).
    #[cold]
    pub(super) fn append_nameservers(
        &self,
        composer: &mut Composer<'_>,
        said: Option<&Rrset>,
        answer: Option<Placed<'a>>,
    ) {
        let zone: &'a Zone = &self.entry.zone;
        let start = composer.position();
        let owner = self.name.suffix(composer.written(), zone.apex_len());
        // Past `OWN_MAX`, names in them could not point to each other.
        let ns = zone.nameservers().filter(|ns| {
            said != Some(*ns)
                && start <= Compressed::OWN_MAX
                && self.append(composer, Section::Authority, ns, owner)
        });
        if let Some(answer) = answer {
            self.append_targets(composer, answer, said, |_| true);
        }
        let nameservers = Placed {
            start,
            turn: Turn::NONE,
            targets: ns.map_or(&[], |ns| zone.targets(ns)),
        };
        let known = answer.map_or(&[][..], |answer| answer.targets);
        self.append_targets(composer, nameservers, said, |target| {
            known.iter().all(|other| other.node != target.node)
        });
    }

    /// The addresses of all targets that are `wanted`, but for the RRset `said`, which is there already;
    /// false when not all of them fit.
    fn append_targets(
        &self,
        composer: &mut Composer<'_>,
        placed: Placed<'_>,
        said: Option<&Rrset>,
        wanted: impl Fn(&Target) -> bool,
    ) -> bool {
        let mut fit = true;
        for target in placed.targets.iter().filter(|target| wanted(target)) {
            let name_at = placed.start + placed.turn.place(usize::from(target.position));
            // Past what a pointer can reach there is no name to point to; such answers are far longer
            // than any delegation's.
            if name_at <= POINTER_MAX {
                let owner = pointer_to(composer, name_at);
                fit &= self.append_target(composer, target, said, owner);
            }
        }
        fit
    }

    /// False when not all of it fits.
    fn append_target(
        &self,
        composer: &mut Composer<'_>,
        target: &Target,
        said: Option<&Rrset>,
        owner: u16,
    ) -> bool {
        let zone = &self.entry.zone;
        [target.also, rtype::A, rtype::AAAA]
            .into_iter()
            .filter_map(|rtype| zone.rrset(NodeId(target.node), rtype))
            .filter(|rrset| said != Some(*rrset))
            .all(|rrset| self.append(composer, Section::Additional, rrset, owner))
    }
}

/// A pointer to the name at `at`, or, where that is nothing but a pointer, the same.
fn pointer_to(composer: &Composer<'_>, at: usize) -> u16 {
    let written = composer.written();
    match u16::from_be_bytes([written[at], written[at + 1]]) {
        pointer if pointer >= POINTER => pointer,
        _ => POINTER | at as u16,
    }
}
