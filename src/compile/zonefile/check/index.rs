//! Records by owner and type, without copying them.

use std::collections::HashMap;
use std::ops::Range;

use domain::base::iana::Rtype;

use super::super::ZoneRecord;
use crate::dns::Name;

/// The place of a record in an index: sorts by owner (in the order of the file), type and line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    owner: u32,
    rtype: u16,
    record: u32,
}

pub(super) struct Index<'r> {
    records: &'r [ZoneRecord],
    keys: Vec<Key>,
    /// The number of each owner.
    owners: HashMap<&'r Name, u32>,
    /// Where the keys of an owner are, by its number.
    ranges: Vec<Range<usize>>,
}

/// All records of one owner and type, at least one.
#[derive(Clone, Copy)]
pub(super) struct RrSet<'i, 'r> {
    records: &'r [ZoneRecord],
    keys: &'i [Key],
}

impl<'r> Index<'r> {
    pub fn new(records: &'r [ZoneRecord]) -> Self {
        let mut owners: HashMap<&Name, u32> = HashMap::new();
        let mut keys: Vec<Key> = Vec::with_capacity(records.len());
        // Zones are at most 1 GiB of text, so fewer than 2^32 records.
        for (record, data) in (0..).zip(records) {
            let next = owners.len() as u32;
            keys.push(Key {
                owner: *owners.entry(&data.owner).or_insert(next),
                rtype: data.rtype,
                record,
            });
        }
        keys.sort_unstable();
        let mut start = 0;
        let by_owner = keys.chunk_by(|a, b| a.owner == b.owner);
        let ranges = by_owner
            .map(|keys| {
                let range = start..start + keys.len();
                start = range.end;
                range
            })
            .collect();
        Index {
            records,
            keys,
            owners,
            ranges,
        }
    }

    pub fn has_owner(&self, owner: &Name) -> bool {
        self.owners.contains_key(owner)
    }

    /// All RRsets, those of an owner together.
    pub fn rrsets(&self) -> impl Iterator<Item = RrSet<'_, 'r>> {
        self.rrsets_in(0..self.keys.len())
    }

    /// The RRsets of one owner.
    pub fn rrsets_of(&self, owner: &Name) -> impl Iterator<Item = RrSet<'_, 'r>> {
        let number = self.owners.get(owner);
        let keys = number.map(|&number| self.ranges[number as usize].clone());
        self.rrsets_in(keys.unwrap_or_default())
    }

    fn rrsets_in(&self, keys: Range<usize>) -> impl Iterator<Item = RrSet<'_, 'r>> {
        self.keys[keys]
            .chunk_by(|a, b| (a.owner, a.rtype) == (b.owner, b.rtype))
            .map(|keys| RrSet {
                records: self.records,
                keys,
            })
    }

    pub fn rrset(&self, owner: &Name, rtype: Rtype) -> Option<RrSet<'_, 'r>> {
        self.rrsets_of(owner).find(|set| set.rtype() == rtype)
    }

    pub fn has(&self, owner: &Name, rtype: Rtype) -> bool {
        self.rrset(owner, rtype).is_some()
    }

    /// Whether an owner has A or AAAA records.
    pub fn has_address(&self, owner: &Name) -> bool {
        self.rrsets_of(owner)
            .any(|set| matches!(set.rtype(), Rtype::A | Rtype::AAAA))
    }
}

impl<'i, 'r> RrSet<'i, 'r> {
    /// The first one in the file.
    pub fn first(&self) -> &'r ZoneRecord {
        &self.records[self.keys[0].record as usize]
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn owner(&self) -> &'r Name {
        &self.first().owner
    }

    pub fn rtype(&self) -> Rtype {
        Rtype::from_int(self.keys[0].rtype)
    }

    /// In the order of the file.
    pub fn records(self) -> impl Iterator<Item = &'r ZoneRecord> + use<'i, 'r> {
        self.numbered().map(|(_, record)| record)
    }

    /// With the number of each among the records of the zone.
    pub fn numbered(self) -> impl Iterator<Item = (usize, &'r ZoneRecord)> + use<'i, 'r> {
        let records = self.records;
        self.keys
            .iter()
            .map(|key| key.record as usize)
            .map(move |number| (number, &records[number]))
    }
}
