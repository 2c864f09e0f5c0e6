//! A UDP socket as an authoritative server wants it.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use super::RECEIVE_TIMEOUT;
use super::batch::set_option;

/// Asked of the kernel for each direction, which gives no more than `net.core.rmem_max` and
/// `wmem_max`. It charges some 800 octets for a short query: over a thousand of them, a few
/// milliseconds of work. A longer queue would only make answers late.
const BUFFER_LEN: usize = 1 << 20;

/// A bound socket, one of several on the same address and port (`SO_REUSEPORT`).
///
/// # Errors
/// What the kernel says.
pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        // `0.0.0.0` and `[::]` side by side, and no IPv4 client in the guise of ::ffff:0:0/96.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(true)?;
    socket.set_recv_buffer_size(BUFFER_LEN)?;
    socket.set_send_buffer_size(BUFFER_LEN)?;
    socket.set_read_timeout(Some(RECEIVE_TIMEOUT))?;
    socket.set_write_timeout(Some(RECEIVE_TIMEOUT))?;
    ignore_path_mtu(&socket, address)?;
    if address.ip().is_unspecified() {
        ask_for_packet_info(&socket, address)?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// No path MTU discovery, and no Don't Fragment bit. A forged ICMP message could else make this
/// server send small fragments, which are the ones that caches are poisoned with (RFC 9715, 1).
/// What keeps answers whole is their size: 1232 octets fit every IPv6 link (1280) and nearly every
/// IPv4 one, and on the odd link that is smaller a fragmented answer is better than a lost one,
/// which is why RFC 9715, 3.1's R2 (set DF) is not followed.
fn ignore_path_mtu(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv4() {
        set_option(
            socket,
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_OMIT,
        )
    } else {
        set_option(
            socket,
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_OMIT,
        )
    }
}

/// Each datagram with the address that it was sent to, so that the reply can leave from there.
fn ask_for_packet_info(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv4() {
        set_option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)
    } else {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)
    }
}
