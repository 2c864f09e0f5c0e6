//! A query from the wire.

use super::edns::Edns;
use super::tsig::Tsig;
use super::{HEADER_LEN, QueryName, rtype};

/// A query whose parts all parsed. The name stands in the caller's [`QueryName`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    pub qtype: u16,
    pub qclass: u16,
    /// Where the question section ends in the message.
    pub question_end: usize,
    pub edns: Option<Edns>,
}

/// Why a message is no query that can be answered properly. An error goes back with what could be
/// read: the question, and OPT where there is one (RFC 6891, 6.1.1), for without it the client would
/// take the server for one that has no EDNS (RFC 6891, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Nothing may be sent back: shorter than a header, or itself a response (QR=1).
    Drop,
    /// FORMERR.
    FormErr {
        question_end: Option<usize>,
        edns: Option<Edns>,
    },
    /// NOTIMP: an opcode other than QUERY.
    Opcode {
        question_end: Option<usize>,
        edns: Option<Edns>,
    },
    /// No question, but a cookie: FORMERR, unless cookies are used here (RFC 7873, 5.4).
    CookieOnly { edns: Edns },
    /// Well-formed, and signed by the TSIG record at `tsig_at`.
    Signed {
        question_end: usize,
        edns: Option<Edns>,
        tsig_at: usize,
    },
}

/// Reads a query; `name` receives QNAME.
///
/// # Errors
/// Why it is none that can be answered properly.
pub fn parse(message: &[u8], name: &mut QueryName) -> Result<Parsed, ParseError> {
    let mut parsed = Parsed::default();
    match parse_plain(message, name, &mut parsed) {
        true => Ok(parsed),
        false => parse_any(message, name),
    }
}

/// [`parse`] for a message of nothing but one question and at most an OPT record, as all but a few
/// are; of others, `false` says nothing. Writes to where the caller reads: moving what was parsed would
/// cost as much as parsing it.
#[inline(always)]
pub fn parse_plain(message: &[u8], name: &mut QueryName, to: &mut Parsed) -> bool {
    let Some(header) = message.first_chunk::<HEADER_LEN>() else {
        return false;
    };
    let [.., c0, c1, c2, c3, c4, c5, c6, c7] = *header;
    let counts = u64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]);
    let is_response = header[2] & 0x80 != 0;
    let opt_count = counts ^ ONE_QUESTION;
    if is_response || opcode(message) != 0 || opt_count > 1 {
        return false;
    }
    let Some((qtype, qclass, question_end)) = parse_question(message, name) else {
        return false;
    };
    (to.qtype, to.qclass, to.question_end) = (qtype, qclass, question_end);
    match opt_count {
        0 => {
            to.edns = None;
            question_end == message.len()
        }
        _ => Edns::read(message, question_end, &mut to.edns),
    }
}

/// The header's counts in a message of one question and nothing else.
const ONE_QUESTION: u64 = 1 << 48;

/// [`parse`] for every message, without [`parse_plain`].
///
/// # Errors
/// As for [`parse`].
#[cold]
pub fn parse_any(message: &[u8], name: &mut QueryName) -> Result<Parsed, ParseError> {
    let header: &[u8; HEADER_LEN] = message.first_chunk().ok_or(ParseError::Drop)?;
    if header[2] & 0x80 != 0 {
        return Err(ParseError::Drop);
    }
    let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let opcode = opcode(message);
    let question = match count(4) {
        1 => parse_question(message, name),
        _ => None,
    };
    let question_end = question.map(|(_, _, end)| end);
    let before = u32::from(count(6)) + u32::from(count(8));
    let records = match question_end.or_else(|| skip_questions(message, count(4))) {
        Some(at) => parse_records(message, at, before, count(10)),
        None => Err(Unread::default()),
    };
    match (question, records) {
        // Exactly one question (RFC 9619), and neither answers nor authority in a query.
        (Some((qtype, qclass, question_end)), Ok(edns))
            if (opcode == 0) & (before == 0) || is_ixfr(message, qtype, question_end) =>
        {
            Ok(Parsed {
                qtype,
                qclass,
                question_end,
                edns,
            })
        }
        (None, Ok(Some(edns)))
            if opcode == 0 && message[4..10] == [0; 6] && has_cookie(message, &edns) =>
        {
            Err(ParseError::CookieOnly { edns })
        }
        (_, Ok(edns)) => Err(no_query(message, question, edns, None)),
        (_, Err(Unread { edns, tsig_at })) => Err(no_query(message, question, edns, tsig_at)),
    }
}

#[cold]
fn has_cookie(message: &[u8], edns: &Edns) -> bool {
    edns.asked
        .is_some_and(|at| at.read(message).cookie.is_some())
}

type Question = (u16, u16, usize);

/// IXFR says with a SOA in the authority section what the client has (RFC 1995, 3).
#[cold]
fn is_ixfr(message: &[u8], qtype: u16, question_end: usize) -> bool {
    let soa = || Record::at(message, question_end).map(|record| record.rtype);
    opcode(message) == 0
        && qtype == rtype::IXFR
        && message[6..10] == [0, 0, 0, 1]
        && soa() == Some(rtype::SOA)
}

#[inline]
fn opcode(message: &[u8]) -> u8 {
    (message[2] >> 3) & 0x0f
}

/// What to say to a message that is no proper query.
#[cold]
fn no_query(
    message: &[u8],
    question: Option<Question>,
    edns: Option<Edns>,
    tsig_at: Option<usize>,
) -> ParseError {
    let question_end = question.map(|(_, _, end)| end);
    if opcode(message) != 0 {
        return ParseError::Opcode { question_end, edns };
    }
    let has_records = message[6..10] != [0; 4];
    match (question, tsig_at) {
        (Some((qtype, _, question_end)), Some(tsig_at))
            if (!has_records || is_ixfr(message, qtype, question_end))
                && Tsig::read(message, tsig_at).is_some() =>
        {
            ParseError::Signed {
                question_end,
                edns,
                tsig_at,
            }
        }
        _ => ParseError::FormErr { question_end, edns },
    }
}

#[inline(always)]
fn parse_question(message: &[u8], name: &mut QueryName) -> Option<Question> {
    let name_end = HEADER_LEN + name.read(&message[HEADER_LEN..])?;
    let fixed: &[u8; 4] = message[name_end..].first_chunk()?;
    let qtype = u16::from_be_bytes([fixed[0], fixed[1]]);
    let qclass = u16::from_be_bytes([fixed[2], fixed[3]]);
    Some((qtype, qclass, name_end + 4))
}

/// The octet after the questions of a message that has not got one that can be read.
fn skip_questions(message: &[u8], count: u16) -> Option<usize> {
    (0..count).try_fold(HEADER_LEN, |at, _| Some(skip_name(message, at)? + 4))
}

/// Why the records of a message are not those of a query, and what was read of them.
#[derive(Default)]
struct Unread {
    edns: Option<Edns>,
    /// They are well-formed, but signed.
    tsig_at: Option<usize>,
}

/// The records after the question: `before` in front of the additional section, `additional` in it,
/// among which at most one is an OPT, at the root (RFC 6891, 6.1.1), and the last may be a TSIG
/// (RFC 8945, 5.2). Others are stepped over: a SIG(0), too, which no query needs to have checked
/// (RFC 2931, 3.1). `Err`: malformed, signed, or octets after the end.
#[inline]
fn parse_records(
    message: &[u8],
    mut at: usize,
    before: u32,
    additional: u16,
) -> Result<Option<Edns>, Unread> {
    let mut edns = None;
    let unread = |edns| Unread {
        edns,
        tsig_at: None,
    };
    let count = before + u32::from(additional);
    for index in 0..count {
        let record = Record::at(message, at).ok_or(unread(edns))?;
        if record.rtype == rtype::OPT {
            if index < before || edns.is_some() || record.owner_end != at + 1 {
                return Err(unread(edns));
            }
            let opt = edns.insert(Edns::new(record.class, record.ttl));
            if !opt.read_options(message, record.end - record.rdata.len()..record.end) {
                return Err(unread(edns));
            }
        } else if record.rtype == rtype::TSIG {
            let is_last = index >= before && index + 1 == count && record.end == message.len();
            return Err(Unread {
                edns,
                tsig_at: is_last.then_some(at),
            });
        }
        at = record.end;
    }
    if at == message.len() {
        Ok(edns)
    } else {
        Err(unread(edns))
    }
}

/// A resource record as it stands in a message.
pub struct Record<'a> {
    /// The octet after the owner's name.
    pub owner_end: usize,
    pub rtype: u16,
    pub class: u16,
    pub ttl: u32,
    pub rdata: &'a [u8],
    /// Where the next record begins.
    pub end: usize,
}

impl<'a> Record<'a> {
    /// The record that begins at `at`, if it lies whole inside the message.
    #[inline]
    pub fn at(message: &'a [u8], at: usize) -> Option<Self> {
        let fixed_at = skip_name(message, at)?;
        let fixed: &[u8; 10] = message.get(fixed_at..)?.first_chunk()?;
        let rdata_at = fixed_at + 10;
        let end = rdata_at + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        Some(Record {
            owner_end: fixed_at,
            rtype: u16::from_be_bytes([fixed[0], fixed[1]]),
            class: u16::from_be_bytes([fixed[2], fixed[3]]),
            ttl: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            rdata: message.get(rdata_at..end)?,
            end,
        })
    }
}

/// The octet after the name at `at`. A pointer ends a name; where it points is nobody's business here.
pub fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
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
        let none = Err(ParseError::FormErr {
            question_end: None,
            edns: None,
        });
        assert_eq!(parsed(&message(0, [0, 0, 0, 0], &[])), none);
        assert_eq!(
            parsed(&message(0, [2, 0, 0, 0], &[QUESTION, QUESTION])),
            none
        );
    }

    #[test]
    fn rfc6891_section_6_1_1_two_opts_or_one_off_the_root_are_formerr() {
        let is_error = |records: &[&[u8]], has_opt: bool| {
            let body = [&[QUESTION], records].concat();
            match parsed(&message(0, [1, 0, 0, records.len() as u8], &body)) {
                Err(ParseError::FormErr { question_end, edns }) => {
                    question_end == Some(12 + QUESTION.len()) && edns.is_some() == has_opt
                }
                _ => false,
            }
        };
        assert!(is_error(&[OPT, OPT], true));
        let off_root = b"\x01a\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
        assert!(is_error(&[off_root], false));
    }

    #[test]
    fn counts_that_lie_and_octets_after_the_end_are_formerr() {
        let error = Err(ParseError::FormErr {
            question_end: Some(12 + QUESTION.len()),
            edns: None,
        });
        assert_eq!(parsed(&message(0, [1, 0, 0, 1], &[QUESTION])), error);
        assert_eq!(parsed(&message(0, [1, 0, 0, 0], &[QUESTION, b"x"])), error);
        assert_eq!(parsed(&message(0, [1, 1, 0, 0], &[QUESTION])), error);
        let none = Err(ParseError::FormErr {
            question_end: None,
            edns: None,
        });
        assert_eq!(parsed(&message(0, [1, 0, 0, 0], &[&QUESTION[..20]])), none);
        assert_eq!(
            parsed(&message(0, [1, 0, 0, 0], &[b"\xc0\x0c\x00\x01\x00\x01"])),
            none
        );
    }

    #[test]
    fn rfc1995_section_3_only_ixfr_may_carry_a_record_in_the_authority_section() {
        const SOA: &[u8] = b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x00\x00\x02\x00\x00";
        let query = |qtype: u8, counts: [u8; 4], records: &[&[u8]]| {
            let mut question = QUESTION.to_vec();
            question[QUESTION.len() - 3] = qtype;
            parsed(&message(0, counts, &[&[&question[..]], records].concat()))
        };
        let ixfr = rtype::IXFR as u8;
        assert_eq!(
            query(ixfr, [1, 0, 1, 0], &[SOA]).unwrap().qtype,
            rtype::IXFR
        );
        let with_edns = query(ixfr, [1, 0, 1, 1], &[SOA, OPT]).unwrap();
        assert!(with_edns.edns.is_some());
        for (qtype, counts, records) in [
            (1, [1, 0, 1, 0], &[SOA][..]),
            (ixfr, [1, 1, 0, 0], &[SOA]),
            (ixfr, [1, 0, 2, 0], &[SOA, SOA]),
            (ixfr, [1, 0, 1, 0], &[&SOA[..13]]),
        ] {
            let error = query(qtype, counts, records);
            assert!(
                matches!(error, Err(ParseError::FormErr { .. })),
                "{error:?}"
            );
        }
    }

    #[test]
    fn other_opcodes_are_told_apart() {
        let notify = message(0x20, [1, 0, 0, 0], &[QUESTION]);
        assert_eq!(
            parsed(&notify),
            Err(ParseError::Opcode {
                question_end: Some(12 + QUESTION.len()),
                edns: None,
            })
        );
    }

    #[test]
    fn rfc6891_section_6_1_1_opt_is_found_in_what_is_no_proper_query() {
        const A: &[u8] = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x0a\x00\x00\x01";
        for wrong in [
            message(0x20, [1, 0, 0, 1], &[QUESTION, OPT]),
            message(0, [1, 1, 1, 1], &[QUESTION, A, A, OPT]),
            message(0, [0, 0, 0, 1], &[OPT]),
            message(0, [2, 0, 0, 1], &[QUESTION, QUESTION, OPT]),
            message(0, [1, 0, 0, 1], &[QUESTION, OPT, b"x"]),
        ] {
            match parsed(&wrong) {
                Err(ParseError::FormErr { edns, .. } | ParseError::Opcode { edns, .. }) => {
                    assert_eq!(edns.map(|edns| edns.payload), Some(1232), "{wrong:?}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
