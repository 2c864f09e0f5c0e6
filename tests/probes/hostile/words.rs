//! What hostile servers say is neither obeyed nor believed by whatever shows it.

use meridian::config::{GrpcProbe, HttpProbe, ProbeKind, Way};

use super::*;

/// Erases a screen, begins a line, ends one, turns the direction; as octets and as UTF-8.
const EVIL: [&[u8]; 6] = [
    b"\x1b[2J",
    b"\rlevel=info all is well",
    b"a\nb",
    b"\x9b2J",
    "\u{9b}2J".as_bytes(),
    "\u{202e}\u{2028}llew".as_bytes(),
];

#[tokio::test]
async fn heads_say_nothing_but_words() {
    for evil in EVIL {
        let get = || {
            ProbeKind::Http(HttpProbe {
                redirects: 1,
                ..HttpProbe::get("/")
            })
        };
        for (before, after) in [
            ("", ""),
            ("HTTP/1.1 503 ", ""),
            ("HTTP/1.1 503 Down\r\nX-Reason: ", ""),
            ("HTTP/1.1 503 Down\r\n", ": reason"),
            ("HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/", ""),
            ("HTTP/1.1 302 Found\r\nLocation: ", "://192.0.2.1/"),
        ] {
            let answer = [before.as_bytes(), evil, after.as_bytes(), b"\r\n\r\n"].concat();
            Hostile::http(answer, "").failure(get()).await;
        }
    }
}

#[tokio::test]
async fn so_do_the_messages_of_calls() {
    for evil in EVIL {
        // A literal of the static table's `:status: 200`, then two literals.
        let said = [evil, &b"a".repeat(100 - evil.len())].concat();
        let fields = [
            &b"\x88\0\x0bgrpc-status\x012\0\x0cgrpc-message\x64"[..],
            &said,
        ]
        .concat();
        let length = (fields.len() as u32).to_be_bytes();
        let settings: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
        // HEADERS with END_STREAM and END_HEADERS.
        let answer = [settings, &length[1..], &[1, 5, 0, 0, 0, 1], &fields].concat();
        let probe = ProbeKind::Grpc(GrpcProbe {
            way: Way::default(),
            tls: None,
            service: String::new(),
            host: None,
        });
        Hostile::new(b"SM\r\n\r\n", answer, Vec::new())
            .failure(probe)
            .await;
    }
}
