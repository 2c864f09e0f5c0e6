//! Do SVCB and HTTPS records say something that nobody heeds?

use super::super::report::Report;
use super::Zone;
use super::index::RrSet;
use crate::dns::mnemonic::TypeName;
use crate::dns::{name, rtype};

pub(super) fn check(zone: &Zone<'_>, report: &mut Report<'_>) {
    for set in zone.index.rrsets() {
        if matches!(set.rtype(), rtype::SVCB | rtype::HTTPS) {
            check_aliases(set, report);
        }
    }
}

/// An alias (priority 0) has no parameters, and hides the services beside it (RFC 9460, 2.4.1 and
/// 2.4.2).
fn check_aliases(set: RrSet<'_>, report: &mut Report<'_>) {
    let priority = |rdata: &[u8]| {
        rdata
            .first_chunk()
            .map(|octets| u16::from_be_bytes(*octets))
    };
    for entry in set.entries() {
        let rdata = set.rdata(entry);
        if priority(rdata) != Some(0) {
            continue;
        }
        let target = name::len(&rdata[2..]);
        let (what, section) = if target.is_some_and(|len| 2 + len < rdata.len()) {
            ("has parameters, which are ignored", "2.4.2")
        } else if set.len() > 1 {
            (
                "is not alone, so that others beside it are ignored",
                "2.4.1",
            )
        } else {
            continue;
        };
        let message = format!(
            "the {} record of `{}` with priority 0, an alias, {what}",
            TypeName(set.rtype()),
            set.owner_name()
        );
        let help =
            format!("give it another priority, or leave them out (RFC 9460, section {section})");
        report.warning(&set.place_of(entry), message, Some(help));
    }
}
