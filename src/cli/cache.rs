//! `meridian cache`

use std::path::Path;
use std::process::ExitCode;

use super::running::Server;
use crate::admin::client;
use crate::admin::{Kept, Purge, Purged};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Forget responses that routes of the forwarder keep
    Purge(What),
    /// Show how much is kept
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// A host and a path, whatever the query: `www.example.com/news`, `www.example.com/img/*`
    #[arg(value_name = "HOST/PATH")]
    what: Option<String>,
    /// Everything
    #[arg(long)]
    all: bool,
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
        Command::Purge(What { what, .. }) => {
            let purge = what.map_or(Purge::All, Purge::What);
            let purged: Result<Purged, _> = client::post(socket, "/v1/cache/purge", &purge).await;
            let Purged { purged } = purged.map_err(|e| e.to_string())?;
            Ok(format!("{purged} forgotten\n"))
        }
        Command::Show { json } => {
            let kept: Result<Kept, _> = client::get(socket, "/v1/cache").await;
            let kept = kept.map_err(|e| e.to_string())?;
            if json {
                let text = serde_json::to_string_pretty(&kept).map_err(|e| e.to_string())?;
                return Ok(text + "\n");
            }
            let Kept {
                size,
                used,
                addresses,
            } = kept;
            Ok(format!("{addresses} addresses, {used} of {size} octets\n"))
        }
    }
}
