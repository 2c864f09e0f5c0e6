//! Do the records make a zone? One question per file.

use super::ZoneRecord;
use super::report::Report;
use crate::dns::Name;

mod alias;
mod apex;
mod cut;
mod index;
mod rrset;
mod target;

use cut::Cuts;
use index::Index;

/// What the checks look at.
struct Zone<'z> {
    apex: &'z Name,
    /// Owners whose addresses are declared elsewhere.
    balanced: &'z [Name],
    index: Index<'z>,
    cuts: Cuts<'z>,
    /// False after mistakes in the file: then nothing is said about what is missing.
    is_complete: bool,
}

impl Zone<'_> {
    fn is_balanced(&self, name: &Name) -> bool {
        self.balanced.contains(name)
    }
}

/// Checks the zone; drops duplicates and gives each RRset one TTL.
pub(super) fn zone(
    records: &mut Vec<ZoneRecord>,
    apex: &Name,
    balanced: &[Name],
    report: &mut Report<'_>,
) {
    let index = Index::new(records);
    let zone = Zone {
        apex,
        balanced,
        cuts: Cuts::new(&index, apex),
        index,
        is_complete: !report.has_errors(),
    };
    apex::check(&zone, report);
    alias::check(&zone, report);
    cut::check(&zone, report);
    target::check(&zone, report);
    let changes = rrset::check(&zone.index, report);
    changes.apply(records);
}
