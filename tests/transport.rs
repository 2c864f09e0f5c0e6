//! How queries come in and answers go out, over UDP and TCP. What the answers say is not the
//! question here: the queries are for a name that no zone has.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use meridian::nameserver::tcp::Limits;
use meridian::nameserver::{Nameserver, Settings};
use meridian::state::feedback::{Counter, Counters};
use meridian::state::{Publisher, Root};

/// So that a test which fails does so by an error, not by hanging.
const GUARD: Duration = Duration::from_secs(20);

const HEADER_LEN: usize = 12;
const QUERIES_PER_WRITE: usize = 1000;

fn settings(listen: &[&str]) -> Settings {
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

fn start_with(settings: Settings) -> Nameserver {
    try_start(settings).unwrap()
}

fn try_start(settings: Settings) -> io::Result<Nameserver> {
    let publisher = Publisher::new(Root {
        generation: 1,
        zones: Arc::default(),
        maps: Arc::new([]),
        pools: Arc::default(),
        health: Arc::default(),
        service: Arc::default(),
    });
    Nameserver::bind(settings)
        .map_err(|e| std::io::Error::new(e.source.kind(), e))?
        .start(publisher.reader())
}

fn start(listen: &str) -> (Nameserver, SocketAddr) {
    let nameserver = start_with(settings(&[listen]));
    let address = nameserver.local_addrs()[0];
    (nameserver, address)
}

fn start_tcp(limits: Limits) -> (Nameserver, SocketAddr) {
    let nameserver = start_with(Settings {
        tcp: limits,
        ..settings(&["127.0.0.1:0"])
    });
    let address = nameserver.local_addrs()[0];
    (nameserver, address)
}

/// Some machines have no IPv6; there is nothing to test on them.
fn has_ipv6() -> bool {
    UdpSocket::bind("[::1]:0").is_ok()
}

/// A query for `no-zone.invalid A`, RFC 1035, 4.1.
fn query(id: u16) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend(b"\x07no-zone\x07invalid\x00\x00\x01\x00\x01");
    message
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = (message.len() as u16).to_be_bytes().to_vec();
    frame.extend(message);
    frame
}

fn framed_queries(ids: std::ops::Range<u16>) -> Vec<u8> {
    ids.flat_map(|id| framed(&query(id))).collect()
}

fn assert_answers(message: &[u8], id: u16) {
    assert!(message.len() >= HEADER_LEN, "{message:?}");
    assert_eq!(message[..2], id.to_be_bytes());
    assert_eq!(message[2] & 0x80, 0x80, "QR is not set: {message:?}");
}

fn udp_client(local: &str, server: SocketAddr) -> UdpSocket {
    let client = UdpSocket::bind(local).unwrap();
    client.set_read_timeout(Some(GUARD)).unwrap();
    // Connected, it takes datagrams from that very address only.
    client.connect(server).unwrap();
    client
}

fn receive_answer(client: &UdpSocket, id: u16) {
    let mut buffer = [0; 4096];
    let len = client.recv(&mut buffer).expect("an answer");
    assert_answers(&buffer[..len], id);
}

fn asks_over_udp(local: &str, server: SocketAddr, id: u16) {
    let client = udp_client(local, server);
    client.send(&query(id)).unwrap();
    receive_answer(&client, id);
}

fn connect(server: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(server).unwrap();
    client.set_read_timeout(Some(GUARD)).unwrap();
    client.set_write_timeout(Some(GUARD)).unwrap();
    client.set_nodelay(true).unwrap();
    client
}

fn connect_from(local: Ipv4Addr, server: SocketAddr) -> TcpStream {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((local, 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.set_read_timeout(Some(GUARD)).unwrap();
    socket.into()
}

fn read_answer(client: &mut TcpStream, id: u16) {
    let mut length = [0; 2];
    client.read_exact(&mut length).expect("an answer's length");
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    client.read_exact(&mut message).expect("an answer");
    assert_answers(&message, id);
}

fn asks_over_tcp(client: &mut TcpStream, id: u16) {
    client.write_all(&framed(&query(id))).unwrap();
    read_answer(client, id);
}

fn assert_closed(client: &mut TcpStream) {
    match client.read(&mut [0; 1]) {
        Ok(0) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        other => panic!("not closed: {other:?}"),
    }
}

fn sum(nameserver: &Nameserver, counter: impl Fn(&Counters) -> &Counter) -> u64 {
    let counters = nameserver.counters();
    counters.iter().map(|c| counter(c).get()).sum()
}

// UDP

#[test]
fn udp_is_answered_on_a_specific_ipv4_address() {
    let (_nameserver, address) = start("127.0.0.1:0");
    asks_over_udp("127.0.0.1:0", address, 0x1234);
}

#[test]
fn udp_is_answered_on_a_specific_ipv6_address() {
    if has_ipv6() {
        let (_nameserver, address) = start("[::1]:0");
        asks_over_udp("[::1]:0", address, 0x1234);
    }
}

#[test]
fn replies_leave_a_wildcard_socket_from_the_address_that_was_asked() {
    let (_nameserver, address) = start("0.0.0.0:0");
    for asked in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] {
        let asked: IpAddr = asked.parse().unwrap();
        asks_over_udp("127.0.0.1:0", SocketAddr::new(asked, address.port()), 7);
    }
}

#[test]
fn both_wildcards_work_side_by_side_on_one_port() {
    if !has_ipv6() {
        return;
    }
    let (first, v4) = start("0.0.0.0:0");
    first.stop(GUARD);
    let port = v4.port();
    let both = [format!("0.0.0.0:{port}"), format!("[::]:{port}")];
    let nameserver = start_with(settings(&[&both[0], &both[1]]));
    assert_eq!(nameserver.local_addrs().len(), 2);
    let local_v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let local_v6 = format!("[::1]:{port}").parse().unwrap();
    asks_over_udp("127.0.0.1:0", local_v4, 4);
    asks_over_udp("[::1]:0", local_v6, 6);
    asks_over_tcp(&mut connect(local_v4), 4);
    asks_over_tcp(&mut connect(local_v6), 6);
}

#[test]
fn every_one_of_many_clients_gets_its_own_answer() {
    let (nameserver, address) = start("127.0.0.1:0");
    let clients: Vec<_> = (0..200)
        .map(|_| udp_client("127.0.0.1:0", address))
        .collect();
    for (id, client) in clients.iter().enumerate() {
        client.send(&query(id as u16)).unwrap();
    }
    for (id, client) in clients.iter().enumerate() {
        receive_answer(client, id as u16);
    }
    nameserver.stop(GUARD);
}

#[test]
fn a_datagram_too_long_for_a_query_is_dropped_and_counted() {
    let (nameserver, address) = start("127.0.0.1:0");
    let client = udp_client("127.0.0.1:0", address);
    client.send(&[0; 5000]).unwrap();
    // From the same port, so to the same thread and after it.
    client.send(&query(1)).unwrap();
    receive_answer(&client, 1);
    assert_eq!(sum(&nameserver, |c| &c.dropped), 1);
}

#[test]
fn what_is_no_query_is_not_answered_and_does_not_hurt() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let client = udp_client("127.0.0.1:0", address);
    client.send(&[]).unwrap();
    client.send(&[1, 2, 3]).unwrap();
    client.send(&query(2)).unwrap();
    receive_answer(&client, 2);
}

// TCP

#[test]
fn tcp_is_answered_on_the_same_port_as_udp() {
    let (_nameserver, address) = start("127.0.0.1:0");
    asks_over_udp("127.0.0.1:0", address, 1);
    let mut client = connect(address);
    asks_over_tcp(&mut client, 2);
    asks_over_tcp(&mut client, 3);
}

#[test]
fn pipelined_queries_in_one_segment_are_answered_in_order() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut client = connect(address);
    client.write_all(&framed_queries(0..20)).unwrap();
    for id in 0..20 {
        read_answer(&mut client, id);
    }
}

#[test]
fn thousands_of_pipelined_queries_are_answered_in_order() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut reader = connect(address);
    let mut writer = reader.try_clone().unwrap();
    let sent = std::thread::spawn(move || writer.write_all(&framed_queries(0..5000)));
    for id in 0..5000 {
        read_answer(&mut reader, id);
    }
    sent.join().unwrap().unwrap();
}

#[test]
fn queries_may_come_an_octet_at_a_time() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut client = connect(address);
    for octet in framed_queries(0..3) {
        client.write_all(&[octet]).unwrap();
    }
    for id in 0..3 {
        read_answer(&mut client, id);
    }
}

#[test]
fn a_query_cut_by_a_segment_is_put_together() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut client = connect(address);
    let stream = framed_queries(0..2);
    let (first, second) = stream.split_at(stream.len() - 5);
    client.write_all(first).unwrap();
    read_answer(&mut client, 0);
    client.write_all(second).unwrap();
    read_answer(&mut client, 1);
}

#[test]
fn the_longest_message_is_taken() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut client = connect(address);
    let mut longest = query(9);
    longest.resize(usize::from(u16::MAX), 0);
    client.write_all(&framed(&longest)).unwrap();
    read_answer(&mut client, 9);
    asks_over_tcp(&mut client, 10);
}

#[test]
fn a_length_below_a_header_ends_the_connection_after_the_answers_before_it() {
    let (_nameserver, address) = start("127.0.0.1:0");
    for length in [0, 11] {
        let mut client = connect(address);
        let mut stream = framed_queries(0..2);
        stream.extend([0, length]);
        client.write_all(&stream).unwrap();
        read_answer(&mut client, 0);
        read_answer(&mut client, 1);
        assert_closed(&mut client);
    }
}

#[test]
fn a_half_closed_connection_gets_its_answers_before_it_ends() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut client = connect(address);
    client.write_all(&framed_queries(0..5)).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    for id in 0..5 {
        read_answer(&mut client, id);
    }
    assert_closed(&mut client);
}

#[test]
fn an_idle_connection_is_closed() {
    let (_nameserver, address) = start_tcp(Limits {
        connections_max: 10,
        per_client_max: 10,
        idle_timeout: Duration::from_millis(50),
    });
    let mut silent = connect(address);
    assert_closed(&mut silent);
    let mut halfway = connect(address);
    halfway.write_all(&framed_queries(0..1)[..10]).unwrap();
    assert_closed(&mut halfway);
}

#[test]
fn a_client_that_takes_no_answers_is_cut_off() {
    let (_nameserver, address) = start_tcp(Limits {
        connections_max: 10,
        per_client_max: 10,
        idle_timeout: Duration::from_millis(50),
    });
    let mut greedy = connect(address);
    let queries = framed_queries(0..QUERIES_PER_WRITE as u16);
    let error = loop {
        if let Err(error) = greedy.write_all(&queries) {
            break error;
        }
    };
    // Neither may be: a write timeout, which would mean that the server holds on for ever.
    let cut = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
    assert!(cut.contains(&error.kind()), "{error}");
}

#[test]
fn a_client_over_its_share_of_connections_is_refused_and_others_are_not() {
    let (nameserver, address) = start_tcp(Limits {
        connections_max: 100,
        per_client_max: 2,
        idle_timeout: GUARD,
    });
    let mut first = connect(address);
    asks_over_tcp(&mut first, 1);
    let mut second = connect(address);
    asks_over_tcp(&mut second, 2);
    assert_closed(&mut connect(address));
    assert_eq!(sum(&nameserver, |c| &c.connections_refused), 1);
    asks_over_tcp(&mut connect_from(Ipv4Addr::new(127, 0, 0, 2), address), 3);
    asks_over_tcp(&mut first, 4);
}

#[test]
fn past_the_limit_a_new_connection_takes_the_place_of_the_one_idle_longest() {
    let (nameserver, address) = start_tcp(Limits {
        connections_max: 2,
        per_client_max: 100,
        idle_timeout: GUARD,
    });
    let mut first = connect(address);
    asks_over_tcp(&mut first, 1);
    let mut second = connect(address);
    asks_over_tcp(&mut second, 2);
    asks_over_tcp(&mut first, 3);
    let mut third = connect(address);
    asks_over_tcp(&mut third, 4);
    assert_closed(&mut second);
    asks_over_tcp(&mut first, 5);
    assert_eq!(sum(&nameserver, |c| &c.connections_evicted), 1);
    assert_eq!(sum(&nameserver, |c| &c.connections_refused), 0);
}

// Start and stop

#[test]
fn an_address_in_use_is_refused_before_anything_runs() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let again = settings(&["127.0.0.1:0", &address.to_string()]);
    let error = try_start(again).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[test]
fn stop_ends_every_thread_and_gives_the_addresses_back() {
    let (nameserver, address) = start("127.0.0.1:0");
    asks_over_udp("127.0.0.1:0", address, 1);
    let mut idle = connect(address);
    asks_over_tcp(&mut idle, 2);
    nameserver.stop(GUARD);
    assert_closed(&mut idle);
    TcpListener::bind(address).unwrap();
    UdpSocket::bind(address).unwrap();
}

#[test]
fn stop_answers_what_has_arrived() {
    let (nameserver, address) = start("127.0.0.1:0");
    let mut stream = connect(address);
    asks_over_tcp(&mut stream, 0);
    let clients: Vec<_> = (0..50)
        .map(|_| udp_client("127.0.0.1:0", address))
        .collect();
    for (id, client) in clients.iter().enumerate() {
        client.send(&query(id as u16)).unwrap();
    }
    stream.write_all(&framed_queries(1..10)).unwrap();
    nameserver.stop(GUARD);
    for (id, client) in clients.iter().enumerate() {
        receive_answer(client, id as u16);
    }
    for id in 1..10 {
        read_answer(&mut stream, id);
    }
    assert_closed(&mut stream);
}

#[test]
fn stop_does_not_wait_for_a_client_that_takes_no_answers() {
    let (nameserver, address) = start("127.0.0.1:0");
    let mut greedy = connect(address);
    greedy
        .set_write_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let queries = framed_queries(0..QUERIES_PER_WRITE as u16);
    while greedy.write_all(&queries).is_ok() {}
    nameserver.stop(Duration::ZERO);
    TcpListener::bind(address).unwrap();
}
