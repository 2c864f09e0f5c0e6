//! RFC 7766: DNS over TCP, for implementations.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use crate::loopback::*;

#[test]
fn section_5_tcp_is_served_without_udp_before_it() {
    let (_nameserver, address) = start("127.0.0.1:0");
    asks_over_tcp(&mut connect(address), 1);
}

#[test]
fn section_6_2_1_a_connection_serves_any_number_of_queries() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut client = connect(address);
    for id in 0..50 {
        asks_over_tcp(&mut client, id);
    }
}

#[test]
fn section_6_2_1_1_pipelined_queries_in_one_segment_are_all_answered() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut client = connect(address);
    client.write_all(&framed_queries(0..20)).unwrap();
    for id in 0..20 {
        read_answer(&mut client, id);
    }
}

#[test]
fn section_6_2_1_1_thousands_of_pipelined_queries_are_all_answered() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut reader = connect(address);
    let mut writer = reader.try_clone().unwrap();
    let sent = thread::spawn(move || writer.write_all(&framed_queries(0..5000)));
    for id in 0..5000 {
        read_answer(&mut reader, id);
    }
    sent.join().unwrap().unwrap();
}

#[test]
fn section_6_2_2_a_client_may_have_several_connections() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut clients: Vec<_> = (0..20).map(|_| connect(address)).collect();
    for round in 0..3 {
        for client in &mut clients {
            asks_over_tcp(client, round);
        }
    }
}

#[test]
fn section_6_2_2_a_client_past_its_share_gives_up_its_idlest_and_others_keep_theirs() {
    let (nameserver, address) = start_tcp(Limits {
        connections_max: 100,
        per_client_max: 2,
        idle_timeout: GUARD,
    });
    let mut other = connect_from(Ipv4Addr::new(127, 0, 0, 2), address);
    asks_over_tcp(&mut other, 0);
    assert_newcomer_takes_the_place_of_the_idlest(&nameserver, address);
    asks_over_tcp(&mut other, 6);
}

/// Closes connections soon.
fn impatient() -> Limits {
    Limits {
        connections_max: 10,
        per_client_max: 10,
        idle_timeout: Duration::from_millis(50),
    }
}

#[test]
fn section_6_2_3_an_idle_connection_is_closed() {
    let (_nameserver, address) = start_tcp(impatient());
    let mut silent = connect(address);
    assert_closed(&mut silent);
    let mut served = connect(address);
    asks_over_tcp(&mut served, 1);
    assert_closed(&mut served);
}

#[test]
fn section_6_2_3_half_a_query_is_not_waited_for() {
    let (_nameserver, address) = start_tcp(impatient());
    for halfway in [1, 2, 10] {
        let mut client = connect(address);
        client.write_all(&framed_queries(0..1)[..halfway]).unwrap();
        assert_closed(&mut client);
    }
}

#[test]
fn section_6_2_3_octets_that_trickle_in_do_not_extend_the_time() {
    let (_nameserver, address) = start_tcp(impatient());
    let mut client = connect(address);
    client.set_nonblocking(true).unwrap();
    let mut longest = query(9);
    longest.resize(usize::from(u16::MAX), 0);
    // At this pace, the whole query would take minutes.
    for octet in framed(&longest) {
        let is_cut = match client.read(&mut [0]) {
            Ok(0) => true,
            Ok(_) => panic!("answered"),
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        if is_cut || client.write_all(&[octet]).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("waited for to its end");
}

#[test]
fn section_6_2_3_a_client_that_takes_no_answers_is_cut_off() {
    let (_nameserver, address) = start_tcp(impatient());
    let error = flood(&mut connect(address));
    // Neither may be: a write timeout, which would mean that the server holds on for ever.
    let cut = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
    assert!(cut.contains(&error.kind()), "{error}");
}

#[test]
fn section_6_2_4_a_half_closed_connection_gets_its_answers_before_it_ends() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut client = connect(address);
    client.write_all(&framed_queries(0..200)).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    for id in 0..200 {
        read_answer(&mut client, id);
    }
    assert_closed(&mut client);
}

#[test]
fn section_6_2_4_a_connection_that_is_reset_harms_no_other() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut other = connect(address);
    asks_over_tcp(&mut other, 0);
    for octets in [0, 1, 10, 31, 3000] {
        let mut client = connect(address);
        client.write_all(&framed_queries(0..100)[..octets]).unwrap();
        reset(client);
        asks_over_tcp(&mut other, octets as u16);
    }
}

/// Closes with RST instead of FIN.
fn reset(client: TcpStream) {
    let socket = socket2::Socket::from(client);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// Answers leave in the order of their queries, which the RFC allows; a client must not rely on it. What it
/// may rely on is the ID.
#[test]
fn section_7_each_answer_has_the_id_of_its_query() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut client = connect(address);
    let ids = [7u16, 7, 0, 65_535, 300];
    let stream: Vec<_> = ids.iter().flat_map(|&id| framed(&query(id))).collect();
    client.write_all(&stream).unwrap();
    for id in ids {
        read_answer(&mut client, id);
    }
}

#[test]
fn section_7_a_client_that_takes_no_answers_holds_up_nobody_else() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut greedy: Vec<_> = (0..5).map(|_| connect(address)).collect();
    for client in &mut greedy {
        client
            .set_write_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let error = flood(client);
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
    let mut other = connect(address);
    for id in 0..10 {
        asks_over_tcp(&mut other, id);
    }
}

/// Asks without end and reads nothing, until that fails.
fn flood(client: &mut TcpStream) -> io::Error {
    let queries = framed_queries(0..QUERIES_PER_WRITE as u16);
    loop {
        if let Err(error) = client.write_all(&queries) {
            return error;
        }
    }
}

#[test]
fn section_8_a_query_may_come_an_octet_at_a_time() {
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
fn section_8_a_query_cut_by_a_segment_is_put_together() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let stream = framed_queries(0..2);
    for cut in 1..stream.len() / 2 {
        let mut client = connect(address);
        let (first, second) = stream.split_at(stream.len() - cut);
        client.write_all(first).unwrap();
        read_answer(&mut client, 0);
        client.write_all(second).unwrap();
        read_answer(&mut client, 1);
    }
}

#[test]
fn section_8_length_and_message_are_sent_together() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut client = connect(address);
    client.write_all(&framed(&query(1))).unwrap();
    let mut segment = [0; 4096];
    let received = client.read(&mut segment).unwrap();
    let length = u16::from_be_bytes([segment[0], segment[1]]);
    assert_eq!(received, 2 + usize::from(length));
}

#[test]
fn section_8_the_longest_message_is_taken() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut client = connect(address);
    let mut longest = query(9);
    longest.resize(usize::from(u16::MAX), 0);
    client.write_all(&framed(&longest)).unwrap();
    read_answer(&mut client, 9);
    asks_over_tcp(&mut client, 10);
}

/// What follows a length that no message has is not DNS.
#[test]
fn section_8_a_length_below_a_header_ends_the_connection_after_the_answers_before_it() {
    let (_nameserver, address) = start("127.0.0.1:0");
    for length in 0..12 {
        let mut client = connect(address);
        let mut stream = framed_queries(0..2);
        stream.extend([0, length]);
        client.write_all(&stream).unwrap();
        read_answer(&mut client, 0);
        read_answer(&mut client, 1);
        assert_closed(&mut client);
    }
}

/// A message that is no query gets no answer; the connection goes on.
#[test]
fn section_8_a_message_without_an_answer_is_passed_over() {
    let (_nameserver, address) = start("127.0.0.1:0");
    let mut client = connect(address);
    let mut response = query(1);
    response[2] |= 0x80;
    client.write_all(&framed(&response)).unwrap();
    asks_over_tcp(&mut client, 2);
}
