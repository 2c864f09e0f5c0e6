//! LOC: latitude, longitude, altitude, size and precisions (RFC 1876).

use super::values::{Result, Values, wrong};

/// Thousandths of a second of arc in a degree.
const DEGREE: u32 = 3_600_000;
/// The equator and the prime meridian.
const ORIGIN: u32 = 1 << 31;
/// The reference is 100 km below the ellipsoid; in centimetres.
const BELOW: i64 = 10_000_000;
/// Size, horizontal and vertical precision where they are not written (RFC 1876, 3).
const DEFAULTS: [u8; 3] = [0x12, 0x16, 0x13];

pub fn read(values: &mut Values<'_>, wire: &mut Vec<u8>) -> Result<()> {
    let latitude = angle(values, 90, b"N", b"S")?;
    let longitude = angle(values, 180, b"E", b"W")?;
    let altitude = centimetres(values.word()?)? + BELOW;
    let Ok(altitude) = u32::try_from(altitude) else {
        return wrong("an altitude that is not from -100000 m to 42849672.95 m");
    };
    let mut sizes = DEFAULTS;
    for size in &mut sizes {
        if values.is_empty() {
            break;
        }
        *size = precision(centimetres(values.word()?)?)?;
    }
    // Version 0.
    wire.push(0);
    wire.extend_from_slice(&sizes);
    for number in [latitude, longitude, altitude] {
        wire.extend_from_slice(&number.to_be_bytes());
    }
    Ok(())
}

/// Degrees, perhaps minutes, perhaps seconds, and where: thousandths of a second from the origin.
fn angle(values: &mut Values<'_>, max: u32, plus: &[u8], minus: &[u8]) -> Result<u32> {
    let mut total = values.number(max)? * DEGREE;
    // Minutes, then seconds: decimals, limit, and thousandths of a second in one of the last.
    let mut parts = [(0, 60, 60_000), (3, 60_000, 1)].into_iter();
    loop {
        let word = values.word()?;
        if word.eq_ignore_ascii_case(plus) {
            return Ok(ORIGIN + total);
        }
        if word.eq_ignore_ascii_case(minus) {
            return Ok(ORIGIN - total);
        }
        let part = parts.next().and_then(|(places, limit, unit)| {
            let part = fraction(word, places).filter(|&part| part < limit)?;
            Some(part * unit)
        });
        match part {
            Some(part) => total += part as u32,
            None => {
                return wrong(
                    "expected minutes or seconds below 60 (seconds with up to three decimals), or \
                     a direction",
                );
            }
        }
        if total > max * DEGREE {
            return wrong(format!("an angle of more than {max} degrees"));
        }
    }
}

/// Metres with at most two decimals, perhaps with `m` behind.
fn centimetres(word: &[u8]) -> Result<i64> {
    let digits = word.strip_suffix(b"m").unwrap_or(word);
    let (sign, digits) = match digits {
        [b'-', digits @ ..] => (-1, digits),
        digits => (1, digits),
    };
    match fraction(digits, 2) {
        Some(value) => Ok(sign * value),
        None => wrong("expected metres, such as `10m` or `-2.50m`"),
    }
}

/// A decimal number with up to `places` decimals, times ten to that power.
fn fraction(text: &[u8], places: usize) -> Option<i64> {
    let mut parts = text.splitn(2, |&b| b == b'.');
    let whole = parts.next()?;
    let decimals = parts.next().unwrap_or_default();
    let is_number = |digits: &[u8]| digits.iter().all(u8::is_ascii_digit);
    if whole.is_empty() || whole.len() > 10 || decimals.len() > places {
        return None;
    }
    if !is_number(whole) || !is_number(decimals) {
        return None;
    }
    let padding = std::iter::repeat_n(&b'0', places - decimals.len());
    let digits = whole.iter().chain(decimals).chain(padding);
    Some(digits.fold(0, |n, &digit| n * 10 + i64::from(digit - b'0')))
}

/// A digit and a power of ten, in centimetres (RFC 1876, 2); further digits are dropped.
fn precision(centimetres: i64) -> Result<u8> {
    if !(0..=9_000_000_000).contains(&centimetres) {
        return wrong("a size or precision that is not from 0 m to 90000000 m");
    }
    let (mut digit, mut power) = (centimetres, 0);
    while digit > 9 {
        digit /= 10;
        power += 1;
    }
    Ok((digit as u8) << 4 | power)
}
