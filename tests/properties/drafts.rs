//! Random configurations as text.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use meridian::model::Balance;
use proptest::prelude::*;

use crate::configurations::{APEX, POLICIES};

/// What is drawn of a configuration; the rest is the same in all.
#[derive(Clone, Debug)]
pub struct Draft {
    regions: Vec<Region>,
    networks: BTreeMap<IpNet, Network>,
    pools: Vec<Pool>,
    unknown_is: &'static str,
    when_all_down: Vec<&'static str>,
    family_fallback: &'static str,
    weights: [u8; 3],
    /// Of one `geo` policy.
    balance: &'static str,
}

#[derive(Clone, Debug)]
struct Pool {
    region: usize,
    balance: &'static str,
    min_healthy: &'static str,
    /// Then its endpoints are names.
    is_of_names: bool,
    /// Whether IPv6, and the weight.
    endpoints: Vec<(bool, u8)>,
}

#[derive(Clone, Debug)]
struct Region {
    /// With a bias.
    location: Option<((i16, i16), i8)>,
    serves: Option<&'static str>,
}

#[derive(Clone, Debug)]
struct Network {
    location: String,
    served_by: Option<usize>,
}

impl Draft {
    /// As TOML.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("text takes text");
        text
    }

    fn write(&self, to: &mut String) -> fmt::Result {
        for (id, (prefix, network)) in self.networks.iter().enumerate() {
            let location = &network.location;
            writeln!(to, "[network.n{id}]\nprefixes = [\"{prefix}\"]")?;
            writeln!(to, "location = {location}")?;
        }
        for (id, region) in self.regions.iter().enumerate() {
            writeln!(to, "[region.r{id}]\nserves = {:?}", self.serves(id))?;
            if let Some(((latitude, longitude), bias)) = region.location {
                writeln!(to, "location = [{latitude}, {longitude}]\nbias = {bias}")?;
            }
        }
        writeln!(to, "[monitor.m]\ntcp = true\nport = 80")?;
        writeln!(to, "unknown_is = {:?}", self.unknown_is)?;
        for id in 0..self.pools.len() {
            self.write_pool(id, to)?;
        }
        self.write_policies(to)?;
        self.write_zone(to)
    }

    fn write_pool(&self, id: usize, to: &mut String) -> fmt::Result {
        let Pool {
            balance,
            min_healthy,
            endpoints,
            is_of_names,
            ..
        } = &self.pools[id];
        writeln!(to, "[pool.p{id}]\nregion = \"r{}\"", self.region_of(id))?;
        writeln!(
            to,
            "monitor = \"m\"\nbalance = {balance:?}\nmin_healthy = {min_healthy}"
        )?;
        writeln!(to, "endpoints = [")?;
        for (host, (is_v6, weight)) in endpoints.iter().enumerate() {
            let destination = match is_v6 {
                _ if *is_of_names => {
                    format!("check = \"192.0.2.{id}:80\", cname = \"h{host}.p{id}.example.net.\"")
                }
                false => format!("address = \"198.51.{id}.{host}\""),
                true => format!("address = \"2001:db8:{id}::{host}\""),
            };
            writeln!(to, "{{ {destination}, weight = {weight} }},")?;
        }
        writeln!(to, "]")
    }

    fn write_zone(&self, to: &mut String) -> fmt::Result {
        writeln!(to, "[zone.\"{APEX}\"]\nfile = \"steered.zone\"")?;
        writeln!(to, "[zone.\"{APEX}\".balanced]")?;
        for policy in POLICIES {
            writeln!(to, "{policy} = {{ policy = \"{policy}\", answers = 3 }}")?;
        }
        // There can be no CNAME at an apex.
        if !self.has_names() {
            writeln!(to, "\"@\" = {{ policy = \"geo\" }}")?;
        }
        writeln!(to, "\"*.wild\" = {{ policy = \"random\", answers = 16 }}")
    }

    fn has_names(&self) -> bool {
        self.pools.iter().any(|pool| pool.is_of_names)
    }

    /// The region of a pool.
    fn region_of(&self, pool: usize) -> usize {
        self.pools[pool].region % self.regions.len()
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

    fn write_policies(&self, to: &mut String) -> fmt::Result {
        let policies = POLICIES.iter().zip(self.members()).zip(&self.when_all_down);
        for ((name, members), when_all_down) in policies {
            writeln!(to, "[policy.{name}]\n{members}")?;
            writeln!(to, "when_all_down = {when_all_down}")?;
            writeln!(to, "family_fallback = {:?}", self.family_fallback)?;
        }
        Ok(())
    }

    /// Of each policy, in the order of [`POLICIES`].
    fn members(&self) -> [String; POLICIES.len()] {
        let all: Vec<_> = (0..self.pools.len()).collect();
        let some = &all[all.len() / 2..];
        let (beside, elsewhere): (Vec<_>, Vec<_>) = all
            .iter()
            .copied()
            .partition(|&pool| self.region_of(pool) == self.region_of(0));
        let names =
            |pools: &[usize]| -> Vec<_> { pools.iter().map(|id| format!("p{id}")).collect() };
        let nested: Vec<_> = ["one-region".to_owned()]
            .into_iter()
            .chain(names(&elsewhere))
            .collect();
        let [a, b, c] = self.weights;
        [
            format!("geo = {:?}", names(&all)),
            format!(
                "geo = {:?}\nserves = {{ r{} = [\"country:DE\"] }}",
                names(some),
                self.region_of(some[0])
            ),
            format!("random = {:?}", names(&beside)),
            format!("geo = {nested:?}"),
            "failover = [\"other-geo\", \"nested-geo\"]".to_owned(),
            format!("weighted = {{ geo = {a}, other-geo = {b}, p0 = {c} }}"),
            "round-robin = [\"other-geo\", \"p0\", \"geo\"]".to_owned(),
            "random = [\"weighted\", \"failover\", \"geo\"]".to_owned(),
            format!("rendezvous = {{ geo = {a}, other-geo = {b}, p0 = {c} }}"),
            format!(
                "consistent-hash = {:?}\nlast_resort = [\"geo\"]",
                names(&beside)
            ),
            "source-hash = [\"p0\", \"p1\", \"round-robin\"]".to_owned(),
            format!("smooth = {{ geo = {c}, p0 = {a}, p1 = {b} }}"),
            format!("geo = {:?}\nbalance = {:?}", names(&all), self.balance),
            match self.has_names() {
                true => format!("geo = {:?}", names(&all)),
                false => format!("geo = {:?}\nspread = [2, 1]", names(&all)),
            },
            format!(
                "geo = {:?}\nwhen = [{{ clients = [\"country:DE\", \"unlocated\"], use = \"rendezvous\" }}, \
                 {{ except = [\"continent:AF\"], within = [\"r{}\"] }}]",
                names(&all),
                self.region_of(0)
            ),
        ]
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
        prop::option::weighted(0.8, (coordinates(), prop_oneof![Just(0), -99..=99i8])),
        prop::option::of(serves),
    )
        .prop_map(|(location, serves)| Region { location, serves })
}

fn balance() -> impl Strategy<Value = &'static str> {
    prop::sample::select(Balance::ALL.map(Balance::name).to_vec())
}

prop_compose! {
    fn pool()(
        region in 0..4usize,
        balance in balance(),
        min_healthy in prop::sample::select(vec!["1", "2", "\"50%\""]),
        is_of_names in prop::bool::weighted(0.1),
        endpoints in prop::collection::vec((any::<bool>(), 0..3u8), 1..5),
    ) -> Pool {
        Pool { region, balance, min_healthy, is_of_names, endpoints }
    }
}

fn when_all_down() -> impl Strategy<Value = &'static str> {
    let fallback = "{ fallback = \"p0\" }";
    prop::sample::select(vec![
        "\"all\"",
        "\"nodata\"",
        "\"servfail\"",
        "\"refuse\"",
        fallback,
    ])
}

prop_compose! {
    pub fn draft()(
        regions in prop::collection::vec(region(), 2..=4),
        networks in prop::collection::btree_map(prefix(), network(), 1..12),
        pools in prop::collection::vec(pool(), 2..=6),
        unknown_is in prop::sample::select(vec!["up", "down"]),
        when_all_down in prop::collection::vec(when_all_down(), POLICIES.len()),
        family_fallback in prop_oneof![3 => Just("region"), 1 => Just("nodata")],
        weights in prop::array::uniform3(0..3u8),
        balance in balance(),
    ) -> Draft {
        Draft {
            regions, networks, pools, unknown_is, when_all_down, family_fallback, weights, balance,
        }
    }
}
