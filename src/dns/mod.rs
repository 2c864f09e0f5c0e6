//! The wire: names, message parse and compose, EDNS, client subnet.
//!
//! *Parse* is from the wire, *compose* is to it. Nothing here allocates per message.

pub mod compose;
pub mod cookie;
pub mod edns;
pub mod mnemonic;
pub mod name;
pub mod octets;
pub mod parse;
pub mod placed;
pub mod presentation;
pub mod query;
pub mod query_name;
pub mod service_params;
pub mod tsig;

pub use name::{Name, NameError};
pub use query_name::QueryName;

/// RR types that the code speaks of by name (IANA "Resource Record (RR) TYPEs").
pub mod rtype {
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const PTR: u16 = 12;
    pub const HINFO: u16 = 13;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const KEY: u16 = 25;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const NAPTR: u16 = 35;
    pub const DNAME: u16 = 39;
    pub const OPT: u16 = 41;
    pub const DS: u16 = 43;
    pub const SVCB: u16 = 64;
    pub const HTTPS: u16 = 65;
    pub const TKEY: u16 = 249;
    pub const TSIG: u16 = 250;
    pub const IXFR: u16 = 251;
    pub const AXFR: u16 = 252;
    pub const MAILB: u16 = 253;
    pub const MAILA: u16 = 254;
    pub const ANY: u16 = 255;
}

/// Classes (RFC 1035, 3.2.4).
pub mod class {
    pub const IN: u16 = 1;
    /// CHAOS: what a server says of itself (RFC 4892).
    pub const CH: u16 = 3;
    /// RFC 8945, 4.2: that of a TSIG record.
    pub const ANY: u16 = 255;
}

/// Response codes; those above 15 need an OPT record (RFC 6891, 6.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Rcode {
    NoError = 0,
    FormErr = 1,
    ServFail = 2,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
    YxDomain = 6,
    /// With a TSIG record: the signature is not good (RFC 8945, 5.2).
    NotAuth = 9,
    BadVers = 16,
    /// RFC 7873, 8.
    BadCookie = 23,
}

/// The mnemonic of a response code (IANA "DNS RCODEs"), as dig shows it: "NXDOMAIN". A code that is
/// never answered here is "RCODE" and its number.
pub fn rcode_mnemonic(code: u16) -> String {
    let known = match code {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        9 => "NOTAUTH",
        16 => "BADVERS",
        23 => "BADCOOKIE",
        _ => return format!("RCODE{code}"),
    };
    known.to_owned()
}

/// An Extended DNS Error in words: its code's name (IANA "Extended DNS Error Codes"; of "Other", its
/// text says all) and its text, whichever there is. A code that is never answered here is its number.
pub fn extended_error_words(code: u16, text: &str) -> String {
    let name = match code {
        0 if !text.is_empty() => return text.to_owned(),
        0 => "Other".to_owned(),
        18 => "Prohibited".to_owned(),
        20 => "Not Authoritative".to_owned(),
        21 => "Not Supported".to_owned(),
        24 => "Invalid Data".to_owned(),
        _ => format!("code {code}"),
    };
    match text {
        "" => name,
        text => format!("{name}: {text}"),
    }
}

/// Octets of a message header (RFC 1035, 4.1.1).
pub const HEADER_LEN: usize = 12;
/// Smallest UDP payload that everyone must take (RFC 1035, 2.3.4).
pub const UDP_PAYLOAD_MIN: u16 = 512;
/// Longest message over TCP (RFC 1035, 4.2.2).
pub const MESSAGE_LEN_MAX: usize = 65_535;
