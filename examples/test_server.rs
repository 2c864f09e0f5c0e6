//! A server inside a test: what an application's own tests can do with Meridian.
//!
//! ```sh
//! cargo run --example test_server
//! ```

use std::net::Ipv4Addr;

use meridian::model::Verdict;
use meridian::testing::TestServer;

/// Two regions. Europeans are known by a network of our own, so that no database is needed.
const CONFIG: &str = r#"
[network.europeans]
prefixes = ["193.0.0.0/8"]
location = "NL"

[region.eu]
location = [50.11, 8.68]
serves   = ["continent:EU"]
[region.us]
location = [39.04, -77.49]

[monitor.web]                       # nothing is probed: the test says what is up
http = "/healthz"
port = 80

[pool.web-eu]
region    = "eu"
monitor   = "web"
endpoints = ["192.0.2.1"]
[pool.web-us]
region    = "us"
monitor   = "web"
endpoints = ["198.51.100.1"]

[policy.world]
geo     = ["web-eu", "web-us"]
default = ["us", "eu"]              # for clients of whom nothing is known

[zone."gslb.example.com"]
file = "gslb.example.com.zone"
[zone."gslb.example.com".balanced]
www = { policy = "world" }
"#;

const ZONE: &str = "
$TTL 3600
@    SOA  ns1 hostmaster 1 7200 1800 1209600 60
@    NS   ns1
ns1  A    192.0.2.53
";

pub fn main() -> Result<(), String> {
    let server = TestServer::start(CONFIG, &[("gslb.example.com.zone", ZONE)])?;
    let ask = |client| server.query("www.gslb.example.com", "A", Some(client));

    let european = ask("193.0.0.0/24")?;
    println!("Europe is sent to {:?}", european.addresses);
    assert_eq!(european.addresses, [Ipv4Addr::new(192, 0, 2, 1)]);
    assert_eq!(european.scope, Some(8));

    server.set_verdict("web-eu", Verdict::Down)?;
    let failed_over = ask("193.0.0.0/24")?;
    println!("with eu down, to {:?}", failed_over.addresses);
    assert_eq!(failed_over.addresses, [Ipv4Addr::new(198, 51, 100, 1)]);
    // The scope says which clients are steered alike, whoever is up: it stays.
    assert_eq!(failed_over.scope, european.scope);

    let (ip, port) = (server.address().ip(), server.address().port());
    println!("while it runs: dig @{ip} -p {port} www.gslb.example.com +subnet=193.0.0.0/24");
    server.stop();
    Ok(())
}
