//! Whose addresses come along with an RRset, or into it as hints?
//!
//! Of names in the same zone only. Names that a wildcard covers count; what lies at or below a zone cut
//! comes along with NS records only: it is not ours to tell otherwise. Which addresses balanced names
//! have is chosen for each query; so are the hints of services that they offer (RFC 9460, 7.3).

use super::super::zonefile::ZoneRecord;
use super::Builder;
use super::rrsets::Draft;
use crate::dns::compose::RECORD_FIXED;
use crate::dns::{Name, name, rtype};
use crate::model::Responses;
use crate::state::zone::{NONE, Target};

/// What a record wants to come along.
struct Wanted<'r> {
    /// Where its target's name begins in the data.
    offset: usize,
    /// The name on the wire, without compression.
    name: &'r [u8],
    /// Records of that name besides addresses; 0 for none.
    also: u16,
}

impl<'r> Wanted<'r> {
    fn of(record: &ZoneRecord<'r>) -> Option<Self> {
        let data = record.rdata;
        let (offset, also) = match record.rtype {
            rtype::NS => (0, 0),
            rtype::MX => (2, 0),
            rtype::SRV => (6, 0),
            // Alias mode leads to records of the same type (RFC 9460, 2.4.2 and 4.1).
            rtype::SVCB | rtype::HTTPS => match data.starts_with(&[0, 0]) {
                true => (2, record.rtype),
                false => (2, 0),
            },
            rtype::NAPTR => naptr(data)?,
            _ => return None,
        };
        let rest = data.get(offset..)?;
        Some(Wanted {
            offset,
            name: rest.get(..name::len(rest)?)?,
            also,
        })
    }
}

/// Where the replacement begins, and what is found there: the flags "A" and "S" say addresses and SRV
/// (RFC 3404, 4.3); other flags end in something else than a name.
fn naptr(data: &[u8]) -> Option<(usize, u16)> {
    let flags = data.get(5..5 + usize::from(*data.get(4)?))?;
    let also = match flags {
        [b'a' | b'A'] => 0,
        [b's' | b'S'] => rtype::SRV,
        _ => return None,
    };
    // Order, preference, and three strings: flags, services, expression.
    let end = (0..3).try_fold(4, |at, _| Some(at + 1 + usize::from(*data.get(at)?)))?;
    Some((end, also))
}

impl Builder<'_> {
    /// Notes what comes along with `record`, whose data begin at `rdata_at` of its RRset: once, however
    /// many records of the RRset want it. Whether the record is to have hints that are chosen for each
    /// query, and so none of its own.
    pub(super) fn add_target(
        &mut self,
        record: &ZoneRecord<'_>,
        rdata_at: usize,
        draft: &mut Draft<'_>,
    ) -> bool {
        let is_ns = record.rtype == rtype::NS;
        let Some(wanted) = Wanted::of(record) else {
            return false;
        };
        let is_service = matches!(record.rtype, rtype::SVCB | rtype::HTTPS) && wanted.also == 0;
        let are_added = is_ns || self.settings.responses != Responses::Minimal;
        if !are_added && !is_service {
            return false;
        }
        // "." is the owner in service mode, and "none" in alias mode (RFC 9460, 2.5).
        let (name, position) = match wanted.name {
            [0] if is_service => (record.owner.clone(), 0),
            [0] => return false,
            wire => match Name::from_wire(wire) {
                Ok(name) => (name, rdata_at + wanted.offset),
                Err(_) => return false,
            },
        };
        // Glue says the way down, and nothing else.
        let glue = self.node_of(&name).filter(|_| is_ns);
        let Some(node) = glue.or_else(|| self.authoritative_node_of(&name)) else {
            return false;
        };
        let delegates = is_ns && record.owner != self.apex;
        let is_needed = delegates && name.is_in(record.owner);
        let is_hinted = is_service && self.nodes.all[node as usize].balanced != NONE;
        let is_added = are_added && draft.named.insert(name);
        if is_added || is_hinted {
            self.targets.push(Target {
                position: position as u16,
                also: wanted.also,
                node,
                hinted: match is_hinted {
                    true => (rdata_at - RECORD_FIXED) as u16,
                    false => Target::NO_RECORD,
                },
                is_added,
                is_needed,
            });
        }
        is_hinted
    }
}
