//! Names in presentation format (RFC 1035, 5.1) -> the wire.

use crate::dns::name::{LABEL_LEN_MAX, NAME_LEN_MAX};
use crate::dns::{Name, NameError};

/// Appends a name, relative to `origin` (on the wire): `@` is the origin itself; a name that ends in
/// a dot is absolute.
pub(super) fn append(text: &[u8], origin: &[u8], wire: &mut Vec<u8>) -> Result<(), NameError> {
    match text {
        b"@" => {
            wire.extend_from_slice(origin);
            return Ok(());
        }
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
pub(super) fn escape(text: &[u8]) -> Option<(u8, usize)> {
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

/// What is below the first label of a name on the wire; the root has nothing below.
pub(super) fn parent(name: &[u8]) -> Option<&[u8]> {
    match name {
        [0, ..] | [] => None,
        [len, rest @ ..] => rest.get(usize::from(*len)..),
    }
}

/// Whether a name on the wire is at or below another.
pub(super) fn is_in(name: &[u8], other: &[u8]) -> bool {
    let mut rest = name;
    while rest.len() > other.len() {
        match parent(rest) {
            Some(above) => rest = above,
            None => return false,
        }
    }
    rest.eq_ignore_ascii_case(other)
}

/// A name on the wire as diagnostics show it.
pub(super) fn shown(wire: &[u8]) -> String {
    Name::from_wire(wire).map_or_else(|error| error.to_string(), |name| name.to_string())
}

/// Octets of the uncompressed name that `wire` begins with; `None` where none does.
pub(super) fn len(wire: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let label = usize::from(*wire.get(at)?);
        at += 1 + label;
        if label > LABEL_LEN_MAX || at > NAME_LEN_MAX {
            return None;
        }
        if label == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<u8>, NameError> {
        let mut wire = b"before".to_vec();
        append(text.as_bytes(), b"\x07example\x03com\0", &mut wire)?;
        assert_eq!(len(&wire[6..]), Some(wire.len() - 6));
        Ok(wire[6..].to_vec())
    }

    #[test]
    fn names_are_in_those_above_them() {
        let wire = |text: &str| Name::parse(text).unwrap().as_wire().to_vec();
        let apex = wire("Example.com");
        for (name, is_in_apex) in [
            ("example.com", true),
            ("a.b.EXAMPLE.com", true),
            ("com", false),
            ("badexample.com", false),
            ("a.example.org", false),
            (".", false),
        ] {
            assert_eq!(is_in(&wire(name), &apex), is_in_apex, "{name}");
            assert!(is_in(&wire(name), b"\0"), "{name}");
        }
    }

    #[test]
    fn it_is_what_names_are_elsewhere() {
        let origin = Name::parse("example.com").unwrap();
        let longest = format!("{0}.{0}.{0}.{1}.", "a".repeat(63), "b".repeat(61));
        let long_relative = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(48));
        for text in [
            "@",
            ".",
            "",
            "a",
            "a.",
            "a.b",
            "a.b.",
            "..",
            "a..b",
            ".a",
            "a..",
            r"a\.",
            r"a\..",
            r"\046.\\",
            r"\256",
            r"\25",
            r"a\",
            r"\@",
            r"\.",
            "é",
            "*",
            &"a".repeat(63),
            &"a".repeat(64),
            &longest,
            &longest.replace("b.", "bb."),
            &long_relative,
            &format!("{long_relative}b"),
            &"a.".repeat(127),
            &"a.".repeat(128),
            &"a.".repeat(3000),
        ] {
            let expected = Name::parse_relative(text, &origin);
            assert_eq!(read(text), expected.map(|n| n.as_wire().to_vec()), "{text}");
        }
    }
}
