//! RFC 7830: The EDNS(0) padding option.

use crate::*;

#[test]
fn section_6_where_nothing_is_encrypted_there_is_no_padding() {
    for data in [&[][..], &[0; 128], b"not zero"] {
        for query in [gslb("mail", "A"), gslb("mail", "A").tcp()] {
            let reply = ask(&query.option(12, data));
            assert_eq!(reply.rcode(), "NOERROR");
            assert_eq!(reply.opt().unwrap().rdata.len(), 0);
        }
    }
}
