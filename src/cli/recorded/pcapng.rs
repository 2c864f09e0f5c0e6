//! pcapng files (draft-ietf-opsawg-pcapng): sections of blocks, of which those with packets count.

use std::io::Read;

use super::Sink;
use super::octets::Octets;
use super::packet::{self, Link};
use super::pcap::{Order, PACKET_MAX, packet_len};

/// The type of a section header, the same in both orders of octets.
pub const START: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// As a big-endian machine writes it.
const MAGIC: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
/// Obsolete, but still found.
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Octets of a block: a packet and options, or names and secrets that nobody looks at here.
const BLOCK_MAX: usize = 16 << 20;
/// Interfaces of a section.
const INTERFACES_MAX: usize = 65_536;

pub fn read<R: Read>(octets: &mut Octets<R>, sink: &mut Sink<'_>) -> Result<(), String> {
    let mut section = Section {
        order: Order::Little,
        interfaces: Vec::new(),
    };
    while let Some(head) = octets.next::<8>()? {
        // What a section's header says of its length is in an order that only the next octets tell.
        let mut read = 8;
        if head[..4] == START {
            let magic: [u8; 4] = octets.array()?;
            let mut reversed = magic;
            reversed.reverse();
            section = Section {
                order: match () {
                    () if magic == MAGIC => Order::Big,
                    () if reversed == MAGIC => Order::Little,
                    () => return Err("expected the magic of a pcapng section".to_owned()),
                },
                interfaces: Vec::new(),
            };
            read += 4;
        }
        let (kind, len) = (section.order.u32(&head, 0), section.order.u32(&head, 4));
        let len = len as usize;
        if !len.is_multiple_of(4) || len < read + 4 || len > BLOCK_MAX {
            return Err(format!(
                "a block of {len} octets; expected a multiple of 4, at most {BLOCK_MAX}"
            ));
        }
        let rest = octets.take(len - read)?;
        // At the end stands the length once more.
        let body = &rest[..rest.len() - 4];
        section.read_block(kind, body, sink)?;
    }
    Ok(())
}

struct Section {
    order: Order,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy)]
struct Interface {
    /// None where nobody knows what its packets look like.
    link: Option<Link>,
    /// Octets of a packet that are recorded at most; 0 for all.
    len_max: u32,
}

impl Section {
    fn read_block(&mut self, kind: u32, body: &[u8], sink: &mut Sink<'_>) -> Result<(), String> {
        let order = self.order;
        let least = match kind {
            INTERFACE => 8,
            SIMPLE_PACKET => 4,
            PACKET | ENHANCED_PACKET => 20,
            _ => 0,
        };
        if body.len() < least {
            return Err(format!("a block of type {kind} that is too short"));
        }
        match kind {
            INTERFACE if self.interfaces.len() == INTERFACES_MAX => {
                Err(format!("more than {INTERFACES_MAX} interfaces"))
            }
            INTERFACE => {
                self.interfaces.push(Interface {
                    link: Link::new(order.u16(body, 0).into()).ok(),
                    len_max: order.u32(body, 4),
                });
                Ok(())
            }
            SIMPLE_PACKET => {
                let whole = order.u32(body, 0);
                let len_max = self.interfaces.first().map_or(0, |first| first.len_max);
                let len = match len_max {
                    0 => whole,
                    max => whole.min(max),
                };
                self.read_packet(0, (len, whole), &body[4..], sink)
            }
            PACKET => {
                let sizes = (order.u32(body, 12), order.u32(body, 16));
                self.read_packet(order.u16(body, 0).into(), sizes, &body[20..], sink)
            }
            ENHANCED_PACKET => {
                let sizes = (order.u32(body, 12), order.u32(body, 16));
                self.read_packet(order.u32(body, 0), sizes, &body[20..], sink)
            }
            SECTION => Ok(()),
            _ => Ok(()),
        }
    }

    fn read_packet(
        &self,
        interface: u32,
        (len, whole): (u32, u32),
        data: &[u8],
        sink: &mut Sink<'_>,
    ) -> Result<(), String> {
        let known = self.interfaces.get(interface as usize);
        let known = known
            .ok_or_else(|| format!("a packet of interface {interface}, which is not there"))?;
        let len = packet_len(len.min(PACKET_MAX as u32 + 1))?;
        let packet = data
            .get(..len)
            .ok_or("a packet that is longer than its block")?;
        match known.link {
            Some(link) => packet::read(link, packet, (len as u32) < whole, sink),
            None => {
                sink.skipped.others += 1;
                Ok(())
            }
        }
    }
}
