//! HTTP/2 with clients and with backends: RFC 9113, by its sections.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::harness::*;

/// A body of frames that are there.
struct Said(VecDeque<Frame<Bytes>>);

impl Body for Said {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

fn said(octets: impl Into<Bytes>, trailer: Option<&'static str>) -> Said {
    let octets = octets.into();
    let trailers = trailer.map(|name| {
        let field = (HeaderName::from_static(name), HeaderValue::from_static("7"));
        Frame::trailers(HeaderMap::from_iter([field]))
    });
    let data = (!octets.is_empty()).then(|| Frame::data(octets));
    Said(data.into_iter().chain(trailers).collect())
}

fn nothing() -> Said {
    said("", None)
}

async fn connect(address: SocketAddr) -> SendRequest<Said> {
    let stream = TcpStream::connect(address).await.unwrap();
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    sender
}

fn get(path: &str) -> Request<Said> {
    let uri = format!("http://a.example:81{path}");
    Request::builder().uri(uri).body(nothing()).unwrap()
}

/// Status, headers, body and trailers.
async fn whole(response: Response<Incoming>) -> (StatusCode, HeaderMap, String, Option<HeaderMap>) {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned();
    let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
    (head.status, head.headers, text, trailers)
}

/// A backend of HTTP/2 with prior knowledge that says its request again, and trailers behind it; its port, and the
/// connections that it has taken.
fn echoing_http2(site: &tokio::runtime::Handle) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    site.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, SeqCst);
            let service = service_fn(|request: Request<Incoming>| async {
                let mut text = format!("{} {}\n", request.method(), request.uri());
                for (name, value) in request.headers() {
                    text += &format!("{name}: {}\n", value.to_str().unwrap());
                }
                let body = request.into_body().collect().await.unwrap();
                if let Some(trailers) = body.trailers() {
                    text += &format!("trailers {trailers:?}\n");
                }
                text += std::str::from_utf8(&body.to_bytes()).unwrap();
                Ok::<_, Infallible>(Response::new(said(text, Some("x-check"))))
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
    (port, connections)
}

#[test]
fn rfc9113_3_3_clients_may_know_that_it_is_spoken() {
    let site = Site::with("via = \"edge\"", "", echoing());
    let (status, headers, text, _) = site.runtime.block_on(async {
        let mut sender = connect(site.address()).await;
        whole(sender.send_request(get("/x?y")).await.unwrap()).await
    });
    assert_eq!(status, 200);
    assert_eq!(headers["via"], "1.1 edge");
    assert!(text.starts_with("GET /x?y HTTP/1.1\r\n"), "{text}");
    assert_eq!(values(&text, "host"), ["a.example:81"]);
    assert_eq!(values(&text, "via"), ["2.0 edge"]);
    assert_eq!(values(&text, "x-forwarded-proto"), ["http"]);
}

#[test]
fn rfc9113_5_1_requests_are_under_way_side_by_side() {
    let (tell, told) = mpsc::channel();
    let port = backend(move |mut client, number| {
        client.head();
        let _ = tell.send(number);
        // The first one is answered last.
        if number == 0 {
            thread::sleep(Duration::from_millis(300));
        }
        client.send(OK);
    });
    let site = Site::to(port);
    site.runtime.block_on(async {
        let mut sender = connect(site.address()).await;
        let first = tokio::spawn(sender.send_request(get("/first")));
        tokio::task::spawn_blocking(move || told.recv_timeout(GUARD).unwrap())
            .await
            .unwrap();
        let second = sender.send_request(get("/second")).await.unwrap();
        assert_eq!(whole(second).await.2, "ok");
        assert!(!first.is_finished());
        assert_eq!(whole(first.await.unwrap().unwrap()).await.2, "ok");
    });
}

#[test]
fn rfc9113_8_1_trailers_go_both_ways_between_versions() {
    let port = backend(|mut client, _| {
        let head = client.head();
        assert_eq!(values(&head, "te"), ["trailers"]);
        let body = client.until("\r\n\r\n").to_ascii_lowercase();
        assert!(body.contains("x-sum: 7"), "{body:?}");
        client.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send("2\r\nok\r\n0\r\nX-Check: 9\r\n\r\n");
    });
    let site = Site::to(port);
    let (_, _, text, trailers) = site.runtime.block_on(async {
        let mut sender = connect(site.address()).await;
        let request = Request::builder().method("POST").uri("http://a/");
        let request = request.header("te", "trailers").header("trailer", "x-sum");
        let request = request.body(said("body", Some("x-sum"))).unwrap();
        whole(sender.send_request(request).await.unwrap()).await
    });
    assert_eq!(text, "ok");
    assert_eq!(trailers.unwrap()["x-check"], "9");
}

#[test]
fn rfc9110_9_3_2_responses_to_head_have_no_body() {
    let site = Site::to(answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"));
    site.runtime.block_on(async {
        let mut sender = connect(site.address()).await;
        let mut request = get("/");
        *request.method_mut() = hyper::Method::HEAD;
        let (status, headers, text, _) = whole(sender.send_request(request).await.unwrap()).await;
        assert_eq!((status, &*text), (StatusCode::OK, ""));
        assert_eq!(headers["content-length"], "1000");
    });
}

#[test]
fn rfc9110_8_6_what_has_no_body_has_no_length() {
    let site = Site::to(answering(
        "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n",
    ));
    let (status, headers, ..) = site.runtime.block_on(async {
        let mut sender = connect(site.address()).await;
        whole(sender.send_request(get("/")).await.unwrap()).await
    });
    assert_eq!(status, 204);
    assert!(!headers.contains_key("content-length"), "{headers:?}");
}

#[test]
fn refusals_are_said_on_streams_too() {
    let site = Site::with(
        "target_max = 64\nheaders_max = 20\nbody_max = 3",
        "",
        echoing(),
    );
    site.runtime.block_on(async {
        let mut sender = connect(site.address()).await;
        let long = get(&format!("/{}", "x".repeat(64)));
        let mut many = get("/");
        for _ in 0..21 {
            many.headers_mut()
                .append("x", HeaderValue::from_static("y"));
        }
        let mut other = get("/");
        other
            .headers_mut()
            .insert("host", HeaderValue::from_static("b"));
        let mut connecting = get("/");
        *connecting.method_mut() = hyper::Method::CONNECT;
        *connecting.uri_mut() = "a.example:443".parse().unwrap();
        let mut head = get(&format!("/{}", "x".repeat(64)));
        *head.method_mut() = hyper::Method::HEAD;
        let posted = Request::builder().method("POST").uri("http://a/");
        let posted = posted
            .header("content-length", "4")
            .body(said("body", None))
            .unwrap();
        for (request, expected) in [
            (long, 414),
            (many, 431),
            (other, 400),
            (connecting, 501),
            (head, 414),
            (posted, 413),
            (get("/"), 200),
        ] {
            let response = sender.send_request(request).await.unwrap();
            assert_eq!(response.status(), expected);
        }
    });
}

#[test]
fn rfc9113_6_8_what_is_under_way_at_the_end_is_finished() {
    let Held {
        port,
        there,
        let_go,
    } = held(OK);
    let site = Site::to(port);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut sender = connect(site.address()).await;
        let under_way = tokio::spawn(sender.send_request(get("/")));
        let heard = tokio::task::spawn_blocking(move || there.recv_timeout(GUARD).unwrap());
        heard.await.unwrap();
        let stopped = site.stop();
        // GOAWAY has come when no more requests are taken.
        while sender.ready().await.is_ok() {
            if sender.send_request(get("/")).await.is_err() {
                break;
            }
        }
        let_go.send(()).unwrap();
        assert_eq!(whole(under_way.await.unwrap().unwrap()).await.2, "ok");
        tokio::task::spawn_blocking(move || stopped.join().unwrap())
            .await
            .unwrap();
    });
}

#[test]
fn backends_may_speak_it_on_one_connection_for_many_requests() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (port, connections) = echoing_http2(runtime.handle());
    let site = Site::with("via = \"edge\"", "protocol = \"h2\"", port);
    let said = site.talk(
        "POST /x HTTP/1.1\r\nHost: a.example:81\r\nTE: trailers\r\nConnection: TE, close\r\n\
         Transfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 7\r\n\r\n",
    );
    assert!(said.contains("POST http://a.example:81/x\n"), "{said}");
    assert!(said.contains("te: trailers\n"), "{said}");
    assert!(said.contains("\"x-sum\": \"7\""), "{said}");
    assert!(said.contains("via: 1.1 edge\n"), "{said}");
    assert!(!said.contains("transfer-encoding: chunked\n"), "{said}");
    assert_eq!(values(&said, "via"), ["2.0 edge", "1.1 edge"]);
    site.runtime.block_on(async {
        let mut sender = connect(site.address()).await;
        let mut all = Vec::new();
        for number in 0..50 {
            all.push(tokio::spawn(
                sender.send_request(get(&format!("/{number}"))),
            ));
        }
        for (number, one) in all.into_iter().enumerate() {
            let response = one.await.unwrap().unwrap();
            assert_eq!(response.version(), Version::HTTP_2);
            let (_, _, text, trailers) = whole(response).await;
            assert!(text.contains(&format!("/{number}\n")), "{text}");
            assert_eq!(trailers.unwrap()["x-check"], "7");
        }
    });
    assert_eq!(connections.load(SeqCst), 1);
}

#[test]
fn a_backend_that_does_not_speak_it_is_told_of() {
    let site = Site::with(
        "",
        "protocol = \"h2\"",
        answering("HTTP/1.1 400 Bad Request\r\n\r\n"),
    );
    assert_eq!(status(&site.talk(LAST)), 502);
}

/// Frames as they are on the wire (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GET http://a/`, in HPACK.
const BLOCK: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'a'];

/// A connection of HTTP/2 that is written by hand.
fn by_hand(site: &Site) -> Client {
    let mut client = site.connect();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client.send(frame(SETTINGS, 0, 0, &[]));
    client
}

/// The error code of the GOAWAY that comes, or of the end without one.
fn goaway(client: &mut Client) -> Option<u32> {
    loop {
        let mut head = [0; 9];
        client.0.read_exact(&mut head).ok()?;
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; len as usize];
        client.0.read_exact(&mut payload).ok()?;
        if head[3] == GOAWAY {
            return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
    }
}

/// Floods with what `next` gives until the connection ends or so much was written; whether it ended.
fn flood(client: &mut Client, mut next: impl FnMut(u32) -> Vec<u8>, frames: u32) -> bool {
    client
        .0
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    (0..frames).any(|number| client.0.write_all(&next(number)).is_err())
}

const ENHANCE_YOUR_CALM: u32 = 0xb;

#[test]
fn rfc9113_10_5_streams_that_are_reset_as_soon_as_they_are_there_end_the_connection() {
    let site = Site::to(answering(OK));
    let mut client = by_hand(&site);
    let opened_and_reset = |number: u32| {
        let stream = 2 * number + 1;
        let mut both = frame(HEADERS, END_HEADERS | END_STREAM, stream, BLOCK);
        both.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        both
    };
    flood(&mut client, opened_and_reset, 5000);
    let code = goaway(&mut client);
    assert!(matches!(code, None | Some(ENHANCE_YOUR_CALM)), "{code:?}");
    assert!(site.talk(LAST).ends_with("ok"), "others are served");
}

#[test]
fn rfc9113_6_10_a_head_of_continuations_without_an_end_ends_the_connection() {
    let site = Site::to(answering(OK));
    let mut client = by_hand(&site);
    client.send(frame(HEADERS, END_STREAM, 1, BLOCK));
    // A literal field without indexing: "x: yyyy...".
    let field = [&[0, 1, b'x', 100][..], &[b'y'; 100]].concat();
    let ended = flood(&mut client, |_| frame(CONTINUATION, 0, 1, &field), 100_000);
    assert!(ended || goaway(&mut client) != Some(0));
    assert!(site.talk(LAST).ends_with("ok"), "others are served");
}

#[test]
fn rfc9113_10_5_pings_and_settings_whose_answers_nobody_reads_are_held_back() {
    let site = Site::to(answering(OK));
    for (kind, payload) in [(PING, &[0; 8][..]), (SETTINGS, &[0, 3, 0, 0, 0, 1][..])] {
        let mut client = by_hand(&site);
        // Its answers fill what the system holds, and then nothing more is read: the flood stands still, or the
        // connection ends.
        assert!(flood(
            &mut client,
            |_| frame(kind, 0, 0, payload),
            10_000_000
        ));
    }
    assert!(site.talk(LAST).ends_with("ok"), "others are served");
}

#[test]
fn rfc9113_5_1_2_there_are_no_more_streams_at_a_time_than_allowed() {
    let busy = backend(|mut client, _| {
        client.head();
        client.until("never");
    });
    let site = Site::with("streams_max = 3", "", busy);
    let mut client = by_hand(&site);
    for stream in [1, 3, 5, 7] {
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, BLOCK));
    }
    // The fourth is refused: RST_STREAM with REFUSED_STREAM (0x7).
    let refused = loop {
        let mut head = [0; 9];
        client.0.read_exact(&mut head).unwrap();
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; len as usize];
        client.0.read_exact(&mut payload).unwrap();
        if head[3] == RST_STREAM {
            break (head[8], payload);
        }
    };
    assert_eq!(refused, (7, 7_u32.to_be_bytes().to_vec()));
}

#[test]
fn a_stream_whose_client_takes_nothing_is_given_up() {
    let port = answering_long();
    let site = Site::with("write_timeout = \"1s\"", "", port);
    let mut client = by_hand(&site);
    // No window is ever opened further than the 65,535 octets that there are at first.
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, BLOCK));
    loop {
        let mut head = [0; 9];
        client.0.read_exact(&mut head).unwrap();
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        client.0.read_exact(&mut vec![0; len as usize]).unwrap();
        if head[3] == RST_STREAM {
            return;
        }
    }
}

fn answering_long() -> u16 {
    backend(|mut client, _| {
        client.head();
        client.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        while client.0.write_all(&[b'x'; 65_536]).is_ok() {}
    })
}

#[test]
fn rfc9113_9_1_a_connection_that_is_not_used_is_closed() {
    let site = Site::with("keep_alive = \"1s\"", "", answering(OK));
    let mut client = by_hand(&site);
    assert_eq!(goaway(&mut client), Some(0));
    // Nor is the PING that comes along answered.
    client.rest();
}
