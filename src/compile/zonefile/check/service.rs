//! Do SVCB and HTTPS records say something that nobody heeds, or that cannot be kept?

use super::super::file::shown_name;
use super::super::report::Report;
use super::Zone;
use super::index::RrSet;
use crate::dns::mnemonic::TypeName;
use crate::dns::service_params::{key, value};
use crate::dns::{name, rtype};

pub(super) fn check(zone: &Zone<'_>, report: &mut Report<'_>) {
    for set in zone.index.rrsets() {
        if matches!(set.rtype(), rtype::SVCB | rtype::HTTPS) {
            check_aliases(set, report);
            check_hints(zone, set, report);
        }
    }
}

/// Hints of a service that a balanced name offers are chosen for each query. There may be none of a family, so
/// they cannot be mandatory: a record that lacks what is mandatory is malformed (RFC 9460, 8).
fn check_hints(zone: &Zone<'_>, set: RrSet<'_>, report: &mut Report<'_>) {
    if zone.balanced.is_empty() {
        return;
    }
    for entry in set.entries() {
        let Some((target, params)) = service(set.rdata(entry)) else {
            continue;
        };
        let target = match target {
            [0] => set.owner_name().as_wire(),
            other => other,
        };
        let ours = Some(target).filter(|name| name::is_in(name, zone.apex.as_wire()));
        let answering = ours.and_then(|name| zone.answering(name));
        if !answering.is_some_and(|name| zone.is_balanced(&name)) {
            continue;
        }
        let (shown, rtype) = (shown_name(target), TypeName(set.rtype()));
        let mandatory = value(params, key::MANDATORY).unwrap_or_default();
        let is_hint = |key: &[u8]| HINTS.iter().any(|hint| hint.to_be_bytes() == key);
        if mandatory.chunks(2).any(is_hint) {
            let message = format!("`{shown}` is balanced: its hints cannot be mandatory");
            let help = "there are none of a family that is not up, and without them the record would be \
                        malformed (RFC 9460, section 8): leave them out of `mandatory`";
            report.error(&set.place_of(entry), message, Some(help.to_owned()));
        } else if HINTS.iter().any(|&hint| value(params, hint).is_some()) {
            let message = format!("`{shown}` is balanced: hints are its policy's");
            let help = format!("leave `ipv4hint` and `ipv6hint` out of this {rtype} record");
            report.warning(&set.place_of(entry), message, Some(help));
        }
    }
}

const HINTS: [u16; 2] = [key::IPV4HINT, key::IPV6HINT];

/// The target of a record in service mode, on the wire, and its parameters (RFC 9460, 2.4.3).
fn service(rdata: &[u8]) -> Option<(&[u8], &[u8])> {
    let (priority, rest) = rdata.split_first_chunk()?;
    let is_service = u16::from_be_bytes(*priority) > 0;
    rest.split_at_checked(name::len(rest)?)
        .filter(|_| is_service)
}

/// An alias (priority 0) has no parameters, and hides the services beside it (RFC 9460, 2.4.1 and
/// 2.4.2).
fn check_aliases(set: RrSet<'_>, report: &mut Report<'_>) {
    let priority = |rdata: &[u8]| {
        rdata
            .first_chunk()
            .map(|octets| u16::from_be_bytes(*octets))
    };
    for entry in set.entries() {
        let rdata = set.rdata(entry);
        if priority(rdata) != Some(0) {
            continue;
        }
        let target = name::len(&rdata[2..]);
        let (what, section) = if target.is_some_and(|len| 2 + len < rdata.len()) {
            ("has parameters, which are ignored", "2.4.2")
        } else if set.len() > 1 {
            (
                "is not alone, so that others beside it are ignored",
                "2.4.1",
            )
        } else {
            continue;
        };
        let message = format!(
            "the {} record of `{}` with priority 0, an alias, {what}",
            TypeName(set.rtype()),
            set.owner_name()
        );
        let help =
            format!("give it another priority, or leave them out (RFC 9460, section {section})");
        report.warning(&set.place_of(entry), message, Some(help));
    }
}
