//! `meridian bench`: how fast a server answers, and what that costs it.

mod books;
mod clients;
mod compare;
mod counts;
mod courier;
mod flight;
mod load;
pub(super) mod queries;
mod replay;
mod reply;
mod report;
mod samples;
mod stream;
mod target;
#[cfg(test)]
mod tests;
mod usage;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use ipnet::Ipv4Net;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use crate::config;
use crate::random::Random;
use clients::Subnets;
use courier::Wire;
use flight::{FLIGHT_MAX, Flight};
use load::{Link, Load, Pace, Plan};
use queries::Question;
use replay::Replay;
use report::Report;
use samples::Samples;
use usage::Watch;

/// Queries that may wait on each socket in an open loop. When they are used up, what is due waits.
const OPEN_FLIGHT: usize = 2048;
/// How long connecting may take.
const TIMEOUT_TO_CONNECT: Duration = Duration::from_secs(5);

const DURATION_MAX: Duration = Duration::from_secs(3600);

#[derive(clap::Args)]
pub struct Arguments {
    /// The name to ask for; n{0..99999}.example.com stands for as many names
    #[arg(required_unless_present = "questions")]
    name: Option<String>,
    /// The record type
    #[arg(value_name = "TYPE", default_value = "A", value_parser = queries::parse_type)]
    rtype: u16,
    /// Ask for what a file says, a NAME TYPE on each line
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
    questions: Option<PathBuf>,
    /// The server, which has to be on this machine
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:5300")]
    server: SocketAddr,
    /// Load a server on another machine, too. Only do so to one of your own
    #[arg(long)]
    allow_remote: bool,
    /// Ask over TCP, with a connection for each source
    #[arg(long)]
    tcp: bool,
    /// How long is measured, at most 1h
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    duration: Duration,
    /// How long the same load runs before
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = parse_duration)]
    warmup: Duration,
    /// Stop when so many queries have been sent, the warm-up's not counted
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true,
          value_parser = clap::value_parser!(u64).range(1..))]
    max_queries: u64,
    /// Closed loop: how many queries wait for answers at most
    #[arg(long, value_name = "N", default_value_t = 192, conflicts_with = "rate",
          value_parser = clap::value_parser!(u32).range(1..=65_536))]
    window: u32,
    /// Open loop: queries a second on average
    #[arg(long, value_name = "QPS", value_parser = parse_rate)]
    rate: Option<f64>,
    /// When a query counts as lost, at most 1h
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    timeout: Duration,
    /// Client subnets in the queries: so many random /24s, or what a file says, a network on each line
    #[arg(long, value_name = "N|FILE", value_parser = Subnets::parse)]
    subnets: Option<Subnets>,
    /// Send queries without EDNS
    #[arg(long, conflicts_with = "subnets")]
    no_edns: bool,
    /// From how many sockets the queries come
    #[arg(long, value_name = "N", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    sources: u16,
    /// From which addresses: one for each socket out of this network, which has to be this machine's
    /// [default: 127.0.0.0/8 for an IPv4 server on loopback]
    #[arg(long, value_name = "NETWORK")]
    source_network: Option<Ipv4Net>,
    /// The server's processes, whose CPU time is read [default: those that have its socket open]
    #[arg(long, value_name = "PID,...", value_delimiter = ',')]
    pid: Vec<i32>,
    /// Keep this program to a CPU, by its number
    #[arg(long, value_name = "N")]
    cpu: Option<usize>,
    /// The CPU that the server is kept to: says what else ran there
    #[arg(long, value_name = "N")]
    server_cpu: Option<usize>,
    /// Compare so many answers with what `meridian explain` says of their queries
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true,
          value_parser = clap::value_parser!(u32).range(..=100_000))]
    check: u32,
    /// For --check: the server's configuration [default: the server that runs]
    #[arg(long, short, value_name = "FILE", requires = "check")]
    config: Option<PathBuf>,
    /// Make names, subnets and times repeatable
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = config::parse_duration(text).filter(|duration| *duration <= DURATION_MAX);
    duration.ok_or_else(|| "expected a time such as 500ms, 10s or 5m, at most 1h".to_owned())
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (1.0..=1e7).contains(rate));
    rate.ok_or_else(|| "expected 1 to 10000000 queries a second".to_owned())
}

pub async fn run(arguments: Arguments) -> ExitCode {
    match bench(&arguments).await {
        Ok(report) => {
            if arguments.json {
                let json = serde_json::to_string(&report).unwrap_or_default();
                super::print(&format!("{json}\n"));
            } else {
                super::print(&report.text());
            }
            if report.is_right() {
                ExitCode::SUCCESS
            } else {
                super::fail("the server did not answer, or not as it should")
            }
        }
        Err(message) => super::fail(&message),
    }
}

async fn bench(arguments: &Arguments) -> Result<Report, String> {
    let target = arguments.server;
    target::permit(target, arguments.allow_remote)?;
    let random = &mut arguments
        .seed
        .map_or_else(Random::from_os, Random::from_seed);
    let replay = arguments.replay(random)?;
    let links = arguments.links(random)?;
    let sources: Vec<IpAddr> = links.iter().map(Link::source).collect();
    let watch = Watch {
        pids: match &*arguments.pid {
            [] => usage::owners(target, arguments.tcp),
            pids => pids.to_vec(),
        },
        cpu: arguments.server_cpu,
    };
    if let Some(cpu) = arguments.cpu {
        keep_to(cpu).map_err(|e| format!("cannot keep to CPU {cpu}: {e}"))?;
    }
    let config = arguments.config.as_deref();
    if arguments.check > 0 {
        compare::can_ask(config).await?;
    }
    let plan = arguments.plan();
    let samples = Samples::new(arguments.check as usize, fork(random));
    let load = Load::new(plan, links, replay, samples, fork(random));
    let mut measured = load.run(&watch)?;
    let check = if arguments.check > 0 {
        let samples = std::mem::take(&mut measured.samples);
        Some(compare::compare(samples, config, |link| sources[link]).await?)
    } else {
        None
    };
    Ok(Report::new(
        format!("{target}{}", if arguments.tcp { " over TCP" } else { "" }),
        plan.pace,
        &watch,
        measured,
        check,
    ))
}

impl Arguments {
    fn plan(&self) -> Plan {
        Plan {
            pace: self.rate.map_or(Pace::Closed, |rate| Pace::Open { rate }),
            warmup: self.warmup,
            duration: self.duration,
            queries_max: self.max_queries,
            timeout: self.timeout,
        }
    }

    fn replay(&self, random: &mut Random) -> Result<Replay, String> {
        let subnets = match &self.subnets {
            Some(subnets) => subnets.list(random)?,
            None => Vec::new(),
        };
        let questions = self.asked()?;
        Ok(Replay::new(
            &questions,
            &subnets,
            !self.no_edns,
            fork(random),
        ))
    }

    fn asked(&self) -> Result<Vec<Question>, String> {
        if let Some(path) = &self.questions {
            return queries::read(path, self.rtype);
        }
        let mut questions = Vec::new();
        let name = self.name.as_deref().unwrap_or_default();
        queries::expand(name, self.rtype, &mut questions)?;
        Ok(questions)
    }

    /// The sockets, the window spread over them.
    fn links(&self, random: &mut Random) -> Result<Vec<Link>, String> {
        let sources = self.source_addresses(random);
        let windows = self.windows(sources.len())?;
        let link = |(source, window)| {
            let wire = Wire::connect(source, self.server, self.tcp)
                .map_err(|e| format!("cannot send from {source} to {}: {e}", self.server))?;
            Ok(Link {
                wire,
                flight: Flight::new(window),
            })
        };
        sources.into_iter().zip(windows).map(link).collect()
    }

    /// How many queries may wait on each socket. Where there are more sockets than queries, some are not
    /// used.
    fn windows(&self, sockets: usize) -> Result<Vec<usize>, String> {
        if self.rate.is_some() {
            return Ok(vec![OPEN_FLIGHT; sockets]);
        }
        let (window, most) = (self.window as usize, sockets * FLIGHT_MAX);
        if window > most {
            return Err(format!(
                "--window {window} is more than {sockets} sockets hold: at most {most}, or more --sources"
            ));
        }
        let share = |socket| (window + sockets - 1 - socket) / sockets;
        Ok((0..sockets.min(window)).map(share).collect())
    }

    fn source_addresses(&self, random: &mut Random) -> Vec<IpAddr> {
        let count = usize::from(self.sources);
        let loopback = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
        let network = match self.server.ip() {
            IpAddr::V4(address) if address.is_loopback() => self.source_network.or(Some(loopback)),
            _ => self.source_network,
        };
        match (network, self.server) {
            (Some(network), _) => {
                let sources = clients::sources(network, count, random);
                sources.into_iter().map(IpAddr::V4).collect()
            }
            (None, SocketAddr::V4(_)) => vec![Ipv4Addr::UNSPECIFIED.into(); count],
            (None, SocketAddr::V6(_)) => vec![Ipv6Addr::UNSPECIFIED.into(); count],
        }
    }
}

impl Link {
    /// The address that its queries come from.
    fn source(&self) -> IpAddr {
        let any = || IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let address = self.wire.local_addr();
        address.map_or_else(|_| any(), |address| address.ip())
    }
}

/// A generator of its own, so that what is drawn in one place changes nothing in another.
fn fork(random: &mut Random) -> Random {
    Random::from_seed(random.next_u64())
}

/// Keeps this thread to a CPU.
fn keep_to(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}
