//! Which names exist, and who answers below each?

use std::collections::HashSet;

use super::super::zonefile::ZoneRecord;
use super::{Builder, split_label};
use crate::dns::query_name::hash_label;
use crate::dns::{Name, rtype};
use crate::state::zone::{NONE, Node};

impl Builder<'_> {
    /// `name` without the apex, in lower case; `None` outside the zone.
    fn relative(&self, name: &Name) -> Option<Box<[u8]>> {
        if !name.is_in(self.apex) {
            return None;
        }
        let len = name.as_wire().len() - self.apex.as_wire().len();
        Some(name.as_wire()[..len].to_ascii_lowercase().into())
    }

    pub(super) fn node_of(&self, name: &Name) -> Option<u32> {
        self.nodes_by_name.get(&self.relative(name)?).copied()
    }

    /// The node that answers for the name: its own, or the wildcard that covers it. None at or below a
    /// zone cut.
    pub(super) fn authoritative_node_of(&self, name: &Name) -> Option<u32> {
        let relative = self.relative(name)?;
        let own = self.nodes_by_name.get(&relative).copied();
        let is_ours = |&node: &u32| self.nodes[node as usize].cut == NONE;
        if own.is_some() {
            return own.filter(is_ours);
        }
        let mut rest = &relative[..];
        let encloser = loop {
            rest = split_label(rest).1;
            if let Some(&encloser) = self.nodes_by_name.get(rest) {
                break encloser;
            }
        };
        let below = self.nodes[encloser as usize].below;
        Some(below).filter(|&below| below != NONE && below != encloser && is_ours(&encloser))
    }

    /// Nodes for all owners and for the empty non-terminals between them and the apex.
    pub(super) fn add_owners<'n>(
        &mut self,
        owners: impl Iterator<Item = &'n Name>,
        records: &[ZoneRecord],
    ) {
        self.add_node(&[]);
        let redirections = Redirections::new(self.apex, records);
        let owners = owners.filter(|owner| !redirections.hide(owner));
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
            below: NONE,
            balanced: NONE,
        });
        if let Some(parent) = parent.filter(|_| relative.starts_with(b"\x01*")) {
            self.nodes[parent as usize].below = id;
        }
        self.hashes.push(hash);
        self.names.extend_from_slice(relative);
        self.nodes_by_name.insert(relative.into(), id);
        let labels = self.apex_labels + label_count(relative);
        self.label_count_max = self.label_count_max.max(labels);
        id
    }

    /// Tells every node at or below a zone cut which cut that is: the one nearest to the apex.
    pub(super) fn link_cuts(&mut self, records: &[ZoneRecord]) {
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

    /// Tells every node with a DNAME that it answers for what would be below it. At or below a zone
    /// cut, that is not ours to say.
    pub(super) fn link_redirections(&mut self, records: &[ZoneRecord]) {
        for record in records.iter().filter(|r| r.rtype == rtype::DNAME) {
            if let Some(node) = self.node_of(&record.owner)
                && self.nodes[node as usize].cut == NONE
            {
                self.nodes[node as usize].below = node;
            }
        }
    }

    fn name_of(&self, node: u32) -> &[u8] {
        let node = &self.nodes[node as usize];
        &self.names[node.name_at as usize..][..usize::from(node.name_len)]
    }
}

/// Owners of DNAME and of delegations.
struct Redirections<'r> {
    apex: &'r Name,
    dnames: HashSet<&'r Name>,
    cuts: HashSet<&'r Name>,
}

impl<'r> Redirections<'r> {
    fn new(apex: &'r Name, records: &'r [ZoneRecord]) -> Self {
        let owners = |rtype: u16| {
            let records = records.iter().filter(move |record| record.rtype == rtype);
            records.map(|record| &record.owner)
        };
        let dnames: HashSet<_> = owners(rtype::DNAME).collect();
        let cuts = match dnames.is_empty() {
            true => HashSet::new(),
            false => owners(rtype::NS).filter(|&owner| owner != apex).collect(),
        };
        Redirections { apex, dnames, cuts }
    }

    /// Whether `name` lies below a DNAME that is not itself at or below a zone cut.
    fn hide(&self, name: &Name) -> bool {
        if self.dnames.is_empty() {
            return false;
        }
        let above = std::iter::successors(name.parent(), Name::parent);
        let above = above.take_while(|ancestor| ancestor.is_in(self.apex));
        let of_interest = |name: &Name| self.dnames.contains(name) || self.cuts.contains(name);
        let topmost = above.filter(of_interest).last();
        topmost.is_some_and(|topmost| !self.cuts.contains(&topmost))
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
