//! A nameserver on loopback, and clients of it. What answers say is not the question here: the queries
//! are for a name that no zone has.
#![allow(dead_code)] // Each test program uses its part.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

pub use meridian::nameserver::tcp::Limits;
use meridian::nameserver::{Nameserver, Settings};
use meridian::state::feedback::{Counter, Counters};
use meridian::state::{Publisher, Root, Service};

/// So that a test which fails does so by an error, not by hanging.
pub const GUARD: Duration = Duration::from_secs(20);

pub const HEADER_LEN: usize = 12;
pub const QUERIES_PER_WRITE: usize = 1000;

pub fn settings(listen: &[&str]) -> Settings {
    Settings {
        listen: listen.iter().map(|text| text.parse().unwrap()).collect(),
        udp_threads: Some(2),
        udp_payload_max: 1232,
        tcp: Limits {
            connections_max: 100,
            per_client_max: 100,
            idle_timeout: GUARD,
        },
        seed: Some(1),
        samples: None,
    }
}

pub fn start_with(settings: Settings) -> Nameserver {
    try_start(settings).unwrap()
}

pub fn try_start(settings: Settings) -> io::Result<Nameserver> {
    serve(settings, Service::default())
}

/// With what holds for the whole server.
pub fn serve(settings: Settings, service: Service) -> io::Result<Nameserver> {
    let publisher = Publisher::new(Root {
        generation: 1,
        zones: Arc::default(),
        maps: Arc::new([]),
        pools: Arc::default(),
        health: Arc::default(),
        service: Arc::new(service),
        forwarding: Arc::default(),
    });
    Nameserver::bind(settings)
        .map_err(|e| std::io::Error::new(e.source.kind(), e))?
        .start(publisher.reader())
}

pub fn start(listen: &str) -> (Nameserver, SocketAddr) {
    let nameserver = start_with(settings(&[listen]));
    let address = nameserver.local_addrs()[0];
    (nameserver, address)
}

pub fn start_tcp(limits: Limits) -> (Nameserver, SocketAddr) {
    let nameserver = start_with(Settings {
        tcp: limits,
        ..settings(&["127.0.0.1:0"])
    });
    let address = nameserver.local_addrs()[0];
    (nameserver, address)
}

/// Some machines have no IPv6; there is nothing to test on them.
pub fn has_ipv6() -> bool {
    UdpSocket::bind("[::1]:0").is_ok()
}

/// A query for `no-zone.invalid A`, RFC 1035, 4.1.
pub fn query(id: u16) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend(b"\x07no-zone\x07invalid\x00\x00\x01\x00\x01");
    message
}

pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = (message.len() as u16).to_be_bytes().to_vec();
    frame.extend(message);
    frame
}

pub fn framed_queries(ids: std::ops::Range<u16>) -> Vec<u8> {
    ids.flat_map(|id| framed(&query(id))).collect()
}

pub fn assert_answers(message: &[u8], id: u16) {
    assert!(message.len() >= HEADER_LEN, "{message:?}");
    assert_eq!(message[..2], id.to_be_bytes());
    assert_eq!(message[2] & 0x80, 0x80, "QR is not set: {message:?}");
}

pub fn udp_client(local: &str, server: SocketAddr) -> UdpSocket {
    let client = UdpSocket::bind(local).unwrap();
    client.set_read_timeout(Some(GUARD)).unwrap();
    // Connected, it takes datagrams from that very address only.
    client.connect(server).unwrap();
    client
}

pub fn receive_answer(client: &UdpSocket, id: u16) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let len = client.recv(&mut buffer).expect("an answer");
    assert_answers(&buffer[..len], id);
    buffer[..len].to_vec()
}

pub fn asks_over_udp(local: &str, server: SocketAddr, id: u16) {
    let client = udp_client(local, server);
    client.send(&query(id)).unwrap();
    receive_answer(&client, id);
}

pub fn connect(server: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(server).unwrap();
    client.set_read_timeout(Some(GUARD)).unwrap();
    client.set_write_timeout(Some(GUARD)).unwrap();
    client.set_nodelay(true).unwrap();
    client
}

pub fn connect_from(local: Ipv4Addr, server: SocketAddr) -> TcpStream {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((local, 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.set_read_timeout(Some(GUARD)).unwrap();
    socket.into()
}

pub fn read_answer(client: &mut TcpStream, id: u16) -> Vec<u8> {
    let mut length = [0; 2];
    client.read_exact(&mut length).expect("an answer's length");
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    client.read_exact(&mut message).expect("an answer");
    assert_answers(&message, id);
    message
}

pub fn asks_over_tcp(client: &mut TcpStream, id: u16) {
    client.write_all(&framed(&query(id))).unwrap();
    read_answer(client, id);
}

pub fn assert_closed(client: &mut TcpStream) {
    match client.read(&mut [0; 1]) {
        Ok(0) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        other => panic!("not closed: {other:?}"),
    }
}

/// With room for two connections: a third takes the place of the one that has waited longest.
#[track_caller]
pub fn assert_newcomer_takes_the_place_of_the_idlest(nameserver: &Nameserver, address: SocketAddr) {
    let mut first = connect(address);
    asks_over_tcp(&mut first, 1);
    let mut second = connect(address);
    asks_over_tcp(&mut second, 2);
    asks_over_tcp(&mut first, 3);
    let mut third = connect(address);
    asks_over_tcp(&mut third, 4);
    assert_closed(&mut second);
    asks_over_tcp(&mut first, 5);
    assert_eq!(sum(nameserver, |c| &c.connections_evicted), 1);
    assert_eq!(sum(nameserver, |c| &c.connections_refused), 0);
}

pub fn sum(nameserver: &Nameserver, counter: impl Fn(&Counters) -> &Counter) -> u64 {
    let counters = nameserver.counters();
    counters.iter().map(|c| counter(c).get()).sum()
}
