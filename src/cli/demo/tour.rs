//! `meridian demo --tour`: the story tells itself.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::backends::BACKENDS;
use crate::clock;
use crate::dns::{MESSAGE_LEN_MAX, Name, query, rtype};
use crate::state::RootReader;

/// How long any one change may take before the tour gives up.
const PATIENCE: Duration = Duration::from_secs(15);
const EUROPE: (&str, [u8; 4]) = ("Europe (193.0.0.0/24)", [193, 0, 0, 0]);
const AMERICA: (&str, [u8; 4]) = ("North America (8.8.8.0/24)", [8, 8, 8, 0]);
const ASIA: (&str, [u8; 4]) = ("Asia (203.119.0.0/24)", [203, 119, 0, 0]);

struct Tour {
    socket: UdpSocket,
    backend_port: u16,
    root: RootReader,
}

/// One answer: addresses and scope.
struct Answer {
    addresses: Vec<IpAddr>,
    scope: u8,
}

/// Tells the story against the server at `server`.
///
/// # Errors
/// In words, when it did not go as told.
pub async fn run(server: SocketAddr, root: RootReader, backend_port: u16) -> Result<(), String> {
    let socket = UdpSocket::bind((server.ip(), 0))
        .await
        .map_err(|e| e.to_string())?;
    socket.connect(server).await.map_err(|e| e.to_string())?;
    let tour = Tour {
        socket,
        backend_port,
        root,
    };

    say("1. Three continents ask for www.gslb.example.com; each is sent to its own region.");
    say("   (The scope is how wide a network the answer holds for.)");
    for (client, region) in [(EUROPE, "eu"), (AMERICA, "us"), (ASIA, "ap")] {
        let answer = tour.ask(client.1).await?;
        say(&format!(
            "   {:<27} -> {}, scope /{}",
            client.0,
            tour.describe(&answer),
            answer.scope
        ));
        if !tour.is_all_in(&answer, region) {
            return Err(format!("{} should have been sent to {region}", client.0));
        }
    }

    say("2. Both backends of eu begin to fail their health checks (curl -X POST .../down).");
    let taken = tour.switch_eu("down").await?;
    let (answer, elapsed) = tour
        .until(taken, |tour, answer| !tour.has_any_in(answer, "eu"))
        .await?;
    say(&format!(
        "   {:.1} s later no answer holds them.",
        elapsed.as_secs_f64()
    ));

    say("3. The neighbours take over: European clients get the next nearest region.");
    say(&format!(
        "   {:<27} -> {}, scope /{}",
        EUROPE.0,
        tour.describe(&answer),
        answer.scope
    ));
    let elsewhere = tour.ask(ASIA.1).await?;
    say(&format!(
        "   {:<27} -> {}, as before",
        ASIA.0,
        tour.describe(&elsewhere)
    ));

    say("4. The backends of eu recover (curl -X POST .../up).");
    let returned = tour.switch_eu("up").await?;
    let (answer, elapsed) = tour
        .until(returned, |tour, answer| tour.is_all_in(answer, "eu"))
        .await?;
    say(&format!(
        "   {:.1} s later Europe is served from eu again: {}.",
        elapsed.as_secs_f64(),
        tour.describe(&answer)
    ));
    Ok(())
}

fn say(line: &str) {
    crate::cli::print(&format!("{line}\n"));
}

impl Tour {
    async fn ask(&self, client: [u8; 4]) -> Result<Answer, String> {
        let name = Name::parse("www.gslb.example.com").map_err(|e| e.to_string())?;
        let message = query::compose(1, &name, rtype::A, Some((IpAddr::from(client), 24)));
        self.socket
            .send(&message)
            .await
            .map_err(|e| e.to_string())?;
        let mut reply = vec![0; MESSAGE_LEN_MAX];
        let received = timeout(Duration::from_secs(2), self.socket.recv(&mut reply)).await;
        let length = received
            .map_err(|_| "no answer within 2 s")?
            .map_err(|e| e.to_string())?;
        let message = Message::from_vec(&reply[..length]).map_err(|e| e.to_string())?;
        let addresses = message
            .answers
            .iter()
            .filter_map(|record| record.data.ip_addr())
            .collect();
        let subnet = message
            .edns
            .as_ref()
            .and_then(|edns| edns.option(EdnsCode::Subnet));
        let scope = match subnet {
            Some(EdnsOption::Subnet(subnet)) => subnet.scope_prefix(),
            _ => return Err("the answer has no client subnet".to_owned()),
        };
        Ok(Answer { addresses, scope })
    }

    /// Asks for Europe again and again until `is_so`; says how long that took since `since`.
    async fn until(
        &self,
        since: std::time::Instant,
        is_so: impl Fn(&Self, &Answer) -> bool,
    ) -> Result<(Answer, Duration), String> {
        while since.elapsed() < PATIENCE {
            let answer = self.ask(EUROPE.1).await?;
            if is_so(self, &answer) {
                return Ok((answer, since.elapsed()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("nothing changed within {} s", PATIENCE.as_secs()))
    }

    async fn switch_eu(&self, to: &str) -> Result<std::time::Instant, String> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .map_err(|e| e.to_string())?;
        for (_, address) in BACKENDS.iter().filter(|(region, _)| *region == "eu") {
            let url = format!("http://{address}:{}/{to}", self.backend_port);
            client.post(url).send().await.map_err(|e| e.to_string())?;
        }
        Ok(clock::now())
    }

    fn region_of(&self, address: IpAddr) -> String {
        let root = self.root.load_full();
        let endpoint = root
            .pools
            .endpoints
            .iter()
            .find(|endpoint| endpoint.destination.address() == Some(address));
        endpoint.map_or_else(String::new, |endpoint| {
            let region = root.pools.pools[endpoint.pool.index()].region;
            root.pools.regions[region.index()].name.to_string()
        })
    }

    fn has_any_in(&self, answer: &Answer, region: &str) -> bool {
        answer
            .addresses
            .iter()
            .any(|&address| self.region_of(address) == region)
    }

    fn is_all_in(&self, answer: &Answer, region: &str) -> bool {
        let is_in = |&address: &IpAddr| self.region_of(address) == region;
        !answer.addresses.is_empty() && answer.addresses.iter().all(is_in)
    }

    fn describe(&self, answer: &Answer) -> String {
        let region = answer
            .addresses
            .first()
            .map_or_else(String::new, |&address| self.region_of(address));
        let addresses: Vec<_> = answer.addresses.iter().map(ToString::to_string).collect();
        format!("{region} {}", addresses.join(" and "))
    }
}
