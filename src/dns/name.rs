//! Domain names (RFC 1035, 2.3.4 and 3.1; RFC 4343 for case).

use std::fmt;
use std::hash::{Hash, Hasher};

use super::presentation;

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
        let mut wire = Vec::with_capacity(text.len() + 2);
        presentation::append(text.as_bytes(), Name::root().as_wire(), &mut wire)?;
        Ok(Name(wire.into()))
    }

    /// From presentation format relative to `origin`: `@` is the origin itself; a name that ends
    /// in a dot is absolute.
    pub fn parse_relative(text: &str, origin: &Name) -> Result<Self, NameError> {
        let mut wire = Vec::with_capacity(text.len() + 1 + origin.0.len());
        presentation::append_relative(text.as_bytes(), origin.as_wire(), &mut wire)?;
        Ok(Name(wire.into()))
    }

    /// From uncompressed wire format; exactly one name.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        match len(wire) {
            Some(len) if len == wire.len() => Ok(Name(wire.into())),
            _ if wire.len() > NAME_LEN_MAX => Err(NameError::NameTooLong),
            _ => Err(NameError::BadWire),
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
        is_in(&self.0, &other.0)
    }

    /// In lower case (RFC 4343: ASCII only).
    pub fn to_lowercase(&self) -> Name {
        // Length octets are at most 63 and so never upper-case letters.
        Name(self.0.to_ascii_lowercase().into())
    }
}

/// Octets of the uncompressed name that `wire` begins with; `None` where none does.
pub fn len(wire: &[u8]) -> Option<usize> {
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

/// What is below the first label of a name on the wire; the root has nothing below.
pub fn parent(name: &[u8]) -> Option<&[u8]> {
    match name {
        [0, ..] | [] => None,
        [len, rest @ ..] => rest.get(usize::from(*len)..),
    }
}

/// Whether a name on the wire is at or below another.
pub fn is_in(name: &[u8], other: &[u8]) -> bool {
    let mut rest = name;
    while rest.len() > other.len() {
        match parent(rest) {
            Some(above) => rest = above,
            None => return false,
        }
    }
    rest.eq_ignore_ascii_case(other)
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
        assert_eq!(Name::parse("@").unwrap().as_wire(), b"\x01@\x00");
        let fits =
            "a".repeat(63) + "." + &"b".repeat(63) + "." + &"c".repeat(63) + "." + &"d".repeat(49);
        assert_eq!(
            Name::parse_relative(&fits, &origin)
                .unwrap()
                .as_wire()
                .len(),
            255
        );
        let too_long = Name::parse_relative(&(fits + "d"), &origin);
        assert_eq!(too_long, Err(NameError::NameTooLong));
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
        assert_eq!(Name::parse(r"\046\@\.").unwrap().as_wire(), b"\x03.@.\x00");
        for wrong in [r"a\256", r"a\25", r"a\"] {
            assert_eq!(Name::parse(wrong), Err(NameError::BadEscape), "{wrong}");
        }
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
        assert!(Name::parse(&"a.".repeat(127)).is_ok());
        for labels in [128, 3000] {
            let long = Name::parse(&"a.".repeat(labels));
            assert_eq!(long, Err(NameError::NameTooLong));
        }
        for empty in ["a..b", "a..", "..", ".a"] {
            assert_eq!(Name::parse(empty), Err(NameError::EmptyLabel), "{empty}");
        }
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
}
