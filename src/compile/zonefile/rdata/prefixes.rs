//! APL: lists of address prefixes (RFC 3123).

use super::field::{push_u16, v4, v6};
use super::values::{Result, Values, number, wrong};

/// Prefixes to the end, such as `1:192.0.2.0/24 !2:2001:db8::/32`; none at all too.
pub fn read(values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    while !values.is_empty() {
        prefix(values.word()?, wire)?;
    }
    Ok(())
}

/// `[!]family:address/length`.
fn prefix(word: &[u8], wire: &mut Vec<u8>) -> Result<()> {
    let (negation, rest) = match word {
        [b'!', rest @ ..] => (0x80, rest),
        rest => (0, rest),
    };
    let colon = rest.iter().position(|&b| b == b':');
    let slash = rest.iter().position(|&b| b == b'/');
    let (Some(colon), Some(slash)) = (colon, slash.filter(|&slash| Some(slash) > colon)) else {
        return wrong("expected a prefix such as `1:192.0.2.0/24` or `!2:2001:db8::/32`");
    };
    let (family, address, length) = (&rest[..colon], &rest[colon + 1..slash], &rest[slash + 1..]);
    match family {
        b"1" => item(1, &v4(address)?, length, negation, wire),
        b"2" => item(2, &v6(address)?, length, negation, wire),
        _ => wrong("expected the address family 1 (IPv4) or 2 (IPv6)"),
    }
}

fn item(
    family: u32,
    address: &[u8],
    length: &[u8],
    negation: u8,
    wire: &mut Vec<u8>,
) -> Result<()> {
    let bits = address.len() as u32 * 8;
    let length = number(length, bits)?;
    // Zeros at the end are not sent (RFC 3123, 4.1).
    let len = address.iter().rposition(|&b| b != 0).map_or(0, |at| at + 1);
    push_u16(family, wire);
    wire.push(length as u8);
    wire.push(negation | len as u8);
    wire.extend_from_slice(&address[..len]);
    Ok(())
}
