//! The records of a zone, close together: 24 octets each, and the octets of owners and data.

use std::path::Path;
use std::sync::Arc;

use super::owners::Owners;
use crate::config::Place;
use crate::dns::Name;

/// The records of a zone, those of an owner together and among them those of a type; owners in the
/// order in which they first came, records of an RRset in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Records {
    pub(super) files: Vec<Arc<Path>>,
    pub(super) owners: Owners,
    pub(super) entries: Vec<Entry>,
    pub(super) rdata: Vec<u8>,
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub struct ZoneRecord<'r> {
    pub owner: &'r Name,
    pub rtype: u16,
    /// Seconds, at most [`TTL_MAX`](super::TTL_MAX); the same for all records of an RRset.
    pub ttl: u32,
    /// Wire format without compression.
    pub rdata: &'r [u8],
    spot: Spot,
    files: &'r [Arc<Path>],
}

/// Where a record was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub line: u32,
    pub file: u16,
    /// At most `u16::MAX`: a record so far to the right has its line for a place.
    pub column: u16,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// By number.
    pub owner: u32,
    pub rtype: u16,
    pub rdata_len: u16,
    pub rdata_at: u32,
    pub ttl: u32,
    pub spot: Spot,
}

impl Entry {
    /// What an RRset has in common.
    pub fn key(&self) -> (u32, u16) {
        (self.owner, self.rtype)
    }
}

impl Spot {
    pub fn place(self, files: &[Arc<Path>]) -> Place {
        Place {
            file: Arc::clone(&files[usize::from(self.file)]),
            line: self.line,
            column: self.column.into(),
        }
    }
}

impl ZoneRecord<'_> {
    /// Where it was written: what follows the owner. The file may be an included one.
    pub fn place(&self) -> Place {
        self.spot.place(self.files)
    }
}

impl Records {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = ZoneRecord<'_>> + Clone {
        self.entries.iter().map(|entry| self.record(entry))
    }

    /// The records of each owner and type, at least one.
    pub fn rrsets(
        &self,
    ) -> impl Iterator<Item = impl ExactSizeIterator<Item = ZoneRecord<'_>> + Clone> {
        let sets = self.entries.chunk_by(|a, b| a.key() == b.key());
        sets.map(|set| set.iter().map(|entry| self.record(entry)))
    }

    pub(super) fn record(&self, entry: &Entry) -> ZoneRecord<'_> {
        ZoneRecord {
            owner: self.owners.name(entry.owner),
            rtype: entry.rtype,
            ttl: entry.ttl,
            rdata: self.rdata(entry),
            spot: entry.spot,
            files: &self.files,
        }
    }

    pub(super) fn rdata(&self, entry: &Entry) -> &[u8] {
        &self.rdata[entry.rdata_at as usize..][..usize::from(entry.rdata_len)]
    }

    pub(super) fn place(&self, entry: &Entry) -> Place {
        entry.spot.place(&self.files)
    }

    /// Brings them from the order of the file into that of RRsets.
    pub(super) fn sort(&mut self) {
        // They nearly always are; sorting takes memory of its own.
        if !self.entries.is_sorted_by_key(Entry::key) {
            self.entries.sort_by_key(Entry::key);
        }
    }

    /// Gives back the memory that only reading and checking needs.
    pub(super) fn freeze(&mut self) {
        self.owners.freeze();
        self.entries.shrink_to_fit();
        self.rdata.shrink_to_fit();
    }
}
