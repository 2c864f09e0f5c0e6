//! RFC 3404: NAPTR, and what its flags lead to.

use crate::*;

#[test]
fn section_4_3_what_the_replacement_leads_to_is_added() {
    let reply = ask(&in_zone("hosts.example", "sip", "NAPTR").tcp());
    assert_eq!(reply.answers().len(), 3);
    let additional = reply.additional();
    let count = |text: &str| additional.iter().filter(|line| line.contains(text)).count();
    // "s" leads to SRV, "a" to addresses, "u" to neither.
    assert_eq!(count("_sip._tcp.hosts.example. 300 IN SRV"), 4);
    assert_eq!(count("mail.hosts.example. 300 IN A 192.0.2.25"), 1);
    assert_eq!(additional.len(), 5);
}
