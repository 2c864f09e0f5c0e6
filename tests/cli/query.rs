//! Queries over UDP and TCP.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use ipnet::IpNet;
use meridian::dns::{MESSAGE_LEN_MAX, Name, query, rtype};
use meridian::testing::Answer;

const PATIENCE: Duration = Duration::from_secs(30);
pub const EUROPE: &str = "193.0.0.0/24";
pub const AMERICA: &str = "8.8.8.0/24";
pub const ASIA: &str = "203.119.0.0/24";

fn a_query(name: &str, subnet: &str) -> Vec<u8> {
    let subnet: IpNet = subnet.parse().unwrap();
    let name = Name::parse(name).unwrap();
    query::compose(
        77,
        &name,
        rtype::A,
        Some((subnet.addr(), subnet.prefix_len())),
    )
}

/// Asks for the addresses of `name` over UDP, as a client in `subnet`.
pub fn ask(server: SocketAddr, name: &str, subnet: &str) -> Answer {
    let socket = UdpSocket::bind((server.ip(), 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(server).unwrap();
    socket.send(&a_query(name, subnet)).unwrap();
    let mut reply = vec![0; MESSAGE_LEN_MAX];
    let length = socket.recv(&mut reply).unwrap();
    reply.truncate(length);
    Answer::decode(reply).unwrap()
}

/// The same over TCP.
pub fn ask_tcp(server: SocketAddr, name: &str, subnet: &str) -> Answer {
    Answer::decode(exchange_tcp(server, &a_query(name, subnet))).unwrap()
}

/// The reply to a message over TCP.
pub fn exchange_tcp(server: SocketAddr, message: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend(message);
    stream.write_all(&framed).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).unwrap();
    reply
}

/// The addresses in an answer, sorted.
pub fn sorted(answer: &Answer) -> Vec<String> {
    let mut addresses: Vec<_> = answer.addresses.iter().map(IpAddr::to_string).collect();
    addresses.sort();
    addresses
}
