//! How queries come in and answers go out, over UDP and TCP. What the RFCs say of TCP is tested in
//! `conformance`.

#[path = "loopback/mod.rs"]
mod loopback;

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use loopback::*;
use meridian::prefix_table::NetworkSet;
use meridian::state::Service;
use meridian::state::rate_table::{Pace, RateTable};
use meridian::state::traffic::RateLimit;

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

// Rate limits

/// One error a second for each /24, and who is held back is told to use TCP.
fn strict() -> Service {
    let limit = RateLimit {
        responses: None,
        referrals: None,
        negatives: None,
        errors: Some(Pace::new(1, Duration::from_secs(3600))),
        slip: 1,
        ipv4_mask: 0xffff_ff00,
        ipv6_mask: u128::MAX << 72,
        exempt: NetworkSet::new([(IpAddr::from([127, 0, 9, 0]), 24)]),
        dry_run: false,
        table: RateTable::new(1000),
    };
    let mut service = Service::default();
    service.traffic.rate_limit = Some(limit);
    service
}

/// Asks so many times, from a new port each time, so that every thread gets its share; how many of the
/// answers are whole.
fn whole_answers(local: &str, server: SocketAddr, times: u16) -> u64 {
    let answers = (0..times).map(|id| {
        let client = udp_client(local, server);
        client.send(&query(id)).unwrap();
        receive_answer(&client, id)
    });
    let whole = answers.filter(|answer| answer[2] & 0x02 == 0);
    whole.count() as u64
}

#[test]
fn a_rate_is_the_servers_whichever_thread_a_query_comes_to() {
    let nameserver = serve(settings(&["127.0.0.1:0"]), strict()).unwrap();
    let address = nameserver.local_addrs()[0];
    let start = Instant::now();
    let whole = whole_answers("127.0.0.1:0", address, 200);
    let most = 1 + start.elapsed().as_secs() + 1;
    assert!((1..=most).contains(&whole), "{whole} of at most {most}");
    let slipped = sum(&nameserver, |c| &c.limited_slipped);
    assert_eq!(slipped, 200 - whole);
    assert_eq!(sum(&nameserver, |c| &c.limited_dropped), 0);
    // What was held back can be had over TCP.
    asks_over_tcp(&mut connect(address), 1);
}

#[test]
fn one_networks_flood_is_no_others_loss() {
    let nameserver = serve(settings(&["127.0.0.1:0"]), strict()).unwrap();
    let address = nameserver.local_addrs()[0];
    whole_answers("127.0.0.1:0", address, 100);
    for network in 1..9 {
        let local = format!("127.0.{network}.1:0");
        assert_eq!(whole_answers(&local, address, 1), 1, "{local}");
    }
    assert_eq!(whole_answers("127.0.9.1:0", address, 100), 100);
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
    let error = try_start(again).err().unwrap();
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
