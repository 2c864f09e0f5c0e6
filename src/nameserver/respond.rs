//! What a zone says to a question: RFC 1034, 4.3.2 with steering in step 3.
//!
//! | module | question it answers |
//! |---|---|
//! | `chain` | where do aliases lead? |
//! | `steer` | which addresses does a balanced name have for this client? |
//! | `additional` | what comes along with what was asked for? |

mod additional;
mod chain;
mod steer;

use std::net::IpAddr;

use super::answer::Worker;
use crate::dns::compose::{Composer, ExtendedError, Section};
use crate::dns::edns::SubnetOption;
use crate::dns::placed::PlacedName;
use crate::dns::{Rcode, rtype};
use crate::model::Family;
use crate::state::Root;
use crate::state::zone::{Found, NodeId, Rrset, Turn, Zone, ZoneEntry};
use crate::steering::Recorder;
use chain::Link;

/// How an answer ends: what goes into its header and OPT record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    pub rcode: Rcode,
    /// ECS scope: 0 where the client's network made no difference.
    pub scope: u8,
    pub error: Option<ExtendedError>,
}

impl Reply {
    pub const fn code(rcode: Rcode) -> Self {
        Reply {
            rcode,
            scope: 0,
            error: None,
        }
    }
}

/// One question to one zone.
pub struct Responder<'a, R> {
    pub worker: &'a mut Worker,
    pub root: &'a Root,
    pub entry: &'a ZoneEntry,
    /// Which suffix of the name being looked up is the zone's apex.
    pub apex: usize,
    /// Where that name stands in the message.
    pub name: PlacedName,
    pub qtype: u16,
    pub peer: IpAddr,
    pub subnet: Option<SubnetOption>,
    pub recorder: &'a mut R,
}

impl<'a, R: Recorder> Responder<'a, R> {
    /// Writes the records, following a chain of static aliases inside the zone, and on into zones of
    /// ours below it.
    #[inline]
    pub fn respond(mut self, composer: &mut Composer<'_>) -> Reply {
        match self.look_up(composer) {
            Ok(reply) => reply,
            Err(link) => self.follow_chain(composer, link),
        }
    }

    /// What the zone says of the name being looked up, or the alias that leads on.
    #[inline]
    fn look_up(&mut self, composer: &mut Composer<'_>) -> Result<Reply, Link<'a>> {
        let found = self.entry.zone.find(&self.worker.name, self.apex);
        if let Found::Delegated(cut) = found {
            return Ok(self.delegated(composer, cut));
        }
        composer.set_authoritative();
        match found {
            Found::Node(node) => match self.cname(node) {
                None => Ok(self.node(composer, node)),
                Some(cname) => Err(Link::Alias(node, cname)),
            },
            Found::Redirected(node) => Err(Link::Redirect(node)),
            Found::Nothing | Found::Delegated(_) => {
                self.negative(composer, u32::MAX);
                Ok(Reply::code(Rcode::NxDomain))
            }
        }
    }

    /// The CNAME that stands instead of what was asked. Beside it there may be data of DNSSEC, which
    /// answer for themselves (RFC 4035, 2.5).
    #[inline]
    fn cname(&self, node: NodeId) -> Option<&'a Rrset> {
        let zone: &'a Zone = &self.entry.zone;
        let cname = zone.rrset(node, rtype::CNAME)?;
        let has_asked = self.qtype == rtype::ANY || zone.rrset(node, self.qtype).is_some();
        (!has_asked).then_some(cname)
    }

    /// A referral; DS at the cut itself is the parent's to answer (RFC 4035, 3.1.4.1).
    fn delegated(&mut self, composer: &mut Composer<'_>, cut: NodeId) -> Reply {
        let zone: &'a Zone = &self.entry.zone;
        let name = &self.worker.name;
        if self.qtype == rtype::DS && name.between(0, self.apex) == zone.relative_name(cut) {
            composer.set_authoritative();
            return self.node(composer, cut);
        }
        let owner = self.name.suffix(composer.written(), zone.name_len(cut));
        if let Some(ns) = zone.rrset(cut, rtype::NS) {
            self.append_referral(composer, ns, owner);
        }
        Reply::code(Rcode::NoError)
    }

    /// What one node says: steered addresses, an RRset, or that there is nothing of the type.
    #[inline]
    fn node(&mut self, composer: &mut Composer<'_>, node: NodeId) -> Reply {
        let zone: &'a Zone = &self.entry.zone;
        let family = match self.qtype {
            rtype::A => Some(Family::V4),
            rtype::AAAA => Some(Family::V6),
            _ => None,
        };
        if let (Some(family), Some(&balanced)) = (family, zone.balanced(node)) {
            return self.steer(composer, balanced, family);
        }
        let rrset = match self.qtype {
            // One RRset is answer enough (RFC 8482, 4.1).
            rtype::ANY => zone.rrsets(node).first(),
            qtype => zone.rrset(node, qtype),
        };
        match rrset {
            Some(rrset) => {
                self.append_answer(composer, rrset);
            }
            None if self.qtype == rtype::ANY && zone.balanced(node).is_some() => {
                self.append_hinfo(composer);
            }
            None => self.negative(composer, u32::MAX),
        }
        Reply::code(Rcode::NoError)
    }

    #[inline]
    fn append(
        &self,
        composer: &mut Composer<'_>,
        section: Section,
        rrset: &Rrset,
        owner: u16,
    ) -> bool {
        let (zone, name) = (&self.entry.zone, self.name);
        composer.append(
            section,
            zone.records(rrset),
            rrset.count,
            |before, copied| {
                zone.patch(rrset, before, copied, owner, name, Turn::NONE);
            },
        )
    }

    /// The SOA that says how long a "no" may be kept: at most `ttl_max_s` seconds (RFC 2308).
    fn negative(&self, composer: &mut Composer<'_>, ttl_max_s: u32) {
        let (zone, name) = (&self.entry.zone, self.name);
        let soa = zone.negative_soa();
        let fits = composer.append(
            Section::Authority,
            zone.records(soa),
            1,
            |before, copied| {
                let apex = name.suffix(before, zone.apex_len());
                zone.patch(soa, before, copied, apex, name, Turn::NONE);
                let ttl =
                    u32::from_be_bytes([copied[6], copied[7], copied[8], copied[9]]).min(ttl_max_s);
                copied[6..10].copy_from_slice(&ttl.to_be_bytes());
            },
        );
        if !fits {
            composer.set_truncated();
        }
    }

    /// "RFC8482" as the answer to ANY where there is no static record (RFC 8482, 4.2).
    fn append_hinfo(&self, composer: &mut Composer<'_>) {
        const RECORD: &[u8] = b"\xc0\x0c\x00\x0d\x00\x01\x00\x00\x0e\x10\x00\x09\x07RFC8482\x00";
        let fits = composer.append(Section::Answer, RECORD, 1, |_, copied| {
            copied[..2].copy_from_slice(&self.name.at.to_be_bytes());
        });
        if !fits {
            composer.set_truncated();
        }
    }
}
