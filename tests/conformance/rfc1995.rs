//! RFC 1995: Incremental zone transfer.

use crate::*;

#[test]
fn section_3_a_query_with_the_clients_soa_is_understood_and_refused() {
    let query = gslb("@", "SOA").rtype(251);
    let mut message = query.message();
    message[9] = 1;
    // The client's SOA: owner and MNAME are the question's name, RNAME is the root.
    message.extend(b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x00\x00\x17\xc0\x0c\x00");
    message.extend([0; 20]);
    let reply = server().exchange(&message, query.peer, query.transport);
    let reply = reply.expect("an answer");
    assert_eq!(reply.rcode(), "REFUSED");
    assert_eq!(reply.records().len(), 0);
}
