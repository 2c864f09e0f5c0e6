//! What the demo prints while it runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

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
        let (server, port, backend) = (dns.ip(), dns.port(), self.backend_port);
        let listening: Vec<_> = self.listening.iter().map(ToString::to_string).collect();
        format!(
            "\
Meridian answers on {listening} (UDP and TCP) for gslb.example.com.
Six backends run on 127.0.10.1 and .2 (eu), 127.0.20.1 and .2 (us), 127.0.30.1 and .2 (ap), port {backend}.

Ask as a client of each continent; the answer's CLIENT-SUBNET line ends in its scope:
  dig @{server} -p {port} www.gslb.example.com +subnet=193.0.0.0/24      Europe: eu
  dig @{server} -p {port} www.gslb.example.com +subnet=8.8.8.0/24        North America: us
  dig @{server} -p {port} www.gslb.example.com +subnet=203.119.0.0/24    Asia: ap
  dig @{server} -p {port} www.gslb.example.com AAAA +subnet=193.0.0.0/24
      (the IPv6 addresses are documentation ones, 2001:db8::/32: nobody answers there; their health is
      that of the IPv4 backends)

A plain dig, without +subnet, is steered by the address that it comes from. Yours is {server}, which is
in no database, so the policy's default order holds:
  dig @{server} -p {port} www.gslb.example.com                           {default}

Take a backend down, see it leave the answers, bring it back:
  curl -X POST http://127.0.10.1:{backend}/down
  curl -X POST http://127.0.10.1:{backend}/up

Ask for the reasons (from another terminal):
  meridian explain www.gslb.example.com A --client 203.119.0.7

Changes and sampled queries follow. Ctrl-C stops.

",
            listening = listening.join(" and "),
            default = self.default_order(),
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
            .map(|(pool, address)| format!("{pool} {address}"))
            .collect();
        crate::cli::print(&format!(
            "{} is {}: {}\n",
            endpoints.join(", "),
            notice.verdict,
            notice.reason
        ));
    }

    fn print_sample(&self, sample: &Sample) {
        let root = self.root.load_full();
        let answered = sample
            .endpoint
            .map_or_else(|| "nothing".to_owned(), |id| describe(&root, id));
        let Sample {
            network,
            source_prefix,
            scope,
            ..
        } = sample;
        crate::cli::print(&if sample.from_client_subnet {
            format!("{network}/{source_prefix} -> {answered}, scope /{scope}\n")
        } else {
            format!("{network} (no client subnet) -> {answered}\n")
        });
    }
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
        endpoint.address
    )
}
