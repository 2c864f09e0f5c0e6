//! Taking the listen addresses, for UDP and TCP alike.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use super::udp;

/// Connections that the kernel completes and queues before they are accepted; it allows no more
/// than `net.core.somaxconn`.
const BACKLOG: i32 = 1024;

/// How often a free port is looked for that is free for UDP and TCP.
const FREE_PORT_TRIES: usize = 16;

/// The sockets of one listen address.
pub struct Sockets {
    /// With the port that was taken, where 0 was asked for.
    pub address: SocketAddr,
    /// Non-blocking.
    pub tcp: TcpListener,
    pub udp: Vec<UdpSocket>,
}

/// An address that could not be taken.
#[derive(Debug)]
pub struct BindError {
    pub address: SocketAddr,
    /// "UDP" or "TCP".
    pub transport: &'static str,
    pub source: io::Error,
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Takes `address` with one TCP listener and `udp_sockets` UDP sockets. Port 0 takes a port that is
/// free for both.
///
/// # Errors
/// What the kernel says, with the address, the transport and what helps.
pub fn bind(address: SocketAddr, udp_sockets: usize) -> Result<Sockets, BindError> {
    let tries = if address.port() == 0 {
        FREE_PORT_TRIES
    } else {
        1
    };
    let mut attempt = try_bind(address, udp_sockets);
    for _ in 1..tries {
        match attempt {
            Err(error) if error.source.kind() == io::ErrorKind::AddrInUse => {
                attempt = try_bind(address, udp_sockets);
            }
            done => return done,
        }
    }
    attempt
}

/// TCP first: its port is not shared, so a second server on the same address fails here instead of
/// taking a part of the first one's UDP queries.
fn try_bind(address: SocketAddr, udp_sockets: usize) -> Result<Sockets, BindError> {
    let failed = |transport| {
        move |source| BindError {
            address,
            transport,
            source,
        }
    };
    let tcp = listen(address).map_err(failed("TCP"))?;
    let address = tcp.local_addr().map_err(failed("TCP"))?;
    let udp = (0..udp_sockets)
        .map(|_| udp::bind(address))
        .collect::<io::Result<_>>()
        .map_err(|source| BindError {
            address,
            transport: "UDP",
            source,
        })?;
    Ok(Sockets { address, tcp, udp })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // So that a restart need not wait for the old connections' TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl fmt::Display for BindError {
    /// Which address, for which transport, why not, and what helps.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BindError {
            address,
            transport,
            source,
        } = self;
        write!(
            f,
            "cannot listen on {address} ({transport}): {source}{}",
            self.hint()
        )
    }
}

impl BindError {
    fn hint(&self) -> &'static str {
        let address = self.address;
        match self.source.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) if address.port() < 1024 => {
                "; ports below 1024 need the capability CAP_NET_BIND_SERVICE: start as root, or \
             `setcap cap_net_bind_service=+ep` the binary, or set AmbientCapabilities in its unit"
            }
            Some(libc::EADDRINUSE) => {
                "; another program, or another entry of `listen`, has this address and port"
            }
            Some(libc::EADDRNOTAVAIL) => {
                "; no network interface of this machine has this address (is IPv6 turned off, or the \
             network not up yet?)"
            }
            Some(libc::EAFNOSUPPORT) if address.is_ipv6() => {
                "; this system has no IPv6: take the address out of `listen`"
            }
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_zero_takes_one_port_for_both_transports() {
        let sockets = bind("127.0.0.1:0".parse().unwrap(), 2).unwrap();
        assert_ne!(sockets.address.port(), 0);
        assert_eq!(sockets.tcp.local_addr().unwrap(), sockets.address);
        assert_eq!(sockets.udp.len(), 2);
        for udp in &sockets.udp {
            assert_eq!(udp.local_addr().unwrap(), sockets.address);
        }
    }

    #[test]
    fn an_address_in_use_is_refused_with_address_transport_and_reason() {
        let taken = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
        let error = bind(taken.address, 1).err().unwrap();
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
        let text = error.to_string();
        assert!(
            text.contains(&taken.address.to_string()) && text.contains("(TCP)"),
            "{text}"
        );
        assert!(text.contains("another program"), "{text}");
    }

    #[test]
    fn a_port_whose_udp_side_is_taken_is_refused_with_the_transport() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let error = bind(udp.local_addr().unwrap(), 1).err().unwrap();
        assert!(error.to_string().contains("(UDP)"), "{error}");
    }

    #[test]
    fn a_foreign_address_is_refused_with_the_reason() {
        // RFC 5737: for documentation, so no interface has it.
        let error = bind("192.0.2.1:0".parse().unwrap(), 1).err().unwrap();
        assert!(
            error.to_string().contains("no network interface"),
            "{error}"
        );
    }

    #[test]
    fn errors_name_what_helps() {
        let words = |errno, transport| {
            let source = io::Error::from_raw_os_error(errno);
            BindError {
                address: "[::]:53".parse().unwrap(),
                transport,
                source,
            }
            .to_string()
        };
        let text = words(libc::EACCES, "UDP");
        assert!(
            text.starts_with("cannot listen on [::]:53 (UDP): "),
            "{text}"
        );
        assert!(text.contains("CAP_NET_BIND_SERVICE"), "{text}");
        assert!(words(libc::EAFNOSUPPORT, "TCP").contains("no IPv6"));
    }
}
