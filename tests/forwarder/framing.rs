//! Where requests of HTTP/1 begin and end: each rule of RFC 9112 by its section, and all of it against a model.

use hyper::StatusCode;
use meridian::forwarder::framing::{Framing, Limits, Refused};
use proptest::prelude::*;
use proptest::sample::select;

use crate::framing_model::{self, Model};

const LIMITS: Limits = Limits {
    head_max: 1000,
    headers_max: 20,
    target_max: 100,
};
const BAD: u16 = 400;

/// Octets that are handed on, heads among them, and what is refused, if `pieces` come one after the other.
fn scan(limits: Limits, pieces: &[&[u8]]) -> (usize, u64, Option<Refused>) {
    let mut framing = Framing::new(limits);
    let (mut held, mut passed) = (Vec::new(), 0);
    for piece in pieces {
        held.extend_from_slice(piece);
        match framing.scan(&held) {
            Ok(len) => {
                passed += len;
                held.drain(..len);
            }
            Err((len, refused)) => return (passed + len, framing.heads(), Some(refused)),
        }
    }
    (passed, framing.heads(), None)
}

fn status(octets: &str) -> Option<u16> {
    let octets = octets.as_bytes();
    let (_, _, refused) = scan(LIMITS, &[octets]);
    refused.map(|refused| refused.status.as_u16())
}

#[track_caller]
fn is_whole(octets: &str, requests: u64) {
    let scanned = scan(LIMITS, &[octets.as_bytes()]);
    assert_eq!(scanned, (octets.len(), requests, None), "{octets:?}");
}

#[track_caller]
fn is_refused(octets: &str, with: u16) {
    assert_eq!(status(octets), Some(with), "{octets:?}");
}

/// A request with one header field.
fn with(field: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n")
}

fn chunked(body: &str) -> String {
    with("Transfer-Encoding: chunked") + body
}

#[test]
fn rfc9112_2_2_lines_end_with_cr_and_lf() {
    is_whole("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1);
    for wrong in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\rHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        is_refused(wrong, BAD);
    }
}

#[test]
fn rfc9112_2_2_empty_lines_in_front_of_a_request_are_passed_over() {
    is_whole("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 1);
    is_whole("GET / HTTP/1.1\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n", 2);
}

#[test]
fn rfc9112_2_2_space_in_front_of_the_first_header_is_refused() {
    is_refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", BAD);
}

#[test]
fn rfc9112_3_a_request_line_has_three_words_and_single_spaces() {
    for wrong in [
        "GET / HTTP/1.1 \r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        " GET / HTTP/1.1\r\n\r\n",
        "GET\t/ HTTP/1.1\r\n\r\n",
        "GET / \r\n\r\n",
        "GET /\r\n\r\n",
        "GET\r\n\r\n",
        "G@T / HTTP/1.1\r\n\r\n",
        "GET /\x7f HTTP/1.1\r\n\r\n",
        "GET / http/1.1\r\n\r\n",
        "GET / HTTP/11\r\n\r\n",
        "GET / HTTP/1.1x\r\n\r\n",
        "GET /\0 HTTP/1.1\r\n\r\n",
    ] {
        is_refused(wrong, BAD);
    }
}

#[test]
fn rfc9110_15_6_6_other_versions_are_not_spoken() {
    is_refused("GET / HTTP/2.0\r\n\r\n", 505);
    is_refused("GET / HTTP/0.9\r\n\r\n", 505);
    is_whole("GET / HTTP/1.0\r\n\r\n", 1);
}

#[test]
fn rfc9112_5_1_there_is_no_space_in_front_of_a_colon() {
    for wrong in ["Content-Length : 0", "X\t: 1", "X Y: 1", ": 1", "X"] {
        is_refused(&with(wrong), BAD);
    }
    is_whole(&with("X:"), 1);
    is_whole(&with("X: \t a \t "), 1);
}

#[test]
fn rfc9112_5_2_folded_headers_are_refused() {
    is_refused(&with("X: 1\r\n 2"), BAD);
    is_refused(&with("X: 1\r\n\t2"), BAD);
}

#[test]
fn rfc9110_5_5_control_characters_are_refused() {
    for wrong in ["X: \0", "X: a\x01b", "X: \x7f", "X\x01: 1", "Tr\u{e4}: 1"] {
        is_refused(&with(wrong), BAD);
    }
    is_whole(&with("X: \u{e4}"), 1);
}

#[test]
fn rfc9112_6_1_length_and_coding_at_once_are_refused() {
    is_refused(
        &with("Content-Length: 5\r\nTransfer-Encoding: chunked"),
        BAD,
    );
    is_refused(
        &with("Transfer-Encoding: chunked\r\ncontent-length: 0"),
        BAD,
    );
}

#[test]
fn rfc9112_6_1_http_1_0_has_no_transfer_coding() {
    is_refused(
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        BAD,
    );
}

#[test]
fn rfc9112_6_1_chunked_is_the_only_coding() {
    is_whole(&(with("transfer-encoding:\tCHUNKED ") + "0\r\n\r\n"), 1);
    for wrong in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding:",
        "Transfer-Encoding: ,chunked",
    ] {
        is_refused(&with(wrong), BAD);
    }
    is_refused(&with("Transfer-Encoding: gzip, chunked"), 501);
}

#[test]
fn rfc9112_6_3_a_length_is_one_number() {
    for wrong in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 5;",
        "Content-Length:",
        "Content-Length: \u{0665}",
    ] {
        is_refused(&with(wrong), BAD);
    }
    is_refused(&with("Content-Length: 18446744073709551616"), 413);
    is_refused(&with("Content-Length: 9223372036854775808"), 413);
    is_whole(&(with("Content-Length: 005") + "GET /"), 1);
}

#[test]
fn rfc9112_6_3_what_follows_a_body_is_the_next_request() {
    let smuggled = with("Content-Length: 40") + "GET /admin HTTP/1.1\r\nHost: a\r\nX: 123\r\n\r\n";
    is_whole(&smuggled, 1);
    is_whole(&(with("Content-Length: 1") + "xGET / HTTP/1.1\r\n\r\n"), 2);
}

#[test]
fn rfc9112_7_1_a_chunk_has_a_size_of_hexadecimal_digits_and_ends_where_it_says() {
    is_whole(&chunked("5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n"), 1);
    is_whole(&chunked("0005\r\nhello\r\n000\r\n\r\n"), 1);
    for wrong in [
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhellox\r\n0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "g\r\n",
        "\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "0000000000000005\r\n",
    ] {
        is_refused(&chunked(wrong), BAD);
    }
}

#[test]
fn rfc9112_7_1_1_extensions_are_names_with_values() {
    for right in [
        ";a",
        ";a=b",
        " ; a = b",
        ";a=\"b\\\"; c\"",
        ";a;b=c;d",
        "\t;a",
    ] {
        is_whole(&chunked(&format!("1{right}\r\nx\r\n0{right}\r\n\r\n")), 1);
    }
    for wrong in [
        ";",
        ";a=",
        ";=b",
        ";a=\"b",
        "x",
        ";a b",
        ";a=\"\n\"",
        ";a\0",
        ";a=\"b\"c",
    ] {
        is_refused(&chunked(&format!("1{wrong}\r\nx\r\n0\r\n\r\n")), BAD);
    }
    let long = "a".repeat(300);
    is_refused(&chunked(&format!("1;{long}\r\n")), BAD);
    is_refused(&chunked(&format!("1;{long}")), BAD);
    let many = "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(100);
    is_refused(&chunked(&many), BAD);
}

#[test]
fn rfc9112_7_1_2_trailers_are_header_fields() {
    is_whole(&chunked("0\r\nX: 1\r\nY: 2\r\n\r\n"), 1);
    for wrong in ["X : 1", " X: 1", "X: 1\r\n Y", "X", "X: 1\nY: 2", "X: \0"] {
        is_refused(&chunked(&format!("0\r\n{wrong}\r\n\r\n")), BAD);
    }
    is_refused(
        &chunked(&format!("0\r\n{}\r\n", "X: 1\r\n".repeat(21))),
        431,
    );
    is_refused(&chunked(&format!("0\r\nX: {}", "1".repeat(1001))), 431);
}

#[test]
fn rfc6585_5_heads_have_limits() {
    is_whole(
        &format!("GET / HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(20)),
        1,
    );
    is_refused(
        &format!("GET / HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(21)),
        431,
    );
    is_refused(&with(&format!("X: {}", "1".repeat(1000))), 431);
    is_refused(&format!("GET / HTTP/1.1\r\nX: {}", "1".repeat(1000)), 431);
    is_refused(&"\r\n".repeat(501), 431);
}

#[test]
fn rfc9112_3_2_what_is_no_target_is_refused_in_words() {
    for right in ["/a?b=c`", "/{a}|b^c", "*", "http://a/b", "/\u{e9}"] {
        is_whole(&format!("GET {right} HTTP/1.1\r\nHost: a\r\n\r\n"), 1);
    }
    for wrong in [
        "/<a>",
        "/`",
        "/a?\"",
        "a b",
        "a/b",
        "http://[a/",
        "http:///",
    ] {
        is_refused(&format!("GET {wrong} HTTP/1.1\r\nHost: a\r\n\r\n"), BAD);
    }
}

#[test]
fn rfc9110_15_5_15_targets_have_a_limit() {
    is_whole(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(99)), 1);
    is_refused(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100)), 414);
    is_refused(&format!("GET /{}", "a".repeat(100)), 414);
    is_refused(&format!("GET /{}", "a".repeat(2000)), 414);
    is_refused(&"G".repeat(1001), 431);
}

#[test]
fn rfc9110_7_8_what_follows_a_request_for_another_protocol_waits_for_what_came_of_it() {
    let upgrade = with("Upgrade: websocket");
    let mut framing = Framing::new(LIMITS);
    let both = upgrade.clone() + "\0\x01\x02";
    assert_eq!(framing.scan(both.as_bytes()), Ok(upgrade.len()));
    assert!(framing.is_held());
    assert_eq!(framing.scan(b"\0\x01\x02"), Ok(0));
    framing.release();
    let refused = framing.scan(b"\0\x01\x02").unwrap_err().1;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

/// Parts of requests that mean something, right and wrong.
fn parts() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&'static [u8]> = vec![
        b"GET / HTTP/1.1\r\n",
        b"POST /x HTTP/1.1\r\n",
        b"GET / HTTP/1.0\r\n",
        b"Host: a\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: 0\r\n",
        b"content-length:03\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding:chunked\r\n",
        b"\r\n",
        b"abc",
        b"3\r\nabc\r\n",
        b"3;a=\"b\"\r\nabc\r\n",
        b"0\r\n\r\n",
        b"0\r\nX: 1\r\n\r\n",
        b"0 ;a\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ];
    let part = prop_oneof![
        20 => select(known).prop_map(<[u8]>::to_vec),
        1 => any::<u8>().prop_map(|octet| vec![octet]),
        1 => select(vec!["\r", "\n", " ", "\t", ":", ";", "\0", "=", "\""]).prop_map(|text| text.into()),
    ];
    prop::collection::vec(part, 1..12).prop_map(|parts| parts.concat())
}

const WIDE: Limits = Limits {
    head_max: 1 << 20,
    headers_max: 1000,
    target_max: 1 << 20,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_is_handed_on_is_what_the_model_says(octets in parts()) {
        let (passed, heads, refused) = scan(WIDE, &[&octets]);
        match framing_model::read(&octets) {
            Model::Whole(requests) => {
                prop_assert_eq!((passed, heads, refused), (octets.len(), requests, None));
            }
            Model::Refused => prop_assert!(refused.is_some()),
            // It may be seen before the end that there is nothing right to come.
            Model::Partial => prop_assert!(refused.is_some() || passed <= octets.len()),
        }
    }

    #[test]
    fn how_the_octets_are_cut_up_makes_no_difference(octets in parts(), cut in 1_usize..9) {
        let pieces: Vec<&[u8]> = octets.chunks(cut).collect();
        let (passed, heads, refused) = scan(WIDE, &pieces);
        prop_assert_eq!((passed, heads, refused), scan(WIDE, &[&octets]));
    }
}
