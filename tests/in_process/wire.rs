//! The octets of a message, read without following a pointer: for what a decoder hides.

use std::ops::Range;

/// A record as it stands in a message.
#[derive(Clone, Debug)]
pub struct RawRecord {
    pub section: Section,
    /// Where it begins.
    pub at: usize,
    /// The owner's octets: labels, and a pointer or the root.
    pub owner: Range<usize>,
    pub rtype: u16,
    pub class: u16,
    pub ttl: u32,
    pub rdata: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Answer,
    Authority,
    Additional,
}

fn u16_at(message: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([message[at], message[at + 1]])
}

/// QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT.
pub fn counts(message: &[u8]) -> [u16; 4] {
    [4, 6, 8, 10].map(|at| u16_at(message, at))
}

/// The question section.
pub fn question(message: &[u8]) -> Range<usize> {
    match counts(message)[0] {
        0 => 12..12,
        _ => 12..name_end(message, 12) + 4,
    }
}

/// Every record; the message must end with the last.
pub fn records(message: &[u8]) -> Vec<RawRecord> {
    let [_, answers, authority, additional] = counts(message);
    let sections = [
        (Section::Answer, answers),
        (Section::Authority, authority),
        (Section::Additional, additional),
    ];
    let mut at = question(message).end;
    let mut records = Vec::new();
    for (section, count) in sections {
        for _ in 0..count {
            let record = record(message, at, section);
            at = record.rdata.end;
            records.push(record);
        }
    }
    assert_eq!(at, message.len(), "octets after the last record");
    records
}

fn record(message: &[u8], at: usize, section: Section) -> RawRecord {
    let fixed = name_end(message, at);
    let high = u32::from(u16_at(message, fixed + 4));
    let rdata = fixed + 10;
    RawRecord {
        section,
        at,
        owner: at..fixed,
        rtype: u16_at(message, fixed),
        class: u16_at(message, fixed + 2),
        ttl: high << 16 | u32::from(u16_at(message, fixed + 6)),
        rdata: rdata..rdata + usize::from(u16_at(message, fixed + 8)),
    }
}

/// The octet after the name at `at`.
fn name_end(message: &[u8], mut at: usize) -> usize {
    loop {
        match message[at] {
            0 => return at + 1,
            length if length >= 0xc0 => return at + 2,
            length => at += 1 + usize::from(length),
        }
    }
}

/// Every compression pointer in owners and in the data of the types that may be compressed (RFC 3597, 4):
/// where it stands and where it leads.
pub fn pointers(message: &[u8]) -> Vec<(usize, usize)> {
    let mut pointers = Vec::new();
    let mut look = |mut at: usize| loop {
        match message[at] {
            0 => return at + 1,
            length if length >= 0xc0 => {
                pointers.push((at, usize::from(u16_at(message, at) & 0x3fff)));
                return at + 2;
            }
            length => at += 1 + usize::from(length),
        }
    };
    for record in records(message) {
        look(record.owner.start);
        match record.rtype {
            2 | 5 | 12 => drop(look(record.rdata.start)),
            6 => drop({
                let second = look(record.rdata.start);
                look(second)
            }),
            15 => drop(look(record.rdata.start + 2)),
            _ => {}
        }
    }
    pointers
}

/// The options of an OPT record's data: codes and data.
pub fn options(mut rdata: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut options = Vec::new();
    while !rdata.is_empty() {
        let end = 4 + usize::from(u16_at(rdata, 2));
        options.push((u16_at(rdata, 0), rdata[4..end].to_vec()));
        rdata = &rdata[end..];
    }
    options
}
