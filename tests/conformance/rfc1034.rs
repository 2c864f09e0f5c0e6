//! RFC 1034: Domain names, concepts and facilities.

use meridian::model::Verdict;
use meridian::state::EndpointHealth;

use crate::*;

#[test]
fn section_3_6_2_a_query_for_cname_gets_the_cname_alone() {
    let reply = ask(&gslb("docs", "CNAME"));
    assert_answers(
        &reply,
        &["docs.gslb.example.com. 300 IN CNAME alias.gslb.example.com."],
    );
}

#[test]
fn section_4_3_2_step_2_the_zone_is_the_nearest_ancestor() {
    // Not a name that merely ends in the same octets.
    for name in ["xgslb.example.com", "example.com", "com", "."] {
        let reply = ask(&Query::new(name, "A"));
        assert_eq!(reply.rcode(), "REFUSED", "{name}");
        assert!(!reply.is_authoritative(), "{name}");
        assert_eq!(reply.records().len(), 0, "{name}");
    }
}

#[test]
fn section_4_3_2_step_3a_records_of_the_type_are_the_answer() {
    let reply = ask(&gslb("mail", "A"));
    assert_answers(&reply, &["mail.gslb.example.com. 3600 IN A 192.0.2.25"]);
    let reply = ask(&gslb("ns1", "AAAA"));
    assert_answers(&reply, &["ns1.gslb.example.com. 3600 IN AAAA 2001:db8::53"]);
}

#[test]
fn section_4_3_2_step_3a_every_type_of_the_apex_is_answered() {
    let answer = |rtype| ask(&gslb("@", rtype)).answers();
    assert_eq!(answer("SOA"), [NEGATIVE_SOA.replacen(" 60 ", " 3600 ", 1)]);
    assert_same(
        answer("NS"),
        &[
            "gslb.example.com. 3600 IN NS ns1.gslb.example.com.",
            "gslb.example.com. 3600 IN NS ns2.example.net.",
        ],
    );
    assert_eq!(
        answer("MX"),
        ["gslb.example.com. 3600 IN MX 10 mail.gslb.example.com."]
    );
    assert_eq!(
        answer("CAA"),
        ["gslb.example.com. 3600 IN CAA 0 issue \"ca.example.net\""]
    );
    assert_eq!(answer("TXT").len(), 1);
}

#[test]
fn section_4_3_2_step_3a_a_chain_of_cnames_is_followed_inside_the_zone() {
    // Down to a balanced name.
    let reply = ask(&gslb("docs", "A").from("20.1.2.3"));
    assert_eq!(
        reply.answers(),
        [
            "docs.gslb.example.com. 300 IN CNAME alias.gslb.example.com.",
            "alias.gslb.example.com. 300 IN CNAME www.gslb.example.com.",
            "www.gslb.example.com. 30 IN A 192.0.2.1",
        ]
    );
}

#[test]
fn section_4_3_2_step_3a_a_chain_that_leaves_the_zone_ends_there() {
    let reply = ask(&gslb("away", "A"));
    assert_answers(
        &reply,
        &["away.gslb.example.com. 300 IN CNAME www.example.net."],
    );
    assert_eq!(reply.authority(), [""; 0]);
}

#[test]
fn section_4_3_2_step_3a_a_long_chain_is_cut_and_the_client_goes_on_from_its_end() {
    let first = ask(&gslb("l1", "A")).answers();
    let last = first.last().unwrap();
    assert!(first.len() >= 8, "{first:#?}");
    let rest = last.rsplit(' ').next().unwrap();
    let second = ask(&Query::new(rest, "A")).answers();
    assert_eq!(
        second.last().unwrap(),
        "l11.gslb.example.com. 3600 IN A 192.0.2.11"
    );
}

#[test]
fn section_3_6_2_a_circle_of_cnames_ends() {
    let reply = ask(&gslb("ring1", "A"));
    assert_answers(
        &reply,
        &[
            "ring1.gslb.example.com. 3600 IN CNAME ring2.gslb.example.com.",
            "ring2.gslb.example.com. 3600 IN CNAME ring3.gslb.example.com.",
            "ring3.gslb.example.com. 3600 IN CNAME ring2.gslb.example.com.",
        ],
    );
}

/// What inner.gslb.example.com says with "no".
const INNER_SOA: &str = "inner.gslb.example.com. 60 IN SOA ns1.gslb.example.com. \
    hostmaster.inner.gslb.example.com. 7 7200 1800 1209600 60";

#[test]
fn section_4_3_2_step_3a_a_chain_goes_on_in_another_zone_of_ours() {
    for name in ["into-host", "into-chain"] {
        let reply = ask(&gslb(name, "A"));
        assert_eq!(reply.rcode(), "NOERROR", "{name}");
        assert!(reply.is_authoritative());
        assert_eq!(
            reply.answers().last().unwrap(),
            "host.inner.gslb.example.com. 300 IN A 192.0.2.70"
        );
        assert_eq!(reply.authority(), [""; 0]);
    }
    assert_eq!(
        ask(&gslb("into-chain", "A")).answers()[..3],
        [
            "into-chain.gslb.example.com. 300 IN CNAME l1.inner.gslb.example.com.",
            "l1.inner.gslb.example.com. 300 IN CNAME l2.inner.gslb.example.com.",
            "l2.inner.gslb.example.com. 300 IN CNAME host.inner.gslb.example.com.",
        ]
    );
}

#[test]
fn section_4_3_2_step_3a_the_other_zone_of_ours_steers_at_the_end_of_a_chain() {
    let reply = ask(&gslb("into-steered", "A").from("20.1.2.3"));
    assert_eq!(
        reply.answers(),
        [
            "into-steered.gslb.example.com. 300 IN CNAME www.inner.gslb.example.com.",
            "www.inner.gslb.example.com. 30 IN A 192.0.2.1",
        ]
    );
}

#[test]
fn section_4_3_2_step_3a_the_other_zone_of_ours_says_no_for_itself() {
    let reply = ask(&gslb("into-nothing", "A"));
    assert_eq!(reply.rcode(), "NXDOMAIN");
    assert_eq!(reply.answers().len(), 1);
    assert_eq!(reply.authority(), [INNER_SOA]);
    let reply = ask(&gslb("into-nodata", "A"));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.answers().len(), 1);
    assert_eq!(reply.authority(), [INNER_SOA]);
}

#[test]
fn section_4_3_2_step_3a_the_other_zone_of_ours_refers_and_adds_addresses_for_itself() {
    let reply = ask(&gslb("into-cut", "A"));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(
        reply.authority(),
        ["sub.inner.gslb.example.com. 300 IN NS ns.sub.inner.gslb.example.com."]
    );
    assert_eq!(
        reply.additional(),
        ["ns.sub.inner.gslb.example.com. 300 IN A 192.0.2.71"]
    );
    let reply = ask(&gslb("into-mx", "MX"));
    assert_eq!(
        reply.answers()[1],
        "mx.inner.gslb.example.com. 300 IN MX 10 host.inner.gslb.example.com."
    );
    assert_eq!(
        reply.additional(),
        ["host.inner.gslb.example.com. 300 IN A 192.0.2.70"]
    );
}

#[test]
fn section_4_3_2_step_3a_a_chain_that_comes_back_out_of_another_zone_of_ours_ends_there() {
    let reply = ask(&gslb("into-back", "A"));
    assert_answers(
        &reply,
        &[
            "into-back.gslb.example.com. 300 IN CNAME back.inner.gslb.example.com.",
            "back.inner.gslb.example.com. 300 IN CNAME mail.gslb.example.com.",
        ],
    );
    assert_eq!(reply.authority(), [""; 0]);
}

#[test]
fn section_4_3_2_step_3b_names_at_and_below_a_cut_are_referred() {
    for name in ["sub", "www.sub", "a.b.c.sub", "ns.sub"] {
        let reply = ask(&gslb(name, "A"));
        assert_eq!(reply.rcode(), "NOERROR", "{name}");
        assert!(!reply.is_authoritative(), "{name}");
        assert_eq!(reply.answers(), [""; 0], "{name}");
        assert_same(
            reply.authority(),
            &[
                "sub.gslb.example.com. 3600 IN NS ns.sub.gslb.example.com.",
                "sub.gslb.example.com. 3600 IN NS ns.sibling.gslb.example.com.",
            ],
        );
    }
}

#[test]
fn section_4_3_2_step_3b_a_chain_that_ends_below_a_cut_ends_in_a_referral() {
    let reply = ask(&gslb("down", "A"));
    assert_answers(
        &reply,
        &["down.gslb.example.com. 300 IN CNAME host.sub.gslb.example.com."],
    );
    // The owner of the referral stands in the CNAME's data, not in the question.
    assert_same(
        reply.authority(),
        &[
            "sub.gslb.example.com. 3600 IN NS ns.sub.gslb.example.com.",
            "sub.gslb.example.com. 3600 IN NS ns.sibling.gslb.example.com.",
        ],
    );
}

#[test]
fn section_4_3_2_step_3c_a_name_that_does_not_exist_is_a_name_error() {
    assert_no_name(&ask(&gslb("missing", "A")));
    assert_no_name(&ask(&gslb("below.mail", "A")));
    // Longer than any name of the zone.
    assert_no_name(&ask(&gslb("a.b.c.d.e.f.g.h.i.j", "A")));
}

#[test]
fn section_4_3_2_step_6_addresses_of_named_hosts_are_added() {
    let reply = ask(&gslb("@", "MX"));
    assert_eq!(
        reply.additional(),
        ["mail.gslb.example.com. 3600 IN A 192.0.2.25"]
    );
    let reply = ask(&gslb("@", "NS"));
    assert_same(
        reply.additional(),
        &[
            "ns1.gslb.example.com. 3600 IN A 192.0.2.53",
            "ns1.gslb.example.com. 3600 IN AAAA 2001:db8::53",
        ],
    );
}

#[test]
fn balanced_names_answer_as_static_ones_do_at_any_place_in_the_zone() {
    for name in ["www", "@", "some.app", "a.b.c.app"] {
        let reply = ask(&gslb(name, "A").from("20.1.2.3"));
        let owner = match name {
            "@" => "gslb.example.com.".to_owned(),
            name => format!("{name}.gslb.example.com."),
        };
        assert_answers(&reply, &[&format!("{owner} 30 IN A 192.0.2.1")]);
        let reply = ask(&gslb(name, "AAAA").from("2600:1000::53"));
        assert_answers(&reply, &[&format!("{owner} 30 IN AAAA 2001:db8:2::1")]);
    }
}

#[test]
fn section_4_3_2_step_6_minimal_answers_have_nothing_that_can_be_done_without() {
    let reply = ask(&in_zone("minimal.example", "@", "MX"));
    assert_eq!(reply.answers().len(), 4);
    assert_eq!(reply.additional(), [""; 0]);
    for (name, rtype) in [("_sip._tcp", "SRV"), ("alias", "HTTPS"), ("sip", "NAPTR")] {
        let reply = ask(&in_zone("minimal.example", name, rtype));
        assert_eq!(reply.additional(), [""; 0], "{name}");
    }
    // A delegation cannot do without.
    let reply = ask(&in_zone("minimal.example", "host.sub", "A"));
    assert_eq!(reply.authority().len(), 2);
    assert!(
        reply
            .additional()
            .contains(&"glue.sub.minimal.example. 300 IN A 192.0.2.61".to_owned())
    );
    let reply = ask(&in_zone("minimal.example", "missing", "A"));
    assert_eq!(reply.authority().len(), 1);
}

#[test]
fn section_4_3_2_step_6_full_answers_have_the_zones_nameservers() {
    for zone in ["full.example", "both.example"] {
        for (name, rtype) in [
            ("mail", "A"),
            ("www", "A"),
            ("to-many", "A"),
            ("x.wild", "A"),
        ] {
            let reply = ask(&in_zone(zone, name, rtype));
            assert_same(
                reply.authority(),
                &[
                    &format!("{zone}. 300 IN NS ns1.{zone}."),
                    &format!("{zone}. 300 IN NS ns2.{zone}."),
                    &format!("{zone}. 300 IN NS ns.a.example.net."),
                    &format!("{zone}. 300 IN NS ns.b.example.net."),
                ],
            );
            assert_same(
                reply.additional(),
                &[
                    &format!("ns1.{zone}. 300 IN A 192.0.2.53"),
                    &format!("ns1.{zone}. 300 IN AAAA 2001:db8::53"),
                    &format!("ns2.{zone}. 300 IN A 192.0.2.54"),
                ],
            );
        }
        // Other answers as ever.
        assert_eq!(ask(&in_zone(zone, "missing", "A")).authority().len(), 1);
        assert_eq!(ask(&in_zone(zone, "mail", "AAAA")).authority().len(), 1);
        let referral = ask(&in_zone(zone, "host.sub", "A"));
        assert_eq!(referral.authority().len(), 2);
        assert!(!referral.is_authoritative());
    }
}

#[test]
fn section_4_3_2_step_6_nothing_comes_twice() {
    for (name, rtype) in [("@", "MX"), ("ns1", "A"), ("ns1", "AAAA"), ("@", "NS")] {
        let reply = ask(&in_zone("full.example", name, rtype).tcp());
        let mut lines = [reply.answers(), reply.authority(), reply.additional()].concat();
        let count = lines.len();
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), count, "{name} {rtype}");
    }
    let reply = ask(&in_zone("full.example", "ns1", "A"));
    assert_same(
        reply.additional(),
        &[
            "ns1.full.example. 300 IN AAAA 2001:db8::53",
            "ns2.full.example. 300 IN A 192.0.2.54",
        ],
    );
}

#[test]
fn section_4_3_2_step_6_what_comes_along_never_truncates() {
    for (name, rtype) in [("@", "MX"), ("many", "TXT"), ("many-full", "AAAA")] {
        let query = in_zone("full.example", name, rtype);
        let alone = ask(&in_zone("minimal.example", name, rtype).tcp())
            .answers()
            .len();
        let whole = ask(&query.clone().tcp());
        assert_eq!(whole.authority().len(), 4);
        for payload in 512..1232 {
            let reply = ask(&query.clone().payload(payload));
            assert!(matches!(reply.authority().len(), 0 | 4));
            assert_eq!(reply.is_truncated(), reply.answers().is_empty());
            assert!(name == "many-full" || reply.answers().len() == alone);
        }
    }
}

#[test]
fn section_4_3_2_step_3a_a_chain_leads_nobody_into_a_zone_that_does_not_answer_them() {
    let zone = "$TTL 60\n@ SOA ns.example.net. hostmaster 1 2 3 4 5\n@ NS ns.example.net.\n";
    let config = "[zone.\"example.com\"]\nfile = \"outer.zone\"\n\
        [zone.\"inner.example.com\"]\nfile = \"inner.zone\"\nallow_query = [\"10.0.0.0/8\"]\n";
    let outer = [zone, "into CNAME www.inner\nd DNAME inner\n"].concat();
    let inner = [zone, "www A 192.0.2.1\n"].concat();
    let files = [
        ("meridian.toml", config),
        ("outer.zone", &outer),
        ("inner.zone", &inner),
    ];
    let mut server = Server::new(&compile(&files).unwrap(), 1);
    for (name, links) in [("into", 1), ("www.d", 2)] {
        let query = Query::new(&format!("{name}.example.com"), "A");
        assert_eq!(server.ask(&query).answers().len(), links);
        let reply = server.ask(&query.from("10.1.2.3"));
        assert_eq!(reply.answers().len(), links + 1);
    }
}

#[test]
fn section_3_6_2_a_name_that_is_balanced_by_names_is_an_alias_for_every_type() {
    for rtype in ["A", "AAAA", "CNAME", "TXT", "MX", "HTTPS", "ANY"] {
        let reply = ask(&gslb("cdn", rtype).subnet("20.1.2.0/24"));
        assert_answers(
            &reply,
            &["cdn.gslb.example.com. 30 IN CNAME CDN.example.net."],
        );
        assert_eq!(reply.scope(), Some(14), "{rtype}");
        assert!(reply.authority().is_empty() && reply.additional().is_empty());
    }
}

#[test]
fn section_3_6_2_who_is_sent_to_addresses_finds_no_alias_there() {
    let query = |rtype| gslb("cdn", rtype).from("192.0.2.53");
    assert_eq!(ask(&query("A")).address_texts(), ["192.0.2.3"]);
    for rtype in ["CNAME", "TXT"] {
        let reply = ask(&query(rtype));
        assert_eq!((reply.rcode(), reply.answers().len()), ("NOERROR", 0));
        // For no longer than an alias would be believed.
        assert!(reply.authority()[0].starts_with("gslb.example.com. 30 IN SOA "));
    }
    // It holds for this client only.
    let reply = ask(&gslb("cdn", "TXT").subnet("0.0.0.0/1"));
    assert!(reply.scope() > Some(0));
}

#[test]
fn section_3_6_2_an_alias_that_is_only_there_in_need() {
    let mut server = server();
    let query = gslb("or-cdn", "A").subnet("20.1.2.0/24");
    assert_eq!(server.ask(&query).address_texts(), ["192.0.2.1"]);
    server.set_health(|_| EndpointHealth::new(Verdict::Down, 1_000));
    let reply = server.ask(&query);
    assert_answers(
        &reply,
        &["or-cdn.gslb.example.com. 5 IN CNAME cdn.example.org."],
    );
    assert_eq!(reply.scope(), ask(&query).scope());
}

#[test]
fn section_3_6_2_a_wildcard_that_is_an_alias() {
    let reply = ask(&gslb("a.b.cdn", "AAAA").subnet("20.5.2.0/24"));
    assert_answers(
        &reply,
        &["a.b.cdn.gslb.example.com. 30 IN CNAME cdn.example.org."],
    );
}
