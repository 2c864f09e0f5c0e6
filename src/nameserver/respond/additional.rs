//! What comes along with what was asked for?

use super::decided::Decided;
use super::service::Turned;
use super::{Reply, Responder};
use crate::dns::compose::{Composer, Section};
use crate::dns::placed::POINTER;
use crate::dns::{Rcode, rtype};
use crate::state::zone::{Compressed, NodeId, Rrset, Target, Turn, Zone};
use crate::steering::Recorder;

/// The highest place that a compression pointer can name (RFC 1035, 4.1.4: 14 bits).
const POINTER_MAX: usize = 0x3FFF;

/// An RRset in the message, and what comes along with it.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    /// Where it begins.
    pub start: usize,
    pub turn: Turn,
    /// How its records stand in the zone, if they got hints on their way into the message.
    pub hinted: Option<Turned<'a>>,
    pub targets: &'a [Target],
}

impl Placed<'_> {
    /// Where in the message that stands which stands at `position` of the RRset in the zone.
    fn place(&self, message: &[u8], position: usize) -> Option<usize> {
        match self.hinted {
            None => Some(self.start + self.turn.place(position)),
            Some(turned) => turned.place(message, self.start, position),
        }
    }
}

impl<'a, R: Recorder> Responder<'a, R> {
    /// The RRset that was asked for, and the addresses of the names in its data, where there is room.
    #[inline(always)]
    pub(super) fn append_answer(&mut self, composer: &mut Composer<'_>, rrset: &'a Rrset) -> Reply {
        let zone: &'a Zone = &self.entry.zone;
        let mut answer = Placed {
            start: composer.position(),
            turn: Turn::NONE,
            hinted: None,
            targets: zone.targets(rrset),
        };
        if !answer.targets.is_empty() && answer.targets.iter().any(Target::is_hinted) {
            return self.append_services(composer, rrset);
        }
        let fits = if zone.is_rotated && rrset.count > 1 {
            self.append_turned(composer, rrset, &mut answer.turn)
        } else {
            self.append(composer, Section::Answer, rrset, self.name.at)
        };
        if !fits {
            composer.set_truncated();
        } else if zone.is_full || !answer.targets.is_empty() {
            self.append_along(composer, rrset, answer, &mut Decided::default());
        }
        Reply::code(Rcode::NoError)
    }

    /// What comes along with the RRset that was asked for.
    pub(super) fn append_along(
        &mut self,
        composer: &mut Composer<'_>,
        rrset: &'a Rrset,
        answer: Placed<'a>,
        decided: &mut Decided,
    ) {
        // Who asks for anything gets little (RFC 8482, 4).
        if self.entry.zone.is_full && self.qtype != rtype::ANY {
            self.append_nameservers(composer, Some(rrset), Some(answer), decided);
        } else {
            self.append_targets(composer, answer, Some(rrset), decided, |_| true);
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
    pub(super) fn append_referral(
        &mut self,
        composer: &mut Composer<'_>,
        ns: &'a Rrset,
        owner: u16,
    ) {
        let start = composer.position();
        if !self.append(composer, Section::Authority, ns, owner) {
            composer.set_truncated();
            return;
        }
        let zone: &'a Zone = &self.entry.zone;
        let referral = Placed {
            start,
            turn: Turn::NONE,
            hinted: None,
            targets: zone.targets(ns),
        };
        let decided = &mut Decided::default();
        // The needed ones first: they are not to lack room because of others.
        if !self.append_targets(composer, referral, None, decided, |target| target.is_needed) {
            composer.set_truncated();
        }
        self.append_targets(composer, referral, None, decided, |target| {
            !target.is_needed
        });
    }

    /// The zone's nameservers beside an answer, if that is not what they are; then the addresses that
    /// belong to the answer, and theirs. `said` is what was asked for, if it is static; what is there
    /// already is not repeated (RFC 2181, 5).
    #[cold]
    pub(super) fn append_nameservers(
        &mut self,
        composer: &mut Composer<'_>,
        said: Option<&Rrset>,
        answer: Option<Placed<'a>>,
        decided: &mut Decided,
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
            self.append_targets(composer, answer, said, decided, |_| true);
        }
        let nameservers = Placed {
            start,
            turn: Turn::NONE,
            hinted: None,
            targets: ns.map_or(&[], |ns| zone.targets(ns)),
        };
        let known = answer.map_or(&[][..], |answer| answer.targets);
        self.append_targets(composer, nameservers, said, decided, |target| {
            known.iter().all(|other| other.node != target.node)
        });
    }

    /// The addresses of all targets that are `wanted`, but for the RRset `said`, which is there already;
    /// false when not all of them fit.
    fn append_targets(
        &mut self,
        composer: &mut Composer<'_>,
        placed: Placed<'_>,
        said: Option<&Rrset>,
        decided: &mut Decided,
        wanted: impl Fn(&Target) -> bool,
    ) -> bool {
        let mut fit = true;
        let added = placed.targets.iter().filter(|target| target.is_added);
        for target in added.filter(|target| wanted(target)) {
            let name_at = placed.place(composer.written(), target.position.into());
            // Past what a pointer can reach there is no name to point to; such answers are far longer
            // than any delegation's.
            if let Some(name_at) = name_at.filter(|&at| at <= POINTER_MAX) {
                let owner = pointer_to(composer, name_at);
                fit &= self.append_target(composer, target, said, owner, decided);
            }
        }
        fit
    }

    /// False when not all of it fits.
    fn append_target(
        &mut self,
        composer: &mut Composer<'_>,
        target: &Target,
        said: Option<&Rrset>,
        owner: u16,
        decided: &mut Decided,
    ) -> bool {
        let zone: &'a Zone = &self.entry.zone;
        let node = NodeId(target.node);
        [target.also, rtype::A, rtype::AAAA]
            .into_iter()
            .filter_map(|rtype| zone.rrset(node, rtype))
            .filter(|rrset| said != Some(*rrset))
            .all(|rrset| self.append_beside(composer, rrset, owner, decided))
            && (zone.balanced(node).is_none()
                || self.append_steered(composer, node, owner, decided))
    }

    /// An RRset to the additional section.
    #[inline]
    fn append_beside(
        &mut self,
        composer: &mut Composer<'_>,
        rrset: &'a Rrset,
        owner: u16,
        decided: &mut Decided,
    ) -> bool {
        // The section has no scope, so that nobody's client subnet may show in it (RFC 7871, 7.4): then
        // services have no hints.
        let targets = self.entry.zone.targets(rrset);
        if !targets.is_empty() && self.subnet.is_none() && targets.iter().any(Target::is_hinted) {
            return self.append_services_beside(composer, rrset, owner, decided);
        }
        self.append(composer, Section::Additional, rrset, owner)
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
