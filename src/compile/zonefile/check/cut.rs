//! What lies under a delegation or a DNAME, and is it glue?

use std::collections::{HashMap, HashSet};

use domain::base::iana::Rtype;

use super::super::rdata;
use super::super::report::Report;
use super::Zone;
use super::index::{Index, RrSet};
use crate::config::Place;
use crate::dns::Name;

/// The names where the zone's own data ends.
pub(super) struct Cuts<'z> {
    /// Owner of NS (delegation) or DNAME -> its first record's place.
    owners: HashMap<&'z Name, Cut<'z>>,
    /// The nameservers of all delegations: their addresses are glue.
    nameservers: HashSet<Name>,
}

/// Where a zone's own data ends.
#[derive(Clone, Copy)]
pub(super) struct Cut<'z> {
    pub owner: &'z Name,
    pub rtype: Rtype,
    pub place: &'z Place,
}

impl<'z> Cuts<'z> {
    pub fn new(index: &Index<'z>, apex: &Name) -> Self {
        let mut cuts = Cuts {
            owners: HashMap::new(),
            nameservers: HashSet::new(),
        };
        for set in index.rrsets() {
            match set.rtype() {
                Rtype::NS if set.owner() != apex => {
                    let targets = set
                        .records()
                        .filter_map(|r| rdata::target(Rtype::NS, &r.rdata));
                    cuts.nameservers.extend(targets);
                    // A delegation hides a DNAME at the same name (RFC 6672, 2.3).
                    cuts.insert(set);
                }
                Rtype::DNAME if !cuts.owners.contains_key(set.owner()) => cuts.insert(set),
                _ => {}
            }
        }
        cuts
    }

    fn insert(&mut self, set: RrSet<'_, 'z>) {
        let cut = Cut {
            owner: set.owner(),
            rtype: set.rtype(),
            place: &set.first().place,
        };
        self.owners.insert(cut.owner, cut);
    }

    /// The topmost cut that takes `name` out of the zone's own data: a delegation at or above it, or a
    /// DNAME above it.
    pub fn over(&self, name: &Name, apex: &Name) -> Option<Cut<'z>> {
        if self.owners.is_empty() {
            return None;
        }
        let mut topmost = self.delegation_at(name);
        let mut above = name.parent();
        while let Some(ancestor) = above.filter(|ancestor| ancestor.is_in(apex)) {
            if let Some(&cut) = self.owners.get(&ancestor) {
                topmost = Some(cut);
            }
            above = ancestor.parent();
        }
        topmost
    }

    fn delegation_at(&self, name: &Name) -> Option<Cut<'z>> {
        let cut = self.owners.get(name).copied();
        cut.filter(|cut| cut.rtype == Rtype::NS)
    }
}

pub(super) fn check(zone: &Zone<'_>, report: &mut Report<'_>) {
    for set in zone.index.rrsets() {
        if set.rtype() == Rtype::NS && set.owner().is_wildcard() {
            let message = format!("NS at the wildcard `{}`", set.owner());
            let help = "a wildcard cannot delegate (RFC 4592, section 4.2)".to_owned();
            report.error(&set.first().place, message, Some(help));
        }
        if let Some(cut) = zone.cuts.over(set.owner(), zone.apex)
            && !belongs_to(cut, set, &zone.cuts)
        {
            let message = format!(
                "the {} records of `{}` are never answered: {}",
                set.rtype(),
                set.owner(),
                reason(cut)
            );
            let help = format!("the {} is at {}", cut.rtype, cut.place);
            report.warning(&set.first().place, message, Some(help));
        }
    }
    for owner in zone.balanced {
        if let Some(cut) = zone.cuts.over(owner, zone.apex) {
            let message = format!("`{owner}` is balanced, but {}", reason(cut));
            let help = "it would never be answered; remove one or the other".to_owned();
            report.error(cut.place, message, Some(help));
        }
    }
}

fn reason(cut: Cut<'_>) -> String {
    match cut.rtype {
        Rtype::NS => format!("`{}` is delegated to other nameservers", cut.owner),
        _ => format!("`{}` is redirected by DNAME", cut.owner),
    }
}

/// Whether a set at or under a cut has a use: the delegation itself, or glue.
fn belongs_to(cut: Cut<'_>, set: RrSet<'_, '_>, cuts: &Cuts<'_>) -> bool {
    let is_delegation = matches!(
        set.rtype(),
        Rtype::NS | Rtype::DS | Rtype::NSEC | Rtype::RRSIG
    );
    let is_address = matches!(set.rtype(), Rtype::A | Rtype::AAAA);
    cut.rtype == Rtype::NS
        && (is_delegation && set.owner() == cut.owner
            || is_address && cuts.nameservers.contains(set.owner()))
}
