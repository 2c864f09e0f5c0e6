//! Data on the wire: is it that of its type, and where are the names in it?

use std::ops::Range;

use super::format::{Field, fields};
use super::service;
use crate::dns::{name, rtype};

/// Whether octets are data of these fields, without compression (RFC 3597, 4 and 5).
pub fn is_well_formed(fields: &[Field], wire: &[u8]) -> bool {
    let mut at = 0;
    fields
        .iter()
        .all(|&field| match len(field, &wire[..at], &wire[at..]) {
            Some(len) => {
                at += len;
                at <= wire.len()
            }
            None => false,
        })
        && at == wire.len()
}

/// How many octets of `rest` a field takes; `None` where they cannot be it. `before` is what the
/// data begins with.
fn len(field: Field, before: &[u8], rest: &[u8]) -> Option<usize> {
    let all_if = |is_right: bool| is_right.then_some(rest.len());
    match field {
        Field::U8 | Field::Algorithm => Some(1),
        Field::U16 | Field::Type | Field::CertificateType => Some(2),
        Field::U32 | Field::Duration | Field::Time | Field::V4 => Some(4),
        Field::V6 => Some(16),
        Field::Locator64 => Some(8),
        Field::Location => (rest.first() == Some(&0)).then_some(16),
        Field::Eui(len) => Some(len.into()),
        Field::Name => name::len(rest),
        Field::Names => repeated(rest, name::len),
        Field::String | Field::Salt => string(rest),
        Field::HashedName | Field::Tag | Field::Digits => string(rest).filter(|&len| len > 1),
        Field::OptionalString if rest.is_empty() => Some(0),
        Field::OptionalString => string(rest),
        Field::Strings => repeated(rest, string).filter(|&len| len > 0),
        Field::Octets => Some(rest.len()),
        Field::Hex | Field::Base64 | Field::Nsap => all_if(!rest.is_empty()),
        Field::Digest => {
            let len = before.last().copied().and_then(super::dnssec::digest_len);
            all_if(!rest.is_empty() && len.is_none_or(|len| len == rest.len()))
        }
        Field::Types => repeated(rest, window),
        Field::IpsecGateway => {
            let gateway = 2 + gateway_len(*rest.first()?, rest.get(2..)?)?;
            all_if(gateway <= rest.len())
        }
        Field::AmtRelay => Some(1 + gateway_len(rest.first()? & 0x7f, &rest[1..])?),
        Field::HostIdentity => {
            let &[tag, _, high, low, ..] = rest else {
                return None;
            };
            Some(4 + usize::from(tag) + usize::from(u16::from_be_bytes([high, low])))
        }
        Field::Prefixes => repeated(rest, prefix),
        Field::SvcParams => all_if(service::are_well_formed(rest)),
        // A protocol, and ports up to 65,535.
        Field::Services => all_if((1..=1 + 8192).contains(&rest.len())),
    }
}

/// All of `wire`, if it is made of items of these lengths.
fn repeated(wire: &[u8], len: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
    let mut rest = wire;
    while !rest.is_empty() {
        rest = rest.get(len(rest)?..)?;
    }
    Some(wire.len())
}

fn string(wire: &[u8]) -> Option<usize> {
    Some(1 + usize::from(*wire.first()?))
}

/// Window, length and bitmap of types.
fn window(wire: &[u8]) -> Option<usize> {
    match wire {
        [_, len @ 1..=32, ..] => Some(2 + usize::from(*len)),
        _ => None,
    }
}

/// Family, prefix length, negation and length, address.
fn prefix(wire: &[u8]) -> Option<usize> {
    let &[_, _, _, len, ..] = wire else {
        return None;
    };
    Some(4 + usize::from(len & 0x7f))
}

fn gateway_len(kind: u8, rest: &[u8]) -> Option<usize> {
    match kind {
        0 => Some(0),
        1 => Some(4),
        2 => Some(16),
        3 => name::len(rest),
        _ => None,
    }
}

/// Where the names in the data of a type are.
fn names(rtype: u16, rdata: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    let fields = fields(rtype).unwrap_or_default();
    fields.iter().filter_map(move |&field| {
        let (before, rest) = rdata.split_at_checked(at)?;
        let start = at;
        at += len(field, before, rest)?;
        matches!(field, Field::Name | Field::Names).then_some(start..at)
    })
}

/// The name, on the wire, that a record leads to: NS, CNAME, DNAME, PTR, MX and SRV have one.
pub fn target(rtype: u16, rdata: &[u8]) -> Option<&[u8]> {
    let at = match rtype {
        rtype::NS | rtype::CNAME | rtype::DNAME | rtype::PTR => 0,
        rtype::MX => 2,
        rtype::SRV => 6,
        _ => return None,
    };
    rdata.get(at..)
}

/// The data with its names in lower case (RFC 4343): data of one type is the same when this is.
pub fn folded(rtype: u16, rdata: &[u8]) -> Vec<u8> {
    let mut folded = rdata.to_vec();
    for range in names(rtype, rdata) {
        // Length octets are at most 63 and so never upper-case letters.
        if let Some(name) = folded.get_mut(range) {
            name.make_ascii_lowercase();
        }
    }
    folded
}
