//! RFC 4343: DNS case insensitivity clarification.

use crate::in_process::wire;
use crate::*;

#[test]
fn section_3_upper_and_lower_case_are_the_same_in_look_ups() {
    for name in ["MAIL", "mAiL", "mail"] {
        let reply = ask(&gslb(name, "A"));
        assert_eq!(reply.addresses().len(), 1, "{name}");
    }
    let reply = ask(&Query::new("MIXED.case.GSLB.Example.COM", "A"));
    assert_eq!(reply.address_texts(), ["192.0.2.26"]);
    let reply = ask(&Query::new("WWW.GSLB.EXAMPLE.COM", "A").from("20.1.2.3"));
    assert_eq!(reply.address_texts(), ["192.0.2.1"]);
    let reply = ask(&Query::new("x.WILD.gslb.example.com", "A"));
    assert_eq!(reply.address_texts(), ["192.0.2.40"]);
}

#[test]
fn section_3_only_letters_of_ascii_have_case() {
    // `[` is `{` without bit 5, as letters of one case are those of the other.
    assert_no_name(&ask(&gslb("mai[", "A")));
    assert_no_name(&ask(&gslb("mai{", "A")));
}

#[test]
fn section_4_1_the_question_comes_back_in_its_own_case() {
    let query = Query::new("wWw.GsLb.ExAmPlE.cOm", "A").from("20.1.2.3");
    let reply = ask(&query);
    assert_eq!(reply.bytes[wire::question(&reply.bytes)], query.question());
    // The owner is a pointer to it, so it has the same case.
    assert_eq!(reply.answers(), ["wWw.GsLb.ExAmPlE.cOm. 30 IN A 192.0.2.1"]);
}
