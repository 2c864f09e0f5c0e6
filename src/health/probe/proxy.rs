//! The header of the PROXY protocol (haproxy.org, proxy-protocol.txt, revision 2020-03-05).

use std::net::SocketAddr;

use crate::config::ProxyProtocol;

const V2_SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// What says that a connection is from `own`. Version 2 has a command for connections that a proxy makes for
/// itself, such as health checks: LOCAL, without addresses.
pub fn header(version: ProxyProtocol, own: SocketAddr, address: SocketAddr) -> Vec<u8> {
    match version {
        ProxyProtocol::V1 => {
            let family = if own.is_ipv4() { "TCP4" } else { "TCP6" };
            let (from, to) = (own.ip(), address.ip());
            let (from_port, to_port) = (own.port(), address.port());
            format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n").into_bytes()
        }
        ProxyProtocol::V2 => {
            // Version 2, LOCAL; unspecified family and protocol; no addresses follow.
            let rest = [0x20, 0x00, 0x00, 0x00];
            [V2_SIGNATURE.as_slice(), &rest].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_is_a_line_with_the_ends_of_the_connection() {
        let line = |own: &str, address: &str| {
            let parse = |text: &str| text.parse().expect("an address");
            let header = header(ProxyProtocol::V1, parse(own), parse(address));
            String::from_utf8(header).expect("text")
        };
        assert_eq!(
            line("192.0.2.1:4000", "192.0.2.2:80"),
            "PROXY TCP4 192.0.2.1 192.0.2.2 4000 80\r\n"
        );
        assert_eq!(
            line("[2001:db8::1]:4000", "[2001:db8::2]:80"),
            "PROXY TCP6 2001:db8::1 2001:db8::2 4000 80\r\n"
        );
    }
}
