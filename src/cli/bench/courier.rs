//! Many datagrams per system call, so that the load costs less than the server: a burst of equal lengths
//! is one buffer that the kernel cuts up (generic segmentation offload), and what comes back is taken in
//! one call.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmsg,
};
use socket2::{Domain, Protocol, Socket, Type};

use super::stream::Stream;

/// The most that the kernel cuts one buffer into (`UDP_MAX_SEGMENTS`).
pub const BURST_MAX: usize = 64;

/// The longest buffer that it takes: an IPv4 packet without its headers.
const BURST_OCTETS: usize = 65_507;

/// Datagrams taken per call.
const RECEIVE_BATCH: usize = 32;

/// Longer replies are cut short, and so counted as malformed; over UDP, none has been announced.
const REPLY_LEN: usize = 2048;

/// What the kernel is asked for: a whole window in each direction.
const BUFFER_LEN: usize = 1 << 20;

/// A way to the server.
pub enum Wire {
    Datagrams(UdpSocket),
    Stream(Stream),
}

impl Wire {
    /// From `source` to `target`.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn connect(source: IpAddr, target: SocketAddr, over_tcp: bool) -> io::Result<Self> {
        let source = SocketAddr::new(source, 0);
        Ok(match over_tcp {
            true => Wire::Stream(Stream::connect(source, target)?),
            false => Wire::Datagrams(connect(source, target)?),
        })
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Wire::Datagrams(socket) => socket.local_addr(),
            Wire::Stream(stream) => stream.local_addr(),
        }
    }
}

/// A UDP socket that never blocks.
fn connect(source: SocketAddr, target: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(target),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_recv_buffer_size(BUFFER_LEN)?;
    socket.set_send_buffer_size(BUFFER_LEN)?;
    socket.bind(&source.into())?;
    socket.connect(&target.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// The buffers of the system calls.
pub struct Courier {
    replies: Box<[[u8; REPLY_LEN]; RECEIVE_BATCH]>,
    headers: MultiHeaders<SockaddrStorage>,
    /// Whether the kernel cuts buffers up on this way.
    segments: bool,
}

impl Courier {
    pub fn new() -> Self {
        Courier {
            replies: Box::new([[0; REPLY_LEN]; RECEIVE_BATCH]),
            headers: MultiHeaders::preallocate(RECEIVE_BATCH, None),
            segments: true,
        }
    }

    /// How many queries of `len` octets one burst may hold.
    pub fn burst_max(len: usize) -> usize {
        BURST_MAX.min(BURST_OCTETS / len)
    }

    /// Sends `burst`, which is queries of `len` octets each. What the kernel has no room for, or what a
    /// closed port has refused, is as good as lost on the way.
    ///
    /// # Errors
    /// What the kernel says otherwise.
    pub fn send(&mut self, wire: &mut Wire, burst: &[u8], len: usize) -> io::Result<()> {
        match wire {
            Wire::Datagrams(socket) => self.send_datagrams(socket, burst, len),
            Wire::Stream(stream) => stream.send(burst, len),
        }
    }

    fn send_datagrams(&mut self, socket: &UdpSocket, burst: &[u8], len: usize) -> io::Result<()> {
        if self.segments && burst.len() > len {
            match send_segments(socket, burst, len as u16) {
                // The device, or an old kernel, cannot do it.
                Err(Errno::EIO | Errno::EINVAL | Errno::ENOPROTOOPT) => self.segments = false,
                sent => return unless_lost(sent.map_err(io::Error::from)),
            }
        }
        for query in burst.chunks(len) {
            unless_lost(socket.send(query).map(drop))?;
        }
        Ok(())
    }

    /// Takes what is there, up to a batch, and hands over each reply. Returns how many there were.
    ///
    /// # Errors
    /// What the kernel says, but for an empty socket and a UDP port that is closed; and when a connection
    /// has ended.
    pub fn receive(&mut self, wire: &mut Wire, take: impl FnMut(&[u8])) -> io::Result<usize> {
        match wire {
            Wire::Datagrams(socket) => self.receive_datagrams(socket, take),
            Wire::Stream(stream) => stream.receive(take),
        }
    }

    fn receive_datagrams(
        &mut self,
        socket: &UdpSocket,
        mut take: impl FnMut(&[u8]),
    ) -> io::Result<usize> {
        let mut slices = self
            .replies
            .each_mut()
            .map(|reply| [IoSliceMut::new(reply)]);
        let received = recvmmsg(
            socket.as_raw_fd(),
            &mut self.headers,
            &mut slices,
            MsgFlags::MSG_DONTWAIT,
            None,
        );
        let received = match received {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::ECONNREFUSED | Errno::EINTR) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut count = 0;
        for message in received {
            take(message.iovs().next().unwrap_or_default());
            count += 1;
        }
        Ok(count)
    }
}

fn send_segments(socket: &UdpSocket, burst: &[u8], len: u16) -> Result<(), Errno> {
    let segments = [ControlMessage::UdpGsoSegments(&len)];
    let burst = [IoSlice::new(burst)];
    let flags = MsgFlags::MSG_DONTWAIT;
    sendmsg::<()>(socket.as_raw_fd(), &burst, &segments, flags, None).map(drop)
}

fn unless_lost(sent: io::Result<()>) -> io::Result<()> {
    match sent {
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::EAGAIN | libc::ENOBUFS | libc::ECONNREFUSED | libc::EINTR)
            ) =>
        {
            Ok(())
        }
        sent => sent,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn server() -> UdpSocket {
        let server = UdpSocket::bind((HERE, 0)).unwrap();
        server
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        server
    }

    #[test]
    fn a_burst_arrives_as_single_datagrams_and_so_do_the_replies() {
        let server = server();
        let mut socket = Wire::connect(HERE, server.local_addr().unwrap(), false).unwrap();
        for segments in [true, false] {
            let mut courier = Courier::new();
            courier.segments = segments;
            courier.send(&mut socket, b"onetwosix", 3).unwrap();
            let mut buffer = [0; 16];
            for expected in [b"one", b"two", b"six"] {
                let (len, from) = server.recv_from(&mut buffer).unwrap();
                assert_eq!(&buffer[..len], expected);
                server.send_to(&buffer[..len], from).unwrap();
            }
            let mut replies: Vec<Vec<u8>> = Vec::new();
            while replies.len() < 3 {
                courier
                    .receive(&mut socket, |reply| replies.push(reply.into()))
                    .unwrap();
            }
            assert_eq!(replies, [b"one", b"two", b"six"]);
        }
    }

    #[test]
    fn a_closed_port_is_no_error() {
        let target = server().local_addr().unwrap();
        let mut socket = Wire::connect(HERE, target, false).unwrap();
        let mut courier = Courier::new();
        for _ in 0..3 {
            courier.send(&mut socket, b"onetwo", 3).unwrap();
            assert_eq!(courier.receive(&mut socket, |_| ()).unwrap(), 0);
        }
    }

    #[test]
    fn a_burst_fits_a_packet() {
        assert_eq!(Courier::burst_max(40), BURST_MAX);
        assert!(Courier::burst_max(1200) * 1200 <= BURST_OCTETS);
    }
}
