//! The nodes of a zone while they are collected, found by name.
//!
//! A zone may have a million names, each looked up several times: nothing is copied for that, and a
//! name's hash is the one that answering uses.

use super::{Refused, split_label};
use crate::dns::Name;
use crate::dns::name::LABELS_MAX;
use crate::dns::query_name::hash_label;
use crate::state::name_table::NameTable;
use crate::state::zone::{NONE, Node};

pub(super) struct Nodes {
    pub all: Vec<Node>,
    /// By node.
    hashes: Vec<u64>,
    /// By node; the apex is its own.
    parents: Vec<u32>,
    names: Vec<u8>,
    table: NameTable,
    apex_hash: u64,
    /// Labels of the longest name, relative to the apex.
    pub label_count_max: usize,
}

impl Nodes {
    /// With the apex as the first node.
    pub fn new(apex_hash: u64) -> Self {
        let mut nodes = Nodes {
            all: Vec::new(),
            hashes: Vec::new(),
            parents: Vec::new(),
            names: Vec::new(),
            table: NameTable::with_room(16),
            apex_hash,
            label_count_max: 0,
        };
        nodes.push(&[], apex_hash, 0);
        nodes
    }

    /// The node of a name relative to the apex, in lower case.
    pub fn find(&self, relative: &[u8]) -> Option<u32> {
        let mut starts = [0; LABELS_MAX];
        let labels = label_starts(relative, &mut starts).iter().rev();
        let hash = labels.fold(self.apex_hash, |hash, &start| {
            hash_label(hash, split_label(&relative[usize::from(start)..]).0)
        });
        self.find_hashed(relative, hash)
    }

    fn find_hashed(&self, relative: &[u8], hash: u64) -> Option<u32> {
        let is_same = |node| self.name(node) == relative;
        self.table.find(hash, is_same)
    }

    /// Adds a name, and those between it and the apex, as far as they are not here. A parent's number is
    /// below its children's.
    pub fn add(&mut self, relative: &[u8]) -> u32 {
        let mut starts = [0; LABELS_MAX];
        let (mut node, mut hash) = (0, self.apex_hash);
        let starts = label_starts(relative, &mut starts);
        self.label_count_max = self.label_count_max.max(starts.len());
        for &start in starts.iter().rev() {
            let name = &relative[usize::from(start)..];
            let label = split_label(name).0;
            hash = hash_label(hash, label);
            let parent = node;
            node = self.find_hashed(name, hash).unwrap_or_else(|| {
                let added = self.push(name, hash, parent);
                if label == b"\x01*" {
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
            rrset_count: 0,
            rrsets_at: 0,
            cut: NONE,
            below: NONE,
            balanced: NONE,
        });
        self.hashes.push(hash);
        self.parents.push(parent);
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

    /// Nodes find their names by 32 bits. A text of 1 GiB can have more of them, below a long `$ORIGIN`.
    pub fn check_size(&self, apex: &Name) -> Result<(), Refused> {
        match u32::try_from(self.names.len()) {
            Ok(_) => Ok(()),
            Err(_) => Err(Refused {
                place: None,
                message: format!("the names of zone `{apex}` have more than 4 GiB; split the zone"),
            }),
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

    /// What answering reads: the table, the nodes and their names.
    pub fn finish(self) -> (NameTable, Box<[Node]>, Box<[u8]>) {
        (self.table, self.all.into(), self.names.into())
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
        let mut nodes = Nodes::new(7);
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
        assert_eq!(nodes.label_count_max, 3);
        let (table, all, names) = nodes.finish();
        assert_eq!((all.len(), names.is_empty()), (5102, false));
        assert_eq!(table.find(7, |node| node == 0), Some(0));
    }

    #[test]
    fn a_wildcard_is_known_to_its_parent() {
        let mut nodes = Nodes::new(7);
        let wildcard = nodes.add(b"\x01*\x01a");
        let parent = nodes.find(b"\x01a").expect("its parent");
        assert_eq!(nodes.all[parent as usize].below, wildcard);
        assert_eq!(nodes.all[0].below, NONE);
    }
}
