//! Asking over UDP.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use meridian::dns::{HEADER_LEN, Name, query, rtype};

/// Longer than any pause of a server that works.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Client {
    socket: UdpSocket,
    next_id: u16,
}

impl Client {
    pub fn new(server: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Client { socket, next_id: 0 })
    }

    /// Asks for the address of `name`, again and again, until it is `wanted`; when that was.
    pub fn await_address(&mut self, name: &str, wanted: Ipv4Addr) -> Result<Instant, String> {
        let deadline = Instant::now() + 20 * PATIENCE;
        let question = Name::parse(name).map_err(|e| format!("{name}: {e}"))?;
        loop {
            let address = self.ask(&question).map_err(|e| format!("{name}: {e}"))?;
            let now = Instant::now();
            if address == Some(wanted) {
                return Ok(now);
            }
            if now > deadline {
                return Err(format!("{name} is {address:?}, not {wanted}"));
            }
        }
    }

    /// Asks for the address of `name`, again and again, for so long.
    pub fn keep_asking(&mut self, name: &str, time: Duration) -> Result<(), String> {
        let end = Instant::now() + time;
        let question = Name::parse(name).map_err(|e| format!("{name}: {e}"))?;
        while Instant::now() < end {
            self.ask(&question).map_err(|e| format!("{name}: {e}"))?;
        }
        Ok(())
    }

    fn ask(&mut self, question: &Name) -> io::Result<Option<Ipv4Addr>> {
        self.next_id = self.next_id.wrapping_add(1);
        let message = query::compose(self.next_id, question, rtype::A, None);
        self.socket.send(&message)?;
        let mut reply = [0; 512];
        loop {
            let len = self.socket.recv(&mut reply)?;
            if reply[..2] == message[..2] {
                return Ok(address_in(&reply[..len], message.len()));
            }
        }
    }
}

/// The address of the first record, which is of type A and has its owner as a pointer, behind a question
/// that ends at `question_end`.
pub fn address_in(reply: &[u8], question_end: usize) -> Option<Ipv4Addr> {
    let (count, record) = (reply.get(6..8)?, reply.get(question_end..)?);
    if count == [0, 0] || question_end < HEADER_LEN {
        return None;
    }
    let octets: [u8; 4] = record.get(12..16)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}
