//! Does the zone have its SOA and NS records, and those where they belong?

use super::super::report::Report;
use super::Zone;
use crate::dns::mnemonic::TypeName;
use crate::dns::rtype;

pub(super) fn check(zone: &Zone<'_>, report: &mut Report<'_>) {
    if zone.is_complete {
        let help = "the zone file must have exactly one";
        is_present(zone, rtype::SOA, help, report);
        is_present(zone, rtype::NS, "name at least one nameserver", report);
    }
    for set in zone.index.rrsets() {
        if set.rtype() == rtype::SOA && set.owner_name() != zone.apex {
            let message = format!(
                "SOA at `{}`, which is not the zone's name",
                set.owner_name()
            );
            let help = format!("the zone is `{}`, and its SOA stands there", zone.apex);
            report.error(&set.place(), message, Some(help));
        }
    }
}

fn is_present(zone: &Zone<'_>, rtype: u16, help: &str, report: &mut Report<'_>) {
    if !zone.index.has(zone.apex.as_wire(), rtype) {
        let message = format!("no {} record at `{}`", TypeName(rtype), zone.apex);
        report.zone_error(message, Some(help.to_owned()));
    }
}
