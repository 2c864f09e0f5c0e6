//! `meridian serve` on a free port, with a configuration that the tests share.

use std::net::SocketAddr;

use serde_json::Value;

use crate::place::{Place, in_repository};
use crate::process::{Process, eventually};

pub const ZONE: &str = "\
$TTL 300
@    SOA ns1 hostmaster 1 7200 1800 1209600 60
@    NS  ns1
ns1  A   192.0.2.53
mail A   192.0.2.25
";

/// Three regions that the sample database tells apart, with endpoints that nobody can reach: to be
/// served with frozen verdicts.
pub fn config() -> String {
    let database = in_repository("geoip/sample.mmdb");
    format!(
        r#"
[server]
listen      = ["127.0.0.1:0"]
state_dir   = "state"
udp_threads = 1

[geoip]
databases = "{}"

[region.eu]
location = [50.11, 8.68]
serves   = ["continent:EU"]
[region.us]
location = [39.04, -77.49]
serves   = ["continent:NA"]
[region.ap]
location = [1.35, 103.82]
serves   = ["continent:AS"]

[monitor.web]
tcp  = true
port = 80

[pool.web-eu]
region    = "eu"
monitor   = "web"
endpoints = [{{ address = "192.0.2.1", weight = 3 }}, "192.0.2.2"]
[pool.web-us]
region    = "us"
monitor   = "web"
endpoints = ["198.51.100.1"]
[pool.web-ap]
region    = "ap"
monitor   = "web"
endpoints = ["203.0.113.1"]

[policy.world]
geo = ["web-eu", "web-us", "web-ap"]

[zone."gslb.example.com"]
file = "gslb.zone"
[zone."gslb.example.com".balanced]
www = {{ policy = "world", answers = 2 }}
"#,
        database.display()
    )
}

/// A place with that configuration, and verdicts that say nothing.
pub fn place() -> Place {
    let place = Place::new();
    place.write("meridian.toml", config());
    place.write("gslb.zone", ZONE);
    place.write("verdicts.toml", "");
    place
}

/// A server that answers.
pub struct Server {
    pub process: Process,
    pub address: SocketAddr,
}

impl Server {
    /// Serves `meridian.toml` with verdicts from `verdicts.toml`.
    pub fn frozen(place: &Place) -> Self {
        Self::start(place, &["--frozen-health", "verdicts.toml"])
    }

    pub fn start(place: &Place, options: &[&str]) -> Self {
        let mut arguments = vec!["serve", "--config", "meridian.toml"];
        arguments.extend(options);
        Self::ready(Process::start(place.command(&arguments)))
    }

    /// Waits until it answers.
    pub fn ready(mut process: Process) -> Self {
        let line = process.until_stdout("\n");
        let ready: Value = serde_json::from_str(&line).unwrap();
        let address = ready["listen"][0].as_str().unwrap().parse().unwrap();
        Server { process, address }
    }

    /// Reloads, and waits for `logged`.
    pub fn reload(&mut self, logged: &str) {
        let before = self.process.stderr().matches(logged).count();
        self.process.signal("HUP");
        eventually(logged, || {
            (self.process.stderr().matches(logged).count() > before).then_some(())
        });
    }
}
