//! How is each field of a record read?

use super::super::ttl;
use super::format::Field;
use super::values::{Result, Values, base64, number, wrong};
use super::{dnssec, location, prefixes, service};
use crate::dns::mnemonic;

/// Appends one field.
pub fn read(field: Field, values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    match field {
        Field::U8 => wire.push(values.number(u8::MAX.into())? as u8),
        Field::U16 => push_u16(values.number(u16::MAX.into())?, wire),
        Field::U32 => wire.extend_from_slice(&values.number(u32::MAX)?.to_be_bytes()),
        Field::Duration => wire.extend_from_slice(&duration(values)?.to_be_bytes()),
        Field::Time => wire.extend_from_slice(&dnssec::time(values.word()?)?.to_be_bytes()),
        Field::Type => push_u16(rtype(values)?.into(), wire),
        Field::Algorithm => wire.push(dnssec::algorithm(values.word()?)?),
        Field::CertificateType => push_u16(certificate_type(values.word()?)?.into(), wire),
        Field::Name => values.name(wire)?,
        Field::Names => {
            while !values.is_empty() {
                values.name(wire)?;
            }
        }
        Field::V4 => wire.extend_from_slice(&v4(values.word()?)?),
        Field::V6 => wire.extend_from_slice(&v6(values.word()?)?),
        Field::String => values.string(wire)?,
        Field::Digits => checked_string(values, wire, u8::is_ascii_digit, "expected digits")?,
        Field::Tag => {
            let is_tag = u8::is_ascii_alphanumeric;
            checked_string(values, wire, is_tag, "expected letters and digits")?;
        }
        Field::OptionalString if values.is_empty() => {}
        Field::OptionalString => values.string(wire)?,
        Field::Strings => strings(values, wire)?,
        Field::Octets => values.octets(wire)?,
        Field::Hex => values.hex_to_end(wire)?,
        Field::Base64 => values.base64_to_end(wire)?,
        Field::Digest => dnssec::digest(values, wire)?,
        Field::Salt => dnssec::salt(values.word()?, wire)?,
        Field::HashedName => dnssec::hashed_name(values.word()?, wire)?,
        Field::Types => dnssec::types(values, wire)?,
        Field::Eui(len) => eui(values.word()?, len, wire)?,
        Field::Locator64 => locator64(values.word()?, wire)?,
        Field::IpsecGateway => ipsec_gateway(values, wire)?,
        Field::AmtRelay => amt_relay(values, wire)?,
        Field::HostIdentity => host_identity(values, wire)?,
        Field::Prefixes => prefixes::read(values, wire)?,
        Field::Location => location::read(values, wire)?,
        Field::SvcParams => service::read(values, wire)?,
        Field::Nsap => nsap(values.word()?, wire)?,
        Field::Services => services(values, wire)?,
    }
    Ok(())
}

pub fn push_u16(number: u32, wire: &mut Vec<u8>) {
    wire.extend_from_slice(&(number as u16).to_be_bytes());
}

fn duration(values: &mut Values<'_>) -> Result<u32> {
    let word = values.word()?;
    ttl::parse(word).or_else(|error| match error {
        // A number alone may have all 32 bits: it is no TTL.
        ttl::TtlError::TooLong => number(word, u32::MAX),
        ttl::TtlError::Malformed => wrong(error.reason()),
    })
}

/// A type by its mnemonic.
pub fn rtype(values: &mut Values<'_>) -> Result<u16> {
    match mnemonic::rtype(values.word()?) {
        Some(rtype) => Ok(rtype),
        None => wrong("expected a record type"),
    }
}

/// By number, or by a mnemonic of RFC 4398, 2.1.
fn certificate_type(word: &[u8]) -> Result<u16> {
    const KNOWN: [(&[u8], u16); 10] = [
        (b"PKIX", 1),
        (b"SPKI", 2),
        (b"PGP", 3),
        (b"IPKIX", 4),
        (b"ISPKI", 5),
        (b"IPGP", 6),
        (b"ACPKIX", 7),
        (b"IACPKIX", 8),
        (b"URI", 253),
        (b"OID", 254),
    ];
    named(word, &KNOWN).map_or_else(|| Ok(number(word, u16::MAX.into())? as u16), Ok)
}

/// The number that a word has in a table, in either case.
pub fn named<N: Copy>(word: &[u8], known: &[(&[u8], N)]) -> Option<N> {
    let found = known
        .iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name));
    found.map(|&(_, number)| number)
}

fn ascii(word: &[u8]) -> &str {
    std::str::from_utf8(word).unwrap_or_default()
}

/// Four decimal numbers of up to three digits, none with a zero in front.
pub fn v4(word: &[u8]) -> Result<[u8; 4]> {
    let mut octets = [0; 4];
    let mut parts = word.split(|&b| b == b'.');
    for octet in &mut octets {
        let value = match parts.next() {
            Some(part @ [b'1'..=b'9', ..] | part @ b"0") => number(part, u8::MAX.into()).ok(),
            _ => None,
        };
        match value {
            Some(value) => *octet = value as u8,
            None => return wrong("expected an IPv4 address"),
        }
    }
    match parts.next() {
        None => Ok(octets),
        Some(_) => wrong("expected an IPv4 address"),
    }
}

pub fn v6(word: &[u8]) -> Result<[u8; 16]> {
    match ascii(word).parse::<std::net::Ipv6Addr>() {
        Ok(address) => Ok(address.octets()),
        Err(_) => wrong("expected an IPv6 address"),
    }
}

fn strings(values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    loop {
        values.string(wire)?;
        if values.is_empty() {
            return Ok(());
        }
    }
}

/// A character-string of at least one octet, all of them as they should be.
fn checked_string(
    values: &mut Values<'_>,
    wire: &mut Vec<u8>,
    is_right: impl Fn(&u8) -> bool,
    expected: &'static str,
) -> Result<()> {
    let at = wire.len();
    values.string(wire)?;
    let octets = &wire[at + 1..];
    if octets.is_empty() || !octets.iter().all(is_right) {
        return wrong(expected);
    }
    Ok(())
}

/// Two hexadecimal digits.
fn octet(text: &[u8]) -> Option<u8> {
    let &[high, low] = text else {
        return None;
    };
    let [high, low] = [high, low].map(|digit| char::from(digit).to_digit(16));
    Some((high? << 4 | low?) as u8)
}

fn eui(word: &[u8], len: u8, wire: &mut Vec<u8>) -> Result<()> {
    let at = wire.len();
    for group in word.split(|&b| b == b'-') {
        match octet(group) {
            Some(octet) => wire.push(octet),
            None => return wrong("expected octets as two hexadecimal digits with `-` between"),
        }
    }
    if wire.len() - at != usize::from(len) {
        return wrong(format!("expected {len} octets"));
    }
    Ok(())
}

fn locator64(word: &[u8], wire: &mut Vec<u8>) -> Result<()> {
    let mut groups = 0;
    for group in word.split(|&b| b == b':') {
        let value = match group.len() {
            1..=4 if group.iter().all(u8::is_ascii_hexdigit) => {
                u16::from_str_radix(ascii(group), 16).ok()
            }
            _ => None,
        };
        match value {
            Some(value) => wire.extend_from_slice(&value.to_be_bytes()),
            None => return wrong("expected up to four hexadecimal digits between colons"),
        }
        groups += 1;
    }
    if groups != 4 {
        return wrong("expected four groups of hexadecimal digits");
    }
    Ok(())
}

/// Nothing, an address or a name, by its type (RFC 4025, 2.5; RFC 8777, 4.2.4).
fn gateway(kind: u8, values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    match kind {
        0 if values.word()? == b"." => {}
        0 => return wrong("expected `.`, since there is none"),
        1 => wire.extend_from_slice(&v4(values.word()?)?),
        2 => wire.extend_from_slice(&v6(values.word()?)?),
        _ => values.name(wire)?,
    }
    Ok(())
}

fn ipsec_gateway(values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    let kind = values.number(3)? as u8;
    wire.push(kind);
    wire.push(values.number(u8::MAX.into())? as u8);
    gateway(kind, values, wire)?;
    if values.is_empty() {
        // No key (RFC 4025, 2.4).
        return Ok(());
    }
    values.base64_to_end(wire)
}

fn amt_relay(values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    let discovery = values.number(1)? as u8;
    let kind = values.number(3)? as u8;
    wire.push(discovery << 7 | kind);
    gateway(kind, values, wire)
}

fn host_identity(values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    let algorithm = values.number(u8::MAX.into())? as u8;
    let at = wire.len();
    wire.extend_from_slice(&[0, algorithm, 0, 0]);
    let tag = values.word()?;
    for pair in tag.chunks(2) {
        match octet(pair) {
            Some(octet) => wire.push(octet),
            None => return wrong("expected pairs of hexadecimal digits"),
        }
    }
    let key_at = wire.len();
    match u8::try_from(key_at - at - 4) {
        Ok(len) => wire[at] = len,
        Err(_) => return wrong("a host identity tag of more than 255 octets"),
    }
    base64(values.word()?, wire)?;
    match u16::try_from(wire.len() - key_at) {
        Ok(len) => wire[at + 2..at + 4].copy_from_slice(&len.to_be_bytes()),
        Err(_) => return wrong("a key of more than 65,535 octets"),
    }
    Ok(())
}

fn nsap(word: &[u8], wire: &mut Vec<u8>) -> Result<()> {
    let Some(digits) = word.strip_prefix(b"0x").or(word.strip_prefix(b"0X")) else {
        return wrong("expected `0x` and hexadecimal digits");
    };
    let digits: Vec<u8> = digits.iter().copied().filter(|&b| b != b'.').collect();
    for pair in digits.chunks(2) {
        match octet(pair) {
            Some(octet) => wire.push(octet),
            None => return wrong("expected pairs of hexadecimal digits"),
        }
    }
    if digits.is_empty() {
        return wrong("expected hexadecimal digits");
    }
    Ok(())
}

/// Protocol and ports (RFC 1035, 3.4.2), by number or by the commonest of their names.
fn services(values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    const PROTOCOLS: [(&[u8], u8); 3] = [(b"icmp", 1), (b"tcp", 6), (b"udp", 17)];
    const PORTS: [(&[u8], u16); 18] = [
        (b"echo", 7),
        (b"discard", 9),
        (b"daytime", 13),
        (b"ftp-data", 20),
        (b"ftp", 21),
        (b"ssh", 22),
        (b"telnet", 23),
        (b"smtp", 25),
        (b"time", 37),
        (b"domain", 53),
        (b"tftp", 69),
        (b"finger", 79),
        (b"http", 80),
        (b"pop3", 110),
        (b"sunrpc", 111),
        (b"ntp", 123),
        (b"imap2", 143),
        (b"https", 443),
    ];
    let word = values.word()?;
    wire.push(match named(word, &PROTOCOLS) {
        Some(protocol) => protocol,
        None => number(word, u8::MAX.into())? as u8,
    });
    let bitmap_at = wire.len();
    while !values.is_empty() {
        let word = values.word()?;
        let port = match named(word, &PORTS) {
            Some(port) => port,
            None => number(word, u16::MAX.into())? as u16,
        };
        let at = bitmap_at + usize::from(port / 8);
        if wire.len() <= at {
            wire.resize(at + 1, 0);
        }
        wire[at] |= 0x80 >> (port % 8);
    }
    Ok(())
}
