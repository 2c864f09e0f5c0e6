//! What is asked of whom, and the key under which endpoints share it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::key::key;
use crate::config::{Config, Endpoint, Monitor, Pool};
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
    /// The target of an endpoint of `pool`; `None` when the pool has no monitor.
    pub fn of_endpoint(config: &Config, pool: &Pool, endpoint: &Endpoint) -> Option<Self> {
        let monitor = config.monitors.get(pool.monitor?.index())?;
        let whom = match (&endpoint.destination, endpoint.check) {
            (_, Some(check)) => Whom::Address(check),
            (Destination::Address(address), None) => {
                Whom::Address(SocketAddr::new(*address, monitor.port))
            }
            (Destination::Name(name), None) => Whom::Name(name.clone(), monitor.port),
        };
        Some(TargetSpec {
            key: key(monitor, &whom)?,
            whom,
            monitor: Arc::new(monitor.clone()),
            region: pool.region,
        })
    }

    /// The time within which a target that stopped answering is seen to fall: `fall` intervals, late
    /// by the jitter, and the last probe's timeout.
    pub fn fall_window(&self) -> Duration {
        let monitor = &self.monitor;
        let intervals = f64::from(monitor.fall) + monitor.jitter;
        monitor.interval.mul_f64(intervals) + monitor.timeout
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::{GeoIp, Place, PoolLoad, ProbeKind, Resolver, Server, TcpProbe};
    use crate::model::{Balance, MinHealthy, MonitorId};

    /// A configuration of these pools and their endpoints, watched by one monitor.
    pub fn config_of(pools: &[(&str, &[&str])]) -> Config {
        let endpoint = |address: &&str| Endpoint {
            destination: Destination::parse(address).expect("an address"),
            weight: 1,
            check: None,
            capacity: None,
            of_alias: None,
            place: Place::file("c.toml"),
        };
        let pool = |(name, endpoints): &(&str, &[&str])| Pool {
            name: (*name).into(),
            region: RegionId(0),
            monitor: Some(MonitorId(0)),
            balance: Balance::Weighted,
            min_healthy: MinHealthy::default(),
            serve_whole: false,
            slow_start: None,
            manual_resume: false,
            load: PoolLoad {
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
            interval: Duration::from_millis(500),
            timeout: Duration::from_millis(400),
            rise: 2,
            fall: 2,
            jitter: 0.1,
            unknown_is_up: true,
        }
    }

    #[test]
    fn the_target_of_an_endpoint_is_its_check_or_its_address_at_the_monitors_port() {
        let mut config = config_of(&[("web", &["192.0.2.1", "192.0.2.2"])]);
        let second = &mut config.pools[0].endpoints[1];
        second.check = Some("192.0.2.1:8080".parse().expect("an address"));
        let pool = &config.pools[0];
        let target = |n: usize| TargetSpec::of_endpoint(&config, pool, &pool.endpoints[n]);
        let (first, second) = (target(0).expect("a target"), target(1).expect("a target"));
        assert_eq!(first.whom.to_string(), "192.0.2.1:8080");
        assert_eq!(first.key, second.key);
        let mut named = pool.endpoints[0].clone();
        named.destination = Destination::Name(Name::parse("CDN.example.net").expect("a name"));
        let named = TargetSpec::of_endpoint(&config, pool, &named).expect("a target");
        assert!(named.key.0.starts_with("tcp://cdn.example.net:8080 "));
        let mut unwatched = pool.clone();
        unwatched.monitor = None;
        assert!(TargetSpec::of_endpoint(&config, &unwatched, &pool.endpoints[0]).is_none());
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
