//! Warns of what is configured and has no effect.

use super::reader::{Reader, ticked};
use super::references::{Group, References};
use super::{GeoIp, Place, Policy, PolicyOrder, Zone};

/// Call when all tables were read without mistakes: a table that could not be read might be the
/// one that uses another.
pub(super) fn warn(
    reader: &mut Reader,
    references: &References,
    geoip: &GeoIp,
    policies: &[Option<Policy>],
    zones: &[Zone],
) {
    if zones.is_empty() {
        let place = Place::file(reader.path());
        let help = "write [zone.\"example.com\"]".to_owned();
        reader.warning_at(&place, "no zone: every query is refused", Some(help));
    }
    let groups: [(&Group, &str, &str); 4] = [
        (&references.regions, "region", "no pool lies in it"),
        (&references.monitors, "monitor", "no pool is watched by it"),
        (&references.pools, "pool", "no policy has it as a member"),
        (&references.policies, "policy", "no balanced name uses it"),
    ];
    for (group, kind, why) in groups {
        for (name, span) in group.unused() {
            let place = reader.place(span.start);
            let message = format!("{kind} {} is not used", ticked(name));
            reader.warning_at(&place, message, Some(why.to_owned()));
        }
    }
    warn_without_databases(reader, geoip, policies);
}

fn warn_without_databases(reader: &mut Reader, geoip: &GeoIp, policies: &[Option<Policy>]) {
    if !geoip.databases.is_empty() || !geoip.feeds.is_empty() {
        return;
    }
    let mut policies = policies.iter().flatten();
    if let Some(policy) = policies.find(|p| !matches!(p.order, PolicyOrder::Listed)) {
        let message = format!(
            "policy {} is geographic, but no database says where clients are",
            ticked(&policy.name)
        );
        let help = "write `databases` in [geoip]".to_owned();
        reader.warning_at(&policy.place, message, Some(help));
    }
}
