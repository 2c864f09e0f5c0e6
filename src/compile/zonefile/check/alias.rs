//! Do aliases stand alone, and balanced names keep their addresses to themselves?

use super::super::Balanced;
use super::super::report::Report;
use super::Zone;
use crate::dns::mnemonic::TypeName;
use crate::dns::rtype;

pub(super) fn check(zone: &Zone<'_>, balanced: &[Balanced], report: &mut Report<'_>) {
    for set in zone.index.rrsets() {
        if set.rtype() != rtype::CNAME || zone.is_balanced(set.owner_name().as_wire()) {
            continue;
        }
        let others = zone.index.rrsets_of(set.owner());
        for other in others.filter(|other| !may_join_cname(other.rtype())) {
            let message = format!(
                "`{}` has a CNAME and also {} records",
                set.owner_name(),
                TypeName(other.rtype())
            );
            let help = format!(
                "an alias has no other data (RFC 2181, 10.1); the CNAME is at {}",
                set.place()
            );
            report.error(&other.place(), message, Some(help));
        }
    }
    for Balanced {
        owner,
        may_be_alias,
    } in balanced
    {
        for set in zone.index.rrsets_at(owner.as_wire()) {
            if is_steered(set.rtype()) {
                let message = format!(
                    "`{owner}` is balanced and has {} records in the zone file",
                    TypeName(set.rtype())
                );
                let help = "its policy answers with addresses; remove one or the other".to_owned();
                report.error(&set.place(), message, Some(help));
            } else if *may_be_alias && owner != zone.apex {
                let message = format!(
                    "`{owner}` may be answered with a CNAME, and has {} records in the zone file",
                    TypeName(set.rtype())
                );
                let help = "an alias has no other data (RFC 1034, 3.6.2); remove them, or use `alias` instead of \
                            `cname`";
                report.error(&set.place(), message, Some(help.to_owned()));
            }
        }
    }
}

/// Types that may stand beside a CNAME (RFC 2181, 10.1). Of those that prove a signed zone, none is
/// left here.
fn may_join_cname(rtype: u16) -> bool {
    matches!(rtype, rtype::CNAME | rtype::KEY)
}

/// Types that a balanced name answers itself.
fn is_steered(rtype: u16) -> bool {
    matches!(rtype, rtype::A | rtype::AAAA | rtype::CNAME)
}
