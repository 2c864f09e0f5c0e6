//! What is asked of whom, and the key under which endpoints share it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Endpoint, HttpProbe, LoadFrom, Monitor, Pool, ProbeKind, Push};
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
fn default_host(address: SocketAddr, default_port: u16) -> String {
    match (address.ip(), address.port()) {
        (IpAddr::V4(ip), port) if port == default_port => ip.to_string(),
        (IpAddr::V6(ip), port) if port == default_port => format!("[{ip}]"),
        _ => address.to_string(),
    }
}

/// `None` for a monitor that does not probe.
fn key(monitor: &Monitor, whom: &Whom) -> Option<TargetKey> {
    let mut key = match &monitor.probe {
        ProbeKind::Http(probe) => http_key(probe, whom),
        ProbeKind::Tcp => format!("tcp://{whom}"),
        ProbeKind::Calculated(_) | ProbeKind::Push(_) | ProbeKind::None => return None,
    };
    key.push_str(&format!(
        " every={:?} timeout={:?} jitter={} rise={} fall={}",
        monitor.interval, monitor.timeout, monitor.jitter, monitor.rise, monitor.fall
    ));
    key.push_str(&monitor.options.key());
    Some(TargetKey(key.into()))
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

fn http_key(probe: &HttpProbe, whom: &Whom) -> String {
    let scheme = if probe.tls.is_some() { "https" } else { "http" };
    let mut key = word(&format!("{scheme}://{whom}{}", probe.path));
    let mut add = |name: &str, value: &str| {
        key.push_str(&format!(" {name}={}", word(value)));
    };
    if let Some(host) = &probe.host {
        add("host", host);
    }
    if let Some(tls) = &probe.tls {
        if let Some(sni) = &tls.sni {
            add("sni", sni);
        }
        if let Some(ca) = &tls.ca {
            add("ca", &ca.value.to_string_lossy());
        }
        if tls.insecure {
            add("certificate", "any");
        }
    }
    add("expect", &status_ranges(&probe.expect_status));
    if let Some(body) = &probe.expect_body {
        add("body", body);
        add("within", &probe.body_limit.to_string());
    }
    match probe.load.as_deref() {
        Some(LoadFrom::Header(name)) => add("load-header", name),
        Some(LoadFrom::Json(pointer)) => {
            add("load-json", pointer);
            add("of", &probe.body_limit.to_string());
        }
        None => {}
    }
    key
}

fn status_ranges(ranges: &[(u16, u16)]) -> String {
    let range = |&(first, last): &(u16, u16)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

/// The text as it is where it stands out as one word, else quoted: so that no value can pass for
/// another field.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && c != '"';
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("{text:?}"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::{
        At, Config, Flap, GeoIp, Place, PoolLoad, Resolver, Server, TlsProbe, VerdictOptions,
    };
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
            monitors: vec![monitor(ProbeKind::Tcp)],
            pools: pools.iter().map(pool).collect(),
            policies: Vec::new(),
            zones: Vec::new(),
            metrics: None,
            webhook: None,
        }
    }

    /// The TCP target number `n`, probed every second, in a region.
    pub fn tcp_target(n: u8, region: u16) -> TargetSpec {
        let mut monitor = monitor(ProbeKind::Tcp);
        monitor.interval = Duration::from_secs(1);
        let address = SocketAddr::from(([192, 0, 2, n], 80));
        TargetSpec {
            key: key(&monitor, &Whom::Address(address)).expect("a key"),
            whom: Whom::Address(address),
            monitor: Arc::new(monitor),
            region: RegionId(region),
        }
    }

    fn http() -> HttpProbe {
        HttpProbe {
            tls: None,
            path: "/healthz".into(),
            host: None,
            expect_status: vec![(200, 299)],
            expect_body: None,
            body_limit: 65_536,
            load: None,
        }
    }

    fn monitor(probe: ProbeKind) -> Monitor {
        Monitor {
            name: "web".into(),
            probe,
            port: 8080,
            at: None,
            interval: Duration::from_millis(500),
            timeout: Duration::from_millis(400),
            rise: 2,
            fall: 2,
            jitter: 0.1,
            unknown_is_up: true,
            options: VerdictOptions::default(),
        }
    }

    fn key_of(probe: HttpProbe) -> String {
        let whom = Whom::Address("127.0.10.1:8080".parse().expect("an address"));
        let key = key(&monitor(ProbeKind::Http(probe)), &whom).expect("a key");
        key.to_string()
    }

    #[test]
    fn the_key_states_the_meaning_in_words() {
        assert_eq!(
            key_of(http()),
            "http://127.0.10.1:8080/healthz expect=200-299 every=500ms timeout=400ms jitter=0.1 \
             rise=2 fall=2"
        );
        let tcp = key(
            &monitor(ProbeKind::Tcp),
            &Whom::Address("[::1]:53".parse().expect("an address")),
        );
        assert!(tcp.is_some_and(|key| key.0.starts_with("tcp://[::1]:53 every=500ms")));
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
    fn every_edit_of_the_meaning_is_another_key() {
        let tls = |edit: fn(&mut TlsProbe)| {
            let mut tls = TlsProbe {
                sni: None,
                ca: None,
                insecure: false,
            };
            edit(&mut tls);
            move |probe: &mut HttpProbe| probe.tls = Some(tls)
        };
        type Edit = Box<dyn FnOnce(&mut HttpProbe)>;
        let edits: Vec<Edit> = vec![
            Box::new(|_| ()),
            Box::new(|p| p.path = "/other".into()),
            Box::new(|p| p.host = Some("a.example".into())),
            Box::new(|p| p.expect_status = vec![(200, 200), (301, 302)]),
            Box::new(|p| p.expect_body = Some("ok".into())),
            Box::new(|p| p.expect_body = Some("ok expect=1".into())),
            Box::new(|p| p.load = Some(Box::new(LoadFrom::Header("load".into())))),
            Box::new(|p| p.load = Some(Box::new(LoadFrom::Json("/load".into())))),
            Box::new(tls(|_| ())),
            Box::new(tls(|t| t.insecure = true)),
            Box::new(tls(|t| t.sni = Some("a.example".into()))),
            Box::new(tls(|t| {
                t.ca = Some(At {
                    value: "/ca.pem".into(),
                    place: Place::file("c.toml"),
                });
            })),
        ];
        let count = edits.len();
        let keys = edits.into_iter().map(|edit| {
            let mut probe = http();
            edit(&mut probe);
            key_of(probe)
        });
        let distinct: std::collections::BTreeSet<String> = keys.collect();
        assert_eq!(distinct.len(), count, "{distinct:#?}");
    }

    #[test]
    fn so_is_every_edit_of_how_observations_become_verdicts() {
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
            let mut monitor = monitor(ProbeKind::Tcp);
            edit(&mut monitor.options, flap);
            key(&monitor, &address).expect("a key")
        });
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), edits.len(), "{keys:#?}");
    }

    #[test]
    fn a_value_cannot_pass_for_another_field() {
        let mut sly = http();
        sly.path = "/healthz host=a".into();
        let mut plain = http();
        plain.host = Some("a".into());
        assert_ne!(key_of(sly), key_of(plain));
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
