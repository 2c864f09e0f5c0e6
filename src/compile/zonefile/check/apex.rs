//! Does the zone have its SOA and NS records, and those where they belong?

use domain::base::iana::Rtype;

use super::super::report::Report;
use super::Zone;

pub(super) fn check(zone: &Zone<'_>, report: &mut Report<'_>) {
    if zone.is_complete {
        is_present(
            zone,
            Rtype::SOA,
            "the zone file must have exactly one",
            report,
        );
        is_present(zone, Rtype::NS, "name at least one nameserver", report);
    }
    for set in zone.index.rrsets() {
        if set.rtype() == Rtype::SOA && set.owner() != zone.apex {
            let message = format!("SOA at `{}`, which is not the zone's name", set.owner());
            let help = format!("the zone is `{}`, and its SOA stands there", zone.apex);
            report.error(&set.first().place, message, Some(help));
        }
    }
}

fn is_present(zone: &Zone<'_>, rtype: Rtype, help: &str, report: &mut Report<'_>) {
    if !zone.index.has(zone.apex, rtype) {
        let message = format!("no {rtype} record at `{}`", zone.apex);
        report.zone_error(message, Some(help.to_owned()));
    }
}
