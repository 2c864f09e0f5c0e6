//! A name being looked up: in lower case, with the place and the hash of each of its suffixes.

use super::name::{LABEL_LEN_MAX, LABELS_MAX, NAME_LEN_MAX};

/// Scratch space of a worker, filled anew for each name. Suffix `i` is the name without its first
/// `i` labels; suffix [`QueryName::label_count`] is the root.
#[derive(Debug)]
pub struct QueryName {
    /// In lower case; past its end stands what earlier names left, for whole words to be read.
    lower: [u8; NAME_LEN_MAX + 1 + WORD],
    len: u8,
    label_count: u8,
    offsets: [u8; LABELS_MAX + 1],
    hashes: [u64; LABELS_MAX + 1],
}

/// The hash of the root; that of a longer name folds in its labels from right to left, so that one
/// pass yields the hash of every suffix.
pub const ROOT_HASH: u64 = 0x243F_6A88_85A3_08D3;

/// Octets that are taken at once.
const WORD: usize = 8;

/// The hash of a name made of `label` (with its length octet, in lower case) in front of a suffix
/// with hash `suffix`.
pub fn hash_label(suffix: u64, label: &[u8]) -> u64 {
    label.chunks(WORD).fold(suffix, |hash, chunk| {
        let mut word = [0; WORD];
        word[..chunk.len()].copy_from_slice(chunk);
        fold(hash, u64::from_le_bytes(word))
    })
}

#[inline]
fn fold(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(0x9FB2_1C65_1E98_DF25);
    hash ^ hash >> 32
}

/// Eight octets with `A` to `Z` among them in lower case (RFC 4343, 3), without a branch: where adding
/// carries into an octet's top bit, the octet is at least `A`, or past `Z`.
#[inline]
fn to_lowercase(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xFF;
    const TOP: u64 = 0x80 * EACH;
    let low_bits = word & !TOP;
    let from_a = low_bits + (0x80 - b'A' as u64) * EACH;
    let past_z = low_bits + (0x7F - b'Z' as u64) * EACH;
    let is_upper = (from_a ^ past_z) & !word & TOP;
    word | is_upper >> 2
}

impl Default for QueryName {
    fn default() -> Self {
        QueryName {
            lower: [0; NAME_LEN_MAX + 1 + WORD],
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
            self.offsets[labels] = at as u8;
            labels += 1;
            at = next;
        }
        // The length octets, too: they are at most 63 and so never upper-case letters.
        self.copy_in_lowercase(wire, at + 1);
        self.offsets[labels] = at as u8;
        self.len = (at + 1) as u8;
        self.label_count = labels as u8;
        self.hash();
        Some(at + 1)
    }

    /// Copies the first `len` octets of `wire`, at most a name's, by whole words where `wire` has them:
    /// in a message, type and class follow.
    #[inline]
    fn copy_in_lowercase(&mut self, wire: &[u8], len: usize) {
        let (from, _) = wire.as_chunks::<WORD>();
        let (to, _) = self.lower.as_chunks_mut::<WORD>();
        let words = len.div_ceil(WORD);
        for (to, from) in to.iter_mut().zip(from).take(words) {
            *to = to_lowercase(u64::from_ne_bytes(*from)).to_ne_bytes();
        }
        if from.len() < words {
            let copied = from.len() * WORD;
            self.lower[copied..len].copy_from_slice(&wire[copied..len]);
            self.lower[copied..len].make_ascii_lowercase();
        }
    }

    #[inline]
    fn hash(&mut self) {
        let mut hash = ROOT_HASH;
        let mut end = usize::from(self.len) - 1;
        self.hashes[usize::from(self.label_count)] = hash;
        for label in (0..usize::from(self.label_count)).rev() {
            let start = usize::from(self.offsets[label]);
            hash = self.hash_span(hash, start, end);
            self.hashes[label] = hash;
            end = start;
        }
    }

    /// [`hash_label`] of the label from `start` to `end`, a word at a time: of the last one, what is past
    /// the label is masked out.
    #[inline]
    fn hash_span(&self, mut hash: u64, mut start: usize, end: usize) -> u64 {
        while start < end {
            let word = self.lower[start..]
                .first_chunk()
                .map_or(0, |word| u64::from_le_bytes(*word));
            let past = (start + WORD).saturating_sub(end) as u32 * u8::BITS;
            hash = fold(hash, word & u64::MAX >> past);
            start += WORD;
        }
        hash
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
    fn rfc4343_every_octet_but_upper_case_letters_stays_wherever_it_stands() {
        for octet in 0..=u8::MAX {
            for place in 0..WORD {
                let mut word = [b'A'; WORD];
                word[place] = octet;
                let lower = to_lowercase(u64::from_ne_bytes(word)).to_ne_bytes();
                assert_eq!(
                    lower[..],
                    word.to_ascii_lowercase()[..],
                    "{octet} at {place}"
                );
            }
        }
    }

    #[test]
    fn labels_of_every_length_hash_alike_for_queries_and_for_zones() {
        let mut name = QueryName::default();
        // Left behind, so that a hash that looks past its label shows.
        name.read(&[b"\x3f".as_slice(), &[b'z'; 63], &[0]].concat());
        for len in 1..=LABEL_LEN_MAX {
            let label = [&[len as u8][..], &vec![b'Q'; len]].concat();
            let wire = [&label[..], b"\x02Ab\x00ALSO BEHIND IT"].concat();
            // To its last octet, and with others behind it.
            assert_eq!(name.read(&wire), Some(len + 5));
            let whole = name.hash_of(0);
            assert_eq!(name.read(&wire[..len + 5]), Some(len + 5));
            assert_eq!(name.hash_of(0), whole);
            let parent = hash_label(ROOT_HASH, b"\x02ab");
            assert_eq!(name.hash_of(1), parent);
            let lower = label.to_ascii_lowercase();
            assert_eq!(name.hash_of(0), hash_label(parent, &lower), "{len}");
            assert_eq!(name.wire()[..=len], lower);
        }
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
