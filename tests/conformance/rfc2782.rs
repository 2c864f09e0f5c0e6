//! RFC 2782: A DNS RR for specifying the location of services (SRV).

use crate::*;

#[test]
fn page_4_targets_are_not_compressed() {
    let reply = ask(&in_zone("hosts.example", "_sip._tcp", "SRV"));
    let mail = meridian::dns::Name::parse("mail.hosts.example").unwrap();
    let rdata = reply.records()[0].rdata.clone();
    assert_eq!(&reply.bytes[rdata][6..], mail.as_wire());
}

#[test]
fn page_4_addresses_of_targets_are_added() {
    let reply = ask(&in_zone("hosts.example", "_sip._tcp", "SRV"));
    // Of those that a wildcard covers, each; of what is delegated, none.
    assert_same(
        reply.additional(),
        &[
            "mail.hosts.example. 300 IN A 192.0.2.25",
            "any.wild.hosts.example. 300 IN A 192.0.2.40",
            "other.wild.hosts.example. 300 IN A 192.0.2.40",
        ],
    );
    let reply = ask(&in_zone("hosts.example", "_xmpp._tcp", "SRV"));
    assert_eq!(reply.answers().len(), 1);
    // Of what is balanced, those that the resolver would get; whose client they were for, nothing here says
    // (RFC 7871, 7.4).
    let addresses = [
        "www.hosts.example. 30 IN A 192.0.2.3",
        "www.hosts.example. 30 IN AAAA 2001:db8:3::1",
    ];
    assert_same(reply.additional(), &addresses);
    let query = in_zone("hosts.example", "_xmpp._tcp", "SRV");
    assert_eq!(ask(&query.subnet("20.5.2.0/24")).additional(), [""; 0]);
}
