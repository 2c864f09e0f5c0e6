//! Names that may be answered by CNAME have nothing else (RFC 1034, 3.6.2; RFC 2181, 10.1).

use std::collections::HashSet;

use super::zonefile::Records;
use crate::config::{Balanced, Config, Diagnostics, Zone};
use crate::dns::Name;
use crate::dns::mnemonic::TypeName;

/// Of the zone's balanced names, those that may be.
fn aliased<'c>(config: &'c Config, zone: &'c Zone) -> impl Iterator<Item = &'c Balanced> {
    let balanced = zone.balanced.iter();
    balanced.filter(|balanced| config.policies[balanced.policy.index()].has_names)
}

/// The apex has SOA and NS records.
pub fn check_apex(config: &Config, zone: &Zone, diagnostics: &mut Diagnostics) {
    for balanced in aliased(config, zone).filter(|balanced| balanced.owner == zone.apex) {
        let policy = &config.policies[balanced.policy.index()].name;
        diagnostics.error(
            &balanced.place,
            format!("policy `{policy}` may answer `{}` with a CNAME, and that is the zone's own name", zone.apex),
            Some("where SOA and NS stand there can be no CNAME (RFC 1034, 3.6.2); `alias` instead of `cname` answers with the addresses".to_owned()),
        );
    }
}

/// False when the zone file has records of such a name, which are told of.
pub fn check_records(
    config: &Config,
    zone: &Zone,
    records: &Records,
    diagnostics: &mut Diagnostics,
) -> bool {
    let names: HashSet<&Name> = aliased(config, zone)
        .map(|balanced| &balanced.owner)
        .collect();
    if names.is_empty() {
        return true;
    }
    let mut are_alone = true;
    // Those of the apex were told of.
    let others = records.rrsets().filter_map(|mut set| set.next());
    for record in others.filter(|record| names.contains(record.owner) && *record.owner != zone.apex)
    {
        are_alone = false;
        diagnostics.error(
            &record.place(),
            format!(
                "`{}` may be answered with a CNAME, and has {} records in the zone file",
                record.owner,
                TypeName(record.rtype)
            ),
            Some("an alias has no other data (RFC 1034, 3.6.2); remove them, or use `alias` instead of `cname`".to_owned()),
        );
    }
    are_alone
}
