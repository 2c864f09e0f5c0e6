//! Do the records make a zone? One question per file.

use std::borrow::Cow;
use std::collections::HashMap;

use super::Balanced;
use super::records::Records;
use super::report::Report;
use crate::dns::Name;

mod alias;
mod apex;
mod cut;
mod delegation;
mod index;
mod rrset;
mod service;
mod target;

use cut::{Cut, Cuts};
use index::{Index, ancestors};

/// What the checks look at.
struct Zone<'z> {
    apex: &'z Name,
    /// Owners whose addresses are declared elsewhere, and whether they may be answered with a CNAME.
    balanced: HashMap<&'z Name, bool>,
    index: Index<'z>,
    cuts: Cuts,
    /// False after mistakes in the file: then nothing is said about what is missing.
    is_complete: bool,
}

impl Zone<'_> {
    /// The topmost cut that takes a name out of the zone's own data. `owner` is the number of the name,
    /// if it has records.
    fn over(&self, wire: &[u8], owner: Option<u32>) -> Option<Cut> {
        self.cuts.over(&self.index, wire, owner, self.apex)
    }

    /// Whether a name on the wire is balanced.
    fn is_balanced(&self, wire: &[u8]) -> bool {
        !self.balanced.is_empty()
            && Name::from_wire(wire).is_ok_and(|name| self.balanced.contains_key(&name))
    }

    /// Whether a balanced name on the wire may be answered with a CNAME.
    fn may_be_alias(&self, wire: &[u8]) -> bool {
        let name = Name::from_wire(wire).ok();
        name.and_then(|name| self.balanced.get(&name).copied())
            .unwrap_or(false)
    }

    fn exists(&self, wire: &[u8]) -> bool {
        self.index.owner(wire).is_some() || self.is_balanced(wire)
    }

    /// Whose data a name of the zone has: its own, or those of the wildcard of its closest ancestor that
    /// exists (RFC 4592, 3.3.1). Empty non-terminals are not looked for: a wildcard above one counts.
    fn answering<'n>(&self, wire: &'n [u8]) -> Option<Cow<'n, [u8]>> {
        if self.exists(wire) {
            return Some(wire.into());
        }
        for ancestor in ancestors(wire, self.apex) {
            let wildcard = [b"\x01*", ancestor].concat();
            if self.exists(&wildcard) {
                return Some(wildcard.into());
            }
            if self.exists(ancestor) {
                return None;
            }
        }
        None
    }
}

/// Sorts the records and checks the zone; drops duplicates and gives each RRset one TTL.
pub(super) fn zone(
    records: &mut Records,
    apex: &Name,
    balanced: &[Balanced],
    report: &mut Report<'_>,
) {
    records.sort();
    let index = Index::new(records);
    let zone = Zone {
        apex,
        balanced: balanced
            .iter()
            .map(|it| (&it.owner, it.may_be_alias))
            .collect(),
        cuts: Cuts::new(&index, apex),
        index,
        is_complete: !report.has_errors(),
    };
    apex::check(&zone, report);
    alias::check(&zone, balanced, report);
    delegation::check(&zone, report);
    cut::check(&zone, balanced, report);
    target::check(&zone, report);
    service::check(&zone, report);
    let changes = rrset::check(&zone.index, report);
    drop(zone);
    changes.apply(records);
}
