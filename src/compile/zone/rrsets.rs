//! Which octets does an RRset have in a message?

use std::collections::HashSet;

use super::super::zonefile::{Records, TypeName, ZoneRecord};
use super::compression::{Pointables, compressed_names};
use super::hints::{HINTS_LEN_MAX, append_without_hints};
use super::{Builder, Refused};
use crate::dns::compose::QNAME_POINTER;
use crate::dns::{MESSAGE_LEN_MAX, Name, class, name, rtype};
use crate::model::RrsetOrder;
use crate::state::zone::{NONE, Rrset};

/// Octets of an RRset at most: what a message has, less what the header, the question and an OPT record
/// may need.
const RRSET_LEN_MAX: usize = MESSAGE_LEN_MAX - 1024;

/// An RRset being written.
pub(super) struct Draft<'r> {
    /// Where it begins among the octets of all.
    pub at: usize,
    pub pointables: Pointables<'r>,
    /// Names in its data whose addresses come along.
    pub named: HashSet<Name>,
    /// Octets that hints may take which are not known before somebody asks.
    pub hints_len: usize,
}

impl Builder<'_> {
    /// Gives each node its first RRset, and returns the others.
    pub(super) fn add_rrsets(&mut self, records: &Records) -> Result<Vec<Rrset>, Refused> {
        let mut more = Vec::new();
        let mut group = Vec::new();
        let mut number = 0;
        for set in records.rrsets() {
            let node = self.owners[number];
            number += set.len();
            if node == NONE {
                continue;
            }
            group.clear();
            group.extend(set);
            let is_first = self.nodes.all[node as usize].first == Rrset::NONE;
            if is_first {
                self.nodes.append_name(node, &mut self.blob);
            }
            let rrset = self.rrset(&group)?;
            let node = &mut self.nodes.all[node as usize];
            if is_first {
                (node.first, node.more_at) = (rrset, more.len() as u32);
                continue;
            }
            node.more_count = node.more_count.checked_add(1).ok_or_else(|| {
                let message = format!("`{}` has records of more than 256 types", group[0].owner);
                Refused::at(&group[0], message)
            })?;
            more.push(rrset);
        }
        Ok(more)
    }

    /// Encodes records of one owner and type.
    pub(super) fn rrset(&mut self, records: &[ZoneRecord<'_>]) -> Result<Rrset, Refused> {
        let first = records[0];
        let ttl = records.iter().map(|record| record.ttl).min().unwrap_or(0);
        let (at, patches_at, targets_at) =
            (self.blob.len(), self.patches.len(), self.targets.len());
        let mut draft = Draft {
            at,
            pointables: Pointables::new(first.owner, self.may_point_back(records)),
            named: HashSet::new(),
            hints_len: 0,
        };
        for record in records {
            self.blob.extend_from_slice(&QNAME_POINTER.to_be_bytes());
            self.blob.extend_from_slice(&record.rtype.to_be_bytes());
            self.blob.extend_from_slice(&class::IN.to_be_bytes());
            self.blob.extend_from_slice(&ttl.to_be_bytes());
            let length_at = self.blob.len();
            self.blob.extend_from_slice(&[0, 0]);
            self.rdata(record, &mut draft);
            let len = self.blob.len() - length_at - 2;
            if self.blob.len() - at + draft.hints_len > RRSET_LEN_MAX {
                let message = format!(
                    "the {} records of `{}` have more than {RRSET_LEN_MAX} octets and so fit no message",
                    TypeName(first.rtype),
                    first.owner
                );
                return Err(Refused::at(&first, message));
            }
            self.blob[length_at..length_at + 2].copy_from_slice(&(len as u16).to_be_bytes());
        }
        Ok(Rrset {
            rtype: first.rtype,
            count: records.len() as u16,
            at: at as u32,
            len: (self.blob.len() - at) as u16,
            patches_at: patches_at as u32,
            patch_count: (self.patches.len() - patches_at) as u16,
            targets_at: targets_at as u32,
            target_count: (self.targets.len() - targets_at) as u16,
        })
    }

    /// Whether a name in the records can point to an earlier one: not where answers begin with any of them,
    /// as they do but for those of a delegation, which are no answer.
    fn may_point_back(&self, records: &[ZoneRecord<'_>]) -> bool {
        let first = records[0];
        let is_turned = || {
            let delegates = first.rtype == rtype::NS && first.owner != self.apex;
            self.settings.rrset_order == RrsetOrder::Rotated && !delegates
        };
        match records.len() {
            1 => compressed_names(first.rtype).1 > 1,
            _ => !is_turned(),
        }
    }

    /// Appends RDATA, with names compressed where RFC 3597, 4 allows it.
    fn rdata(&mut self, record: &ZoneRecord<'_>, draft: &mut Draft<'_>) {
        let (fixed, names) = compressed_names(record.rtype);
        let (head, mut rest) = record.rdata.split_at(fixed.min(record.rdata.len()));
        let rdata_at = self.blob.len() - draft.at;
        self.blob.extend_from_slice(head);
        for _ in 0..names {
            let (wire, tail) = rest.split_at(name::len(rest).unwrap_or(rest.len()));
            rest = tail;
            let split = draft.pointables.add(wire, self.blob.len() - draft.at);
            self.blob.extend_from_slice(&wire[..split.labels_len]);
            if let Some(end) = split.end {
                self.patches.push((self.blob.len() - draft.at) as u16);
                self.blob.extend_from_slice(&end.to_octets());
            }
        }
        self.blob.extend_from_slice(rest);
        if self.add_target(record, rdata_at, draft) {
            self.blob.truncate(draft.at + rdata_at);
            append_without_hints(record.rdata, &mut self.blob);
            draft.hints_len += HINTS_LEN_MAX;
        }
    }
}
