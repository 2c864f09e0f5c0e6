//! Messages of the answer engine, and their records, as text in the format of zone files (RFC 1035,
//! 5.1). The types that operators write most have a format of their own; the others are shown by their
//! octets, which zone files can hold just so (RFC 3597, 5).

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::explain::Answer;
use crate::dns::edns::option;
use crate::dns::mnemonic::TypeName;
use crate::dns::{HEADER_LEN, Name, extended_error_words, rcode_mnemonic, rtype};

/// A message in words; `None` if it is none.
pub fn decode(message: &[u8]) -> Option<Answer> {
    let mut reader = Reader { message, at: 0 };
    let mut header = [0; 6];
    for word in &mut header {
        *word = reader.u16()?;
    }
    let [_, flags, questions, counts @ ..] = header;
    for _ in 0..questions {
        reader.name()?;
        reader.take(4)?;
    }
    let mut sections = [Vec::new(), Vec::new(), Vec::new()];
    let mut opt = None;
    for (section, count) in sections.iter_mut().zip(counts) {
        for _ in 0..count {
            let record = reader.record()?;
            match record.rtype {
                rtype::OPT => opt = Some(record),
                _ => section.push(record),
            }
        }
    }
    let [answers, authority, _] = sections;
    let high = opt.as_ref().map_or(0, |opt| (opt.ttl_s >> 24) as u16);
    let options = opt.map_or(&[][..], |opt| reader.octets(&opt));
    let show = |records: Vec<Record>| records.iter().map(|r| reader.show(r)).collect();
    Some(Answer {
        rcode: rcode_mnemonic(high << 4 | flags & 0xf),
        authoritative: flags & 0x0400 != 0,
        first: answers.first().map(|record| reader.data(record)),
        records: show(answers),
        authority: show(authority),
        scope: find(options, option::CLIENT_SUBNET).and_then(|data| data.get(3).copied()),
        error: find(options, option::EXTENDED_ERROR).and_then(|data| {
            let (code, text) = data.split_first_chunk()?;
            let text = String::from_utf8_lossy(text);
            Some(extended_error_words(u16::from_be_bytes(*code), &text))
        }),
    })
}

/// The data of an EDNS option.
fn find(mut options: &[u8], code: u16) -> Option<&[u8]> {
    loop {
        let (head, rest) = options.split_first_chunk::<4>()?;
        let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let (data, next) = rest.split_at_checked(len)?;
        if u16::from_be_bytes([head[0], head[1]]) == code {
            return Some(data);
        }
        options = next;
    }
}

struct Record {
    owner: Name,
    rtype: u16,
    ttl_s: u32,
    start: usize,
    end: usize,
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let taken = self.message.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(taken)
    }

    /// A number of up to 32 bits.
    fn number(&mut self, octets: usize) -> Option<u32> {
        let octets = self.take(octets)?;
        Some(octets.iter().fold(0, |n, &octet| n << 8 | u32::from(octet)))
    }

    fn u16(&mut self) -> Option<u16> {
        u16::try_from(self.number(2)?).ok()
    }

    /// A character-string.
    fn string(&mut self) -> Option<&'a [u8]> {
        let len = self.number(1)?;
        self.take(len as usize)
    }

    /// A name that may be compressed (RFC 1035, 4.1.4): each pointer leads back.
    fn name(&mut self) -> Option<Name> {
        let mut wire = Vec::new();
        let mut here = *self;
        let mut end = None;
        loop {
            let start = here.at;
            let len = here.take(1)?[0];
            if len < 0xc0 {
                wire.push(len);
                wire.extend_from_slice(here.take(len.into())?);
                if len == 0 {
                    break;
                }
            } else {
                let low = here.take(1)?[0];
                end.get_or_insert(here.at);
                here.at = usize::from(u16::from_be_bytes([len & 0x3f, low]));
                if !(HEADER_LEN..start).contains(&here.at) {
                    return None;
                }
            }
        }
        self.at = end.unwrap_or(here.at);
        Name::from_wire(&wire).ok()
    }

    fn record(&mut self) -> Option<Record> {
        let owner = self.name()?;
        let (rtype, _class) = (self.u16()?, self.u16()?);
        let ttl_s = self.number(4)?;
        let len = self.u16()?;
        let start = self.at;
        self.take(len.into())?;
        Some(Record {
            owner,
            rtype,
            ttl_s,
            start,
            end: self.at,
        })
    }

    fn octets(&self, record: &Record) -> &'a [u8] {
        &self.message[record.start..record.end]
    }

    fn show(&self, record: &Record) -> String {
        let (owner, ttl_s) = (&record.owner, record.ttl_s);
        let rtype = TypeName(record.rtype);
        format!("{owner} {ttl_s} IN {rtype} {}", self.data(record))
    }

    fn data(&self, record: &Record) -> String {
        let known = format(record.rtype).and_then(|fields| {
            let mut reader = Reader {
                message: &self.message[..record.end],
                at: record.start,
            };
            let words: Option<Vec<_>> = fields.iter().map(|&f| reader.field(f)).collect();
            words.filter(|_| reader.at == record.end)
        });
        match known {
            Some(words) => words.join(" "),
            None => {
                let octets = self.octets(record);
                format!("\\# {} {}", octets.len(), hex(octets))
                    .trim_end()
                    .to_owned()
            }
        }
    }

    fn field(&mut self, field: Field) -> Option<String> {
        Some(match field {
            Field::Number(octets) => self.number(octets)?.to_string(),
            Field::Name => self.name()?.to_string(),
            Field::V4 => Ipv4Addr::from(*self.take(4)?.first_chunk()?).to_string(),
            Field::V6 => Ipv6Addr::from(*self.take(16)?.first_chunk()?).to_string(),
            Field::String => quoted(self.string()?),
            Field::Strings => {
                let mut words = vec![quoted(self.string()?)];
                while self.at < self.message.len() {
                    words.push(quoted(self.string()?));
                }
                words.join(" ")
            }
            Field::Tag => escaped(self.string()?),
            Field::Octets => quoted(self.rest()),
            Field::Hex => hex(self.rest()),
            Field::Parameters => {
                let mut words = Vec::new();
                while self.at < self.message.len() {
                    let (key, len) = (self.u16()?, self.u16()?);
                    words.push(parameter(key, self.take(len.into())?));
                }
                words.join(" ")
            }
        })
    }

    fn rest(&mut self) -> &'a [u8] {
        let rest = &self.message[self.at..];
        self.at = self.message.len();
        rest
    }
}

#[derive(Clone, Copy)]
enum Field {
    /// Of so many octets.
    Number(usize),
    Name,
    V4,
    V6,
    String,
    /// To the end, like the four below.
    Strings,
    Tag,
    Octets,
    Hex,
    Parameters,
}

fn format(code: u16) -> Option<&'static [Field]> {
    use Field::*;
    const DIGEST: &[Field] = &[Number(2), Number(1), Number(1), Hex];
    Some(match code {
        rtype::A => &[V4],
        rtype::AAAA => &[V6],
        rtype::NS | rtype::CNAME | rtype::PTR | rtype::DNAME => &[Name],
        rtype::SOA => &[
            Name,
            Name,
            Number(4),
            Number(4),
            Number(4),
            Number(4),
            Number(4),
        ],
        rtype::MX => &[Number(2), Name],
        // SPF
        rtype::TXT | 99 => &[Strings],
        rtype::HINFO => &[String, String],
        rtype::SRV => &[Number(2), Number(2), Number(2), Name],
        rtype::NAPTR => &[Number(2), Number(2), String, String, String, Name],
        // DS and CDS
        rtype::DS | 59 => DIGEST,
        // SSHFP
        44 => &[Number(1), Number(1), Hex],
        // TLSA and SMIMEA
        52 | 53 => &[Number(1), Number(1), Number(1), Hex],
        rtype::SVCB | rtype::HTTPS => &[Number(2), Name, Parameters],
        // URI
        256 => &[Number(2), Number(2), Octets],
        // CAA
        257 => &[Number(1), Tag, Octets],
        _ => return None,
    })
}

/// A service parameter (RFC 9460, 14.3.2); the less usual ones, and what is none, by number (2.1).
fn parameter(key: u16, value: &[u8]) -> String {
    let usual = match (key, value) {
        (1, _) => protocols(value).map(|ids| format!("alpn={ids}")),
        (2, []) => Some("no-default-alpn".to_owned()),
        (3, &[high, low]) => Some(format!("port={}", u16::from_be_bytes([high, low]))),
        (4, _) => listed(value, |&a: &[u8; 4]| Ipv4Addr::from(a).to_string())
            .map(|hints| format!("ipv4hint={hints}")),
        (6, _) => listed(value, |&a: &[u8; 16]| Ipv6Addr::from(a).to_string())
            .map(|hints| format!("ipv6hint={hints}")),
        _ => None,
    };
    usual.unwrap_or_else(|| match value {
        [] => format!("key{key}"),
        _ => format!("key{key}={}", quoted(value)),
    })
}

/// Protocol ids, where they can be listed without escapes.
fn protocols(value: &[u8]) -> Option<String> {
    let mut reader = Reader {
        message: value,
        at: 0,
    };
    let mut ids = Vec::new();
    while reader.at < value.len() {
        let id = reader.string()?;
        let is_plain = |c: &u8| c.is_ascii_alphanumeric() || b"-./_".contains(c);
        if id.is_empty() || !id.iter().all(is_plain) {
            return None;
        }
        ids.push(escaped(id));
    }
    (!ids.is_empty()).then(|| ids.join(","))
}

fn listed<const N: usize>(value: &[u8], show: impl Fn(&[u8; N]) -> String) -> Option<String> {
    let (items, rest) = value.as_chunks();
    let items: Vec<_> = items.iter().map(show).collect();
    (rest.is_empty() && !items.is_empty()).then(|| items.join(","))
}

fn quoted(octets: &[u8]) -> String {
    format!("\"{}\"", escaped(octets))
}

fn escaped(octets: &[u8]) -> String {
    let mut text = String::new();
    for &octet in octets {
        match octet {
            b'"' | b'\\' => text.extend(['\\', octet.into()]),
            b' '..=b'~' => text.push(octet.into()),
            _ => {
                let _ = write!(text, "\\{octet:03}");
            }
        }
    }
    text
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of an answer's one record, which is at the name "e." of the question.
    fn shown(rtype: u16, rdata: &[u8]) -> String {
        let mut message = b"\0\0\x84\0\0\x01\0\x01\0\0\0\0\x01e\0\0\x01\0\x01\xc0\x0c".to_vec();
        message.extend(rtype.to_be_bytes());
        message.extend(b"\0\x01\0\0\0\x3c");
        message.extend((rdata.len() as u16).to_be_bytes());
        message.extend(rdata);
        let answer = decode(&message).unwrap();
        assert_eq!(answer.rcode, "NOERROR");
        let (head, data) = answer.records[0].split_once(" IN ").unwrap();
        assert_eq!(head, "e. 60");
        let first = answer.first.unwrap();
        assert!(data.ends_with(&first), "{first}");
        data.to_owned()
    }

    #[test]
    fn records_are_shown_as_zone_files_have_them() {
        let cases: &[(u16, &[u8], &str)] = &[
            (1, &[192, 0, 2, 1], "A 192.0.2.1"),
            (5, b"\x03www\xc0\x0c", "CNAME www.e."),
            (39, b"\x03new\x07example\0", "DNAME new.example."),
            (2, b"\x08xn--bcha\0", "NS xn--bcha."),
            (15, b"\0\x0a\0", "MX 10 ."),
            (16, b"\x02a\"\x01\x1b\0", r#"TXT "a\"" "\027" """#),
            (13, b"\x01\xff\0", r#"HINFO "\255" """#),
            (257, b"\x80\x05issue\0;", r#"CAA 128 issue "\000;""#),
            (59, b"\x01\0\x0d\x02\xab", "CDS 256 13 2 ab"),
            (
                65,
                b"\0\x01\0\0\x01\0\x03\x02h2\0\x03\0\x02\x01\xbb\0\x04\0\x04\x01\x02\x03\x04\0\x08\0\0",
                "HTTPS 1 . alpn=h2 port=443 ipv4hint=1.2.3.4 key8",
            ),
            (
                64,
                b"\0\x01\0\0\x01\0\x03\x02,\0\xff\xfe\0\x01\0",
                r#"SVCB 1 . key1="\002,\000" key65534="\000""#,
            ),
            (48, b"\x01\x01\x03\x0d", r"DNSKEY \# 4 0101030d"),
            (65280, b"", r"TYPE65280 \# 0"),
            // No data of their types.
            (1, b"\x01", r"A \# 1 01"),
            (16, b"\x02a", r"TXT \# 2 0261"),
            (5, b"\x01a\0\0", r"CNAME \# 4 01610000"),
            (4, b"\xc0\x40", r"MF \# 2 c040"),
        ];
        for &(rtype, rdata, expected) in cases {
            assert_eq!(shown(rtype, rdata), expected);
        }
    }

    #[test]
    fn what_is_no_message_is_none() {
        let message = b"\0\0\x84\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01";
        assert!(decode(message).is_none());
        assert!(decode(&message[..11]).is_none());
        assert!(decode(&[]).is_none());
    }

    #[test]
    fn extended_errors_have_names() {
        let mut message = b"\0\0\x80\x05\0\0\0\0\0\0\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\x06".to_vec();
        message.extend(b"\0\x0f\0\x02\0\x14");
        let answer = decode(&message).unwrap();
        assert_eq!(answer.rcode, "REFUSED");
        assert_eq!(answer.error.as_deref(), Some("Not Authoritative"));
        message[28] = 99;
        assert_eq!(decode(&message).unwrap().error.unwrap(), "code 99");
    }
}
