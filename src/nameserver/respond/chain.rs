//! Where do aliases lead? CNAME (RFC 1034, 3.6.2) and DNAME (RFC 6672), in any order.

use super::super::access;
use super::{Reply, Responder};
use crate::dns::compose::{Composer, RECORD_FIXED, Section};
use crate::dns::name::NAME_LEN_MAX;
use crate::dns::octets::hash;
use crate::dns::placed::{POINTER, PlacedName};
use crate::dns::{Rcode, class, rtype};
use crate::state::zone::{Compressed, NodeId, Rrset};
use crate::steering::Recorder;

/// CNAMEs in one answer at most, synthesised ones included; the client goes on from there.
const CHAIN_MAX: usize = 9;

// Whatever a chain is made of, what comes after it begins where pointers into it can be made.
const _: () = assert!(
    12 + NAME_LEN_MAX + 4 + CHAIN_MAX * 2 * (RECORD_FIXED + NAME_LEN_MAX) < Compressed::OWN_MAX
);

/// A step of a chain.
#[derive(Clone, Copy)]
pub(super) enum Link<'a> {
    Alias(NodeId, &'a Rrset),
    /// The node has a DNAME, and the name lies below it.
    Redirect(NodeId),
}

/// The way so far, within one zone.
#[derive(Default)]
struct Trail {
    steps: [Option<Step>; CHAIN_MAX],
    len: usize,
}

#[derive(Clone, Copy)]
struct Step {
    node: NodeId,
    /// The hash of the name that met it.
    hash: u64,
    /// Where the data of the node's record begins.
    data_at: usize,
}

impl Trail {
    fn find(&self, is_it: impl Fn(&Step) -> bool) -> Option<&Step> {
        self.steps.iter().flatten().find(|step| is_it(step))
    }

    fn push(&mut self, node: NodeId, hash: u64, data_at: usize) {
        self.steps[self.len] = Some(Step {
            node,
            hash,
            data_at,
        });
        self.len += 1;
    }
}

/// Where an alias leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// On within the same zone.
    Here,
    /// Into another zone of ours, below this one. No chain comes back from there: this zone's names
    /// lie outside of it.
    Nested,
    /// Out of what this zone's nameservers are asked for: by the client.
    Elsewhere,
}

impl<'a, R: Recorder> Responder<'a, R> {
    /// Follows aliases to the end, from the first one on.
    #[cold]
    pub(super) fn follow_chain(&mut self, composer: &mut Composer<'_>, first: Link<'a>) -> Reply {
        let mut link = first;
        let mut trail = Trail::default();
        for _ in 0..CHAIN_MAX - 1 {
            if let Some(reply) = self.follow(composer, link, &mut trail) {
                return reply;
            }
            link = match self.look_up(composer) {
                Ok(reply) => return reply,
                Err(next) => next,
            };
        }
        // A longer chain: the client goes on from its end.
        let reply = self.follow(composer, link, &mut trail);
        reply.unwrap_or(Reply::code(Rcode::NoError))
    }

    /// Writes the alias, and makes its target the name being looked up (RFC 1034, 4.3.2, step 3a: "go
    /// back to step 1"); or how the answer ends here.
    fn follow(
        &mut self,
        composer: &mut Composer<'_>,
        link: Link<'a>,
        trail: &mut Trail,
    ) -> Option<Reply> {
        let followed = match link {
            Link::Alias(node, cname) => self.alias(composer, node, cname, trail),
            Link::Redirect(node) => self.redirect(composer, node, trail),
        };
        match followed.map(|target| self.go_to(composer, target)) {
            Err(reply) => Some(reply),
            // A CNAME is what was asked for; only a synthesised one is met on the way to that.
            Ok(_) if self.qtype == rtype::CNAME => Some(Reply::code(Rcode::NoError)),
            Ok(Next::Here) => None,
            Ok(Next::Nested) => {
                *trail = Trail::default();
                None
            }
            Ok(Next::Elsewhere) => Some(Reply::code(Rcode::NoError)),
        }
    }

    /// The CNAME; where its target stands.
    fn alias(
        &mut self,
        composer: &mut Composer<'_>,
        node: NodeId,
        cname: &Rrset,
        trail: &mut Trail,
    ) -> Result<usize, Reply> {
        // In a circle, nothing but duplicates would follow (RFC 2181, 5).
        if trail.find(|step| step.node == node).is_some() {
            return Err(Reply::code(Rcode::NoError));
        }
        let data_at = self.append_alias(composer, cname, self.name.at)?;
        trail.push(node, hash(self.worker.name.wire()), data_at);
        Ok(data_at)
    }

    /// The DNAME, once however often it is met, and the CNAME that it means for the name being looked
    /// up, with the TTL of the DNAME (RFC 6672, 3.1). A name that would get too long is YXDOMAIN
    /// (RFC 6672, 2.2). Where the target stands.
    fn redirect(
        &mut self,
        composer: &mut Composer<'_>,
        node: NodeId,
        trail: &mut Trail,
    ) -> Result<usize, Reply> {
        let zone = &self.entry.zone;
        let hash = hash(self.worker.name.wire());
        let dname = zone.rrset(node, rtype::DNAME);
        let (Some(dname), None) = (dname, trail.find(|step| step.hash == hash)) else {
            return Err(Reply::code(Rcode::NoError));
        };
        let owner_len = zone.name_len(node);
        let known = trail.find(|step| step.node == node);
        let data_at = match known {
            Some(step) => step.data_at,
            None => {
                let owner = self.name.suffix(composer.written(), owner_len);
                self.append_alias(composer, dname, owner)?
            }
        };
        trail.push(node, hash, data_at);
        // Never compressed (RFC 6672, 2.5), and the node has no other.
        let records = zone.records(dname);
        let target = &records[RECORD_FIXED..];
        let mut name = [0; NAME_LEN_MAX + 1];
        let kept = self.name.read(composer.written(), &mut name) - owner_len;
        if kept + target.len() > NAME_LEN_MAX {
            return Err(Reply::code(Rcode::YxDomain));
        }
        let end = POINTER | data_at as u16;
        let end = match target.len() {
            // A pointer saves nothing against the root.
            1 => &[0][..],
            _ => &end.to_be_bytes(),
        };
        let ttl = &records[6..10];
        if !append_cname(composer, self.name.at, ttl, &name[..kept], end) {
            return Err(truncated(composer));
        }
        Ok(composer.position() - kept - end.len())
    }

    /// A CNAME or DNAME record of the zone; where its data begin.
    fn append_alias(
        &self,
        composer: &mut Composer<'_>,
        alias: &Rrset,
        owner: u16,
    ) -> Result<usize, Reply> {
        let data_at = composer.position() + RECORD_FIXED;
        match self.append(composer, Section::Answer, alias, owner) {
            true => Ok(data_at),
            false => Err(truncated(composer)),
        }
    }

    /// Makes the name at `target` the one being looked up, and finds the zone that it belongs to.
    fn go_to(&mut self, composer: &Composer<'_>, target: usize) -> Next {
        let mut text = [0; NAME_LEN_MAX + 1];
        self.name = PlacedName::read_at(composer.written(), target, &mut text);
        let name = &mut self.worker.name;
        name.read(&text);
        if !self.entry.zone.contains(name) {
            return Next::Elsewhere;
        }
        self.apex = name.label_count() - self.entry.zone.apex.label_count();
        match self.root.zones.find(name, self.qtype) {
            Some((_, apex)) if apex == self.apex => Next::Here,
            // Whom the zone below does not answer goes on alone, and is told; as is everyone while it has
            // no data.
            Some((entry, apex))
                if apex < self.apex
                    && entry.has_data
                    && access::is_allowed(self.root, Some(entry), self.peer) =>
            {
                self.subnet = self.subnet.filter(|_| entry.zone.client_subnet);
                (self.entry, self.apex) = (entry, apex);
                Next::Nested
            }
            // DS at this zone's own apex: the zone above has it.
            _ => Next::Elsewhere,
        }
    }
}

fn truncated(composer: &mut Composer<'_>) -> Reply {
    composer.set_truncated();
    Reply::code(Rcode::NoError)
}

/// A CNAME whose data are `kept` labels and how the name goes on; false when it does not fit.
pub(super) fn append_cname(
    composer: &mut Composer<'_>,
    owner: u16,
    ttl: &[u8],
    kept: &[u8],
    end: &[u8],
) -> bool {
    let mut record = [0; RECORD_FIXED + NAME_LEN_MAX + 2];
    let len = RECORD_FIXED + kept.len() + end.len();
    record[..2].copy_from_slice(&owner.to_be_bytes());
    record[2..4].copy_from_slice(&rtype::CNAME.to_be_bytes());
    record[4..6].copy_from_slice(&class::IN.to_be_bytes());
    record[6..10].copy_from_slice(ttl);
    record[10..12].copy_from_slice(&((kept.len() + end.len()) as u16).to_be_bytes());
    record[RECORD_FIXED..len - end.len()].copy_from_slice(kept);
    record[len - end.len()..len].copy_from_slice(end);
    composer
        .append(Section::Answer, &record[..len], 1)
        .is_some()
}
