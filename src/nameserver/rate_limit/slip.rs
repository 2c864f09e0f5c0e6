//! What is sent instead of an answer held back: the question, and "ask again over TCP".

use crate::dns::HEADER_LEN;
use crate::dns::compose::OPT_LEN;
use crate::dns::edns::option;
use crate::dns::parse::{Record, skip_name};
use crate::dns::rtype;

/// Takes all records but OPT out of the answer in the first `len` octets, sets TC, and returns its new
/// length. Of the options, those stay that are as long in the query (or 16 octets shorter: the cookie, by
/// which the client is known the next time): nobody gains by provoking such answers.
pub fn shorten(reply: &mut [u8], len: usize) -> usize {
    let end = question_end(&reply[..len]).unwrap_or(HEADER_LEN);
    let opt = opt_at(&reply[..len], end);
    reply[2] |= 0x02;
    reply[6..HEADER_LEN].fill(0);
    let Some((at, opt_end)) = opt else {
        return end;
    };
    reply[11] = 1;
    reply.copy_within(at..at + OPT_LEN, end);
    let mut to = end + OPT_LEN;
    let mut from = at + OPT_LEN;
    while let Some(&[code_high, code_low, len_high, len_low]) = reply[from..opt_end].first_chunk() {
        let next = from + 4 + usize::from(u16::from_be_bytes([len_high, len_low]));
        let code = u16::from_be_bytes([code_high, code_low]);
        if matches!(code, option::CLIENT_SUBNET | option::COOKIE) {
            reply.copy_within(from..next, to);
            to += next - from;
        }
        from = next;
    }
    let data_len = (to - end - OPT_LEN) as u16;
    reply[end + OPT_LEN - 2..end + OPT_LEN].copy_from_slice(&data_len.to_be_bytes());
    to
}

fn question_end(answer: &[u8]) -> Option<usize> {
    match answer[4..6] {
        [0, 0] => Some(HEADER_LEN),
        _ => Some(skip_name(answer, HEADER_LEN)? + 4),
    }
}

/// Where the OPT record begins and ends.
fn opt_at(answer: &[u8], mut at: usize) -> Option<(usize, usize)> {
    while at < answer.len() {
        let record = Record::at(answer, at)?;
        if record.rtype == rtype::OPT {
            return Some((at, record.end));
        }
        at = record.end;
    }
    None
}
