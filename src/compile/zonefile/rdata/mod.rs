//! The values of a record -> wire format, per type (RFC 1035, 3.3 and on; RFC 3597 for any type).
//!
//! | module | question it answers |
//! |---|---|
//! | `format` | which fields has a type? |
//! | `values` | what do the tokens say: numbers, names, strings, hex, base 64? |
//! | `field` | how is each field read? |
//! | `dnssec`, `location`, `prefixes`, `service` | how are the elaborate ones? |
//! | `wire` | are octets the data of their type, and where are the names in it? |

use super::lexer::Token;

mod dnssec;
mod field;
mod format;
mod location;
mod prefixes;
mod service;
mod values;
mod wire;

pub(super) use format::expected;
pub(super) use values::ValueError;
pub(super) use wire::{folded, target};

use values::{Result, Values, wrong};

/// Octets that the data of a record may have (RFC 1035, 3.2.1).
const RDATA_MAX: usize = u16::MAX as usize;

/// Why a record's values are refused.
pub(super) struct RdataError {
    /// The token that is wrong; past the last one where a value is missing.
    pub token: usize,
    pub reason: ValueError,
}

/// Appends the data of a record in wire format, without compression. `origin` is on the wire. After
/// an error, `wire` is as it was.
pub(super) fn parse(
    rtype: u16,
    text: &[u8],
    tokens: &[Token],
    origin: &[u8],
    wire: &mut Vec<u8>,
) -> std::result::Result<(), RdataError> {
    let mut values = Values::new(text, tokens, origin);
    let start = wire.len();
    read(rtype, &mut values, wire).map_err(|reason| {
        wire.truncate(start);
        let token = values.culprit(&reason);
        RdataError { token, reason }
    })
}

fn read(rtype: u16, values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    let start = wire.len();
    if values.takes(b"\\#") {
        return read_octets(rtype, values, wire);
    }
    let Some(fields) = format::fields(rtype) else {
        values.peek().ok_or(ValueError::Missing)?;
        values.word()?;
        return wrong("expected `\\#`, since this type has no format of its own here");
    };
    for &field in fields {
        field::read(field, values, wire)?;
    }
    values.finish()?;
    if wire.len() - start > RDATA_MAX {
        return wrong("the record data is longer than 65,535 octets, up to here");
    }
    Ok(())
}

/// `\# length hex` (RFC 3597, 5).
fn read_octets(rtype: u16, values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    let start = wire.len();
    let len = values.number(RDATA_MAX as u32)? as usize;
    if !values.is_empty() {
        values.hex_to_end(wire)?;
    } else if len > 0 {
        return Err(ValueError::Missing);
    }
    let octets = &wire[start..];
    if octets.len() != len {
        let found = octets.len();
        return wrong(format!(
            "{found} octets up to here, where {len} are announced"
        ));
    }
    match format::fields(rtype) {
        Some(fields) if !wire::is_well_formed(fields, octets) => {
            wrong("octets that are no data of this type")
        }
        _ => Ok(()),
    }
}

/// Types that only questions or messages have (RFC 6895, 3.1): no zone holds them.
pub(super) fn is_meta(rtype: u16) -> bool {
    matches!(rtype, 0 | 41 | 128..=255)
}

#[cfg(test)]
mod tests;
