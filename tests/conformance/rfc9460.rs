//! RFC 9460: Service binding and parameter specification (SVCB and HTTPS).

use crate::*;

#[track_caller]
fn additional(name: &str, rtype: &str) -> Vec<String> {
    let reply = ask(&in_zone("hosts.example", name, rtype));
    assert!(!reply.answers().is_empty());
    reply.additional()
}

#[test]
fn section_2_2_target_names_are_not_compressed() {
    let reply = ask(&in_zone("hosts.example", "alias", "HTTPS"));
    let target = meridian::dns::Name::parse("svc.hosts.example").unwrap();
    let rdata = reply.records()[0].rdata.clone();
    assert_eq!(&reply.bytes[rdata][2..], target.as_wire());
}

#[test]
fn section_4_1_addresses_of_the_target_are_added() {
    assert_same(
        additional("_dns", "SVCB"),
        &[
            "ns1.hosts.example. 300 IN A 192.0.2.53",
            "ns1.hosts.example. 300 IN AAAA 2001:db8::53",
        ],
    );
}

#[test]
fn section_2_5_2_a_dot_in_service_mode_is_the_owner() {
    assert_same(
        additional("svc", "HTTPS"),
        &[
            "svc.hosts.example. 300 IN A 192.0.2.77",
            "svc.hosts.example. 300 IN AAAA 2001:db8::77",
            "mail.hosts.example. 300 IN A 192.0.2.25",
        ],
    );
    // Of a wildcard, the name that was asked for.
    assert_eq!(
        additional("x.web", "HTTPS"),
        ["x.web.hosts.example. 300 IN A 192.0.2.79"]
    );
    // Which addresses a balanced name has, an additional section cannot tell (RFC 7871, 7.4).
    assert_eq!(additional("www", "HTTPS"), [""; 0]);
}

#[test]
fn section_2_5_1_a_dot_in_alias_mode_is_nothing() {
    assert_eq!(additional("none", "HTTPS"), [""; 0]);
}

#[test]
fn section_4_1_the_records_that_an_alias_leads_to_are_added() {
    let lines = additional("alias", "HTTPS");
    let is_https = |line: &&String| line.starts_with("svc.hosts.example. 300 IN HTTPS ");
    assert_eq!(lines.iter().filter(is_https).count(), 2);
    assert_eq!(lines.len(), 4);
    // Not again those that were asked for (RFC 2181, 5).
    assert_eq!(additional("self", "HTTPS"), [""; 0]);
}
