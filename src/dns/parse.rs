//! A query from the wire.

use super::edns::Edns;
use super::{HEADER_LEN, QueryName, rtype};

/// A query whose parts all parsed. The name stands in the caller's [`QueryName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    pub opcode: u8,
    pub qtype: u16,
    pub qclass: u16,
    /// Where the question section ends in the message.
    pub question_end: usize,
    pub edns: Option<Edns>,
}

/// Why a message is no query that can be answered properly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Nothing may be sent back: shorter than a header, or itself a response (QR=1).
    Drop,
    /// FORMERR; the question is echoed where it parsed.
    FormErr { question_end: Option<usize> },
    /// NOTIMP: an opcode other than QUERY.
    Opcode { question_end: Option<usize> },
}

/// Reads a query; `name` receives QNAME.
#[inline]
pub fn parse(message: &[u8], name: &mut QueryName) -> Result<Parsed, ParseError> {
    let header: &[u8; HEADER_LEN] = message.first_chunk().ok_or(ParseError::Drop)?;
    if header[2] & 0x80 != 0 {
        return Err(ParseError::Drop);
    }
    let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let opcode = (header[2] >> 3) & 0x0f;
    let question = if count(4) == 1 {
        parse_question(message, name)
    } else {
        None
    };
    let question_end = question.map(|(_, _, end)| end);
    if opcode != 0 {
        return Err(ParseError::Opcode { question_end });
    }
    // Exactly one question (RFC 9619), and neither answers nor authority in a query.
    let Some((qtype, qclass, end)) = question else {
        return Err(ParseError::FormErr { question_end: None });
    };
    if count(6) != 0 || count(8) != 0 {
        return Err(ParseError::FormErr { question_end });
    }
    let edns =
        parse_additional(message, end, count(10)).ok_or(ParseError::FormErr { question_end })?;
    Ok(Parsed {
        opcode,
        qtype,
        qclass,
        question_end: end,
        edns,
    })
}

#[inline]
fn parse_question(message: &[u8], name: &mut QueryName) -> Option<(u16, u16, usize)> {
    let name_end = HEADER_LEN + name.read(&message[HEADER_LEN..])?;
    let fixed: &[u8; 4] = message[name_end..].first_chunk()?;
    let qtype = u16::from_be_bytes([fixed[0], fixed[1]]);
    let qclass = u16::from_be_bytes([fixed[2], fixed[3]]);
    Some((qtype, qclass, name_end + 4))
}

/// The additional section of a query: at most one OPT, at the root (RFC 6891, 6.1.1); other records
/// are stepped over. `None`: malformed, or octets after the end.
#[inline]
fn parse_additional(message: &[u8], mut at: usize, count: u16) -> Option<Option<Edns>> {
    let mut edns = None;
    for _ in 0..count {
        let owner_is_root = *message.get(at)? == 0;
        at = skip_name(message, at)?;
        let fixed: &[u8; 10] = message.get(at..)?.first_chunk()?;
        let rr_type = u16::from_be_bytes([fixed[0], fixed[1]]);
        let class = u16::from_be_bytes([fixed[2], fixed[3]]);
        let ttl = u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
        let rdata_at = at + 10;
        at = rdata_at + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        let rdata = message.get(rdata_at..at)?;
        if rr_type == rtype::OPT {
            if !owner_is_root || edns.is_some() {
                return None;
            }
            edns = Some(Edns::parse(class, ttl, rdata)?);
        }
    }
    (at == message.len()).then_some(edns)
}

/// The octet after the name at `at`. A pointer ends a name; where it points is nobody's business here.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let len = *message.get(at)?;
        match len >> 6 {
            0 if len == 0 => return Some(at + 1),
            0 => at += 1 + usize::from(len),
            3 => return Some(at + 2),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &[u8] = b"\x03www\x07example\x03com\x00\x00\x01\x00\x01";
    const OPT: &[u8] = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";

    fn message(flags: u8, counts: [u8; 4], body: &[&[u8]]) -> Vec<u8> {
        let mut message = vec![0x12, 0x34, flags, 0];
        message.extend(counts.iter().flat_map(|&n| [0, n]));
        message.extend(body.concat());
        message
    }

    fn parsed(message: &[u8]) -> Result<Parsed, ParseError> {
        parse(message, &mut QueryName::default())
    }

    #[test]
    fn a_plain_query_parses() {
        let query = parsed(&message(0, [1, 0, 0, 0], &[QUESTION])).unwrap();
        assert_eq!((query.qtype, query.qclass, query.edns), (1, 1, None));
        let query = parsed(&message(0, [1, 0, 0, 1], &[QUESTION, OPT])).unwrap();
        assert_eq!(query.edns.unwrap().payload, 1232);
    }

    #[test]
    fn responses_and_fragments_of_a_header_are_dropped() {
        assert_eq!(
            parsed(&message(0x80, [1, 0, 0, 0], &[QUESTION])),
            Err(ParseError::Drop)
        );
        assert_eq!(parsed(&[0; 11]), Err(ParseError::Drop));
        assert_eq!(parsed(&[]), Err(ParseError::Drop));
    }

    #[test]
    fn rfc9619_section_4_any_number_of_questions_but_one_is_formerr() {
        let none = Err(ParseError::FormErr { question_end: None });
        assert_eq!(parsed(&message(0, [0, 0, 0, 0], &[])), none);
        assert_eq!(
            parsed(&message(0, [2, 0, 0, 0], &[QUESTION, QUESTION])),
            none
        );
    }

    #[test]
    fn rfc6891_section_6_1_1_two_opts_or_one_off_the_root_are_formerr() {
        let error = Err(ParseError::FormErr {
            question_end: Some(12 + QUESTION.len()),
        });
        assert_eq!(
            parsed(&message(0, [1, 0, 0, 2], &[QUESTION, OPT, OPT])),
            error
        );
        let off_root = b"\x01a\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
        assert_eq!(
            parsed(&message(0, [1, 0, 0, 1], &[QUESTION, off_root])),
            error
        );
    }

    #[test]
    fn counts_that_lie_and_octets_after_the_end_are_formerr() {
        let error = Err(ParseError::FormErr {
            question_end: Some(12 + QUESTION.len()),
        });
        assert_eq!(parsed(&message(0, [1, 0, 0, 1], &[QUESTION])), error);
        assert_eq!(parsed(&message(0, [1, 0, 0, 0], &[QUESTION, b"x"])), error);
        assert_eq!(parsed(&message(0, [1, 1, 0, 0], &[QUESTION])), error);
        let none = Err(ParseError::FormErr { question_end: None });
        assert_eq!(parsed(&message(0, [1, 0, 0, 0], &[&QUESTION[..20]])), none);
        assert_eq!(
            parsed(&message(0, [1, 0, 0, 0], &[b"\xc0\x0c\x00\x01\x00\x01"])),
            none
        );
    }

    #[test]
    fn other_opcodes_are_told_apart() {
        let notify = message(0x20, [1, 0, 0, 0], &[QUESTION]);
        assert_eq!(
            parsed(&notify),
            Err(ParseError::Opcode {
                question_end: Some(12 + QUESTION.len())
            })
        );
    }
}
