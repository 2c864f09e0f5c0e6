//! A name being looked up: in lower case, with the place and the hash of each of its suffixes.

use super::name::{LABEL_LEN_MAX, LABELS_MAX, NAME_LEN_MAX};

/// Scratch space of a worker, filled anew for each name. Suffix `i` is the name without its first
/// `i` labels; suffix [`QueryName::label_count`] is the root.
#[derive(Debug)]
pub struct QueryName {
    lower: [u8; NAME_LEN_MAX + 1],
    len: u8,
    label_count: u8,
    offsets: [u8; LABELS_MAX + 1],
    hashes: [u64; LABELS_MAX + 1],
}

/// The hash of the root; that of a longer name folds in its labels from right to left, so that one
/// pass yields the hash of every suffix.
pub const ROOT_HASH: u64 = 0x243F_6A88_85A3_08D3;

/// The hash of a name made of `label` (with its length octet, in lower case) in front of a suffix
/// with hash `suffix`.
#[inline]
pub fn hash_label(suffix: u64, label: &[u8]) -> u64 {
    let mut hash = suffix;
    for chunk in label.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9FB2_1C65_1E98_DF25);
        hash ^= hash >> 32;
    }
    hash
}

impl Default for QueryName {
    fn default() -> Self {
        QueryName {
            lower: [0; NAME_LEN_MAX + 1],
            len: 1,
            label_count: 0,
            offsets: [0; LABELS_MAX + 1],
            hashes: [ROOT_HASH; LABELS_MAX + 1],
        }
    }
}

impl QueryName {
    /// Reads the uncompressed name at the start of `wire`; returns its length in octets. `None`: a
    /// label of over 63 octets (or a compression pointer, which no question can need), a name of
    /// over 255 octets, or the end of `wire` before the end of the name.
    #[inline]
    pub fn read(&mut self, wire: &[u8]) -> Option<usize> {
        let mut at = 0;
        let mut labels = 0;
        loop {
            let len = *wire.get(at)? as usize;
            if len == 0 {
                break;
            }
            let next = at + 1 + len;
            if len > LABEL_LEN_MAX || next >= NAME_LEN_MAX {
                return None;
            }
            let label = wire.get(at..next)?;
            // Length octets are at most 63 and so never upper-case letters.
            for (to, from) in self.lower[at..next].iter_mut().zip(label) {
                *to = from.to_ascii_lowercase();
            }
            self.offsets[labels] = at as u8;
            labels += 1;
            at = next;
        }
        self.lower[at] = 0;
        self.offsets[labels] = at as u8;
        self.len = (at + 1) as u8;
        self.label_count = labels as u8;
        self.hash();
        Some(at + 1)
    }

    #[inline]
    fn hash(&mut self) {
        let mut hash = ROOT_HASH;
        let mut end = usize::from(self.len) - 1;
        self.hashes[usize::from(self.label_count)] = hash;
        for label in (0..usize::from(self.label_count)).rev() {
            let start = usize::from(self.offsets[label]);
            hash = hash_label(hash, &self.lower[start..end]);
            self.hashes[label] = hash;
            end = start;
        }
    }

    /// Labels without the root.
    #[inline]
    pub fn label_count(&self) -> usize {
        usize::from(self.label_count)
    }

    /// The whole name on the wire, in lower case.
    pub fn wire(&self) -> &[u8] {
        &self.lower[..usize::from(self.len)]
    }

    /// Where suffix `i` begins within the name.
    #[inline]
    pub fn offset(&self, i: usize) -> usize {
        usize::from(self.offsets[i])
    }

    #[inline]
    pub fn hash_of(&self, i: usize) -> u64 {
        self.hashes[i]
    }

    /// Suffix `i` on the wire, down to the root.
    #[inline]
    pub fn suffix(&self, i: usize) -> &[u8] {
        &self.lower[self.offset(i)..usize::from(self.len)]
    }

    /// The labels of suffix `from` up to where suffix `to` begins.
    #[inline]
    pub fn between(&self, from: usize, to: usize) -> &[u8] {
        &self.lower[self.offset(from)..self.offset(to)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Name;

    #[test]
    fn suffixes_hash_alike_in_every_name_and_case() {
        let (mut a, mut b) = (QueryName::default(), QueryName::default());
        a.read(Name::parse("www.Example.COM").unwrap().as_wire())
            .unwrap();
        b.read(Name::parse("example.com").unwrap().as_wire())
            .unwrap();
        assert_eq!(a.hash_of(1), b.hash_of(0));
        assert_eq!(a.hash_of(3), ROOT_HASH);
        assert_ne!(a.hash_of(0), b.hash_of(0));
        assert_eq!(a.between(0, 1), b"\x03www");
        assert_eq!(a.wire(), b"\x03www\x07example\x03com\x00");
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let mut name = QueryName::default();
        assert_eq!(name.read(b"\x03ww"), None);
        assert_eq!(name.read(b"\xc0\x0c"), None);
        assert_eq!(name.read(b""), None);
        assert_eq!(
            name.read(&[b"\x3f".as_slice(), &[b'a'; 63]].concat().repeat(4)),
            None
        );
        assert_eq!(name.read(b"\x00"), Some(1));
        assert_eq!(name.label_count(), 0);
    }

    #[test]
    fn the_longest_name_fits() {
        let mut wire = Vec::new();
        for _ in 0..127 {
            wire.extend_from_slice(b"\x01A");
        }
        wire.push(0);
        assert_eq!(wire.len(), 255);
        let mut name = QueryName::default();
        assert_eq!(name.read(&wire), Some(255));
        assert_eq!(name.label_count(), 127);
    }
}
