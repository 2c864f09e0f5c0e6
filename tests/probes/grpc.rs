//! gRPC health checks, against a server of HTTP/2 that says what it is told.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, Response};
use meridian::config::{GrpcProbe, ProbeKind, Way};
use meridian::health::Failure;

use crate::peer::*;

const DAY: Duration = Duration::from_secs(86_400);

/// Answers by service: `up`, `down`, `""` (up), `hanging`, `odd`, others NOT_FOUND.
async fn check(request: Request<Incoming>) -> Response<AnyBody> {
    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
    assert_eq!(request.headers()["content-type"], "application/grpc");
    let question = request.into_body().collect().await;
    let question = question.expect("a question").to_bytes();
    let service = String::from_utf8_lossy(question.get(7..).unwrap_or_default()).into_owned();
    let status = |status: u8| vec![0, 0, 0, 0, 2, 8, status];
    let (message, code) = match &*service {
        "" | "up" => (status(1), "0"),
        "down" => (status(2), "0"),
        "odd" => (vec![0, 0, 0, 0, 9, 8, 1], "0"),
        "long" => (vec![0; 100_000], "0"),
        "hanging" => std::future::pending().await,
        _ => (Vec::new(), "5"),
    };
    let mut fields = HeaderMap::new();
    fields.insert("grpc-status", code.parse().expect("a value"));
    if code == "5" {
        fields.insert("grpc-message", "unknown service".parse().expect("a value"));
    }
    let mut answer = Response::builder().header("content-type", "application/grpc");
    // A call that fails at once has its status in the head ("trailers-only").
    let body = match message.is_empty() {
        true => {
            answer.headers_mut().expect("a head").extend(fields);
            Full::default().boxed()
        }
        false => Full::from(message)
            .with_trailers(std::future::ready(Some(Ok(fields))))
            .boxed(),
    };
    answer.body(body).expect("an answer")
}

async fn server() -> SocketAddr {
    serve_http2(None, check).await
}

fn grpc(service: &str) -> ProbeKind {
    ProbeKind::Grpc(GrpcProbe {
        way: Way::default(),
        tls: None,
        service: service.into(),
        host: None,
    })
}

#[tokio::test]
async fn a_service_that_serves_is_up() {
    let address = server().await;
    assert_eq!(ask(grpc(""), address).await, Ok(()));
    assert_eq!(ask(grpc("up"), address).await, Ok(()));
    assert_eq!(
        said(grpc("down"), address).await,
        "the service says NOT_SERVING"
    );
    assert_eq!(
        said(grpc("other"), address).await,
        "gRPC status 5: unknown service"
    );
}

#[tokio::test]
async fn answers_that_are_none_fail() {
    let address = server().await;
    for service in ["odd", "long"] {
        let failure = ask(grpc(service), address).await;
        assert!(matches!(failure, Err(Failure::Protocol(_))), "{failure:?}");
    }
    let failure = ask_for(grpc("hanging"), address, SHORT).await;
    assert!(
        matches!(failure, Err(Failure::TimedOut { .. })),
        "{failure:?}"
    );
}

#[tokio::test]
async fn what_does_not_speak_grpc_fails() {
    let (http1, closing, silent) = (
        serve(|mut stream| {
            use std::io::Write;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }),
        serve(drop),
        serve(hang),
    );
    for address in [http1, closing] {
        let failure = ask(grpc(""), address).await.expect_err("no gRPC");
        assert!(!failure.is_local() && !failure.is_doubtful(), "{failure:?}");
    }
    let failure = ask_for(grpc(""), silent, SHORT).await;
    assert!(
        matches!(failure, Err(Failure::TimedOut { .. })),
        "{failure:?}"
    );
}

#[tokio::test]
async fn over_tls_http2_must_be_offered() {
    let authority = Authority::new();
    let probe = |service: &str| {
        ProbeKind::Grpc(GrpcProbe {
            way: Way::default(),
            tls: Some(authority.trusted()),
            service: service.into(),
            host: None,
        })
    };
    let offering = serve_http2(Some(authority.config(DAY, &["h2"])), check).await;
    assert_eq!(ask(probe("up"), offering).await, Ok(()));
    assert_eq!(
        said(probe("down"), offering).await,
        "the service says NOT_SERVING"
    );
    let address = authority.serve(DAY, &["http/1.1"], |mut stream| {
        let _ = stream.conn.complete_io(&mut stream.sock);
    });
    let failure = ask(probe(""), address).await;
    assert!(matches!(failure, Err(Failure::Tls(_))), "{failure:?}");
}
