//! What lies under a delegation or a DNAME, and is it glue?

use super::super::report::Report;
use super::super::{Balanced, rdata};
use super::Zone;
use super::index::{Index, RrSet, ancestors};
use crate::dns::mnemonic::TypeName;
use crate::dns::{Name, rtype};

/// The names where the zone's own data ends. Empty where nothing does.
pub(super) struct Cuts {
    /// What is known of each owner, by number.
    flags: Vec<u8>,
    /// The topmost cut over each owner, by number, or `NONE`.
    over: Vec<u32>,
    /// The number of the apex.
    apex: Option<u32>,
}

/// An owner of NS records, but for the apex: a delegation.
const DELEGATION: u8 = 1;
/// An owner of DNAME records.
const REDIRECTION: u8 = 2;
/// An owner that a delegation names: its addresses are glue.
const NAMESERVER: u8 = 4;

const NONE: u32 = u32::MAX;

/// Where a zone's own data ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// By number.
    pub owner: u32,
    /// NS or DNAME.
    pub rtype: u16,
}

impl Cuts {
    pub fn new(index: &Index<'_>, apex: &Name) -> Self {
        let mut cuts = Cuts {
            flags: Vec::new(),
            over: Vec::new(),
            apex: index.owner(apex.as_wire()),
        };
        for set in index.rrsets() {
            match set.rtype() {
                rtype::NS if Some(set.owner()) != cuts.apex => {
                    cuts.flag(index, set.owner(), DELEGATION);
                    for ns in set.entries() {
                        let host = rdata::target(rtype::NS, set.rdata(ns));
                        if let Some(host) = host.and_then(|host| index.owner(host)) {
                            cuts.flag(index, host, NAMESERVER);
                        }
                    }
                }
                rtype::DNAME => cuts.flag(index, set.owner(), REDIRECTION),
                _ => {}
            }
        }
        let owners = 0..cuts.flags.len() as u32;
        cuts.over = owners
            .map(|owner| {
                let wire = index.records.owners.name(owner).as_wire();
                cuts.find(index, wire, Some(owner), apex).unwrap_or(NONE)
            })
            .collect();
        cuts
    }

    fn flag(&mut self, index: &Index<'_>, owner: u32, flag: u8) {
        self.flags.resize(index.records.owners.len(), 0);
        self.flags[owner as usize] |= flag;
    }

    fn has(&self, owner: u32, flags: u8) -> bool {
        let known = self.flags.get(owner as usize);
        known.is_some_and(|known| known & flags != 0)
    }

    /// The number of the topmost cut over a name on the wire: a delegation at or above it, or a DNAME
    /// above it. `owner` is its own number.
    fn find(&self, index: &Index<'_>, wire: &[u8], owner: Option<u32>, apex: &Name) -> Option<u32> {
        let own = owner.filter(|&owner| self.has(owner, DELEGATION));
        let apex_len = apex.as_wire().len();
        let above = ancestors(wire, apex).filter_map(|above| match above.len() == apex_len {
            true => self.apex,
            false => index.owner(above),
        });
        let cuts = above.filter(|&above| self.has(above, DELEGATION | REDIRECTION));
        cuts.last().or(own)
    }

    /// The topmost cut that takes a name (on the wire, in the zone) out of the zone's own data. `owner`
    /// is the number of the name, if it has records.
    pub fn over(
        &self,
        index: &Index<'_>,
        wire: &[u8],
        owner: Option<u32>,
        apex: &Name,
    ) -> Option<Cut> {
        if self.flags.is_empty() {
            return None;
        }
        let cut = match owner {
            Some(owner) => Some(self.over[owner as usize]).filter(|&cut| cut != NONE),
            None => self.find(index, wire, None, apex),
        };
        cut.map(|owner| Cut {
            owner,
            // Of the two, the delegation.
            rtype: match self.has(owner, DELEGATION) {
                true => rtype::NS,
                false => rtype::DNAME,
            },
        })
    }
}

pub(super) fn check(zone: &Zone<'_>, balanced: &[Balanced], report: &mut Report<'_>) {
    if zone.cuts.flags.is_empty() {
        return;
    }
    for set in zone.index.rrsets() {
        if let Some(cut) = zone.over(set.owner_name().as_wire(), Some(set.owner()))
            && !belongs_to(cut, set, &zone.cuts)
        {
            report_hidden(zone, cut, set, report);
        }
    }
    for Balanced { owner, .. } in balanced {
        let number = zone.index.owner(owner.as_wire());
        if let Some(cut) = zone.over(owner.as_wire(), number) {
            let message = format!("`{owner}` is balanced, but {}", reason(zone, cut));
            let help = "it would never be answered; remove one or the other".to_owned();
            report.error(&zone.index.place(cut.owner, cut.rtype), message, Some(help));
        }
    }
}

/// It does no harm, and BIND takes it, too: so that is a warning, although the RFC forbids it below a
/// DNAME, and a DNAME at a delegation (RFC 6672, 2.4).
fn report_hidden(zone: &Zone<'_>, cut: Cut, set: RrSet<'_>, report: &mut Report<'_>) {
    let message = format!(
        "the {} records of `{}` are never answered: {}",
        TypeName(set.rtype()),
        set.owner_name(),
        reason(zone, cut)
    );
    let help = format!(
        "the {} is at {}",
        TypeName(cut.rtype),
        zone.index.place(cut.owner, cut.rtype)
    );
    report.warning(&set.place(), message, Some(help));
}

fn reason(zone: &Zone<'_>, cut: Cut) -> String {
    let owner = zone.index.records.owners.name(cut.owner);
    match cut.rtype {
        rtype::NS => format!("`{owner}` is delegated to other nameservers"),
        _ => format!("`{owner}` is redirected by DNAME"),
    }
}

/// Whether a set at or under a cut has a use: the delegation itself, or glue.
fn belongs_to(cut: Cut, set: RrSet<'_>, cuts: &Cuts) -> bool {
    let is_delegation = matches!(set.rtype(), rtype::NS | rtype::DS);
    let is_address = matches!(set.rtype(), rtype::A | rtype::AAAA);
    cut.rtype == rtype::NS
        && (is_delegation && set.owner() == cut.owner
            || is_address && cuts.has(set.owner(), NAMESERVER))
}
