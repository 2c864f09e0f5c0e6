//! What the data of each type is made of, and how to say so.

use crate::dns::mnemonic::TypeName;
use crate::dns::rtype;

/// A part of a record's data: how it is written, and what it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A decimal number of 8 bits.
    U8,
    U16,
    U32,
    /// 32 bits; in text it may have units, like a TTL.
    Duration,
    /// Seconds since 1970, or `YYYYMMDDHHmmSS` (RFC 4034, 3.2).
    Time,
    /// A type by its mnemonic.
    Type,
    /// A number of 8 bits, or a mnemonic of RFC 4034, A.1.
    Algorithm,
    /// A number of 16 bits, or a mnemonic of RFC 4398, 2.1.
    CertificateType,
    /// An uncompressed name.
    Name,
    /// Names to the end, none at all too.
    Names,
    V4,
    V6,
    /// A character-string of up to 255 octets, with its length.
    String,
    /// A character-string of digits.
    Digits,
    /// A character-string, or the end.
    OptionalString,
    /// Character-strings to the end, at least one.
    Strings,
    /// A character-string of letters and digits (RFC 8659, 4.1).
    Tag,
    /// One value without a length, to the end.
    Octets,
    /// Octets to the end, at least one, in hexadecimal.
    Hex,
    /// Octets to the end, at least one, in base 64.
    Base64,
    /// A digest in hexadecimal, whose type is the octet before (RFC 4034, 5.1).
    Digest,
    /// Length and octets; hexadecimal, or `-` for none (RFC 5155, 3.3).
    Salt,
    /// Length and octets, in base 32 with extended hex alphabet (RFC 5155, 3.3).
    HashedName,
    /// A bitmap of types to the end (RFC 4034, 4.1.2).
    Types,
    /// So many octets, as in `00-00-5e-00-53-2a` (RFC 7043).
    Eui(u8),
    /// 64 bits as four groups of hexadecimal digits (RFC 6742, 2.1.2).
    Locator64,
    /// Gateway type, algorithm, gateway and key (RFC 4025, 2).
    IpsecGateway,
    /// Discovery bit, relay type and relay (RFC 8777, 4).
    AmtRelay,
    /// Host identity tag and key, with their lengths (RFC 8005, 5).
    HostIdentity,
    /// Address prefixes to the end (RFC 3123, 4).
    Prefixes,
    /// A location (RFC 1876, 2).
    Location,
    /// Service parameters to the end (RFC 9460, 2.2).
    SvcParams,
    /// `0x` and hexadecimal digits with dots (RFC 1706, 7).
    Nsap,
    /// A protocol and a bitmap of its ports to the end (RFC 1035, 3.4.2).
    Services,
}

/// The data of a type; `None` where it can only be given as octets (RFC 3597, 5).
pub fn fields(rtype: u16) -> Option<&'static [Field]> {
    use Field::*;
    Some(match rtype {
        rtype::A => &[V4],
        rtype::AAAA => &[V6],
        // NS MD MF CNAME MB MG MR PTR NSAP-PTR DNAME
        2..=5 | 7..=9 | 12 | 23 | 39 => &[Name],
        rtype::SOA => &[Name, Name, U32, Duration, Duration, Duration, Duration],
        // WKS
        11 => &[V4, Services],
        rtype::HINFO => &[String, String],
        // MINFO RP TALINK
        14 | 17 | 58 => &[Name, Name],
        // MX AFSDB RT KX LP
        15 | 18 | 21 | 36 | 107 => &[U16, Name],
        // TXT NINFO SPF AVC RESINFO WALLET
        16 | 56 | 99 | 258 | 261 | 262 => &[Strings],
        // X25
        19 => &[Digits],
        // ISDN
        20 => &[String, OptionalString],
        // NSAP
        22 => &[Nsap],
        // SIG RRSIG
        24 | 46 => &[Type, Algorithm, U8, U32, Time, Time, U16, Name, Base64],
        // KEY DNSKEY RKEY CDNSKEY
        25 | 48 | 57 | 60 => &[U16, U8, Algorithm, Base64],
        // PX
        26 => &[U16, Name, Name],
        // GPOS
        27 => &[String, String, String],
        // LOC
        29 => &[Location],
        rtype::SRV => &[U16, U16, U16, Name],
        // NAPTR
        35 => &[U16, U16, String, String, String, Name],
        // CERT
        37 => &[CertificateType, U16, Algorithm, Base64],
        // APL
        42 => &[Prefixes],
        // DS CDS TA DLV
        43 | 59 | 32768 | 32769 => &[U16, Algorithm, U8, Digest],
        // SSHFP
        44 => &[U8, U8, Hex],
        // IPSECKEY
        45 => &[U8, IpsecGateway],
        // NSEC
        47 => &[Name, Types],
        // DHCID OPENPGPKEY
        49 | 61 => &[Base64],
        // NSEC3
        50 => &[U8, U8, U16, Salt, HashedName, Types],
        // NSEC3PARAM
        51 => &[U8, U8, U16, Salt],
        // TLSA SMIMEA
        52 | 53 => &[U8, U8, U8, Hex],
        // HIP
        55 => &[HostIdentity, Names],
        // CSYNC
        62 => &[U32, U16, Types],
        // ZONEMD
        63 => &[U32, U8, U8, Hex],
        // SVCB HTTPS
        64 | 65 => &[U16, Name, SvcParams],
        // DSYNC
        66 => &[Type, U8, U16, Name],
        // NID L64
        104 | 106 => &[U16, Locator64],
        // L32
        105 => &[U16, V4],
        // EUI48 EUI64
        108 => &[Eui(6)],
        109 => &[Eui(8)],
        // URI
        256 => &[U16, U16, Octets],
        // CAA
        257 => &[U8, Tag, Octets],
        // AMTRELAY
        260 => &[U8, AmtRelay],
        _ => return None,
    })
}

/// What the data of a type looks like, with an example.
pub fn expected(rtype: u16) -> String {
    let format = match rtype {
        rtype::A => "an IPv4 address: `192.0.2.1`",
        rtype::AAAA => "an IPv6 address: `2001:db8::1`",
        rtype::NS => "a nameserver: `ns1.example.com.`",
        rtype::CNAME | 12 | 39 => "a name: `host.example.com.`",
        rtype::MX => "preference and host: `10 mail.example.com.`",
        16 | 99 => "strings of up to 255 octets: `\"v=spf1 -all\"`",
        rtype::SRV => "priority, weight, port and host: `0 5 5060 sip.example.com.`",
        257 => "flags, tag and value: `0 issue \"ca.example.net\"`",
        rtype::SOA => {
            "primary, mailbox, serial, refresh, retry, expire and minimum: \
             `ns1 hostmaster 1 4h 1h 2w 5m`"
        }
        43 | 59 => "key tag, algorithm, digest type and digest in hex",
        25 | 48 | 60 => "flags, protocol 3, algorithm and key in base 64",
        46 => {
            "type, algorithm, labels, TTL, expiration, inception, key tag, signer and signature \
             in base 64"
        }
        47 => "the next name and the types at this one: `host.example.com. A MX RRSIG NSEC`",
        50 => "hash algorithm, flags, iterations, salt, next hashed name and types",
        51 => "hash algorithm, flags, iterations and salt in hex: `1 0 0 -`",
        52 | 53 => "usage, selector, matching type and data in hex",
        44 => "algorithm, fingerprint type and fingerprint in hex",
        64 | 65 => "priority, target and parameters: `1 . alpn=h2`",
        35 => {
            "order, preference, flags, services, expression and replacement: \
             `100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:a@example.com!\" .`"
        }
        29 => {
            "latitude, longitude, altitude, and perhaps size and precisions: \
             `52 22 23.000 N 4 53 32.000 E -2m 1m 10000m 10m`"
        }
        256 => "priority, weight and target: `10 1 \"https://www.example.com/\"`",
        37 => "type, key tag, algorithm and certificate in base 64",
        108 => "six octets: `00-00-5e-00-53-2a`",
        109 => "eight octets: `00-00-5e-ef-10-00-00-2a`",
        62 => "SOA serial, flags and types: `66 3 A NS AAAA`",
        55 => "algorithm, host identity tag in hex, key in base 64 and rendezvous servers",
        42 => "prefixes: `1:192.0.2.0/24 !2:2001:db8::/32`",
        _ => {
            return format!(
                "the data of {}, or `\\# length hex` (RFC 3597)",
                TypeName(rtype)
            );
        }
    };
    format!("{} is {format}", TypeName(rtype))
}
