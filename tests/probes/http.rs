//! Requests of either version.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::Response;
use meridian::config::{HttpMethod, HttpProbe, HttpVersion, ProbeKind, ProxyProtocol};
use meridian::health::Failure;
use meridian::health::probe::{self, Shared};

use crate::peer::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup";
const DAY: Duration = Duration::from_secs(86_400);

fn get() -> HttpProbe {
    HttpProbe::get("/healthz")
}

async fn ask_http(probe: HttpProbe, address: SocketAddr) -> Result<(), Failure> {
    ask(ProbeKind::Http(probe), address).await
}

/// A server that answers every request of every connection.
fn answering(answer: impl Into<Vec<u8>>) -> (SocketAddr, Seen) {
    let (seen, answer) = (Seen::default(), answer.into());
    let saw = seen.clone();
    let address = serve(move |mut stream| {
        saw.add(b"connection");
        answer_all(&mut stream, &saw, &answer);
    });
    (address, seen)
}

#[tokio::test]
async fn headers_and_the_method_go_with_the_request() {
    let (address, seen) = answering(OK);
    let probe = HttpProbe {
        method: HttpMethod::Head,
        headers: vec![
            ("x-token".into(), "a b".into()),
            ("user-agent".into(), "me".into()),
        ],
        ..get()
    };
    assert_eq!(ask_http(probe, address).await, Ok(()));
    let request = seen.all()[1].to_lowercase();
    assert!(
        request.starts_with("head /healthz http/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("\r\nx-token: a b\r\n"), "{request}");
    assert_eq!(request.matches("user-agent").count(), 1, "{request}");
    assert!(request.contains("\r\nuser-agent: me\r\n"), "{request}");
}

#[tokio::test]
async fn a_kept_connection_is_used_again_until_it_ends() {
    let (address, seen) = answering(OK);
    let probe = HttpProbe {
        reuse: true,
        ..get()
    };
    let spec = spec(ProbeKind::Http(probe), address, PATIENT);
    let mut asker = probe::asker(&spec, &Shared::default());
    for _ in 0..3 {
        assert_eq!(asker.ask().await, Ok(()));
    }
    let connections = seen.all().iter().filter(|saw| *saw == "connection").count();
    assert_eq!((connections, seen.all().len()), (1, 4));
}

#[tokio::test]
async fn a_kept_connection_that_the_server_ended_is_no_failure() {
    let seen = Seen::default();
    let saw = seen.clone();
    let address = serve(move |mut stream| {
        use std::io::Write;
        saw.add(&read_until(&mut stream, b"\r\n\r\n"));
        let _ = stream.write_all(OK);
    });
    let probe = HttpProbe {
        reuse: true,
        ..get()
    };
    let spec = spec(ProbeKind::Http(probe), address, PATIENT);
    let mut asker = probe::asker(&spec, &Shared::default());
    for _ in 0..5 {
        assert_eq!(asker.ask().await, Ok(()));
    }
    assert_eq!(seen.all().len(), 5);
}

#[tokio::test]
async fn redirects_are_followed_to_the_same_address_only() {
    let redirecting = |location: &'static str| {
        let seen = Seen::default();
        let saw = seen.clone();
        let address = serve(move |mut stream| {
            use std::io::Write;
            let request = read_until(&mut stream, b"\r\n\r\n");
            saw.add(&request);
            let answer = match request.starts_with(b"GET /ready ") {
                true => OK.to_vec(),
                false => format!(
                    "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {location}\r\n\r\n"
                )
                .into_bytes(),
            };
            let _ = stream.write_all(&answer);
        });
        (address, seen)
    };
    let probe = |redirects| HttpProbe { redirects, ..get() };
    let (here, seen) = redirecting("/ready");
    assert_eq!(ask_http(probe(0), here).await, Err(Failure::Status(302)));
    assert_eq!(ask_http(probe(1), here).await, Ok(()));
    assert_eq!(seen.all().len(), 3);
    let (elsewhere, seen) = redirecting("http://198.51.100.7/ready");
    assert_eq!(
        said(ProbeKind::Http(probe(5)), elsewhere).await,
        "redirected to http://198.51.100.7/ready"
    );
    assert_eq!(seen.all().len(), 1);
    let (circle, seen) = redirecting("/again");
    let said = said(ProbeKind::Http(probe(3)), circle).await;
    assert_eq!(said, format!("redirected to http://{circle}/again"));
    assert_eq!(seen.all().len(), 4);
}

#[tokio::test]
async fn the_proxy_header_comes_before_the_handshake() {
    let (address, seen) = answering(OK);
    let mut probe = get();
    probe.way.proxy_protocol = Some(ProxyProtocol::V1);
    assert_eq!(ask_http(probe, address).await, Ok(()));
    let request = &seen.all()[1];
    assert!(
        request.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "),
        "{request}"
    );
    assert!(
        request.contains("\r\nGET /healthz HTTP/1.1\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn a_server_without_http2_fails_where_that_is_asked_for() {
    let authority = Authority::new();
    for alpn in [&["http/1.1"][..], &[]] {
        let address = authority.serve(DAY, alpn, |mut stream| {
            answer_all(&mut stream, &Seen::default(), OK);
        });
        let probe = |version| HttpProbe {
            tls: Some(authority.trusted()),
            version,
            ..get()
        };
        assert_eq!(ask_http(probe(HttpVersion::One), address).await, Ok(()));
        let failure = ask_http(probe(HttpVersion::Two), address).await;
        assert!(matches!(failure, Err(Failure::Tls(_))), "{failure:?}");
    }
    let (address, _) = answering(OK);
    let probe = HttpProbe {
        version: HttpVersion::Two,
        ..get()
    };
    let failure = ask_http(probe, address).await.expect_err("no HTTP/2");
    assert!(!failure.is_local() && !failure.is_doubtful(), "{failure:?}");
}

#[tokio::test]
async fn http2_is_spoken_with_tls_and_without_on_connections_that_are_kept() {
    let authority = Authority::new();
    for tls in [None, Some(authority.config(DAY, &["h2", "http/1.1"]))] {
        let is_tls = tls.is_some();
        let address = serve_http2(tls, |request| async move {
            assert_eq!(request.uri().path(), "/healthz");
            let body = Full::from("status: up").boxed();
            Response::builder()
                .status(203)
                .body(body)
                .expect("an answer")
        })
        .await;
        let probe = HttpProbe {
            tls: is_tls.then(|| authority.trusted()),
            version: HttpVersion::Two,
            expect_body: Some("status: up".into()),
            reuse: true,
            ..get()
        };
        let spec = spec(ProbeKind::Http(probe.clone()), address, PATIENT);
        let mut asker = probe::asker(&spec, &Shared::default());
        for _ in 0..3 {
            assert_eq!(asker.ask().await, Ok(()));
        }
        let strict = HttpProbe {
            expect_status: vec![(200, 200)],
            ..probe
        };
        assert_eq!(ask_http(strict, address).await, Err(Failure::Status(203)));
    }
}

#[tokio::test]
async fn who_ends_a_connection_without_an_answer_has_refused() {
    let closing = serve(|mut stream| drop(stream.read(&mut [0; 4096])));
    let authority = Authority::new();
    for version in [HttpVersion::One, HttpVersion::Two] {
        for tls in [None, Some(authority.trusted())] {
            let probe = HttpProbe {
                version,
                tls,
                ..get()
            };
            let failure = ask_http(probe, closing).await;
            assert_eq!(failure, Err(Failure::Closed), "{version:?}");
        }
    }
}
