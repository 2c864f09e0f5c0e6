//! RFC 3597: Handling of unknown DNS resource record types.

use crate::*;

#[test]
fn section_3_data_of_an_unknown_type_is_sent_as_it_is() {
    let reply = ask(&gslb("unknown", "A").rtype(65_400));
    let record = &reply.records()[0];
    assert_eq!(record.rtype, 65_400);
    // Not taken for a pointer, and nothing in it changed.
    assert_eq!(reply.bytes[record.rdata.clone()], [0xc0, 0x0c, 0x01, 0xff]);
}

#[test]
fn section_3_a_type_that_nobody_knows_is_no_data() {
    for rtype in [0, 65_000, 65_535] {
        assert_no_data(&ask(&gslb("mail", "A").rtype(rtype)));
        assert_no_data(&ask(&gslb("www", "A").rtype(rtype)));
        assert_no_name(&ask(&gslb("missing", "A").rtype(rtype)));
    }
}

#[test]
fn section_4_names_in_types_newer_than_rfc_1035_are_not_compressed() {
    let reply = ask(&gslb("_sip._tcp", "SRV"));
    for record in reply.records().iter().filter(|record| record.rtype == 33) {
        let target = &reply.bytes[record.rdata.clone()][6..];
        assert_eq!(target.last(), Some(&0), "{target:?}");
        assert!(target.iter().all(|octet| *octet < 0xc0), "{target:?}");
    }
}
