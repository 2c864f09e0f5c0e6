//! What clients are sent to.

use std::fmt;
use std::net::IpAddr;

use super::Family;
use crate::dns::Name;

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// Answered by an A or an AAAA record.
    Address(IpAddr),
    /// Answered by a CNAME record, whatever is asked for.
    Name(Name),
}

impl Destination {
    /// As [`fmt::Display`] writes it; a name of several labels needs no dot at the end. `None` where it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        match text.parse() {
            Ok(address) => Some(Destination::Address(address)),
            Err(_) if !text.contains('.') => None,
            Err(_) => Name::parse(text).ok().map(Destination::Name),
        }
    }

    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Destination::Address(address) => Some(*address),
            Destination::Name(_) => None,
        }
    }

    /// Whether a query for addresses of this family is answered with it. What family the addresses of another
    /// name have is not ours to know, so a name is for both.
    #[inline]
    pub fn serves(&self, family: Family) -> bool {
        match self {
            Destination::Address(address) => Family::of(address) == family,
            Destination::Name(_) => true,
        }
    }

    /// Those that it serves.
    pub fn families(&self) -> impl Iterator<Item = Family> {
        Family::BOTH
            .into_iter()
            .filter(|&family| self.serves(family))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Address(address) => address.fmt(f),
            Destination::Name(name) => name.fmt(f),
        }
    }
}

impl From<IpAddr> for Destination {
    fn from(address: IpAddr) -> Self {
        Destination::Address(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for (text, is_address) in [
            ("192.0.2.1", true),
            ("2001:db8::1", true),
            ("cdn.example.net.", false),
        ] {
            let destination = Destination::parse(text).expect(text);
            assert_eq!(destination.address().is_some(), is_address, "{text}");
            assert_eq!(destination.to_string(), text);
        }
        assert_eq!(
            Destination::parse("CDN.example.net"),
            Destination::parse("cdn.example.net.")
        );
        for text in ["", "eu", "a..b"] {
            assert_eq!(Destination::parse(text), None, "{text}");
        }
    }
}
