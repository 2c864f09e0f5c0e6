//! RFC 7828: The edns-tcp-keepalive EDNS0 option.

use crate::*;

const KEEPALIVE: u16 = 11;

fn patient() -> Server {
    let mut server = server();
    server.set_idle_timeout(0x0123);
    server
}

#[test]
fn section_3_3_2_who_asks_over_tcp_is_told_the_time_out() {
    let reply = patient().ask(&gslb("mail", "A").option(KEEPALIVE, &[]).tcp());
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.option(KEEPALIVE), Some(vec![1, 0x23]));
    let reply = patient().ask(&gslb("mail", "A").edns().tcp());
    assert_eq!(reply.option(KEEPALIVE), None);
}

#[test]
fn section_3_3_1_over_udp_it_is_ignored() {
    for data in [&[][..], &[0, 9], b"?"] {
        let reply = patient().ask(&gslb("mail", "A").option(KEEPALIVE, data));
        assert_eq!(reply.rcode(), "NOERROR");
        assert_eq!(reply.option(KEEPALIVE), None);
    }
}

#[test]
fn section_3_2_1_a_client_that_says_a_time_out_itself_is_in_error() {
    for data in [&[0, 9][..], b"?", b"???"] {
        let query = gslb("mail", "A").option(KEEPALIVE, data).tcp();
        let reply = patient().ask(&query);
        assert_eq!(reply.rcode(), "FORMERR");
        assert_eq!(reply.answers(), [""; 0]);
        assert_eq!(reply.option(KEEPALIVE), None);
    }
}
