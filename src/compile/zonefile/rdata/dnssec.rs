//! Fields of the DNSSEC types: times, algorithms, digests, salts, bitmaps of types.

use super::field::{named, rtype};
use super::values::{Result, Values, number, wrong};

/// Seconds since 1970 modulo 2^32, or `YYYYMMDDHHmmSS` (RFC 4034, 3.2).
pub fn time(word: &[u8]) -> Result<u32> {
    if word.len() != 14 || !word.iter().all(u8::is_ascii_digit) {
        return match number(word, u32::MAX) {
            Err(_) => wrong("expected a time: YYYYMMDDHHmmSS, or seconds since 1970"),
            seconds => seconds,
        };
    }
    let part = |from: usize, to: usize| {
        let digits = word[from..to].iter();
        digits.fold(0i64, |n, &b| n * 10 + i64::from(b - b'0'))
    };
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    let (hour, minute, second) = (part(8, 10), part(10, 12), part(12, 14));
    let is_time = hour < 24 && minute < 60 && second < 60;
    if !is_time || !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return wrong("there is no such date or time");
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    // Times wrap (RFC 4034, 3.1.5).
    Ok(seconds as u32)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let leap_years = |before: i64| (before - 1) / 4 - (before - 1) / 100 + (before - 1) / 400;
    let years = (year - 1970) * 365 + leap_years(year) - leap_years(1970);
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    years + months + day - 1
}

/// By number, or by its mnemonic (IANA "DNS Security Algorithm Numbers").
pub fn algorithm(word: &[u8]) -> Result<u8> {
    const KNOWN: [(&[u8], u8); 18] = [
        (b"RSAMD5", 1),
        (b"DH", 2),
        (b"DSA", 3),
        (b"RSASHA1", 5),
        (b"DSA-NSEC3-SHA1", 6),
        (b"NSEC3DSA", 6),
        (b"RSASHA1-NSEC3-SHA1", 7),
        (b"NSEC3RSASHA1", 7),
        (b"RSASHA256", 8),
        (b"RSASHA512", 10),
        (b"ECC-GOST", 12),
        (b"ECDSAP256SHA256", 13),
        (b"ECDSAP384SHA384", 14),
        (b"ED25519", 15),
        (b"ED448", 16),
        (b"INDIRECT", 252),
        (b"PRIVATEDNS", 253),
        (b"PRIVATEOID", 254),
    ];
    match named(word, &KNOWN) {
        Some(algorithm) => Ok(algorithm),
        None => Ok(number(word, u8::MAX.into())? as u8),
    }
}

/// A digest to the end. Its type is the octet before, and says how long it is where it is known
/// (RFC 3658, 2.4; RFC 4509, 2.1; RFC 5933, 5; RFC 6605, 2).
pub fn digest(values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    let len = wire.last().copied().and_then(digest_len);
    let at = wire.len();
    values.hex_to_end(wire)?;
    match len {
        Some(len) if wire.len() - at != len => wrong(format!(
            "a digest of {} octets, where this type of digest has {len}",
            wire.len() - at
        )),
        _ => Ok(()),
    }
}

pub fn digest_len(digest_type: u8) -> Option<usize> {
    match digest_type {
        1 => Some(20),
        2 | 3 => Some(32),
        4 => Some(48),
        _ => None,
    }
}

/// Hexadecimal, or `-` for none (RFC 5155, 3.3).
pub fn salt(word: &[u8], wire: &mut Vec<u8>) -> Result<()> {
    let at = wire.len();
    wire.push(0);
    if word == b"-" {
        return Ok(());
    }
    for pair in word.chunks(2) {
        let octet = match pair {
            [high, low] => char::from(*high)
                .to_digit(16)
                .zip(char::from(*low).to_digit(16)),
            _ => None,
        };
        match octet {
            Some((high, low)) => wire.push((high << 4 | low) as u8),
            None => return wrong("expected pairs of hexadecimal digits, or `-`"),
        }
    }
    close(at, wire)
}

/// Base 32 with extended hex alphabet, without padding (RFC 4648, 7; RFC 5155, 3.3).
pub fn hashed_name(word: &[u8], wire: &mut Vec<u8>) -> Result<()> {
    let at = wire.len();
    wire.push(0);
    let (mut bits, mut count) = (0u32, 0);
    for &digit in word {
        let Some(value) = char::from(digit).to_digit(32) else {
            return wrong("expected base 32 (0 to 9 and A to V)");
        };
        bits = bits << 5 | value;
        count += 5;
        if count >= 8 {
            count -= 8;
            wire.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    // 5 bits or more left over are a digit too many.
    if count >= 5 || bits != 0 {
        return wrong("base 32 that is cut short");
    }
    close(at, wire)
}

/// Fills in the length of what follows it.
fn close(at: usize, wire: &mut [u8]) -> Result<()> {
    match u8::try_from(wire.len() - at - 1) {
        Ok(len) => {
            wire[at] = len;
            Ok(())
        }
        Err(_) => wrong("more than 255 octets"),
    }
}

/// A bitmap of types (RFC 4034, 4.1.2): windows of 256, each with its octets up to the last that is
/// not zero.
pub fn types(values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    let mut types = Vec::new();
    while !values.is_empty() {
        types.push(rtype(values)?);
    }
    types.sort_unstable();
    for window in types.chunk_by(|a, b| a >> 8 == b >> 8) {
        let mut bitmap = [0u8; 32];
        for rtype in window {
            bitmap[usize::from(rtype & 0xff) / 8] |= 0x80 >> (rtype % 8);
        }
        // The last type is the highest.
        let len = window.last().map_or(0, |last| (last & 0xff) / 8 + 1) as usize;
        wire.extend_from_slice(&[(window[0] >> 8) as u8, len as u8]);
        wire.extend_from_slice(&bitmap[..len]);
    }
    Ok(())
}
