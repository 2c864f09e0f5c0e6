//! What more than one benchmark needs: roots made of texts by the compiler that the server uses, and clients.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use meridian::compile::{self, Whole};
use meridian::geoip::synth::{SynthPlan, synth};
use meridian::model::Verdict;
use meridian::random::Random;
use meridian::state::{EndpointHealth, Health, Root};

/// Around the world.
pub const REGIONS: [(&str, f64, f64); 8] = [
    ("eu-west", 53.3, -6.3),
    ("eu-mid", 50.1, 8.7),
    ("us-east", 39.0, -77.5),
    ("us-west", 45.8, -119.7),
    ("sa", -23.5, -46.6),
    ("in", 19.1, 72.9),
    ("ap", 1.4, 103.8),
    ("au", -33.9, 151.2),
];

/// The beginning of every zone file here.
pub const ZONE: &str = "$TTL 300\n@ SOA ns1 hostmaster 1 7200 1800 1209600 60\n@ NS ns1\n@ NS ns2\n\
                        ns1 A 192.0.2.53\nns2 A 192.0.2.54\n";

/// The configuration of [`REGIONS`].
pub fn regions() -> String {
    let mut text = String::new();
    for (name, latitude, longitude) in REGIONS {
        let _ = writeln!(
            text,
            "[region.{name}]\nlocation = [{latitude:?}, {longitude:?}]"
        );
    }
    text
}

/// Compiles `config`, beside which stand `files` (name, content) and, if asked for, the made-up database
/// `networks.mmdb`.
pub fn whole(config: &str, files: &[(&str, &str)], networks: Option<&SynthPlan>) -> Whole {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("meridian.toml");
    fs::write(&path, config).expect("a file");
    for (name, content) in files {
        fs::write(folder.path().join(name), content).expect("a file");
    }
    if let Some(plan) = networks {
        synth(plan, &folder.path().join("networks.mmdb")).expect("a database");
    }
    match compile::load(&path, None) {
        Ok((whole, _warnings)) => whole,
        Err(mistakes) => panic!("{:?}", mistakes.sorted()),
    }
}

/// Everything is up, by observation.
pub fn root(whole: &Whole) -> Root {
    let up = EndpointHealth::new(Verdict::Up, 12_000);
    let health = Health::new(&whole.parts.pools, |_| up);
    whole.parts.root(1, Arc::new(health))
}

/// Somewhere in unicast space.
pub fn ipv4(random: &mut Random) -> IpAddr {
    let first = 1 + random.below(223);
    let rest = random.next_u64() as u32 >> 8;
    IpAddr::V4(Ipv4Addr::from(first << 24 | rest))
}
