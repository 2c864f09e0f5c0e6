//! Is every RRset one? Duplicates, TTLs that differ, types that allow one record, size.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use domain::base::iana::Rtype;

use super::super::report::Report;
use super::super::{ZoneRecord, rdata};
use super::index::{Index, RrSet};

/// Octets of a DNS message at most.
const MESSAGE_MAX: usize = 65_535;
/// Header, then type and class of the question.
const MESSAGE_FIXED: usize = 12 + 4;
/// A compressed owner, type, class, TTL and data length.
const RECORD_FIXED: usize = 2 + 10;

/// What follows from the check for the records, by number.
#[derive(Default)]
pub(super) struct Changes {
    /// To be removed; in no order.
    duplicates: Vec<usize>,
    ttls: Vec<(usize, u32)>,
}

impl Changes {
    pub fn apply(self, records: &mut Vec<ZoneRecord>) {
        for (number, ttl) in self.ttls {
            records[number].ttl = ttl;
        }
        if self.duplicates.is_empty() {
            return;
        }
        let mut keep = vec![true; records.len()];
        for number in self.duplicates {
            keep[number] = false;
        }
        let mut keep = keep.into_iter();
        records.retain(|_| keep.next().unwrap_or(true));
    }
}

pub(super) fn check(index: &Index<'_>, report: &mut Report<'_>) -> Changes {
    let mut changes = Changes::default();
    for set in index.rrsets() {
        if set.len() == 1 {
            // By far the most of a large zone.
            fits_a_message(set, &[set.first()], report);
            continue;
        }
        let distinct = distinct(set, &mut changes, report);
        one_ttl(set, &mut changes, report);
        one_record(set, &distinct, report);
        fits_a_message(set, &distinct, report);
    }
    changes
}

/// The records of a set without duplicates (RFC 2181, 5).
fn distinct<'r>(
    set: RrSet<'_, 'r>,
    changes: &mut Changes,
    report: &mut Report<'_>,
) -> Vec<&'r ZoneRecord> {
    let rtype = set.rtype();
    let mut seen: HashMap<Vec<u8>, &ZoneRecord> = HashMap::new();
    let mut distinct = Vec::new();
    for (number, record) in set.numbered() {
        match seen.entry(rdata::folded(rtype, &record.rdata)) {
            Entry::Vacant(vacant) => {
                vacant.insert(record);
                distinct.push(record);
            }
            Entry::Occupied(first) => {
                changes.duplicates.push(number);
                let message = format!("`{}` has the same {rtype} record twice", set.owner());
                let help = format!("the first one is at {}", first.get().place);
                report.warning(&record.place, message, Some(help));
            }
        }
    }
    distinct
}

/// The TTLs of a set are the same; the lowest is taken (RFC 2181, 5.2).
fn one_ttl(set: RrSet<'_, '_>, changes: &mut Changes, report: &mut Report<'_>) {
    // The TTL of an RRSIG is that of the set it covers (RFC 4034, 3): those at one owner differ.
    if set.rtype() == Rtype::RRSIG {
        return;
    }
    let first = set.first();
    let Some(other) = set.records().find(|r| r.ttl != first.ttl) else {
        return;
    };
    let lowest = set.records().map(|r| r.ttl).min().unwrap_or(first.ttl);
    let message = format!(
        "the {} records of `{}` have different TTLs; the lowest, {lowest} s, is taken for all",
        set.rtype(),
        set.owner(),
    );
    let help = format!(
        "here {} s, but {} s at {}",
        other.ttl, first.ttl, first.place
    );
    report.warning(&other.place, message, Some(help));
    let higher = set.numbered().filter(|(_, r)| r.ttl != lowest);
    changes
        .ttls
        .extend(higher.map(|(number, _)| (number, lowest)));
}

/// A name has one canonical name (RFC 1034, 3.6.2), one DNAME (RFC 6672, 2.4) and one SOA
/// (RFC 1035, 5.2) at most.
fn one_record(set: RrSet<'_, '_>, distinct: &[&ZoneRecord], report: &mut Report<'_>) {
    let rtype = set.rtype();
    if !matches!(rtype, Rtype::CNAME | Rtype::DNAME | Rtype::SOA) {
        return;
    }
    for record in &distinct[1..] {
        let message = format!("`{}` has several {rtype} records", set.owner());
        let help = format!("the first one is at {}", distinct[0].place);
        report.error(&record.place, message, Some(help));
    }
}

/// A set is answered whole, so it must fit the largest message.
fn fits_a_message(set: RrSet<'_, '_>, distinct: &[&ZoneRecord], report: &mut Report<'_>) {
    let owner = set.owner().as_wire().len();
    let records = distinct.iter().map(|r| RECORD_FIXED + r.rdata.len());
    let size = MESSAGE_FIXED + owner + records.sum::<usize>();
    if size > MESSAGE_MAX {
        let message = format!(
            "the {} records of `{}` need a message of {size} octets",
            set.rtype(),
            set.owner()
        );
        let help = format!("a DNS message has at most {MESSAGE_MAX}");
        report.error(&set.first().place, message, Some(help));
    }
}
