//! Do the hosts that NS, MX and SRV records name have addresses?

use super::super::file::shown_name;
use super::super::rdata;
use super::super::records::Entry;
use super::super::report::Report;
use super::Zone;
use super::cut::Cut;
use super::index::RrSet;
use crate::config::Place;
use crate::dns::mnemonic::TypeName;
use crate::dns::{name, rtype};

pub(super) fn check(zone: &Zone<'_>, report: &mut Report<'_>) {
    if !zone.is_complete {
        return;
    }
    for set in zone.index.rrsets() {
        if matches!(set.rtype(), rtype::NS | rtype::MX | rtype::SRV) {
            check_targets(zone, set, report);
        }
    }
}

/// A host that a record of the zone names.
struct Host<'z> {
    set: RrSet<'z>,
    entry: &'z Entry,
    /// On the wire.
    name: &'z [u8],
    /// Its number, if it has records.
    owner: Option<u32>,
}

impl Host<'_> {
    fn shown(&self) -> String {
        shown_name(self.name)
    }

    fn place(&self) -> Place {
        self.set.place_of(self.entry)
    }
}

fn check_targets(zone: &Zone<'_>, set: RrSet<'_>, report: &mut Report<'_>) {
    for entry in set.entries() {
        let target = rdata::target(set.rtype(), set.rdata(entry));
        let Some(name) = target.filter(|name| name::is_in(name, zone.apex.as_wire())) else {
            continue;
        };
        let host = Host {
            set,
            entry,
            name,
            owner: zone.index.owner(name),
        };
        match zone
            .over(name, host.owner)
            .filter(|cut| cut.rtype == rtype::NS)
        {
            Some(cut) => needs_glue(zone, &host, cut, report),
            None => has_address(zone, &host, report),
        }
    }
}

/// The host is in another zone. If it serves that zone itself, its addresses must be here too.
fn needs_glue(zone: &Zone<'_>, host: &Host<'_>, cut: Cut, report: &mut Report<'_>) {
    let set = host.set;
    let has_address = host
        .owner
        .is_some_and(|owner| zone.index.has_address(owner));
    if set.rtype() != rtype::NS || has_address {
        return;
    }
    let message = format!("the nameserver `{}` has no glue", host.shown());
    let help = Some(format!(
        "it lies in `{}`, which is delegated: add its A or AAAA records here",
        zone.index.records.owners.name(cut.owner)
    ));
    let serves_itself = zone.over(set.owner_name().as_wire(), Some(set.owner())) == Some(cut);
    if serves_itself {
        report.error(&host.place(), message, help);
    } else {
        report.warning(&host.place(), message, help);
    }
}

/// The host is the zone's own: warn when it has no address.
fn has_address(zone: &Zone<'_>, host: &Host<'_>, report: &mut Report<'_>) {
    let addresses = "add A or AAAA records for it";
    let (source, help) = match find(zone, host) {
        Found::Addresses => return,
        Found::Alias => (
            "is an alias, which a host must not be (RFC 2181, section 10.3)",
            addresses,
        ),
        Found::MaybeAlias => (
            "may be answered with an alias, which a host must not be (RFC 2181, section 10.3)",
            "`alias` instead of `cname` answers with addresses",
        ),
        Found::Nothing => ("has no address in this zone", addresses),
    };
    let message = format!(
        "`{}`, named by this {} record, {source}",
        host.shown(),
        TypeName(host.set.rtype())
    );
    report.warning(&host.place(), message, Some(help.to_owned()));
}

/// What a question for an address would meet.
enum Found {
    Addresses,
    Alias,
    /// For some clients, or at times.
    MaybeAlias,
    Nothing,
}

fn find(zone: &Zone<'_>, host: &Host<'_>) -> Found {
    if host.owner.is_some() {
        return found_at(zone, host.name, host.owner);
    }
    match zone.answering(host.name) {
        Some(name) => found_at(zone, &name, zone.index.owner(&name)),
        None => Found::Nothing,
    }
}

fn found_at(zone: &Zone<'_>, wire: &[u8], owner: Option<u32>) -> Found {
    let has_address = owner.is_some_and(|owner| zone.index.has_address(owner));
    if zone.may_be_alias(wire) {
        Found::MaybeAlias
    } else if has_address || zone.is_balanced(wire) {
        Found::Addresses
    } else if zone.index.has(wire, rtype::CNAME) {
        Found::Alias
    } else {
        Found::Nothing
    }
}
