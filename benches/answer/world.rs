//! What is answered from.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use meridian::geoip::synth::SynthPlan;
use meridian::state::Root;

use crate::common::{REGIONS, ZONE, regions, root, whole};
use crate::questions::KINDS;

/// Networks of the database: enough for a search of some depth, few enough to be quickly made.
const NETWORKS: SynthPlan = SynthPlan {
    ipv4_networks: 12_000,
    ipv6_networks: 8_000,
    seed: 1,
};

/// A zone with a name of each kind that is asked for, [`KINDS`] times, and balanced names.
pub fn small() -> Root {
    let mut zone = format!("{ZONE}*.wild A 192.0.2.99\n");
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
            let address = Ipv4Addr::from(0xc612_0000 + i * 60 + j);
            let _ = writeln!(zone, "farm{i} A {address}");
        }
    }
    let files = [("example.com.zone", zone.as_str())];
    root(&whole(&balanced(), &files, Some(&NETWORKS)))
}

/// A pool of four addresses of either family in each region, and [`KINDS`] names that are balanced over
/// all of them.
fn balanced() -> String {
    let mut config = regions();
    config.push_str("[geoip]\ndatabases = [\"networks.mmdb\"]\n");
    config.push_str("[monitor.port]\ntcp = true\nport = 443\n");
    let mut pools = Vec::new();
    for (i, (name, _, _)) in REGIONS.iter().enumerate() {
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
    let _ = writeln!(config, "[policy.world]\ngeo = [{}]", pools.join(", "));
    config.push_str("[zone.\"example.com\"]\nfile = \"example.com.zone\"\n");
    config.push_str("[zone.\"example.com\".balanced]\n");
    for i in 0..KINDS {
        let _ = writeln!(config, "www{i} = {{ policy = \"world\", answers = 2 }}");
    }
    config
}

/// A zone of so many names with an address each.
pub fn of_names(count: u32) -> Root {
    let mut zone = ZONE.to_owned();
    for i in 0..count {
        let _ = writeln!(zone, "host{i} A {}", Ipv4Addr::from(0x0a00_0000 + i));
    }
    let config = "[zone.\"example.com\"]\nfile = \"example.com.zone\"\n";
    root(&whole(config, &[("example.com.zone", &zone)], None))
}
