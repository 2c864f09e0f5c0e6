//! How far away is a client?

use std::net::IpAddr;
use std::time::Duration;

use nix::sys::socket::getsockopt;
use nix::{getsockopt_impl, sockopt_impl};
use tokio::net::TcpStream;

use super::worker::Worker;

sockopt_impl!(
    /// What the kernel knows of a connection.
    TcpInfo,
    GetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    libc::tcp_info
);

/// Remembers the round-trip time of a connection that was just accepted. The kernel measured it once by then, from its
/// SYN-ACK to the client's ACK, which clients send at once: later measures have the client's delayed acknowledgements
/// and its queues in them.
pub(super) fn note(worker: &Worker, stream: &TcpStream, client: IpAddr) {
    let Ok(info) = getsockopt(stream, TcpInfo) else {
        return;
    };
    if info.tcpi_rtt > 0 {
        let rtt = Duration::from_micros(info.tcpi_rtt.into());
        worker.root.load_full().forwarding.rtts.add(client, rtt);
    }
}
