//! Do the hosts that NS, MX and SRV records name have addresses?

use domain::base::iana::Rtype;

use super::super::report::Report;
use super::super::{ZoneRecord, rdata};
use super::Zone;
use super::cut::Cut;
use super::index::RrSet;
use crate::dns::Name;

pub(super) fn check(zone: &Zone<'_>, report: &mut Report<'_>) {
    if !zone.is_complete {
        return;
    }
    for set in zone.index.rrsets() {
        if matches!(set.rtype(), Rtype::NS | Rtype::MX | Rtype::SRV) {
            check_targets(zone, set, report);
        }
    }
}

fn check_targets(zone: &Zone<'_>, set: RrSet<'_, '_>, report: &mut Report<'_>) {
    let over_owner = zone.cuts.over(set.owner(), zone.apex);
    for record in set.records() {
        let Some(target) = rdata::target(set.rtype(), &record.rdata) else {
            continue;
        };
        if !target.is_in(zone.apex) {
            continue;
        }
        let cut = zone.cuts.over(&target, zone.apex);
        match cut.filter(|cut| cut.rtype == Rtype::NS) {
            Some(cut) => needs_glue(zone, over_owner, record, &target, cut, report),
            None => has_address(zone, record, &target, report),
        }
    }
}

/// The target is in another zone. If it serves that zone itself, its addresses must be here too.
fn needs_glue(
    zone: &Zone<'_>,
    over_owner: Option<Cut<'_>>,
    record: &ZoneRecord,
    target: &Name,
    cut: Cut<'_>,
    report: &mut Report<'_>,
) {
    let rtype = Rtype::from_int(record.rtype);
    if rtype != Rtype::NS || zone.index.has_address(target) {
        return;
    }
    let message = format!("the nameserver `{target}` has no glue");
    let help = Some(format!(
        "it lies in `{}`, which is delegated: add its A or AAAA records here",
        cut.owner
    ));
    let serves_itself = over_owner.is_some_and(|over| over.owner == cut.owner);
    if serves_itself {
        report.error(&record.place, message, help);
    } else {
        report.warning(&record.place, message, help);
    }
}

/// The target is the zone's own: warn when it has no address.
fn has_address(zone: &Zone<'_>, record: &ZoneRecord, target: &Name, report: &mut Report<'_>) {
    let rtype = Rtype::from_int(record.rtype);
    let source = match find(zone, target) {
        Found::Addresses => return,
        Found::Alias => "is an alias, which a host must not be (RFC 2181, section 10.3)",
        Found::Nothing => "has no address in this zone",
    };
    let message = format!("`{target}`, named by this {rtype} record, {source}");
    let help = "add A or AAAA records for it".to_owned();
    report.warning(&record.place, message, Some(help));
}

/// What a question for an address would meet.
enum Found {
    Addresses,
    Alias,
    Nothing,
}

fn find(zone: &Zone<'_>, name: &Name) -> Found {
    if zone.index.has_owner(name) || zone.is_balanced(name) {
        return found_at(zone, name);
    }
    // The wildcard of the closest ancestor that exists (RFC 4592, 3.3.1). Empty non-terminals are
    // not looked for: a wildcard above one counts, so that at worst a warning is missing.
    let mut above = name.parent();
    while let Some(ancestor) = above.filter(|ancestor| ancestor.is_in(zone.apex)) {
        if let Ok(wildcard) = Name::parse_relative("*", &ancestor)
            && (zone.index.has_owner(&wildcard) || zone.is_balanced(&wildcard))
        {
            return found_at(zone, &wildcard);
        }
        if zone.index.has_owner(&ancestor) || zone.is_balanced(&ancestor) {
            return Found::Nothing;
        }
        above = ancestor.parent();
    }
    Found::Nothing
}

fn found_at(zone: &Zone<'_>, name: &Name) -> Found {
    if zone.is_balanced(name) || zone.index.has_address(name) {
        Found::Addresses
    } else if zone.index.has(name, Rtype::CNAME) {
        Found::Alias
    } else {
        Found::Nothing
    }
}
