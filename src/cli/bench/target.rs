//! Where a load may go.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Refuses what would leave this machine. An address of its own stays: the kernel takes such packets over
/// loopback, whatever interface the address is on. That a network namespace is another one than usual
/// proves nothing, since every container has one from which it reaches the world.
///
/// # Errors
/// In words.
pub fn permit(target: SocketAddr, allow_remote: bool) -> Result<(), String> {
    if target.ip().is_unspecified() || target.ip().is_multicast() || target.port() == 0 {
        return Err(format!("{target} is no address of a server"));
    }
    if allow_remote || is_here(target) {
        return Ok(());
    }
    Err(format!(
        "{target} is not on this machine. Only load a server that is yours; with --allow-remote \
         it is loaded wherever it is"
    ))
}

/// Whether packets to `target` stay on this machine: they go out from the address that they go to.
fn is_here(target: SocketAddr) -> bool {
    let any: SocketAddr = match target {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let source = || {
        let socket = UdpSocket::bind(any)?;
        socket.connect(target)?;
        socket.local_addr()
    };
    target.ip().is_loopback() || source().is_ok_and(|source| source.ip() == target.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_this_machine_takes_a_word() {
        let permit = |target: &str, allow| permit(target.parse().unwrap(), allow);
        for here in ["127.0.0.1:53", "127.9.9.9:5300", "[::1]:53"] {
            permit(here, false).unwrap();
        }
        for remote in ["192.0.2.1:53", "198.18.0.1:53", "[2001:db8::1]:53"] {
            let refused = permit(remote, false).unwrap_err();
            assert!(refused.contains("--allow-remote"), "{refused}");
            permit(remote, true).unwrap();
        }
        for none in ["0.0.0.0:53", "[::]:53", "224.0.0.1:53", "127.0.0.1:0"] {
            assert!(permit(none, true).is_err(), "{none}");
        }
    }
}
