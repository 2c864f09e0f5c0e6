//! Is this an answer to that query?

use crate::dns::parse::{Record, skip_name};
use crate::dns::{HEADER_LEN, rtype};

/// What a reply is.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    Answer {
        /// With the upper bits of the OPT record.
        rcode: u16,
        /// In the answer section.
        records: u16,
        is_truncated: bool,
    },
    /// It answers another question, or echoes it in other letters.
    OtherQuestion,
    /// No response, or no whole message: records are cut short, or something follows them.
    Malformed,
}

/// Reads a reply as far as a load generator can afford: the question is compared octet for octet, and
/// the records must fill the message.
pub fn read(query: &[u8], reply: &[u8]) -> Reply {
    read_whole(query, reply).unwrap_or(Reply::Malformed)
}

fn read_whole(query: &[u8], reply: &[u8]) -> Option<Reply> {
    let header: &[u8; HEADER_LEN] = reply.first_chunk()?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let flags = word(2);
    let (questions, records) = (word(4), word(6));
    let is_response = flags & 0x8000 != 0 && flags & 0x7800 == 0;
    if !is_response || questions > 1 {
        return None;
    }
    let question_end = skip_name(query, HEADER_LEN)? + 4;
    let question = query.get(HEADER_LEN..question_end)?;
    // A server that could not read the question need not repeat it.
    let mut at = HEADER_LEN;
    if questions == 1 {
        if reply.get(HEADER_LEN..question_end) != Some(question) {
            return Some(Reply::OtherQuestion);
        }
        at = question_end;
    } else if flags & 0xf == 0 {
        return Some(Reply::OtherQuestion);
    }
    let mut rcode = flags & 0xf;
    let count = u32::from(records) + u32::from(word(8)) + u32::from(word(10));
    for _ in 0..count {
        let record = Record::at(reply, at)?;
        if record.rtype == rtype::OPT {
            rcode |= ((record.ttl >> 24) as u16) << 4;
        }
        at = record.end;
    }
    (at == reply.len()).then_some(Reply::Answer {
        rcode,
        records,
        is_truncated: flags & 0x0200 != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Name, query};

    fn asked() -> Vec<u8> {
        query::compose(1, &Name::parse("www.e").unwrap(), rtype::A, None)
    }

    /// An answer with one address.
    fn answered() -> Vec<u8> {
        let mut reply = asked();
        reply[2] |= 0x84;
        reply[7] = 1;
        reply.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01");
        reply
    }

    #[test]
    fn an_answer_is_one() {
        let right = Reply::Answer {
            rcode: 0,
            records: 1,
            is_truncated: false,
        };
        assert_eq!(read(&asked(), &answered()), right);
        let mut bad_version = asked();
        bad_version[2] |= 0x80;
        bad_version[11] = 1;
        bad_version.extend(b"\0\0\x29\x04\xd0\x01\0\0\0\0\0");
        let expected = Reply::Answer {
            rcode: 16,
            records: 0,
            is_truncated: false,
        };
        assert_eq!(read(&asked(), &bad_version), expected);
        let format_error = b"\0\x01\x80\x01\0\0\0\0\0\0\0\0";
        assert!(matches!(
            read(&asked(), format_error),
            Reply::Answer { rcode: 1, .. }
        ));
    }

    #[test]
    fn lies_are_found() {
        let change = |at: usize, to: u8| {
            let mut reply = answered();
            reply[at] = to;
            reply
        };
        let cases = [
            (change(13, b'W'), Reply::OtherQuestion),
            (change(20, 28), Reply::OtherQuestion),
            (change(22, 3), Reply::OtherQuestion),
            (change(2, 0), Reply::Malformed),
            (change(5, 2), Reply::Malformed),
            (change(7, 2), Reply::Malformed),
            (change(7, 0), Reply::Malformed),
            (change(34, 5), Reply::Malformed),
            (asked(), Reply::Malformed),
            (answered()[..38].to_vec(), Reply::Malformed),
            (vec![0; 4], Reply::Malformed),
        ];
        for (reply, expected) in cases {
            assert_eq!(read(&asked(), &reply), expected, "{reply:?}");
        }
        let mut without_question = b"\0\x01\x80\0\0\0\0\0\0\0\0\0".to_vec();
        assert_eq!(read(&asked(), &without_question), Reply::OtherQuestion);
        without_question[3] = 5;
        assert!(matches!(
            read(&asked(), &without_question),
            Reply::Answer { rcode: 5, .. }
        ));
    }
}
