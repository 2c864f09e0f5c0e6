//! The floor that no UDP server gets below: it sends every query back as a response, with the socket and
//! the batch calls of the nameserver, and does nothing else.
//!
//! ```sh
//! cargo run --release --example udp_echo -- 127.0.0.1:5399       # replies as long as their queries
//! cargo run --release --example udp_echo -- 127.0.0.1:5399 106   # replies of 106 octets
//! ```

use std::net::SocketAddr;

use meridian::nameserver::udp::{Batch, bind};

fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: udp_echo IP:PORT [OCTETS]";
    let address: SocketAddr = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .ok_or(usage)?;
    let octets: Option<usize> = match arguments.next() {
        Some(text) => Some(text.parse().map_err(|_| usage)?),
        None => None,
    };
    let socket = bind(address).map_err(|e| format!("{address}: {e}"))?;
    let mut batch = Batch::new(REPLY_MAX);
    loop {
        batch.receive(&socket).map_err(|e| e.to_string())?;
        for slot in batch.received() {
            if let Some((query, _, reply)) = slot.exchange() {
                let len = echo(query, reply, octets.unwrap_or(query.len()));
                slot.set_reply(len);
            }
        }
        batch.send(&socket);
    }
}

const REPLY_MAX: usize = 1232;

/// Octets of a record at the root without its data.
const RECORD_FIXED: usize = 11;

/// The query with QR set; up to `len` octets by a TXT record of zeroes in the additional section, so that
/// whoever reads all of it finds nothing amiss.
fn echo(query: &[u8], reply: &mut [u8], len: usize) -> usize {
    let same = query.len().min(reply.len());
    reply[..same].copy_from_slice(&query[..same]);
    if let Some(flags) = reply.get_mut(2) {
        *flags |= 0x80;
    }
    let Some(data_len) = len.min(reply.len()).checked_sub(same + RECORD_FIXED) else {
        return same;
    };
    let len = same + RECORD_FIXED + data_len;
    reply[same..len].fill(0);
    reply[same + 1..same + 5].copy_from_slice(&[0, 16, 0, 1]);
    reply[same + 9..same + 11].copy_from_slice(&(data_len as u16).to_be_bytes());
    reply[11] += 1;
    len
}
