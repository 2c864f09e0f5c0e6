//! Queries to the wire, for the tools that ask: explain, the demo's tour, test servers.

use std::net::IpAddr;

use super::edns::{SUBNET_LEN_MAX, SubnetOption};
use super::{HEADER_LEN, Name, class, rtype};

/// The message that asks for `name` and `qtype`, with an OPT record that carries the client subnet if
/// there is one (address and SOURCE PREFIX-LENGTH; bits past it are cleared).
pub fn compose(id: u16, name: &Name, qtype: u16, subnet: Option<(IpAddr, u8)>) -> Vec<u8> {
    match subnet {
        Some(_) => compose_edns(id, name, qtype, subnet),
        None => question(id, name, qtype),
    }
}

/// The same, with an OPT record in any case.
pub fn compose_edns(id: u16, name: &Name, qtype: u16, subnet: Option<(IpAddr, u8)>) -> Vec<u8> {
    let option = subnet.map(|(address, source)| SubnetOption::new(address, source));
    let len = option.map_or(0, |option| option.wire_len());
    let mut message = question(id, name, qtype);
    message[11] = 1;
    message.push(0);
    message.extend_from_slice(&rtype::OPT.to_be_bytes());
    message.extend_from_slice(&u16::MAX.to_be_bytes());
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(&(len as u16).to_be_bytes());
    if let Some(option) = option {
        let mut wire = [0; SUBNET_LEN_MAX];
        option.compose(0, &mut wire);
        message.extend_from_slice(&wire[..len]);
    }
    message
}

fn question(id: u16, name: &Name, qtype: u16) -> Vec<u8> {
    let mut message = vec![0; HEADER_LEN];
    message[..2].copy_from_slice(&id.to_be_bytes());
    message[5] = 1;
    message.extend_from_slice(name.as_wire());
    message.extend_from_slice(&qtype.to_be_bytes());
    message.extend_from_slice(&class::IN.to_be_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::QueryName;
    use crate::dns::parse::parse;

    #[test]
    fn what_is_composed_parses() {
        let name = Name::parse("www.example.com").unwrap();
        let message = compose(
            7,
            &name,
            rtype::AAAA,
            Some(("193.0.0.77".parse().unwrap(), 20)),
        );
        let parsed = parse(&message, &mut QueryName::default()).unwrap();
        let subnet = parsed.edns.unwrap().subnet.unwrap();
        assert_eq!(parsed.qtype, rtype::AAAA);
        assert_eq!(
            (subnet.address.to_string(), subnet.source),
            ("193.0.0.0".to_owned(), 20)
        );
        assert!(
            parse(
                &compose(7, &name, rtype::A, None),
                &mut QueryName::default()
            )
            .unwrap()
            .edns
            .is_none()
        );
        let message = compose_edns(7, &name, rtype::A, None);
        let edns = parse(&message, &mut QueryName::default()).unwrap().edns;
        assert_eq!(edns.unwrap().subnet, None);
    }
}
