//! Do the records make a zone?

use super::*;

#[test]
fn a_zone_has_one_soa_and_a_nameserver_at_its_apex() {
    let (records, said) = parse("$TTL 1\na SOA ns h 1 1 1 1 1\n", &[]);
    assert!(records.is_none());
    assert_eq!(
        said,
        [
            "z: error: no SOA record at `example.com.` (the zone file must have exactly one)",
            "z: error: no NS record at `example.com.` (name at least one nameserver)",
            "z:2:3: error: SOA at `a.example.com.`, which is not the zone's name \
             (the zone is `example.com.`, and its SOA stands there)",
        ]
    );
    says(
        "@ SOA ns h 2 1 1 1 1",
        &["z:4:3: error: `example.com.` has several SOA records (the first one is at z:2:3)"],
    );
}

#[test]
fn rfc_2181_section_10_1_an_alias_stands_alone() {
    says(
        "a CNAME b\nb A 1.2.3.4\na TXT x\n",
        &[
            "z:6:3: error: `a.example.com.` has a CNAME and also TXT records \
           (an alias has no other data (RFC 2181, 10.1); the CNAME is at z:4:3)",
        ],
    );
    says(
        "a CNAME b\na CNAME c",
        &["z:5:3: error: `a.example.com.` has several CNAME records \
           (the first one is at z:4:3)"],
    );
}

#[test]
fn rfc_2181_section_5_2_the_lowest_ttl_of_a_set_is_taken() {
    let text = "a 9 A 1.2.3.4\na 5 A 1.2.3.5\na 7 A 1.2.3.6";
    assert_eq!(
        records(text),
        [
            "a.example.com. 1 5 01020304",
            "a.example.com. 1 5 01020305",
            "a.example.com. 1 5 01020306"
        ]
    );
    says(
        text,
        &[
            "z:5:3: warning: the A records of `a.example.com.` have different TTLs; \
           the lowest, 5 s, is taken for all (here 5 s, but 9 s at z:4:3)",
        ],
    );
}

#[test]
fn duplicates_are_dropped_with_a_warning() {
    let text = "a MX 1 B.example.org.\nA MX 1 b.EXAMPLE.org.\na MX 2 b.example.org.";
    assert_eq!(records(text).len(), 2);
    says(
        text,
        &[
            "z:5:3: warning: `a.example.com.` has the same MX record twice \
           (the first one is at z:4:3)",
        ],
    );
}

#[test]
fn hosts_in_the_zone_need_addresses() {
    let no_address = |line: u32, record, host| {
        format!(
            "z:{line}:3: warning: `{host}.example.com.`, named by this {record} record, has no \
             address in this zone (add A or AAAA records for it)"
        )
    };
    assert_eq!(
        said("@ MX 1 a\n@ NS b\n_ SRV 1 1 1 c\n@ MX 1 d\nd A 1.2.3.4\n@ MX 0 .\n"),
        [
            no_address(4, "MX", "a"),
            no_address(5, "NS", "b"),
            no_address(6, "SRV", "c"),
        ]
    );
    says(
        "@ MX 1 a\na CNAME b\nb A 1.2.3.4",
        &[
            "z:4:3: warning: `a.example.com.`, named by this MX record, is an alias, which a \
           host must not be (RFC 2181, section 10.3) (add A or AAAA records for it)",
        ],
    );
}

#[test]
fn wildcards_and_balanced_names_give_addresses() {
    says("@ MX 1 a.w\n*.w A 1.2.3.4", &[]);
    let text = format!("{HEAD}@ MX 1 a\n@ NS ns.b\n");
    let balanced = ["a.example.com", "*.b.example.com"];
    assert_eq!(parse(&text, &balanced).1, [""; 0]);
}

#[test]
fn a_nameserver_inside_its_own_zone_needs_glue() {
    says("lab NS ns.lab\nns.lab A 1.2.3.4\nlab DS 1 8 9 ab", &[]);
    says("lab NS lab\nlab AAAA ::1", &[]);
    says(
        "lab NS ns.lab",
        &[
            "z:4:5: error: the nameserver `ns.lab.example.com.` has no glue (it lies in \
           `lab.example.com.`, which is delegated: add its A or AAAA records here)",
        ],
    );
    says(
        "lab NS ns.lib\nlib NS ns.example.net.",
        &[
            "z:4:5: warning: the nameserver `ns.lib.example.com.` has no glue (it lies in \
           `lib.example.com.`, which is delegated: add its A or AAAA records here)",
        ],
    );
}

#[test]
fn what_a_delegation_hides_is_told() {
    let hidden = |line: u32, column: u32, rtype, owner| {
        format!(
            "z:{line}:{column}: warning: the {rtype} records of `{owner}.example.com.` are never \
             answered: `lab.example.com.` is delegated to other nameservers \
             (the NS is at z:4:5)"
        )
    };
    assert_eq!(
        said("lab NS ns.example.net.\nlab TXT x\na.lab A 1.2.3.4\nb.a.lab NS ns.example.net."),
        [
            hidden(5, 5, "TXT", "lab"),
            hidden(6, 7, "A", "a.lab"),
            hidden(7, 9, "NS", "b.a.lab"),
        ]
    );
}

#[test]
fn rfc_4592_section_4_2_a_wildcard_does_not_delegate() {
    says(
        "*.a NS ns.example.net.",
        &["z:4:5: error: NS at the wildcard `*.a.example.com.` \
           (a wildcard cannot delegate (RFC 4592, section 4.2))"],
    );
}

#[test]
fn a_balanced_name_has_no_addresses_in_the_file() {
    let text = format!("{HEAD}www A 1.2.3.4\nwww TXT x\napp CNAME www\nlab NS ns.example.net.");
    let balanced = ["www", "app", "a.lab"].map(|label| format!("{label}.example.com"));
    let (records, said) = parse(&text, &[&balanced[0], &balanced[1], &balanced[2]]);
    assert!(records.is_none());
    assert_eq!(
        said,
        [
            "z:4:5: error: `www.example.com.` is balanced and has A records in the zone file \
             (its policy answers with addresses; remove one or the other)",
            "z:6:5: error: `app.example.com.` is balanced and has CNAME records in the zone \
             file (its policy answers with addresses; remove one or the other)",
            "z:7:5: error: `a.lab.example.com.` is balanced, but `lab.example.com.` is \
             delegated to other nameservers \
             (it would never be answered; remove one or the other)",
        ]
    );
}

#[test]
fn after_a_mistake_nothing_is_said_to_be_missing() {
    let (records, said) = parse("$TTL 1\n@ SOA ns h 1 1 1 1 x\n", &[]);
    assert!(records.is_none());
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn rfc_9460_section_2_4_an_alias_stands_alone_and_has_no_parameters() {
    let said = said(
        "a HTTPS 0 b.example.net. port=1\nb HTTPS 0 b.example.net.\nc HTTPS 1 . port=1\n\
         d SVCB 0 b.example.net.\nd SVCB 1 . port=1\n",
    );
    assert_eq!(
        said,
        [
            "z:4:3: warning: the HTTPS record of `a.example.com.` with priority 0, an alias, has \
             parameters, which are ignored (give it another priority, or leave them out (RFC 9460, \
             section 2.4.2))",
            "z:7:3: warning: the SVCB record of `d.example.com.` with priority 0, an alias, is not \
             alone, so that others beside it are ignored (give it another priority, or leave them \
             out (RFC 9460, section 2.4.1))",
        ]
    );
}

#[test]
fn rfc_9460_section_7_3_hints_of_a_balanced_name_are_its_policys() {
    let zone = "b HTTPS 1 . port=1\nb HTTPS 2 . ipv4hint=1.2.3.4\nc SVCB 1 b ipv6hint=::1\n\
                *.w HTTPS 1 . alpn=h2 ipv4hint=1.2.3.4\nd HTTPS 1 x.w ipv4hint=1.2.3.4\n\
                e HTTPS 0 b\nf HTTPS 1 b.example.net. ipv4hint=1.2.3.4\nf A 1.2.3.4\n\
                g HTTPS 1 f ipv4hint=1.2.3.4\n";
    let zone = format!("{HEAD}{zone}");
    let balanced = ["b.example.com", "*.w.example.com"];
    let (records, said) = parse(&zone, &balanced);
    assert!(records.is_some());
    assert_eq!(
        said,
        [
            "z:5:3: warning: `b.example.com.` is balanced: hints are its policy's (leave `ipv4hint` \
             and `ipv6hint` out of this HTTPS record)",
            "z:6:3: warning: `b.example.com.` is balanced: hints are its policy's (leave `ipv4hint` \
             and `ipv6hint` out of this SVCB record)",
            "z:7:5: warning: `*.w.example.com.` is balanced: hints are its policy's (leave \
             `ipv4hint` and `ipv6hint` out of this HTTPS record)",
            "z:8:3: warning: `x.w.example.com.` is balanced: hints are its policy's (leave \
             `ipv4hint` and `ipv6hint` out of this HTTPS record)",
        ]
    );
}

#[test]
fn rfc_9460_section_8_hints_of_a_balanced_name_are_not_mandatory() {
    let said_of = |record: &str| parse(&format!("{HEAD}{record}\n"), &["b.example.com"]);
    for record in [
        "b HTTPS 1 . mandatory=ipv4hint ipv4hint=1.2.3.4",
        "b HTTPS 1 . mandatory=alpn,ipv6hint alpn=h2 ipv6hint=::1",
        "b SVCB 1 b mandatory=ipv6hint,ipv4hint ipv4hint=1.2.3.4 ipv6hint=::1",
    ] {
        let (records, said) = said_of(record);
        assert!(records.is_none());
        assert_eq!(
            said,
            [
                "z:4:3: error: `b.example.com.` is balanced: its hints cannot be mandatory (there \
                 are none of a family that is not up, and without them the record would be \
                 malformed (RFC 9460, section 8): leave them out of `mandatory`)"
            ]
        );
    }
    for record in [
        "b HTTPS 1 . mandatory=alpn alpn=h2",
        "a HTTPS 1 . mandatory=ipv4hint ipv4hint=1.2.3.4\na A 1.2.3.4",
    ] {
        let (records, said) = said_of(record);
        assert!(records.is_some());
        assert_eq!(said, [""; 0]);
    }
}

#[test]
fn what_may_be_an_alias_has_nothing_else_and_is_no_host() {
    let zone =
        format!("{HEAD}cdn TXT a\nmail MX 10 cdn\n_sip._tcp SRV 1 1 5060 x.app\n@ HTTPS 1 cdn\n");
    let (_, said) = parse(&zone, &["alias:cdn.example.com", "alias:*.app.example.com"]);
    let host = "may be answered with an alias, which a host must not be (RFC 2181, section 10.3) (`alias` instead of \
                `cname` answers with addresses)";
    assert_eq!(
        said,
        [
            "z:4:5: error: `cdn.example.com.` may be answered with a CNAME, and has TXT records in the zone file \
             (an alias has no other data (RFC 1034, 3.6.2); remove them, or use `alias` instead of `cname`)"
                .to_owned(),
            format!("z:5:6: warning: `cdn.example.com.`, named by this MX record, {host}"),
            format!("z:6:11: warning: `x.app.example.com.`, named by this SRV record, {host}"),
        ]
    );
}
