//! HTTP/1.1.

use std::io::Write;
use std::time::Duration;

use meridian::config::{HttpProbe, LoadFrom, ProbeKind};
use meridian::health::Failure;
use meridian::health::failure::Step;
use meridian::health::probe::{self, Shared};

use super::*;

const HEAD: &str = "HTTP/1.1 200 OK\r\n";

fn http(probe: HttpProbe) -> ProbeKind {
    ProbeKind::Http(probe)
}

fn get() -> ProbeKind {
    http(HttpProbe::get("/healthz"))
}

#[tokio::test]
async fn heads_without_end_fail() {
    for again in [
        &b"X-Filler: filler\r\n"[..],
        b"X: ",
        b"..",
        b"\r",
        b"\t",
        b"\0",
    ] {
        let failure = Hostile::http(HEAD, again.repeat(4096)).failure(get()).await;
        assert!(matches!(failure, Failure::Protocol(_)), "{failure:?}");
    }
    let status_line = Hostile::http("HTTP/1.1 200 ", "OK ".repeat(4096));
    assert!(matches!(
        status_line.failure(get()).await,
        Failure::Protocol(_)
    ));
}

#[tokio::test]
async fn interim_answers_without_end_fail() {
    for interim in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "HTTP/1.1 199 \r\n\r\n",
    ] {
        let failure = Hostile::http("", interim.repeat(100)).failure(get()).await;
        let expected = format!("bad answer: more than {TAKEN_MAX} octets came");
        assert_eq!(failure.to_string(), expected);
    }
}

#[tokio::test]
async fn bodies_without_end_are_read_up_to_a_limit() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (head, again) in [
        ("HTTP/1.1 200 OK\r\n\r\n", "...."),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551614\r\n\r\n",
            "....",
        ),
        (chunked, "1\r\n.\r\n"),
        (chunked, "4;an=extension\r\n....\r\n"),
        (chunked, "000000"),
        (&format!("{chunked}1;"), "extension"),
        (&format!("{chunked}FFFFFFFFFFFFFFF\r\n"), "...."),
        (&format!("{chunked}0\r\n"), "trailer: value\r\n"),
        (&format!("{chunked}0\r\ntrailer: "), "value"),
    ] {
        let server = Hostile::http(head, again.repeat(1000));
        let failure = server.failure(http(wanting("the end"))).await;
        assert!(
            matches!(failure, Failure::BodyLacks { .. } | Failure::Protocol(_)),
            "{failure:?}"
        );
        // Who does not look for anything does not read it.
        let outcome = ask(get(), server.address).await;
        assert!(
            matches!(outcome, Ok(()) | Err(Failure::Protocol(_))),
            "{outcome:?}"
        );
        server.assert_bounded();
    }
}

#[tokio::test]
async fn one_octet_at_a_time_takes_no_longer_than_anything_else() {
    for (head, step) in [("", Step::Answer), ("HTTP/1.1 200 OK\r\n\r\n", Step::Body)] {
        let address = serve(move |mut stream| {
            read_until(&mut stream, b"\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
            for octet in b"HTTP/1.1 200 OK\r\nX-Filler: "
                .iter()
                .chain(std::iter::repeat(&b'.'))
            {
                if stream.write_all(&[*octet]).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let failure = ask_for(http(wanting("the end")), address, SHORT).await;
        assert_eq!(failure, Err(Failure::TimedOut { after: SHORT, step }));
    }
}

#[tokio::test]
async fn what_is_packed_stays_packed() {
    // A thousand lines of `status: up`.
    const PACKED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc6\x31\x11\x00\x20\x0c\x04\xb0\x1d\x15\xe8\xc0\x0d\x0e\xb8\xfb\xd6\x7f\x6d\x30\x24\x53\x52\xb7\x3a\x67\xf7\x5b\x51\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\xfd\xb5\x03\x2a\x72\x0e\xfe\xf8\x2a\x00\x00";
    let seen = Seen::default();
    let saw = seen.clone();
    let address = serve(move |mut stream| {
        saw.add(&read_until(&mut stream, b"\r\n\r\n"));
        let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length:";
        let _ = write!(stream, "{head} {}\r\n\r\n", PACKED.len());
        let _ = stream.write_all(PACKED);
    });
    let lacks = Failure::BodyLacks {
        expected: "status: up\nstatus: up".into(),
        read: PACKED.len() as u32,
    };
    let probe = wanting("status: up\nstatus: up");
    assert_eq!(ask(http(probe), address).await, Err(lacks));
    assert!(!seen.all()[0].to_lowercase().contains("accept-encoding"));
}

#[tokio::test]
async fn redirects_lead_nowhere_else_and_not_on_and_on() {
    let probe = |redirects| {
        http(HttpProbe {
            redirects,
            ..HttpProbe::get("/")
        })
    };
    let to = |location: &str| {
        let answer =
            format!("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {location}\r\n\r\n");
        Hostile::http(answer, "")
    };
    for location in [
        "http://198.51.100.7/",
        "//198.51.100.7/",
        "https://127.0.0.1/",
        "file:///etc/passwd",
        "/again",
        "http://\u{202e}198.51.100.7/\u{9b}2J",
        &format!("http://198.51.100.7/{}", "a/".repeat(20_000)),
        &format!("/{}", "a/".repeat(20_000)),
    ] {
        let failure = to(location).failure(probe(5)).await;
        assert!(matches!(failure, Failure::Redirected(_)), "{failure:?}");
    }
}

/// With a connection that is kept, what comes between two attempts counts as well.
#[tokio::test]
async fn answers_that_nobody_asked_for_are_not_taken_for_others() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup";
    let failing = "HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n";
    let server = Hostile::http(ok, failing.repeat(100));
    let probe = HttpProbe {
        reuse: true,
        ..HttpProbe::get("/")
    };
    let spec = spec(http(probe), server.address, PATIENT);
    let mut asker = probe::asker(&spec, &Shared::default());
    for _ in 0..10 {
        let outcome = asker.ask().await;
        assert!(
            matches!(
                outcome,
                Ok(()) | Err(Failure::Status(503) | Failure::Protocol(_))
            ),
            "{outcome:?}"
        );
    }
    server.assert_bounded();
}

#[tokio::test]
async fn a_load_that_nests_or_never_ends_is_bounded() {
    let deep = Hostile::http("HTTP/1.1 200 OK\r\n\r\n", "[".repeat(1000));
    let probe = HttpProbe {
        load: Some(Box::new(LoadFrom::Json("/0/0/0".into()))),
        ..HttpProbe::get("/")
    };
    let spec = spec(http(probe), deep.address, PATIENT);
    let mut asker = probe::asker(&spec, &Shared::default());
    assert_eq!(asker.ask().await, Ok(()));
    let told = asker.take_told().expect("asked for").expect_err("no load");
    assert_eq!(told, "the body is longer than 65536 octets");
    deep.assert_bounded();
}
