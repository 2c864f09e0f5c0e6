//! RFC 9619: In the DNS, QDCOUNT is (usually) one.

use crate::in_process::wire;
use crate::*;

/// The query's message with its one question repeated `count` times.
fn with_questions(query: &Query, count: u8) -> Vec<u8> {
    let mut message = query.message();
    let question = message.split_off(12);
    message[5] = count;
    message.extend(question.repeat(usize::from(count)));
    message
}

#[test]
fn section_4_any_number_of_questions_but_one_is_a_format_error() {
    let query = gslb("mail", "A");
    for count in [0, 2, 3, 255] {
        let message = with_questions(&query, count);
        let reply = server().exchange(&message, query.peer, query.transport);
        let reply = reply.expect("an answer");
        assert_eq!(reply.rcode(), "FORMERR", "{count} questions");
        assert_eq!(wire::counts(&reply.bytes), [0; 4]);
    }
    // EDNS is told from what follows them.
    let mut message = with_questions(&query, 2);
    message[11] = 1;
    message.extend(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
    let reply = server().exchange(&message, query.peer, query.transport);
    assert!(reply.expect("an answer").opt().is_some());
    let message = with_questions(&query, 1);
    let reply = server().exchange(&message, query.peer, query.transport);
    assert_eq!(reply.expect("an answer").rcode(), "NOERROR");
}
