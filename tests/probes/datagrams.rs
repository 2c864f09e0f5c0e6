//! UDP and ICMP.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

use meridian::config::{ProbeKind, Source, UdpProbe};
use meridian::health::Failure;
use meridian::health::failure::Step;

use crate::peer::*;

fn udp(send: &str, expect: &str) -> ProbeKind {
    ProbeKind::Udp(UdpProbe {
        source: Source::default(),
        send: send.into(),
        expect: expect.into(),
    })
}

#[tokio::test]
async fn the_first_datagram_decides() {
    let address = serve_datagrams(|asked, _| match asked {
        b"ping" => vec![b"the pong".to_vec()],
        b"silence" => Vec::new(),
        _ => vec![b"what?".to_vec(), b"pong".to_vec()],
    });
    assert_eq!(ask(udp("ping", "pong"), address).await, Ok(()));
    assert_eq!(ask(udp("hello", ""), address).await, Ok(()));
    assert_eq!(
        said(udp("hello", "pong"), address).await,
        "the answer lacks \"pong\" in its first 5 octets"
    );
    let timed_out = Failure::TimedOut {
        after: SHORT,
        step: Step::Answer,
    };
    let failure = ask_for(udp("silence", "pong"), address, SHORT).await;
    assert_eq!(failure, Err(timed_out));
}

#[tokio::test]
async fn nobody_there_is_a_refusal() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = socket.local_addr().expect("an address");
    drop(socket);
    assert_eq!(ask(udp("ping", ""), address).await, Err(Failure::Refused));
}

#[tokio::test]
async fn who_is_not_asked_is_not_heard() {
    let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let address = socket.local_addr().expect("an address");
    thread::spawn(move || {
        let (_, from) = socket.recv_from(&mut [0; 64]).expect("a datagram");
        let _ = other.send_to(b"pong", from);
    });
    let failure = ask_for(udp("ping", "pong"), address, SHORT).await;
    assert!(
        matches!(failure, Err(Failure::TimedOut { .. })),
        "{failure:?}"
    );
}

/// Whether the kernel lets this process have such sockets is its own affair: both ways are right.
#[tokio::test]
async fn loopback_echoes_or_it_is_said_why_it_cannot_be_asked() {
    for address in ["127.0.0.1", "::1"] {
        let ip = address.parse().expect("an address");
        let probe = ProbeKind::Icmp(Source::default());
        let outcome = ask(probe, SocketAddr::new(ip, 0)).await;
        match meridian::health::probe::icmp_is_allowed() {
            Ok(()) => assert_eq!(outcome, Ok(()), "{address}"),
            Err(why) => {
                let failure = outcome.expect_err("not allowed");
                assert!(failure.is_local(), "{failure}");
                assert_eq!(failure.to_string(), why);
                assert!(why.contains("net.ipv4.ping_group_range"), "{why}");
            }
        }
    }
}
