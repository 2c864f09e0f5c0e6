//! Reads addresses, ports and prefixes.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::At;
use super::reader::{Reader, Value, quoted};
use super::scalar::{integer, text};
use crate::model::Destination;

/// An address that a client can be sent to, with a port of its own or without.
pub(super) fn endpoint_destination(reader: &mut Reader, value: &Value) -> Option<Destination> {
    const EXPECTED: &str =
        "an address such as \"192.0.2.1\", \"2001:db8::1\" or \"192.0.2.1:8080\"";
    let text = text(reader, value, EXPECTED)?;
    let destination = Destination::parse(text);
    let address = destination.as_ref().and_then(Destination::address);
    let (Some(destination), Some(address)) = (destination, address) else {
        let has_port_0 = text.parse::<SocketAddr>().is_ok();
        let help = has_port_0.then(|| "expected a port from 1 to 65535".to_owned());
        let message = format!("expected {EXPECTED}, found {}", quoted(text));
        reader.error(value.span(), message, help);
        return None;
    };
    if !is_for_clients(address) {
        let is_mapped = is_mapped(address);
        let message = format!("{address} is no address that a client can connect to");
        let help = is_mapped.then(|| format!("did you mean \"{}\"?", address.to_canonical()));
        reader.error(value.span(), message, help);
        return None;
    }
    Some(destination)
}

/// Whether a client can connect to the address at all.
pub fn is_for_clients(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || is_broadcast || is_mapped(address))
}

/// An IPv4 address as IPv6 sockets show it.
fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
}

/// An address and a port, such as "127.0.0.1:53" or "[::1]:53". Port 0 only if `any_port`.
pub(super) fn socket(reader: &mut Reader, value: &Value, any_port: bool) -> Option<SocketAddr> {
    const EXPECTED: &str = "an address and a port such as \"192.0.2.1:53\" or \"[2001:db8::1]:53\"";
    let text = text(reader, value, EXPECTED)?;
    let Ok(socket) = text.parse::<SocketAddr>() else {
        let help = text.parse::<IpAddr>().ok().map(|address| {
            let with_port = SocketAddr::new(address, 53);
            format!("write the port too, as in \"{with_port}\"")
        });
        let message = format!("expected {EXPECTED}, found {}", quoted(text));
        reader.error(value.span(), message, help);
        return None;
    };
    if socket.port() == 0 && !any_port {
        let message = "port 0 cannot be connected to";
        let help = "expected a port from 1 to 65535".to_owned();
        reader.error(value.span(), message, Some(help));
        return None;
    }
    Some(socket)
}

/// A port that can be connected to.
pub(super) fn port(reader: &mut Reader, value: &Value) -> Option<u16> {
    integer(reader, value, 1..=u16::MAX)
}

/// A prefix in CIDR notation without host bits.
pub(super) fn prefix(reader: &mut Reader, value: &Value) -> Option<At<IpNet>> {
    const EXPECTED: &str = "a prefix such as \"203.0.113.0/24\" or \"2001:db8::/48\"";
    let text = text(reader, value, EXPECTED)?;
    let Ok(net) = text.parse::<IpNet>() else {
        let message = format!("expected {EXPECTED}, found {}", quoted(text));
        let help = text
            .parse::<IpAddr>()
            .ok()
            .map(|address| format!("did you mean \"{}\"?", IpNet::from(address)));
        reader.error(value.span(), message, help);
        return None;
    };
    without_host_bits(reader, value, net).map(|net| reader.at(net, value.span()))
}

/// A prefix, unless bits past its length are set: then it is not clear what was meant.
pub(super) fn without_host_bits(reader: &mut Reader, value: &Value, net: IpNet) -> Option<IpNet> {
    if net != net.trunc() {
        let message = format!("{net} has host bits set");
        let help = format!("did you mean {}?", net.trunc());
        reader.error(value.span(), message, Some(help));
        return None;
    }
    Some(net)
}
