//! The query in a packet, if it is one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Sink;
use crate::dns::HEADER_LEN;

/// What stands in front of an IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Ethernet,
    /// Four octets of address family.
    Loopback,
    /// Nothing.
    Ip,
    /// Linux "cooked" captures, versions 1 and 2.
    Cooked,
    Cooked2,
}

impl Link {
    /// Of a LINKTYPE value (<https://www.tcpdump.org/linktypes.html>).
    ///
    /// # Errors
    /// In words, if it is none of those.
    pub fn new(number: u32) -> Result<Self, String> {
        match number {
            0 | 108 => Ok(Link::Loopback),
            1 => Ok(Link::Ethernet),
            12 | 14 | 101 | 228 | 229 => Ok(Link::Ip),
            113 => Ok(Link::Cooked),
            276 => Ok(Link::Cooked2),
            _ => Err(format!(
                "packets of link type {number}; expected Ethernet (1), raw IP (101), BSD loopback (0, 108) or \
                 Linux cooked capture (113, 276)"
            )),
        }
    }

    /// Where the IP header begins, if this is IP.
    fn ip(self, packet: &[u8]) -> Option<&[u8]> {
        match self {
            Link::Ip => Some(packet),
            Link::Loopback => packet.get(4..),
            Link::Ethernet => after_tags(packet.get(12..)?),
            Link::Cooked => after_tags(packet.get(14..)?),
            Link::Cooked2 => match packet.get(..2)? {
                [0x08, 0x00] | [0x86, 0xdd] => packet.get(20..),
                _ => None,
            },
        }
    }
}

/// What follows an EtherType of IP, behind up to two VLAN tags (IEEE 802.1Q).
fn after_tags(mut rest: &[u8]) -> Option<&[u8]> {
    for _ in 0..3 {
        let (ether_type, after) = rest.split_first_chunk()?;
        match u16::from_be_bytes(*ether_type) {
            0x0800 | 0x86dd => return Some(after),
            0x8100 | 0x88a8 | 0x9100 => rest = after.get(2..)?,
            _ => return None,
        }
    }
    None
}

/// Hands on the query in `packet`, of which the end may be missing.
pub fn read(link: Link, packet: &[u8], is_cut: bool, sink: &mut Sink<'_>) -> Result<(), String> {
    match link.ip(packet).and_then(Datagram::read) {
        Some(datagram) => datagram.read_query(is_cut, sink),
        None => {
            sink.skipped.others += 1;
            Ok(())
        }
    }
}

const TCP: u8 = 6;
const UDP: u8 = 17;

/// The payload of an IP packet.
struct Datagram<'a> {
    source: IpAddr,
    protocol: u8,
    /// Less than there was, where the packet was cut.
    payload: &'a [u8],
    /// It is a piece of a larger one.
    is_fragment: bool,
}

impl<'a> Datagram<'a> {
    fn read(packet: &'a [u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => Self::v4(packet),
            6 => Self::v6(packet),
            _ => None,
        }
    }

    /// RFC 791, 3.1.
    fn v4(packet: &'a [u8]) -> Option<Self> {
        let header: &[u8; 20] = packet.first_chunk()?;
        let header_len = usize::from(header[0] & 0x0f) * 4;
        let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        // Behind a short packet Ethernet has padding. What the network card would have cut up has length 0.
        let end = if len < header_len {
            packet.len()
        } else {
            len.min(packet.len())
        };
        let offset_and_more = u16::from_be_bytes([header[6], header[7]]) & 0x3fff;
        let source: [u8; 4] = *packet.get(12..)?.first_chunk()?;
        Some(Datagram {
            source: Ipv4Addr::from(source).into(),
            protocol: header[9],
            payload: packet.get(header_len.max(20)..end)?,
            is_fragment: offset_and_more != 0,
        })
    }

    /// RFC 8200, 3 and 4.
    fn v6(packet: &'a [u8]) -> Option<Self> {
        const EXTENSIONS_MAX: usize = 8;
        let header: &[u8; 40] = packet.first_chunk()?;
        let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let end = if len == 0 {
            packet.len()
        } else {
            (40 + len).min(packet.len())
        };
        let source: [u8; 16] = *packet.get(8..)?.first_chunk()?;
        let mut datagram = Datagram {
            source: Ipv6Addr::from(source).into(),
            protocol: header[6],
            payload: packet.get(40..end)?,
            is_fragment: false,
        };
        for _ in 0..EXTENSIONS_MAX {
            let len = match datagram.protocol {
                // Hop-by-hop options, routing, destination options.
                0 | 43 | 60 => 8 + 8 * usize::from(*datagram.payload.get(1)?),
                44 => {
                    let place: &[u8; 8] = datagram.payload.first_chunk()?;
                    datagram.is_fragment |= u16::from_be_bytes([place[2], place[3]]) & 0xfff9 != 0;
                    8
                }
                _ => return Some(datagram),
            };
            datagram.protocol = *datagram.payload.first()?;
            datagram.payload = datagram.payload.get(len..)?;
        }
        None
    }

    fn read_query(&self, is_cut: bool, sink: &mut Sink<'_>) -> Result<(), String> {
        let ports = self.payload.first_chunk::<4>();
        let is_asked = ports.is_some_and(|p| u16::from_be_bytes([p[2], p[3]]) == sink.port);
        let payload = match self.protocol {
            // A piece that is not the first has no ports.
            UDP | TCP if self.is_fragment => None,
            UDP if is_asked => self.payload.get(8..),
            TCP if is_asked => match self.segment() {
                // An acknowledgement, or the beginning or the end of a connection.
                Some([]) => {
                    sink.skipped.others += 1;
                    return Ok(());
                }
                segment => segment.and_then(one_message),
            },
            _ => {
                sink.skipped.others += 1;
                return Ok(());
            }
        };
        match payload {
            Some(message) if !is_cut && message.len() >= HEADER_LEN => {
                if message[2] & 0x80 != 0 {
                    sink.skipped.others += 1;
                    return Ok(());
                }
                sink.take(message, self.source)
            }
            _ => {
                sink.skipped.partial += 1;
                Ok(())
            }
        }
    }

    /// What a TCP segment carries (RFC 9293, 3.1).
    fn segment(&self) -> Option<&'a [u8]> {
        let header_len = usize::from(self.payload.get(12)? >> 4) * 4;
        self.payload.get(header_len.max(20)..)
    }
}

/// The message in a segment that has one, whole, behind its length (RFC 1035, 4.2.2).
fn one_message(segment: &[u8]) -> Option<&[u8]> {
    let (len, message) = segment.split_first_chunk()?;
    (usize::from(u16::from_be_bytes(*len)) == message.len()).then_some(message)
}
