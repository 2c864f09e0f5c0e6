//! How queries come in and answers go out, over UDP and TCP. What the RFCs say of TCP is tested in
//! `conformance`.

#[path = "loopback/mod.rs"]
mod loopback;

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use loopback::*;

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
