//! Names in presentation format (RFC 1035, 5.1) -> the wire.

use super::NameError;
use super::name::{LABEL_LEN_MAX, NAME_LEN_MAX};

/// Appends a name, relative to `origin` (on the wire): `@` is the origin itself; a name that ends in
/// a dot is absolute. After an error, `wire` may have some of it.
pub fn append_relative(text: &[u8], origin: &[u8], wire: &mut Vec<u8>) -> Result<(), NameError> {
    match text {
        b"@" => {
            wire.extend_from_slice(origin);
            Ok(())
        }
        _ => append(text, origin, wire),
    }
}

/// The same, but `@` is a label like any other.
pub fn append(text: &[u8], origin: &[u8], wire: &mut Vec<u8>) -> Result<(), NameError> {
    match text {
        b"." => {
            wire.push(0);
            return Ok(());
        }
        b"" => return Err(NameError::Empty),
        _ => {}
    }
    let start = wire.len();
    let mut rest = text;
    while !rest.is_empty() {
        rest = append_label(rest, wire)?;
        if wire.len() - start >= NAME_LEN_MAX {
            return Err(NameError::NameTooLong);
        }
        match rest.split_first() {
            // Absolute.
            Some((_, [])) => {
                wire.push(0);
                return Ok(());
            }
            Some((_, next)) => rest = next,
            None => break,
        }
    }
    wire.extend_from_slice(origin);
    if wire.len() - start > NAME_LEN_MAX {
        return Err(NameError::NameTooLong);
    }
    Ok(())
}

/// Appends the label that `text` begins with; returns what follows, from its dot on.
fn append_label<'t>(text: &'t [u8], wire: &mut Vec<u8>) -> Result<&'t [u8], NameError> {
    let len_at = wire.len();
    wire.push(0);
    let mut rest = text;
    loop {
        let plain = rest
            .iter()
            .position(|b| matches!(b, b'.' | b'\\'))
            .unwrap_or(rest.len());
        if wire.len() - len_at - 1 + plain > LABEL_LEN_MAX {
            return Err(NameError::LabelTooLong);
        }
        wire.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        let [b'\\', after @ ..] = rest else {
            break;
        };
        let (octet, len) = escape(after).ok_or(NameError::BadEscape)?;
        wire.push(octet);
        rest = &after[len..];
    }
    match wire.len() - len_at - 1 {
        0 => Err(NameError::EmptyLabel),
        len @ 1..=LABEL_LEN_MAX => {
            wire[len_at] = len as u8;
            Ok(rest)
        }
        _ => Err(NameError::LabelTooLong),
    }
}

/// The octet that `\DDD` or `\X` stands for, from behind the backslash, and how much text it takes.
pub fn escape(text: &[u8]) -> Option<(u8, usize)> {
    match *text {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
            let [a, b, c] = [a, b, c].map(|digit| u16::from(digit - b'0'));
            let octet = u8::try_from(a * 100 + b * 10 + c).ok()?;
            Some((octet, 3))
        }
        [octet, ..] if !octet.is_ascii_digit() => Some((octet, 1)),
        _ => None,
    }
}
