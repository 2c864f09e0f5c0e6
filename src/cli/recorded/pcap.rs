//! pcap files (draft-ietf-opsawg-pcap).

use std::io::Read;

use super::Sink;
use super::octets::Octets;
use super::packet::{self, Link};

/// Octets of a packet that libpcap records at most.
pub const PACKET_MAX: usize = 262_144;

/// In microseconds and nanoseconds, as a big-endian machine writes them.
const MAGIC: [u32; 2] = [0xa1b2_c3d4, 0xa1b2_3c4d];

pub fn is_start(start: [u8; 4]) -> bool {
    MAGIC.contains(&u32::from_be_bytes(start)) || MAGIC.contains(&u32::from_le_bytes(start))
}

pub fn read<R: Read>(octets: &mut Octets<R>, sink: &mut Sink<'_>) -> Result<(), String> {
    let header: [u8; 24] = octets.array()?;
    let order = match MAGIC.contains(&u32::from_be_bytes(octets_at(&header, 0))) {
        true => Order::Big,
        false => Order::Little,
    };
    // The upper bits say whether there is a frame check sequence, which nobody looks at here.
    let link = Link::new(order.u32(&header, 20) & 0xffff)?;
    while let Some(record) = octets.next::<16>()? {
        let (len, whole) = (order.u32(&record, 8), order.u32(&record, 12));
        let len = packet_len(len)?;
        let packet = octets.take(len)?;
        packet::read(link, packet, (len as u32) < whole, sink)?;
    }
    Ok(())
}

/// `len` if packets can have so many octets.
pub fn packet_len(len: u32) -> Result<usize, String> {
    match len as usize {
        len if len <= PACKET_MAX => Ok(len),
        len => Err(format!(
            "a packet of {len} octets; at most {PACKET_MAX} were expected"
        )),
    }
}

/// That of the machine that wrote the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Big,
    Little,
}

impl Order {
    /// At `at` of `octets`, which are longer.
    pub fn u32(self, octets: &[u8], at: usize) -> u32 {
        match self {
            Order::Big => u32::from_be_bytes(octets_at(octets, at)),
            Order::Little => u32::from_le_bytes(octets_at(octets, at)),
        }
    }

    pub fn u16(self, octets: &[u8], at: usize) -> u16 {
        match self {
            Order::Big => u16::from_be_bytes(octets_at(octets, at)),
            Order::Little => u16::from_le_bytes(octets_at(octets, at)),
        }
    }
}

/// Zeros, if there are not so many.
fn octets_at<const N: usize>(octets: &[u8], at: usize) -> [u8; N] {
    let found = octets.get(at..).and_then(|rest| rest.first_chunk());
    found.copied().unwrap_or([0; N])
}
