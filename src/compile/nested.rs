//! Zones inside one another: what stands in one and belongs to another is never answered.

use std::collections::{HashMap, HashSet};

use super::zonefile::{Records, ZoneRecord};
use crate::config::{Diagnostics, Zone};
use crate::dns::{Name, rtype};

/// Where the zones of a configuration begin.
pub struct Apexes<'c> {
    all: HashSet<&'c Name>,
    /// Those that have others below them.
    outer: HashSet<Name>,
}

impl<'c> Apexes<'c> {
    pub fn new(zones: &'c [Zone]) -> Self {
        let all: HashSet<_> = zones.iter().map(|zone| &zone.apex).collect();
        let above = all.iter().flat_map(|apex| ancestors(apex).skip(1));
        let outer = above.filter(|name| all.contains(name)).collect();
        Apexes { all, outer }
    }

    /// The nearest apex that `name` is at or below, if that is not `apex` but one below it.
    fn between(&self, name: &Name, apex: &Name) -> Option<&'c Name> {
        if !self.outer.contains(apex) {
            return None;
        }
        up_to(name, apex).find_map(|name| self.all.get(&name).copied())
    }

    /// A name that can only be steered where it belongs.
    pub fn check_balanced(&self, zone: &Zone, diagnostics: &mut Diagnostics) {
        for balanced in &zone.balanced {
            if let Some(nested) = self.between(&balanced.owner, &zone.apex) {
                diagnostics.error(
                    &balanced.place,
                    format!(
                        "`{}` is balanced in `{}`, but belongs to `{nested}`, a zone of its own here",
                        balanced.owner, zone.apex
                    ),
                    Some(format!("declare it in the zone `{nested}`")),
                );
            }
        }
    }

    /// Records that are hidden by another zone: one warning for each of those zones. Below a
    /// delegation the check of the zone file has told.
    pub fn check_records(&self, apex: &Name, records: &Records, diagnostics: &mut Diagnostics) {
        if !self.outer.contains(apex) {
            return;
        }
        let servers = Servers::new(apex, records);
        let mut hidden: HashMap<&Name, Vec<ZoneRecord<'_>>> = HashMap::new();
        for record in records.iter().filter(|record| !servers.need(record)) {
            if let Some(nested) = self.between(record.owner, apex) {
                hidden.entry(nested).or_default().push(record);
            }
        }
        hidden.retain(|nested, _| !servers.delegate(nested, apex));
        for (nested, records) in hidden {
            let (are, others) = match records.len() - 1 {
                0 => ("is", String::new()),
                others => ("are", format!(" and {others} more")),
            };
            diagnostics.warning(
                &records[0].place(),
                format!(
                    "the record of `{}`{others} {are} never answered: `{nested}` is a zone of its own here",
                    records[0].owner
                ),
                Some(format!("move what is at or below `{nested}` to its own zone file")),
            );
        }
    }
}

/// The nameservers that a zone names.
struct Servers<'r> {
    /// Owners of delegations.
    cuts: HashSet<&'r Name>,
    /// The hosts: their addresses are glue, wherever they lie.
    hosts: HashSet<Name>,
}

impl<'r> Servers<'r> {
    fn new(apex: &Name, records: &'r Records) -> Self {
        let ns = || records.iter().filter(|record| record.rtype == rtype::NS);
        Servers {
            cuts: ns().map(|ns| ns.owner).filter(|&o| o != apex).collect(),
            hosts: ns()
                .filter_map(|ns| Name::from_wire(ns.rdata).ok())
                .collect(),
        }
    }

    fn need(&self, record: &ZoneRecord<'_>) -> bool {
        matches!(record.rtype, rtype::A | rtype::AAAA) && self.hosts.contains(record.owner)
    }

    /// Whether `name` is at or below a cut.
    fn delegate(&self, name: &Name, apex: &Name) -> bool {
        up_to(name, apex).any(|name| self.cuts.contains(&name))
    }
}

/// `name` and the names above it.
fn ancestors(name: &Name) -> impl Iterator<Item = Name> {
    std::iter::successors(Some(name.clone()), Name::parent)
}

/// `name` and the names above it that are below `apex`.
fn up_to(name: &Name, apex: &Name) -> impl Iterator<Item = Name> {
    let labels = apex.label_count();
    ancestors(name).take_while(move |name| name.label_count() > labels)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::compile::load;

    const OUTER: &str = "$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";
    const INNER: &str = "$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns.example.com.\n";

    /// What is said of a zone example.com with these records and this balanced name, with a zone
    /// gslb.example.com besides.
    fn said(records: &str, balanced: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let write = |name, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("outer.zone", &[OUTER, records].concat());
        write("inner.zone", INNER);
        let config = folder.path().join("meridian.toml");
        write(
            "meridian.toml",
            &format!(
                "[region.eu]\nlocation = [50.0, 8.0]\n\
                 [pool.web]\nregion = \"eu\"\nendpoints = [\"192.0.2.1\"]\n\
                 [policy.first]\nfailover = [\"web\"]\n\
                 [zone.\"example.com\"]\nfile = \"outer.zone\"\n\
                 [zone.\"example.com\".balanced]\n\"{balanced}\" = {{ policy = \"first\" }}\n\
                 [zone.\"gslb.example.com\"]\nfile = \"inner.zone\"\n"
            ),
        );
        let diagnostics = match load(&config, None) {
            Ok((_, warnings)) => warnings,
            Err(mistakes) => mistakes,
        };
        let folder = format!("{}/", folder.path().display());
        let lines = diagnostics.sorted();
        lines
            .iter()
            .map(|line| line.to_string().replace(&folder, ""))
            .collect()
    }

    #[test]
    fn a_balanced_name_that_belongs_to_another_zone_is_an_error() {
        for name in ["www.gslb", "gslb", "*.app.gslb"] {
            assert_eq!(
                said("", name),
                [format!(
                    "meridian.toml:11:1: error: `{name}.example.com.` is balanced in `example.com.`, but \
                     belongs to `gslb.example.com.`, a zone of its own here \
                     (declare it in the zone `gslb.example.com.`)"
                )]
            );
        }
        assert_eq!(said("", "www.xgslb"), [""; 0]);
    }

    #[test]
    fn records_that_belong_to_another_zone_are_warned_of() {
        assert_eq!(
            said("www.gslb A 192.0.2.1\ngslb TXT no\nnotgslb TXT yes\n", "@"),
            [
                "outer.zone:5:10: warning: the record of `www.gslb.example.com.` and 1 more are never \
                 answered: `gslb.example.com.` is a zone of its own here \
                 (move what is at or below `gslb.example.com.` to its own zone file)"
            ]
        );
    }

    #[test]
    fn a_delegation_and_glue_belong_to_the_zone_above() {
        let digest = "00".repeat(32);
        let delegation =
            format!("gslb NS ns.gslb\ngslb DS 1 13 2 {digest}\nns.gslb A 192.0.2.53\n");
        assert_eq!(said(&delegation, "@"), [""; 0]);
        assert_eq!(said("@ NS ns.gslb\nns.gslb A 192.0.2.53\n", "@"), [""; 0]);
    }

    #[test]
    fn what_lies_below_a_delegation_is_told_once() {
        let said = said("gslb NS ns\nwww.gslb A 192.0.2.1\n", "@");
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(said[0].contains("delegated"), "{said:#?}");
    }
}
