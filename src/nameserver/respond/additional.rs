//! What comes along with what was asked for?

use super::Responder;
use crate::dns::compose::{Composer, Section};
use crate::dns::placed::POINTER;
use crate::dns::rtype;
use crate::state::zone::{NodeId, Rrset, Target};
use crate::steering::Recorder;

/// The highest place that a compression pointer can name (RFC 1035, 4.1.4: 14 bits).
const POINTER_MAX: usize = 0x3FFF;

impl<R: Recorder> Responder<'_, R> {
    /// An RRset that the answer is about, then the addresses of the names in its data. What a
    /// delegation cannot do without sets TC when it does not fit (RFC 9471, 3); the rest is left out.
    #[inline]
    pub(super) fn append_with_additional(
        &self,
        composer: &mut Composer<'_>,
        section: Section,
        rrset: &Rrset,
        owner: u16,
    ) {
        let start = composer.position();
        if !self.append(composer, section, rrset, owner) {
            composer.set_truncated();
            return;
        }
        let targets = self.entry.zone.targets(rrset);
        if !targets.is_empty() {
            self.append_targets(composer, start, targets);
        }
    }

    /// The needed ones first: they are not to lack room because of others.
    fn append_targets(&self, composer: &mut Composer<'_>, start: usize, targets: &[Target]) {
        for is_needed in [true, false] {
            for target in targets.iter().filter(|t| t.is_needed == is_needed) {
                let name_at = start + usize::from(target.position);
                // Past what a pointer can reach there is no name to point to; such answers are
                // far longer than any delegation's.
                if name_at <= POINTER_MAX
                    && !self.append_target(composer, target, pointer_to(composer, name_at))
                    && is_needed
                {
                    composer.set_truncated();
                }
            }
        }
    }

    /// False when not all of it fits.
    fn append_target(&self, composer: &mut Composer<'_>, target: &Target, owner: u16) -> bool {
        let zone = &self.entry.zone;
        [target.also, rtype::A, rtype::AAAA]
            .into_iter()
            .filter_map(|rtype| zone.rrset(NodeId(target.node), rtype))
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
