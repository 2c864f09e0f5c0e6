//! Random configurations (regions, own networks as the whole world, geo policies nested in others),
//! with verdicts.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use hickory_proto::rr::{Name, RecordType};
use ipnet::IpNet;
use meridian::compile::{self, Parts};
use meridian::config::{self, Config, Diagnostics};
use meridian::geoip::{self, World};
use meridian::model::Verdict;
use meridian::state::{EndpointHealth, Health, Root};
use proptest::prelude::*;

use crate::zones::errors;

pub const APEX: &str = "gslb.example.com.";

/// Each policy has a balanced name of its own name.
pub const POLICIES: [&str; 8] = [
    "geo",
    "other-geo",
    "one-region",
    "nested-geo",
    "failover",
    "weighted",
    "round-robin",
    "random",
];

/// A configuration with verdicts for its endpoints.
pub struct Configuration {
    pub text: String,
    pub config: Config,
    pub world: World,
    pub parts: Parts,
    /// More than there are endpoints.
    pub verdicts: Vec<Verdict>,
}

impl std::fmt::Debug for Configuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{:?}", self.text, self.verdicts)
    }
}

impl Configuration {
    fn new(text: String, verdicts: Vec<Verdict>) -> Self {
        // The zone's file is found beside it.
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/properties/random.toml");
        let config = config::parse(&text, &path)
            .unwrap_or_else(|mistakes| panic!("{}\n{text}", errors(mistakes.diagnostics)))
            .config;
        let mut diagnostics = Diagnostics::new();
        let world = geoip::load(&config, &mut diagnostics);
        let parts = compile::compile(&config, &world, &mut diagnostics);
        let parts = parts.unwrap_or_else(|| panic!("{}\n{text}", errors(diagnostics)));
        Configuration {
            text,
            config,
            world,
            parts,
            verdicts,
        }
    }

    pub fn root(&self) -> Root {
        self.root_with(&self.verdicts)
    }

    /// With other verdicts, by the endpoints' ids.
    pub fn root_with(&self, verdicts: &[Verdict]) -> Root {
        let health = Health::new(&self.parts.pools, |id| EndpointHealth {
            verdict: verdicts[id.index()],
            flip_after_ms: 1000 * id.0,
        });
        self.parts.root(1, Arc::new(health))
    }

    /// Addresses at the borders of every own network, and of other kinds.
    pub fn clients(&self) -> Vec<IpAddr> {
        const OTHERS: [&str; 8] = [
            "8.8.8.8",
            "10.9.9.9",
            "127.0.0.1",
            "2a00::1",
            "fd00::1",
            "::ffff:20.0.0.1",
            "64:ff9b::1400:1",
            "2002:1400:1::",
        ];
        let others = OTHERS.iter().map(|text| text.parse().unwrap());
        let networks = self
            .config
            .networks
            .iter()
            .flat_map(|network| &network.prefixes);
        networks
            .flat_map(|prefix| borders(prefix.value))
            .chain(others)
            .collect()
    }
}

/// The first and last address in `net`, and their neighbours outside.
fn borders(net: IpNet) -> [IpAddr; 4] {
    let (first, last) = (net.network(), net.broadcast());
    [first, last, step(first, -1), step(last, 1)]
}

fn step(address: IpAddr, by: i32) -> IpAddr {
    match address {
        IpAddr::V4(a) => Ipv4Addr::from(u32::from(a).wrapping_add_signed(by)).into(),
        IpAddr::V6(a) => Ipv6Addr::from(u128::from(a).wrapping_add_signed(by.into())).into(),
    }
}

/// What is drawn of a configuration; the rest is the same in all.
#[derive(Clone, Debug)]
struct Draft {
    regions: Vec<Region>,
    networks: BTreeMap<IpNet, Network>,
    /// Region and endpoints: balance, whether IPv6, weight.
    pools: Vec<(usize, &'static str, Vec<(bool, u8)>)>,
    unknown_is: &'static str,
    when_all_down: Vec<&'static str>,
    family_fallback: &'static str,
    weights: [u8; 3],
}

#[derive(Clone, Debug)]
struct Region {
    location: Option<(i16, i16)>,
    serves: Option<&'static str>,
}

#[derive(Clone, Debug)]
struct Network {
    location: String,
    served_by: Option<usize>,
}

impl Draft {
    fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("text takes text");
        text
    }

    fn write(&self, to: &mut String) -> std::fmt::Result {
        for (id, (prefix, network)) in self.networks.iter().enumerate() {
            let location = &network.location;
            writeln!(
                to,
                "[network.n{id}]\nprefixes = [\"{prefix}\"]\nlocation = {location}"
            )?;
        }
        for (id, region) in self.regions.iter().enumerate() {
            writeln!(to, "[region.r{id}]\nserves = {:?}", self.serves(id))?;
            if let Some((latitude, longitude)) = region.location {
                writeln!(to, "location = [{latitude}, {longitude}]")?;
            }
        }
        writeln!(
            to,
            "[monitor.m]\ntcp = true\nport = 80\nunknown_is = {:?}",
            self.unknown_is
        )?;
        for (id, (region, balance, endpoints)) in self.pools.iter().enumerate() {
            writeln!(
                to,
                "[pool.p{id}]\nregion = \"r{}\"",
                region % self.regions.len()
            )?;
            writeln!(to, "monitor = \"m\"\nbalance = {balance:?}\nendpoints = [")?;
            for (host, (is_v6, weight)) in endpoints.iter().enumerate() {
                let address = match is_v6 {
                    false => format!("198.51.{id}.{host}"),
                    true => format!("2001:db8:{id}::{host}"),
                };
                writeln!(to, "{{ address = \"{address}\", weight = {weight} }},")?;
            }
            writeln!(to, "]")?;
        }
        self.write_policies(to)?;
        writeln!(
            to,
            "[zone.\"{APEX}\"]\nfile = \"steered.zone\"\n[zone.\"{APEX}\".balanced]"
        )?;
        for policy in POLICIES {
            writeln!(to, "{policy} = {{ policy = \"{policy}\", answers = 3 }}")?;
        }
        writeln!(
            to,
            "\"@\" = {{ policy = \"geo\" }}\n\"*.wild\" = {{ policy = \"random\", answers = 16 }}"
        )
    }

    fn serves(&self, region: usize) -> Vec<String> {
        let country = self.regions[region].serves;
        // Two regions may not serve the same.
        let is_first = !self.regions[..region]
            .iter()
            .any(|other| other.serves == country);
        let country = country.filter(|_| is_first).map(str::to_owned);
        let networks = self.networks.values().enumerate();
        let networks = networks.filter(|(_, network)| network.served_by == Some(region));
        networks
            .map(|(id, _)| format!("network:n{id}"))
            .chain(country)
            .collect()
    }

    fn write_policies(&self, to: &mut String) -> std::fmt::Result {
        let region = |pool: usize| self.pools[pool].0 % self.regions.len();
        let all: Vec<_> = (0..self.pools.len()).collect();
        let some = &all[all.len() / 2..];
        let (beside, elsewhere): (Vec<_>, Vec<_>) = all
            .iter()
            .copied()
            .partition(|&pool| region(pool) == region(0));
        let names =
            |pools: &[usize]| -> Vec<_> { pools.iter().map(|id| format!("p{id}")).collect() };
        let nested: Vec<_> = ["one-region".to_owned()]
            .into_iter()
            .chain(names(&elsewhere))
            .collect();
        let [a, b, c] = self.weights;
        let members = [
            format!("geo = {:?}", names(&all)),
            format!(
                "geo = {:?}\nserves = {{ r{} = [\"country:DE\"] }}",
                names(some),
                region(some[0])
            ),
            format!("random = {:?}", names(&beside)),
            format!("geo = {nested:?}"),
            "failover = [\"other-geo\", \"nested-geo\"]".to_owned(),
            format!("weighted = {{ geo = {a}, other-geo = {b}, p0 = {c} }}"),
            "round-robin = [\"other-geo\", \"p0\", \"geo\"]".to_owned(),
            "random = [\"weighted\", \"failover\", \"geo\"]".to_owned(),
        ];
        for ((name, members), when_all_down) in
            POLICIES.iter().zip(members).zip(&self.when_all_down)
        {
            writeln!(
                to,
                "[policy.{name}]\n{members}\nwhen_all_down = {when_all_down}"
            )?;
            writeln!(to, "family_fallback = {:?}", self.family_fallback)?;
        }
        Ok(())
    }
}

/// Few enough that networks lie in one another and side by side.
fn prefix() -> impl Strategy<Value = IpNet> {
    let octet = || prop::sample::select(vec![0, 1, 64, 127, 128, 255u8]);
    let v4 = (octet(), octet(), octet(), 7..=30u8).prop_map(|(a, b, c, length)| {
        IpNet::new(Ipv4Addr::new(20, a, b, c).into(), length)
            .unwrap()
            .trunc()
    });
    let group = || prop::sample::select(vec![0, 1, 0x8000, 0xffffu16]);
    let v6 = (group(), group(), group(), 16..=64u8).prop_map(|(a, b, c, length)| {
        IpNet::new(Ipv6Addr::new(0x2a00, a, b, c, 0, 0, 0, 0).into(), length)
            .unwrap()
            .trunc()
    });
    let private = Just("10.9.0.0/16".parse().unwrap());
    prop_oneof![6 => v4, 4 => v6, 1 => private]
}

fn coordinates() -> impl Strategy<Value = (i16, i16)> {
    (-90..=90i16, -180..=180i16)
}

fn network() -> impl Strategy<Value = Network> {
    let location = prop_oneof![
        coordinates().prop_map(|(latitude, longitude)| format!("[{latitude}, {longitude}]")),
        prop::sample::select(vec!["\"DE\"", "\"US\"", "\"JP\"", "\"continent:AF\""])
            .prop_map(str::to_owned),
    ];
    (location, prop::option::of(0..4usize)).prop_map(|(location, served_by)| Network {
        location,
        served_by,
    })
}

fn region() -> impl Strategy<Value = Region> {
    let serves = prop::sample::select(vec![
        "country:US",
        "continent:EU",
        "continent:AF",
        "country:JP",
    ]);
    (
        prop::option::weighted(0.8, coordinates()),
        prop::option::of(serves),
    )
        .prop_map(|(location, serves)| Region { location, serves })
}

fn pool() -> impl Strategy<Value = (usize, &'static str, Vec<(bool, u8)>)> {
    let balance = prop::sample::select(vec!["weighted", "round-robin", "random"]);
    let endpoints = prop::collection::vec((any::<bool>(), 0..3u8), 1..5);
    (0..4usize, balance, endpoints)
}

fn draft() -> impl Strategy<Value = Draft> {
    let when_all_down = prop::sample::select(vec![
        "\"all\"",
        "\"nodata\"",
        "\"servfail\"",
        "\"refuse\"",
        "{ fallback = \"p0\" }",
    ]);
    (
        prop::collection::vec(region(), 2..=4),
        prop::collection::btree_map(prefix(), network(), 1..12),
        prop::collection::vec(pool(), 2..=6),
        prop::sample::select(vec!["up", "down"]),
        prop::collection::vec(when_all_down, POLICIES.len()),
        prop_oneof![3 => Just("region"), 1 => Just("nodata")],
        prop::array::uniform3(0..3u8),
    )
        .prop_map(
            |(regions, networks, pools, unknown_is, when_all_down, family_fallback, weights)| {
                Draft {
                    regions,
                    networks,
                    pools,
                    unknown_is,
                    when_all_down,
                    family_fallback,
                    weights,
                }
            },
        )
}

pub fn verdicts() -> impl Strategy<Value = Vec<Verdict>> {
    let verdict = prop_oneof![
        3 => Just(Verdict::Down),
        2 => Just(Verdict::Up),
        1 => Just(Verdict::Unknown),
    ];
    prop::collection::vec(verdict, 30)
}

pub fn configuration() -> impl Strategy<Value = Configuration> {
    (draft(), verdicts()).prop_map(|(draft, verdicts)| Configuration::new(draft.text(), verdicts))
}

/// The balanced name of a policy.
pub fn name_of(policy: &str) -> Name {
    Name::from_ascii(format!("{policy}.{APEX}")).unwrap()
}

/// A name that steering answers, straight or by a wildcard or an alias, and a type.
pub fn balanced_question() -> impl Strategy<Value = (Name, RecordType)> {
    let names = POLICIES.into_iter().chain(["alias", "x.y.wild", "ns"]);
    let names: Vec<_> = names
        .map(name_of)
        .chain([Name::from_ascii(APEX).unwrap()])
        .collect();
    let rtypes = vec![
        RecordType::A,
        RecordType::AAAA,
        RecordType::A,
        RecordType::ANY,
        RecordType::TXT,
    ];
    (prop::sample::select(names), prop::sample::select(rtypes))
}
