//! A name that may be answered with a CNAME is not the zone's own: there SOA and NS stand, and an alias has no
//! other data (RFC 1034, 3.6.2). What a zone file has of such names, its own checks look for.

use crate::config::{Config, Diagnostics, Zone};

pub fn check_apex(config: &Config, zone: &Zone, diagnostics: &mut Diagnostics) {
    for balanced in zone.balanced.iter().filter(|it| it.owner == zone.apex) {
        let policy = &config.policies[balanced.policy.index()];
        if policy.has_names {
            let message = format!(
                "policy `{}` may answer `{}` with a CNAME, and that is the zone's own name",
                policy.name, zone.apex
            );
            let help = "where SOA and NS stand there can be no CNAME (RFC 1034, 3.6.2); `alias` instead of `cname` \
                        answers with the addresses";
            diagnostics.error(&balanced.place, message, Some(help.to_owned()));
        }
    }
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
