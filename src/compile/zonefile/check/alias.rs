//! Do aliases stand alone, and balanced names keep their addresses to themselves?

use domain::base::iana::Rtype;

use super::super::report::Report;
use super::Zone;

pub(super) fn check(zone: &Zone<'_>, report: &mut Report<'_>) {
    for set in zone.index.rrsets() {
        if set.rtype() == Rtype::CNAME && !zone.is_balanced(set.owner()) {
            let others = zone.index.rrsets_of(set.owner());
            for other in others.filter(|other| !may_join_cname(other.rtype())) {
                let message = format!(
                    "`{}` has a CNAME and also {} records",
                    set.owner(),
                    other.rtype()
                );
                let help = format!(
                    "an alias has no other data (RFC 2181, 10.1); the CNAME is at {}",
                    set.first().place
                );
                report.error(&other.first().place, message, Some(help));
            }
        }
    }
    for owner in zone.balanced {
        let sets = zone.index.rrsets_of(owner);
        for set in sets.filter(|set| is_steered(set.rtype())) {
            let message = format!(
                "`{owner}` is balanced and has {} records in the zone file",
                set.rtype()
            );
            let help = "its policy answers with addresses; remove one or the other".to_owned();
            report.error(&set.first().place, message, Some(help));
        }
    }
}

/// Types that may stand beside a CNAME (RFC 2181, 10.1; RFC 4034, 3 and 4).
fn may_join_cname(rtype: Rtype) -> bool {
    matches!(
        rtype,
        Rtype::CNAME | Rtype::RRSIG | Rtype::NSEC | Rtype::SIG | Rtype::NXT | Rtype::KEY
    )
}

/// Types that a balanced name answers itself.
fn is_steered(rtype: Rtype) -> bool {
    matches!(rtype, Rtype::A | Rtype::AAAA | Rtype::CNAME)
}
