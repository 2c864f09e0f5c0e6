//! Datagrams to probed endpoints: sockets that hear nobody else, and the UDP probe.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;

use super::body::BodySearch;
use super::deadline::Deadline;
use super::{Ask, Asking, Outcome};
use crate::config::{Source, UdpProbe};
use crate::health::failure::{Failure, Step};

/// The longest datagram.
const DATAGRAM_MAX: usize = 65_535;

/// Sends a datagram to one address.
#[derive(Debug)]
pub struct UdpAsker {
    pub address: SocketAddr,
    pub timeout: Duration,
    pub probe: UdpProbe,
}

impl UdpAsker {
    /// The first datagram that comes back decides.
    async fn attempt(&self) -> Outcome {
        let deadline = Deadline::new(self.timeout);
        let UdpProbe {
            source,
            send,
            expect,
        } = &self.probe;
        let connecting = connect(*source, self.address);
        let socket = deadline.io(Step::Connection, connecting).await?;
        deadline.io(Step::Answer, socket.send(send)).await?;
        let mut datagram = vec![0; DATAGRAM_MAX];
        let receiving = socket.recv(&mut datagram);
        let length = deadline.io(Step::Answer, receiving).await?;
        match BodySearch::new(expect).found_in(&datagram[..length]) {
            true => Ok(()),
            false => Err(Failure::AnswerLacks {
                expected: expect.clone(),
                read: length as u32,
            }),
        }
    }
}

impl Ask for UdpAsker {
    fn ask(&mut self) -> Asking<'_> {
        Box::pin(self.attempt())
    }
}

/// A socket at a random port that hears the address only, and that nobody listens there.
pub async fn connect(source: Source, address: SocketAddr) -> io::Result<UdpSocket> {
    let any = match address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let own = source.towards(address.ip()).unwrap_or(any);
    let socket = UdpSocket::bind(SocketAddr::new(own, 0)).await?;
    socket.connect(address).await?;
    Ok(socket)
}
