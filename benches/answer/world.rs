//! What is answered from, through the compiler that the server uses.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::sync::Arc;

use meridian::compile;
use meridian::geoip::synth::{SynthPlan, synth};
use meridian::model::Verdict;
use meridian::state::{EndpointHealth, Health, Root};

use crate::questions::KINDS;

/// Regions around the world, with a pool each of four addresses of either family.
const REGIONS: [(&str, f64, f64); 8] = [
    ("eu-west", 53.3, -6.3),
    ("eu-mid", 50.1, 8.7),
    ("us-east", 39.0, -77.5),
    ("us-west", 45.8, -119.7),
    ("sa", -23.5, -46.6),
    ("in", 19.1, 72.9),
    ("ap", 1.4, 103.8),
    ("au", -33.9, 151.2),
];

/// Networks of the database: enough for a search of some depth, few enough to be quickly made.
const NETWORKS: SynthPlan = SynthPlan {
    ipv4_networks: 12_000,
    ipv6_networks: 8_000,
    seed: 1,
};

const ZONE: &str = "$TTL 300\n@ SOA ns1 hostmaster 1 7200 1800 1209600 60\n@ NS ns1\n@ NS ns2\n\
                    ns1 A 192.0.2.53\nns2 A 192.0.2.54\n";

/// A zone with a name of each kind that is asked for, [`KINDS`] times, and balanced names.
pub fn small() -> Root {
    let mut zone = ZONE.to_owned();
    zone.push_str("*.wild A 192.0.2.99\n");
    for i in 0..KINDS {
        for j in 0..3 {
            let _ = writeln!(zone, "host{i} A 192.0.2.{}", 3 * i + j);
        }
        let _ = writeln!(zone, "alias{i} CNAME www-{i}\nwww-{i} CNAME real{i}");
        let _ = writeln!(zone, "real{i} A 192.0.2.{i}");
        let _ = writeln!(zone, "sub{i} NS ns1.sub{i}\nsub{i} NS ns2.sub{i}");
        let _ = writeln!(
            zone,
            "ns1.sub{i} A 192.0.2.{i}\nns2.sub{i} A 198.51.100.{i}"
        );
        let _ = writeln!(zone, "domain{i} MX 10 mx1-{i}\ndomain{i} MX 20 mx2-{i}");
        let _ = writeln!(zone, "mx1-{i} A 192.0.2.{i}\nmx2-{i} A 198.51.100.{i}");
        for j in 0..60 {
            let _ = writeln!(
                zone,
                "farm{i} A {}",
                Ipv4Addr::from(0xc612_0000 + i * 60 + j)
            );
        }
    }
    let mut config = String::from("[geoip]\ndatabases = [\"networks.mmdb\"]\n");
    let mut pools = Vec::new();
    for (i, (name, latitude, longitude)) in REGIONS.iter().enumerate() {
        let _ = writeln!(
            config,
            "[region.{name}]\nlocation = [{latitude:?}, {longitude:?}]"
        );
        let of = |j| format!("\"203.0.113.{}\", \"2001:db8:{i}::{j}\"", 4 * i + j);
        let endpoints: Vec<_> = (1..=4).map(of).collect();
        let endpoints = endpoints.join(", ");
        let _ = writeln!(
            config,
            "[pool.{name}]\nregion = \"{name}\"\nmonitor = \"port\""
        );
        let _ = writeln!(config, "endpoints = [{endpoints}]");
        pools.push(format!("\"{name}\""));
    }
    let _ = writeln!(
        config,
        "[monitor.port]\ntcp = true\nport = 443\n[policy.world]"
    );
    let _ = writeln!(config, "geo = [{}]", pools.join(", "));
    config.push_str("[zone.\"example.com\"]\nfile = \"example.com.zone\"\n");
    config.push_str("[zone.\"example.com\".balanced]\n");
    for i in 0..KINDS {
        let _ = writeln!(config, "www{i} = {{ policy = \"world\", answers = 2 }}");
    }
    root(&config, &zone, Some(&NETWORKS))
}

/// A zone of so many names with an address each.
pub fn of_names(count: u32) -> Root {
    let mut zone = ZONE.to_owned();
    for i in 0..count {
        let _ = writeln!(zone, "host{i} A {}", Ipv4Addr::from(0x0a00_0000 + i));
    }
    let config = "[zone.\"example.com\"]\nfile = \"example.com.zone\"\n";
    root(config, &zone, None)
}

/// Everything is up, by observation.
fn root(config: &str, zone: &str, networks: Option<&SynthPlan>) -> Root {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("meridian.toml");
    fs::write(&path, config).expect("a file");
    fs::write(folder.path().join("example.com.zone"), zone).expect("a file");
    if let Some(plan) = networks {
        synth(plan, &folder.path().join("networks.mmdb")).expect("a database");
    }
    let (whole, _) = compile::load(&path, None).expect("a good configuration");
    let up = EndpointHealth {
        verdict: Verdict::Up,
        flip_after_ms: 12_000,
    };
    let health = Health::new(&whole.parts.pools, |_| up);
    whole.parts.root(1, Arc::new(health))
}
