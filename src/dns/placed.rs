//! A name as it stands in a message under construction: where is each of its suffixes, and what does
//! it say?
//!
//! In the question it stands written out, so that a suffix is found by arithmetic. At the end of a chain
//! of aliases it may go on by compression pointers (RFC 1035, 4.1.4), which are followed.

use super::compose::QNAME_POINTER;
use super::name::NAME_LEN_MAX;

/// The two bits that tell a pointer from a label's length.
pub const POINTER: u16 = 0xC000;

/// The name being looked up: the question's, or the one that the last alias named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedName {
    /// A compression pointer to it.
    pub at: u16,
    /// Octets of it when written out, the root's included: 1..=255.
    pub len: u8,
}

impl PlacedName {
    /// The question's name, of `len` octets.
    #[inline]
    pub fn question(len: usize) -> Self {
        PlacedName {
            at: QNAME_POINTER,
            len: len as u8,
        }
    }

    /// The name that stands at `at`, compressed or not; it is written out to `to`.
    pub fn read_at(message: &[u8], at: usize, to: &mut [u8; NAME_LEN_MAX + 1]) -> Self {
        let mut name = PlacedName {
            at: POINTER | walk(message, at as u16, 0) as u16,
            len: 0,
        };
        name.len = name.read(message, to) as u8;
        name
    }

    /// A pointer to that suffix which has `len` octets when written out (more than the root's one),
    /// and never to another pointer. `message` is what has been written so far.
    #[inline]
    pub fn suffix(self, message: &[u8], len: usize) -> u16 {
        let skip = usize::from(self.len) - len;
        match self.at {
            QNAME_POINTER => QNAME_POINTER + skip as u16,
            at => POINTER | walk(message, at, skip) as u16,
        }
    }

    /// Writes the name out, in the case of its letters, and returns its length.
    pub fn read(self, message: &[u8], to: &mut [u8; NAME_LEN_MAX + 1]) -> usize {
        let (mut at, mut len) = (usize::from(self.at & !POINTER), 0);
        loop {
            at = walk(message, at as u16, 0);
            let label = &message[at..=at + usize::from(message[at])];
            to[len..len + label.len()].copy_from_slice(label);
            len += label.len();
            at += label.len();
            if label == [0] {
                return len;
            }
        }
    }
}

/// The place `skip` octets into the name at `at`, pointers followed, at the end too. Pointers lead
/// back: no label is met twice.
#[cold]
fn walk(message: &[u8], at: u16, mut skip: usize) -> usize {
    let mut at = usize::from(at & !POINTER);
    loop {
        match message[at] {
            length if length >= 0xC0 => {
                at = usize::from(u16::from_be_bytes([length, message[at + 1]]) & !POINTER);
            }
            _ if skip == 0 => return at,
            length => {
                at += 1 + usize::from(length);
                skip = skip.saturating_sub(1 + usize::from(length));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "b.C." at 12, "a" and the rest of it at 17, a pointer to "C." at 21.
    const MESSAGE: &[u8] = b"\0\0\0\0\0\0\0\0\0\0\0\0\x01b\x01C\0\x01a\xc0\x0c\xc0\x0e";

    #[test]
    fn suffixes_are_found_through_pointers_and_are_none_themselves() {
        let question = PlacedName {
            at: QNAME_POINTER,
            len: 5,
        };
        assert_eq!(question.suffix(MESSAGE, 5), 0xC00C);
        assert_eq!(question.suffix(MESSAGE, 3), 0xC00E);
        let alias = PlacedName { at: 0xC011, len: 7 };
        assert_eq!(alias.suffix(MESSAGE, 7), 0xC011);
        assert_eq!(alias.suffix(MESSAGE, 5), 0xC00C);
        assert_eq!(alias.suffix(MESSAGE, 3), 0xC00E);
        let pointer = PlacedName { at: 0xC015, len: 3 };
        assert_eq!(pointer.suffix(MESSAGE, 3), 0xC00E);
    }

    #[test]
    fn names_are_written_out_with_their_case() {
        let mut to = [0; 256];
        let alias = PlacedName { at: 0xC011, len: 7 };
        let len = alias.read(MESSAGE, &mut to);
        assert_eq!(to[..len], *b"\x01a\x01b\x01C\0");
        let root = PlacedName { at: 0xC010, len: 1 };
        assert_eq!(root.read(MESSAGE, &mut to), 1);
    }
}
