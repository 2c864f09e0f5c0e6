//! A map over a made-up database, held against what a reader says of each address and a ranking that
//! is written down as it is meant.

use std::net::{Ipv4Addr, Ipv6Addr};

use maxminddb::{Reader, geoip2};
use meridian::compile::{self, Whole};
use meridian::geoip::synth::{SynthPlan, synth};
use meridian::prefix_table::RESERVED;
use meridian::random::Random;

use super::*;

/// Name, place, and the continents and countries that it serves.
type Place = (&'static str, (f64, f64), &'static [&'static str]);

const REGIONS: [Place; 6] = [
    ("fra", (50.11, 8.68), &["country:DE"]),
    ("lon", (51.51, -0.13), &[]),
    ("iad", (39.04, -77.49), &["continent:SA"]),
    ("pdx", (45.60, -121.20), &[]),
    ("sin", (1.35, 103.82), &[]),
    ("syd", (-33.87, 151.21), &["continent:OC", "country:IN"]),
];
const DEPTH: usize = 3;

fn whole(folder: &Path) -> (Whole, Vec<u8>) {
    let plan = SynthPlan {
        ipv4_networks: 20_000,
        ipv6_networks: 12_000,
        seed: 11,
    };
    let database = folder.join("synthetic.mmdb");
    synth(&plan, &database).unwrap();
    let mut config = format!("geoip.databases = {database:?}\ngeoip.depth = {DEPTH}\n");
    for (name, (latitude, longitude), serves) in REGIONS {
        config += &format!(
            "[region.{name}]\nlocation = [{latitude:?}, {longitude:?}]\nserves = {serves:?}\n\
             [pool.{name}]\nregion = \"{name}\"\nendpoints = [\"192.0.2.1\"]\n"
        );
    }
    let names = REGIONS.map(|(name, ..)| name);
    config += &format!("[policy.world]\ngeo = {names:?}\n");
    let path = folder.join("meridian.toml");
    fs::write(&path, config).unwrap();
    let loaded = compile::load(&path, None);
    let whole = loaded
        .unwrap_or_else(|mistakes| panic!("{:?}", mistakes.sorted()))
        .0;
    (whole, fs::read(database).unwrap())
}

/// The great-circle distance, by the haversine formula.
fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    let half_chord = |a: f64, b: f64| ((a - b).to_radians() / 2.0).sin().powi(2);
    let (cos_a, cos_b) = (a.0.to_radians().cos(), b.0.to_radians().cos());
    let haversine = half_chord(a.0, b.0) + cos_a * cos_b * half_chord(a.1, b.1);
    haversine.sqrt().asin()
}

/// The first regions that a client of this record should get: by country, by continent, by distance.
/// None where nothing is known of it.
fn expected(city: Option<geoip2::City<'_>>) -> Option<Vec<usize>> {
    let city = city?;
    let country = format!("country:{}", city.country.iso_code?);
    let continent = format!("continent:{}", city.continent.code?);
    let place = (city.location.latitude?, city.location.longitude?);
    let key = |(_, at, serves): &Place| {
        let rank = match () {
            () if serves.contains(&country.as_str()) => 0,
            () if serves.contains(&continent.as_str()) => 1,
            () => 2,
        };
        (rank, distance(*at, place))
    };
    let mut order: Vec<usize> = (0..REGIONS.len()).collect();
    order.sort_by(|a, b| key(&REGIONS[*a]).partial_cmp(&key(&REGIONS[*b])).unwrap());
    order.truncate(DEPTH);
    Some(order)
}

#[test]
fn a_map_says_of_every_address_what_the_database_and_the_ranking_say() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, database) = whole(folder.path());
    let map = &whole.parts.maps[0];
    let reader = Reader::from_source(database).unwrap();
    let mut random = Random::from_seed(5);
    let mut known = [0; 2];
    let mut check = |address: IpAddr| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let found = map.table.lookup(address, bits);
        if found.class == RESERVED {
            return;
        }
        let order: Vec<usize> = map
            .order(found.class)
            .iter()
            .map(|slot| *slot as usize)
            .collect();
        // The answer holds for the whole block of its scope: so for its first and last address.
        let block = IpNet::new(address, found.scope).unwrap();
        for address in [address, block.network(), block.broadcast()] {
            let city = reader.lookup(address).unwrap().decode().unwrap();
            match expected(city) {
                Some(expected) => assert_eq!(order[..DEPTH], expected, "{address} of {block}"),
                None => assert_eq!(found.class, 0, "{address} of {block}"),
            }
        }
        known[usize::from(bits == 128)] += usize::from(found.class != 0);
    };
    // Anywhere, and at the edges of networks.
    for _ in 0..3_000 {
        check(Ipv4Addr::from(random.next_u64() as u32).into());
    }
    for (index, found) in reader.networks(Default::default()).unwrap().enumerate() {
        let network = found.unwrap().network().unwrap();
        if index % 5 == 0 && !is_ipv4_form(network.network()) {
            check(network.network());
            check(network.broadcast());
            let inside = u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
            check(match network.network() {
                IpAddr::V4(first) => {
                    let host =
                        inside as u32 & u32::MAX.checked_shr(network.prefix().into()).unwrap_or(0);
                    Ipv4Addr::from(u32::from(first) | host).into()
                }
                IpAddr::V6(first) => {
                    let host = inside & u128::MAX.checked_shr(network.prefix().into()).unwrap_or(0);
                    Ipv6Addr::from(u128::from(first) | host).into()
                }
            });
        }
    }
    assert!(known[0] > 5_000 && known[1] > 3_000, "{known:?}");
}

/// Where IPv6 databases repeat IPv4.
fn is_ipv4_form(address: IpAddr) -> bool {
    let forms = ["::/8", "2001::/32", "2002::/16"];
    forms.iter().any(|form| net(form).contains(&address))
}
