//! Which names exist, and who answers below each?

use std::collections::HashSet;

use super::super::zonefile::Records;
use super::{BalancedSpec, Builder, split_label};
use crate::dns::name::NAME_LEN_MAX;
use crate::dns::{Name, rtype};
use crate::state::zone::NONE;

impl Builder<'_> {
    /// `name` without the apex, in lower case; `None` outside the zone.
    fn relative<'b>(&self, name: &Name, to: &'b mut [u8; NAME_LEN_MAX]) -> Option<&'b [u8]> {
        if !name.is_in(self.apex) {
            return None;
        }
        let len = name.as_wire().len() - self.apex.as_wire().len();
        let relative = &mut to[..len];
        relative.copy_from_slice(&name.as_wire()[..len]);
        relative.make_ascii_lowercase();
        Some(relative)
    }

    pub(super) fn node_of(&self, name: &Name) -> Option<u32> {
        let mut relative = [0; NAME_LEN_MAX];
        self.nodes.find(self.relative(name, &mut relative)?)
    }

    /// The node that answers for the name: its own, or the wildcard that covers it. None at or below a
    /// zone cut.
    pub(super) fn authoritative_node_of(&self, name: &Name) -> Option<u32> {
        let mut relative = [0; NAME_LEN_MAX];
        let relative = self.relative(name, &mut relative)?;
        let own = self.nodes.find(relative);
        let is_ours = |&node: &u32| self.nodes.all[node as usize].cut == NONE;
        if own.is_some() {
            return own.filter(is_ours);
        }
        let mut rest = relative;
        let encloser = loop {
            rest = split_label(rest).1;
            if let Some(encloser) = self.nodes.find(rest) {
                break encloser;
            }
        };
        let below = self.nodes.all[encloser as usize].below;
        Some(below).filter(|&below| below != NONE && below != encloser && is_ours(&encloser))
    }

    /// Nodes for all owners and for the empty non-terminals between them and the apex.
    pub(super) fn add_owners(&mut self, records: &Records, balanced: &[BalancedSpec<'_>]) {
        let redirections = Redirections::new(self.apex, records);
        let mut last: Option<(&Name, u32)> = None;
        for record in records.iter() {
            // Records of one owner stand together.
            let node = match last {
                Some((owner, node)) if std::ptr::eq(owner, record.owner) => node,
                _ => self.add_owner(record.owner, &redirections),
            };
            last = Some((record.owner, node));
            self.owners.push(node);
        }
        for spec in balanced {
            self.add_owner(spec.owner, &redirections);
        }
    }

    /// The node of an owner; `NONE` where there is to be none.
    fn add_owner(&mut self, owner: &Name, redirections: &Redirections<'_>) -> u32 {
        let mut relative = [0; NAME_LEN_MAX];
        match self.relative(owner, &mut relative) {
            Some(relative) if !redirections.hide(owner) => self.nodes.add(relative),
            _ => NONE,
        }
    }

    /// The nodes of the records of one type.
    fn nodes_with(&self, records: &Records, rtype: u16) -> Vec<u32> {
        let records = records.iter().zip(&self.owners);
        let nodes = records.filter(|(record, node)| record.rtype == rtype && **node != NONE);
        nodes.map(|(_, &node)| node).collect()
    }

    /// Tells every node at or below a zone cut which cut that is: the one nearest to the apex.
    pub(super) fn link_cuts(&mut self, records: &Records) {
        let cuts = self.nodes_with(records, rtype::NS);
        for &node in cuts.iter().filter(|&&node| node != 0) {
            self.nodes.all[node as usize].cut = node;
        }
        // A parent's index is below its children's, so one pass in order reaches everyone.
        for id in 1..self.nodes.all.len() {
            let parent = self.nodes.parent(id as u32);
            let above = self.nodes.all[parent as usize].cut;
            if above != NONE {
                self.nodes.all[id].cut = above;
            }
        }
    }

    /// Tells every node with a DNAME that it answers for what would be below it. At or below a zone
    /// cut, that is not ours to say.
    pub(super) fn link_redirections(&mut self, records: &Records) {
        for id in self.nodes_with(records, rtype::DNAME) {
            let node = &mut self.nodes.all[id as usize];
            if node.cut == NONE {
                node.below = id;
            }
        }
    }
}

/// Owners of DNAME and of delegations.
struct Redirections<'r> {
    apex: &'r Name,
    dnames: HashSet<&'r Name>,
    cuts: HashSet<&'r Name>,
}

impl<'r> Redirections<'r> {
    fn new(apex: &'r Name, records: &'r Records) -> Self {
        let owners = |rtype: u16| {
            let records = records.iter().filter(move |record| record.rtype == rtype);
            records.map(|record| record.owner)
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
