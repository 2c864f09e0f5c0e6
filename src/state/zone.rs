//! Zones as the answer engine reads them: names resolved to nodes, RRsets encoded as wire bytes.

use std::sync::Arc;

use super::name_table::NameTable;
use crate::dns::compose::QNAME_POINTER;
use crate::dns::placed::{POINTER, PlacedName};
use crate::dns::{Name, QueryName, rtype};
use crate::model::{PolicyId, TtlRange};
use crate::prefix_table::NetworkSet;

/// "No such node", where a node index may be absent.
pub const NONE: u32 = u32::MAX;

/// Every zone, found by the longest apex that a name ends in.
#[derive(Debug, Default)]
pub struct Zones {
    table: NameTable,
    entries: Box<[ZoneEntry]>,
    /// Bit `n` is set when some apex has `n` labels: suffixes of other lengths are not looked up.
    label_counts: u128,
}

/// A zone within a root, with its policies linked to the root's [`Pools`](super::Pools).
#[derive(Debug)]
pub struct ZoneEntry {
    pub zone: Arc<Zone>,
    /// By [`BalancedName::policy`].
    pub policies: Box<[PolicyId]>,
    /// Whom queries for it are answered: the zone's own list, or else the server's. `None`: everyone.
    pub allow_query: Option<Arc<NetworkSet>>,
    /// False where the zone's file never could be read: every query for it fails.
    pub has_data: bool,
}

impl Zones {
    pub fn new(entries: Vec<ZoneEntry>) -> Self {
        let hashes = entries.iter().map(|entry| {
            let mut name = QueryName::default();
            name.read(entry.zone.apex.as_wire());
            name.hash_of(0)
        });
        let table = NameTable::new(hashes);
        let label_counts = entries
            .iter()
            .fold(0, |bits, e| bits | 1 << e.zone.apex.label_count());
        Zones {
            table,
            entries: entries.into(),
            label_counts,
        }
    }

    /// The zone that answers for `name` and `qtype`, and which suffix of `name` is its apex: the
    /// longest one there is (RFC 1034, 4.3.2, step 2). DS at an apex stands in the zone that delegates
    /// it (RFC 4035, 3.1.4.1): if that zone is here, too, it answers.
    #[inline]
    pub fn find(&self, name: &QueryName, qtype: u16) -> Option<(&ZoneEntry, usize)> {
        let nearest = self.find_from(name, 0)?;
        if qtype == rtype::DS && nearest.1 == 0 {
            let above = self.find_from(name, 1);
            let parent =
                above.filter(|(above, apex)| !above.has_data || above.zone.delegates(name, *apex));
            return parent.or(Some(nearest));
        }
        Some(nearest)
    }

    /// The zone whose apex is the longest suffix of `name`, of those from `first` on.
    #[inline]
    fn find_from(&self, name: &QueryName, first: usize) -> Option<(&ZoneEntry, usize)> {
        let count = name.label_count();
        (first..=count)
            .filter(|suffix| self.label_counts & 1 << (count - suffix) != 0)
            .find_map(|suffix| {
                let apex = name.suffix(suffix);
                let found = self.table.find(name.hash_of(suffix), |i| {
                    self.entries[i as usize].zone.apex_lower[..] == *apex
                })?;
                Some((&self.entries[found as usize], suffix))
            })
    }

    pub fn iter(&self) -> impl Iterator<Item = &ZoneEntry> {
        self.entries.iter()
    }
}

/// One zone.
///
/// RRsets stand in `blob` ready to be copied: owner (a pointer to the question's name), TYPE, CLASS,
/// TTL, RDLENGTH, RDATA, record after record. Where names in RDATA are compressed, two octets at
/// `patches` say what to point to, and become that pointer after copying: see [`Compressed`].
#[derive(Debug)]
pub struct Zone {
    pub apex: Name,
    pub(crate) apex_lower: Box<[u8]>,
    /// Whether client subnets steer here.
    pub client_subnet: bool,
    /// Whether answers also carry the zone's nameservers.
    pub is_full: bool,
    /// Whether each answer begins an RRset at another record.
    pub is_rotated: bool,
    pub(crate) table: NameTable,
    pub(crate) nodes: Box<[Node]>,
    pub(crate) rrsets: Box<[Rrset]>,
    pub(crate) blob: Box<[u8]>,
    /// Lower-case labels of all nodes, relative to the apex.
    pub(crate) names: Box<[u8]>,
    /// Places in an RRset's bytes where a [`Compressed`] stands.
    pub(crate) patches: Box<[u16]>,
    /// Names in RDATA whose addresses belong in the additional section.
    pub(crate) targets: Box<[Target]>,
    pub(crate) balanced: Box<[BalancedName]>,
    /// Names of the policies that `balanced` refers to, to link them again after a change.
    pub policy_names: Box<[Box<str>]>,
    /// The SOA with the TTL of negative answers (RFC 2308, 3 and 5).
    pub(crate) negative_soa: Rrset,
    /// Labels of the longest name, apex included: no longer suffix can be in the table.
    pub(crate) label_count_max: u8,
}

/// An owner name, or an empty non-terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub name_at: u32,
    pub name_len: u8,
    pub rrset_count: u8,
    pub rrsets_at: u32,
    /// The node of the zone cut that this one is or lies below; the apex is none.
    pub cut: u32,
    /// What answers for names below this one that do not exist: the node `*.` below it, or this node
    /// itself, whose DNAME redirects them.
    pub below: u32,
    /// Index into `balanced`.
    pub balanced: u32,
}

/// Records of one owner and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rrset {
    pub rtype: u16,
    pub count: u16,
    pub(crate) at: u32,
    pub(crate) len: u16,
    pub(crate) patches_at: u32,
    pub(crate) patch_count: u16,
    pub(crate) targets_at: u32,
    pub(crate) target_count: u16,
}

/// The end of a compressed name, as it stands in a [`Zone`]: two octets, of which a message gets a
/// pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compressed {
    /// That suffix of the name being looked up which has so many octets, 2..=255: the RRset's owner,
    /// or a name above it.
    Suffix(u8),
    /// What stands at this place of the RRset's own bytes.
    Own(u16),
}

impl Compressed {
    /// Places past this one are not pointed to: the RRset that an answer is about begins below it, so
    /// that a pointer's 14 bits suffice.
    pub const OWN_MAX: usize = 0x1FFF;

    pub fn to_octets(self) -> [u8; 2] {
        match self {
            Compressed::Suffix(len) => [0, len],
            Compressed::Own(at) => (POINTER | at).to_be_bytes(),
        }
    }

    #[inline]
    fn from_octets(octets: [u8; 2]) -> Self {
        match octets {
            [0, len] => Compressed::Suffix(len),
            other => Compressed::Own(u16::from_be_bytes(other) & !POINTER),
        }
    }
}

/// By how many octets an RRset was rotated when it was copied.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    by: u16,
    len: u16,
}

impl Turn {
    pub const NONE: Turn = Turn { by: 0, len: 0 };

    /// Where that stands which stood at `at`.
    #[inline]
    pub fn place(self, at: usize) -> usize {
        match at.checked_sub(usize::from(self.by)) {
            Some(place) => place,
            None => at + usize::from(self.len - self.by),
        }
    }
}

/// A name in the RDATA of an RRset whose addresses come along: that of an NS, MX, SRV, SVCB, HTTPS or
/// NAPTR record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Where the name stands in its RRset's bytes; 0 is the owner.
    pub position: u16,
    /// Records of this type come along, too; 0 for none.
    pub also: u16,
    pub node: u32,
    /// The record delegates, and the name lies at or below the cut: without it the delegation does
    /// not work (RFC 9471).
    pub is_needed: bool,
}

/// What a zone says of a balanced name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalancedName {
    /// Index into [`ZoneEntry::policies`].
    pub policy: u16,
    pub ttl: TtlRange,
    pub answers: u8,
}

/// Where a name leads within its zone (RFC 1034, 4.3.2, step 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The name itself, or the wildcard that covers it.
    Node(NodeId),
    /// Below a node with a DNAME.
    Redirected(NodeId),
    /// At or below a zone cut.
    Delegated(NodeId),
    /// Neither the name nor a wildcard for it exists.
    Nothing,
}

/// A node, by its place in its zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeId(pub(crate) u32);

impl Zone {
    /// Follows `name`, of which suffix `apex` is this zone's apex.
    #[inline]
    pub fn find(&self, name: &QueryName, apex: usize) -> Found {
        if let Some(index) = self.node(name, 0, apex) {
            return match self.nodes[index as usize].cut {
                NONE => Found::Node(NodeId(index)),
                cut => Found::Delegated(NodeId(cut)),
            };
        }
        // The closest encloser (RFC 4592, 3.3.1). The apex always exists.
        let longest = name
            .label_count()
            .saturating_sub(usize::from(self.label_count_max));
        let encloser = (longest.max(1)..=apex).find_map(|suffix| self.node(name, suffix, apex));
        encloser.map_or(Found::Nothing, |encloser| self.found_below(encloser))
    }

    /// Whether there is a zone cut at `name` itself.
    pub fn delegates(&self, name: &QueryName, apex: usize) -> bool {
        match self.find(name, apex) {
            Found::Delegated(cut) => self.relative_name(cut) == name.between(0, apex),
            Found::Node(_) | Found::Redirected(_) | Found::Nothing => false,
        }
    }

    /// Where a name leads that does not exist, and whose closest encloser does.
    #[inline]
    fn found_below(&self, encloser: u32) -> Found {
        let node = &self.nodes[encloser as usize];
        match (node.cut, node.below) {
            (NONE, NONE) => Found::Nothing,
            (NONE, below) if below == encloser => Found::Redirected(NodeId(below)),
            (NONE, below) => Found::Node(NodeId(below)),
            (cut, _) => Found::Delegated(NodeId(cut)),
        }
    }

    #[inline]
    fn node(&self, name: &QueryName, suffix: usize, apex: usize) -> Option<u32> {
        let relative = name.between(suffix, apex);
        self.table.find(name.hash_of(suffix), |i| {
            let node = &self.nodes[i as usize];
            self.names[node.name_at as usize..][..usize::from(node.name_len)] == *relative
        })
    }

    /// The RRsets of a node, in order of type.
    #[inline]
    pub fn rrsets(&self, node: NodeId) -> &[Rrset] {
        let node = &self.nodes[node.0 as usize];
        &self.rrsets[node.rrsets_at as usize..][..usize::from(node.rrset_count)]
    }

    /// The RRset of one type.
    #[inline]
    pub fn rrset(&self, node: NodeId, rtype: u16) -> Option<&Rrset> {
        self.rrsets(node).iter().find(|rrset| rrset.rtype == rtype)
    }

    /// What makes the node balanced.
    #[inline]
    pub fn balanced(&self, node: NodeId) -> Option<&BalancedName> {
        self.balanced
            .get(self.nodes[node.0 as usize].balanced as usize)
    }

    /// The node's labels relative to the apex, on the wire in lower case.
    pub fn relative_name(&self, node: NodeId) -> &[u8] {
        let node = &self.nodes[node.0 as usize];
        &self.names[node.name_at as usize..][..usize::from(node.name_len)]
    }

    /// The zone's nameservers.
    pub fn nameservers(&self) -> Option<&Rrset> {
        self.rrset(NodeId(0), rtype::NS)
    }

    /// The SOA as negative answers carry it.
    #[inline]
    pub fn negative_soa(&self) -> &Rrset {
        &self.negative_soa
    }

    /// The records of an RRset as they stand, owners and pointers not filled in.
    #[inline]
    pub fn records(&self, rrset: &Rrset) -> &[u8] {
        &self.blob[rrset.at as usize..][..usize::from(rrset.len)]
    }

    /// Fills in what depends on the message, of which `before` precedes the copied records: `owner` is a
    /// pointer to their owner, `name` the name being looked up.
    #[inline]
    pub fn patch(
        &self,
        rrset: &Rrset,
        before: &[u8],
        copied: &mut [u8],
        owner: u16,
        name: PlacedName,
        turn: Turn,
    ) {
        for &at in &self.patches[rrset.patches_at as usize..][..usize::from(rrset.patch_count)] {
            let octets = &mut copied[turn.place(usize::from(at))..][..2];
            let pointer = match Compressed::from_octets([octets[0], octets[1]]) {
                Compressed::Suffix(len) => name.suffix(before, usize::from(len)),
                Compressed::Own(at) => POINTER | (before.len() as u16 + at),
            };
            octets.copy_from_slice(&pointer.to_be_bytes());
        }
        if owner == QNAME_POINTER {
            return;
        }
        let mut at = 0;
        for _ in 0..rrset.count {
            copied[at..at + 2].copy_from_slice(&owner.to_be_bytes());
            at += 12 + usize::from(u16::from_be_bytes([copied[at + 10], copied[at + 11]]));
        }
    }

    /// Makes record `first` of the copied ones the first, and those before it the last. Its names must
    /// not be compressed against each other.
    pub fn turn(&self, rrset: &Rrset, copied: &mut [u8], first: usize) -> Turn {
        let mut at = 0;
        for _ in 0..first {
            at += 12 + usize::from(u16::from_be_bytes([copied[at + 10], copied[at + 11]]));
        }
        copied.rotate_left(at);
        Turn {
            by: at as u16,
            len: rrset.len,
        }
    }

    /// Octets of the apex on the wire.
    #[inline]
    pub fn apex_len(&self) -> usize {
        self.apex_lower.len()
    }

    /// Octets of a node's name on the wire.
    #[inline]
    pub fn name_len(&self, node: NodeId) -> usize {
        usize::from(self.nodes[node.0 as usize].name_len) + self.apex_lower.len()
    }

    /// Whether `name` is the apex or lies below it.
    pub fn contains(&self, name: &QueryName) -> bool {
        let labels = name.label_count().checked_sub(self.apex.label_count());
        labels.is_some_and(|apex| *name.suffix(apex) == *self.apex_lower)
    }

    /// Names in the RRset's data that want addresses in the additional section.
    #[inline]
    pub(crate) fn targets(&self, rrset: &Rrset) -> &[Target] {
        &self.targets[rrset.targets_at as usize..][..usize::from(rrset.target_count)]
    }

    /// How many owner names there are, empty non-terminals included.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// How many records there are in the zone file.
    pub fn record_count(&self) -> usize {
        self.rrsets
            .iter()
            .map(|rrset| usize::from(rrset.count))
            .sum()
    }
}
