//! Which end of a name stands in the message already?
//!
//! In front of an RRset there is always its owner, or a name below that; inside of it, the names of its
//! earlier data. What else may stand in a message is not known at compile time.

use std::collections::HashMap;

use super::split_label;
use crate::dns::{Name, name, rtype};
use crate::state::zone::Compressed;

/// The data of a type that may be compressed: how many octets precede the names, and how many names
/// there are. Only types of RFC 1035 (RFC 3597, 4).
pub(super) fn compressed_names(rtype: u16) -> (usize, usize) {
    match rtype {
        rtype::NS | rtype::CNAME | rtype::PTR | MD | MF | MB | MG | MR => (0, 1),
        rtype::SOA | MINFO => (0, 2),
        rtype::MX => (2, 1),
        _ => (0, 0),
    }
}

// Obsolete or experimental ever since (RFC 1035, 3.2.2).
const MD: u16 = 3;
const MF: u16 = 4;
const MB: u16 = 7;
const MG: u16 = 8;
const MR: u16 = 9;
const MINFO: u16 = 14;

/// What names in an RRset's data can point to.
pub(super) struct Pointables<'r> {
    /// The owner; of a wildcard, what it shares with all names that it covers.
    owner: &'r [u8],
    /// Whether names can point to earlier ones of the same RRset.
    point_back: bool,
    /// Suffixes of names in the data so far, in lower case, and where in the RRset they stand.
    own: HashMap<Box<[u8]>, u16>,
}

/// A name in two parts: labels written out, and how it goes on.
pub(super) struct Split {
    pub labels_len: usize,
    /// None: the labels are the whole name, the root's included.
    pub end: Option<Compressed>,
}

impl<'r> Pointables<'r> {
    pub fn new(owner: &'r Name, point_back: bool) -> Self {
        let wire = owner.as_wire();
        Pointables {
            owner: match owner.is_wildcard() {
                true => split_label(wire).1,
                false => wire,
            },
            point_back,
            own: HashMap::new(),
        }
    }

    /// Splits the name `wire`, which will stand at `at`, where it becomes known.
    pub fn add(&mut self, wire: &[u8], at: usize) -> Split {
        let mut rest = wire;
        // A pointer saves nothing against the root.
        while rest.len() > 1 {
            let labels_len = wire.len() - rest.len();
            if let Some(end) = self.find(rest) {
                return Split {
                    labels_len,
                    end: Some(end),
                };
            }
            if self.point_back && at + labels_len <= Compressed::OWN_MAX {
                let known = rest.to_ascii_lowercase().into();
                self.own.insert(known, (at + labels_len) as u16);
            }
            rest = split_label(rest).1;
        }
        Split {
            labels_len: wire.len(),
            end: None,
        }
    }

    fn find(&self, suffix: &[u8]) -> Option<Compressed> {
        if name::is_in(self.owner, suffix) {
            return Some(Compressed::Suffix(suffix.len() as u8));
        }
        if self.own.is_empty() {
            return None;
        }
        let lower = suffix.to_ascii_lowercase();
        self.own.get(&*lower).map(|&at| Compressed::Own(at))
    }
}
