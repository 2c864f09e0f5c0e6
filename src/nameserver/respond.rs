//! What a zone says to a question: RFC 1034, 4.3.2 with steering in step 3.
//!
//! | module | question it answers |
//! |---|---|
//! | `chain` | where do aliases lead? |
//! | `steer` | which addresses does a balanced name have for this client? |
//! | `service` | which hints has a service that a balanced name offers? |
//! | `additional` | what comes along with what was asked for? |
//! | `decided` | what did steering choose for names beside the one that was asked for? |

mod additional;
mod chain;
mod decided;
mod service;
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
    pub error: Option<&'static ExtendedError>,
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
    pub subnet: Option<&'a SubnetOption>,
    pub recorder: &'a mut R,
}

impl<'a, R: Recorder> Responder<'a, R> {
    /// Writes the records, following a chain of static aliases inside the zone, and on into zones of
    /// ours below it.
    #[inline(always)]
    pub fn respond(mut self, composer: &mut Composer<'_>) -> Reply {
        match self.look_up(composer) {
            Ok(reply) => reply,
            Err(link) => self.follow_chain(composer, link),
        }
    }

    /// What the zone says of the name being looked up, or the alias that leads on.
    #[inline(always)]
    fn look_up(&mut self, composer: &mut Composer<'_>) -> Result<Reply, Link<'a>> {
        let found = self.entry.zone.find(&self.worker.name, self.apex);
        if let Found::Delegated(cut) = found {
            return self.delegated(composer, cut);
        }
        composer.set_authoritative();
        match found {
            Found::Node(node) => self.node(composer, node),
            Found::Redirected(node) => Err(Link::Redirect(node)),
            Found::Nothing | Found::Delegated(_) => {
                self.negative(composer, u32::MAX);
                Ok(Reply::code(Rcode::NxDomain))
            }
        }
    }

    /// A referral; DS at the cut itself is the parent's to answer (RFC 4035, 3.1.4.1).
    #[inline(never)]
    fn delegated(&mut self, composer: &mut Composer<'_>, cut: NodeId) -> Result<Reply, Link<'a>> {
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
        Ok(Reply::code(Rcode::NoError))
    }

    /// What one node says: steered addresses, an RRset, the alias that stands instead of it, or that there
    /// is nothing of the type.
    #[inline(always)]
    fn node(&mut self, composer: &mut Composer<'_>, node: NodeId) -> Result<Reply, Link<'a>> {
        let zone: &'a Zone = &self.entry.zone;
        if let Some(&balanced) = zone.balanced(node) {
            match self.qtype {
                rtype::A => return Ok(self.steer(composer, balanced, Family::V4)),
                rtype::AAAA => return Ok(self.steer(composer, balanced, Family::V6)),
                _ => {}
            }
        }
        // Beside a CNAME there may be data of DNSSEC, which answer for themselves (RFC 4035, 2.5).
        match zone.rrset(node, self.qtype) {
            Some(rrset) => Ok(self.append_answer(composer, rrset)),
            None => self.node_without(composer, node),
        }
    }

    /// [`Self::node`] where there is no RRset of just the type that was asked for.
    #[inline(never)]
    fn node_without(
        &mut self,
        composer: &mut Composer<'_>,
        node: NodeId,
    ) -> Result<Reply, Link<'a>> {
        let zone: &'a Zone = &self.entry.zone;
        if zone.balanced(node).is_some()
            && let Some(reply) = self.steer_to_name(composer, node)
        {
            return Ok(reply);
        }
        if self.qtype != rtype::ANY {
            if let Some(cname) = zone.rrset(node, rtype::CNAME) {
                return Err(Link::Alias(node, cname));
            }
            self.negative(composer, u32::MAX);
        } else if let Some(rrset) = zone.first_rrset(node) {
            // One RRset is answer enough (RFC 8482, 4.1).
            return Ok(self.append_answer(composer, rrset));
        } else if zone.balanced(node).is_some() {
            self.append_hinfo(composer);
        } else {
            self.negative(composer, u32::MAX);
        }
        Ok(Reply::code(Rcode::NoError))
    }

    #[inline(always)]
    fn append(
        &self,
        composer: &mut Composer<'_>,
        section: Section,
        rrset: &Rrset,
        owner: u16,
    ) -> bool {
        let (zone, name) = (&self.entry.zone, self.name);
        match composer.append(section, zone.records(rrset), rrset.count) {
            Some(mut appended) => {
                zone.patch(rrset, &mut appended, owner, name, Turn::NONE);
                true
            }
            None => false,
        }
    }

    /// The SOA that says how long a "no" may be kept: at most `ttl_max_s` seconds (RFC 2308).
    fn negative(&self, composer: &mut Composer<'_>, ttl_max_s: u32) {
        let (zone, name) = (&self.entry.zone, self.name);
        let soa = zone.negative_soa();
        let Some(mut appended) = composer.append(Section::Authority, zone.records(soa), 1) else {
            composer.set_truncated();
            return;
        };
        let apex = name.suffix(appended.before, zone.apex_len());
        zone.patch(soa, &mut appended, apex, name, Turn::NONE);
        if let Some((_, rest)) = appended.copied.split_first_chunk_mut::<6>()
            && let Some(ttl) = rest.first_chunk_mut()
        {
            *ttl = u32::from_be_bytes(*ttl).min(ttl_max_s).to_be_bytes();
        }
    }

    /// "RFC8482" as the answer to ANY where there is no static record (RFC 8482, 4.2).
    fn append_hinfo(&self, composer: &mut Composer<'_>) {
        const RECORD: &[u8] = b"\xc0\x0c\x00\x0d\x00\x01\x00\x00\x0e\x10\x00\x09\x07RFC8482\x00";
        match composer.append(Section::Answer, RECORD, 1) {
            Some(appended) => appended.copied[..2].copy_from_slice(&self.name.at.to_be_bytes()),
            None => composer.set_truncated(),
        }
    }
}
