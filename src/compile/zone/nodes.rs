//! The nodes of a zone while they are collected, found by name.
//!
//! A zone may have a million names, each looked up several times: nothing is copied for that, and a
//! name's hash is the one that answering uses.

use super::split_label;
use crate::dns::name::LABELS_MAX;
use crate::dns::octets::hash;
use crate::state::name_table::NameTable;
use crate::state::zone::{NONE, Node, Rrset};

pub(super) struct Nodes {
    pub all: Vec<Node>,
    /// By node.
    hashes: Vec<u64>,
    /// By node; the apex is its own.
    parents: Vec<u32>,
    names: Vec<u8>,
    /// Where names stand among the octets of the zone, as far as they do, by node.
    places: Vec<u32>,
    table: NameTable,
}

impl Nodes {
    /// With the apex as the first node.
    pub fn new() -> Self {
        let mut nodes = Nodes {
            all: Vec::new(),
            hashes: Vec::new(),
            parents: Vec::new(),
            names: Vec::new(),
            places: Vec::new(),
            table: NameTable::with_room(16),
        };
        nodes.push(&[], hash(&[]), 0);
        nodes
    }

    /// The node of a name relative to the apex, in lower case.
    pub fn find(&self, relative: &[u8]) -> Option<u32> {
        self.find_hashed(relative, hash(relative))
    }

    fn find_hashed(&self, relative: &[u8], hash: u64) -> Option<u32> {
        let mut candidates = self.table.candidates(hash);
        candidates.find(|&node| self.name(node) == relative)
    }

    /// Adds a name, and those between it and the apex, as far as they are not here. A parent's number is
    /// below its children's.
    pub fn add(&mut self, relative: &[u8]) -> u32 {
        let mut starts = [0; LABELS_MAX];
        let mut node = 0;
        let starts = label_starts(relative, &mut starts);
        for &start in starts.iter().rev() {
            let name = &relative[usize::from(start)..];
            let (hash, parent) = (hash(name), node);
            node = self.find_hashed(name, hash).unwrap_or_else(|| {
                let added = self.push(name, hash, parent);
                if split_label(name).0 == b"\x01*" {
                    self.all[parent as usize].below = added;
                }
                added
            });
        }
        node
    }

    fn push(&mut self, name: &[u8], hash: u64, parent: u32) -> u32 {
        if self.all.len() == self.table.room() {
            self.grow();
        }
        let id = self.all.len() as u32;
        self.all.push(Node {
            name_at: self.names.len() as u32,
            name_len: name.len() as u8,
            more_count: 0,
            more_at: 0,
            first: Rrset::NONE,
            cut: NONE,
            below: NONE,
            balanced: NONE,
        });
        self.hashes.push(hash);
        self.parents.push(parent);
        self.places.push(NONE);
        self.names.extend_from_slice(name);
        self.table.add(hash, id);
        id
    }

    fn grow(&mut self) {
        self.table = NameTable::with_room(self.all.len() * 2);
        for (id, &hash) in (0..).zip(&self.hashes) {
            self.table.add(hash, id);
        }
    }

    /// The name of a node, relative to the apex.
    pub fn name(&self, node: u32) -> &[u8] {
        let node = &self.all[node as usize];
        &self.names[node.name_at as usize..][..usize::from(node.name_len)]
    }

    /// The node above; the apex has itself.
    pub fn parent(&self, node: u32) -> u32 {
        self.parents[node as usize]
    }

    /// Appends the name of a node to the octets of the zone.
    pub fn append_name(&mut self, node: u32, blob: &mut Vec<u8>) {
        self.places[node as usize] = blob.len() as u32;
        blob.extend_from_slice(self.name(node));
    }

    /// What answering reads: the table and the nodes, the names of all of which stand in `blob`.
    pub fn finish(mut self, blob: &mut Vec<u8>) -> (NameTable, Box<[Node]>) {
        for id in 0..self.all.len() as u32 {
            if self.places[id as usize] == NONE {
                self.append_name(id, blob);
            }
        }
        for (node, &place) in self.all.iter_mut().zip(&self.places) {
            node.name_at = place;
        }
        (self.table, self.all.into())
    }
}

/// Where the labels of a relative name begin.
fn label_starts<'s>(relative: &[u8], starts: &'s mut [u8; LABELS_MAX]) -> &'s [u8] {
    let (mut count, mut at) = (0, 0);
    while at < relative.len() {
        starts[count] = at as u8;
        count += 1;
        at += 1 + usize::from(relative[at]);
    }
    &starts[..count]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_with_all_above_them_and_nothing_else_is() {
        let mut nodes = Nodes::new();
        let name = |n: usize| {
            let (a, b) = (n.to_string(), (n % 100).to_string());
            let labels = [a.as_bytes(), b.as_bytes(), b"x"];
            let wire = labels.map(|label| [&[label.len() as u8], label].concat());
            wire.concat()
        };
        let added: Vec<_> = (0..5000).map(|n| nodes.add(&name(n))).collect();
        // The apex, x, a hundred below it, and those.
        assert_eq!(nodes.all.len(), 1 + 1 + 100 + 5000);
        for (n, &node) in added.iter().enumerate() {
            assert_eq!(nodes.find(&name(n)), Some(node));
            assert_eq!(nodes.add(&name(n)), node);
            assert_eq!(nodes.name(node), name(n));
            let parent = nodes.find(split_label(&name(n)).1).expect("its parent");
            assert!(parent < node);
            assert_eq!(nodes.parent(node), parent);
        }
        assert_eq!(nodes.find(b""), Some(0));
        assert_eq!(nodes.find(&name(5000)), None);
        assert_eq!(nodes.find(b"\x01y"), None);
        let mut blob = Vec::new();
        nodes.append_name(added[1], &mut blob);
        let (table, all) = nodes.finish(&mut blob);
        assert_eq!((all.len(), all[added[1] as usize].name_at), (5102, 0));
        for (n, &node) in added.iter().enumerate() {
            let node = all[node as usize];
            let placed = &blob[node.name_at as usize..][..usize::from(node.name_len)];
            assert_eq!(placed, name(n));
        }
        assert_eq!(table.candidates(hash(&[])).next(), Some(0));
    }

    #[test]
    fn a_wildcard_is_known_to_its_parent() {
        let mut nodes = Nodes::new();
        let wildcard = nodes.add(b"\x01*\x01a");
        let parent = nodes.find(b"\x01a").expect("its parent");
        assert_eq!(nodes.all[parent as usize].below, wildcard);
        assert_eq!(nodes.all[0].below, NONE);
    }
}
