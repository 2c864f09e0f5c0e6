//! Reads what is sent and expected as it goes over the wire.

use std::borrow::Cow;

use crate::config::reader::{Reader, Value, quoted};
use crate::config::scalar::text;

/// Octets that are sent or expected at most.
const OCTETS_MAX: usize = 4096;

/// Text with escapes, as octets; at least one.
pub(super) fn octets(reader: &mut Reader, value: &Value) -> Option<Vec<u8>> {
    let text = text(reader, value, "text such as \"PING\\r\\n\"")?;
    let (message, help): (String, Cow<str>) = match unescaped(text) {
        Ok(octets) if octets.len() <= OCTETS_MAX => return Some(octets),
        Ok(octets) => {
            let message = format!("{} octets are too many", octets.len());
            (message, format!("expected {OCTETS_MAX} at most").into())
        }
        Err(escape) => {
            let message = format!("{} is no escape", quoted(escape));
            let help = r"there are \r, \n, \t, \\ and \xNN, with two hexadecimal digits";
            (message, help.into())
        }
    };
    reader.error(value.span(), message, Some(help.into()));
    None
}

/// What the text stands for, or the escape in it that is none.
fn unescaped(text: &str) -> Result<Vec<u8>, &str> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        octets.extend_from_slice(before.as_bytes());
        let escape = &rest[before.len()..];
        let (octet, length) = match after.as_bytes() {
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                // Two hexadecimal digits are always an octet.
                (u8::from_str_radix(&after[1..3], 16).unwrap_or(0), 3)
            }
            _ => {
                let end = escape
                    .char_indices()
                    .nth(4)
                    .map_or(escape.len(), |(at, _)| at);
                return Err(&escape[..end]);
            }
        };
        octets.push(octet);
        rest = &after[length..];
    }
    octets.extend_from_slice(rest.as_bytes());
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_octets() {
        assert_eq!(unescaped(r"PING\r\n"), Ok(b"PING\r\n".to_vec()));
        assert_eq!(unescaped(r"\x00\xfF\\x\t"), Ok(b"\x00\xff\\x\t".to_vec()));
        assert_eq!(unescaped("ü"), Ok("ü".as_bytes().to_vec()));
    }

    #[test]
    fn what_is_no_escape_is_named() {
        for (text, escape) in [
            (r"a\qbcd", r"\qbc"),
            ("a\\", "\\"),
            (r"\x0", r"\x0"),
            (r"\xüü", r"\xüü"),
            (r"\x+1", r"\x+1"),
        ] {
            assert_eq!(unescaped(text), Err(escape));
        }
    }
}
