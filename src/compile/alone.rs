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

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::compile::{load, reload};

    const CONFIG: &str = "[region.eu]\n[pool.cdn]\nregion = \"eu\"\nendpoints = [{ cname = \"a.example.net\" }]\n\
        [policy.world]\nfailover = [\"cdn\"]\n[zone.\"example\"]\nfile = \"zone\"\n\
        [zone.\"example\".balanced]\nwww = { policy = \"world\" }\n";
    const ZONE: &str = "@ 60 SOA a b 1 2 3 4 5\n@ 60 NS ns.net.\n";

    fn mistakes(config: &str, zone: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.toml");
        fs::write(&path, config).unwrap();
        fs::write(folder.path().join("zone"), zone).unwrap();
        let mistakes = load(&path, None).err().map(|mistakes| mistakes.sorted());
        let prefix = format!("{}/", folder.path().display());
        let mistakes = mistakes.unwrap_or_default().into_iter();
        mistakes
            .filter(|mistake| mistake.is_error())
            .map(|mistake| mistake.to_string().replace(&prefix, ""))
            .collect()
    }

    #[test]
    fn an_alias_stands_alone() {
        assert_eq!(mistakes(CONFIG, ZONE), [""; 0]);
        let zone = format!("{ZONE}www 60 TXT a\nwww 60 TXT b\nwww 60 MX 1 mail\nother 60 TXT c\n");
        let help = "an alias has no other data (RFC 1034, 3.6.2); remove them, or use `alias` instead of `cname`";
        let told = |line: u32, rtype: &str| {
            format!(
                "zone:{line}:5: error: `www.example.` may be answered with a CNAME, and has {rtype} records in the \
                 zone file ({help})"
            )
        };
        assert_eq!(mistakes(CONFIG, &zone), [told(3, "TXT"), told(5, "MX")]);
        let apex = CONFIG.replace("www =", "\"@\" =");
        let [told] = &mistakes(&apex, ZONE)[..] else {
            panic!("one mistake");
        };
        assert!(
            told.contains("error: policy `world` may answer `example.` with a CNAME"),
            "{told}"
        );
    }

    /// Nothing in the zone or its file has changed, but what it may be answered with.
    #[test]
    fn a_pool_that_becomes_one_of_names_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.toml");
        fs::write(
            &path,
            CONFIG.replace("{ cname = \"a.example.net\" }", "\"192.0.2.1\""),
        )
        .unwrap();
        fs::write(folder.path().join("zone"), format!("{ZONE}www 60 TXT a\n")).unwrap();
        let (before, _) = load(&path, None).unwrap();
        fs::write(&path, CONFIG).unwrap();
        let (after, found) = reload(&before, 1, &path, None).unwrap();
        assert!(found.has_errors());
        assert!(after.parts.served[0].trouble.is_some());
    }
}
