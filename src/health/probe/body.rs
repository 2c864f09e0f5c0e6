//! Looking for a text in a body that comes in pieces, in constant memory.

/// A search that remembers only as much of the past as a match could begin in.
#[derive(Debug)]
pub struct BodySearch<'a> {
    wanted: &'a [u8],
    /// The last octets seen, fewer than `wanted`, followed by the piece at hand.
    window: Vec<u8>,
}

impl<'a> BodySearch<'a> {
    pub fn new(wanted: &'a [u8]) -> Self {
        BodySearch {
            wanted,
            window: Vec::new(),
        }
    }

    /// Takes the next piece; true once the text is found. The empty text is in every body.
    pub fn found_in(&mut self, piece: &[u8]) -> bool {
        self.window.extend_from_slice(piece);
        let length = self.wanted.len();
        if length == 0 || self.window.windows(length).any(|w| w == self.wanted) {
            return true;
        }
        let done = self.window.len().saturating_sub(length - 1);
        self.window.drain(..done);
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(wanted: &str, pieces: &[&str]) -> bool {
        let mut search = BodySearch::new(wanted.as_bytes());
        pieces.iter().any(|piece| search.found_in(piece.as_bytes()))
    }

    #[test]
    fn a_text_is_found_across_pieces() {
        assert!(found("status: ok", &["sta", "tus: o", "k"]));
        assert!(found("aab", &["a", "a", "a", "b"]));
        assert!(!found("status: ok", &["status: ", "not ok"]));
        assert!(found("", &[""]));
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            wanted in "[ab]{1,4}",
            pieces in proptest::collection::vec("[ab]{0,5}", 0..8),
        ) {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(found(&wanted, &pieces), pieces.concat().contains(&wanted));
        }

        #[test]
        fn memory_stays_below_the_text_between_pieces(pieces in proptest::collection::vec("[ab]{0,50}", 0..8)) {
            let mut search = BodySearch::new(b"abc");
            for piece in &pieces {
                search.found_in(piece.as_bytes());
                prop_assert!(search.window.len() < 3);
            }
        }
    }
}
