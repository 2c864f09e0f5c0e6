use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::config::{
    GeoIp, LocationSpec, Network, Place, Policy, PolicyMember, PolicyOrder, Region, Resolver,
    Selector, Server,
};
use crate::geoip::{Location, Spans};
use crate::locate::{Client, LocatedBy, Subnet, locate};
use crate::model::{Balance, Coordinates, FamilyFallback, NetworkId, RegionId, WhenAllDown};

const FRANKFURT: (f64, f64) = (50.11, 8.68);
const VIRGINIA: (f64, f64) = (39.04, -77.49);
const SINGAPORE: (f64, f64) = (1.35, 103.82);
const OREGON: (f64, f64) = (45.6, -121.2);

fn at((latitude, longitude): (f64, f64)) -> Coordinates {
    Coordinates {
        latitude,
        longitude,
    }
}

fn region(name: &str, place: Option<(f64, f64)>, serves: &[Selector]) -> Region {
    Region {
        name: name.into(),
        location: place.map(|place| LocationSpec::Coordinates(at(place))),
        bias: 0,
        serves: serves.to_vec(),
    }
}

/// Slots 0, 1, 2: eu, us, ap.
fn three_regions() -> Vec<Region> {
    vec![
        region("eu", Some(FRANKFURT), &[]),
        region("us", Some(VIRGINIA), &[]),
        region("ap", Some(SINGAPORE), &[]),
    ]
}

/// A geographic policy over regions by their index.
fn geo(regions: &[u16], default: &[u16]) -> Policy {
    let pool = crate::config::Member::Pool(crate::model::PoolId(0));
    Policy {
        name: "world".into(),
        order: PolicyOrder::Geo {
            serves: Vec::new(),
            default: default.iter().map(|r| RegionId(*r)).collect(),
        },
        members: regions
            .iter()
            .map(|r| PolicyMember {
                member: pool,
                weight: 1,
                region: Some(RegionId(*r)),
            })
            .collect(),
        balance: Balance::Failover,
        last_resort: Vec::new(),
        spread: Vec::new(),
        when_all_down: WhenAllDown::All,
        has_names: false,
        family_fallback: FamilyFallback::Region,
        place: Place::file("meridian.toml"),
    }
}

fn config(regions: Vec<Region>, policies: Vec<Policy>) -> Config {
    Config {
        path: PathBuf::from("meridian.toml"),
        server: Server::default(),
        geoip: GeoIp {
            databases: Vec::new(),
            feeds: Vec::new(),
            depth: 3,
        },
        resolver: Resolver::default(),
        networks: vec![Network {
            name: "office".into(),
            prefixes: Vec::new(),
            location: None,
            places_clients: true,
        }],
        regions,
        monitors: Vec::new(),
        pools: Vec::new(),
        policies,
        zones: Vec::new(),
        metrics: None,
        webhook: None,
        forwarder: None,
    }
}

/// One /16 per location, from 20.0.0.0 on.
fn world(locations: Vec<Location>) -> World {
    let v4 = (0..locations.len() as u32).map(|location| Range {
        start: (20 << 24) + (location << 16),
        end: (20 << 24) + (location << 16) + 0xffff,
        location,
    });
    World {
        v4: v4.collect(),
        v6: Spans::default(),
        locations,
    }
}

fn in_place(place: (f64, f64)) -> Location {
    Location {
        coordinates: Some(at(place)),
        ..Location::default()
    }
}

fn in_country(continent: &[u8; 2], country: &[u8; 2]) -> Location {
    Location {
        continent: Some(*continent),
        country: Some(*country),
        ..Location::default()
    }
}

/// The order of slots for each location of a world, by the only map of the configuration.
fn orders(config: &Config, locations: Vec<Location>) -> Vec<Vec<u8>> {
    let world = world(locations);
    let maps = compile_maps(config, &world).unwrap().maps;
    let order = |range: Range<u32>| {
        let found = maps[0].table.lookup_v4(range.start, 32);
        maps[0].order(found.class).to_vec()
    };
    world.v4.iter().map(order).collect()
}

fn order(config: &Config, location: Location) -> Vec<u8> {
    orders(config, vec![location]).remove(0)
}

#[test]
fn clients_get_the_nearest_region_first() {
    let config = config(three_regions(), vec![geo(&[0, 1, 2], &[])]);
    let (paris, new_york, tokyo) = ((48.9, 2.4), (40.7, -74.0), (35.7, 139.7));
    let orders = orders(&config, [paris, new_york, tokyo].map(in_place).to_vec());
    assert_eq!(orders, [[0, 1, 2], [1, 0, 2], [2, 0, 1]]);
}

#[test]
fn clients_without_coordinates_are_placed_by_country_then_continent() {
    let config = config(three_regions(), vec![geo(&[0, 1, 2], &[])]);
    assert_eq!(order(&config, in_country(b"NA", b"US"))[0], 1);
    assert_eq!(order(&config, in_country(b"NA", b"??"))[0], 1);
    assert_eq!(order(&config, in_country(b"AS", b"JP"))[0], 2);
}

#[test]
fn regions_are_placed_by_country_and_those_without_a_place_come_last() {
    let mut regions = three_regions();
    regions[0].location = Some(LocationSpec::Subdivision(*b"DE", "HE".into()));
    regions[1].location = Some(LocationSpec::Continent(*b"NA"));
    regions.insert(0, region("nowhere", None, &[]));
    let config = config(regions, vec![geo(&[0, 1, 2, 3], &[])]);
    let (paris, new_york) = ((48.9, 2.4), (40.7, -74.0));
    assert_eq!(order(&config, in_place(paris)), [1, 2, 3, 0]);
    assert_eq!(order(&config, in_place(new_york)), [2, 1, 3, 0]);
}

#[test]
fn a_more_specific_selector_wins_and_every_selector_wins_over_distance() {
    let us = *b"US";
    let regions = vec![
        region("near", Some(OREGON), &[]),
        region("continent", Some(SINGAPORE), &[Selector::Continent(*b"NA")]),
        region("country", Some(SINGAPORE), &[Selector::Country(us)]),
        region("state", None, &[Selector::Subdivision(us, "OR".into())]),
        region("asn", Some(SINGAPORE), &[Selector::Asn(64500)]),
        region("network", None, &[Selector::Network(NetworkId(0))]),
    ];
    let mut config = config(regions, vec![geo(&[0, 1, 2, 3, 4, 5], &[])]);
    config.geoip.depth = 8;
    let location = Location {
        network: Some(NetworkId(0)),
        asn: Some(64500),
        continent: None,
        country: Some(us),
        subdivisions: vec!["OR".into()],
        coordinates: Some(at(OREGON)),
    };
    assert_eq!(order(&config, location), [5, 4, 3, 2, 1, 0]);
}

#[test]
fn of_regions_with_equally_specific_selectors_the_nearer_wins() {
    let serves = [Selector::Country(*b"US")];
    let regions = vec![
        region("east", Some(VIRGINIA), &serves),
        region("west", Some(OREGON), &serves),
        region("eu", Some(FRANKFURT), &[]),
    ];
    let config = config(regions, vec![geo(&[0, 1, 2], &[])]);
    let client = |coordinates| Location {
        coordinates,
        ..in_country(b"NA", b"US")
    };
    let seattle = at((47.6, -122.3));
    assert_eq!(order(&config, client(Some(seattle))), [1, 0, 2]);
    let boston = at((42.4, -71.1));
    assert_eq!(order(&config, client(Some(boston))), [0, 1, 2]);
}

#[test]
fn a_bias_stretches_or_shrinks_what_goes_by_distance_and_nothing_else() {
    // In the middle of the Atlantic, a little nearer to Europe.
    let client = || Location {
        coordinates: Some(at((46.0, -32.0))),
        ..Location::default()
    };
    let first = |eu: i8, us: i8, location| {
        let mut regions = three_regions();
        (regions[0].bias, regions[1].bias) = (eu, us);
        order(&config(regions, vec![geo(&[0, 1, 2], &[])]), location)[0]
    };
    let unbiased = first(0, 0, client());
    let other = 1 - unbiased;
    let biased = |of: u8, bias: i8| match of {
        0 => first(bias, 0, client()),
        _ => first(0, bias, client()),
    };
    assert_eq!(biased(other, 50), other);
    assert_eq!(biased(unbiased, -50), other);
    assert_eq!(biased(unbiased, 50), unbiased);
    let mut regions = three_regions();
    regions[2].bias = 99;
    regions[1].serves = vec![Selector::Country(*b"DE")];
    let config = config(regions, vec![geo(&[0, 1, 2], &[])]);
    assert_eq!(order(&config, in_country(b"EU", b"DE"))[0], 1);
}

#[test]
fn a_selector_needs_no_coordinates_and_the_rest_goes_by_distance_from_its_region() {
    let mut regions = three_regions();
    regions[2].serves = vec![Selector::Asn(64500)];
    let config = config(regions, vec![geo(&[1, 0, 2], &[])]);
    let location = Location {
        asn: Some(64500),
        ..Location::default()
    };
    // Slots are us, eu, ap; eu is nearer to ap than us is.
    assert_eq!(order(&config, location), [2, 1, 0]);
}

#[test]
fn a_policy_overrides_what_a_region_serves() {
    let mut regions = three_regions();
    regions[2].serves = vec![Selector::Country(*b"DE")];
    let mut policy = geo(&[0, 1, 2], &[]);
    if let PolicyOrder::Geo { serves, .. } = &mut policy.order {
        serves.push((RegionId(2), Vec::new()));
        serves.push((RegionId(1), vec![Selector::Country(*b"DE")]));
    }
    let config = config(regions, vec![policy]);
    assert_eq!(order(&config, in_country(b"EU", b"DE"))[0], 1);
}

#[test]
fn the_default_order_is_as_listed_with_the_named_regions_first() {
    let config = config(three_regions(), vec![geo(&[0, 1, 2], &[2])]);
    let maps = compile_maps(&config, &World::default()).unwrap().maps;
    assert_eq!(maps[0].order(CLASS_DEFAULT), [2, 0, 1]);
    assert_eq!(order(&config, Location::default()), [2, 0, 1]);
}

#[test]
fn a_map_without_any_place_or_match_has_only_the_default_class() {
    let regions = vec![region("a", None, &[]), region("b", None, &[])];
    let config = config(regions, vec![geo(&[0, 1], &[1])]);
    let world = world(vec![in_place(SINGAPORE)]);
    let maps = compile_maps(&config, &world).unwrap().maps;
    assert_eq!(maps[0].class_count(), 1);
}

#[test]
fn what_comes_after_the_depth_is_fixed_by_the_first() {
    let mut config = config(three_regions(), vec![geo(&[0, 1, 2], &[])]);
    config.geoip.depth = 1;
    // From Lima us comes first and eu second; from Honolulu ap is nearer than eu.
    let (lima, honolulu) = ((-12.0, -77.0), (21.3, -157.9));
    let both = || [lima, honolulu].map(in_place).to_vec();
    assert_eq!(orders(&config, both()), [[1, 0, 2], [1, 0, 2]]);
    config.geoip.depth = 2;
    assert_eq!(orders(&config, both()), [[1, 0, 2], [1, 2, 0]]);
}

#[test]
fn neighbours_that_rank_alike_share_one_scope() {
    let config = config(three_regions(), vec![geo(&[0, 1, 2], &[])]);
    let world = world(vec![
        in_place(FRANKFURT),
        in_place((48.9, 2.4)),
        in_place(VIRGINIA),
    ]);
    let map = &compile_maps(&config, &world).unwrap().maps[0];
    assert_eq!(map.table.lookup_v4(20 << 24, 24).scope, 15);
    assert_eq!(map.table.lookup_v4((20 << 24) + (2 << 16), 24).scope, 16);
}

#[test]
fn policies_that_rank_alike_share_a_map() {
    let mut weighted = geo(&[], &[]);
    weighted.order = PolicyOrder::Listed;
    let policies = vec![
        geo(&[0, 1, 2], &[]),
        weighted,
        geo(&[0, 0, 1, 2], &[0, 1]),
        geo(&[0, 1, 2], &[1]),
        geo(&[0, 1], &[]),
    ];
    let config = config(three_regions(), policies);
    let maps = compile_maps(&config, &World::default()).unwrap();
    let id = |id| Some(MapId(id));
    assert_eq!(maps.by_policy, [id(0), None, id(0), id(1), id(2)]);
    assert_eq!(maps.maps.len(), 3);
}

#[test]
fn own_networks_are_known_in_private_space_and_databases_are_not() {
    let mut config = config(three_regions(), vec![geo(&[0, 1, 2], &[])]);
    config.regions[1].serves = vec![Selector::Network(NetworkId(0))];
    let office = Location {
        network: Some(NetworkId(0)),
        ..Location::default()
    };
    let range = |start, location| Range {
        start,
        end: start + 0xffff,
        location,
    };
    let world = World {
        locations: vec![office, in_place(SINGAPORE)],
        v4: Spans::from_iter([range(0x0a00_0000, 0), range(0x0a01_0000, 1)]),
        v6: Spans::default(),
    };
    let map = &compile_maps(&config, &world).unwrap().maps[0];
    let locate_at = |address: [u8; 4]| {
        let subnet = Some(Subnet {
            address: IpAddr::from(address),
            source: 24,
        });
        let resolver = IpAddr::from([127, 0, 0, 1]);
        locate(map, &Client { subnet, resolver })
    };
    let office = locate_at([10, 0, 5, 0]);
    assert_eq!((office.by, office.scope), (LocatedBy::Subnet, 16));
    assert_eq!(map.order(office.class)[0], 1);
    assert_eq!(locate_at([10, 1, 5, 0]).by, LocatedBy::Default);
}

#[test]
fn too_many_regions_or_maps_are_refused_at_the_policy() {
    let many: Vec<_> = (0..300).map(|_| region("r", None, &[])).collect();
    let all: Vec<u16> = (0..300).collect();
    let config_of = |policies| config(many.clone(), policies);
    let refusal = |config: &Config| {
        let refused = compile_maps(config, &World::default()).unwrap_err();
        refused.sorted()[0].to_string()
    };
    let message = refusal(&config_of(vec![geo(&all, &[])]));
    assert_eq!(
        message,
        "meridian.toml: error: policy `world` chooses among 300 regions (at most 255)"
    );
    let message = refusal(&config_of((0..300).map(|r| geo(&[r], &[])).collect()));
    assert!(message.contains("at most 256"), "{message}");
}

#[test]
fn a_thousand_policies_with_one_idea_of_the_world_share_one_table() {
    let policies = vec![geo(&[0, 1, 2], &[]); 1000];
    let config = config(three_regions(), policies);
    let world = world(vec![in_place(FRANKFURT), in_place(VIRGINIA)]);
    let maps = compile_maps(&config, &world).unwrap();
    assert_eq!(maps.maps.len(), 1);
    assert!(maps.by_policy.iter().all(|map| *map == Some(MapId(0))));
}

#[test]
fn maps_compiled_in_one_pass_are_those_compiled_alone() {
    let policies = vec![geo(&[0, 1, 2], &[]), geo(&[2, 1], &[1]), geo(&[0, 2], &[])];
    let world = world(
        [FRANKFURT, VIRGINIA, SINGAPORE, OREGON]
            .map(in_place)
            .to_vec(),
    );
    let together = compile_maps(&config(three_regions(), policies.clone()), &world).unwrap();
    for (policy, map) in policies.into_iter().zip(together.maps) {
        let alone = compile_maps(&config(three_regions(), vec![policy]), &world).unwrap();
        assert_eq!(alone.maps[0], map);
    }
}

#[test]
fn maps_that_together_are_too_large_are_refused_at_the_policy_of_the_largest() {
    let mut small = geo(&[0], &[]);
    small.name = "small".into();
    let config = config(three_regions(), vec![small, geo(&[0, 1, 2], &[])]);
    let locations: Vec<_> = (0..100)
        .map(|i| in_place([FRANKFURT, VIRGINIA][i % 2]))
        .collect();
    let world = world(locations);
    assert!(compile_within(&config, &world, &Maps::default(), 2000).is_ok());
    let refused = compile_within(&config, &world, &Maps::default(), 500).unwrap_err();
    let message = refused.sorted()[0].to_string();
    assert!(
        message.contains("policy `world` has the largest of the maps"),
        "{message}"
    );
}

#[test]
fn too_many_classes_are_refused_at_the_policy() {
    // 42 regions in every order of the first three are 68,880 classes.
    let code = |i: u8| [b'A' + i / 10, b'A' + i % 10];
    let regions = (0..42).map(|i| {
        let serves = [
            Selector::Asn(i.into()),
            Selector::Country(code(i)),
            Selector::Continent(code(i)),
        ];
        region("r", None, &serves)
    });
    let all: Vec<u16> = (0..42).collect();
    let config = config(regions.collect(), vec![geo(&all, &[])]);
    let locations = (0..42u32.pow(3)).map(|i| Location {
        asn: Some(i / 42 / 42),
        ..in_country(&code((i / 42 % 42) as u8), &code((i % 42) as u8))
    });
    let world = World {
        locations: locations.collect(),
        ..World::default()
    };
    let refused = compile_maps(&config, &world).unwrap_err();
    assert_eq!(
        refused.sorted()[0].to_string(),
        "meridian.toml: error: policy `world` tells too many classes of clients apart \
         (at most 65000; a smaller `depth` in [geoip] makes fewer)"
    );
}

// RFC 7871, 7.2.1: scopes never overlap.

fn any_location() -> impl Strategy<Value = Location> {
    (
        prop::option::weighted(0.2, Just(NetworkId(0))),
        prop::option::of(64500u32..64503),
        prop::option::of(prop::sample::select(vec![*b"DE", *b"US", *b"JP"])),
        prop::option::of((-90.0..90.0, -180.0..180.0)),
    )
        .prop_map(|(network, asn, country, place)| Location {
            network,
            asn,
            country,
            coordinates: place.map(at),
            ..Location::default()
        })
}

fn any_selector() -> impl Strategy<Value = Selector> {
    prop_oneof![
        Just(Selector::Network(NetworkId(0))),
        (64500u32..64503).prop_map(Selector::Asn),
        prop::sample::select(vec![*b"DE", *b"US", *b"JP"]).prop_map(Selector::Country),
        prop::sample::select(vec![*b"EU", *b"NA", *b"AS"]).prop_map(Selector::Continent),
    ]
}

fn any_region() -> impl Strategy<Value = Region> {
    let place = prop::option::of((-90.0..90.0, -180.0..180.0));
    let serves = prop::collection::vec(any_selector(), 0..3);
    (place, serves).prop_map(|(place, serves)| region("r", place, &serves))
}

/// Ranges between ascending cuts.
fn any_world() -> impl Strategy<Value = World> {
    let locations = prop::collection::vec(any_location(), 1..12);
    let cuts = prop::collection::btree_map(0u32..0x4_0000, 0usize..16, 2..60);
    (locations, cuts).prop_map(|(locations, cuts)| {
        let cuts: Vec<(u32, usize)> = cuts.into_iter().collect();
        let known = |pair: &&[(u32, usize)]| pair[0].1 < locations.len();
        // 10.254.0.0 on: half of it is private, half of it is not.
        let v4 = cuts.windows(2).filter(known).map(|pair| Range {
            start: 0x0afe_0000 + pair[0].0,
            end: 0x0afe_0000 + pair[1].0 - 1,
            location: pair[0].1 as u32,
        });
        // 2001:fffe:: on: half of it is before 6to4 space, half of it is in it.
        let wide = |cut: u32| (0x2001_fffe << 96) + (u128::from(cut) << 80);
        let v6 = cuts.windows(2).filter(known).map(|pair| Range {
            start: wide(pair[0].0),
            end: wide(pair[1].0) - 1,
            location: pair[0].1 as u32,
        });
        World {
            v4: v4.collect(),
            v6: v6.collect(),
            locations,
        }
    })
}

fn any_client() -> impl Strategy<Value = Subnet> {
    let low = 0u32..0x4_0000;
    let v4 = (low.clone(), 1u8..=32)
        .prop_map(|(low, source)| (IpAddr::V4((0x0afe_0000 + low).into()), source));
    let v6 = (low.clone(), 16u8..=64).prop_map(|(low, source)| {
        let address = (0x2001_fffe_u128 << 96) + (u128::from(low) << 80);
        (IpAddr::V6(address.into()), source)
    });
    let six_to_four = (low, 16u8..=64).prop_map(|(low, source)| {
        let address = (0x2002_u128 << 112) + (u128::from(0x0afe_0000 + low) << 80);
        (IpAddr::V6(address.into()), source)
    });
    prop_oneof![v4, v6, six_to_four].prop_map(|(address, source)| {
        let net = IpNet::new(address, source).unwrap().trunc();
        Subnet {
            address: net.addr(),
            source,
        }
    })
}

proptest! {
    #[test]
    fn cached_answers_never_overlap(
        regions in prop::collection::vec(any_region(), 1..5),
        world in any_world(),
        clients in prop::collection::vec(any_client(), 2..40),
        depth in 1u8..4,
    ) {
        let all: Vec<u16> = (0..regions.len() as u16).collect();
        let mut config = config(regions, vec![geo(&all, &[])]);
        config.geoip.depth = depth;
        let map = &compile_maps(&config, &world).unwrap().maps[0];
        // A resolver keeps an answer for the block that its scope makes of the client's network;
        // where the scope is longer than SOURCE, only for that very network (7.3.1).
        let answers = clients.into_iter().filter_map(|subnet| {
            let resolver = IpAddr::from([127, 0, 0, 1]);
            let located = locate(map, &Client { subnet: Some(subnet), resolver });
            let block = IpNet::new(subnet.address, located.scope).unwrap().trunc();
            (located.scope <= subnet.source).then_some((block, located.class))
        });
        let answers: Vec<_> = answers.collect();
        for one in &answers {
            for other in &answers {
                prop_assert!(!one.0.contains(&other.0) || one == other, "{one:?} {other:?}");
            }
        }
    }
}
