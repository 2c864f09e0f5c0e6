//! `meridian observe`

use std::process::ExitCode;

use super::running::Server;
use crate::admin::client;
use crate::admin::{Observed, Saying, Taken};

#[derive(clap::Args)]
pub struct Arguments {
    /// An endpoint, or all of a pool or a region: `web-eu/192.0.2.1`, `web-eu`, `region:eu`
    what: String,
    /// What was observed
    verdict: Saying,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The monitor that is told, where several are
    #[arg(long, value_name = "NAME")]
    monitor: Option<String>,
    /// It is the outcome of a real request, which counts by the monitor's `passive`
    #[arg(long)]
    passive: bool,
    #[command(flatten)]
    server: Server,
}

pub async fn run(arguments: Arguments) -> ExitCode {
    let socket = arguments.server.socket();
    let observed = Observed {
        what: arguments.what,
        verdict: arguments.verdict,
        reason: arguments.reason,
        monitor: arguments.monitor,
        passive: arguments.passive,
    };
    super::finish(match socket {
        Ok(socket) => {
            let taken: Result<Taken, _> =
                client::post(&socket, "/v1/observations", &[observed]).await;
            taken.map(|_| String::new()).map_err(|e| e.to_string())
        }
        Err(message) => Err(message),
    })
}
