//! Records and balanced names -> a [`Zone`] that answers without thinking.

use std::collections::{BTreeMap, HashMap};

use super::zonefile::ZoneRecord;
use crate::dns::compose::QNAME_POINTER;
use crate::dns::query_name::{ROOT_HASH, hash_label};
use crate::dns::{Name, class, rtype};
use crate::model::TtlRange;
use crate::state::name_table::NameTable;
use crate::state::zone::{BalancedName, NONE, Node, Rrset, Target, Zone};

/// A balanced name before its policy is linked.
#[derive(Clone, Debug)]
pub struct BalancedSpec<'a> {
    pub owner: &'a Name,
    pub policy: &'a str,
    pub ttl: TtlRange,
    pub answers: u8,
}

/// Builds the zone `apex` out of checked records (exactly one SOA, all owners inside the zone).
///
/// # Errors
/// In words, when an RRset does not fit a message or an owner has more than 255 types.
pub fn build(
    apex: &Name,
    client_subnet: bool,
    records: &[ZoneRecord],
    balanced: &[BalancedSpec<'_>],
) -> Result<Zone, String> {
    let mut builder = Builder::new(apex);
    builder.add_owners(
        records
            .iter()
            .map(|r| &r.owner)
            .chain(balanced.iter().map(|b| b.owner)),
    );
    builder.link_cuts(records);
    let policy_names = builder.add_balanced(balanced);
    let rrsets = builder.add_rrsets(records)?;
    let soa = records
        .iter()
        .find(|record| record.rtype == rtype::SOA && record.owner == *apex)
        .ok_or_else(|| format!("zone {apex} has no SOA record"))?;
    let negative_soa = builder.negative_soa(soa)?;
    Ok(builder.finish(client_subnet, rrsets, negative_soa, policy_names))
}

struct Builder<'a> {
    apex: &'a Name,
    apex_labels: usize,
    apex_hash: u64,
    /// Lower-case relative labels -> node.
    nodes_by_name: HashMap<Box<[u8]>, u32>,
    nodes: Vec<Node>,
    hashes: Vec<u64>,
    names: Vec<u8>,
    blob: Vec<u8>,
    patches: Vec<u16>,
    targets: Vec<Target>,
    balanced: Vec<BalancedName>,
    label_count_max: usize,
}

/// Splits a relative name into its first label and the rest.
fn split_label(relative: &[u8]) -> (&[u8], &[u8]) {
    relative.split_at(1 + usize::from(relative[0]))
}

impl<'a> Builder<'a> {
    fn new(apex: &'a Name) -> Self {
        let lower = apex.to_lowercase();
        let mut suffixes = Vec::new();
        let mut rest = lower.as_wire();
        while rest[0] != 0 {
            let (label, tail) = split_label(rest);
            suffixes.push(label);
            rest = tail;
        }
        let apex_hash = suffixes
            .iter()
            .rev()
            .fold(ROOT_HASH, |hash, label| hash_label(hash, label));
        Builder {
            apex,
            apex_labels: suffixes.len(),
            apex_hash,
            nodes_by_name: HashMap::new(),
            nodes: Vec::new(),
            hashes: Vec::new(),
            names: Vec::new(),
            blob: Vec::new(),
            patches: Vec::new(),
            targets: Vec::new(),
            balanced: Vec::new(),
            label_count_max: 0,
        }
    }

    /// `name` without the apex, in lower case; `None` outside the zone.
    fn relative(&self, name: &Name) -> Option<Box<[u8]>> {
        if !name.is_in(self.apex) {
            return None;
        }
        let len = name.as_wire().len() - self.apex.as_wire().len();
        Some(name.as_wire()[..len].to_ascii_lowercase().into())
    }

    fn node_of(&self, name: &Name) -> Option<u32> {
        self.nodes_by_name.get(&self.relative(name)?).copied()
    }

    /// Nodes for all owners and for the empty non-terminals between them and the apex.
    fn add_owners<'n>(&mut self, owners: impl Iterator<Item = &'n Name>) {
        self.add_node(&[]);
        for owner in owners {
            if let Some(relative) = self.relative(owner) {
                self.add_node(&relative);
            }
        }
    }

    fn add_node(&mut self, relative: &[u8]) -> u32 {
        if let Some(&node) = self.nodes_by_name.get(relative) {
            return node;
        }
        let (hash, parent) = if relative.is_empty() {
            (self.apex_hash, None)
        } else {
            let (label, rest) = split_label(relative);
            let parent = self.add_node(rest);
            (
                hash_label(self.hashes[parent as usize], label),
                Some(parent),
            )
        };
        let id = self.nodes.len() as u32;
        self.nodes.push(Node {
            name_at: self.names.len() as u32,
            name_len: relative.len() as u8,
            rrset_count: 0,
            rrsets_at: 0,
            cut: NONE,
            wildcard: NONE,
            balanced: NONE,
        });
        if let Some(parent) = parent.filter(|_| relative.starts_with(b"\x01*")) {
            self.nodes[parent as usize].wildcard = id;
        }
        self.hashes.push(hash);
        self.names.extend_from_slice(relative);
        self.nodes_by_name.insert(relative.into(), id);
        let labels = self.apex_labels + label_count(relative);
        self.label_count_max = self.label_count_max.max(labels);
        id
    }

    /// Tells every node at or below a zone cut which cut that is: the one nearest to the apex.
    fn link_cuts(&mut self, records: &[ZoneRecord]) {
        for record in records.iter().filter(|record| record.rtype == rtype::NS) {
            if let Some(node) = self.node_of(&record.owner).filter(|&node| node != 0) {
                self.nodes[node as usize].cut = node;
            }
        }
        // A parent's index is below its children's, so one pass in order reaches everyone.
        for id in 0..self.nodes.len() {
            let relative = self.name_of(id as u32);
            if !relative.is_empty() {
                let parent = self.nodes_by_name[split_label(relative).1];
                let above = self.nodes[parent as usize].cut;
                if above != NONE {
                    self.nodes[id].cut = above;
                }
            }
        }
    }

    fn name_of(&self, node: u32) -> &[u8] {
        let node = &self.nodes[node as usize];
        &self.names[node.name_at as usize..][..usize::from(node.name_len)]
    }

    fn add_balanced(&mut self, specs: &[BalancedSpec<'_>]) -> Vec<Box<str>> {
        let mut policy_names: Vec<Box<str>> = Vec::new();
        for spec in specs {
            let known = policy_names.iter().position(|name| **name == *spec.policy);
            let policy = known.unwrap_or_else(|| {
                policy_names.push(spec.policy.into());
                policy_names.len() - 1
            });
            if let Some(node) = self.node_of(spec.owner) {
                self.nodes[node as usize].balanced = self.balanced.len() as u32;
                self.balanced.push(BalancedName {
                    policy: policy as u16,
                    ttl: spec.ttl,
                    answers: spec.answers,
                });
            }
        }
        policy_names
    }

    fn add_rrsets(&mut self, records: &[ZoneRecord]) -> Result<Vec<Rrset>, String> {
        let mut grouped: BTreeMap<(u32, u16), Vec<&ZoneRecord>> = BTreeMap::new();
        for record in records {
            if let Some(node) = self.node_of(&record.owner) {
                grouped
                    .entry((node, record.rtype))
                    .or_default()
                    .push(record);
            }
        }
        let mut rrsets = Vec::with_capacity(grouped.len());
        for ((node, _), group) in grouped {
            let at = rrsets.len() as u32;
            rrsets.push(self.rrset(&group)?);
            let node = &mut self.nodes[node as usize];
            if node.rrset_count == 0 {
                node.rrsets_at = at;
            }
            node.rrset_count = node
                .rrset_count
                .checked_add(1)
                .ok_or_else(|| format!("{} has records of more than 255 types", group[0].owner))?;
        }
        Ok(rrsets)
    }

    /// Encodes records of one owner and type.
    fn rrset(&mut self, records: &[&ZoneRecord]) -> Result<Rrset, String> {
        let first = records[0];
        let ttl = records.iter().map(|record| record.ttl).min().unwrap_or(0);
        let (at, patches_at, targets_at) =
            (self.blob.len(), self.patches.len(), self.targets.len());
        for record in records {
            self.blob.extend_from_slice(&QNAME_POINTER.to_be_bytes());
            self.blob.extend_from_slice(&record.rtype.to_be_bytes());
            self.blob.extend_from_slice(&class::IN.to_be_bytes());
            self.blob.extend_from_slice(&ttl.to_be_bytes());
            let length_at = self.blob.len();
            self.blob.extend_from_slice(&[0, 0]);
            self.rdata(record, at, targets_at);
            let len = self.blob.len() - length_at - 2;
            if self.blob.len() - at > usize::from(u16::MAX) - 1024 {
                return Err(format!(
                    "the records of {} and type {} do not fit a message of 65,535 octets",
                    first.owner, first.rtype
                ));
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

    /// Appends RDATA, with names compressed against the apex where RFC 3597, 4 allows it.
    fn rdata(&mut self, record: &ZoneRecord, rrset_at: usize, targets_at: usize) {
        let (fixed, names, compressible) = match record.rtype {
            rtype::NS | rtype::CNAME | rtype::PTR => (0, 1, true),
            rtype::MX => (2, 1, true),
            rtype::SOA => (0, 2, true),
            rtype::SRV => (6, 1, false),
            _ => (record.rdata.len(), 0, false),
        };
        let (head, mut rest) = record.rdata.split_at(fixed.min(record.rdata.len()));
        self.blob.extend_from_slice(head);
        for _ in 0..names {
            let len = name_len(rest);
            let (wire, tail) = rest.split_at(len);
            rest = tail;
            let position = (self.blob.len() - rrset_at) as u16;
            self.name(wire, compressible, rrset_at);
            if matches!(record.rtype, rtype::NS | rtype::MX | rtype::SRV) {
                self.target(record, wire, position, targets_at);
            }
        }
        self.blob.extend_from_slice(rest);
    }

    fn name(&mut self, wire: &[u8], compressible: bool, rrset_at: usize) {
        let name = Name::from_wire(wire)
            .ok()
            .filter(|name| compressible && name.is_in(self.apex));
        // A pointer saves nothing against the root.
        let relative = name
            .filter(|_| self.apex_labels > 0)
            .and_then(|name| self.relative(&name));
        match relative {
            Some(relative) => {
                self.blob.extend_from_slice(&wire[..relative.len()]);
                self.patches.push((self.blob.len() - rrset_at) as u16);
                self.blob.extend_from_slice(&QNAME_POINTER.to_be_bytes());
            }
            None => self.blob.extend_from_slice(wire),
        }
    }

    /// Notes that addresses of the name `wire` belong to the RRset whose targets begin at
    /// `targets_at`: once, however many records name it.
    fn target(&mut self, record: &ZoneRecord, wire: &[u8], position: u16, targets_at: usize) {
        let Ok(name) = Name::from_wire(wire) else {
            return;
        };
        let known = |node| self.targets[targets_at..].iter().any(|t| t.node == node);
        if let Some(node) = self.node_of(&name).filter(|&node| !known(node)) {
            let delegates = record.rtype == rtype::NS && record.owner != *self.apex;
            let is_needed = delegates && name.is_in(&record.owner);
            self.targets.push(Target {
                position,
                node,
                is_needed,
            });
        }
    }

    /// The SOA once more, its TTL the lesser of its own and MINIMUM (RFC 2308, 5).
    fn negative_soa(&mut self, soa: &ZoneRecord) -> Result<Rrset, String> {
        let minimum = soa
            .rdata
            .last_chunk()
            .map_or(0, |octets| u32::from_be_bytes(*octets));
        self.rrset(&[&ZoneRecord {
            ttl: soa.ttl.min(minimum),
            ..soa.clone()
        }])
    }

    fn finish(
        self,
        client_subnet: bool,
        rrsets: Vec<Rrset>,
        negative_soa: Rrset,
        policy_names: Vec<Box<str>>,
    ) -> Zone {
        Zone {
            apex: self.apex.clone(),
            apex_lower: self.apex.to_lowercase().as_wire().into(),
            client_subnet,
            table: NameTable::new(self.hashes.into_iter()),
            nodes: self.nodes.into(),
            rrsets: rrsets.into(),
            blob: self.blob.into(),
            names: self.names.into(),
            patches: self.patches.into(),
            targets: self.targets.into(),
            balanced: self.balanced.into(),
            policy_names: policy_names.into(),
            negative_soa,
            label_count_max: self.label_count_max as u8,
        }
    }
}

fn label_count(mut relative: &[u8]) -> usize {
    let mut count = 0;
    while !relative.is_empty() {
        relative = split_label(relative).1;
        count += 1;
    }
    count
}

/// Octets of the uncompressed name at the start of checked RDATA.
fn name_len(wire: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&len) = wire.get(at).filter(|&&len| len != 0) {
        at += 1 + usize::from(len);
    }
    (at + 1).min(wire.len())
}
