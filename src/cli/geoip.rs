//! `meridian geoip build`, `meridian geoip lookup` and `meridian geoip synth`

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use crate::admin::{Overridden, Words};
use crate::compile::{self, Whole};
use crate::geoip::BuildSummary;
use crate::geoip::synth::{SynthPlan, SynthSummary, synth};
use crate::locate::{Client, Subnet, locate};
use crate::model::Family;
use crate::state::Health;
use crate::state::health::EndpointHealth;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make an MMDB database out of CSV tables of networks
    Build {
        /// Tables with the columns that geoip/README.md describes
        #[arg(required = true, value_name = "CSV")]
        tables: Vec<PathBuf>,
        /// The database to write; it is replaced whole
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Say what is known of an address, and which class each map gives it
    Lookup {
        address: IpAddr,
        /// The configuration that names the databases
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
    },
    /// Make up a database of any size, to measure with: what it says is true of no network
    Synth {
        /// The database to write; it is replaced whole
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// How many IPv4 networks it has, at most 20,000,000
        #[arg(long, value_name = "N", default_value_t = 3_700_000)]
        ipv4_networks: u32,
        /// How many IPv6 networks it has, at most 20,000,000
        #[arg(long, value_name = "N", default_value_t = 2_300_000)]
        ipv6_networks: u32,
        /// Equal seeds and numbers make equal files
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
    },
}

pub fn run(arguments: &Arguments) -> ExitCode {
    match &arguments.command {
        Command::Build { tables, output } => match crate::geoip::build(tables, output) {
            Ok(summary) => {
                let BuildSummary {
                    networks,
                    size_bytes,
                } = summary;
                super::print(&format!(
                    "{}: {networks} networks, {size_bytes} octets\n",
                    output.display()
                ));
                ExitCode::SUCCESS
            }
            Err(diagnostics) => {
                super::print_diagnostics(&diagnostics);
                super::fail("nothing was written")
            }
        },
        Command::Lookup { address, config } => lookup(config, *address),
        Command::Synth {
            output,
            ipv4_networks,
            ipv6_networks,
            seed,
        } => {
            let plan = SynthPlan {
                ipv4_networks: *ipv4_networks,
                ipv6_networks: *ipv6_networks,
                seed: *seed,
            };
            make_up(&plan, output)
        }
    }
}

fn make_up(plan: &SynthPlan, output: &Path) -> ExitCode {
    match synth(plan, output) {
        Ok(summary) => {
            let SynthSummary {
                ipv4_networks,
                ipv6_networks,
                records,
                size_bytes,
            } = summary;
            super::print(&format!(
                "{}: {ipv4_networks} IPv4 and {ipv6_networks} IPv6 networks, {records} records, \
                 {size_bytes} octets\n",
                output.display()
            ));
            ExitCode::SUCCESS
        }
        Err(reason) => super::fail(&format!("{}: {reason}", output.display())),
    }
}

fn lookup(config: &Path, address: IpAddr) -> ExitCode {
    match compile::load(config, None) {
        Ok((whole, _)) => {
            super::print(&describe(&whole, address));
            ExitCode::SUCCESS
        }
        Err(diagnostics) => {
            super::print_diagnostics(&diagnostics);
            super::fail(&format!("{} cannot be used", config.display()))
        }
    }
}

fn describe(whole: &Whole, address: IpAddr) -> String {
    let parts = &whole.parts;
    let health = Health::new(&parts.pools, |_| EndpointHealth::UNKNOWN);
    let root = parts.root(0, health.into());
    let words = Words {
        root: &root,
        overridden: &Overridden::default(),
    };
    let mut text = match crate::geoip::lookup(&whole.world, address) {
        Some((network, location)) => {
            format!("{address} is in {network}: {}\n", words.location(location))
        }
        None => format!("{address} is in no database and no own network\n"),
    };
    let source = Family::of(&address).bits();
    let client = Client {
        subnet: Some(Subnet { address, source }),
        resolver: address,
    };
    for (id, map) in parts.maps.iter().enumerate() {
        let located = locate(map, &client);
        text += &format!(
            "map {id} ({}): {}\n",
            super::readers_of(parts, id),
            words.located(map, &located)
        );
    }
    text
}
