//! What a server without keys says to a query that is signed with one (TSIG, RFC 8945).

use super::parse::Record;
use super::{HEADER_LEN, class, name, rtype};

/// The key is not known (RFC 8945, 3).
const BADKEY: u16 = 17;
/// Octets of the record beside its owner and the algorithm's name.
const FIXED_LEN: usize = 10 + 16;

/// The parts of a query's TSIG record that the answer repeats.
pub struct Tsig<'a> {
    /// The key's name: labels, then the root or a pointer into the question.
    owner: &'a [u8],
    algorithm: &'a [u8],
    /// Time Signed and Fudge.
    time: &'a [u8],
    original_id: &'a [u8],
}

impl<'a> Tsig<'a> {
    /// Reads the record at `at`, behind a question that has been read. `None` is a FORMERR (RFC 8945,
    /// 5.2): a class other than ANY, a TTL other than 0, data that are not laid out as RFC 8945, 4.2
    /// says, or an owner that points to anything but a label of the question.
    pub fn read(message: &'a [u8], at: usize) -> Option<Self> {
        let record = Record::at(message, at)?;
        if (record.rtype, record.class, record.ttl) != (rtype::TSIG, class::ANY, 0) {
            return None;
        }
        let owner = &message[at..record.owner_end];
        if let [.., high, low] = *owner
            && high >= 0xC0
        {
            let target = usize::from(u16::from_be_bytes([high & 0x3F, low]));
            if !begins_label(message, target) {
                return None;
            }
        }
        let (algorithm, rest) = split_name(record.rdata)?;
        let (time, rest) = rest.split_at_checked(8)?;
        let (_mac, rest) = split_counted(rest)?;
        let (original_id, rest) = rest.split_at_checked(2)?;
        let (_error, rest) = rest.split_at_checked(2)?;
        let (_other, rest) = split_counted(rest)?;
        rest.is_empty().then_some(Tsig {
            owner,
            algorithm,
            time,
            original_id,
        })
    }

    /// Octets of the record that [`Self::compose_bad_key`] makes.
    pub fn bad_key_len(&self) -> usize {
        self.owner.len() + self.algorithm.len() + FIXED_LEN
    }

    /// Composes the record that says BADKEY, unsigned (RFC 8945, 5.3.2), into `to`, which has
    /// [`Self::bad_key_len`] octets, behind a question that is the query's.
    pub fn compose_bad_key(&self, to: &mut [u8]) {
        let data_len = (self.algorithm.len() + 16) as u16;
        let parts: [&[u8]; 9] = [
            self.owner,
            &rtype::TSIG.to_be_bytes(),
            &class::ANY.to_be_bytes(),
            &[0; 4],
            &data_len.to_be_bytes(),
            self.algorithm,
            self.time,
            // No MAC.
            &[0; 2],
            self.original_id,
        ];
        let mut at = 0;
        for part in parts {
            to[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        to[at..at + 2].copy_from_slice(&BADKEY.to_be_bytes());
        // No other data.
        to[at + 2..at + 4].fill(0);
    }
}

/// Whether a label of the question's name, or its root, begins at `target`.
fn begins_label(message: &[u8], target: usize) -> bool {
    let mut at = HEADER_LEN;
    while at < target {
        match message[at] {
            0 => return false,
            len => at += 1 + usize::from(len),
        }
    }
    at == target
}

/// An uncompressed name, and what follows it.
fn split_name(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    octets.split_at_checked(name::len(octets)?)
}

/// What two octets count, and what follows it.
fn split_counted(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = octets.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &[u8] = b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01\
        \x03www\x07example\x00\x00\x01\x00\x01";
    const RECORD: &[u8] = b"\x03key\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x17\
        \x03sha\x00\x00\x00\x5c\xf7\x9f\x11\x01\x2c\x00\x02ab\x12\x34\x00\x00\x00\x00";

    fn read(record: &[u8]) -> Option<Vec<u8>> {
        let message = [QUERY, record].concat();
        let tsig = Tsig::read(&message, QUERY.len())?;
        let mut composed = vec![0xaa; tsig.bad_key_len()];
        tsig.compose_bad_key(&mut composed);
        Some(composed)
    }

    fn changed(at: usize, octet: u8) -> Vec<u8> {
        let mut record = RECORD.to_vec();
        record[at] = octet;
        record
    }

    #[test]
    fn rfc8945_section_5_3_2_the_answer_repeats_key_algorithm_and_time_and_has_no_mac() {
        let expected = b"\x03key\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x15\
            \x03sha\x00\x00\x00\x5c\xf7\x9f\x11\x01\x2c\x00\x00\x12\x34\x00\x11\x00\x00";
        assert_eq!(read(RECORD).unwrap(), expected);
    }

    #[test]
    fn an_owner_may_point_to_a_label_of_the_question() {
        let pointing = |low: u8| [&b"\x01k\xc0"[..], &[low], &RECORD[5..]].concat();
        assert!(
            read(&pointing(12))
                .unwrap()
                .starts_with(b"\x01k\xc0\x0c\x00\xfa")
        );
        assert!(read(&pointing(16)).is_some());
        assert!(read(&pointing(24)).is_some());
        for wrong in [0, 11, 13, 15, 25, 28, 29, 200] {
            assert_eq!(read(&pointing(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn rfc8945_section_4_2_other_layouts_are_refused() {
        // Class, TTL, the algorithm's name, the lengths of MAC and of other data.
        for (at, octet) in [
            (8, 1),
            (12, 1),
            (15, 64),
            (15, 0xc0),
            (29, 1),
            (29, 9),
            (37, 1),
        ] {
            assert_eq!(read(&changed(at, octet)), None, "{at}");
        }
        for len in 0..RECORD.len() {
            assert_eq!(read(&RECORD[..len]), None, "{len}");
        }
    }
}
