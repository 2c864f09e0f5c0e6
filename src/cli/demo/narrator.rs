//! What the demo prints while it runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::backends::BACKENDS;
use crate::daemon::{Daemon, Notice};
use crate::model::EndpointId;
use crate::state::feedback::{Sample, SampleQueue};
use crate::state::{Root, RootReader};

/// Sampled queries that are shown per second at most.
const SAMPLES_PER_SECOND: usize = 5;

pub struct Narrator {
    root: RootReader,
    listening: Vec<SocketAddr>,
    backend_port: u16,
}

impl Narrator {
    pub fn new(daemon: &Daemon, backend_port: u16) -> Self {
        Narrator {
            root: daemon.root(),
            listening: daemon.listening().to_vec(),
            backend_port,
        }
    }

    /// What runs, and what to try.
    pub fn welcome(&self) -> String {
        let dns = self.listening[0];
        let dig = format!("dig @{} -p {} www.gslb.example.com", dns.ip(), dns.port());
        let listening: Vec<_> = self.listening.iter().map(ToString::to_string).collect();
        format!(
            "\
Meridian answers for gslb.example.com on {listening}, over UDP and TCP.
Behind www.gslb.example.com there are three regions with two backends each, on port {port}:

{regions}
Ask as a client of Europe, North America or Asia would (from another terminal):

  {dig} +subnet=193.0.0.0/24      # eu
  {dig} +subnet=8.8.8.0/24        # us
  {dig} +subnet=203.119.0.0/24    # ap
  {dig} +tcp                      # {default}

The last one says nothing of its client, and no database knows {client}: it gets the default order.
The CLIENT-SUBNET line of the others ends in the scope: how wide a network the answer holds for.

Take a backend down, see it leave the answers within about a second, and bring it back:

  curl -X POST http://{first}:{port}/down
  curl -X POST http://{first}:{port}/up

Ask for the reasons:

  {program} explain www.gslb.example.com --client 203.119.0.7

(AAAA works, too. Those addresses are for documentation, 2001:db8::/32: nobody answers there, and
their health is that of the IPv4 backends.)

Changes of health and sampled queries follow. Ctrl-C stops.

",
            listening = listening.join(" and "),
            port = self.backend_port,
            regions = regions(),
            default = self.default_order(),
            client = dns.ip(),
            first = BACKENDS[0].1,
            program = crate::cli::program(),
        )
    }

    fn default_order(&self) -> String {
        let root = self.root.load_full();
        let Some(map) = root.maps.first() else {
            return String::new();
        };
        let order = map.order(crate::state::map::CLASS_DEFAULT).iter();
        let names: Vec<_> = order
            .map(|&slot| &*root.pools.regions[map.regions[usize::from(slot)].index()].name)
            .collect();
        names.join(", then ")
    }

    /// Prints changes and samples for as long as there is somebody to report them.
    pub async fn narrate(self, mut notices: UnboundedReceiver<Notice>, samples: Arc<SampleQueue>) {
        let mut tick = tokio::time::interval(Duration::from_secs(1) / SAMPLES_PER_SECOND as u32);
        loop {
            tokio::select! {
                notice = notices.recv() => match notice {
                    Some(notice) => self.print_notice(&notice),
                    None => return,
                },
                _ = tick.tick() => {
                    if let Some(sample) = samples.take() {
                        self.print_sample(&sample);
                    }
                    // What came in between is not worth catching up with.
                    while samples.take().is_some() {}
                }
            }
        }
    }

    fn print_notice(&self, notice: &Notice) {
        let endpoints: Vec<_> = notice
            .endpoints
            .iter()
            .map(|(region, address)| format!("{region} {address}"))
            .collect();
        let verb = if endpoints.len() == 1 { "is" } else { "are" };
        crate::cli::print(&format!(
            "health: {} {verb} {}: {}\n",
            endpoints.join(" and "),
            notice.verdict,
            notice.reason
        ));
    }

    fn print_sample(&self, sample: &Sample) {
        let root = self.root.load_full();
        // The demo publishes one set of endpoints only; ids of another root would mean others.
        let Some(endpoint) = sample.endpoint else {
            return;
        };
        let answered = describe(&root, endpoint);
        let Sample {
            network,
            source_prefix,
            scope,
            ttl_s,
            ..
        } = sample;
        let (client, scope) = match sample.from_client_subnet {
            true => (
                format!("{network}/{source_prefix}"),
                format!(", scope /{scope}"),
            ),
            false => (format!("{network} (no client subnet)"), String::new()),
        };
        crate::cli::print(&format!(
            "query:  {client} -> {answered} first, TTL {ttl_s} s{scope}\n"
        ));
    }
}

/// A line for each region with its backends.
fn regions() -> String {
    let mut lines = String::new();
    for pair in BACKENDS.chunks(2) {
        let addresses: Vec<_> = pair
            .iter()
            .map(|(_, address)| address.to_string())
            .collect();
        lines += &format!("  {}  {}\n", pair[0].0, addresses.join("  "));
    }
    lines
}

/// Region and address of an endpoint.
fn describe(root: &Root, id: EndpointId) -> String {
    let Some(endpoint) = root.pools.endpoints.get(id.index()) else {
        return "an endpoint of before".to_owned();
    };
    let region = root.pools.pools[endpoint.pool.index()].region;
    format!(
        "{} {}",
        root.pools.regions[region.index()].name,
        endpoint.destination
    )
}
