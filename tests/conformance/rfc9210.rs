//! RFC 9210: DNS over TCP, for operators.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::loopback::*;

fn limited_to(connections_max: u32) -> Limits {
    Limits {
        connections_max,
        per_client_max: 1000,
        idle_timeout: GUARD,
    }
}

#[test]
fn section_3_udp_and_tcp_are_served_alike() {
    let (_nameserver, address) = start("127.0.0.1:0");
    asks_over_udp("127.0.0.1:0", address, 1);
    asks_over_tcp(&mut connect(address), 2);
}

#[test]
fn section_4_1_past_the_limit_a_newcomer_takes_the_place_of_the_idlest() {
    let (nameserver, address) = start_tcp(limited_to(2));
    assert_newcomer_takes_the_place_of_the_idlest(&nameserver, address);
}

#[test]
fn section_4_1_silent_connections_keep_no_newcomer_out() {
    let (nameserver, address) = start_tcp(limited_to(300));
    let _silent: Vec<_> = (0..400)
        .map(|n| connect_from(loopback(n), address))
        .collect();
    for n in 400..450 {
        asks_over_tcp(&mut connect_from(loopback(n), address), n);
    }
    assert_eq!(sum(&nameserver, |c| &c.connections_refused), 0);
}

/// An address of 127.0.0.0/8 for each number.
fn loopback(n: u16) -> Ipv4Addr {
    let [high, low] = n.to_be_bytes();
    Ipv4Addr::new(127, 0, 1 + high, low.max(1))
}

#[test]
fn section_4_1_connections_that_take_no_answers_keep_no_newcomer_out() {
    let (nameserver, address) = start_tcp(limited_to(3));
    let _greedy: Vec<_> = (0..3).map(|_| stuck(address)).collect();
    for id in 0..3 {
        asks_over_tcp(&mut connect(address), id);
    }
    assert_eq!(sum(&nameserver, |c| &c.connections_refused), 0);
}

/// A connection on which the server waits for its answers to be taken.
fn stuck(address: SocketAddr) -> TcpStream {
    use std::io::Write;
    let mut client = connect(address);
    client
        .set_write_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let queries = framed_queries(0..QUERIES_PER_WRITE as u16);
    while client.write_all(&queries).is_ok() {}
    client
}

#[test]
fn section_4_2_connections_that_ask_are_kept_while_others_come_and_go() {
    let (_nameserver, address) = start_tcp(limited_to(10));
    let mut regular = connect(address);
    for id in 0..50 {
        asks_over_tcp(&mut regular, id);
        asks_over_tcp(&mut connect(address), id);
    }
}

#[test]
fn section_4_3_clients_that_are_gone_leave_their_place() {
    // Fewer places than clients that come and go, and far more than can be between the two at a time.
    let (nameserver, address) = start_tcp(Limits {
        connections_max: 100,
        per_client_max: 100,
        idle_timeout: GUARD,
    });
    for id in 0..500 {
        asks_over_tcp(&mut connect(address), id);
    }
    let mut last = connect(address);
    asks_over_tcp(&mut last, 1);
    assert_eq!(sum(&nameserver, |c| &c.connections_evicted), 0);
    assert_eq!(sum(&nameserver, |c| &c.connections_refused), 0);
}
