//! `meridian load`

use std::path::Path;
use std::process::ExitCode;

use super::running::Server;
use crate::admin::client;
use crate::admin::{Loaded, Taken};
use crate::load::{Fraction, Report};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Report how loaded a pool or an endpoint is; it counts until it is older than `load_max_age`
    Set(Set),
    /// Show what is known of loads, and what pools take by it
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what this server's forwarder has to do, of pools that have `load_from`, as JSON for `import` on another node
    Export,
    /// Report what stands on standard input, as `export` prints it
    Import,
}

#[derive(clap::Args)]
struct Set {
    /// A pool or an endpoint: `web-eu`, `web-eu/192.0.2.1`
    what: String,
    #[command(flatten)]
    values: Values,
}

#[derive(clap::Args)]
#[group(required = true, multiple = true)]
struct Values {
    /// Open connections, or whatever `capacity` counts
    #[arg(long, value_name = "N")]
    connections: Option<f64>,
    /// Share of the capacity, such as 0.85 or 85%
    #[arg(long, value_name = "SHARE")]
    load: Option<Fraction>,
    /// How long an answer takes, in milliseconds
    #[arg(long, value_name = "MS")]
    time: Option<f64>,
}

pub async fn run(arguments: Arguments) -> ExitCode {
    let socket = arguments.server.socket();
    super::finish(match socket {
        Ok(socket) => ask(&socket, arguments.command).await,
        Err(message) => Err(message),
    })
}

async fn ask(socket: &Path, command: Command) -> Result<String, String> {
    match command {
        Command::Set(Set { what, values }) => {
            let report = Report {
                what,
                connections: values.connections,
                load: values.load,
                time_ms: values.time,
            };
            // So that what JSON cannot say is refused in words, too.
            report.values()?;
            let taken: Result<Taken, _> = client::post(socket, "/v1/load", &[report]).await;
            taken.map(|_| String::new()).map_err(|e| e.to_string())
        }
        Command::List { json } => list(socket, json).await,
        Command::Export => {
            let reports = client::get(socket, "/v1/load/reports").await;
            let reports: Vec<Report> = reports.map_err(|e| e.to_string())?;
            Ok(super::json(&reports))
        }
        Command::Import => {
            let text = std::io::read_to_string(std::io::stdin()).map_err(|e| e.to_string())?;
            let reports: Vec<Report> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
            let taken: Result<Taken, _> = client::post(socket, "/v1/load", &reports).await;
            taken.map(|_| String::new()).map_err(|e| e.to_string())
        }
    }
}

async fn list(socket: &Path, json: bool) -> Result<String, String> {
    let loads: Vec<Loaded> = client::get(socket, "/v1/load")
        .await
        .map_err(|e| e.to_string())?;
    if json {
        let text = serde_json::to_string_pretty(&loads).map_err(|e| e.to_string())?;
        return Ok(text + "\n");
    }
    if loads.is_empty() {
        return Ok("no load was reported\n".to_owned());
    }
    Ok(loads.iter().map(line).collect())
}

fn line(loaded: &Loaded) -> String {
    let why = loaded.why.as_deref().filter(|why| !why.is_empty());
    let why = why.map_or_else(String::new, |why| format!("; {why}"));
    format!("{:<32} {}{why}\n", loaded.what, loaded.words)
}
