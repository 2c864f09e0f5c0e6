//! RFC 7828: The edns-tcp-keepalive EDNS0 option.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::loopback::{self, Limits};
use crate::*;

const KEEPALIVE: u16 = 11;

fn patient() -> Server {
    let mut server = server();
    server.set_idle_timeout(0x0123);
    server
}

#[test]
fn section_3_3_2_who_asks_over_tcp_is_told_the_time_out() {
    let reply = patient().ask(&gslb("mail", "A").option(KEEPALIVE, &[]).tcp());
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.option(KEEPALIVE), Some(vec![1, 0x23]));
    let reply = patient().ask(&gslb("mail", "A").edns().tcp());
    assert_eq!(reply.option(KEEPALIVE), None);
}

#[test]
fn section_3_3_1_over_udp_it_is_ignored() {
    for data in [&[][..], &[0, 9], b"?"] {
        let reply = patient().ask(&gslb("mail", "A").option(KEEPALIVE, data));
        assert_eq!(reply.rcode(), "NOERROR");
        assert_eq!(reply.option(KEEPALIVE), None);
    }
}

#[test]
fn section_3_2_1_a_client_that_says_a_time_out_itself_is_in_error() {
    for data in [&[0, 9][..], b"?", b"???"] {
        let query = gslb("mail", "A").option(KEEPALIVE, data).tcp();
        let reply = patient().ask(&query);
        assert_eq!(reply.rcode(), "FORMERR");
        assert_eq!(reply.answers(), [""; 0]);
        assert_eq!(reply.option(KEEPALIVE), None);
    }
}

/// A query for a name of nobody's that asks for the time-out.
fn asking(id: u16) -> Vec<u8> {
    let mut message = loopback::query(id);
    message[11] = 1;
    message.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0\x04\0\x0b\0\0");
    loopback::framed(&message)
}

/// What the next answer says, in units of 100 ms.
fn read_told(client: &mut TcpStream, id: u16) -> u16 {
    let answer = loopback::read_answer(client, id);
    let at = answer
        .windows(4)
        .position(|w| w == [0, KEEPALIVE as u8, 0, 2]);
    let value = at.expect("the option") + 4;
    u16::from_be_bytes([answer[value], answer[value + 1]])
}

fn told(client: &mut TcpStream) -> u16 {
    client.write_all(&asking(1)).unwrap();
    read_told(client, 1)
}

#[test]
fn section_3_4_the_fewer_connections_are_left_the_shorter_is_the_time_out() {
    let (_nameserver, address) = loopback::start_tcp(Limits {
        connections_max: 8,
        per_client_max: 8,
        idle_timeout: Duration::from_secs(20),
    });
    let mut clients = Vec::new();
    for taken in 1..=8 {
        clients.push(loopback::connect(address));
        let told = told(clients.last_mut().unwrap());
        assert_eq!(told, if taken > 6 { 50 } else { 200 }, "{taken}");
    }
}

#[test]
fn section_3_4_a_server_that_stops_asks_its_clients_to_close() {
    let (nameserver, address) = loopback::start("127.0.0.1:0");
    let mut client = loopback::connect(address);
    assert_eq!(told(&mut client), 200);
    // So much that the server cannot send all answers before they are taken.
    client
        .set_write_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut sent = 0u32;
    while client.write_all(&asking(sent as u16)).is_ok() {
        sent += 1;
    }
    let stopping = thread::spawn(move || nameserver.stop(loopback::GUARD));
    while TcpStream::connect(address).is_ok() {}
    // Queries may still be under way when the server closes, but what it has sent arrives.
    let mut told = Vec::new();
    while client.peek(&mut [0]).expect("no reset") > 0 {
        told.push(read_told(&mut client, told.len() as u16));
    }
    assert_eq!(told.last(), Some(&0), "of {sent}: {}", told.len());
    drop(client);
    stopping.join().unwrap();
}
