//! Which end of a name stands in the message already?
//!
//! In front of an RRset there is always its owner, or a name below that; inside of it, the names of its
//! earlier data. What else may stand in a message is not known at compile time.

use std::collections::HashMap;

use super::split_label;
use crate::dns::{Name, rtype};
use crate::state::zone::Compressed;

/// The data of a type that may be compressed: how many octets precede the names, and how many names
/// there are. Only types of RFC 1035 (RFC 3597, 4).
pub(super) fn compressed_names(rtype: u16) -> (usize, usize) {
    match rtype {
        rtype::NS | rtype::CNAME | rtype::PTR | 3 | 4 | 7 | 8 | 9 => (0, 1),
        rtype::SOA | 14 => (0, 2),
        rtype::MX => (2, 1),
        _ => (0, 0),
    }
}

/// What names in an RRset's data can point to.
pub(super) struct Pointables {
    /// The owner in lower case; of a wildcard, what it shares with all names that it covers.
    owner: Box<[u8]>,
    /// Suffixes of names in the data so far, in lower case, and where in the RRset they stand.
    own: HashMap<Box<[u8]>, u16>,
    /// The order of the records differs from answer to answer: none can point to an earlier one.
    may_turn: bool,
}

/// A name in two parts: labels written out, and how it goes on.
pub(super) struct Split {
    pub labels_len: usize,
    /// None: the labels are the whole name, the root's included.
    pub end: Option<Compressed>,
}

impl Pointables {
    pub fn new(owner: &Name, may_turn: bool) -> Self {
        let owner = owner.to_lowercase();
        let wire = owner.as_wire();
        let shared = match owner.is_wildcard() {
            true => split_label(wire).1,
            false => wire,
        };
        Pointables {
            owner: shared.into(),
            own: HashMap::new(),
            may_turn,
        }
    }

    /// Splits the name `wire`, which will stand at `at`, where it becomes known.
    pub fn add(&mut self, wire: &[u8], at: usize) -> Split {
        let lower = wire.to_ascii_lowercase();
        let mut rest = &lower[..];
        // A pointer saves nothing against the root.
        while rest.len() > 1 {
            let labels_len = lower.len() - rest.len();
            if let Some(end) = self.find(rest) {
                return Split {
                    labels_len,
                    end: Some(end),
                };
            }
            if !self.may_turn && at + labels_len <= Compressed::OWN_MAX {
                self.own.insert(rest.into(), (at + labels_len) as u16);
            }
            rest = split_label(rest).1;
        }
        Split {
            labels_len: wire.len(),
            end: None,
        }
    }

    fn find(&self, suffix: &[u8]) -> Option<Compressed> {
        if is_suffix(suffix, &self.owner) {
            return Some(Compressed::Suffix(suffix.len() as u8));
        }
        self.own.get(suffix).map(|&at| Compressed::Own(at))
    }
}

/// Whether the name `name` ends in the name `suffix`, label by label.
fn is_suffix(suffix: &[u8], name: &[u8]) -> bool {
    let mut rest = name;
    while rest.len() > suffix.len() {
        rest = split_label(rest).1;
    }
    rest == suffix
}
