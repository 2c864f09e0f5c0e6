//! RFC 6672: DNAME redirection in the DNS.

use meridian::dns::Name;

use crate::in_process::wire;
use crate::*;

const MOVED: &str = "moved.gslb.example.com. 600 IN DNAME new.gslb.example.com.";

#[test]
fn section_2_2_names_below_are_redirected() {
    let reply = ask(&gslb("www.moved", "A"));
    assert_eq!(reply.rcode(), "NOERROR");
    assert!(reply.is_authoritative());
    // In this order: who cannot read DNAME still follows the CNAME.
    assert_eq!(
        reply.answers(),
        [
            MOVED,
            "www.moved.gslb.example.com. 600 IN CNAME www.new.gslb.example.com.",
            "www.new.gslb.example.com. 3600 IN A 192.0.2.91",
        ]
    );
}

#[test]
fn section_2_2_a_name_that_gets_too_long_is_yxdomain() {
    let long = format!("{}.{}.long-target", "d".repeat(40), "e".repeat(20));
    let reply = ask(&gslb(&long, "A"));
    assert_eq!(reply.rcode(), "YXDOMAIN");
    assert!(reply.is_authoritative());
    assert_eq!(reply.answers().len(), 1);
    assert!(reply.answers()[0].starts_with("long-target.gslb.example.com. 3600 IN DNAME "));
    assert_eq!(reply.authority(), [""; 0]);
}

#[test]
fn section_2_2_a_name_of_255_octets_is_not_too_long() {
    // Three labels in front of the zone's name, and what is kept in front of those.
    let target = 3 * 61 + "gslb.example.com.".len() + 1;
    let kept = |octets: usize| {
        let first = "d".repeat(octets - 1 - 20);
        format!("{first}.{}.long-target", "e".repeat(19))
    };
    let rcode = |octets| ask(&gslb(&kept(octets), "A")).rcode();
    assert_eq!(rcode(255 - target), "NXDOMAIN");
    assert_eq!(rcode(256 - target), "YXDOMAIN");
}

#[test]
fn section_2_3_the_owner_itself_is_not_redirected() {
    assert_answers(
        &ask(&gslb("moved", "A")),
        &["moved.gslb.example.com. 3600 IN A 192.0.2.90"],
    );
    assert_no_data(&ask(&gslb("moved", "TXT")));
    assert_answers(&ask(&gslb("moved", "DNAME")), &[MOVED]);
}

#[test]
fn section_2_3_a_dname_at_the_apex_redirects_all_but_the_apex() {
    let reply = ask(&Query::new("mail.redirected.example", "A"));
    // Another zone, and not below this one: the client goes on.
    assert_answers(
        &reply,
        &[
            "redirected.example. 300 IN DNAME gslb.example.com.",
            "mail.redirected.example. 300 IN CNAME mail.gslb.example.com.",
        ],
    );
    for (rtype, count) in [("SOA", 1), ("NS", 1), ("MX", 1), ("DNAME", 1), ("A", 0)] {
        let reply = ask(&Query::new("redirected.example", rtype));
        assert_eq!(reply.answers().len(), count, "{rtype}");
        assert!(reply.is_authoritative());
    }
}

#[test]
fn section_2_3_a_delegation_at_the_same_place_or_above_wins() {
    let reply = ask(&gslb("a.x.sub", "A"));
    assert!(!reply.is_authoritative());
    assert_eq!(reply.answers(), [""; 0]);
    assert_eq!(reply.authority().len(), 2);
}

#[test]
fn section_2_4_names_below_do_not_exist() {
    let files = [
        (
            "meridian.toml",
            "[zone.\"example.com\"]\nfile = \"example.com.zone\"\n",
        ),
        (
            "example.com.zone",
            "$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n\
             d DNAME new\nx.d A 192.0.2.1\n*.d A 192.0.2.2\nns.y.d A 192.0.2.3\n\
             y.d NS ns.y.d\nx.new A 192.0.2.4\n",
        ),
    ];
    let whole = compile(&files).unwrap();
    let mut server = Server::new(&whole, 1);
    for name in ["x.d", "z.d", "y.d", "ns.y.d"] {
        let reply = server.ask(&Query::new(&format!("{name}.example.com"), "A"));
        assert!(reply.is_authoritative(), "{name}");
        assert_eq!(
            reply.answers()[0],
            "d.example.com. 60 IN DNAME new.example.com."
        );
        let exists = if name == "x.d" { "NOERROR" } else { "NXDOMAIN" };
        assert_eq!(reply.rcode(), exists, "{name}");
    }
}

#[test]
fn section_2_4_a_balanced_name_below_is_refused() {
    let files = [
        (
            "meridian.toml",
            "[region.eu]\nlocation = [50.0, 8.0]\n\
             [pool.web]\nregion = \"eu\"\nendpoints = [\"192.0.2.1\"]\n\
             [policy.first]\nfailover = [\"web\"]\n\
             [zone.\"example.com\"]\nfile = \"example.com.zone\"\n\
             [zone.\"example.com\".balanced]\n\"www.d\" = { policy = \"first\" }\n",
        ),
        (
            "example.com.zone",
            "$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\nd DNAME new\n",
        ),
    ];
    let mistakes = compile(&files).err().unwrap();
    assert!(
        mistakes.contains(
            "`www.d.example.com.` is balanced, but `d.example.com.` is redirected by DNAME"
        ),
        "{mistakes}"
    );
}

#[test]
fn section_2_5_the_dname_is_not_compressed_and_the_cname_points_into_it() {
    let reply = ask(&gslb("www.moved", "A"));
    let records = reply.records();
    let target = Name::parse("new.gslb.example.com").unwrap();
    assert_eq!(&reply.bytes[records[0].rdata.clone()], target.as_wire());
    let pointer = 0xc000 | records[0].rdata.start as u16;
    let cname = [b"\x03www", &pointer.to_be_bytes()[..]].concat();
    assert_eq!(reply.bytes[records[1].rdata.clone()], cname);
}

#[test]
fn section_3_1_the_cname_has_the_ttl_of_the_dname_and_the_case_of_the_question() {
    let reply = ask(&gslb("WwW.X.mOvEd", "TXT"));
    assert_eq!(reply.rcode(), "NXDOMAIN");
    assert_eq!(
        reply.answers(),
        [
            MOVED.replace("moved", "mOvEd"),
            "WwW.X.mOvEd.gslb.example.com. 600 IN CNAME WwW.X.new.gslb.example.com.".to_owned(),
        ]
    );
    assert_eq!(reply.authority(), [NEGATIVE_SOA]);
}

#[test]
fn section_3_1_a_question_for_the_cname_or_for_anything_is_answered_with_it() {
    let cname = "www.moved.gslb.example.com. 600 IN CNAME www.new.gslb.example.com.";
    let reply = ask(&gslb("www.moved", "CNAME"));
    assert_answers(&reply, &[MOVED, cname]);
    assert_eq!(reply.authority(), [""; 0]);
    let reply = ask(&gslb("www.moved", "ANY"));
    assert_eq!(reply.answers()[..2], [MOVED, cname]);
}

#[test]
fn section_3_1_a_target_of_the_root_is_written_out() {
    let reply = ask(&gslb("www.to-root", "A"));
    assert_answers(
        &reply,
        &[
            "to-root.gslb.example.com. 3600 IN DNAME .",
            "www.to-root.gslb.example.com. 3600 IN CNAME www.",
        ],
    );
}

#[test]
fn section_3_2_dname_and_cname_follow_each_other() {
    assert_eq!(
        ask(&gslb("chain.moved", "A")).answers(),
        [
            MOVED,
            "chain.moved.gslb.example.com. 600 IN CNAME chain.new.gslb.example.com.",
            "chain.new.gslb.example.com. 3600 IN CNAME x.again.gslb.example.com.",
            "again.gslb.example.com. 3600 IN DNAME newer.gslb.example.com.",
            "x.again.gslb.example.com. 3600 IN CNAME x.newer.gslb.example.com.",
            "x.newer.gslb.example.com. 3600 IN A 192.0.2.92",
        ]
    );
    assert_eq!(
        ask(&gslb("via", "A")).answers(),
        [
            "via.gslb.example.com. 300 IN CNAME www.moved.gslb.example.com.",
            MOVED,
            "www.moved.gslb.example.com. 600 IN CNAME www.new.gslb.example.com.",
            "www.new.gslb.example.com. 3600 IN A 192.0.2.91",
        ]
    );
}

#[test]
fn section_3_2_the_same_dname_is_met_twice_but_sent_once() {
    assert_eq!(
        ask(&gslb("back.moved", "A")).answers(),
        [
            MOVED,
            "back.moved.gslb.example.com. 600 IN CNAME back.new.gslb.example.com.",
            "back.new.gslb.example.com. 3600 IN CNAME www.moved.gslb.example.com.",
            "www.moved.gslb.example.com. 600 IN CNAME www.new.gslb.example.com.",
            "www.new.gslb.example.com. 3600 IN A 192.0.2.91",
        ]
    );
}

#[test]
fn section_3_2_circles_and_growing_names_end() {
    let reply = ask(&gslb("x.turn", "A"));
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.answers().len(), 4);
    let reply = ask(&gslb("x.grow", "A").tcp());
    assert_eq!(reply.rcode(), "NOERROR");
    // The DNAME, and as many CNAMEs as any chain may have.
    assert_eq!(reply.answers().len(), 10);
}

#[test]
fn section_3_2_a_redirection_ends_where_any_chain_may() {
    // In a referral, with the owner in the data of the CNAME.
    let reply = ask(&gslb("host.to-sub", "A"));
    assert_eq!(reply.answers().len(), 2);
    assert!(reply.is_authoritative());
    assert!(reply.authority()[0].starts_with("sub.gslb.example.com. 3600 IN NS "));
    assert!(reply.additional().len() >= 2);
    // Outside.
    let reply = ask(&gslb("www.away-all", "A"));
    assert_eq!(
        reply.answers()[1],
        "www.away-all.gslb.example.com. 3600 IN CNAME www.example.net."
    );
    assert_eq!(reply.authority(), [""; 0]);
    // In another zone of ours, below this one, which says no for itself.
    let reply = ask(&gslb("host.to-inner", "A"));
    assert_eq!(
        reply.answers()[2],
        "host.inner.gslb.example.com. 300 IN A 192.0.2.70"
    );
    let reply = ask(&gslb("missing.to-inner", "A"));
    assert_eq!(reply.rcode(), "NXDOMAIN");
    assert!(reply.authority()[0].starts_with("inner.gslb.example.com. 60 IN SOA "));
}

#[test]
fn section_3_2_a_balanced_name_at_the_end_is_steered_with_its_scope() {
    for (name, links) in [("any.to-app", 2), ("to-app-via", 3)] {
        let reply = ask(&gslb(name, "A").subnet("20.1.2.0/24"));
        assert_eq!(reply.answers().len(), links + 1);
        assert_eq!(
            reply.answers()[links],
            "any.app.gslb.example.com. 30 IN A 192.0.2.1"
        );
        assert_eq!(
            reply.scope(),
            ask(&gslb("any.app", "A").subnet("20.1.2.0/24")).scope()
        );
    }
}

#[test]
fn section_3_2_what_does_not_fit_is_left_out_whole() {
    let whole = ask(&gslb("x.grow", "A").tcp());
    let count = wire::records(&whole.bytes).len();
    for payload in 512..700 {
        let reply = ask(&gslb("x.grow", "A").payload(payload));
        let records = reply.answers().len();
        assert_eq!(reply.is_truncated(), records < count);
        assert_eq!(reply.answers(), whole.answers()[..records]);
    }
}

#[test]
fn section_3_3_a_wildcard_with_a_dname_redirects_nothing_that_it_covers() {
    assert_no_data(&ask(&gslb("x.dwild", "A")));
    assert_no_data(&ask(&gslb("a.x.dwild", "A")));
    // Asked for itself it is a record as any other.
    assert_answers(
        &ask(&gslb("x.dwild", "DNAME")),
        &["x.dwild.gslb.example.com. 3600 IN DNAME new.gslb.example.com."],
    );
    // An asterisk in the question is a label as any other.
    let reply = ask(&gslb("www.*.dwild", "A"));
    assert_eq!(
        reply.answers()[2],
        "www.new.gslb.example.com. 3600 IN A 192.0.2.91"
    );
}
