//! Connections, conversations and handshakes.

use std::io::Write;
use std::time::Duration;

use meridian::config::{HandshakeProbe, ProbeKind, ProxyProtocol, Source, TcpProbe, TlsProbe, Way};
use meridian::health::Failure;
use meridian::health::failure::Step;

use crate::peer::*;

const DAY: Duration = Duration::from_secs(86_400);

fn tcp(send: &str, expect: &str) -> ProbeKind {
    ProbeKind::Tcp(TcpProbe {
        send: send.into(),
        expect: expect.into(),
        ..TcpProbe::default()
    })
}

fn tls(tls: TlsProbe) -> ProbeKind {
    let way = Way::default();
    ProbeKind::Tls(HandshakeProbe { way, tls })
}

#[tokio::test]
async fn what_is_expected_must_come_after_what_is_sent() {
    let redis = serve(|mut stream| {
        let answer: &[u8] = match read_until(&mut stream, b"\r\n").as_slice() {
            b"PING\r\n" => b"+PONG\r\n",
            _ => b"-ERR unknown command\r\n",
        };
        let _ = stream.write_all(answer);
    });
    assert_eq!(ask(tcp("PING\r\n", "+PONG"), redis).await, Ok(()));
    assert_eq!(
        said(tcp("PLING\r\n", "+PONG\r\n"), redis).await,
        "the answer lacks \"+PONG\\r\\n\" in its first 22 octets"
    );
}

#[tokio::test]
async fn a_banner_may_come_in_pieces_and_by_itself() {
    let mail = serve(|mut stream| {
        for piece in ["22", "0 mail.example ", "ESMTP\r\n"] {
            let _ = stream.write_all(piece.as_bytes());
            std::thread::sleep(Duration::from_millis(20));
        }
        hang(stream);
    });
    assert_eq!(ask(tcp("", "220 mail.example"), mail).await, Ok(()));
}

#[tokio::test]
async fn who_connects_and_says_nothing_times_out() {
    let silent = serve(hang);
    let timed_out = Failure::TimedOut {
        after: SHORT,
        step: Step::Answer,
    };
    let failure = ask_for(tcp("a", "b"), silent, SHORT).await;
    assert_eq!(failure, Err(timed_out));
    assert_eq!(ask(tcp("a", ""), silent).await, Ok(()));
}

#[tokio::test]
async fn who_closes_early_or_pours_without_end_fails() {
    let closing = serve(drop);
    let failure = ask(tcp("", "+PONG"), closing).await;
    let lacks = |read| Failure::AnswerLacks {
        expected: b"+PONG".to_vec(),
        read,
    };
    assert!(
        [Err(lacks(0)), Err(Failure::Closed)].contains(&failure),
        "{failure:?}"
    );
    let pouring = serve(|mut stream| while stream.write_all(&[b'.'; 1000]).is_ok() {});
    assert_eq!(ask(tcp("", "+PONG"), pouring).await, Err(lacks(64 * 1024)));
}

#[tokio::test]
async fn the_proxy_header_comes_before_anything_else() {
    for (version, expected) in [
        (ProxyProtocol::V1, "PROXY TCP4 127.0.0.9 127.0.0.1 "),
        (ProxyProtocol::V2, "\r\n\r\n\0\r\nQUIT\n \0\0\0PING\r\n"),
    ] {
        let seen = Seen::default();
        let saw = seen.clone();
        let address = serve(move |mut stream| {
            saw.add(&read_until(&mut stream, b"PING\r\n"));
            let _ = stream.write_all(b"+PONG\r\n");
        });
        let probe = TcpProbe {
            way: Way {
                source: Source {
                    v4: "127.0.0.9".parse().ok(),
                    v6: None,
                },
                proxy_protocol: Some(version),
            },
            send: b"PING\r\n".to_vec(),
            expect: b"+PONG".to_vec(),
            ..TcpProbe::default()
        };
        assert_eq!(ask(ProbeKind::Tcp(probe), address).await, Ok(()));
        let seen = seen.all().join("");
        assert!(
            seen.starts_with(expected) && seen.ends_with("PING\r\n"),
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn probes_come_from_their_source_whatever_the_family() {
    let seen = Seen::default();
    for address in ["127.0.0.1", "::1"] {
        let saw = seen.clone();
        let peer = serve_at(address.parse().expect("an address"), move |stream| {
            let from = stream.peer_addr().expect("a peer").ip();
            saw.add(from.to_string().as_bytes());
        });
        let way = Way {
            source: Source {
                v4: "127.0.0.7".parse().ok(),
                v6: "::1".parse().ok(),
            },
            proxy_protocol: None,
        };
        let probe = TcpProbe {
            way,
            expect: b"a".to_vec(),
            ..TcpProbe::default()
        };
        // The peer closes after having looked.
        assert!(ask(ProbeKind::Tcp(probe), peer).await.is_err());
    }
    assert_eq!(seen.all(), ["127.0.0.7", "::1"]);
}

#[tokio::test]
async fn a_source_that_this_machine_does_not_have_says_nothing_of_the_target() {
    let probe = TcpProbe {
        way: Way {
            source: Source {
                v4: "192.0.2.99".parse().ok(),
                v6: None,
            },
            proxy_protocol: None,
        },
        ..TcpProbe::default()
    };
    let failure = ask(ProbeKind::Tcp(probe), serve(drop)).await;
    assert!(
        failure.as_ref().is_err_and(Failure::is_local),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_handshake_succeeds_with_whom_it_trusts() {
    let authority = Authority::new();
    let address = authority.serve(DAY, &[], |mut stream| {
        let _ = stream.conn.complete_io(&mut stream.sock);
    });
    assert_eq!(ask(tls(authority.trusted()), address).await, Ok(()));
    let failure = ask(tls(Authority::new().trusted()), address).await;
    assert!(matches!(failure, Err(Failure::Tls(_))), "{failure:?}");
    let silent = serve(hang);
    let timed_out = Failure::TimedOut {
        after: SHORT,
        step: Step::Handshake,
    };
    let failure = ask_for(tls(authority.trusted()), silent, SHORT).await;
    assert_eq!(failure, Err(timed_out));
    let plain = serve(|mut stream| drop(stream.write_all(b"220 mail.example\r\n")));
    assert!(ask(tls(authority.trusted()), plain).await.is_err());
}

#[tokio::test]
async fn a_certificate_that_ends_soon_fails_where_that_is_asked_for() {
    let authority = Authority::new();
    let address = authority.serve(3 * DAY, &[], |mut stream| {
        let _ = stream.conn.complete_io(&mut stream.sock);
    });
    let valid_for = |days: u32, insecure| {
        tls(TlsProbe {
            valid_for: Some(days * DAY),
            insecure,
            ..authority.trusted()
        })
    };
    assert_eq!(ask(valid_for(2, false), address).await, Ok(()));
    for insecure in [false, true] {
        let said = said(valid_for(7, insecure), address).await;
        assert!(
            said.starts_with("the certificate ends at 2") && said.ends_with("in less than 7 d"),
            "{said}"
        );
    }
}
