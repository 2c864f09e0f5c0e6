//! EDNS (RFC 6891) and EDNS Client Subnet (RFC 7871).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::compose::OPT_LEN;
use super::cookie::Cookie;
use super::rtype;

/// Option codes.
pub mod option {
    /// RFC 5001
    pub const NSID: u16 = 3;
    /// RFC 7871
    pub const CLIENT_SUBNET: u16 = 8;
    /// RFC 7873
    pub const COOKIE: u16 = 10;
    /// RFC 7828
    pub const TCP_KEEPALIVE: u16 = 11;
    /// RFC 8914
    pub const EXTENDED_ERROR: u16 = 15;
}

/// Longest NSID that is told, in octets: with it, every option of an answer fits beside the longest
/// question in 512 octets.
pub const NSID_LEN_MAX: usize = 128;

/// Octets of the longest client subnet option.
pub const SUBNET_LEN_MAX: usize = 24;

/// What an OPT record of a query says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// The requester's UDP payload size; values below 512 count as 512 (RFC 6891, 6.2.3).
    pub payload: u16,
    pub version: u8,
    /// DNSSEC OK (RFC 3225); echoed.
    pub dnssec_ok: bool,
    pub subnet: Option<SubnetOption>,
    /// Where the options stand, when there are some that ask for more: see [`Asked`].
    pub asked: Option<OptionsAt>,
}

/// The RDATA of an OPT record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionsAt {
    pub at: u16,
    pub len: u16,
}

/// What options other than the client subnet ask for: read once more where they are answered, so that
/// those many queries without them have nothing of it to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub cookie: Option<Cookie>,
    /// Asks who we are (RFC 5001).
    pub nsid: bool,
    pub keepalive: Keepalive,
}

/// Whether a query asks how long its TCP connection may stay idle (RFC 7828). What is wrong over TCP is
/// ignored over UDP, so that the transport decides about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keepalive {
    Absent,
    Asked,
    /// With a time-out, which is the server's to say (RFC 7828, 3.2.1).
    Malformed,
}

/// A well-formed client subnet option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubnetOption {
    /// FAMILY as sent: 1 or 2, or 0 with an empty address (what some clients send for "/0").
    pub family: u16,
    /// SOURCE PREFIX-LENGTH; 0 asks for privacy (RFC 7871, 7.1.2).
    pub source: u8,
    /// ADDRESS with bits past SOURCE zero.
    pub address: IpAddr,
}

impl SubnetOption {
    /// Of the network that `address` and `source` name; bits past `source` are cleared, and a
    /// `source` longer than the address is cut to it.
    pub fn new(address: IpAddr, source: u8) -> Self {
        let cleared = |bits: u8| u32::from(bits.saturating_sub(source));
        match address {
            IpAddr::V4(address) => {
                let bits = u32::from(address) & u32::MAX.checked_shl(cleared(32)).unwrap_or(0);
                SubnetOption {
                    family: 1,
                    source: source.min(32),
                    address: Ipv4Addr::from(bits).into(),
                }
            }
            IpAddr::V6(address) => {
                let bits = u128::from(address) & u128::MAX.checked_shl(cleared(128)).unwrap_or(0);
                SubnetOption {
                    family: 2,
                    source: source.min(128),
                    address: Ipv6Addr::from(bits).into(),
                }
            }
        }
    }

    /// Octets of ADDRESS on the wire: just enough for SOURCE bits (RFC 7871, 6).
    #[inline]
    pub fn address_len(&self) -> usize {
        usize::from(self.source).div_ceil(8)
    }

    /// Octets of the whole option in a message, with its code and length.
    #[inline]
    pub fn wire_len(&self) -> usize {
        8 + self.address_len()
    }

    /// Parses the option's data. `None` is a FORMERR (RFC 7871, 6 and 7.2.1): unknown FAMILY, SOURCE
    /// over 32 or 128, SCOPE not 0 in a query, too few or too many octets of ADDRESS, or bits set
    /// past SOURCE.
    pub fn parse(data: &[u8]) -> Option<Self> {
        let [family_high, family_low, source, scope, address @ ..] = data else {
            return None;
        };
        let family = u16::from_be_bytes([*family_high, *family_low]);
        let bits = match family {
            0 => 0,
            1 => 32,
            2 => 128,
            _ => return None,
        };
        if *source > bits || *scope != 0 || address.len() != usize::from(*source).div_ceil(8) {
            return None;
        }
        let missing = |bits: u32| bits - 8 * address.len() as u32;
        let address = if family == 2 {
            let address = address
                .iter()
                .fold(0, |a, &octet| a << 8 | u128::from(octet));
            let address = address.checked_shl(missing(128)).unwrap_or(0);
            if address.checked_shl(u32::from(*source)).unwrap_or(0) != 0 {
                return None;
            }
            IpAddr::V6(Ipv6Addr::from_bits(address))
        } else {
            let address = address
                .iter()
                .fold(0, |a, &octet| a << 8 | u32::from(octet));
            let address = address.checked_shl(missing(32)).unwrap_or(0);
            if address.checked_shl(u32::from(*source)).unwrap_or(0) != 0 {
                return None;
            }
            IpAddr::V4(Ipv4Addr::from_bits(address))
        };
        Some(SubnetOption {
            family,
            source: *source,
            address,
        })
    }

    /// Composes the option with `scope`; of `to`, [`Self::wire_len`] octets count.
    #[inline]
    pub fn compose(&self, scope: u8, to: &mut [u8; SUBNET_LEN_MAX]) {
        let len = self.address_len();
        to[..2].copy_from_slice(&option::CLIENT_SUBNET.to_be_bytes());
        to[2..4].copy_from_slice(&(4 + len as u16).to_be_bytes());
        to[4..6].copy_from_slice(&self.family.to_be_bytes());
        to[6] = self.source;
        to[7] = scope;
        match self.address {
            IpAddr::V4(a) => to[8..12].copy_from_slice(&a.octets()),
            IpAddr::V6(a) => to[8..].copy_from_slice(&a.octets()),
        }
    }
}

impl Edns {
    /// From an OPT record's CLASS and TTL; its options are still to be read.
    pub fn new(class: u16, ttl: u32) -> Self {
        Edns {
            payload: class.max(super::UDP_PAYLOAD_MIN),
            version: (ttl >> 16) as u8,
            dnssec_ok: ttl & 0x8000 != 0,
            subnet: None,
            asked: None,
        }
    }

    /// The OPT record at `at`, at the root (RFC 6891, 6.1.2), with which the message ends. False: it is
    /// none, or malformed.
    #[inline(always)]
    pub fn read(message: &[u8], at: usize, to: &mut Option<Self>) -> bool {
        let Some((fixed, rdata)) = message[at..].split_first_chunk::<OPT_LEN>() else {
            return false;
        };
        let field = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        if fixed[0] != 0 || field(1) != rtype::OPT || usize::from(field(9)) != rdata.len() {
            return false;
        }
        let ttl = u32::from(field(5)) << 16 | u32::from(field(7));
        let edns = to.insert(Edns::new(field(3), ttl));
        rdata.is_empty() || edns.read_options(message, at + OPT_LEN..message.len())
    }

    /// Reads an OPT record's RDATA. False is a FORMERR: an option that runs past the end, a
    /// malformed or second client subnet, or a malformed cookie. What options say in versions other than 0
    /// is not known, so there they are not read (RFC 6891, 6.1.3: such a query gets BADVERS).
    pub fn read_options(&mut self, message: &[u8], rdata: Range<usize>) -> bool {
        if self.version > 0 {
            return true;
        }
        let mut has_cookie = false;
        let mut options = Options(&message[rdata.clone()]);
        for (code, data) in &mut options {
            if code == option::CLIENT_SUBNET {
                let parsed = SubnetOption::parse(data);
                if self.subnet.is_some() || parsed.is_none() {
                    self.subnet = None;
                    return false;
                }
                self.subnet = parsed;
            } else if !self.notice(code, data, &rdata, &mut has_cookie) {
                return false;
            }
        }
        options.0.is_empty()
    }

    /// Takes note of an option that [`Asked`] knows; false when it is malformed.
    #[inline(never)]
    fn notice(
        &mut self,
        code: u16,
        data: &[u8],
        rdata: &Range<usize>,
        has_cookie: &mut bool,
    ) -> bool {
        match code {
            option::NSID | option::TCP_KEEPALIVE => {}
            // Of several, the first counts (RFC 7873, 5.2).
            option::COOKIE if *has_cookie => {}
            option::COOKIE if Cookie::parse(data).is_some() => *has_cookie = true,
            option::COOKIE => return false,
            // Unknown options are ignored (RFC 6891, 6.1.2).
            _ => return true,
        }
        self.asked = Some(OptionsAt {
            at: rdata.start as u16,
            len: rdata.len() as u16,
        });
        true
    }
}

impl OptionsAt {
    /// What they ask for, in the message that they stand in.
    pub fn read(self, message: &[u8]) -> Asked {
        let mut asked = Asked {
            cookie: None,
            nsid: false,
            keepalive: Keepalive::Absent,
        };
        for (code, data) in Options(&message[self.at.into()..][..self.len.into()]) {
            match code {
                // What a query says in it means nothing (RFC 5001, 2.2).
                option::NSID => asked.nsid = true,
                option::COOKIE if asked.cookie.is_none() => match Cookie::parse(data) {
                    // Malformed: what follows was not noticed.
                    None => break,
                    cookie => asked.cookie = cookie,
                },
                option::TCP_KEEPALIVE if data.is_empty() => asked.keepalive = Keepalive::Asked,
                option::TCP_KEEPALIVE => asked.keepalive = Keepalive::Malformed,
                _ => {}
            }
        }
        asked
    }
}

/// The code and the data of each option, up to the end or to one that runs past it.
struct Options<'a>(&'a [u8]);

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let [code_high, code_low, len_high, len_low, rest @ ..] = self.0 else {
            return None;
        };
        let len = u16::from_be_bytes([*len_high, *len_low]);
        let (data, after) = rest.split_at_checked(len.into())?;
        self.0 = after;
        Some((u16::from_be_bytes([*code_high, *code_low]), data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7871_section_6_address_is_cut_to_source_and_padded() {
        let parsed = SubnetOption::parse(&[0, 1, 20, 0, 192, 0, 16]).unwrap();
        assert_eq!(parsed.address, "192.0.16.0".parse::<IpAddr>().unwrap());
        let mut wire = [0; SUBNET_LEN_MAX];
        assert_eq!(parsed.wire_len(), 11);
        parsed.compose(16, &mut wire);
        assert_eq!(wire[..11], [0, 8, 0, 7, 0, 1, 20, 16, 192, 0, 16]);
    }

    #[test]
    fn rfc7871_section_6_octets_too_few_or_too_many_are_refused() {
        assert_eq!(SubnetOption::parse(&[0, 1, 24, 0, 192, 0]), None);
        assert_eq!(SubnetOption::parse(&[0, 1, 24, 0, 192, 0, 2, 0]), None);
        assert_eq!(SubnetOption::parse(&[0, 1, 0, 0, 1]), None);
        assert_eq!(SubnetOption::parse(&[0, 1, 0]), None);
    }

    #[test]
    fn rfc7871_section_6_bits_past_source_are_refused() {
        assert_eq!(SubnetOption::parse(&[0, 1, 20, 0, 192, 0, 17]), None);
        assert_eq!(SubnetOption::parse(&[0, 1, 7, 0, 1]), None);
    }

    #[test]
    fn rfc7871_section_7_2_1_unknown_family_long_source_and_scope_are_refused() {
        assert_eq!(SubnetOption::parse(&[0, 3, 24, 0, 192, 0, 2]), None);
        assert_eq!(SubnetOption::parse(&[0, 1, 33, 0, 1, 2, 3, 4, 5]), None);
        assert_eq!(SubnetOption::parse(&[0, 2, 129, 0]), None);
        assert_eq!(SubnetOption::parse(&[0, 1, 24, 24, 192, 0, 2]), None);
    }

    #[test]
    fn rfc7871_section_7_1_2_source_zero_is_well_formed() {
        for family in [0, 1, 2] {
            let parsed = SubnetOption::parse(&[0, family, 0, 0]).unwrap();
            assert_eq!((parsed.family, parsed.source), (u16::from(family), 0));
        }
    }

    #[test]
    fn rfc6891_section_6_2_3_payload_below_512_counts_as_512() {
        assert_eq!(Edns::new(0, 0).payload, 512);
        assert_eq!(Edns::new(4096, 0).payload, 4096);
    }

    #[test]
    fn rfc6891_section_6_1_2_unknown_options_are_ignored_and_broken_ones_refused() {
        let is_read = |version: u32, rdata: &[u8]| {
            let mut edns = Edns::new(1232, version << 16);
            edns.read_options(rdata, 0..rdata.len())
        };
        assert!(is_read(0, &[0xfd, 0xe9, 0, 2, 1, 2]));
        assert!(!is_read(0, &[0xfd, 0xe9, 0, 3, 1, 2]));
        assert!(!is_read(0, &[0xfd]));
        let subnet = [0, 8, 0, 4, 0, 1, 0, 0];
        assert!(!is_read(0, &[subnet, subnet].concat()));
        assert!(is_read(1, &[subnet, subnet].concat()));
    }

    #[test]
    fn options_that_ask_for_more_are_found() {
        let read = |rdata: &[u8]| {
            let mut edns = Edns::new(1232, 0);
            let is_read = edns.read_options(rdata, 0..rdata.len());
            is_read.then(|| edns.asked.map(|at| at.read(rdata)))
        };
        assert_eq!(read(&[0xfd, 0xe9, 0, 0]), Some(None));
        let asked = |rdata: &[u8]| read(rdata).unwrap().unwrap();
        // NSID with data; two cookies; a keepalive with and without a time-out.
        assert!(asked(&[0, 3, 0, 1, 7]).nsid);
        let cookies = [
            [0, 10, 0, 8, 1, 1, 1, 1, 1, 1, 1, 1],
            [0, 10, 0, 8, 2, 2, 2, 2, 2, 2, 2, 2],
        ];
        let first = asked(&cookies.concat()).cookie;
        // However many malformed ones follow.
        let many = [&cookies[0][..], &[0, 10, 0, 0].repeat(16_000)].concat();
        assert_eq!(asked(&many).cookie, first);
        assert_eq!(first.map(|cookie| cookie.client), Some([1; 8]));
        assert_eq!(read(&[0, 10, 0, 1, 1]), None);
        assert_eq!(asked(&[0, 11, 0, 0]).keepalive, Keepalive::Asked);
        assert_eq!(asked(&[0, 11, 0, 2, 0, 9]).keepalive, Keepalive::Malformed);
    }
}
