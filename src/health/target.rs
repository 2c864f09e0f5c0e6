//! What is asked of whom, and the key under which endpoints share it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::key::key;
use crate::config::{Config, Endpoint, Monitor, Pool};
use crate::model::{RegionId, TargetKey};

/// Everything needed to probe one target.
#[derive(Clone, Debug)]
pub struct TargetSpec {
    /// The probe's meaning as text. Endpoints with an equal key share one probe; an edit of the
    /// meaning is another key, and starts over.
    pub key: TargetKey,
    /// Where probes go.
    pub address: SocketAddr,
    pub monitor: Arc<Monitor>,
    /// The region of the first endpoint that asked for it.
    pub region: RegionId,
}

impl TargetSpec {
    /// The target of an endpoint of `pool`; `None` when the pool has no monitor.
    pub fn of_endpoint(config: &Config, pool: &Pool, endpoint: &Endpoint) -> Option<Self> {
        let monitor = config.monitors.get(pool.monitor?.index())?;
        let own = endpoint.destination.address();
        let own = own.map(|address| SocketAddr::new(address, monitor.port));
        let address = endpoint.check.or(own)?;
        Some(TargetSpec {
            key: key(monitor, address)?,
            address,
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

/// The `Host` header of a probe that names none: the address that is probed, as in a URL.
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
    use crate::config::{GeoIp, Place, PoolLoad, ProbeKind, Server, TcpProbe};
    use crate::model::{Balance, Destination, MinHealthy, MonitorId};

    /// A configuration of these pools and their endpoints, watched by one monitor.
    pub fn config_of(pools: &[(&str, &[&str])]) -> Config {
        let endpoint = |address: &&str| Endpoint {
            destination: Destination::parse(address).expect("an address"),
            weight: 1,
            check: None,
            capacity: None,
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
        };
        Config {
            path: "c.toml".into(),
            server: Server::default(),
            geoip: GeoIp {
                databases: Vec::new(),
                feeds: Vec::new(),
                depth: 3,
            },
            networks: Vec::new(),
            regions: Vec::new(),
            monitors: vec![monitor(ProbeKind::Tcp(TcpProbe::default()))],
            pools: pools.iter().map(pool).collect(),
            policies: Vec::new(),
            zones: Vec::new(),
        }
    }

    /// The TCP target number `n`, probed every second, in a region.
    pub fn tcp_target(n: u8, region: u16) -> TargetSpec {
        let mut monitor = monitor(ProbeKind::Tcp(TcpProbe::default()));
        monitor.interval = Duration::from_secs(1);
        let address = SocketAddr::from(([192, 0, 2, n], 80));
        TargetSpec {
            key: key(&monitor, address).expect("a key"),
            address,
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
        assert_eq!(first.address.to_string(), "192.0.2.1:8080");
        assert_eq!(first.key, second.key);
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
