//! Domain names (RFC 1035, 2.3.4 and 3.1; RFC 4343 for case).

use std::fmt;
use std::hash::{Hash, Hasher};

/// Longest name on the wire, with the root's zero octet.
pub const NAME_LEN_MAX: usize = 255;
/// Longest label.
pub const LABEL_LEN_MAX: usize = 63;
/// Most labels that a name of 255 octets can have, without the root.
pub const LABELS_MAX: usize = 127;

/// An absolute name in wire format (length-prefixed labels, then the root's zero). Keeps the case
/// it was given; compares and hashes without it.
#[derive(Clone)]
pub struct Name(Box<[u8]>);

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    Empty,
    EmptyLabel,
    LabelTooLong,
    NameTooLong,
    BadEscape,
    /// Wire only: cut short, or a compression pointer where none may stand.
    BadWire,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NameError::Empty => "an empty name",
            NameError::EmptyLabel => "an empty label (two dots in a row, or one in front)",
            NameError::LabelTooLong => "a label of more than 63 octets",
            NameError::NameTooLong => "a name of more than 255 octets",
            NameError::BadEscape => "an escape that is neither \\X nor \\DDD (000..255)",
            NameError::BadWire => "octets that are no name",
        })
    }
}

impl std::error::Error for NameError {}

impl Name {
    /// The root, `.`.
    pub fn root() -> Self {
        Name(Box::new([0]))
    }

    /// From presentation format; a missing dot at the end is added ("www.example.com" is absolute).
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Self::parse_under(
            text.strip_suffix('.')
                .filter(|_| !ends_in_escaped_dot(text))
                .unwrap_or(text),
            text == ".",
            &Name::root(),
        )
    }

    /// From presentation format relative to `origin`: `@` is the origin itself; a name that ends
    /// in a dot is absolute.
    pub fn parse_relative(text: &str, origin: &Name) -> Result<Self, NameError> {
        if text == "@" {
            return Ok(origin.clone());
        }
        let absolute = text.ends_with('.') && !ends_in_escaped_dot(text);
        if absolute {
            Self::parse(text)
        } else {
            Self::parse_under(text, false, origin)
        }
    }

    fn parse_under(text: &str, is_root: bool, origin: &Name) -> Result<Self, NameError> {
        if is_root {
            return Ok(Name::root());
        }
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let mut wire = Vec::with_capacity(text.len() + 2);
        let mut label_at = 0;
        wire.push(0);
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'.' => {
                    if wire.len() == label_at + 1 {
                        return Err(NameError::EmptyLabel);
                    }
                    label_at = wire.len();
                    wire.push(0);
                    continue;
                }
                b'\\' => wire.push(parse_escape(&mut bytes)?),
                _ => wire.push(byte),
            }
            let len = wire.len() - label_at - 1;
            if len > LABEL_LEN_MAX {
                return Err(NameError::LabelTooLong);
            }
            wire[label_at] = len as u8;
        }
        if wire.len() == label_at + 1 {
            return Err(NameError::EmptyLabel);
        }
        wire.extend_from_slice(&origin.0);
        if wire.len() > NAME_LEN_MAX {
            return Err(NameError::NameTooLong);
        }
        Ok(Name(wire.into()))
    }

    /// From uncompressed wire format; exactly one name.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        if wire.len() > NAME_LEN_MAX {
            return Err(NameError::NameTooLong);
        }
        let mut at = 0;
        loop {
            let len = *wire.get(at).ok_or(NameError::BadWire)? as usize;
            if len > LABEL_LEN_MAX {
                return Err(NameError::BadWire);
            }
            at += 1 + len;
            if len == 0 {
                break;
            }
        }
        if at == wire.len() {
            Ok(Name(wire.into()))
        } else {
            Err(NameError::BadWire)
        }
    }

    /// The wire format, as written (case kept).
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels from left to right, without the root.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let len = rest[0] as usize;
            if len == 0 {
                return None;
            }
            let label = &rest[1..1 + len];
            rest = &rest[1 + len..];
            Some(label)
        })
    }

    /// Labels without the root.
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// Whether the first label is `*` (RFC 4592, 2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(&[1, b'*'])
    }

    /// Without the first label; the root has no parent.
    pub fn parent(&self) -> Option<Name> {
        match self.0[0] as usize {
            0 => None,
            len => Some(Name(self.0[1 + len..].into())),
        }
    }

    /// Whether this name is `other` or lies below it.
    pub fn is_in(&self, other: &Name) -> bool {
        let (mine, theirs) = (self.label_count(), other.label_count());
        if mine < theirs {
            return false;
        }
        let mut at = 0;
        for _ in 0..mine - theirs {
            at += 1 + self.0[at] as usize;
        }
        self.0[at..].eq_ignore_ascii_case(&other.0)
    }

    /// In lower case (RFC 4343: ASCII only).
    pub fn to_lowercase(&self) -> Name {
        // Length octets are at most 63 and so never upper-case letters.
        Name(self.0.to_ascii_lowercase().into())
    }
}

fn ends_in_escaped_dot(text: &str) -> bool {
    let before = text.strip_suffix('.').unwrap_or(text);
    (before.len() - before.trim_end_matches('\\').len()) % 2 == 1
}

fn parse_escape(bytes: &mut std::str::Bytes<'_>) -> Result<u8, NameError> {
    let first = bytes.next().ok_or(NameError::BadEscape)?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes
            .next()
            .filter(u8::is_ascii_digit)
            .ok_or(NameError::BadEscape)?;
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).map_err(|_| NameError::BadEscape)
}

impl fmt::Display for Name {
    /// Presentation format with the dot at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == 1 {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b';' | b'@' | b'$' | b'(' | b')' => {
                        write!(f, "\\{}", byte as char)?
                    }
                    0x21..=0x7e => write!(f, "{}", byte as char)?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // One write of all octets: hashers are several times slower octet by octet.
        let mut lower = [0; NAME_LEN_MAX];
        let lower = &mut lower[..self.0.len()];
        lower.copy_from_slice(&self.0);
        lower.make_ascii_lowercase();
        state.write(lower);
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    /// Canonical order (RFC 4034, 6.1): label by label from the right, without case.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let lower = |name: &Name| -> Vec<Vec<u8>> {
            let mut labels: Vec<_> = name.labels().map(<[u8]>::to_ascii_lowercase).collect();
            labels.reverse();
            labels
        };
        lower(self).cmp(&lower(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_wire_agree() {
        let name = Name::parse("www.Example.COM").unwrap();
        assert_eq!(name.as_wire(), b"\x03www\x07Example\x03COM\x00");
        assert_eq!(name.to_string(), "www.Example.COM.");
        assert_eq!(name, Name::parse("WWW.example.com.").unwrap());
        assert_eq!(Name::parse(".").unwrap(), Name::root());
        assert_eq!(Name::from_wire(name.as_wire()).unwrap(), name);
    }

    #[test]
    fn relative_names_end_in_the_origin() {
        let origin = Name::parse("example.com").unwrap();
        assert_eq!(Name::parse_relative("@", &origin).unwrap(), origin);
        assert_eq!(
            Name::parse_relative("*.app", &origin).unwrap().to_string(),
            "*.app.example.com."
        );
        assert_eq!(
            Name::parse_relative("x.org.", &origin).unwrap().to_string(),
            "x.org."
        );
        assert_eq!(
            Name::parse_relative(r"a\.", &origin).unwrap().to_string(),
            r"a\..example.com."
        );
    }

    #[test]
    fn escapes_are_read_and_written() {
        let name = Name::parse(r"a\.b\032c.d").unwrap();
        assert_eq!(name.as_wire(), b"\x05a.b c\x01d\x00");
        assert_eq!(name.to_string(), r"a\.b\032c.d.");
        // The backslash is escaped, and so the dot is not.
        let name = Name::parse_relative(r"a\\.", &name).unwrap();
        assert_eq!(name.as_wire(), b"\x02a\\\x00");
        assert_eq!(Name::parse(r"a\256"), Err(NameError::BadEscape));
        assert_eq!(Name::parse(r"a\"), Err(NameError::BadEscape));
    }

    #[test]
    fn limits_of_rfc_1035_section_2_3_4_hold() {
        assert!(Name::parse(&"a".repeat(63)).is_ok());
        assert_eq!(Name::parse(&"a".repeat(64)), Err(NameError::LabelTooLong));
        let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
        assert_eq!(Name::parse(&longest).unwrap().as_wire().len(), 255);
        assert_eq!(
            Name::parse(&format!("{longest}b")),
            Err(NameError::NameTooLong)
        );
        assert_eq!(Name::parse("a..b"), Err(NameError::EmptyLabel));
        assert_eq!(Name::parse(".a"), Err(NameError::EmptyLabel));
        assert_eq!(Name::parse(""), Err(NameError::Empty));
    }

    #[test]
    fn below_and_order() {
        let apex = Name::parse("example.com").unwrap();
        assert!(Name::parse("a.EXAMPLE.com").unwrap().is_in(&apex));
        assert!(apex.is_in(&apex));
        assert!(!Name::parse("badexample.com").unwrap().is_in(&apex));
        // RFC 4034, 6.1's example
        let mut names: Vec<_> = [
            "z.example",
            "a.example",
            "example",
            "*.z.example",
            "Z.a.example",
            "yljkjljk.a.example",
        ]
        .iter()
        .map(|n| Name::parse(n).unwrap())
        .collect();
        names.sort();
        let shown: Vec<_> = names.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "example.",
                "a.example.",
                "yljkjljk.a.example.",
                "Z.a.example.",
                "z.example.",
                "*.z.example."
            ]
        );
    }
}
