//! A name being looked up: in lower case, with the place of each of its suffixes.

use super::name::{LABEL_LEN_MAX, LABELS_MAX, NAME_LEN_MAX};

/// Scratch space of a worker, filled anew for each name. Suffix `i` is the name without its first
/// `i` labels; suffix [`QueryName::label_count`] is the root.
#[derive(Debug)]
pub struct QueryName {
    /// In lower case; past its end stands whatever a whole chunk brought along.
    lower: [u8; NAME_LEN_MAX + 1 + CHUNK],
    len: u8,
    label_count: u8,
    offsets: [u8; LABELS_MAX + 1],
}

/// Octets that are put into lower case at once.
const CHUNK: usize = 16;

/// Octets with `A` to `Z` among them in lower case (RFC 4343, 3), without a branch: one vector
/// instruction per step.
#[inline]
fn to_lowercase(mut octets: [u8; CHUNK]) -> [u8; CHUNK] {
    for octet in &mut octets {
        *octet |= u8::from(octet.wrapping_sub(b'A') < 26) << 5;
    }
    octets
}

impl Default for QueryName {
    fn default() -> Self {
        QueryName {
            lower: [0; NAME_LEN_MAX + 1 + CHUNK],
            len: 1,
            label_count: 0,
            offsets: [0; LABELS_MAX + 1],
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
            let len = usize::from(*wire.get(at)?);
            // There is room for one label more than a name can have.
            *self.offsets.get_mut(labels)? = at as u8;
            at += 1 + len;
            if len == 0 {
                break;
            }
            if len > LABEL_LEN_MAX {
                return None;
            }
            labels += 1;
        }
        if at > NAME_LEN_MAX {
            return None;
        }
        // The length octets, too: they are at most 63 and so never upper-case letters.
        self.copy_in_lowercase(wire, at);
        self.len = at as u8;
        self.label_count = labels as u8;
        Some(at)
    }

    /// Copies the first `len` octets of `wire`, at most a name's, by whole chunks where `wire` has them: in
    /// a message, type, class and an OPT record follow.
    #[inline]
    fn copy_in_lowercase(&mut self, wire: &[u8], len: usize) {
        let (from, rest) = wire.as_chunks::<CHUNK>();
        let (to, _) = self.lower.as_chunks_mut::<CHUNK>();
        let mut to = to.iter_mut();
        let mut copied = 0;
        for (from, to) in from.iter().zip(&mut to) {
            *to = to_lowercase(*from);
            copied += CHUNK;
            if copied >= len {
                return;
            }
        }
        if let Some(to) = to.next() {
            let mut last = [0; CHUNK];
            last[..rest.len()].copy_from_slice(rest);
            *to = to_lowercase(last);
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
    fn suffixes_are_in_lower_case_whatever_stood_there_before() {
        let mut name = QueryName::default();
        for text in ["a.much.longer.name.stood.here.before", "www.Example.COM"] {
            name.read(Name::parse(text).unwrap().as_wire()).unwrap();
        }
        assert_eq!(name.wire(), b"\x03www\x07example\x03com\x00");
        assert_eq!(name.suffix(0), name.wire());
        assert_eq!(name.suffix(1), b"\x07example\x03com\x00");
        assert_eq!(name.suffix(3), b"\x00");
        assert_eq!(name.between(0, 1), b"\x03www");
        assert_eq!(name.between(0, 2), b"\x03www\x07example");
        assert_eq!((name.label_count(), name.offset(2)), (3, 12));
    }

    #[test]
    fn rfc4343_every_octet_but_upper_case_letters_stays_wherever_it_stands() {
        for octet in 0..=u8::MAX {
            for place in 0..CHUNK {
                let mut word = [b'A'; CHUNK];
                word[place] = octet;
                let lower = to_lowercase(word);
                assert_eq!(
                    lower[..],
                    word.to_ascii_lowercase()[..],
                    "{octet} at {place}"
                );
            }
        }
    }

    #[test]
    fn labels_of_every_length_are_read_to_the_end_of_a_message_and_before_it() {
        let mut name = QueryName::default();
        for len in 1..=LABEL_LEN_MAX {
            let label = [&[len as u8][..], &vec![b'Q'; len]].concat();
            let wire = [&label[..], b"\x02Ab\x00ALSO BEHIND IT"].concat();
            let lower = [&label.to_ascii_lowercase()[..], b"\x02ab\x00"].concat();
            for wire in [&wire[..], &wire[..len + 5]] {
                assert_eq!(name.read(wire), Some(len + 5));
                assert_eq!(name.wire(), lower, "{len}");
            }
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
