//! The ICMP probe: an echo request (RFC 792; RFC 4443, 4.1).
//!
//! The sockets are those that need no privilege: the kernel writes identifier and checksum, and gives back
//! answers of that identifier only. Who may have them is said by `net.ipv4.ping_group_range`, for both families.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::deadline::Deadline;
use super::{Ask, Asking, Outcome};
use crate::config::Source;
use crate::health::failure::{Failure, Step};
use crate::random::Random;

/// Of a request: type, code, checksum, identifier, sequence number; and a token that makes it its own.
const LENGTH: usize = 16;
/// Types of requests and answers.
const ECHO_V4: u8 = 8;
const REPLY_V4: u8 = 0;
const ECHO_V6: u8 = 128;
const REPLY_V6: u8 = 129;
/// Answers to earlier requests, until no more are waited for.
const STRAY_MAX: usize = 16;

/// Asks one address for an echo.
#[derive(Debug)]
pub struct IcmpAsker {
    address: IpAddr,
    timeout: Duration,
    source: Source,
    random: Random,
}

impl IcmpAsker {
    pub fn new(address: IpAddr, timeout: Duration, source: Source) -> Self {
        let random = Random::from_os();
        IcmpAsker {
            address,
            timeout,
            source,
            random,
        }
    }

    async fn attempt(&mut self) -> Outcome {
        let deadline = Deadline::new(self.timeout);
        let socket = socket(self.address).map_err(|error| not_allowed(&error))?;
        let socket = self.connected(socket).map_err(|e| Failure::from_io(&e))?;
        let token = self.random.next_u64().to_be_bytes();
        let request = request(self.address, token);
        deadline.io(Step::Answer, socket.send(&request)).await?;
        let mut answer = [0; LENGTH];
        for _ in 0..STRAY_MAX {
            let receiving = socket.recv(&mut answer);
            let length = deadline.io(Step::Answer, receiving).await?;
            if is_answer(&answer[..length], &request) {
                return Ok(());
            }
        }
        Err(Failure::protocol("what came was not to the request"))
    }

    fn connected(&self, socket: Socket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        if let Some(own) = self.source.towards(self.address) {
            socket.bind(&SocketAddr::new(own, 0).into())?;
        }
        socket.connect(&SocketAddr::new(self.address, 0).into())?;
        // Sending and receiving are the same calls for all sockets of datagrams.
        UdpSocket::from_std(socket.into())
    }
}

impl Ask for IcmpAsker {
    fn ask(&mut self) -> Asking<'_> {
        Box::pin(self.attempt())
    }
}

/// Whether this process may send echo requests.
///
/// # Errors
/// Why not, in words.
pub fn is_allowed() -> Result<(), String> {
    let loopback = IpAddr::from([127, 0, 0, 1]);
    match socket(loopback) {
        Ok(_) => Ok(()),
        Err(error) => Err(not_allowed(&error).to_string()),
    }
}

fn socket(address: IpAddr) -> io::Result<Socket> {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    Socket::new(domain, Type::DGRAM, Some(protocol))
}

fn not_allowed(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Failure::Local(
            "the kernel lets no group of this process send ICMP echo requests: see the sysctl \
             net.ipv4.ping_group_range"
                .into(),
        ),
        _ => Failure::from_io(error),
    }
}

fn request(address: IpAddr, token: [u8; 8]) -> [u8; LENGTH] {
    let mut octets = [0; LENGTH];
    octets[0] = match address {
        IpAddr::V4(_) => ECHO_V4,
        IpAddr::V6(_) => ECHO_V6,
    };
    octets[8..].copy_from_slice(&token);
    octets
}

/// Whether it is an answer and repeats the request's token. (Of a request to itself, a host may hear both.)
fn is_answer(answer: &[u8], request: &[u8; LENGTH]) -> bool {
    let expected = if request[0] == ECHO_V4 {
        REPLY_V4
    } else {
        REPLY_V6
    };
    answer.len() == LENGTH && answer[0] == expected && answer[8..] == request[8..]
}
