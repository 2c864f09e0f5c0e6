//! What is asked of whom, and the key under which endpoints share it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::key::key;
use crate::config::{Endpoint, Monitor, Pool, ProbeKind, Push};
use crate::dns::Name;
use crate::model::{Destination, RegionId, TargetKey};

/// Everything needed to probe one target.
#[derive(Clone, Debug)]
pub struct TargetSpec {
    /// The probe's meaning as text. Endpoints with an equal key share one probe; an edit of the
    /// meaning is another key, and starts over.
    pub key: TargetKey,
    pub whom: Whom,
    pub monitor: Arc<Monitor>,
    /// The region of the first endpoint that asked for it.
    pub region: RegionId,
}

/// Where probes go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Whom {
    Address(SocketAddr),
    /// To this port of the first address that the name has at the time.
    Name(Name, u16),
}

impl Whom {
    /// As others write it; `None` for an address.
    pub fn name(&self) -> Option<String> {
        match self {
            Whom::Address(_) => None,
            Whom::Name(name, _) => {
                let mut name = name.to_lowercase().to_string();
                name.pop();
                Some(name)
            }
        }
    }

    /// The `Host` header of a probe that names none: where it goes, as in a URL.
    pub fn host(&self, default_port: u16) -> String {
        match (self, self.name()) {
            (Whom::Name(_, port), Some(name)) if *port == default_port => name,
            (Whom::Address(address), _) => default_host(*address, default_port),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whom::Address(address) => address.fmt(f),
            Whom::Name(_, port) => write!(f, "{}:{port}", self.name().unwrap_or_default()),
        }
    }
}

impl TargetSpec {
    /// What one monitor asks of an endpoint of `pool`; `None` of one that asks nothing itself. Of several monitors,
    /// each keeps its own port where the endpoint is checked elsewhere.
    pub fn of_endpoint(
        monitor: &Monitor,
        is_alone: bool,
        pool: &Pool,
        endpoint: &Endpoint,
    ) -> Option<Self> {
        let at_port = |address: IpAddr| SocketAddr::new(address, monitor.port);
        let check = endpoint.check.map(|check| match is_alone {
            true => check,
            false => at_port(check.ip()),
        });
        let whom = match (&endpoint.destination, monitor.at.or(check)) {
            (_, Some(elsewhere)) => Whom::Address(elsewhere),
            (Destination::Address(address), None) => Whom::Address(at_port(*address)),
            (Destination::Socket(socket), None) => Whom::Address(match monitor.keeps_port {
                true => at_port(socket.ip()),
                false => *socket,
            }),
            (Destination::Name(name), None) => Whom::Name(name.clone(), monitor.port),
        };
        let key = match &monitor.probe {
            ProbeKind::Push(push) => pushed_key(monitor, push, pool, endpoint),
            _ => key(monitor, &whom)?,
        };
        Some(TargetSpec {
            key,
            whom,
            monitor: Arc::new(monitor.clone()),
            region: pool.region,
        })
    }

    /// How long what was said of it holds; where others say it.
    pub fn max_age(&self) -> Option<Duration> {
        match self.monitor.probe {
            ProbeKind::Push(Push { max_age }) => Some(max_age),
            _ => None,
        }
    }

    /// The time within which a target that stopped answering is seen to fall: `fall` intervals, the first the longest
    /// there is and late by the jitter, and the last probe's timeout.
    pub fn fall_window(&self) -> Duration {
        let monitor = &self.monitor;
        let first = monitor.options.interval_stable.unwrap_or(monitor.interval);
        // A probe that takes longer than that ends before the next one starts.
        let doubt = monitor.options.interval_doubt;
        let further = doubt.map_or(monitor.interval, |doubt| doubt.max(monitor.timeout));
        let jittered = (first + further * (monitor.fall - 1)) + first.mul_f64(monitor.jitter);
        jittered + monitor.timeout
    }
}

/// The address that is probed, as in a URL.
pub fn default_host(address: SocketAddr, default_port: u16) -> String {
    match (address.ip(), address.port()) {
        (IpAddr::V4(ip), port) if port == default_port => ip.to_string(),
        (IpAddr::V6(ip), port) if port == default_port => format!("[{ip}]"),
        _ => address.to_string(),
    }
}

/// What is told of an endpoint by others, under a monitor's name.
fn pushed_key(monitor: &Monitor, push: &Push, pool: &Pool, endpoint: &Endpoint) -> TargetKey {
    let Monitor {
        name, rise, fall, ..
    } = monitor;
    let (of, at, max_age) = (&pool.name, &endpoint.destination, push.max_age);
    let key = format!("push:{name} {of}/{at} max_age={max_age:?} rise={rise} fall={fall}");
    TargetKey(key.into())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::{
        Config, Flap, GeoIp, Place, PoolLoad, Resolver, Server, TcpProbe, VerdictOptions,
    };
    use crate::model::{Balance, MinHealthy, MonitorId};

    /// A configuration of these pools and their endpoints, watched by one monitor.
    pub fn config_of(pools: &[(&str, &[&str])]) -> Config {
        let endpoint = |address: &&str| Endpoint {
            destination: Destination::parse(address).expect("an address"),
            weight: 1,
            check: None,
            capacity: None,
            origin: crate::config::Origin::Written,
            place: Place::file("c.toml"),
        };
        let pool = |(name, endpoints): &(&str, &[&str])| Pool {
            backend: Default::default(),
            registration: None,
            name: (*name).into(),
            region: RegionId(0),
            monitor: Some(MonitorId(0)),
            balance: Balance::Weighted,
            min_healthy: MinHealthy::default(),
            serve_whole: false,
            slow_start: None,
            manual_resume: false,
            load: PoolLoad {
                from: Vec::new(),
                capacity: None,
                shed: None,
                max_age: Duration::from_secs(10),
            },
            endpoints: endpoints.iter().map(endpoint).collect(),
            aliases: Vec::new(),
        };
        Config {
            path: "c.toml".into(),
            server: Server::default(),
            geoip: GeoIp {
                databases: Vec::new(),
                feeds: Vec::new(),
                depth: 3,
            },
            resolver: Resolver::default(),
            networks: Vec::new(),
            regions: Vec::new(),
            monitors: vec![monitor(ProbeKind::Tcp(TcpProbe::default()))],
            pools: pools.iter().map(pool).collect(),
            policies: Vec::new(),
            zones: Vec::new(),
            metrics: None,
            webhook: None,
            forwarder: None,
        }
    }

    /// The TCP target number `n`, probed every second, in a region.
    pub fn tcp_target(n: u8, region: u16) -> TargetSpec {
        let mut monitor = monitor(ProbeKind::Tcp(TcpProbe::default()));
        monitor.interval = Duration::from_secs(1);
        let address = SocketAddr::from(([192, 0, 2, n], 80));
        TargetSpec {
            key: key(&monitor, &Whom::Address(address)).expect("a key"),
            whom: Whom::Address(address),
            monitor: Arc::new(monitor),
            region: RegionId(region),
        }
    }

    pub fn monitor(probe: ProbeKind) -> Monitor {
        Monitor {
            name: "web".into(),
            probe,
            port: 8080,
            keeps_port: true,
            at: None,
            interval: Duration::from_millis(500),
            timeout: Duration::from_millis(400),
            rise: 2,
            fall: 2,
            jitter: 0.1,
            unknown_is_up: true,
            options: VerdictOptions::default(),
            place: Place::file("c.toml"),
        }
    }

    #[test]
    fn the_target_of_an_endpoint_is_its_check_or_its_address_at_the_monitors_port() {
        let mut config = config_of(&[("web", &["192.0.2.1", "192.0.2.2"])]);
        let second = &mut config.pools[0].endpoints[1];
        second.check = Some("192.0.2.1:8080".parse().expect("an address"));
        let (pool, web) = (&config.pools[0], &config.monitors[0]);
        let target = |n: usize| TargetSpec::of_endpoint(web, true, pool, &pool.endpoints[n]);
        let (first, second) = (target(0).expect("a target"), target(1).expect("a target"));
        assert_eq!(first.whom.to_string(), "192.0.2.1:8080");
        assert_eq!(first.key, second.key);
        let mut named = pool.endpoints[0].clone();
        named.destination = Destination::Name(Name::parse("CDN.example.net").expect("a name"));
        let named = TargetSpec::of_endpoint(web, true, pool, &named).expect("a target");
        assert!(named.key.0.starts_with("tcp://cdn.example.net:8080 "));
        // One of several keeps its port, and one that asks elsewhere asks there.
        let mut other = Monitor {
            port: 25,
            keeps_port: true,
            ..web.clone()
        };
        let asked = |monitor: &Monitor| {
            let spec = TargetSpec::of_endpoint(monitor, false, pool, &pool.endpoints[1]);
            spec.expect("a target").whom.to_string()
        };
        assert_eq!(asked(&other), "192.0.2.1:25");
        other.at = Some("192.0.2.50:5432".parse().expect("an address"));
        assert_eq!(asked(&other), "192.0.2.50:5432");
    }

    #[test]
    fn what_is_told_by_others_is_told_of_each_endpoint_by_itself() {
        let config = config_of(&[
            ("web", &["192.0.2.1", "192.0.2.2"]),
            ("app", &["192.0.2.1"]),
        ]);
        let max_age = Duration::from_secs(30);
        let told = monitor(ProbeKind::Push(Push { max_age }));
        let keys = config.pools.iter().flat_map(|pool| {
            let endpoints = pool.endpoints.iter();
            endpoints.map(|endpoint| TargetSpec::of_endpoint(&told, true, pool, endpoint))
        });
        let specs: Vec<_> = keys.flatten().collect();
        assert_eq!(
            specs[0].key.to_string(),
            "push:web web/192.0.2.1 max_age=30s rise=2 fall=2"
        );
        assert_eq!(specs[0].max_age(), Some(max_age));
        let distinct: std::collections::BTreeSet<_> = specs.iter().map(|s| &s.key).collect();
        assert_eq!(distinct.len(), 3);
    }

    #[test]
    fn every_edit_of_how_observations_become_verdicts_is_another_key() {
        let flap = Flap {
            falls: 3,
            within: Duration::from_secs(600),
            hold: Duration::from_secs(30),
            max: Duration::from_secs(1800),
        };
        let edits: [fn(&mut VerdictOptions, Flap); 7] = [
            |_, _| (),
            |options, _| options.refused_counts_at_once = true,
            |options, _| options.interval_doubt = Some(Duration::from_millis(250)),
            |options, _| options.interval_stable = Some(Duration::from_secs(10)),
            |options, flap| options.flap = Some(flap),
            |options, flap| options.flap = Some(Flap { falls: 4, ..flap }),
            |options, flap| {
                let hold = Duration::from_secs(31);
                options.flap = Some(Flap { hold, ..flap });
            },
        ];
        let address = Whom::Address("127.0.10.1:8080".parse().expect("an address"));
        let keys = edits.map(|edit| {
            let mut monitor = monitor(ProbeKind::Tcp(TcpProbe::default()));
            edit(&mut monitor.options, flap);
            key(&monitor, &address).expect("a key")
        });
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), edits.len(), "{keys:#?}");
    }

    #[test]
    fn the_default_host_is_written_as_in_a_url() {
        let host = |text: &str| default_host(text.parse().expect("an address"), 80);
        assert_eq!(host("192.0.2.1:80"), "192.0.2.1");
        assert_eq!(host("192.0.2.1:8080"), "192.0.2.1:8080");
        assert_eq!(host("[2001:db8::1]:80"), "[2001:db8::1]");
        assert_eq!(host("[2001:db8::1]:81"), "[2001:db8::1]:81");
    }
}
