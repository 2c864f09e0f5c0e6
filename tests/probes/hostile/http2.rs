//! HTTP/2 and gRPC: frames (RFC 9113, 4.1 and 6) that no server of good will sends.

use meridian::config::{GrpcProbe, HttpProbe, HttpVersion, ProbeKind, Way};
use meridian::health::Failure;

use super::*;

/// The end of what a client begins with.
const PREFACE_END: &[u8] = b"SM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const UNKNOWN: u8 = 0xFA;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:status: 200`, of the static table (RFC 7541, A).
const STATUS_200: &[u8] = &[0x88];
/// `:status: 103`, as a literal.
const STATUS_103: &[u8] = b"\x08\x03103";

fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [head, content.to_vec()].concat()
}

/// A server that begins as it should.
fn server(first: &[u8], again: Vec<u8>) -> Hostile {
    let first = [&frame(SETTINGS, 0, 0, &[]), first].concat();
    Hostile::new(PREFACE_END, first, again)
}

fn http2(expect: Option<&str>) -> ProbeKind {
    ProbeKind::Http(HttpProbe {
        version: HttpVersion::Two,
        expect_body: expect.map(str::to_owned),
        ..HttpProbe::get("/healthz")
    })
}

fn grpc() -> ProbeKind {
    ProbeKind::Grpc(GrpcProbe {
        way: Way::default(),
        tls: None,
        service: String::new(),
        host: None,
    })
}

#[tokio::test]
async fn frames_without_end_fail() {
    let in_pieces = frame(HEADERS, 0, 1, STATUS_200);
    let answer = frame(HEADERS, END_HEADERS, 1, STATUS_200);
    let floods = [
        (&[][..], frame(SETTINGS, 0, 0, &[])),
        (&[], frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0].repeat(1000))),
        (&[], frame(SETTINGS, 1, 0, &[])),
        (&[], frame(PING, 0, 0, &[7; 8])),
        (&[], frame(PING, 1, 0, &[7; 8])),
        (&[], frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])),
        (&[], frame(RST_STREAM, 0, 2, &[0, 0, 0, 8])),
        (&[], frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16])),
        (&[], frame(UNKNOWN, 0, 1, &[])),
        (&[], frame(UNKNOWN, 0, 0, &[0; 16_384])),
        (&[], frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        (&[], frame(WINDOW_UPDATE, 0, 0, &[0x7F, 0xFF, 0xFF, 0xFF])),
        (&[], frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 0])),
        (
            &[],
            frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x88]),
        ),
        (&[], frame(GOAWAY, 0, 0, &[0; 16_000])),
        (&[], frame(HEADERS, END_HEADERS, 1, STATUS_103)),
        (&[], frame(DATA, 0, 1, &[])),
        (&in_pieces, frame(CONTINUATION, 0, 1, b"\0\x01a\x01b")),
        (&in_pieces, frame(CONTINUATION, 0, 1, &[])),
        (
            &in_pieces,
            frame(CONTINUATION, 0, 1, &b"\0\x01a\x01b".repeat(3000)),
        ),
        (&answer, frame(DATA, 0, 1, &[])),
        (&answer, frame(DATA, 0, 1, b".")),
        // All but one octet is padding.
        (
            &answer,
            frame(DATA, 8, 1, &[&[200, b'.'], &[0; 200][..]].concat()),
        ),
        (&answer, frame(DATA, 0, 3, b".")),
        (&answer, frame(DATA, 0, 1, &[b'.'; 16_384])),
        (&answer, frame(HEADERS, END_HEADERS, 1, STATUS_200)),
    ];
    for (first, flood) in floods {
        let again = flood.repeat((16_384 / flood.len()).max(1));
        for probe in [http2(Some("the end")), grpc()] {
            let failure = server(first, again.clone()).failure(probe).await;
            assert!(
                matches!(
                    failure,
                    Failure::Protocol(_) | Failure::BodyLacks { .. } | Failure::Closed
                ),
                "{first:?} {:?}: {failure:?}",
                &flood[..9]
            );
        }
    }
}

#[tokio::test]
async fn heads_that_unpack_to_more_than_they_are_fail() {
    // A field of 4,000 octets enters the table, and then each octet stands for all of it.
    let length = 4000 - 127;
    let mut packed = [STATUS_200, b"\x40\x01a\x7f"].concat();
    packed.extend_from_slice(&[(length % 128) as u8 | 0x80, (length / 128) as u8]);
    packed.extend_from_slice(&[b'.'; 4000]);
    packed.extend_from_slice(&[0xBE; 12_000]);
    for flags in [END_HEADERS, END_HEADERS | END_STREAM] {
        let bomb = frame(HEADERS, flags, 1, &packed);
        for probe in [http2(None), grpc()] {
            let failure = server(&bomb, Vec::new()).failure(probe).await;
            assert!(matches!(failure, Failure::Protocol(_)), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn lengths_that_are_not_kept_fail_or_time_out() {
    let announced = |length: &[u8], kind| [length, &[kind, 0, 0, 0, 0, 1]].concat();
    for kind in [DATA, HEADERS, SETTINGS, PING, UNKNOWN] {
        let huge = announced(&[0xFF; 3], kind);
        let failure = server(&huge, vec![0; 16_384]).failure(http2(None)).await;
        assert!(matches!(failure, Failure::Protocol(_)), "{failure:?}");
        // The rest of this never comes.
        let cut = announced(&[0, 0x40, 0], kind);
        let failure = ask_for(http2(None), server(&cut, Vec::new()).address, SHORT).await;
        let failure = failure.expect_err("a failure");
        assert!(
            matches!(failure, Failure::TimedOut { .. } | Failure::Protocol(_)),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn a_question_that_there_is_never_room_for_times_out() {
    // SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_CONCURRENT_STREAMS.
    for setting in [4, 3] {
        let nothing = frame(SETTINGS, 0, 0, &[0, setting, 0, 0, 0, 0]);
        let hostile = Hostile::new(PREFACE_END, nothing, Vec::new());
        let failure = ask_for(grpc(), hostile.address, SHORT).await;
        assert!(
            matches!(failure, Err(Failure::TimedOut { .. })),
            "{failure:?}"
        );
    }
}
