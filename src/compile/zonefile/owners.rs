//! The owners of a zone's records, each once: a name <-> its number.

use std::hash::{BuildHasher, RandomState};

use crate::dns::Name;
use crate::dns::name::NAME_LEN_MAX;

/// Names by number, in the order in which they first came.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners {
    names: Vec<Name>,
    /// Open addressing, a power of two of them, at most three quarters full.
    slots: Vec<Slot>,
    /// Seeded: a zone file cannot be made so that its names collide.
    hasher: RandomState,
}

/// In the upper half a part of the hash: most strangers are told apart without a look at their names,
/// and slots can be dealt out anew without one. In the lower half the number, from 1.
type Slot = u64;

/// Zero, so that a large table costs memory only where it is used.
const FREE: Slot = 0;

fn slot(tag: u32, number: u32) -> Slot {
    u64::from(tag) << 32 | u64::from(number + 1)
}

fn tag_of(slot: Slot) -> u32 {
    (slot >> 32) as u32
}

fn number_of(slot: Slot) -> Option<u32> {
    (slot as u32).checked_sub(1)
}

impl Owners {
    /// The number of a name, which is on the wire; a new one gets the next.
    pub fn intern(&mut self, wire: &[u8]) -> Option<u32> {
        if self.slots.len() * 3 <= self.names.len() * 4 {
            self.grow(self.slots.len() * 2);
        }
        let tag = self.tag(wire);
        let at = self.position(tag, wire);
        if self.slots[at] == FREE {
            let name = Name::from_wire(wire).ok()?;
            self.slots[at] = slot(tag, self.names.len() as u32);
            self.names.push(name);
        }
        number_of(self.slots[at])
    }

    /// The number of a name, which is on the wire, if it has one.
    pub fn find(&self, wire: &[u8]) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        number_of(self.slots[self.position(self.tag(wire), wire)])
    }

    pub fn name(&self, number: u32) -> &Name {
        &self.names[number as usize]
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Gives up the table: names are no longer found.
    pub fn freeze(&mut self) {
        self.slots = Vec::new();
        self.names.shrink_to_fit();
    }

    fn tag(&self, wire: &[u8]) -> u32 {
        let mut lower = [0; NAME_LEN_MAX];
        let len = wire.len().min(NAME_LEN_MAX);
        let lower = &mut lower[..len];
        lower.copy_from_slice(&wire[..len]);
        // Length octets are at most 63 and so never upper-case letters.
        lower.make_ascii_lowercase();
        self.hasher.hash_one(&*lower) as u32
    }

    /// Where a name stands, or would.
    fn position(&self, tag: u32, wire: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = tag as usize & mask;
        while let Some(number) = number_of(self.slots[at]) {
            let is_it = || self.name(number).as_wire().eq_ignore_ascii_case(wire);
            if tag_of(self.slots[at]) == tag && is_it() {
                return at;
            }
            at = (at + 1) & mask;
        }
        at
    }

    /// Makes room for as many names as a text of so many octets may well have.
    pub fn expect(&mut self, octets: usize) {
        // An entry of a large zone has some 30 octets.
        self.grow((octets / 32).next_power_of_two());
    }

    fn grow(&mut self, len: usize) {
        let len = len.max(16);
        let old = std::mem::replace(&mut self.slots, vec![FREE; len]);
        for slot in old.into_iter().filter(|&slot| slot != FREE) {
            let mut at = tag_of(slot) as usize & (len - 1);
            while self.slots[at] != FREE {
                at = (at + 1) & (len - 1);
            }
            self.slots[at] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_have_one_number() {
        let mut owners = Owners::default();
        assert_eq!(owners.find(b"\x01a\0"), None);
        for number in 0..1000 {
            let name = Name::parse(&format!("a{number}.Example")).unwrap();
            assert_eq!(owners.intern(name.as_wire()), Some(number));
        }
        for number in 0..1000 {
            let name = Name::parse(&format!("A{number}.example")).unwrap();
            assert_eq!(owners.intern(name.as_wire()), Some(number));
            assert_eq!(owners.find(name.as_wire()), Some(number));
            assert_eq!(*owners.name(number), name);
        }
        assert_eq!(owners.find(b"\x05a1000\x07example\0"), None);
        assert_eq!(owners.len(), 1000);
    }
}
