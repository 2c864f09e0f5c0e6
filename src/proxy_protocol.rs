//! The header of the PROXY protocol (haproxy.org, proxy-protocol.txt, revision 2020-03-05): what goes in front of a
//! connection that somebody passes on, and says whose it is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// In which form it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// A line of text.
    V1,
    /// Octets.
    V2,
}

const V2_SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, command, family and length.
const V2_FIXED_LEN: usize = 16;
const V1_START: &[u8] = b"PROXY ";
/// Longest line, with its end (2.1).
const V1_LEN_MAX: usize = 107;

/// Longest header that is read. The second version has room for 64 KiB of additions, of which proxies write some
/// hundred octets.
pub const LEN_MAX: usize = 4096;

/// The ends of the connection that is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    pub from: SocketAddr,
    pub to: SocketAddr,
}

/// What says that a connection has these `ends`.
pub fn header(version: Version, ends: Ends) -> Vec<u8> {
    let (from, to) = alike(ends);
    match version {
        Version::V1 => {
            let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
            let (from_port, to_port) = (from.port(), to.port());
            let (from, to) = (from.ip(), to.ip());
            format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n").into_bytes()
        }
        Version::V2 => {
            let mut header = V2_SIGNATURE.to_vec();
            // Version 2, PROXY; the family, and a stream.
            match (from.ip(), to.ip()) {
                (IpAddr::V4(from), IpAddr::V4(to)) => {
                    header.extend([0x21, 0x11, 0, 12]);
                    header.extend(from.octets());
                    header.extend(to.octets());
                }
                (from, to) => {
                    header.extend([0x21, 0x21, 0, 36]);
                    header.extend(wide(from).octets());
                    header.extend(wide(to).octets());
                }
            }
            header.extend(from.port().to_be_bytes());
            header.extend(to.port().to_be_bytes());
            header
        }
    }
}

/// What says that a proxy connects for itself, such as to see whether somebody is there: LOCAL, without addresses, in
/// the second version; the first has no word for it and says the connection's own `ends`.
pub fn local(version: Version, ends: Ends) -> Vec<u8> {
    match version {
        Version::V1 => header(version, ends),
        // Version 2, LOCAL; unspecified family and protocol; no addresses follow.
        Version::V2 => [V2_SIGNATURE.as_slice(), &[0x20, 0x00, 0x00, 0x00]].concat(),
    }
}

/// Both of one family: IPv4 where both are, and else IPv6.
fn alike(ends: Ends) -> (SocketAddr, SocketAddr) {
    let canonical = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    let (from, to) = (canonical(ends.from), canonical(ends.to));
    if from.is_ipv4() == to.is_ipv4() {
        return (from, to);
    }
    let wide = |end: SocketAddr| SocketAddr::new(IpAddr::V6(wide(end.ip())), end.port());
    (wide(from), wide(to))
}

fn wide(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

/// A header that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Octets of it.
    pub len: usize,
    /// `None`: the connection is the proxy's own, or it does not know whose it is.
    pub ends: Option<Ends>,
}

/// Octets that are no such header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no header of the PROXY protocol")
    }
}

/// Reads the header that `octets` begin with; `None`: all of them belong to it, and there is more to come.
///
/// # Errors
/// When nothing can follow that would make it one.
pub fn read(octets: &[u8]) -> Result<Option<Header>, Malformed> {
    let signature = octets.len().min(V2_SIGNATURE.len());
    if octets[..signature] == V2_SIGNATURE[..signature] {
        return read_v2(octets);
    }
    let start = octets.len().min(V1_START.len());
    match octets[..start] == V1_START[..start] {
        true => read_v1(octets),
        false => Err(Malformed),
    }
}

fn read_v1(octets: &[u8]) -> Result<Option<Header>, Malformed> {
    let within = &octets[..octets.len().min(V1_LEN_MAX)];
    let Some(end) = within.iter().position(|&octet| octet == b'\n') else {
        return match octets.len() < V1_LEN_MAX {
            true => Ok(None),
            false => Err(Malformed),
        };
    };
    let line = within[..end].strip_suffix(b"\r").ok_or(Malformed)?;
    let line = std::str::from_utf8(line).map_err(|_| Malformed)?;
    let mut words = line.split(' ').skip(1);
    let mut word = || words.next().ok_or(Malformed);
    let ends = match word()? {
        // What follows is to be ignored (2.1).
        "UNKNOWN" => None,
        family @ ("TCP4" | "TCP6") => {
            let is_v4 = family == "TCP4";
            let (from, to) = (address(word()?, is_v4)?, address(word()?, is_v4)?);
            let (from_port, to_port) = (port(word()?)?, port(word()?)?);
            if words.next().is_some() {
                return Err(Malformed);
            }
            Some(Ends {
                from: SocketAddr::new(from, from_port),
                to: SocketAddr::new(to, to_port),
            })
        }
        _ => return Err(Malformed),
    };
    Ok(Some(Header { len: end + 1, ends }))
}

fn address(word: &str, is_v4: bool) -> Result<IpAddr, Malformed> {
    match is_v4 {
        true => word.parse::<Ipv4Addr>().map(IpAddr::V4),
        false => word.parse::<Ipv6Addr>().map(IpAddr::V6),
    }
    .map_err(|_| Malformed)
}

/// Decimal digits without zeros in front (2.1).
fn port(word: &str) -> Result<u16, Malformed> {
    let is_canonical =
        word.bytes().all(|octet| octet.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    match is_canonical {
        true => word.parse().map_err(|_| Malformed),
        false => Err(Malformed),
    }
}

fn read_v2(octets: &[u8]) -> Result<Option<Header>, Malformed> {
    let [command, family, high, low] = match octets.get(V2_SIGNATURE.len()..V2_FIXED_LEN) {
        Some(&[command, family, high, low]) => [command, family, high, low],
        _ => return Ok(None),
    };
    let len = V2_FIXED_LEN + usize::from(u16::from_be_bytes([high, low]));
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(Malformed),
    };
    if len > LEN_MAX {
        return Err(Malformed);
    }
    let addresses = match family {
        // Unspecified: the addresses are not known.
        0x00 => 0,
        // Streams over IPv4, and over IPv6. Datagrams and Unix sockets come over no TCP connection.
        0x11 => 12,
        0x21 => 36,
        // A proxy that speaks for itself may leave there what it likes (2.2).
        _ if is_local => 0,
        _ => return Err(Malformed),
    };
    if !is_local && len < V2_FIXED_LEN + addresses {
        return Err(Malformed);
    }
    let Some(rest) = octets.get(V2_FIXED_LEN..len) else {
        return Ok(None);
    };
    let ends = match is_local {
        true => None,
        false => ends_of(&rest[..addresses]),
    };
    Ok(Some(Header { len, ends }))
}

/// Both addresses, and then both ports.
fn ends_of(octets: &[u8]) -> Option<Ends> {
    let (addresses, ports) = octets.split_at_checked(octets.len().checked_sub(4)?)?;
    let (from, to) = addresses.split_at(addresses.len() / 2);
    let address = |octets: &[u8]| match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
    };
    let port = |at: usize| Some(u16::from_be_bytes([*ports.get(at)?, *ports.get(at + 1)?]));
    Some(Ends {
        from: SocketAddr::new(address(from)?, port(0)?),
        to: SocketAddr::new(address(to)?, port(2)?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends(from: &str, to: &str) -> Ends {
        let parse = |text: &str| text.parse().expect("an address");
        Ends {
            from: parse(from),
            to: parse(to),
        }
    }

    #[test]
    fn the_first_version_is_a_line_with_the_ends_of_the_connection() {
        let line = |from: &str, to: &str| {
            String::from_utf8(header(Version::V1, ends(from, to))).expect("text")
        };
        assert_eq!(
            line("192.0.2.1:4000", "192.0.2.2:80"),
            "PROXY TCP4 192.0.2.1 192.0.2.2 4000 80\r\n"
        );
        assert_eq!(
            line("[2001:db8::1]:4000", "[2001:db8::2]:80"),
            "PROXY TCP6 2001:db8::1 2001:db8::2 4000 80\r\n"
        );
        assert_eq!(
            line("[::ffff:192.0.2.1]:4000", "[2001:db8::2]:80"),
            "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 4000 80\r\n"
        );
    }

    #[test]
    fn a_proxy_may_speak_for_itself() {
        let own = ends("192.0.2.1:4000", "192.0.2.2:80");
        let octets = local(Version::V2, own);
        let expected = Header {
            len: 16,
            ends: None,
        };
        assert_eq!(read(&octets), Ok(Some(expected)));
        // With addresses, which mean nothing, and of whatever family.
        for family in [0x00, 0x11, 0x31, 0xFF] {
            let octets = [&octets[..12], &[0x20, family, 0, 3, 1, 2, 3], b"GET"].concat();
            let expected = Header {
                len: 19,
                ends: None,
            };
            assert_eq!(read(&octets), Ok(Some(expected)), "{family}");
        }
    }

    #[test]
    fn what_is_strictly_a_header_is_read_and_nothing_else() {
        for (line, is_right) in [
            ("PROXY UNKNOWN\r\n", true),
            ("PROXY UNKNOWN ffff:f...f:ffff 65535 65535\r\n", true),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 1 65535\r\n", true),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", false),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 1 080\r\n", false),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 1 +8\r\n", false),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", false),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", false),
            ("PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n", false),
            ("PROXY TCP4 ::1 ::1 1 2\r\n", false),
            ("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", false),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", false),
            ("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", false),
            ("PROXY \r\n", false),
            ("proxy UNKNOWN\r\n", false),
            ("GET / HTTP/1.1\r\n", false),
        ] {
            let read = read(line.as_bytes());
            assert_eq!(read.is_ok_and(|read| read.is_some()), is_right, "{line:?}");
            assert!(is_right || read.is_err(), "{line:?}");
        }
        let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 93]].concat();
        assert_eq!(read(&endless[..106]), Ok(None));
        assert_eq!(read(&endless), Err(Malformed));
        for (rest, why) in [
            ([0x31, 0x11, 0, 12], "version 3"),
            ([0x22, 0x11, 0, 12], "command 2"),
            ([0x21, 0x12, 0, 12], "datagrams"),
            ([0x21, 0x31, 0, 216], "Unix"),
            ([0x21, 0x11, 0, 11], "too short"),
            ([0x21, 0x21, 0, 12], "too short"),
            ([0x21, 0x11, 0xFF, 0xFF], "too long"),
        ] {
            let octets = [V2_SIGNATURE.as_slice(), &rest].concat();
            assert_eq!(read(&octets), Err(Malformed), "{why}");
        }
    }

    fn any_ends() -> impl Strategy<Value = Ends> {
        let v4 = (any::<(Ipv4Addr, u16)>(), any::<(Ipv4Addr, u16)>());
        let v4 = v4.prop_map(|(from, to)| Ends {
            from: from.into(),
            to: to.into(),
        });
        let v6 = (any::<(Ipv6Addr, u16)>(), any::<(Ipv6Addr, u16)>());
        let v6 = v6.prop_map(|(from, to)| Ends {
            from: from.into(),
            to: to.into(),
        });
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_never_before_it_is_whole(
            ends in any_ends(),
            is_v1 in any::<bool>(),
            behind in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let version = if is_v1 { Version::V1 } else { Version::V2 };
            let header = header(version, ends);
            for len in 0..header.len() {
                prop_assert_eq!(read(&header[..len]), Ok(None));
            }
            let octets = [header.as_slice(), &behind].concat();
            let (from, to) = alike(ends);
            let expected = Header { len: header.len(), ends: Some(Ends { from, to }) };
            prop_assert_eq!(read(&octets), Ok(Some(expected)));
        }

        #[test]
        fn no_octets_are_too_odd(
            octets in proptest::collection::vec(any::<u8>(), 0..300),
            start in 0..3_usize,
        ) {
            let start = [b"".as_slice(), &V2_SIGNATURE, b"PROXY TCP4 "][start];
            let octets = [start, &octets].concat();
            if let Ok(Some(header)) = read(&octets) {
                prop_assert!(header.len <= octets.len());
                // Nothing behind it counts.
                prop_assert_eq!(read(&octets[..header.len]), Ok(Some(header)));
            }
        }
    }
}
