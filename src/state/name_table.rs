//! Hash of a name -> index: flat, open addressing.

/// Finds an index by a name's hash; the caller compares the name itself.
#[derive(Debug, Default)]
pub struct NameTable {
    /// A power of two of them, at most half full; `EMPTY` where nothing stands.
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
            slots: vec![EMPTY; (count * 2).next_power_of_two()].into(),
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
            tag: (hash >> 32) as u32,
            index,
        };
    }

    /// The index whose hash is `hash` and of which `is_same` says yes.
    #[inline]
    pub fn find(&self, hash: u64, is_same: impl Fn(u32) -> bool) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let tag = (hash >> 32) as u32;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.index == u32::MAX {
                return None;
            }
            if slot.tag == tag && is_same(slot.index) {
                return Some(slot.index);
            }
            at = (at + 1) & mask;
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
            assert_eq!(
                table.find(hash, |found| found as usize == i),
                Some(i as u32)
            );
        }
        assert_eq!(table.find(1 << 40, |_| true), None);
        assert_eq!(NameTable::default().find(0, |_| true), None);
    }
}
