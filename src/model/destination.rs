//! What clients are sent to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::Family;
use crate::dns::Name;

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// Answered by an A or an AAAA record.
    Address(IpAddr),
    /// The same; the forwarder speaks to it at this port, which is never 0.
    Socket(SocketAddr),
    /// Answered by a CNAME record, whatever is asked for.
    Name(Name),
}

impl Destination {
    /// As [`fmt::Display`] writes it; a name of several labels needs no dot at the end. `None` where it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Destination::Address(address));
        }
        match text.parse::<SocketAddr>() {
            Ok(socket) => (socket.port() != 0).then_some(Destination::Socket(socket)),
            // No name of a host has a colon: it is an address gone wrong.
            Err(_) if !text.contains('.') || text.contains(':') => None,
            Err(_) => Name::parse(text).ok().map(Destination::Name),
        }
    }

    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Destination::Address(address) => Some(*address),
            Destination::Socket(socket) => Some(socket.ip()),
            Destination::Name(_) => None,
        }
    }

    /// That it has of its own.
    pub fn port(&self) -> Option<u16> {
        match self {
            Destination::Socket(socket) => Some(socket.port()),
            Destination::Address(_) | Destination::Name(_) => None,
        }
    }

    /// Whether who says `self` means `other` by it: itself, and an address every port of it, too.
    pub fn means(&self, other: &Destination) -> bool {
        self == other
            || matches!(self, Destination::Address(address) if other.address() == Some(*address))
    }

    /// Whether a query for addresses of this family is answered with it. What family the addresses of another
    /// name have is not ours to know, so a name is for both.
    #[inline]
    pub fn serves(&self, family: Family) -> bool {
        self.address()
            .is_none_or(|address| Family::of(&address) == family)
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
            Destination::Socket(socket) => socket.fmt(f),
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
            ("192.0.2.1:8080", true),
            ("[2001:db8::1]:8080", true),
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
        for text in [
            "",
            "eu",
            "a..b",
            "192.0.2.1:0",
            "192.0.2.1:",
            "[2001:db8::1]",
        ] {
            assert_eq!(Destination::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_means_every_port_of_it() {
        let [address, socket, other] = ["192.0.2.1", "192.0.2.1:80", "192.0.2.1:81"]
            .map(|text| Destination::parse(text).expect(text));
        assert!(address.means(&socket) && address.means(&address) && socket.means(&socket));
        assert!(!socket.means(&address) && !socket.means(&other));
        assert_eq!(socket.port(), Some(80));
    }
}
