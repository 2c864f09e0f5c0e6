//! RFC 9460: Service binding and parameter specification (SVCB and HTTPS).

use meridian::model::Verdict;
use meridian::state::EndpointHealth;

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
    // Of a balanced name, those that the resolver would get.
    assert_same(
        additional("www", "HTTPS"),
        &[
            "www.hosts.example. 30 IN A 192.0.2.3",
            "www.hosts.example. 30 IN AAAA 2001:db8:3::1",
        ],
    );
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

// Services that balanced names offer.

/// An SVCB or HTTPS record as its octets say.
#[derive(Debug, PartialEq)]
struct Service {
    ttl_s: u32,
    priority: u16,
    /// Uncompressed, as text.
    target: String,
    /// In the order of the message.
    keys: Vec<u16>,
    /// All hints, in order.
    hints: Vec<String>,
    len: usize,
}

#[track_caller]
fn services(reply: &Reply) -> Vec<Service> {
    let records = reply.records().into_iter();
    let records = records.filter(|record| matches!(record.rtype, 64 | 65));
    let read = |record: in_process::wire::RawRecord| {
        let data = &reply.bytes[record.rdata];
        let name_len = meridian::dns::name::len(&data[2..]).expect("a name");
        let target = meridian::dns::Name::from_wire(&data[2..2 + name_len]).expect("a name");
        let (mut keys, mut hints) = (Vec::new(), Vec::new());
        let mut rest = &data[2 + name_len..];
        while !rest.is_empty() {
            let [key, len] = [0, 2].map(|at| u16::from_be_bytes([rest[at], rest[at + 1]]));
            let (value, after) = rest[4..].split_at(len.into());
            keys.push(key);
            match key {
                4 => hints.extend(value.chunks(4).map(|octets| {
                    std::net::Ipv4Addr::from(<[u8; 4]>::try_from(octets).unwrap()).to_string()
                })),
                6 => hints.extend(value.chunks(16).map(|octets| {
                    std::net::Ipv6Addr::from(<[u8; 16]>::try_from(octets).unwrap()).to_string()
                })),
                _ => {}
            }
            rest = after;
        }
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
        Service {
            ttl_s: record.ttl,
            priority: u16::from_be_bytes([data[0], data[1]]),
            target: target.to_string(),
            keys,
            hints,
            len: data.len(),
        }
    };
    records.map(read).collect()
}

#[track_caller]
fn service_query(name: &str, rtype: &str) -> Query {
    in_zone("services.example", name, rtype)
}

#[track_caller]
fn assert_service(service: &Service, priority: u16, keys: &[u16], hints: &[&str]) {
    assert_eq!(service.priority, priority);
    assert_eq!(service.keys, keys, "{service:?}");
    assert_eq!(service.hints, hints, "{service:?}");
}

#[test]
fn section_7_3_hints_are_the_addresses_that_the_client_is_answered() {
    for (resolver, v4, v6) in [
        ("20.1.2.53", "192.0.2.1", "2001:db8:1::1"),
        ("20.5.2.53", "192.0.2.2", "2001:db8:2::1"),
        ("192.0.2.53", "192.0.2.3", "2001:db8:3::1"),
    ] {
        let reply = ask(&service_query("www", "HTTPS").from(resolver));
        let found = services(&reply);
        assert_eq!(found.len(), 3);
        assert_service(&found[0], 1, &[1, 3, 4, 5, 6, 65000], &[v4, v6]);
        // A family without addresses has no hint.
        assert_service(&found[1], 2, &[1, 4, 7], &["192.0.2.4"]);
        // Hosts of others have the hints of the file.
        assert_service(&found[2], 3, &[4], &["203.0.113.7"]);
        // The TTL of an RRset is one (RFC 2181, 5.2): that of the shortest decision.
        assert!(found.iter().all(|service| service.ttl_s == 30), "{found:?}");
        assert_same(
            reply.additional(),
            &[
                &format!("www.services.example. 30 IN A {v4}"),
                &format!("www.services.example. 30 IN AAAA {v6}"),
                "v4only.services.example. 30 IN A 192.0.2.4",
            ],
        );
    }
    // A shorter one of the file stays.
    assert_eq!(
        services(&ask(&service_query("brief", "HTTPS")))[0].ttl_s,
        20
    );
}

#[test]
fn section_7_3_hints_are_there_however_the_name_is_come_to() {
    for (name, rtype, target) in [
        ("away", "HTTPS", "any.app.services.example."),
        ("chain", "HTTPS", "."),
        ("x.y.app", "HTTPS", "."),
        ("x.y.app", "SVCB", "www.services.example."),
    ] {
        let reply = ask(&service_query(name, rtype).from("20.5.2.53"));
        let found = services(&reply);
        assert_eq!(found[0].target, target);
        assert_eq!(found[0].hints, ["192.0.2.2", "2001:db8:2::1"], "{name}");
    }
    let reply = ask(&service_query("x.y.app", "HTTPS"));
    assert_same(
        reply.additional(),
        &[
            "x.y.app.services.example. 30 IN A 192.0.2.3",
            "x.y.app.services.example. 30 IN AAAA 2001:db8:3::1",
        ],
    );
}

#[test]
fn section_7_3_minimal_responses_have_hints_too() {
    let reply = ask(&in_zone("lean.example", "www", "HTTPS").from("20.5.2.53"));
    let found = services(&reply);
    assert_eq!(found[0].hints, ["192.0.2.2", "2001:db8:2::1"]);
    assert_eq!(found[1].hints, ["192.0.2.4"]);
    assert_eq!(reply.additional(), [""; 0]);
}

#[test]
fn section_7_3_rotated_records_have_their_hints() {
    let mut server = server();
    let mut firsts = [0; 4];
    for _ in 0..12 {
        let reply = server.ask(&in_zone("turned.example", "www", "HTTPS").from("20.5.2.53"));
        let mut found = services(&reply);
        firsts[usize::from(found[0].priority)] += 1;
        found.sort_by_key(|service| service.priority);
        assert_service(
            &found[0],
            1,
            &[1, 3, 4, 5, 6, 65000],
            &["192.0.2.2", "2001:db8:2::1"],
        );
        assert_service(&found[1], 2, &[1, 4, 7], &["192.0.2.4"]);
        assert_service(&found[2], 3, &[4], &["203.0.113.7"]);
        assert_eq!(
            reply.authority(),
            ["turned.example. 300 IN NS ns1.turned.example."]
        );
        assert_same(
            reply.additional(),
            &[
                "www.turned.example. 30 IN A 192.0.2.2",
                "www.turned.example. 30 IN AAAA 2001:db8:2::1",
                "v4only.turned.example. 30 IN A 192.0.2.4",
                "ns1.turned.example. 300 IN A 192.0.2.53",
            ],
        );
    }
    assert_eq!(firsts, [0, 4, 4, 4]);
}

#[test]
fn section_7_3_services_of_one_name_have_the_same_hints() {
    let reply = ask(&service_query("many", "HTTPS").tcp());
    let found = services(&reply);
    assert_eq!(found[0].hints.len(), 16);
    assert_eq!(found[0].hints, found[1].hints);
    let is_hint = |line: &String| found[0].hints.iter().any(|hint| line.ends_with(hint));
    assert!(reply.additional().iter().all(is_hint));
    assert_eq!(reply.additional().len(), 16);
}

#[test]
fn section_7_3_what_does_not_fit_is_cut_off_whole() {
    // Two records with 16 hints each.
    let whole = ask(&service_query("many", "HTTPS").edns().tcp());
    let hinted: usize = services(&whole)
        .iter()
        .map(|service| 12 + service.len)
        .sum();
    let fixed = 12 + "many.services.example.".len() + 1 + 4 + 11;
    for (payload, fits) in [
        (fixed + hinted, true),
        (fixed + hinted - 1, false),
        (512, false),
    ] {
        let reply = ask(&service_query("many", "HTTPS").payload(payload as u16));
        assert_eq!(reply.is_truncated(), !fits, "{payload}");
        assert_eq!(services(&reply).len(), if fits { 2 } else { 0 });
        assert_eq!(reply.additional(), [""; 0]);
    }
}

#[test]
fn section_7_3_hints_follow_health() {
    let down = || EndpointHealth::new(Verdict::Down, 1_000);
    let mut server = server();
    // Asia has only IPv6 up, so that IPv4 comes from elsewhere.
    server.set_health(|address| match address.to_string().as_str() {
        "192.0.2.3" => down(),
        _ => EndpointHealth::UNWATCHED,
    });
    let found = services(&server.ask(&service_query("away", "HTTPS")));
    assert_eq!(found[0].hints, ["192.0.2.2", "2001:db8:3::1"]);
    // Nothing is up: what is answered all the same is told.
    server.set_health(|_| down());
    let reply = server.ask(&service_query("away", "HTTPS").edns());
    assert_eq!(services(&reply)[0].hints, ["192.0.2.3", "2001:db8:3::1"]);
    assert_eq!(reply.error_code(), Some(0));
    // It is in need only that it is answered, and not beside something else.
    assert_eq!(reply.additional(), [""; 0]);
    // Else there are no hints, but the service is there.
    for name in ["or-nodata", "or-servfail", "or-refuse"] {
        let reply = server.ask(&service_query(name, "HTTPS").edns());
        assert_eq!(reply.rcode(), "NOERROR", "{name}");
        assert_service(&services(&reply)[0], 1, &[], &[]);
        assert_eq!(reply.error_code(), None);
        assert_eq!(reply.additional(), [""; 0]);
    }
}

#[test]
fn section_7_3_a_name_that_is_answered_by_cname_has_no_hints() {
    // Europe's pool is a name of somebody else's.
    let query = service_query("to-cdn", "HTTPS");
    let reply = ask(&query.clone().from("20.1.2.53"));
    assert_service(&services(&reply)[0], 1, &[1], &[]);
    assert_eq!(services(&reply)[0].ttl_s, 30);
    assert_eq!(reply.additional(), [""; 0]);
    let mx = service_query("to-cdn", "MX").from("20.1.2.53");
    assert_eq!(ask(&mx).additional(), [""; 0]);
    let reply = ask(&query.clone().subnet("20.1.2.0/24"));
    assert_service(&services(&reply)[0], 1, &[1], &[]);
    assert_eq!(reply.scope(), Some(14));
    // Asia's has addresses.
    let reply = ask(&query);
    let hints = ["192.0.2.3", "2001:db8:3::1"];
    assert_service(&services(&reply)[0], 1, &[1, 4, 6], &hints);
    assert_eq!(reply.additional().len(), 2);
}

#[test]
fn section_4_1_the_service_that_an_alias_leads_to_has_its_hints() {
    let reply = ask(&service_query("alias", "HTTPS").from("20.5.2.53"));
    let found = services(&reply);
    assert_service(&found[0], 0, &[], &[]);
    assert_service(
        &found[1],
        1,
        &[1, 3, 4, 5, 6, 65000],
        &["192.0.2.2", "2001:db8:2::1"],
    );
    assert_eq!((found[1].ttl_s, found.len()), (30, 4));
    // With a client subnet, none: that section has no scope (RFC 7871, 7.4).
    let reply = ask(&service_query("alias", "HTTPS").subnet("20.5.2.0/24"));
    let found = services(&reply);
    assert_service(&found[1], 1, &[1, 3, 5, 65000], &[]);
    assert_service(&found[2], 2, &[1, 7], &[]);
    assert_service(&found[3], 3, &[4], &["203.0.113.7"]);
    assert_eq!(reply.scope(), Some(0));
}

#[test]
fn section_4_1_hosts_that_are_balanced_have_the_addresses_of_their_decisions() {
    for (name, rtype, expected) in [
        (
            "@",
            "MX",
            &[
                "www.services.example. 30 IN A 192.0.2.2",
                "www.services.example. 30 IN AAAA 2001:db8:2::1",
                "v4only.services.example. 30 IN A 192.0.2.4",
                "ns1.services.example. 300 IN A 192.0.2.53",
            ][..],
        ),
        (
            "_sip._tcp",
            "SRV",
            &[
                "any.app.services.example. 30 IN A 192.0.2.2",
                "any.app.services.example. 30 IN AAAA 2001:db8:2::1",
            ],
        ),
        (
            "sip",
            "NAPTR",
            &[
                "www.services.example. 30 IN A 192.0.2.2",
                "www.services.example. 30 IN AAAA 2001:db8:2::1",
            ],
        ),
    ] {
        let query = service_query(name, rtype).from("20.5.2.53");
        assert_same(ask(&query).additional(), expected);
        let query = query.subnet("20.1.2.0/24");
        let told = ask(&query).additional();
        assert!(told.iter().all(|line| line.starts_with("ns1.")), "{told:?}");
    }
}
