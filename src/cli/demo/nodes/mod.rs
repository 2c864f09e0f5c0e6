//! `meridian demo --forwarder`: two nodes, each in a region of its own, with its own forwarder and backends; every node
//! is a process, so that it can be killed.

mod client;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::backends::{BACKENDS, Backends};
use super::files::Files;
use super::{Arguments, Interruption};
use crate::admin::{Joined, Socket, client as admin};
use crate::clock;
use crate::registrations::Order;
use client::Client;

/// Regions with the addresses of their nodes.
const NODES: [(&str, Ipv4Addr); 2] = [
    ("eu", Ipv4Addr::new(127, 0, 10, 80)),
    ("us", Ipv4Addr::new(127, 0, 20, 80)),
];
const CLIENTS: [(&str, [u8; 4]); 2] = [("Europe", [193, 0, 0, 0]), ("North America", [8, 8, 8, 0])];
/// How long any one change may take before the tour gives up.
const PATIENCE: Duration = Duration::from_secs(20);
const LEASE_S: u64 = 3;

struct Demo {
    files: Files,
    dns_port: u16,
    http_port: u16,
    nodes: Vec<Node>,
    client: Arc<Client>,
}

/// A process, and the task that keeps its registration.
struct Node {
    process: Child,
    keeper: JoinHandle<()>,
}

pub async fn run(arguments: &Arguments) -> Result<(), String> {
    let mut interruption = Interruption::catch().map_err(|e| e.to_string())?;
    let files = Files::in_temporary_folder()?;
    let backends = Backends::start(arguments.backend_port).await?;
    let mut demo = Demo {
        dns_port: free_port(arguments.port)?,
        http_port: backends.port(),
        client: Arc::new(Client::new()?),
        nodes: Vec::new(),
        files,
    };
    for number in 0..NODES.len() {
        let node = demo.start(number)?;
        demo.nodes.push(node);
    }
    let told = async {
        demo.begin().await?;
        match arguments.tour {
            true => demo.tour().await,
            false => demo.watch().await,
        }
    };
    let outcome = tokio::select! {
        outcome = told => outcome,
        () = interruption.wait() => match arguments.tour {
            true => Err("interrupted".to_owned()),
            false => Ok(()),
        },
    };
    for mut node in demo.nodes {
        node.keeper.abort();
        // One that was killed is gone already.
        let _ = node.process.kill().await;
    }
    backends.stop();
    outcome
}

/// A port that is free on the addresses of all nodes.
fn free_port(wanted: u16) -> Result<u16, String> {
    let take = |address: Ipv4Addr, port| {
        let taken = std::net::UdpSocket::bind((address, port));
        taken.map_err(|e| format!("{address}:{port}: {e}; --port 0 takes any free port"))
    };
    let first = take(NODES[0].1, wanted)?;
    let port = first.local_addr().map_err(|e| e.to_string())?.port();
    take(NODES[1].1, port)?;
    Ok(port)
}

fn say(line: &str) {
    crate::cli::print(&format!("{line}\n"));
}

impl Demo {
    fn socket(&self, number: usize) -> std::path::PathBuf {
        let state_dir = format!("state-{}", NODES[number].0);
        Socket::path_in(&self.files.folder().join(state_dir))
    }

    /// Starts a node, which registers with both from then on.
    fn start(&self, number: usize) -> Result<Node, String> {
        let (region, address) = NODES[number];
        let path = self.files.folder().join(format!("{region}.toml"));
        self.write(number, &path)?;
        let program = std::env::current_exe().map_err(|e| e.to_string())?;
        let process = Command::new(program)
            .args(["serve", "--log", "text", "--config"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("node {region}: {e}"))?;
        let order = Order {
            pool: format!("front-{region}"),
            address: address.to_string(),
            weight: 1,
            lease_s: LEASE_S,
            drain: false,
        };
        let sockets = [self.socket(0), self.socket(1)];
        let own = number;
        let keeper = tokio::spawn(async move {
            loop {
                // Who cannot tell itself that it is there says nothing to others either.
                let joined: Result<Joined, _> =
                    admin::post(&sockets[own], "/v1/registrations", &order).await;
                if joined.is_ok() {
                    let other = &sockets[1 - own];
                    // It may be down: it is asked again soon.
                    let _: Result<Joined, _> =
                        admin::post(other, "/v1/registrations", &order).await;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        Ok(Node { process, keeper })
    }

    fn write(&self, number: usize, path: &Path) -> Result<(), String> {
        let (region, address) = NODES[number];
        let mut backends = BACKENDS.iter().filter(|(of, _)| *of == region);
        let mut backend = || {
            backends
                .next()
                .map_or_else(String::new, |(_, at)| at.to_string())
        };
        let load = |of: &str| match of == region {
            true => "load_from    = \"backends\"\n",
            false => "",
        };
        let text = include_str!("node.toml")
            .replace("@ADDRESS@", &address.to_string())
            .replace("@REGION@", region)
            .replace("@DNS_PORT@", &self.dns_port.to_string())
            .replace("@HTTP_PORT@", &self.http_port.to_string())
            .replace("@BACKEND_1@", &backend())
            .replace("@BACKEND_2@", &backend())
            .replace("@LOAD_EU@\n", load("eu"))
            .replace("@LOAD_US@\n", load("us"));
        std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
    }

    fn dns(&self, number: usize) -> SocketAddr {
        (NODES[number].1, self.dns_port).into()
    }

    /// Waits until each client is sent to its own region, whichever node it asks.
    async fn begin(&self) -> Result<(), String> {
        for (number, client) in CLIENTS.iter().enumerate() {
            for asked in 0..NODES.len() {
                self.until(asked, client.1, NODES[number].1).await?;
            }
        }
        Ok(())
    }

    async fn tour(&mut self) -> Result<(), String> {
        say(
            "1. Two nodes have started, in eu and us, each with two backends. Each has registered its forwarder with both.",
        );
        for (client, network) in CLIENTS {
            // Resolvers ask either node.
            let (address, body) = self.fetch(1, network).await?;
            say(&format!("   {client:<14} -> {address}: {body}"));
        }
        say(
            "2. A backend of eu fails (curl -X POST .../down): its neighbour answers, through the same node.",
        );
        let broken = BACKENDS[0].1;
        self.client.switch(broken, self.http_port, "down").await?;
        let since = clock::now();
        loop {
            let (address, body) = self.fetch(0, CLIENTS[0].1).await?;
            if !body.contains(&broken.to_string()) {
                say(&format!("   {:<14} -> {address}: {body}", CLIENTS[0].0));
                break;
            }
            patience(since)?;
        }
        self.client.switch(broken, self.http_port, "up").await?;
        say("3. Node eu is killed (kill -9): its nameserver, its forwarder and its registration.");
        let node = &mut self.nodes[0];
        node.keeper.abort();
        node.process.kill().await.map_err(|e| e.to_string())?;
        let since = clock::now();
        let took = self.until(1, CLIENTS[0].1, NODES[1].1).await?;
        let (address, body) = self.fetch(1, CLIENTS[0].1).await?;
        say(&format!(
            "   {:.1} s later {} is sent to us, for 2 s at a time (TTL):",
            took.saturating_duration_since(since).as_secs_f64(),
            CLIENTS[0].0
        ));
        say(&format!("   {:<14} -> {address}: {body}", CLIENTS[0].0));
        say("4. Node eu starts again, registers, and has its clients back.");
        self.nodes[0] = self.start(0)?;
        self.until(1, CLIENTS[0].1, NODES[0].1).await?;
        let (address, body) = self.fetch(1, CLIENTS[0].1).await?;
        say(&format!("   {:<14} -> {address}: {body}", CLIENTS[0].0));
        Ok(())
    }

    /// Tells what to try, and then whenever a client is sent elsewhere.
    async fn watch(&self) -> Result<(), String> {
        say(&self.welcome());
        let mut known: [Option<IpAddr>; 2] = [None; 2];
        loop {
            for ((client, network), known) in CLIENTS.iter().zip(&mut known) {
                let mut answer = None;
                for number in 0..NODES.len() {
                    // One that is down leaves it to the other.
                    if let Ok(address) = self.client.resolve(self.dns(number), *network).await {
                        answer = address;
                        break;
                    }
                }
                if answer != *known {
                    let place = NODES.iter().find(|(_, at)| Some(IpAddr::V4(*at)) == answer);
                    let place = place.map_or("nowhere", |(region, _)| region);
                    say(&format!("{client} is sent to {place}"));
                    *known = answer;
                }
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    fn welcome(&self) -> String {
        let program = crate::cli::program();
        let (dns_port, http_port) = (self.dns_port, self.http_port);
        let [(_, eu), (_, us)] = NODES;
        let pid = |node: &Node| node.process.id().unwrap_or_default();
        let (pid_eu, pid_us) = (pid(&self.nodes[0]), pid(&self.nodes[1]));
        let folder = self.files.folder().display();
        format!(
            "\
Two nodes run, each a nameserver and a load balancer with two backends: eu (process {pid_eu}) and us (process {pid_us}).

  dig @{us} -p {dns_port} www.gslb.example.com +subnet=193.0.0.0/24 +short      a client in Europe
  curl --connect-to ::{eu}:{http_port} http://www.gslb.example.com/     what it is served there
  {program} explain --url http://www.gslb.example.com/ --client 193.0.0.7 -c {folder}/eu.toml
  {program} registrations --state-dir {folder}/state-us
  curl -X POST http://{backend}:{http_port}/down                   a backend fails
  kill -9 {pid_eu}                                                 a node fails

Ctrl-C stops.",
            backend = BACKENDS[0].1,
        )
    }

    /// What a client of this network is answered by a node, and served there.
    async fn fetch(&self, asked: usize, network: [u8; 4]) -> Result<(IpAddr, String), String> {
        let address = self.client.resolve(self.dns(asked), network).await?;
        let address = address.ok_or("the answer has no address")?;
        let body = self.client.get(address, self.http_port).await?;
        Ok((address, body))
    }

    /// Asks a node until it sends this network there; when that was.
    async fn until(
        &self,
        asked: usize,
        network: [u8; 4],
        there: Ipv4Addr,
    ) -> Result<Instant, String> {
        let since = clock::now();
        loop {
            let answered = self.client.resolve(self.dns(asked), network).await;
            if answered == Ok(Some(there.into())) {
                return Ok(clock::now());
            }
            patience(since)?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn patience(since: Instant) -> Result<(), String> {
    match clock::now().saturating_duration_since(since) < PATIENCE {
        true => Ok(()),
        false => Err(format!("nothing changed within {} s", PATIENCE.as_secs())),
    }
}
