//! Is every RRset one? Duplicates, TTLs that differ, types that allow one record. (Whether a message can
//! carry it shows when it is built: names in it are compressed.)

use std::collections::HashMap;
use std::collections::hash_map;

use super::super::rdata;
use super::super::records::{Entry, Records};
use super::super::report::Report;
use super::index::{Index, RrSet};
use crate::dns::mnemonic::TypeName;
use crate::dns::rtype;

/// What follows from the check for the records, by number.
#[derive(Default)]
pub(super) struct Changes {
    /// To be removed; in no order.
    duplicates: Vec<usize>,
    ttls: Vec<(usize, u32)>,
}

impl Changes {
    pub fn apply(self, records: &mut Records) {
        for (number, ttl) in self.ttls {
            records.entries[number].ttl = ttl;
        }
        if self.duplicates.is_empty() {
            return;
        }
        let mut keep = vec![true; records.len()];
        for number in self.duplicates {
            keep[number] = false;
        }
        let mut keep = keep.into_iter();
        records.entries.retain(|_| keep.next().unwrap_or(true));
    }
}

pub(super) fn check(index: &Index<'_>, report: &mut Report<'_>) -> Changes {
    let mut changes = Changes::default();
    for set in index.rrsets() {
        // By far the most of a large zone have one record.
        if set.len() > 1 {
            let distinct = distinct(set, &mut changes, report);
            one_ttl(set, &mut changes, report);
            one_record(set, &distinct, report);
        }
    }
    changes
}

/// The records of a set without duplicates (RFC 2181, 5).
fn distinct<'r>(set: RrSet<'r>, changes: &mut Changes, report: &mut Report<'_>) -> Vec<&'r Entry> {
    let rtype = set.rtype();
    let mut seen: HashMap<Vec<u8>, &Entry> = HashMap::new();
    let mut distinct = Vec::with_capacity(set.len());
    for (number, entry) in set.numbered() {
        match seen.entry(rdata::folded(rtype, set.rdata(entry))) {
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(entry);
                distinct.push(entry);
            }
            hash_map::Entry::Occupied(first) => {
                changes.duplicates.push(number);
                let message = format!(
                    "`{}` has the same {} record twice",
                    set.owner_name(),
                    TypeName(rtype)
                );
                let help = format!("the first one is at {}", set.place_of(first.get()));
                report.warning(&set.place_of(entry), message, Some(help));
            }
        }
    }
    distinct
}

/// The TTLs of a set are the same; the lowest is taken (RFC 2181, 5.2).
fn one_ttl(set: RrSet<'_>, changes: &mut Changes, report: &mut Report<'_>) {
    let first = &set.entries()[0];
    let Some(other) = set.entries().iter().find(|entry| entry.ttl != first.ttl) else {
        return;
    };
    let ttls = set.entries().iter().map(|entry| entry.ttl);
    let lowest = ttls.min().unwrap_or(first.ttl);
    let message = format!(
        "the {} records of `{}` have different TTLs; the lowest, {lowest} s, is taken for all",
        TypeName(set.rtype()),
        set.owner_name(),
    );
    let help = format!(
        "here {} s, but {} s at {}",
        other.ttl,
        first.ttl,
        set.place()
    );
    report.warning(&set.place_of(other), message, Some(help));
    let higher = set.numbered().filter(|(_, entry)| entry.ttl != lowest);
    changes
        .ttls
        .extend(higher.map(|(number, _)| (number, lowest)));
}

/// A name has one canonical name (RFC 1034, 3.6.2), one DNAME (RFC 6672, 2.4) and one SOA
/// (RFC 1035, 5.2) at most.
fn one_record(set: RrSet<'_>, distinct: &[&Entry], report: &mut Report<'_>) {
    if !matches!(set.rtype(), rtype::CNAME | rtype::DNAME | rtype::SOA) {
        return;
    }
    for entry in &distinct[1..] {
        let message = format!(
            "`{}` has several {} records",
            set.owner_name(),
            TypeName(set.rtype())
        );
        let help = format!("the first one is at {}", set.place());
        report.error(&set.place_of(entry), message, Some(help));
    }
}
