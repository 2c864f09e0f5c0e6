//! An answer to the wire, into the caller's buffer.

use std::net::IpAddr;

use super::edns::{SUBNET_LEN_MAX, SubnetOption, option};
use super::{HEADER_LEN, Rcode, class, rtype};

/// Bits of the header's second word (RFC 1035, 4.1.1; RFC 4035, 3): QR, OPCODE, AA, TC, RD and CD.
mod flag {
    pub const RESPONSE: u16 = 0x8000;
    pub const OPCODE: u16 = 0x7800;
    pub const AUTHORITATIVE: u16 = 0x0400;
    pub const TRUNCATED: u16 = 0x0200;
    pub const RECURSION_DESIRED: u16 = 0x0100;
    pub const CHECKING_DISABLED: u16 = 0x0010;
}
/// Octets of an OPT record without options (RFC 6891, 6.1.2): root, TYPE, CLASS, TTL, RDLENGTH.
pub const OPT_LEN: usize = 11;
/// Octets of a record in front of its data, its owner compressed: pointer, TYPE, CLASS, TTL, RDLENGTH.
pub const RECORD_FIXED: usize = 12;
/// Octets of an A or AAAA record whose owner is compressed.
const A_LEN: usize = 16;
const AAAA_LEN: usize = 28;
/// A compression pointer to the question's name (RFC 1035, 4.1.4).
pub const QNAME_POINTER: u16 = 0xC000 | HEADER_LEN as u16;

/// The sections that records go to, in the order they must be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Answer = 1,
    Authority = 2,
    Additional = 3,
}

/// How many entries each section of a message has, the question section first.
type Counts = [u16; 4];

/// What the OPT record of an answer will say (RFC 6891, 6.1.1: one exactly when the query had one).
#[derive(Clone, Copy, Debug)]
pub struct OptReply<'a> {
    /// Our own UDP payload size.
    pub payload: u16,
    pub dnssec_ok: bool,
    pub subnet: Option<&'a SubnetOption>,
}

impl OptReply<'_> {
    #[inline]
    fn len(&self) -> usize {
        OPT_LEN + self.subnet.map_or(0, SubnetOption::wire_len)
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
    /// The header's second word.
    flags: u16,
    counts: Counts,
    opt: Option<OptReply<'a>>,
    /// Octets of options that stand behind `limit` until the OPT record is written.
    options_len: usize,
}

/// Records as they stand in the message, for what depends on it to be filled in.
pub struct Appended<'m> {
    /// What precedes them.
    pub before: &'m [u8],
    pub copied: &'m mut [u8],
}

/// Writes the first `len` octets of `octets`: with what follows them, where there is room for that, as a
/// copy of known length is no call.
#[inline]
fn put<const N: usize>(to: &mut [u8], octets: &[u8; N], len: usize) {
    match to.first_chunk_mut() {
        Some(to) => *to = *octets,
        None => put_exactly(to, &octets[..len]),
    }
}

#[cold]
#[inline(never)]
fn put_exactly(to: &mut [u8], octets: &[u8]) {
    to[..octets.len()].copy_from_slice(octets);
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
        opt: Option<OptReply<'a>>,
    ) -> Self {
        let limit = limit.min(buffer.len()) - opt.as_ref().map_or(0, OptReply::len);
        buffer[..question_end].copy_from_slice(&query[..question_end]);
        let flags = u16::from_be_bytes([query[2], query[3]]);
        // RD (RFC 1035, 4.1.1) and CD (RFC 4035, 3) come back to those of opcode QUERY, since no other
        // has them.
        let kept = match flags & flag::OPCODE {
            0 => flag::RECURSION_DESIRED | flag::CHECKING_DISABLED,
            _ => flag::OPCODE,
        };
        Composer {
            buffer,
            len: question_end,
            limit,
            flags: flag::RESPONSE | flags & kept,
            counts: [u16::from(question_end > HEADER_LEN), 0, 0, 0],
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

    /// The message so far, but for its header.
    #[inline]
    pub fn written(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// The answer is authoritative (AA).
    #[inline]
    pub fn set_authoritative(&mut self) {
        self.flags |= flag::AUTHORITATIVE;
    }

    /// Something required was left out for want of room (TC).
    #[inline]
    pub fn set_truncated(&mut self) {
        self.flags |= flag::TRUNCATED;
    }

    /// Appends whole records, all or none: `None` when they do not fit.
    #[inline(always)]
    pub fn append(&mut self, section: Section, records: &[u8], count: u16) -> Option<Appended<'_>> {
        let end = self.len + records.len();
        if end > self.limit {
            return None;
        }
        let (before, rest) = self.buffer.split_at_mut(self.len);
        let copied = &mut rest[..records.len()];
        copied.copy_from_slice(records);
        self.len = end;
        self.counts[section as usize] += count;
        Some(Appended { before, copied })
    }

    /// Appends one address record; false when it does not fit.
    #[inline]
    pub fn append_address(
        &mut self,
        section: Section,
        owner: u16,
        ttl_s: u32,
        address: IpAddr,
    ) -> bool {
        match address {
            IpAddr::V4(address) => {
                let mut record = [0; A_LEN];
                record[RECORD_FIXED..].copy_from_slice(&address.octets());
                self.append_made(section, record, owner, rtype::A, ttl_s)
            }
            IpAddr::V6(address) => {
                let mut record = [0; AAAA_LEN];
                record[RECORD_FIXED..].copy_from_slice(&address.octets());
                self.append_made(section, record, owner, rtype::AAAA, ttl_s)
            }
        }
    }

    /// Appends `record`, which has its data only.
    #[inline]
    fn append_made<const N: usize>(
        &mut self,
        section: Section,
        mut record: [u8; N],
        owner: u16,
        rtype: u16,
        ttl_s: u32,
    ) -> bool {
        record[..2].copy_from_slice(&owner.to_be_bytes());
        record[2..4].copy_from_slice(&rtype.to_be_bytes());
        record[4..6].copy_from_slice(&class::IN.to_be_bytes());
        record[6..10].copy_from_slice(&ttl_s.to_be_bytes());
        record[11] = (N - RECORD_FIXED) as u8;
        let end = self.len + N;
        if end > self.limit {
            return false;
        }
        self.buffer[self.len..end].copy_from_slice(&record);
        self.len = end;
        self.counts[section as usize] += 1;
        true
    }

    /// A mark to go back to when an RRset turns out not to fit whole.
    #[inline]
    pub fn mark(&self) -> (usize, Counts) {
        (self.len, self.counts)
    }

    /// Forgets what was appended since `mark`.
    pub fn rewind(&mut self, mark: (usize, Counts)) {
        (self.len, self.counts) = mark;
    }

    /// Writes RCODE, counts and the OPT record, and returns the message's length. `error` is left
    /// out when there is no OPT or no room for it. An error has no authority: AA goes with NOERROR,
    /// NXDOMAIN and YXDOMAIN only.
    #[inline(always)]
    pub fn finish(
        mut self,
        rcode: Rcode,
        scope: u8,
        error: Option<&'static ExtendedError>,
    ) -> usize {
        self.flags |= rcode as u16 & 0x0f;
        if !matches!(rcode, Rcode::NoError | Rcode::NxDomain | Rcode::YxDomain) {
            self.flags &= !flag::AUTHORITATIVE;
        }
        if let Some(opt) = self.opt {
            let more_len = match (self.options_len, error) {
                (0, None) => 0,
                _ => self.place_options(&opt, error),
            };
            self.append_opt(&opt, rcode, scope, more_len);
        }
        let counts = self.counts.iter();
        let counts = counts.fold(0, |counts, &count| counts << 16 | u64::from(count));
        self.buffer[2..4].copy_from_slice(&self.flags.to_be_bytes());
        self.buffer[4..HEADER_LEN].copy_from_slice(&counts.to_be_bytes());
        self.len
    }

    /// Puts the options that stand behind `limit`, and the error, where they will be behind the OPT record
    /// and its client subnet, neither of which is there yet; their octets.
    #[cold]
    fn place_options(
        &mut self,
        opt: &OptReply<'_>,
        error: Option<&'static ExtendedError>,
    ) -> usize {
        let options = self.limit..self.limit + self.options_len;
        let place = self.len + opt.len();
        self.buffer.copy_within(options, place);
        // The limit excludes the OPT record without the error; what is left is the error's room.
        let error = error.filter(|error| self.len + 6 + error.text.len() <= self.limit);
        let to = &mut self.buffer[place + self.options_len..];
        self.options_len + error.map_or(0, |error| append_error(to, error))
    }

    /// Writes the OPT record in front of `more_len` octets of options.
    #[inline(always)]
    fn append_opt(&mut self, opt: &OptReply<'_>, rcode: Rcode, scope: u8, more_len: usize) {
        let mut options_len = more_len;
        if let Some(subnet) = opt.subnet {
            let mut option = [0; SUBNET_LEN_MAX];
            subnet.compose(scope, &mut option);
            let (len, to) = (subnet.wire_len(), &mut self.buffer[self.len + OPT_LEN..]);
            match more_len {
                0 => put(to, &option, len),
                _ => put_exactly(to, &option[..len]),
            }
            options_len += len;
        }
        let mut fixed = [0; OPT_LEN];
        fixed[1..3].copy_from_slice(&rtype::OPT.to_be_bytes());
        fixed[3..5].copy_from_slice(&opt.payload.to_be_bytes());
        fixed[5] = (rcode as u16 >> 4) as u8;
        fixed[7] = u8::from(opt.dnssec_ok) << 7;
        fixed[9..11].copy_from_slice(&(options_len as u16).to_be_bytes());
        self.buffer[self.len..self.len + OPT_LEN].copy_from_slice(&fixed);
        self.counts[Section::Additional as usize] += 1;
        self.len += OPT_LEN + options_len;
    }
}

/// Writes the option at the start of `to`; its octets.
#[cold]
fn append_error(to: &mut [u8], error: &ExtendedError) -> usize {
    let data_len = 2 + error.text.len();
    to[..2].copy_from_slice(&option::EXTENDED_ERROR.to_be_bytes());
    to[2..4].copy_from_slice(&(data_len as u16).to_be_bytes());
    to[4..6].copy_from_slice(&error.code.to_be_bytes());
    to[6..4 + data_len].copy_from_slice(error.text.as_bytes());
    4 + data_len
}
