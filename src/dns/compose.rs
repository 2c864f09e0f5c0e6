//! An answer to the wire, into the caller's buffer.

use super::edns::{Edns, SubnetOption, option};
use super::{HEADER_LEN, Rcode, class, rtype};

/// AA in the third octet of the header (RFC 1035, 4.1.1).
const AUTHORITATIVE: u8 = 0x04;
/// Octets of an OPT record without options (RFC 6891, 6.1.2): root, TYPE, CLASS, TTL, RDLENGTH.
pub const OPT_LEN: usize = 11;
/// A compression pointer to the question's name (RFC 1035, 4.1.4).
pub const QNAME_POINTER: u16 = 0xC000 | HEADER_LEN as u16;

/// The sections that records go to, in the order they must be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Answer = 0,
    Authority = 1,
    Additional = 2,
}

/// What the OPT record of an answer will say (RFC 6891, 6.1.1: one exactly when the query had one).
#[derive(Clone, Copy, Debug)]
pub struct OptReply {
    /// Our own UDP payload size.
    pub payload: u16,
    pub dnssec_ok: bool,
    pub subnet: Option<SubnetOption>,
}

impl OptReply {
    pub fn new(edns: &Edns, payload: u16) -> Self {
        OptReply {
            payload,
            dnssec_ok: edns.dnssec_ok,
            subnet: edns.subnet,
        }
    }

    fn len(&self) -> usize {
        OPT_LEN + self.subnet.map_or(0, |subnet| subnet.wire_len())
    }
}

/// An Extended DNS Error (RFC 8914).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    pub code: u16,
    pub text: &'static str,
}

/// A message under construction. Room for the OPT record is set aside from the start, so that it is
/// never cut off (RFC 6891, 7).
pub struct Composer<'a> {
    buffer: &'a mut [u8],
    len: usize,
    limit: usize,
    counts: [u16; 3],
    opt: Option<OptReply>,
    /// Octets of options that stand behind `limit` until the OPT record is written.
    options_len: usize,
}

impl<'a> Composer<'a> {
    /// Begins an answer to `query`, of at most `limit` octets, with the header and the question
    /// (QNAME in the case it came in) of the query copied. `question_end` is `HEADER_LEN` when there is no
    /// question to echo. The caller has seen that the question lies inside `query`.
    #[inline]
    pub fn new(
        buffer: &'a mut [u8],
        query: &[u8],
        question_end: usize,
        limit: usize,
        opt: Option<OptReply>,
    ) -> Self {
        let limit = limit.min(buffer.len()) - opt.map_or(0, |opt| opt.len());
        buffer[..question_end].copy_from_slice(&query[..question_end]);
        // QR, and the opcode of the query. RD (RFC 1035, 4.1.1) and CD (RFC 4035, 3) come back to those
        // of opcode QUERY, since no other has them. AA, TC, RA, Z, AD and RCODE are clear.
        let opcode = query[2] & 0x78;
        let is_query = opcode == 0;
        buffer[2] = 0x80 | opcode | (query[2] & u8::from(is_query));
        buffer[3] = query[3] & (u8::from(is_query) << 4);
        buffer[4..6].copy_from_slice(&u16::from(question_end > HEADER_LEN).to_be_bytes());
        buffer[6..HEADER_LEN].fill(0);
        Composer {
            buffer,
            len: question_end,
            limit,
            counts: [0; 3],
            opt,
            options_len: 0,
        }
    }

    /// Adds an option to the OPT record, with room set aside as for the record itself. Only while no
    /// record has been appended; false when there is no OPT record or no room.
    pub fn add_option(&mut self, code: u16, data: &[&[u8]]) -> bool {
        let data_len: usize = data.iter().map(|part| part.len()).sum();
        let len = 4 + data_len;
        if self.opt.is_none() || self.limit < self.len + len {
            return false;
        }
        self.limit -= len;
        self.options_len += len;
        let to = &mut self.buffer[self.limit..];
        to[..2].copy_from_slice(&code.to_be_bytes());
        to[2..4].copy_from_slice(&(data_len as u16).to_be_bytes());
        let mut at = 4;
        for part in data {
            to[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        true
    }

    /// Octets written so far: where the next record will begin.
    #[inline]
    pub fn position(&self) -> usize {
        self.len
    }

    /// The message so far, without the counts in its header.
    #[inline]
    pub fn written(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// The answer is authoritative (AA).
    #[inline]
    pub fn set_authoritative(&mut self) {
        self.buffer[2] |= AUTHORITATIVE;
    }

    /// Something required was left out for want of room (TC).
    #[inline]
    pub fn set_truncated(&mut self) {
        self.buffer[2] |= 0x02;
    }

    /// Appends whole records, all or none; false when they do not fit. `patch` fills in the copied
    /// octets; it also gets what stands before them.
    #[inline]
    pub fn append(
        &mut self,
        section: Section,
        records: &[u8],
        count: u16,
        patch: impl FnOnce(&[u8], &mut [u8]),
    ) -> bool {
        let end = self.len + records.len();
        if end > self.limit {
            return false;
        }
        let (before, rest) = self.buffer.split_at_mut(self.len);
        let copied = &mut rest[..records.len()];
        copied.copy_from_slice(records);
        patch(before, copied);
        self.len = end;
        self.counts[section as usize] += count;
        true
    }

    /// Appends one address record; false when it does not fit.
    #[inline]
    pub fn append_address(&mut self, owner: u16, ttl_s: u32, address: std::net::IpAddr) -> bool {
        let mut record = [0; 28];
        record[..2].copy_from_slice(&owner.to_be_bytes());
        record[4..6].copy_from_slice(&class::IN.to_be_bytes());
        record[6..10].copy_from_slice(&ttl_s.to_be_bytes());
        let len = match address {
            std::net::IpAddr::V4(address) => {
                record[2..4].copy_from_slice(&rtype::A.to_be_bytes());
                record[11] = 4;
                record[12..16].copy_from_slice(&address.octets());
                16
            }
            std::net::IpAddr::V6(address) => {
                record[2..4].copy_from_slice(&rtype::AAAA.to_be_bytes());
                record[11] = 16;
                record[12..28].copy_from_slice(&address.octets());
                28
            }
        };
        self.append(Section::Answer, &record[..len], 1, |_, _| {})
    }

    /// A mark to go back to when an RRset turns out not to fit whole.
    #[inline]
    pub fn mark(&self) -> (usize, [u16; 3]) {
        (self.len, self.counts)
    }

    /// Forgets what was appended since `mark`.
    pub fn rewind(&mut self, mark: (usize, [u16; 3])) {
        (self.len, self.counts) = mark;
    }

    /// Writes RCODE, counts and the OPT record, and returns the message's length. `error` is left
    /// out when there is no OPT or no room for it. An error has no authority: AA goes with NOERROR,
    /// NXDOMAIN and YXDOMAIN only.
    #[inline]
    pub fn finish(mut self, rcode: Rcode, scope: u8, error: Option<ExtendedError>) -> usize {
        self.buffer[3] |= (rcode as u16 & 0x0f) as u8;
        if !matches!(rcode, Rcode::NoError | Rcode::NxDomain | Rcode::YxDomain) {
            self.buffer[2] &= !AUTHORITATIVE;
        }
        if let Some(opt) = self.opt {
            self.append_opt(&opt, rcode, scope, error);
        }
        for (section, count) in self.counts.iter().enumerate() {
            self.buffer[6 + 2 * section..][..2].copy_from_slice(&count.to_be_bytes());
        }
        self.len
    }

    fn append_opt(
        &mut self,
        opt: &OptReply,
        rcode: Rcode,
        scope: u8,
        error: Option<ExtendedError>,
    ) {
        let at = self.len;
        if self.options_len > 0 {
            // First, for what follows may be written over where they stand now.
            let from = self.limit..self.limit + self.options_len;
            self.buffer.copy_within(from, at + opt.len());
        }
        let to = &mut self.buffer[at..];
        to[..OPT_LEN].fill(0);
        to[1..3].copy_from_slice(&rtype::OPT.to_be_bytes());
        to[3..5].copy_from_slice(&opt.payload.to_be_bytes());
        to[5] = (rcode as u16 >> 4) as u8;
        to[7] = u8::from(opt.dnssec_ok) << 7;
        let mut len = OPT_LEN;
        if let Some(subnet) = opt.subnet {
            subnet.compose(scope, &mut to[len..len + subnet.wire_len()]);
            len += subnet.wire_len();
        }
        len += self.options_len;
        // The limit excludes the OPT record without the error; what is left is the error's room.
        if let Some(error) = error.filter(|e| at + 6 + e.text.len() <= self.limit) {
            let data_len = 2 + error.text.len();
            to[len..len + 2].copy_from_slice(&option::EXTENDED_ERROR.to_be_bytes());
            to[len + 2..len + 4].copy_from_slice(&(data_len as u16).to_be_bytes());
            to[len + 4..len + 6].copy_from_slice(&error.code.to_be_bytes());
            to[len + 6..len + 4 + data_len].copy_from_slice(error.text.as_bytes());
            len += 4 + data_len;
        }
        to[9..11].copy_from_slice(&((len - OPT_LEN) as u16).to_be_bytes());
        self.counts[Section::Additional as usize] += 1;
        self.len = at + len;
    }
}
