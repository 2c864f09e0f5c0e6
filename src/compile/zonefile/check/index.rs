//! Records by owner and type, without copying them.

use super::super::records::{Entry, Records};
use crate::config::Place;
use crate::dns::{Name, name, rtype};

/// The records of a zone, which are sorted.
pub(super) struct Index<'r> {
    pub records: &'r Records,
    /// Where the entries of each owner begin, and where the last one's end.
    starts: Vec<u32>,
}

/// All records of one owner and type, at least one.
#[derive(Clone, Copy)]
pub(super) struct RrSet<'r> {
    records: &'r Records,
    entries: &'r [Entry],
    /// The number of the first one among all records.
    first: usize,
}

impl<'r> Index<'r> {
    pub fn new(records: &'r Records) -> Self {
        let mut starts = vec![0; records.owners.len() + 1];
        for entry in &records.entries {
            starts[entry.owner as usize + 1] += 1;
        }
        // Fewer than 2^32 records: each has some text or a number of `$GENERATE`.
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Index { records, starts }
    }

    /// The number of a name (on the wire) that has records.
    pub fn owner(&self, wire: &[u8]) -> Option<u32> {
        self.records.owners.find(wire)
    }

    /// All RRsets, those of an owner together.
    pub fn rrsets(&self) -> impl Iterator<Item = RrSet<'r>> + use<'r> {
        rrsets(self.records, 0, self.records.entries.len())
    }

    /// The RRsets of an owner, by its number.
    pub fn rrsets_of(&self, owner: u32) -> impl Iterator<Item = RrSet<'r>> + use<'r> {
        let [start, end] = [0, 1].map(|next| self.starts[owner as usize + next] as usize);
        rrsets(self.records, start, end)
    }

    /// The RRsets of a name, if it has any.
    pub fn rrsets_at(&self, wire: &[u8]) -> impl Iterator<Item = RrSet<'r>> + use<'r> {
        let sets = self.owner(wire).map(|owner| self.rrsets_of(owner));
        sets.into_iter().flatten()
    }

    /// Where the first record of an owner and type stands.
    pub fn place(&self, owner: u32, rtype: u16) -> Place {
        let mut sets = self.rrsets_of(owner);
        let set = sets.find(|set| set.rtype() == rtype);
        let entry = set.map_or(&self.records.entries[0], |set| &set.entries[0]);
        self.records.place(entry)
    }

    pub fn has(&self, wire: &[u8], rtype: u16) -> bool {
        self.rrsets_at(wire).any(|set| set.rtype() == rtype)
    }

    /// Whether an owner has A or AAAA records.
    pub fn has_address(&self, owner: u32) -> bool {
        self.rrsets_of(owner)
            .any(|set| matches!(set.rtype(), rtype::A | rtype::AAAA))
    }
}

fn rrsets(records: &Records, start: usize, end: usize) -> impl Iterator<Item = RrSet<'_>> {
    let mut first = start;
    records.entries[start..end]
        .chunk_by(|a, b| a.key() == b.key())
        .map(move |entries| {
            let set = RrSet {
                records,
                entries,
                first,
            };
            first += entries.len();
            set
        })
}

impl<'r> RrSet<'r> {
    pub fn len(self) -> usize {
        self.entries.len()
    }

    /// By number.
    pub fn owner(self) -> u32 {
        self.entries[0].owner
    }

    pub fn owner_name(self) -> &'r Name {
        self.records.owners.name(self.owner())
    }

    pub fn rtype(self) -> u16 {
        self.entries[0].rtype
    }

    /// Of the first one in the file.
    pub fn place(self) -> Place {
        self.place_of(&self.entries[0])
    }

    pub fn place_of(self, entry: &Entry) -> Place {
        self.records.place(entry)
    }

    /// In the order of the file.
    pub fn entries(self) -> &'r [Entry] {
        self.entries
    }

    /// With the number of each among all records.
    pub fn numbered(self) -> impl Iterator<Item = (usize, &'r Entry)> {
        (self.first..).zip(self.entries)
    }

    pub fn rdata(self, entry: &Entry) -> &'r [u8] {
        self.records.rdata(entry)
    }
}

/// The names above `wire` down to `apex`, from the nearest on.
pub(super) fn ancestors<'n>(wire: &'n [u8], apex: &Name) -> impl Iterator<Item = &'n [u8]> {
    let apex_len = apex.as_wire().len();
    std::iter::successors(name::parent(wire), |above| name::parent(above))
        .take_while(move |above| above.len() >= apex_len)
}
