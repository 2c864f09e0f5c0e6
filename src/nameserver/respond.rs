//! What a zone says to a question: RFC 1034, 4.3.2 with steering in step 3.

use std::net::IpAddr;

use super::answer::Worker;
use crate::dns::compose::{Composer, ExtendedError, QNAME_POINTER, Section};
use crate::dns::edns::SubnetOption;
use crate::dns::name::NAME_LEN_MAX;
use crate::dns::{HEADER_LEN, Rcode, rtype};
use crate::locate::{Client, Subnet};
use crate::model::Family;
use crate::state::Root;
use crate::state::feedback::Sample;
use crate::state::zone::{BalancedName, Found, NodeId, Rrset, Zone, ZoneEntry};
use crate::steering::{Ask, Decision, Draw, Outcome, Recorder, decide};

/// Links of a CNAME chain that one answer follows.
const CHAIN_MAX: usize = 8;
/// The highest place that a compression pointer can name (RFC 1035, 4.1.4: 14 bits).
const POINTER_MAX: usize = 0x3FFF;

/// Where a CNAME's target is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// In the same zone.
    Here,
    /// In another zone of ours, below this one. No chain comes back from there: this zone's names lie
    /// outside of it.
    Nested,
    /// By the client.
    Elsewhere,
}

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
    /// Which suffix of the question's name is the zone's apex.
    pub apex: usize,
    pub qtype: u16,
    pub peer: IpAddr,
    pub subnet: Option<SubnetOption>,
    pub recorder: &'a mut R,
}

impl<'a, R: Recorder> Responder<'a, R> {
    /// Writes the records, following a chain of static CNAMEs inside the zone, and on into zones of
    /// ours below it.
    #[inline]
    pub fn respond(mut self, composer: &mut Composer<'_>) -> Reply {
        let mut apex_pointer = QNAME_POINTER + self.worker.name.offset(self.apex) as u16;
        let mut owner = QNAME_POINTER;
        let mut aliases = [None; CHAIN_MAX + 1];
        for link in 0..=CHAIN_MAX {
            match self.entry.zone.find(&self.worker.name, self.apex) {
                Found::Node(node) => {
                    let Some(cname) = self.cname(node) else {
                        composer.set_authoritative();
                        return self.node(composer, node, owner, apex_pointer);
                    };
                    composer.set_authoritative();
                    // In a circle, nothing but duplicates would follow (RFC 2181, 5).
                    if aliases[..link].contains(&Some(node)) {
                        return Reply::code(Rcode::NoError);
                    }
                    aliases[link] = Some(node);
                    let data_at = composer.position() + 12;
                    if !self.append(composer, Section::Answer, cname, owner, apex_pointer) {
                        composer.set_truncated();
                        return Reply::code(Rcode::NoError);
                    }
                    match self.follow(cname) {
                        Next::Elsewhere => return Reply::code(Rcode::NoError),
                        _ if data_at + NAME_LEN_MAX > POINTER_MAX => {
                            return Reply::code(Rcode::NoError);
                        }
                        Next::Here => {}
                        Next::Nested => {
                            // Its apex is longer than the one that the target's pointer names, and so
                            // begins in the labels that are written out before that pointer.
                            let apex_at = data_at + self.worker.name.offset(self.apex);
                            apex_pointer = 0xC000 | apex_at as u16;
                            aliases = [None; CHAIN_MAX + 1];
                        }
                    }
                    owner = 0xC000 | data_at as u16;
                }
                Found::Delegated(cut) => return self.delegated(composer, cut, owner, apex_pointer),
                Found::Nothing => {
                    composer.set_authoritative();
                    self.negative(composer, apex_pointer, u32::MAX);
                    return Reply::code(Rcode::NxDomain);
                }
            }
        }
        // A longer chain: the client goes on from its end.
        Reply::code(Rcode::NoError)
    }

    /// The CNAME that stands instead of what was asked.
    #[inline]
    fn cname(&self, node: NodeId) -> Option<&'a Rrset> {
        if matches!(self.qtype, rtype::CNAME | rtype::ANY) {
            return None;
        }
        self.entry.zone.rrset(node, rtype::CNAME)
    }

    /// Makes the CNAME's target the name being looked up, and finds the zone that it belongs to
    /// (RFC 1034, 4.3.2, step 3a: "go back to step 1").
    fn follow(&mut self, cname: &Rrset) -> Next {
        let mut target = [0; 256];
        let zone = &self.entry.zone;
        let Some(len) = zone.target_in_zone(cname, &mut target) else {
            return Next::Elsewhere;
        };
        let name = &mut self.worker.name;
        name.read(&target[..len]);
        self.apex = name.label_count() - zone.apex.label_count();
        match self.root.zones.find(name, self.qtype) {
            Some((_, apex)) if apex == self.apex => Next::Here,
            Some((entry, apex)) if apex < self.apex => {
                self.subnet = self.subnet.filter(|_| entry.zone.client_subnet);
                (self.entry, self.apex) = (entry, apex);
                Next::Nested
            }
            // DS at this zone's own apex: the zone above has it.
            _ => Next::Elsewhere,
        }
    }

    /// A referral; DS at the cut itself is the parent's to answer (RFC 4035, 3.1.4.1).
    fn delegated(
        &mut self,
        composer: &mut Composer<'_>,
        cut: NodeId,
        owner: u16,
        apex_pointer: u16,
    ) -> Reply {
        let zone: &'a Zone = &self.entry.zone;
        let cut_name = zone.relative_name(cut);
        let name = &self.worker.name;
        if self.qtype == rtype::DS && name.between(0, self.apex) == cut_name {
            composer.set_authoritative();
            return self.node(composer, cut, owner, apex_pointer);
        }
        // The cut's name is a suffix of the name looked up, which stands at `owner`: in the question, or
        // in a CNAME's data, where its labels precede the pointer to the apex.
        let cut_pointer = owner + (name.offset(self.apex) - cut_name.len()) as u16;
        if let Some(ns) = zone.rrset(cut, rtype::NS) {
            self.append_with_additional(
                composer,
                Section::Authority,
                ns,
                cut_pointer,
                apex_pointer,
            );
        }
        Reply::code(Rcode::NoError)
    }

    /// What one node says: steered addresses, an RRset, or that there is nothing of the type.
    #[inline]
    fn node(&mut self, composer: &mut Composer<'_>, node: NodeId, owner: u16, apex: u16) -> Reply {
        let zone: &'a Zone = &self.entry.zone;
        let family = match self.qtype {
            rtype::A => Some(Family::V4),
            rtype::AAAA => Some(Family::V6),
            _ => None,
        };
        if let (Some(family), Some(&balanced)) = (family, zone.balanced(node)) {
            return self.steer(composer, balanced, family, owner, apex);
        }
        let rrset = match self.qtype {
            // One RRset is answer enough (RFC 8482, 4.1).
            rtype::ANY => zone.rrsets(node).first(),
            qtype => zone.rrset(node, qtype),
        };
        match rrset {
            Some(rrset) => {
                self.append_with_additional(composer, Section::Answer, rrset, owner, apex);
            }
            None if self.qtype == rtype::ANY && zone.balanced(node).is_some() => {
                self.append_hinfo(composer, owner);
            }
            None => self.negative(composer, apex, u32::MAX),
        }
        Reply::code(Rcode::NoError)
    }

    fn steer(
        &mut self,
        composer: &mut Composer<'_>,
        balanced: BalancedName,
        family: Family,
        owner: u16,
        apex: u16,
    ) -> Reply {
        let client = self.client();
        let ask = Ask {
            policy: self.entry.policies[usize::from(balanced.policy)],
            family,
            answers: balanced.answers,
            ttl: balanced.ttl,
        };
        let Worker {
            random, cursors, ..
        } = &mut *self.worker;
        let decision = decide(
            self.root,
            &ask,
            &client,
            &mut Draw { random, cursors },
            self.recorder,
        );
        self.worker.counters.balanced.add(1);
        self.sample(&client, &decision);
        let scope = if client.subnet.is_some() {
            decision.scope
        } else {
            0
        };
        let (rcode, error) = match decision.outcome {
            Outcome::Answer => (Rcode::NoError, None),
            Outcome::AnswerAllDown => (Rcode::NoError, Some(ALL_DOWN_ANSWERED)),
            Outcome::NoFamily => (Rcode::NoError, None),
            Outcome::NoData => (Rcode::NoError, Some(FAMILY_DOWN)),
            Outcome::NoDataAllDown => (Rcode::NoError, Some(ALL_DOWN_EMPTY)),
            Outcome::ServFail => (Rcode::ServFail, Some(ALL_DOWN_EMPTY)),
            Outcome::Refuse => (Rcode::Refused, Some(ALL_DOWN_EMPTY)),
        };
        if rcode == Rcode::NoError && decision.endpoints().is_empty() {
            self.negative(composer, apex, decision.ttl_s);
        } else {
            self.append_addresses(composer, &decision, owner);
        }
        Reply {
            rcode,
            scope,
            error,
        }
    }

    /// Who asks. SOURCE 0 asks for privacy: the resolver's address serves (RFC 7871, 7.1.2).
    #[inline]
    fn client(&self) -> Client {
        let subnet = self
            .subnet
            .filter(|subnet| subnet.source > 0)
            .map(|subnet| Subnet {
                address: subnet.address,
                source: subnet.source,
            });
        Client {
            subnet,
            resolver: self.peer,
        }
    }

    /// All of the decision's addresses, or none and TC.
    #[inline]
    fn append_addresses(&self, composer: &mut Composer<'_>, decision: &Decision, owner: u16) {
        let mark = composer.mark();
        for &endpoint in decision.endpoints() {
            let address = self.root.pools.endpoints[endpoint.index()].address;
            if !composer.append_address(owner, decision.ttl_s, address) {
                composer.rewind(mark);
                composer.set_truncated();
                return;
            }
        }
    }

    #[inline]
    fn append(
        &self,
        composer: &mut Composer<'_>,
        section: Section,
        rrset: &Rrset,
        owner: u16,
        apex: u16,
    ) -> bool {
        let zone = &self.entry.zone;
        composer.append(section, zone.records(rrset), rrset.count, |copied| {
            zone.patch(rrset, copied, owner, apex);
        })
    }

    /// An RRset that the answer is about, then the addresses of the names in its data. What a
    /// delegation cannot do without sets TC when it does not fit (RFC 9471, 3); the rest is left out.
    #[inline]
    fn append_with_additional(
        &self,
        composer: &mut Composer<'_>,
        section: Section,
        rrset: &Rrset,
        owner: u16,
        apex: u16,
    ) {
        let start = composer.position();
        if !self.append(composer, section, rrset, owner, apex) {
            composer.set_truncated();
            return;
        }
        let zone = &self.entry.zone;
        let targets = zone.targets(rrset);
        if targets.is_empty() {
            return;
        }
        for is_needed in [true, false] {
            for target in targets
                .iter()
                .filter(|target| target.is_needed == is_needed)
            {
                let name_at = start + usize::from(target.position);
                // Past what a pointer can reach there is no name to point to; such answers are
                // far longer than any delegation's.
                if name_at <= POINTER_MAX
                    && !self.append_target(
                        composer,
                        NodeId(target.node),
                        0xC000 | name_at as u16,
                        apex,
                    )
                    && is_needed
                {
                    composer.set_truncated();
                }
            }
        }
    }

    fn append_target(
        &self,
        composer: &mut Composer<'_>,
        node: NodeId,
        owner: u16,
        apex: u16,
    ) -> bool {
        [rtype::A, rtype::AAAA].into_iter().all(|address| {
            let rrset = self.entry.zone.rrset(node, address);
            rrset.is_none_or(|rrset| self.append(composer, Section::Additional, rrset, owner, apex))
        })
    }

    /// The SOA that says how long a "no" may be kept: at most `ttl_max_s` seconds (RFC 2308).
    fn negative(&self, composer: &mut Composer<'_>, apex: u16, ttl_max_s: u32) {
        let zone = &self.entry.zone;
        let soa = zone.negative_soa();
        let fits = composer.append(Section::Authority, zone.records(soa), 1, |copied| {
            zone.patch(soa, copied, apex, apex);
            let ttl =
                u32::from_be_bytes([copied[6], copied[7], copied[8], copied[9]]).min(ttl_max_s);
            copied[6..10].copy_from_slice(&ttl.to_be_bytes());
        });
        if !fits {
            composer.set_truncated();
        }
    }

    /// "RFC8482" as the answer to ANY where there is no static record (RFC 8482, 4.2).
    fn append_hinfo(&self, composer: &mut Composer<'_>, owner: u16) {
        const RECORD: &[u8] = b"\xc0\x0c\x00\x0d\x00\x01\x00\x00\x0e\x10\x00\x09\x07RFC8482\x00";
        let fits = composer.append(Section::Answer, RECORD, 1, |copied| {
            copied[..2].copy_from_slice(&owner.to_be_bytes());
        });
        if !fits {
            composer.set_truncated();
        }
    }

    #[inline]
    fn sample(&self, client: &Client, decision: &Decision) {
        let Some(samples) = &self.worker.samples else {
            return;
        };
        let (network, source_prefix) = match client.subnet {
            Some(subnet) => (subnet.address, subnet.source),
            None => (client.resolver, Family::of(&client.resolver).bits()),
        };
        let sample = Sample {
            root_generation: self.root.generation,
            network,
            source_prefix,
            from_client_subnet: client.subnet.is_some(),
            scope: decision.scope,
            endpoint: decision.endpoints().first().copied(),
            ttl_s: decision.ttl_s,
        };
        if !samples.offer(sample) {
            self.worker.counters.samples_dropped.add(1);
        }
    }
}

/// RFC 8914, 4.1 ("Other"): none of the registered codes says that steering fails open or closed.
const ALL_DOWN_ANSWERED: ExtendedError = ExtendedError {
    code: 0,
    text: "no endpoint for this query is up: answered all the same",
};
const ALL_DOWN_EMPTY: ExtendedError = ExtendedError {
    code: 0,
    text: "no endpoint for this query is up",
};
const FAMILY_DOWN: ExtendedError = ExtendedError {
    code: 0,
    text: "no address of this family is up for this client",
};

const _: () = assert!(QNAME_POINTER as usize == 0xC000 | HEADER_LEN);
