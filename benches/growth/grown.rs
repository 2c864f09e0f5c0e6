//! What grows: one thing at a time, everything else as it was. Names are all of one length, so that only their number
//! makes a difference.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::path::Path;

use clap::ValueEnum;
use meridian::dns::{Name, query, rtype};
use meridian::geoip::World;
use meridian::geoip::synth::SynthPlan;
use meridian::random::Random;
use meridian::state::Root;

use crate::common::{REGIONS, ZONE, ipv4, regions, root, whole};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Names of one zone, an address each
    Names,
    /// Zones, with 100,000 names in all
    Zones,
    /// Networks of the GeoIP database, clients of which ask for a balanced name; three of five are IPv4
    Networks,
    /// Endpoints in pools of five, and for every two pools a balanced name with a policy of its own
    Endpoints,
    /// Endpoints in one pool, of different weights
    Pool,
}

/// Names in all zones together.
const NAMES_OF_ZONES: u32 = 100_000;

/// Of the database, when it is something else that grows.
const NETWORKS: u32 = 20_000;

const POOL_SIZE: u32 = 5;

/// All endpoints have the same weight.
const EQUAL: u32 = 1;

/// Client networks that ask.
const SUBNETS: usize = 200_000;

/// A root, and what is asked of it.
pub struct Grown {
    /// Until it is taken.
    pub root: Option<Root>,
    names: Vec<(Name, u16)>,
    /// Networks of clients, of which each query has one; none for queries without client subnet.
    subnets: Vec<(IpAddr, u8)>,
}

/// One query.
pub struct Asked {
    pub message: Vec<u8>,
    pub peer: IpAddr,
}

impl Grown {
    pub fn new(what: What, size: u32) -> Self {
        match what {
            What::Names => zones(1, size),
            What::Zones => zones(size, NAMES_OF_ZONES),
            What::Networks => networks(size),
            What::Endpoints => endpoints(size),
            What::Pool => pool(size),
        }
    }

    /// So many of the questions, at random.
    pub fn questions(&self, count: usize, seed: u64) -> Vec<Asked> {
        let mut random = Random::from_seed(seed);
        let one = |_| {
            let (name, qtype) = &self.names[random.below(self.names.len() as u32) as usize];
            let subnet = random.below(self.subnets.len() as u32) as usize;
            let subnet = self.subnets.get(subnet).copied();
            let id = random.next_u64() as u16;
            Asked {
                message: query::compose_edns(id, name, *qtype, subnet),
                peer: ipv4(&mut random),
            }
        };
        (0..count).map(one).collect()
    }

    pub fn write_questions(&self, folder: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(fs::File::create(folder.join("names"))?);
        for (name, qtype) in &self.names {
            writeln!(file, "{name} TYPE{qtype}")?;
        }
        file.flush()?;
        if self.subnets.is_empty() {
            return Ok(());
        }
        let mut file = BufWriter::new(fs::File::create(folder.join("subnets"))?);
        for (address, length) in &self.subnets {
            writeln!(file, "{address}/{length}")?;
        }
        file.flush()
    }
}

/// So many names, in turn in so many zones.
fn zones(zones: u32, names: u32) -> Grown {
    let apex = |zone| format!("zone{zone:06}.example");
    let mut texts = vec![ZONE.to_owned(); zones as usize];
    let mut asked = Vec::new();
    for i in 0..names {
        let (zone, address) = (i % zones, Ipv4Addr::from(0x0a00_0000 + i));
        let _ = writeln!(texts[zone as usize], "host{i:07} A {address}");
        asked.push((parsed(&format!("host{i:07}.{}", apex(zone))), rtype::A));
    }
    let name = |zone| format!("{}.zone", apex(zone));
    let files: Vec<_> = (0..).map(name).zip(texts).collect();
    let files: Vec<_> = files
        .iter()
        .map(|(n, t)| (n.as_str(), t.as_str()))
        .collect();
    Grown {
        root: Some(root(&whole("[zones]\nfiles = \"*.zone\"\n", &files, None))),
        names: asked,
        subnets: Vec::new(),
    }
}

/// A pool in each region, all in one policy, and a database of so many networks.
fn networks(networks: u32) -> Grown {
    let mut balanced = Balanced::new();
    for (pool, (region, _, _)) in (0..).zip(REGIONS) {
        balanced.push_pool(region, pool * POOL_SIZE, POOL_SIZE, EQUAL);
    }
    balanced.push_name("geo", 0..REGIONS.len());
    balanced.grown(networks)
}

/// So many endpoints, ten at least.
fn endpoints(endpoints: u32) -> Grown {
    let mut balanced = Balanced::new();
    let pools = (endpoints / POOL_SIZE).max(2) & !1;
    for pool in 0..pools {
        let region = REGIONS[pool as usize % REGIONS.len()].0;
        balanced.push_pool(region, pool * POOL_SIZE, POOL_SIZE, EQUAL);
    }
    for first in (0..pools as usize).step_by(2) {
        balanced.push_name("geo", first..first + 2);
    }
    balanced.grown(NETWORKS)
}

/// So many endpoints in one pool; were their weights equal, a draw would need no search.
fn pool(endpoints: u32) -> Grown {
    let mut balanced = Balanced::new();
    balanced.push_pool(REGIONS[0].0, 0, endpoints, 10);
    balanced.push_name("failover", 0..1);
    balanced.grown(NETWORKS)
}

/// A configuration of balanced names, each with a policy of its own.
struct Balanced {
    pools: String,
    pool_count: usize,
    policies: String,
    owners: String,
    names: Vec<(Name, u16)>,
}

impl Balanced {
    fn new() -> Self {
        Balanced {
            pools: String::new(),
            pool_count: 0,
            policies: String::new(),
            owners: String::from("[zone.\"example.com\".balanced]\n"),
            names: Vec::new(),
        }
    }

    /// A pool of `count` endpoints, beginning with number `first`, of so many different weights.
    fn push_pool(&mut self, region: &str, first: u32, count: u32, weights: u32) {
        let endpoint = |i| {
            let (address, weight) = (Ipv4Addr::from(0x0a00_0000 + i), 1 + i % weights);
            format!("{{ address = \"{address}\", weight = {weight} }}")
        };
        let endpoints: Vec<_> = (first..first + count).map(endpoint).collect();
        let _ = writeln!(
            self.pools,
            "[pool.p{}]\nregion = \"{region}\"\nmonitor = \"port\"\nendpoints = [{}]",
            self.pool_count,
            endpoints.join(", ")
        );
        self.pool_count += 1;
    }

    /// A name over `pools`, and its policy.
    fn push_name(&mut self, kind: &str, pools: Range<usize>) {
        let number = self.names.len();
        let pools: Vec<_> = pools.map(|pool| format!("\"p{pool}\"")).collect();
        let pools = pools.join(", ");
        let _ = writeln!(self.policies, "[policy.g{number}]\n{kind} = [{pools}]");
        let _ = writeln!(
            self.owners,
            "www{number:05} = {{ policy = \"g{number}\", answers = 2 }}"
        );
        let name = format!("www{number:05}.example.com");
        self.names.push((parsed(&name), rtype::A));
    }

    /// Clients are in networks of the database, each as probable as any other.
    fn grown(self, networks: u32) -> Grown {
        const REST: &str = "[geoip]\ndatabases = [\"networks.mmdb\"]\n\
                            [monitor.port]\ntcp = true\nport = 443\n\
                            [zone.\"example.com\"]\nfile = \"example.com.zone\"\n";
        let plan = SynthPlan {
            ipv4_networks: networks / 5 * 3,
            ipv6_networks: networks / 5 * 2,
            seed: 1,
        };
        let config = [REST, &regions(), &self.pools, &self.policies, &self.owners].concat();
        let whole = whole(&config, &[("example.com.zone", ZONE)], Some(&plan));
        Grown {
            root: Some(root(&whole)),
            names: self.names,
            subnets: subnets(&whole.world),
        }
    }
}

fn subnets(world: &World) -> Vec<(IpAddr, u8)> {
    let mut random = Random::from_seed(4);
    let ipv4: Vec<_> = world.v4.iter().map(|range| range.start).collect();
    let ipv6: Vec<_> = world.v6.iter().map(|range| range.start).collect();
    let mut one = |_| {
        let at = random.below((ipv4.len() + ipv6.len()) as u32) as usize;
        match ipv4.get(at) {
            Some(&start) => (Ipv4Addr::from(start & !0xff).into(), 24),
            None => {
                let start = ipv6[at - ipv4.len()];
                (Ipv6Addr::from(start >> 72 << 72).into(), 56)
            }
        }
    };
    (0..SUBNETS).map(&mut one).collect()
}

fn parsed(name: &str) -> Name {
    Name::parse(name).expect("a name")
}
