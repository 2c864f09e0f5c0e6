//! Many datagrams per system call: `recvmmsg` and `sendmmsg` behind a safe [`Batch`].
//!
//! This is the only module with unsafe code. The rule that keeps it sound: raw pointers are made
//! right before the system call that reads them, out of memory that the batch owns and that nothing
//! else touches until the call returns. No pointer is ever stored.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use libc::{c_int, c_uint, socklen_t};

/// Datagrams per system call. Past sixteen the cost of a call is spread thin enough; a longer batch
/// would only hold back its first answer.
pub const BATCH: usize = 16;

/// Octets of a query that are taken. A query is a header, one question and an OPT record: the
/// longest that makes sense (a name of 255 octets, a client subnet, a cookie, padding to 468 as of
/// RFC 8467, 4.1) is far shorter. Longer datagrams are dropped.
pub const RECEIVE_LEN: usize = 4096;

/// Receive and reply buffers for [`BATCH`] datagrams, allocated once.
pub struct Batch {
    slots: Box<[Slot]>,
    received: usize,
}

/// One received datagram, and the reply to it.
pub struct Slot {
    datagram: Box<[u8]>,
    datagram_len: usize,
    peer: Peer,
    peer_len: socklen_t,
    control: Control,
    control_len: usize,
    /// `MSG_TRUNC`, `MSG_CTRUNC`.
    flags: c_int,
    reply: Box<[u8]>,
    /// 0: nothing is sent.
    reply_len: usize,
}

/// A socket address as the kernel writes it. Every bit pattern is valid in every variant.
#[repr(C)]
#[derive(Clone, Copy)]
union Peer {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

/// Room for the one control message that is ever asked for: packet info. Laid out as the kernel
/// does: a header, then the data, both aligned as `long`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Control {
    header: libc::cmsghdr,
    info: PacketInfo,
}

#[repr(C)]
#[derive(Clone, Copy)]
union PacketInfo {
    v4: libc::in_pktinfo,
    v6: libc::in6_pktinfo,
}

const _: () = {
    // SAFETY: CMSG_LEN and CMSG_SPACE only compute.
    let (data_at, space) = unsafe {
        (
            libc::CMSG_LEN(0) as usize,
            libc::CMSG_SPACE(mem::size_of::<libc::in6_pktinfo>() as c_uint) as usize,
        )
    };
    assert!(mem::offset_of!(Control, info) == data_at);
    assert!(mem::size_of::<Control>() >= space);
};

impl Batch {
    /// Buffers for replies of at most `reply_max` octets.
    pub fn new(reply_max: usize) -> Self {
        Batch {
            slots: (0..BATCH).map(|_| Slot::new(reply_max)).collect(),
            received: 0,
        }
    }

    /// Waits for a datagram, takes what else is queued (up to [`BATCH`] in all) and says how many.
    /// 0: none came within the socket's read timeout.
    ///
    /// # Errors
    /// What the kernel says, except for a timeout and an interrupt.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.receive_with(socket, libc::MSG_WAITFORONE)
    }

    /// [`receive`](Self::receive) without waiting. 0: nothing is queued.
    ///
    /// # Errors
    /// As for [`receive`](Self::receive).
    pub fn receive_queued(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.receive_with(socket, libc::MSG_DONTWAIT)
    }

    fn receive_with(&mut self, socket: &UdpSocket, flags: c_int) -> io::Result<usize> {
        self.received = 0;
        let mut iovecs = [EMPTY_IOVEC; BATCH];
        let mut headers = [empty_header(); BATCH];
        let parts = iovecs.iter_mut().zip(&mut headers);
        for (slot, (iovec, header)) in self.slots.iter_mut().zip(parts) {
            slot.describe_receive(iovec, &mut header.msg_hdr);
        }
        // SAFETY: the first BATCH headers point at `iovecs` and into `self.slots`, both of which
        // outlive the call and are not touched during it; each length is that of its buffer. The
        // kernel keeps no pointer after it returns.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as c_uint,
                flags as _,
                ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
                _ => Err(error),
            };
        };
        for (slot, header) in self.slots.iter_mut().zip(&headers[..count]) {
            slot.take_in(header);
        }
        self.received = count;
        Ok(count)
    }

    /// What the last receive call brought, in order of arrival.
    pub fn received(&mut self) -> impl ExactSizeIterator<Item = &mut Slot> {
        self.slots[..self.received].iter_mut()
    }

    /// Sends the replies, and says how many the kernel refused. One that it refuses does not hold
    /// up the ones behind it.
    pub fn send(&mut self, socket: &UdpSocket) -> u64 {
        let mut iovecs = [EMPTY_IOVEC; BATCH];
        let mut headers = [empty_header(); BATCH];
        let mut parts = iovecs.iter_mut().zip(&mut headers);
        let replies = self.slots[..self.received].iter_mut();
        let mut count = 0;
        for slot in replies.filter(|slot| slot.reply_len > 0) {
            let Some((iovec, header)) = parts.next() else {
                break;
            };
            slot.describe_send(iovec, &mut header.msg_hdr);
            count += 1;
        }
        self.received = 0;
        send_all(socket, &mut headers[..count])
    }
}

/// Sends every message of `headers` (each made by [`Slot::describe_send`], its slot still alive)
/// and says how many were refused.
fn send_all(socket: &UdpSocket, headers: &mut [libc::mmsghdr]) -> u64 {
    let mut refused = 0;
    let mut rest = headers;
    while !rest.is_empty() {
        // SAFETY: `rest` is that many headers, and what they point at (the caller's iovecs, the
        // batch's slots) lives on and is not touched until the call returns. The kernel writes
        // only `msg_len`.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                rest.as_mut_ptr(),
                rest.len() as c_uint,
                0,
            )
        };
        let done = match usize::try_from(sent) {
            Ok(sent) if sent > 0 => sent,
            _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => 0,
            // The kernel reports an error only when it is the first message's.
            _ => {
                refused += 1;
                1
            }
        };
        rest = &mut rest[done..];
    }
    refused
}

impl Slot {
    fn new(reply_max: usize) -> Self {
        Slot {
            datagram: vec![0; RECEIVE_LEN].into(),
            datagram_len: 0,
            // SAFETY: `Peer` and `Control` are plain numbers; all zeroes is a value of theirs.
            peer: unsafe { mem::zeroed() },
            peer_len: 0,
            // SAFETY: as above.
            control: unsafe { mem::zeroed() },
            control_len: 0,
            flags: 0,
            reply: vec![0; reply_max].into(),
            reply_len: 0,
        }
    }

    /// The query, who sent it, and room for the reply. `None` when it cannot be answered: it is
    /// longer than [`RECEIVE_LEN`], or comes from port 0.
    pub fn exchange(&mut self) -> Option<(&[u8], IpAddr, &mut [u8])> {
        if self.flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0 {
            return None;
        }
        let peer = self.peer.address()?;
        let query = &self.datagram[..self.datagram_len];
        Some((query, peer, &mut self.reply))
    }

    /// Says that the first `len` octets of the reply buffer are to be sent.
    pub fn set_reply(&mut self, len: usize) {
        self.reply_len = len.min(self.reply.len());
    }

    fn describe_receive(&mut self, iovec: &mut libc::iovec, header: &mut libc::msghdr) {
        iovec.iov_base = self.datagram.as_mut_ptr().cast();
        iovec.iov_len = self.datagram.len();
        header.msg_name = ptr::from_mut(&mut self.peer).cast();
        header.msg_namelen = mem::size_of::<Peer>() as socklen_t;
        header.msg_iov = iovec;
        header.msg_iovlen = 1;
        header.msg_control = ptr::from_mut(&mut self.control).cast();
        header.msg_controllen = mem::size_of::<Control>() as _;
    }

    fn take_in(&mut self, header: &libc::mmsghdr) {
        self.datagram_len = (header.msg_len as usize).min(self.datagram.len());
        self.peer_len = header.msg_hdr.msg_namelen;
        self.control_len = header.msg_hdr.msg_controllen as _;
        self.flags = header.msg_hdr.msg_flags;
        self.reply_len = 0;
    }

    fn describe_send(&mut self, iovec: &mut libc::iovec, header: &mut libc::msghdr) {
        iovec.iov_base = self.reply.as_mut_ptr().cast();
        iovec.iov_len = self.reply_len;
        header.msg_name = ptr::from_mut(&mut self.peer).cast();
        header.msg_namelen = self.peer_len;
        header.msg_iov = iovec;
        header.msg_iovlen = 1;
        if self.control_len > 0 {
            self.control.forget_interface();
            header.msg_control = ptr::from_mut(&mut self.control).cast();
            header.msg_controllen = self.control_len as _;
        }
    }
}

impl Peer {
    /// `None` for port 0, to which nothing can be sent.
    fn address(&self) -> Option<IpAddr> {
        // SAFETY: every bit pattern is valid in every variant, and all octets were initialised by
        // `Slot::new`; the family says which variant the kernel wrote.
        let (address, port) = unsafe {
            match c_int::from(self.family) {
                libc::AF_INET => (
                    IpAddr::V4(Ipv4Addr::from(u32::from_be(self.v4.sin_addr.s_addr))),
                    self.v4.sin_port,
                ),
                libc::AF_INET6 => (
                    IpAddr::V6(Ipv6Addr::from(self.v6.sin6_addr.s6_addr)),
                    self.v6.sin6_port,
                ),
                _ => return None,
            }
        };
        (port != 0).then_some(address)
    }
}

impl Control {
    /// Sent back as it came, packet info makes the asked address the reply's source. The interface
    /// is left to the routing table: the way back need not be the way in. (A link-local peer's
    /// interface is in its address.)
    fn forget_interface(&mut self) {
        match (self.header.cmsg_level, self.header.cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => self.info.v4.ipi_ifindex = 0,
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => self.info.v6.ipi6_ifindex = 0,
            _ => {}
        }
    }
}

const EMPTY_IOVEC: libc::iovec = libc::iovec {
    iov_base: ptr::null_mut(),
    iov_len: 0,
};

fn empty_header() -> libc::mmsghdr {
    // SAFETY: `mmsghdr` is numbers and raw pointers, for which all zeroes is a value; some C
    // libraries give it private padding, so that it cannot be written out.
    unsafe { mem::zeroed() }
}

/// Sets a socket option that takes an `int`, for those that `socket2` has no name for.
///
/// # Errors
/// What the kernel says.
pub fn set_option(
    socket: &impl AsRawFd,
    level: c_int,
    name: c_int,
    value: c_int,
) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of `value`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            ptr::from_ref(&value).cast(),
            mem::size_of::<c_int>() as socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (UdpSocket, UdpSocket) {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        client
            .set_read_timeout(Some(std::time::Duration::from_secs(10)))
            .unwrap();
        (server, client)
    }

    fn echo(slot: &mut Slot) {
        let (query, _, reply) = slot.exchange().unwrap();
        let len = query.len();
        reply[..len].copy_from_slice(query);
        slot.set_reply(len);
    }

    fn next_reply(client: &UdpSocket) -> Vec<u8> {
        let mut buffer = [0; 64];
        let len = client.recv(&mut buffer).unwrap();
        buffer[..len].to_vec()
    }

    #[test]
    fn one_call_takes_what_is_queued_up_to_the_batch() {
        let (server, client) = pair();
        let mut batch = Batch::new(512);
        for i in 0..BATCH as u8 + 3 {
            client.send(&[i]).unwrap();
        }
        assert_eq!(batch.receive(&server).unwrap(), BATCH);
        batch.received().for_each(echo);
        assert_eq!(batch.send(&server), 0);
        for i in 0..BATCH as u8 {
            assert_eq!(next_reply(&client), [i]);
        }
        assert_eq!(batch.receive_queued(&server).unwrap(), 3);
        assert_eq!(batch.receive_queued(&server).unwrap(), 0);
    }

    #[test]
    fn a_refused_reply_does_not_hold_up_the_others() {
        let (server, client) = pair();
        let mut batch = Batch::new(512);
        for i in 0..3 {
            client.send(&[i]).unwrap();
        }
        assert_eq!(batch.receive(&server).unwrap(), 3);
        batch.received().for_each(echo);
        batch.slots[1].peer.family = libc::AF_INET6 as _;
        assert_eq!(batch.send(&server), 1);
        assert_eq!(next_reply(&client), [0]);
        assert_eq!(next_reply(&client), [2]);
    }

    #[test]
    fn what_has_no_reply_is_not_sent() {
        let (server, client) = pair();
        let mut batch = Batch::new(512);
        client.send(&[1]).unwrap();
        client.send(&[2]).unwrap();
        assert_eq!(batch.receive(&server).unwrap(), 2);
        batch.received().skip(1).for_each(echo);
        assert_eq!(batch.send(&server), 0);
        assert_eq!(next_reply(&client), [2]);
    }

    #[test]
    fn a_datagram_longer_than_the_buffer_cannot_be_answered() {
        let (server, client) = pair();
        let mut batch = Batch::new(512);
        client.send(&[0; RECEIVE_LEN + 1]).unwrap();
        client.send(&[0; RECEIVE_LEN]).unwrap();
        assert_eq!(batch.receive(&server).unwrap(), 2);
        let usable: Vec<bool> = batch.received().map(|s| s.exchange().is_some()).collect();
        assert_eq!(usable, [false, true]);
    }

    #[test]
    fn a_datagram_from_port_zero_cannot_be_answered() {
        let (server, client) = pair();
        let mut batch = Batch::new(512);
        client.send(&[1]).unwrap();
        assert_eq!(batch.receive(&server).unwrap(), 1);
        batch.slots[0].peer.v4.sin_port = 0;
        assert!(batch.slots[0].exchange().is_none());
    }

    #[test]
    fn an_empty_socket_gives_nothing_after_its_timeout() {
        let (server, _client) = pair();
        server
            .set_read_timeout(Some(std::time::Duration::from_millis(1)))
            .unwrap();
        assert_eq!(Batch::new(512).receive(&server).unwrap(), 0);
    }
}
