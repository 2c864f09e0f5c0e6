use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::*;
use super::{FULL, parse_text, reported};
use crate::dns::Name;
use crate::model::{
    Balance, Coordinates, FamilyFallback, MonitorId, NetworkId, PolicyId, PoolId, RegionId,
    Responses, RrsetOrder, TtlRange, WhenAllDown,
};

fn full() -> Config {
    parse_text(FULL).expect("the example is right").config
}

#[test]
fn the_full_example_has_neither_errors_nor_warnings() {
    assert_eq!(reported(FULL), [""; 0]);
}

#[test]
fn the_server_is_read() {
    let server = full().server;
    assert_eq!(server.listen[1], "[::1]:5300".parse().unwrap());
    assert_eq!(server.state_dir, Some(PathBuf::from("/etc/meridian/state")));
    assert_eq!(server.udp_threads, Some(2));
    assert_eq!(server.udp_payload_max, 1400);
    assert_eq!(server.tcp_connections_max, 1000);
    assert_eq!(server.tcp_per_client_max, 50);
    assert_eq!(server.tcp_idle_timeout, Duration::from_secs(5));
    assert_eq!(server.startup_grace, Duration::from_secs(1));
    assert_eq!(server.saved_max_age, Duration::from_secs(300));
    assert_eq!(server.drain_time, Duration::from_secs(3));
    assert_eq!(server.panic.share, 0.5);
    assert_eq!(server.panic.hold, Duration::from_secs(20));
    assert_eq!(server.panic.control, ["192.0.2.254:443".parse().unwrap()]);
}

#[test]
fn paths_begin_at_the_folder_of_the_file_and_keep_their_place() {
    let config = full();
    let databases: Vec<_> = config.geoip.databases.iter().map(|at| &at.value).collect();
    assert_eq!(
        databases,
        [
            Path::new("/etc/meridian/city.mmdb"),
            Path::new("/srv/asn.mmdb")
        ]
    );
    let feed = &config.geoip.feeds[0];
    assert_eq!(feed.value, Path::new("/etc/meridian/feed.csv"));
    assert_eq!(feed.place.to_string(), "/etc/meridian/meridian.toml:17:12");
}

#[test]
fn aliases_stand_beside_addresses() {
    let config = full();
    let pool = config.pools.iter().find(|pool| pool.name == "leased");
    let pool = pool.expect("the pool");
    assert_eq!(pool.endpoints.len(), 1);
    let alias = &pool.aliases[0];
    assert_eq!(alias.name, Name::parse("lb.example.net.").unwrap());
    assert_eq!((alias.weight, alias.capacity), (2, Some(100)));
    assert!(!alias.is_resolved && !pool.is_of_names());
}

#[test]
fn the_resolver_is_read_and_what_is_left_out_has_its_default() {
    let resolver = full().resolver;
    let servers = resolver.servers.unwrap();
    assert_eq!(servers[0], "192.0.2.53:53".parse().unwrap());
    assert_eq!(servers[1], "[2001:db8::53]:5353".parse().unwrap());
    assert_eq!(resolver.timeout, Duration::from_secs(1));
    assert_eq!(resolver.keep, Duration::from_secs(1800));
    let default = parse_text("").expect("nothing is needed").config.resolver;
    assert_eq!(default.servers, None);
    assert_eq!(default.timeout, Duration::from_secs(2));
    assert_eq!(default.keep, Duration::from_secs(3600));
}

#[test]
fn networks_and_regions_are_read_in_the_order_of_the_file() {
    let config = full();
    assert_eq!(config.geoip.depth, 4);
    let names: Vec<_> = config.networks.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["office", "lab", "staff"]);
    assert_eq!(
        config.networks[0].location,
        Some(LocationSpec::Country(*b"DE"))
    );
    assert_eq!(
        config.networks[1].prefixes[0].value,
        "198.51.100.0/24".parse().unwrap()
    );
    assert_eq!(
        config.regions[0].location,
        Some(LocationSpec::Coordinates(Coordinates {
            latitude: 50.11,
            longitude: 8.68
        }))
    );
    assert_eq!(
        config.regions[0].serves,
        [
            Selector::Continent(*b"EU"),
            Selector::Network(NetworkId(0)),
            Selector::Asn(64500)
        ]
    );
    assert_eq!(
        config.regions[1].location,
        Some(LocationSpec::Subdivision(*b"US", "CA".into()))
    );
    assert_eq!((config.regions[0].bias, config.regions[1].bias), (0, -20));
}

#[test]
fn monitors_are_read_and_what_is_left_out_has_its_default() {
    let config = full();
    let web = &config.monitors[0];
    let ProbeKind::Http(http) = &web.probe else {
        panic!("an HTTP probe");
    };
    let tls = http.tls.as_ref().expect("https");
    assert_eq!(tls.sni.as_deref(), Some("sni.example.com"));
    assert_eq!(
        tls.ca.as_ref().unwrap().value,
        Path::new("/etc/meridian/ca.pem")
    );
    assert!(tls.insecure);
    assert_eq!(http.path, "/healthz?full=1");
    assert_eq!(http.expect_status, [(200, 200), (300, 399)]);
    assert_eq!(http.expect_body.as_deref(), Some("ok"));
    assert_eq!(http.body_limit, 1000);
    assert_eq!((web.port, web.rise, web.fall), (8443, 3, 2));
    assert_eq!(web.jitter, 0.2);
    assert!(!web.unknown_is_up);

    let plain = &config.monitors[1];
    assert_eq!(plain.port, 80);
    assert_eq!(plain.interval, Duration::from_secs(5));
    assert_eq!(plain.timeout, Duration::from_secs(2));
    assert_eq!((plain.rise, plain.fall, plain.jitter), (2, 2, 0.1));
    assert!(plain.unknown_is_up);

    let port = &config.monitors[2];
    assert_eq!(port.probe, ProbeKind::Tcp(TcpProbe::default()));
    assert_eq!(
        port.timeout,
        Duration::from_secs(1),
        "half of a short interval"
    );

    let minute = Duration::from_secs(60);
    let flap = Flap {
        falls: 4,
        within: 20 * minute,
        hold: minute,
        max: 120 * minute,
    };
    let options = VerdictOptions {
        refused_counts_at_once: true,
        interval_doubt: Some(Duration::from_millis(250)),
        interval_stable: Some(Duration::from_secs(10)),
        stable_after: 5 * minute,
        flap: Some(flap),
        degraded: Some(Degraded {
            above: Duration::from_millis(200),
            share: crate::model::Share(26_214),
        }),
        passive: Some(Passive { fall: 7, rise: 2 }),
    };
    let careful = monitor(&config, "careful");
    assert_eq!(careful.options, options);
    assert_eq!(plain.options, VerdictOptions::default());
}

fn monitor<'c>(config: &'c Config, name: &str) -> &'c Monitor {
    let mut monitors = config.monitors.iter();
    let found = monitors.find(|monitor| monitor.name == name);
    found.expect("a monitor of this name")
}

#[test]
fn monitors_that_probe_nothing_themselves_are_read() {
    let config = full();
    let id = |name: &str| {
        let place = config.monitors.iter().position(|m| m.name == name);
        MonitorId(place.expect("a monitor") as u16)
    };
    let calculated = |name: &str| match &monitor(&config, name).probe {
        ProbeKind::Calculated(calculation) => calculation.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(calculated("service"), Calculation::Not(id("maintenance")));
    let either = Calculation::Any(vec![id("told-so"), id("database")]);
    assert_eq!(calculated("either"), either);
    let of = vec![id("careful"), id("either"), id("service")];
    let most = Calculation::AtLeast { count: 2, of };
    assert_eq!(calculated("most"), most);
    let both = Calculation::All(vec![id("most"), id("database")]);
    assert_eq!(calculated("most, database"), both);
    let mut pools = config.pools.iter();
    let pool = pools.find(|pool| pool.name == "careful").expect("a pool");
    assert_eq!(pool.monitor, Some(id("most, database")));

    let database = monitor(&config, "database");
    assert_eq!(database.at, Some("192.0.2.50:5432".parse().unwrap()));
    assert_eq!(database.port, 5432);
    let told = monitor(&config, "told-so");
    let minute = Duration::from_secs(60);
    assert_eq!(told.probe, ProbeKind::Push(Push { max_age: minute }));
    assert_eq!((told.fall, told.rise, told.unknown_is_up), (2, 4, false));
    let maintenance = monitor(&config, "maintenance");
    let max_age = Duration::from_secs(30);
    assert_eq!(maintenance.probe, ProbeKind::Push(Push { max_age }));
}

#[test]
fn pools_are_read() {
    let config = full();
    let pool = &config.pools[0];
    assert_eq!(pool.region, RegionId(0));
    assert_eq!(pool.monitor, Some(MonitorId(0)));
    assert_eq!(pool.balance, Balance::RoundRobin);
    let second = &pool.endpoints[1];
    assert_eq!(second.destination.to_string(), "2001:db8::1");
    assert_eq!(second.weight, 3);
    assert_eq!(second.check, Some("192.0.2.1:8080".parse().unwrap()));
    assert_eq!(config.pools[3].monitor, None);
    assert_eq!(config.pools[1].balance, Balance::Weighted);
}

#[test]
fn what_pools_can_bear_is_read() {
    let config = full();
    let [.., told, asked, _, _, _] = config.pools.as_slice() else {
        panic!("pools");
    };
    assert_eq!(
        told.load,
        PoolLoad {
            from: Vec::new(),
            capacity: Some(1000),
            shed: Some(Shed {
                above: 0.85,
                floor: 0.05
            }),
            max_age: Duration::from_secs(30),
        }
    );
    let capacities = told.endpoints.iter().map(|endpoint| endpoint.capacity);
    assert_eq!(capacities.collect::<Vec<_>>(), [None, Some(500)]);
    assert_eq!(asked.load.shed.unwrap().floor, 0.1);
    assert_eq!(asked.load.max_age, Duration::from_secs(10));
    let load_from = |monitor: &Monitor| match &monitor.probe {
        ProbeKind::Http(probe) => probe.load.as_deref().cloned(),
        _ => None,
    };
    let load_from: Vec<_> = config.monitors.iter().filter_map(load_from).collect();
    assert_eq!(
        load_from,
        [
            LoadFrom::Header("x-load".into()),
            LoadFrom::Json("/web/load~1cpu".into())
        ]
    );
}

#[test]
fn policies_are_read() {
    let config = full();
    let pool = |id| Member::Pool(PoolId(id));
    let world = &config.policies[0];
    let order = PolicyOrder::Geo {
        serves: vec![(RegionId(1), vec![Selector::Country(*b"DE")])],
        default: vec![RegionId(1)],
    };
    assert_eq!(world.order, order);
    let members = |id: usize| -> Vec<_> {
        let members = config.policies[id].members.iter();
        members.map(|m| (m.member, m.weight, m.region)).collect()
    };
    let (eu, us) = (Some(RegionId(0)), Some(RegionId(1)));
    assert_eq!(members(0), [(pool(0), 1, eu), (pool(1), 1, us)]);
    assert_eq!(world.balance, Balance::Failover);
    assert_eq!(world.when_all_down, WhenAllDown::Fallback(PoolId(3)));
    assert_eq!(world.family_fallback, FamilyFallback::NoData);
    let nested = |id| Member::Policy(PolicyId(id));
    let listed = [
        (
            Balance::Weighted,
            [(nested(0), 95, None), (pool(2), 0, None)],
        ),
        (
            Balance::Failover,
            [(nested(1), 1, None), (pool(2), 1, None)],
        ),
        (
            Balance::RoundRobin,
            [(pool(0), 1, None), (pool(1), 1, None)],
        ),
        (Balance::Random, [(pool(0), 1, None), (nested(3), 1, None)]),
    ];
    for (id, (balance, expected)) in (1..).zip(listed) {
        assert_eq!(config.policies[id].order, PolicyOrder::Listed);
        assert_eq!(config.policies[id].balance, balance);
        assert_eq!(members(id), expected);
    }
    assert_eq!(config.policies[1].when_all_down, WhenAllDown::ServFail);
    assert_eq!(config.policies[2].when_all_down, WhenAllDown::All);
}

#[test]
fn zones_and_balanced_names_are_read() {
    let config = full();
    let zone = &config.zones[0];
    assert_eq!(zone.apex, Name::parse("gslb.example.com").unwrap());
    assert_eq!(zone.file.value, Path::new("/etc/meridian/gslb.zone"));
    assert!(!zone.client_subnet);
    assert_eq!(zone.responses, Responses::Additional);
    assert_eq!(zone.rrset_order, RrsetOrder::Fixed);
    let [www, app, apex] = zone.balanced.as_slice() else {
        panic!("three names");
    };
    assert_eq!(www.owner.to_string(), "www.gslb.example.com.");
    assert_eq!(www.policy, PolicyId(2));
    assert_eq!(
        www.ttl,
        TtlRange {
            min_s: 5,
            max_s: 60
        }
    );
    assert_eq!(www.answers, 4);
    assert!(app.owner.is_wildcard());
    assert_eq!(
        app.ttl,
        TtlRange {
            min_s: 10,
            max_s: 10
        }
    );
    assert_eq!(apex.owner, zone.apex);
    assert_eq!(
        apex.ttl,
        TtlRange {
            min_s: 5,
            max_s: 30
        }
    );
    assert_eq!(apex.answers, 2);
}

#[test]
fn defaults_stand_for_what_is_not_written() {
    let config = parse_text("").expect("an empty file is right").config;
    assert_eq!(config.server, Server::default());
    assert_eq!(config.server.listen[0], "0.0.0.0:53".parse().unwrap());
    assert_eq!(config.server.listen[1], "[::]:53".parse().unwrap());
    assert_eq!(config.geoip.depth, 3);
}

#[test]
fn a_nested_policy_within_one_region_is_a_member_of_geo() {
    let text = FULL
        .replace(
            "geo = [\"web-eu\", \"web-us\"]",
            "geo = [\"web-eu\", \"us\"]",
        )
        .replace(
            "[policy.canary]",
            "[policy.us]\nfailover = [\"web-us\", \"mail\"]\n\n[policy.canary]",
        );
    let config = parse_text(&text).expect("one region").config;
    let us = &config.policies[0].members[1];
    assert_eq!(
        (us.member, us.region),
        (Member::Policy(PolicyId(1)), Some(RegionId(1)))
    );
}

#[test]
fn diagnostics_are_serialised_flat() {
    let diagnostics = parse_text("[server]\nlisten = 5").unwrap_err();
    let json = serde_json::to_value(&diagnostics).unwrap();
    let first = &json[0];
    assert_eq!(first["severity"], "error");
    assert_eq!(first["file"], "/etc/meridian/meridian.toml");
    assert_eq!((&first["line"], &first["column"]), (&2.into(), &10.into()));
    assert_eq!(json[0]["help"], serde_json::Value::Null);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.toml");
    let diagnostics = load(&missing).unwrap_err().diagnostics.sorted();
    assert_eq!(diagnostics[0].place, Place::file(&missing));

    let latin1 = folder.path().join("latin1.toml");
    std::fs::write(&latin1, b"# ok\n# caf\xe9\n").unwrap();
    let diagnostics = load(&latin1).unwrap_err().diagnostics.sorted();
    assert_eq!(
        (diagnostics[0].place.line, diagnostics[0].place.column),
        (2, 6)
    );
}

#[test]
fn mistakes_past_the_limit_are_counted() {
    let text: String = (0..1100).map(|n| format!("k{n} = 1\n")).collect();
    let reported = parse_text(&text).unwrap_err().sorted();
    assert_eq!(reported.len(), 1001);
    assert!(reported[0].message.ends_with("more mistakes are not shown"));
}

#[test]
fn columns_count_characters_in_any_order_of_asking() {
    let text = "é = \"é\" # é\nab";
    let reader = reader::Reader::new(text, Path::new("m.toml"));
    let columns = |offsets: &[usize]| -> Vec<_> {
        let place = |&offset: &usize| reader.place(offset);
        let places = offsets.iter().map(place);
        places.map(|place| (place.line, place.column)).collect()
    };
    assert_eq!(
        columns(&[0, 5, 9, 5, 0, 16, 15]),
        [(1, 1), (1, 5), (1, 8), (1, 5), (1, 1), (2, 2), (2, 1)]
    );
}

#[test]
fn how_a_zone_answers() {
    let with = |settings: &str| {
        let text = FULL.replace("client_subnet = false", settings);
        let zone = parse_text(&text).unwrap().config.zones.swap_remove(0);
        (zone.client_subnet, zone.responses, zone.rrset_order)
    };
    assert_eq!(
        with("responses = \"full\"\nrrset_order = \"rotated\""),
        (true, Responses::Full, RrsetOrder::Rotated)
    );
    assert_eq!(
        with("responses = \"minimal\""),
        (true, Responses::Minimal, RrsetOrder::Fixed)
    );
    assert_eq!(
        with("responses = \"additional\"\nrrset_order = \"fixed\""),
        with("")
    );
}
