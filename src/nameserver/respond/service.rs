//! Which hints has a service that a balanced name offers?
//!
//! Those of the decision for that name and this client: an SVCB or HTTPS record says what A and AAAA records
//! of its target would (RFC 9460, 7.3).

use std::net::IpAddr;

use super::additional::Placed;
use super::decided::{Both, Decided};
use super::steer::ALL_DOWN_ANSWERED;
use super::{Reply, Responder};
use crate::dns::compose::{Composer, RECORD_FIXED, Section};
use crate::dns::service_params::{PARAM_FIXED, key, split_at_key};
use crate::dns::{Rcode, name};
use crate::model::{ANSWERS_MAX, Family};
use crate::state::zone::{NodeId, Rrset, Turn, Zone};
use crate::steering::{Outcome, Recorder};

/// An RRset's records as they stand in the zone, and which of them comes first.
#[derive(Clone, Copy)]
pub(super) struct Turned<'a> {
    records: &'a [u8],
    first: usize,
}

impl<'a> Turned<'a> {
    /// The records in their order, and where each stands in the zone.
    fn iter(self) -> impl Iterator<Item = (usize, &'a [u8])> {
        let Turned { records, first } = self;
        split(records).skip(first).chain(split(records).take(first))
    }

    /// Where in the message that stands which stands at `position` in the zone, up to the end of a name:
    /// hints come behind those. The RRset begins at `start`.
    pub fn place(self, message: &[u8], start: usize, position: usize) -> Option<usize> {
        let mut both = self.iter().zip(split(message.get(start..)?));
        both.find_map(|((at, record), (sent_at, _))| {
            let offset = position.checked_sub(at)?;
            (offset < record.len()).then_some(start + sent_at + offset)
        })
    }
}

/// Records one after another, their owners compressed, and where each stands.
fn split(octets: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = octets.get(at..)?;
        let len = rest.get(RECORD_FIXED - 2..)?.first_chunk()?;
        let record = rest.get(..RECORD_FIXED + usize::from(u16::from_be_bytes(*len)))?;
        let start = at;
        at += record.len();
        Some((start, record))
    })
}

/// What the decisions behind an RRset's hints mean to all of it.
struct Terms {
    ttl_max_s: u32,
    scope: u8,
    is_all_down: bool,
}

/// Where an RRset goes.
#[derive(Clone, Copy)]
struct To {
    section: Section,
    owner: u16,
    ttl_max_s: u32,
}

/// A service parameter with the addresses of one family.
struct Hint {
    octets: [u8; PARAM_FIXED + 16 * ANSWERS_MAX],
    len: usize,
}

impl Hint {
    fn new(key: u16) -> Self {
        let mut octets = [0; PARAM_FIXED + 16 * ANSWERS_MAX];
        octets[..2].copy_from_slice(&key.to_be_bytes());
        Hint {
            octets,
            len: PARAM_FIXED,
        }
    }

    fn push(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.push_octets(&address.octets()),
            IpAddr::V6(address) => self.push_octets(&address.octets()),
        }
    }

    fn push_octets(&mut self, octets: &[u8]) {
        if let Some(room) = self.octets.get_mut(self.len..self.len + octets.len()) {
            room.copy_from_slice(octets);
            self.len += octets.len();
            let len = (self.len - PARAM_FIXED) as u16;
            self.octets[2..PARAM_FIXED].copy_from_slice(&len.to_be_bytes());
        }
    }

    /// Nothing where there are no addresses: an empty hint would be malformed (RFC 9460, 7.3).
    fn as_slice(&self) -> &[u8] {
        match self.len {
            PARAM_FIXED => &[],
            len => &self.octets[..len],
        }
    }
}

impl<'a, R: Recorder> Responder<'a, R> {
    /// The RRset that was asked for with its hints, and what comes along with it.
    #[inline(never)]
    pub(super) fn append_services(
        &mut self,
        composer: &mut Composer<'_>,
        rrset: &'a Rrset,
    ) -> Reply {
        let zone: &'a Zone = &self.entry.zone;
        let turned = Turned {
            records: zone.records(rrset),
            first: match zone.is_rotated && rrset.count > 1 {
                true => self.worker.turn(rrset.count),
                false => 0,
            },
        };
        let answer = Placed {
            start: composer.position(),
            turn: Turn::NONE,
            hinted: Some(turned),
            targets: zone.targets(rrset),
        };
        let mut decided = Decided::default();
        let terms = self.terms(rrset, &mut decided);
        let to = To {
            section: Section::Answer,
            owner: self.name.at,
            ttl_max_s: terms.ttl_max_s,
        };
        if self.append_hinted(composer, to, rrset, turned, &mut decided) {
            self.append_along(composer, rrset, answer, &mut decided);
        } else {
            composer.set_truncated();
        }
        Reply {
            rcode: Rcode::NoError,
            scope: terms.scope,
            error: terms.is_all_down.then_some(&ALL_DOWN_ANSWERED),
        }
    }

    /// Such an RRset with its hints to the additional section; false when it does not fit.
    #[cold]
    pub(super) fn append_services_beside(
        &mut self,
        composer: &mut Composer<'_>,
        rrset: &'a Rrset,
        owner: u16,
        decided: &mut Decided,
    ) -> bool {
        let terms = self.terms(rrset, decided);
        let to = To {
            section: Section::Additional,
            owner,
            ttl_max_s: terms.ttl_max_s,
        };
        let turned = Turned {
            records: self.entry.zone.records(rrset),
            first: 0,
        };
        self.append_hinted(composer, to, rrset, turned, decided)
    }

    fn terms(&mut self, rrset: &Rrset, decided: &mut Decided) -> Terms {
        let mut terms = Terms {
            ttl_max_s: u32::MAX,
            scope: 0,
            is_all_down: false,
        };
        let zone = &self.entry.zone;
        for target in zone.targets(rrset).iter().filter(|t| t.is_hinted()) {
            let Some(both) = self.decided(decided, NodeId(target.node)) else {
                continue;
            };
            for decision in both.iter() {
                terms.scope = terms.scope.max(decision.scope);
                terms.ttl_max_s = terms.ttl_max_s.min(decision.ttl_s);
                terms.is_all_down |=
                    decision.outcome == Outcome::AnswerAllDown && !decision.is_name;
            }
        }
        terms
    }

    /// All records or none; false when they do not fit.
    fn append_hinted(
        &mut self,
        composer: &mut Composer<'_>,
        to: To,
        rrset: &Rrset,
        turned: Turned<'_>,
        decided: &mut Decided,
    ) -> bool {
        let zone = &self.entry.zone;
        let all = || zone.targets(rrset).iter().filter(|t| t.is_hinted());
        let mut hinted = all().peekable();
        let mark = composer.mark();
        for (at, record) in turned.iter() {
            if at == 0 {
                hinted = all().peekable();
            }
            // Both go up.
            while hinted.next_if(|t| usize::from(t.hinted) < at).is_some() {}
            let target = hinted.next_if(|t| usize::from(t.hinted) == at);
            let both = target.and_then(|t| self.decided(decided, NodeId(t.node)));
            let [v4, v6] = [(key::IPV4HINT, Family::V4), (key::IPV6HINT, Family::V6)]
                .map(|(key, family)| self.hint(key, family, both.as_ref()));
            if append_service(composer, to, record, v4.as_slice(), v6.as_slice()).is_none() {
                composer.rewind(mark);
                return false;
            }
        }
        true
    }

    fn hint(&self, key: u16, family: Family, both: Option<&Both>) -> Hint {
        let mut hint = Hint::new(key);
        for &endpoint in both.map_or(&[][..], |both| both.addresses(family)) {
            hint.push(self.root.pools.addresses.get(family, endpoint));
        }
        hint
    }
}

/// A record with hints where the keys' order wants them (RFC 9460, 2.2); `None` when it does not fit.
fn append_service(
    composer: &mut Composer<'_>,
    to: To,
    record: &[u8],
    v4: &[u8],
    v6: &[u8],
) -> Option<()> {
    let priority_end = RECORD_FIXED + 2;
    let target_len = record.get(priority_end..).and_then(name::len);
    let params_at = target_len.map_or(record.len(), |len| priority_end + len);
    let (head, params) = record.split_at_checked(params_at)?;
    let (below, rest) = split_at_key(params, key::IPV4HINT);
    let (between, above) = split_at_key(rest, key::IPV6HINT);
    let data_len = record.len() - RECORD_FIXED + v4.len() + v6.len();
    let head = composer.append(to.section, head, 1)?.copied;
    head[..2].copy_from_slice(&to.owner.to_be_bytes());
    if let Some(ttl) = head[6..].first_chunk_mut() {
        *ttl = u32::from_be_bytes(*ttl).min(to.ttl_max_s).to_be_bytes();
    }
    head[10..RECORD_FIXED].copy_from_slice(&u16::try_from(data_len).ok()?.to_be_bytes());
    for part in [below, v4, between, v6, above] {
        composer.append(to.section, part, 0)?;
    }
    Some(())
}
