//! Can delegations and redirections stand where they do?

use super::super::report::Report;
use super::Zone;
use super::index::RrSet;
use crate::dns::rtype;

pub(super) fn check(zone: &Zone<'_>, report: &mut Report<'_>) {
    for set in zone.index.rrsets() {
        match set.rtype() {
            rtype::NS => wildcard_ns(set, report),
            rtype::DNAME => wildcard_dname(set, report),
            rtype::DS => without_ns(zone, set, report),
            _ => {}
        }
    }
}

fn wildcard_ns(set: RrSet<'_>, report: &mut Report<'_>) {
    if set.owner_name().is_wildcard() {
        let message = format!("NS at the wildcard `{}`", set.owner_name());
        let help = "a wildcard cannot delegate (RFC 4592, section 4.2)".to_owned();
        report.error(&set.place(), message, Some(help));
    }
}

fn wildcard_dname(set: RrSet<'_>, report: &mut Report<'_>) {
    if set.owner_name().is_wildcard() {
        let message = format!("DNAME at the wildcard `{}`", set.owner_name());
        let help = "what it means is not well defined (RFC 6672, section 3.3)".to_owned();
        report.warning(&set.place(), message, Some(help));
    }
}

fn without_ns(zone: &Zone<'_>, set: RrSet<'_>, report: &mut Report<'_>) {
    let message = if set.owner_name() == zone.apex {
        format!("DS at `{}`, the zone's own name", set.owner_name())
    } else if zone
        .index
        .rrsets_of(set.owner())
        .all(|beside| beside.rtype() != rtype::NS)
    {
        format!("DS at `{}`, which is not delegated", set.owner_name())
    } else {
        return;
    };
    let help = "it belongs to a delegation, in the zone above (RFC 4034, section 5)".to_owned();
    report.warning(&set.place(), message, Some(help));
}
