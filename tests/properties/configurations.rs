//! Random configurations (regions, own networks as the whole world, geo policies nested in others),
//! with verdicts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use hickory_proto::rr::{Name, RecordType};
use ipnet::IpNet;
use meridian::compile::{self, Parts};
use meridian::config::{self, Config, Diagnostics};
use meridian::geoip::{self, World};
use meridian::model::{PoolId, Share, Verdict};
use meridian::state::{EndpointHealth, Health, Root};
use proptest::prelude::*;

use crate::drafts::draft;
use crate::zones::errors;

pub const APEX: &str = "gslb.example.com.";

/// Each policy has a balanced name of its own name.
pub const POLICIES: [&str; 15] = [
    "geo",
    "other-geo",
    "one-region",
    "nested-geo",
    "failover",
    "weighted",
    "round-robin",
    "random",
    "rendezvous",
    "consistent-hash",
    "source-hash",
    "smooth",
    "geo-balance",
    "spread",
    "ruled",
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

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        self.root_of(&self.verdicts, &[])
    }

    /// With other verdicts, by the endpoints' ids, where pools and endpoints take these parts only, by their ids. More, or fewer, than there are.
    pub fn root_of(&self, verdicts: &[Verdict], shares: &[Share]) -> Root {
        let pools = &self.parts.pools;
        let share = |place: usize| shares.get(place).copied().unwrap_or_default();
        let health = Health::new(pools, |id| EndpointHealth {
            share: share(pools.pools.len() + id.index()),
            ..EndpointHealth::new(verdicts[id.index()], 1000 * id.0)
        });
        let ids = (0..pools.pools.len() as u32).map(PoolId);
        let of_pools = ids.map(|id| (id, share(id.index())));
        let reduced = of_pools.filter(|(_, share)| *share != Share::ALL).collect();
        let health = health.with_shares(pools, reduced);
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

pub fn verdicts() -> impl Strategy<Value = Vec<Verdict>> {
    let verdict = prop_oneof![
        3 => Just(Verdict::Down),
        2 => Just(Verdict::Up),
        1 => Just(Verdict::Unknown),
    ];
    prop::collection::vec(verdict, 30)
}

/// Parts that some take only.
pub fn shares() -> impl Strategy<Value = Vec<Share>> {
    let share = prop_oneof![
        4 => Just(Share::ALL),
        1 => Just(Share::NONE),
        2 => any::<u16>().prop_map(Share),
    ];
    prop::collection::vec(share, 0..30)
}

pub fn configuration() -> impl Strategy<Value = Configuration> {
    (draft(), verdicts()).prop_map(|(draft, verdicts)| Configuration::new(draft.text(), verdicts))
}

/// The balanced name of a policy.
pub fn name_of(policy: &str) -> Name {
    Name::from_ascii(format!("{policy}.{APEX}")).unwrap()
}

/// The name of the service that a policy's name offers.
pub fn service_of(policy: &str) -> Name {
    Name::from_ascii(format!("_s.{policy}.{APEX}")).unwrap()
}

/// A name of records that lead to names that steering answers, and their type.
pub fn service_question() -> impl Strategy<Value = (Name, RecordType)> {
    let hosts = name_of("hosts");
    let hosts = [RecordType::MX, RecordType::HTTPS].map(|rtype| (hosts.clone(), rtype));
    let services = POLICIES.map(|policy| (service_of(policy), RecordType::HTTPS));
    prop::sample::select([&hosts[..], &services[..]].concat())
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
