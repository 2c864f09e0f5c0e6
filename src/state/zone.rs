//! Zones as the answer engine reads them: names resolved to nodes, RRsets encoded as wire bytes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::name_table::{Candidates, NameTable};
use crate::dns::compose::{Appended, QNAME_POINTER};
use crate::dns::octets::{hash, is_same};
use crate::dns::placed::{POINTER, PlacedName};
use crate::dns::{Name, QueryName, rtype};
use crate::model::{PolicyId, TtlRange};
use crate::prefix_table::NetworkSet;

/// "No such node", where a node index may be absent.
pub const NONE: u32 = u32::MAX;

/// The node of the apex, which always exists.
const APEX: u32 = 0;

/// Every zone, found by the longest apex that a name ends in.
#[derive(Debug, Default)]
pub struct Zones {
    pub(super) table: NameTable,
    pub(super) entries: Box<[ZoneEntry]>,
    node_count: usize,
    /// How many labels apexes have, descending: suffixes of other lengths are not looked up.
    label_counts: Box<[u8]>,
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
    /// Whether it may be asked why its names are answered as they are.
    pub explains: bool,
}

impl ZoneEntry {
    /// Whether it answers everyone, and nothing but what its file and its policies say.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.has_data && self.allow_query.is_none() && !self.explains
    }

    /// Something of it, to have it in the cache.
    #[inline]
    pub(super) fn peek(&self) -> u64 {
        Arc::as_ptr(&self.zone).addr() as u64 ^ u64::from(self.is_open())
    }
}

impl Zones {
    pub fn new(entries: Vec<ZoneEntry>) -> Self {
        let hashes = entries.iter().map(|entry| hash(&entry.zone.apex_lower));
        let table = NameTable::new(hashes);
        let labels = entries.iter().map(|e| e.zone.apex.label_count() as u8);
        let label_counts: BTreeSet<u8> = labels.collect();
        Zones {
            table,
            node_count: entries.iter().map(|entry| entry.zone.node_count()).sum(),
            entries: entries.into(),
            label_counts: label_counts.into_iter().rev().collect(),
        }
    }

    /// The zone that answers for `name` and `qtype`, and which suffix of `name` is its apex: the
    /// longest one there is (RFC 1034, 4.3.2, step 2). DS at an apex stands in the zone that delegates
    /// it (RFC 4035, 3.1.4.1): if that zone is here, too, it answers.
    #[inline(always)]
    pub fn find(&self, name: &QueryName, qtype: u16) -> Option<(&ZoneEntry, usize)> {
        let nearest = self.find_from(name, 0)?;
        if qtype == rtype::DS && nearest.1 == 0 {
            return self.find_delegating(name).or(Some(nearest));
        }
        Some(nearest)
    }

    /// The zone above the one whose apex `name` is, if it delegates that.
    #[cold]
    fn find_delegating(&self, name: &QueryName) -> Option<(&ZoneEntry, usize)> {
        self.find_from(name, 1)
            .filter(|(above, apex)| !above.has_data || above.zone.delegates(name, *apex))
    }

    /// Those suffixes of `name` that have as many labels as an apex has, the longest first.
    #[inline(always)]
    pub(super) fn apex_suffixes(&self, name: &QueryName) -> impl Iterator<Item = usize> {
        let suffix = |&labels: &u8| name.label_count().checked_sub(labels.into());
        self.label_counts.iter().filter_map(suffix)
    }

    /// The zone whose apex is the longest suffix of `name`, of those from `first` on.
    #[inline(always)]
    fn find_from(&self, name: &QueryName, first: usize) -> Option<(&ZoneEntry, usize)> {
        for suffix in self.apex_suffixes(name) {
            if suffix < first {
                continue;
            }
            let apex = name.suffix(suffix);
            let mut candidates = self.table.candidates(hash(apex));
            let Some(index) = candidates.next() else {
                continue;
            };
            let entry = &self.entries[index as usize];
            if is_same(&entry.zone.apex_lower, apex) {
                return Some((entry, suffix));
            }
            if let Some(entry) = self.find_among(candidates, apex) {
                return Some((entry, suffix));
            }
        }
        None
    }

    #[cold]
    fn find_among(&self, candidates: Candidates<'_>, apex: &[u8]) -> Option<&ZoneEntry> {
        let mut entries = candidates.map(|index| &self.entries[index as usize]);
        entries.find(|entry| *entry.zone.apex_lower == *apex)
    }

    /// How many owner names there are in all zones.
    #[inline]
    pub fn node_count(&self) -> usize {
        self.node_count
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
#[repr(C)]
pub struct Zone {
    // What every answer reads comes first: among many zones, a cache line less is a miss less.
    pub(crate) apex_lower: Box<[u8]>,
    pub(crate) table: NameTable,
    pub(crate) nodes: Box<[Node]>,
    /// Names of nodes, and RRsets: a name stands in front of its first RRset.
    pub(crate) blob: Box<[u8]>,
    pub(crate) balanced: Box<[BalancedName]>,
    /// Whether client subnets steer here.
    pub client_subnet: bool,
    /// Whether answers also carry the zone's nameservers.
    pub is_full: bool,
    /// Whether each answer begins an RRset at another record.
    pub is_rotated: bool,
    /// Names in RDATA whose addresses belong in the additional section, or into hints.
    pub(crate) targets: Box<[Target]>,
    /// Places in an RRset's bytes where a [`Compressed`] stands.
    pub(crate) patches: Box<[u16]>,
    /// Those that are not the first of their node.
    pub(crate) more_rrsets: Box<[Rrset]>,
    /// The SOA with the TTL of negative answers (RFC 2308, 3 and 5).
    pub(crate) negative_soa: Rrset,
    pub apex: Name,
    /// Names of the policies that `balanced` refers to, to link them again after a change.
    pub policy_names: Box<[Box<str>]>,
}

/// An owner name, or an empty non-terminal: what most answers need of it lies on one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Node {
    /// Where its labels relative to the apex stand in the blob, in lower case.
    pub name_at: u32,
    pub name_len: u8,
    /// How many RRsets it has beside the first.
    pub more_count: u8,
    /// Where those begin.
    pub more_at: u32,
    /// The one of the lowest type, or [`Rrset::NONE`].
    pub first: Rrset,
    /// The node of the zone cut that this one is or lies below; the apex is none.
    pub cut: u32,
    /// What answers for names below this one that do not exist: the node `*.` below it, or this node
    /// itself, whose DNAME redirects them.
    pub below: u32,
    /// Index into `balanced`.
    pub balanced: u32,
}

const _: () = assert!(size_of::<Node>() == 64);

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

impl Rrset {
    /// Stands where there is none: no zone has records of its type, and nobody looks for them.
    pub(crate) const NONE: Self = Rrset {
        rtype: rtype::OPT,
        count: 0,
        at: 0,
        len: 0,
        patches_at: 0,
        patch_count: 0,
        targets_at: 0,
        target_count: 0,
    };
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

/// A name in the RDATA of an RRset whose addresses come along, or are hints: that of an NS, MX, SRV, SVCB,
/// HTTPS or NAPTR record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Where the name stands in its RRset's bytes; 0 is the owner.
    pub position: u16,
    /// Records of this type come along, too; 0 for none.
    pub also: u16,
    pub node: u32,
    /// Where the record begins in its RRset's bytes, if it offers a service at a balanced name: it is
    /// answered with that name's addresses as hints, and stands here without any. Or [`Target::NO_RECORD`].
    pub hinted: u16,
    /// Addresses come along: once for each name.
    pub is_added: bool,
    /// The record delegates, and the name lies at or below the cut: without it the delegation does
    /// not work (RFC 9471).
    pub is_needed: bool,
}

impl Target {
    /// No RRset is so long.
    pub const NO_RECORD: u16 = u16::MAX;

    /// Whether its record is answered with hints that steering chooses.
    #[inline]
    pub fn is_hinted(&self) -> bool {
        self.hinted != Target::NO_RECORD
    }
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
    #[inline(always)]
    pub fn find(&self, name: &QueryName, apex: usize) -> Found {
        match self.node(name, 0, apex) {
            Some(index) => match self.nodes[index as usize].cut {
                NONE => Found::Node(NodeId(index)),
                cut => Found::Delegated(NodeId(cut)),
            },
            None => self.find_above(name, apex),
        }
    }

    /// Where a name leads that does not exist.
    #[inline(never)]
    fn find_above(&self, name: &QueryName, apex: usize) -> Found {
        // The closest encloser (RFC 4592, 3.3.1), from the apex down: what lies between the apex and a name
        // that exists exists, so the first that does not ends the search.
        let mut encloser = APEX;
        for suffix in (1..apex).rev() {
            match self.node(name, suffix, apex) {
                Some(node) => encloser = node,
                None => break,
            }
        }
        self.found_below(encloser)
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

    #[inline(always)]
    fn node(&self, name: &QueryName, suffix: usize, apex: usize) -> Option<u32> {
        let relative = name.between(suffix, apex);
        let mut candidates = self.table.candidates(hash(relative));
        let node = candidates.next()?;
        match is_same(self.relative_name(NodeId(node)), relative) {
            true => Some(node),
            false => self.node_among(candidates, relative),
        }
    }

    #[cold]
    fn node_among(&self, mut candidates: Candidates<'_>, relative: &[u8]) -> Option<u32> {
        candidates.find(|&node| self.relative_name(NodeId(node)) == relative)
    }

    /// The RRset of the lowest type.
    #[inline]
    pub fn first_rrset(&self, node: NodeId) -> Option<&Rrset> {
        let first = &self.nodes[node.0 as usize].first;
        (first.count > 0).then_some(first)
    }

    /// The RRset of one type that records can have.
    #[inline(always)]
    pub fn rrset(&self, node: NodeId, rtype: u16) -> Option<&Rrset> {
        let node = &self.nodes[node.0 as usize];
        if node.first.rtype == rtype {
            return Some(&node.first);
        }
        let more = &self.more_rrsets[node.more_at as usize..][..usize::from(node.more_count)];
        more.iter().find(|rrset| rrset.rtype == rtype)
    }

    /// What makes the node balanced.
    #[inline(always)]
    pub fn balanced(&self, node: NodeId) -> Option<&BalancedName> {
        self.balanced
            .get(self.nodes[node.0 as usize].balanced as usize)
    }

    /// The node's labels relative to the apex, on the wire in lower case.
    #[inline(always)]
    pub fn relative_name(&self, node: NodeId) -> &[u8] {
        let node = &self.nodes[node.0 as usize];
        &self.blob[node.name_at as usize..][..usize::from(node.name_len)]
    }

    /// The zone's nameservers.
    pub fn nameservers(&self) -> Option<&Rrset> {
        self.rrset(NodeId(APEX), rtype::NS)
    }

    /// The SOA as negative answers carry it.
    #[inline]
    pub fn negative_soa(&self) -> &Rrset {
        &self.negative_soa
    }

    /// The records of an RRset as they stand, owners and pointers not filled in.
    #[inline(always)]
    pub fn records(&self, rrset: &Rrset) -> &[u8] {
        &self.blob[rrset.at as usize..][..usize::from(rrset.len)]
    }

    /// Fills in what depends on the message: `owner` is a pointer to the records' owner, `name` the name
    /// being looked up.
    #[inline(always)]
    pub fn patch(
        &self,
        rrset: &Rrset,
        appended: &mut Appended<'_>,
        owner: u16,
        name: PlacedName,
        turn: Turn,
    ) {
        if rrset.patch_count > 0 {
            self.patch_names(rrset, appended, name, turn);
        }
        if owner != QNAME_POINTER {
            patch_owners(rrset, appended.copied, owner);
        }
    }

    fn patch_names(
        &self,
        rrset: &Rrset,
        appended: &mut Appended<'_>,
        name: PlacedName,
        turn: Turn,
    ) {
        let Appended { before, copied } = appended;
        for &at in &self.patches[rrset.patches_at as usize..][..usize::from(rrset.patch_count)] {
            let octets = &mut copied[turn.place(usize::from(at))..][..2];
            let pointer = match Compressed::from_octets([octets[0], octets[1]]) {
                Compressed::Suffix(len) => name.suffix(before, usize::from(len)),
                Compressed::Own(at) => POINTER | (before.len() as u16 + at),
            };
            octets.copy_from_slice(&pointer.to_be_bytes());
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

    /// Something of each of its cache lines that an answer reads, to have them in the cache.
    #[inline]
    pub(super) fn peek(&self) -> u64 {
        (self.apex_lower.len() ^ self.blob.len() ^ self.targets.len()) as u64
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

    /// The name of a node in lower case, a wildcard's as such.
    pub(crate) fn name(&self, node: NodeId) -> Option<Name> {
        let wire = [self.relative_name(node), &self.apex_lower].concat();
        Name::from_wire(&wire).ok()
    }

    /// Names in the RRset's data that want addresses in the additional section, or as hints.
    #[inline(always)]
    pub(crate) fn targets(&self, rrset: &Rrset) -> &[Target] {
        &self.targets[rrset.targets_at as usize..][..usize::from(rrset.target_count)]
    }

    /// How many owner names there are, empty non-terminals included.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// How many records there are in the zone file.
    pub fn record_count(&self) -> usize {
        let first = self.nodes.iter().map(|node| node.first.count);
        let more = self.more_rrsets.iter().map(|rrset| rrset.count);
        first.chain(more).map(usize::from).sum()
    }
}

fn patch_owners(rrset: &Rrset, copied: &mut [u8], owner: u16) {
    let mut at = 0;
    for _ in 0..rrset.count {
        copied[at..at + 2].copy_from_slice(&owner.to_be_bytes());
        at += 12 + usize::from(u16::from_be_bytes([copied[at + 10], copied[at + 11]]));
    }
}
