//! Databases, feeds and own networks, from files to a world.

mod hostile;
mod replaced;
mod synthetic;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use meridian::config::{At, Diagnostics, GeoIp, LocationSpec, Network, Place};
use meridian::geoip::{self, Location, World};
use meridian::model::{Coordinates, NetworkId};
use mmdb_writer::{Ipv4Aliasing, RecordSize, Value, Writer};
use proptest::prelude::*;

/// A folder of sources, and what a server would make of them.
struct Sources {
    folder: tempfile::TempDir,
    geoip: GeoIp,
    networks: Vec<Network>,
}

impl Sources {
    fn new() -> Self {
        Sources {
            folder: tempfile::tempdir().unwrap(),
            geoip: GeoIp {
                databases: Vec::new(),
                feeds: Vec::new(),
                depth: 3,
            },
            networks: Vec::new(),
        }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> At<PathBuf> {
        let value = self.folder.path().join(name);
        fs::write(&value, bytes).unwrap();
        At {
            value,
            place: place(),
        }
    }

    fn database(mut self, bytes: &[u8]) -> Self {
        let file = self.file(&format!("{}.mmdb", self.geoip.databases.len()), bytes);
        self.geoip.databases.push(file);
        self
    }

    fn feed(mut self, text: &str) -> Self {
        let file = self.file(&format!("{}.csv", self.geoip.feeds.len()), text.as_bytes());
        self.geoip.feeds.push(file);
        self
    }

    fn network(mut self, prefixes: &[&str], location: Option<LocationSpec>) -> Self {
        let at = |prefix: &&str| At {
            value: net(prefix),
            place: place(),
        };
        self.networks.push(Network {
            name: format!("network-{}", self.networks.len()),
            prefixes: prefixes.iter().map(at).collect(),
            location,
            places_clients: true,
        });
        self
    }

    fn load(&self) -> (World, Vec<String>) {
        let mut diagnostics = Diagnostics::new();
        let world = geoip::load_sources(&self.geoip, &self.networks, &mut diagnostics);
        let mistakes = diagnostics.sorted();
        (world, mistakes.iter().map(ToString::to_string).collect())
    }

    /// The world, when nothing is wrong.
    fn world(&self) -> World {
        let (world, mistakes) = self.load();
        assert_eq!(mistakes, [""; 0]);
        assert_sound(&world);
        world
    }

    /// The only mistake.
    fn mistake(&self) -> String {
        let (_, mut mistakes) = self.load();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        mistakes.remove(0)
    }
}

fn place() -> Place {
    Place {
        file: Path::new("meridian.toml").into(),
        line: 5,
        column: 14,
    }
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn locate(world: &World, address: &str) -> Option<Location> {
    let address: IpAddr = address.parse().unwrap();
    geoip::lookup(world, address).map(|(_, location)| location.clone())
}

fn country(world: &World, address: &str) -> Option<String> {
    let code = locate(world, address)?.country?;
    Some(String::from_utf8(code.to_vec()).unwrap())
}

/// What every user of a world relies on.
fn assert_sound(world: &World) {
    let known = |location: u32| (location as usize) < world.locations.len();
    let v4: Vec<_> = world.v4.iter().collect();
    let v6: Vec<_> = world.v6.iter().collect();
    assert!(v4.iter().all(|r| r.start <= r.end && known(r.location)));
    assert!(v6.iter().all(|r| r.start <= r.end && known(r.location)));
    assert!(v4.windows(2).all(|w| w[0].end < w[1].start));
    assert!(v6.windows(2).all(|w| w[0].end < w[1].start));
}

fn coded(country: &str) -> Value {
    Value::map([("country", Value::map([("iso_code", Value::from(country))]))])
}

fn city(country: &str, subdivision: &str, latitude: f64, longitude: f64) -> Value {
    let code = |code: &str| Value::map([("iso_code", Value::from(code))]);
    let point = [
        ("latitude", Value::from(latitude)),
        ("longitude", Value::from(longitude)),
        ("accuracy_radius", Value::from(20_u16)),
    ];
    Value::map([
        ("country", code(country)),
        ("subdivisions", Value::array([code(subdivision)])),
        ("location", Value::map(point)),
        ("names", Value::map([("en", Value::from("Somewhere"))])),
    ])
}

fn asn(number: u32) -> Value {
    Value::map([("autonomous_system_number", Value::from(number))])
}

fn mmdb(networks: &[(&str, Value)]) -> Vec<u8> {
    let mut writer = Writer::builder("Test-City")
        .description(&[("en", "made by a test")])
        .build();
    for (network, value) in networks {
        writer.insert_value(net(network), value.clone()).unwrap();
    }
    writer.to_bytes().unwrap()
}

// Databases.

#[test]
fn a_city_database_says_where_a_network_is() {
    let world = Sources::new()
        .database(&mmdb(&[("198.51.0.0/16", city("DE", "BY", 48.1, 11.6))]))
        .world();
    let expected = Location {
        continent: Some(*b"EU"),
        country: Some(*b"DE"),
        subdivisions: vec!["BY".into()],
        coordinates: Some(Coordinates {
            latitude: 48.1,
            longitude: 11.6,
        }),
        ..Location::default()
    };
    assert_eq!(locate(&world, "198.51.100.7"), Some(expected));
    assert_eq!(locate(&world, "198.52.0.0"), None);
}

#[test]
fn a_later_database_adds_to_an_earlier_one_where_their_networks_cross() {
    let world = Sources::new()
        .database(&mmdb(&[
            ("10.0.0.0/9", city("DE", "BY", 48.1, 11.6)),
            ("10.128.0.0/9", coded("FR")),
        ]))
        .database(&mmdb(&[
            ("10.64.0.0/10", asn(64500)),
            ("10.128.0.0/10", asn(64501)),
        ]))
        .world();
    let says = |address: &str| {
        let location = locate(&world, address).unwrap();
        (location.country, location.asn)
    };
    assert_eq!(says("10.1.0.0"), (Some(*b"DE"), None));
    assert_eq!(says("10.64.0.0"), (Some(*b"DE"), Some(64500)));
    assert_eq!(says("10.128.0.0"), (Some(*b"FR"), Some(64501)));
    assert_eq!(says("10.192.0.0"), (Some(*b"FR"), None));
}

#[test]
fn a_later_database_that_means_another_place_adds_nothing_of_it() {
    let world = Sources::new()
        .database(&mmdb(&[("10.0.0.0/8", coded("DE"))]))
        .database(&mmdb(&[("10.0.0.0/8", city("US", "CA", 37.0, -122.0))]))
        .world();
    let location = locate(&world, "10.0.0.1").unwrap();
    assert_eq!(location.country, Some(*b"DE"));
    assert_eq!(location.coordinates, None);
    assert!(location.subdivisions.is_empty());
}

#[test]
fn the_country_of_registration_serves_where_no_other_is_known() {
    let code = Value::map([("iso_code", Value::from("JP"))]);
    let record = Value::map([("registered_country", code)]);
    let world = Sources::new()
        .database(&mmdb(&[("10.0.0.0/8", record)]))
        .world();
    assert_eq!(country(&world, "10.0.0.1").unwrap(), "JP");
}

#[test]
fn numbers_are_read_whatever_type_the_writer_chose() {
    let point = [
        ("latitude", Value::from(48_u16)),
        ("longitude", Value::Float(11.5)),
    ];
    let record = Value::map([
        ("location", Value::map(point)),
        ("autonomous_system_number", Value::from(64500_u64)),
    ]);
    let world = Sources::new()
        .database(&mmdb(&[("10.0.0.0/8", record)]))
        .world();
    let location = locate(&world, "10.0.0.1").unwrap();
    assert_eq!(location.asn, Some(64500));
    let coordinates = location.coordinates.unwrap();
    assert_eq!((coordinates.latitude, coordinates.longitude), (48.0, 11.5));
}

#[test]
fn values_that_cannot_be_count_as_not_said() {
    let record = |country: &str, latitude: f64| city(country, "TOO-LONG", latitude, 11.6);
    let world = Sources::new()
        .database(&mmdb(&[
            ("10.0.0.0/8", record("DE", 91.0)),
            ("11.0.0.0/8", record("DEU", f64::NAN)),
            ("12.0.0.0/8", record("DE", 48.0)),
        ]))
        .world();
    let location = locate(&world, "10.0.0.1").unwrap();
    assert_eq!(
        (location.country, location.coordinates),
        (Some(*b"DE"), None)
    );
    assert!(location.subdivisions.is_empty());
    assert_eq!(locate(&world, "11.0.0.1"), None);
    assert!(locate(&world, "12.0.0.1").unwrap().coordinates.is_some());
}

#[test]
fn every_record_size_and_both_kinds_of_tree_are_read() {
    for size in [RecordSize::Bits24, RecordSize::Bits28, RecordSize::Bits32] {
        for version in [mmdb_writer::IpVersion::V4, mmdb_writer::IpVersion::V6] {
            let mut writer = Writer::builder("Test")
                .record_size(size)
                .ip_version(version)
                .build();
            let networks = [
                ("10.0.0.0/8", "DE"),
                ("11.128.0.0/9", "FR"),
                ("255.0.0.0/8", "JP"),
            ];
            for (network, code) in networks {
                writer.insert_value(net(network), coded(code)).unwrap();
            }
            let bytes = writer.to_bytes().unwrap();
            let world = Sources::new().database(&bytes).world();
            assert_eq!(country(&world, "10.255.255.255").unwrap(), "DE");
            assert_eq!(country(&world, "11.128.0.0").unwrap(), "FR");
            assert_eq!(country(&world, "255.255.255.255").unwrap(), "JP");
            assert_eq!(country(&world, "11.127.255.255"), None);
        }
    }
}

#[test]
fn ipv4_is_ipv4_and_its_forms_in_ipv6_are_left_to_it() {
    let mut writer = Writer::builder("Test")
        .ipv4_aliasing(Ipv4Aliasing::Disabled)
        .build();
    let networks = [
        ("10.0.0.0/8", "DE"),
        ("2000::/3", "US"),
        ("::ffff:0:0/96", "US"),
        ("64:ff9b::/96", "US"),
    ];
    for (network, code) in networks {
        writer.insert_value(net(network), coded(code)).unwrap();
    }
    let world = Sources::new().database(&writer.to_bytes().unwrap()).world();
    assert_eq!(country(&world, "10.0.0.1").unwrap(), "DE");
    assert_eq!(country(&world, "2003::1").unwrap(), "US");
    assert_eq!(country(&world, "2001:1::").unwrap(), "US");
    for form in [
        "::ffff:a00:1",
        "2002:a00:1::1",
        "64:ff9b::a00:1",
        "2001::f5ff:fffe",
    ] {
        assert_eq!(country(&world, form).unwrap(), "DE", "{form}");
    }
    for form in ["2001::1", "2002:b00:1::1", "64:ff9b::b00:1", "::a00:1"] {
        assert_eq!(country(&world, form), None, "{form}");
    }
}

#[test]
fn the_aliases_of_ipv4_are_no_networks() {
    let world = Sources::new()
        .database(&mmdb(&[
            ("10.0.0.0/8", coded("DE")),
            ("2a00::/16", coded("FR")),
        ]))
        .world();
    assert_eq!((world.v4.len(), world.v6.len()), (1, 1));
}

#[test]
fn a_world_says_what_the_reader_says_of_each_address() {
    let networks: Vec<_> = (0..200u32)
        .map(|i| {
            let length = 6 + i % 20;
            let address = i.wrapping_mul(2_654_435_761) >> (32 - length) << (32 - length);
            let network = IpNet::new(std::net::Ipv4Addr::from(address).into(), length as u8);
            (
                network.unwrap().to_string(),
                ["DE", "FR", "US", "JP"][i as usize % 4],
            )
        })
        .collect();
    let mut writer = Writer::new("Test");
    for (network, code) in &networks {
        writer.insert_value(net(network), coded(code)).unwrap();
    }
    let bytes = writer.to_bytes().unwrap();
    let world = Sources::new().database(&bytes).world();
    let reader = maxminddb::Reader::from_source(bytes).unwrap();
    for i in 0..5000u32 {
        let address = std::net::Ipv4Addr::from(i.wrapping_mul(2_246_822_519));
        let found = reader.lookup(address.into()).unwrap();
        let path = [
            maxminddb::PathElement::Key("country"),
            maxminddb::PathElement::Key("iso_code"),
        ];
        let expected: Option<String> = found.decode_path(&path).unwrap();
        assert_eq!(country(&world, &address.to_string()), expected, "{address}");
    }
}

// What is refused.

#[test]
fn a_missing_database_is_refused_at_the_place_that_names_it() {
    let mut sources = Sources::new();
    sources.geoip.databases.push(At {
        value: PathBuf::from("/nonexistent/city.mmdb"),
        place: place(),
    });
    let expected = "meridian.toml:5:14: error: database `/nonexistent/city.mmdb` cannot be used: \
                    No such file or directory";
    let mistake = sources.mistake();
    assert!(mistake.starts_with(expected), "{mistake}");
}

#[test]
fn a_missing_feed_is_refused_at_the_place_that_names_it() {
    let mut sources = Sources::new();
    sources.geoip.feeds.push(At {
        value: PathBuf::from("/nonexistent/feed.csv"),
        place: place(),
    });
    let mistake = sources.mistake();
    assert!(mistake.starts_with("meridian.toml:5:14: error: feed `/nonexistent/feed.csv`"));
}

#[test]
fn a_database_of_another_schema_is_refused() {
    let domain = Value::map([("domain", Value::from("example.net"))]);
    let code = Value::map([("country", Value::from("DE"))]);
    for value in [domain, code, Value::from("text"), Value::array([0_u16])] {
        let mistake = Sources::new()
            .database(&mmdb(&[("10.0.0.0/8", value)]))
            .mistake();
        assert!(
            mistake.ends_with("has no GeoIP2 location or ASN fields"),
            "{mistake}"
        );
    }
}

#[test]
fn a_database_partly_of_another_schema_is_refused() {
    let foreign = Value::map([("country", Value::from("FR"))]);
    let mistake = Sources::new()
        .database(&mmdb(&[
            ("10.0.0.0/8", coded("DE")),
            ("11.0.0.0/8", foreign),
        ]))
        .mistake();
    assert!(mistake.contains("not of the GeoIP2 schema"), "{mistake}");
}

#[test]
fn an_empty_database_is_refused() {
    let mistake = Sources::new().database(&mmdb(&[])).mistake();
    assert!(mistake.contains("cannot be used"), "{mistake}");
}

#[test]
fn a_file_that_is_no_database_is_refused_with_the_reason() {
    for bytes in [&b""[..], b"ip_prefix,alpha2code", &[0xff; 4096]] {
        let mistake = Sources::new().database(bytes).mistake();
        assert!(
            mistake.contains("could not find MaxMind DB metadata"),
            "{mistake}"
        );
    }
}

/// A sound database to break.
fn sound() -> Vec<u8> {
    mmdb(&[
        ("10.0.0.0/8", city("DE", "BY", 48.1, 11.6)),
        ("10.20.30.0/24", city("US", "CA", 37.0, -122.0)),
        ("172.16.0.0/12", asn(64500)),
        ("2a00::/12", coded("FR")),
        ("2a00:1450::/32", city("IE", "L", 53.3, -6.3)),
    ])
}

/// `bytes`, with the value of a number in the metadata overwritten.
fn lie(mut bytes: Vec<u8>, key: &str, value: &[u8]) -> Vec<u8> {
    let at = bytes.windows(key.len()).rposition(|w| w == key.as_bytes());
    // After the key comes an octet with the number's type and length.
    let number = at.unwrap() + key.len() + 1;
    bytes[number..number + value.len()].copy_from_slice(value);
    bytes
}

#[test]
fn a_database_that_lies_about_its_size_is_refused() {
    let lies = [
        lie(sound(), "node_count", &[0xff]),
        lie(sound(), "node_count", &[0x01]),
        lie(sound(), "record_size", &[0x07]),
        lie(sound(), "record_size", &[0x20]),
        lie(sound(), "ip_version", &[0x05]),
    ];
    for (index, bytes) in lies.iter().enumerate() {
        let mistake = Sources::new().database(bytes).mistake();
        assert!(mistake.contains("cannot be used: "), "{index}: {mistake}");
    }
}

#[test]
fn a_database_cut_short_is_refused() {
    let bytes = sound();
    for length in 0..bytes.len() {
        let (world, mistakes) = Sources::new().database(&bytes[..length]).load();
        assert_eq!(mistakes.len(), 1, "{length} octets");
        assert_eq!(world, World::default());
    }
}

#[test]
fn a_broken_database_leaves_the_others_in_the_world() {
    let (world, mistakes) = Sources::new()
        .database(&sound()[..100])
        .database(&sound())
        .load();
    assert_eq!(mistakes.len(), 1);
    assert_eq!(country(&world, "10.0.0.1").unwrap(), "DE");
}

proptest! {
    #[test]
    fn damage_anywhere_is_refused_or_read_soundly(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = sound();
        for (index, value) in flips {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let (world, _) = Sources::new().database(&bytes).load();
        assert_sound(&world);
    }

    #[test]
    fn damage_where_numbers_stand_is_refused_or_read_soundly(
        tree in proptest::collection::vec((0usize..60, any::<u8>()), 0..6),
        metadata in proptest::collection::vec((0usize..200, any::<u8>()), 0..4),
    ) {
        let mut bytes = sound();
        let end = bytes.len();
        for (index, value) in tree {
            bytes[index] = value;
        }
        for (index, value) in metadata {
            bytes[end - 1 - index] = value;
        }
        let (world, _) = Sources::new().database(&bytes).load();
        assert_sound(&world);
    }
}

// Feeds.

#[test]
fn a_feed_replaces_the_place_that_databases_say_and_keeps_the_asn() {
    let world = Sources::new()
        .database(&mmdb(&[("10.0.0.0/8", city("DE", "BY", 48.1, 11.6))]))
        .database(&mmdb(&[("10.0.0.0/8", asn(64500))]))
        .feed("10.1.0.0/16,FR,,,\n")
        .world();
    let expected = Location {
        asn: Some(64500),
        continent: Some(*b"EU"),
        country: Some(*b"FR"),
        ..Location::default()
    };
    assert_eq!(locate(&world, "10.1.2.3"), Some(expected));
    assert_eq!(country(&world, "10.2.0.0").unwrap(), "DE");
}

#[test]
fn the_longest_prefix_wins_among_feeds_and_of_equal_ones_the_later_feed() {
    let world = Sources::new()
        .feed("10.1.2.0/24,JP,,,\n10.0.0.0/8,FR,,,\n10.3.0.0/16,AT,,,\n")
        .feed("10.1.0.0/16,US,,,\n10.3.0.0/16,CH,,,\n")
        .world();
    assert_eq!(country(&world, "10.0.0.1").unwrap(), "FR");
    assert_eq!(country(&world, "10.1.0.1").unwrap(), "US");
    assert_eq!(country(&world, "10.1.2.1").unwrap(), "JP");
    assert_eq!(country(&world, "10.3.0.1").unwrap(), "CH");
}

#[test]
fn a_feed_can_say_that_a_network_is_not_to_be_located() {
    let world = Sources::new()
        .database(&mmdb(&[("10.0.0.0/8", coded("DE"))]))
        .feed("10.1.0.0/16,,,,\n")
        .world();
    assert_eq!(locate(&world, "10.1.0.1"), None);
    assert_eq!(country(&world, "10.2.0.1").unwrap(), "DE");
}

#[test]
fn mistakes_in_a_feed_are_all_reported_where_they_are() {
    let (_, mistakes) = Sources::new()
        .feed("10.0.0.1/8,DE,,,\n10.0.0.0/8,XX,,,\n")
        .load();
    assert_eq!(mistakes.len(), 2);
    assert!(mistakes[0].contains("0.csv:1:1: error: `10.0.0.1/8` has bits past"));
    assert!(mistakes[1].contains("0.csv:2:12: error: `XX` is no country"));
}

// Own networks.

#[test]
fn an_own_network_wins_over_feeds_and_databases() {
    let sources = Sources::new()
        .database(&mmdb(&[("10.0.0.0/8", city("DE", "BY", 48.1, 11.6))]))
        .feed("10.1.0.0/16,FR,,,\n")
        .network(&["10.0.0.0/12"], Some(LocationSpec::Country(*b"JP")))
        .network(
            &["10.1.2.0/24"],
            Some(LocationSpec::Subdivision(*b"US", "CA".into())),
        );
    let world = sources.world();
    let expected = Location {
        network: Some(NetworkId(0)),
        continent: Some(*b"AS"),
        country: Some(*b"JP"),
        ..Location::default()
    };
    assert_eq!(locate(&world, "10.1.0.1"), Some(expected));
    let california = locate(&world, "10.1.2.3").unwrap();
    assert_eq!(california.network, Some(NetworkId(1)));
    assert_eq!(california.subdivisions, ["CA".into()]);
    assert_eq!(country(&world, "10.16.0.0").unwrap(), "DE");
}

#[test]
fn an_own_network_without_a_location_is_where_the_databases_have_it() {
    let world = Sources::new()
        .database(&mmdb(&[("10.0.0.0/8", coded("DE"))]))
        .network(&["10.1.0.0/16", "2001:db8::/32"], None)
        .world();
    let location = locate(&world, "10.1.0.1").unwrap();
    assert_eq!(location.network, Some(NetworkId(0)));
    assert_eq!(location.country, Some(*b"DE"));
    let only = Location {
        network: Some(NetworkId(0)),
        ..Location::default()
    };
    assert_eq!(locate(&world, "2001:db8::1"), Some(only));
}

#[test]
fn an_own_network_may_be_placed_by_coordinates_or_continent() {
    let coordinates = Coordinates {
        latitude: 1.0,
        longitude: 2.0,
    };
    let world = Sources::new()
        .network(
            &["10.0.0.0/8"],
            Some(LocationSpec::Coordinates(coordinates)),
        )
        .network(&["11.0.0.0/8"], Some(LocationSpec::Continent(*b"AF")))
        .world();
    let location = locate(&world, "10.0.0.1").unwrap();
    assert_eq!(
        (location.coordinates, location.country),
        (Some(coordinates), None)
    );
    assert_eq!(locate(&world, "11.0.0.1").unwrap().continent, Some(*b"AF"));
}

// Building, and the sample.

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_sample_is_what_its_source_builds() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("sample.mmdb");
    let summary = geoip::build(&[repository("geoip/sample.csv")], &output).unwrap();
    let built = fs::read(&output).unwrap();
    assert_eq!(summary.size_bytes, built.len());
    let checked_in = fs::read(repository("geoip/sample.mmdb")).unwrap();
    assert!(
        built == checked_in,
        "run: meridian geoip build geoip/sample.csv -o geoip/sample.mmdb"
    );
    // Nothing else is left behind.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_sample_knows_the_continents_that_its_readme_promises() {
    let bytes = fs::read(repository("geoip/sample.mmdb")).unwrap();
    let world = Sources::new().database(&bytes).world();
    let continent = |address: &str| {
        let code = locate(&world, address)?.continent?;
        Some(String::from_utf8(code.to_vec()).unwrap())
    };
    for (address, expected) in [
        ("193.0.0.1", "EU"),
        ("8.8.8.8", "NA"),
        ("203.119.0.1", "AS"),
        ("200.1.1.1", "SA"),
        ("41.1.1.1", "AF"),
        ("2a00:1450::1", "EU"),
        ("2600::1", "NA"),
        ("2400::1", "AS"),
    ] {
        assert_eq!(continent(address).as_deref(), Some(expected), "{address}");
    }
    for address in [
        "10.0.0.1",
        "127.0.0.1",
        "192.168.0.1",
        "203.0.113.1",
        "2001:db8::1",
    ] {
        assert_eq!(locate(&world, address), None, "{address}");
    }
    let (network, _) = geoip::lookup(&world, "78.1.1.1".parse().unwrap()).unwrap();
    assert!(network.prefix_len() <= 8, "{network}");
}

#[test]
fn what_is_built_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = "10.0.0.0/8,DE,DE-BY,Munich,,,48.1,11.6,64500\n\
                10.9.0.0/16,,,,,,,,\n\
                2001:db8::/32,,,,,OC,,,\n";
    fs::write(at("a.csv"), text).unwrap();
    let summary = geoip::build(&[at("a.csv")], &at("a.mmdb")).unwrap();
    assert_eq!(summary.networks, 3);
    let world = Sources::new()
        .database(&fs::read(at("a.mmdb")).unwrap())
        .world();
    let expected = Location {
        network: None,
        asn: Some(64500),
        continent: Some(*b"EU"),
        country: Some(*b"DE"),
        subdivisions: vec!["BY".into()],
        coordinates: Some(Coordinates {
            latitude: 48.1,
            longitude: 11.6,
        }),
    };
    assert_eq!(locate(&world, "10.0.0.1"), Some(expected));
    assert_eq!(locate(&world, "10.9.0.1"), None);
    assert_eq!(
        locate(&world, "2001:db8::1").unwrap().continent,
        Some(*b"OC")
    );
}

#[test]
fn a_source_with_mistakes_builds_nothing_and_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a.csv"), "10.0.0.1/8,DE\n2002::/16,DE\n::/64,DE\n").unwrap();
    fs::write(at("a.mmdb"), "old").unwrap();
    let mistakes = geoip::build(&[at("a.csv"), at("none.csv")], &at("a.mmdb")).unwrap_err();
    let mistakes: Vec<_> = mistakes.sorted().iter().map(ToString::to_string).collect();
    assert_eq!(mistakes.len(), 4, "{mistakes:?}");
    assert!(mistakes[0].contains("a.csv:1:1: error: `10.0.0.1/8` has bits past"));
    assert!(mistakes[1].contains("a.csv:2:1: error: `2002::/16` cannot be written"));
    assert!(mistakes[2].contains("a.csv:3:1: error: `::/64` cannot be written"));
    assert!(mistakes[3].contains("none.csv: error: No such file"));
    assert_eq!(fs::read(at("a.mmdb")).unwrap(), b"old");
}

#[test]
fn a_source_without_networks_builds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a.csv"), "# nothing\n").unwrap();
    let mistakes = geoip::build(&[at("a.csv")], &at("a.mmdb")).unwrap_err();
    assert!(mistakes.has_errors());
    assert!(!at("a.mmdb").exists());
}
