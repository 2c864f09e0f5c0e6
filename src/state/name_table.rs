//! Hash of a name -> index: flat, open addressing.

/// Finds indices by a name's hash; the caller compares the name itself.
#[derive(Debug)]
pub struct NameTable {
    /// A power of two of them, two at least and at most half full; `EMPTY` where nothing stands.
    slots: Box<[Slot]>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The hash's upper half: most strangers are told apart without a look at their names.
    tag: u32,
    index: u32,
}

const EMPTY: Slot = Slot {
    tag: 0,
    index: u32::MAX,
};

impl Default for NameTable {
    fn default() -> Self {
        NameTable::with_room(0)
    }
}

impl NameTable {
    /// The `i`th of `hashes` finds index `i`.
    pub fn new(hashes: impl ExactSizeIterator<Item = u64>) -> Self {
        let mut table = NameTable::with_room(hashes.len());
        for (index, hash) in (0..).zip(hashes) {
            table.add(hash, index);
        }
        table
    }

    /// For at least so many entries.
    pub(crate) fn with_room(count: usize) -> Self {
        NameTable {
            slots: vec![EMPTY; (count.max(1) * 2).next_power_of_two()].into(),
        }
    }

    /// How many entries there may be.
    pub(crate) fn room(&self) -> usize {
        self.slots.len() / 2
    }

    /// Adds an entry, for which there is room.
    pub(crate) fn add(&mut self, hash: u64, index: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at].index != u32::MAX {
            at = (at + 1) & mask;
        }
        self.slots[at] = Slot {
            tag: tag(hash),
            index,
        };
    }

    /// What stands where the search for `hash` begins, to have it in the cache.
    #[inline]
    pub(super) fn first_slot(&self, hash: u64) -> u32 {
        self.slots[hash as usize & (self.slots.len() - 1)].index
    }

    /// The indices whose hash may be `hash`: the one that is looked for among them, if it is here, and
    /// hardly ever another.
    #[inline(always)]
    pub fn candidates(&self, hash: u64) -> Candidates<'_> {
        Candidates {
            slots: &self.slots,
            at: hash as usize,
            tag: tag(hash),
        }
    }
}

#[inline]
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// See [`NameTable::candidates`].
pub struct Candidates<'a> {
    slots: &'a [Slot],
    at: usize,
    tag: u32,
}

impl Iterator for Candidates<'_> {
    type Item = u32;

    #[inline(always)]
    fn next(&mut self) -> Option<u32> {
        loop {
            let slot = self.slots[self.at & (self.slots.len() - 1)];
            self.at = self.at.wrapping_add(1);
            if slot.index == EMPTY.index {
                return None;
            }
            if slot.tag == self.tag {
                return Some(slot.index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_and_nothing_else() {
        // Many equal hashes and tags: only the comparison tells them apart.
        let hashes: Vec<u64> = (0..1000u64).map(|i| ((i % 7) << 33) | (i % 50)).collect();
        let table = NameTable::new(hashes.iter().copied());
        for (i, &hash) in hashes.iter().enumerate() {
            assert!(table.candidates(hash).any(|found| found as usize == i));
        }
        assert_eq!(table.candidates(1 << 40).next(), None);
        assert_eq!(NameTable::default().candidates(0).next(), None);
    }
}
