//! `meridian observe`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::admin::client;
use crate::admin::{Observed, Saying, Socket, Taken};

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
    /// The configuration of the server that is meant [default: the server that runs]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The state folder of the server that is meant, whatever the configuration says by now
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    state_dir: Option<PathBuf>,
}

pub async fn run(arguments: Arguments) -> ExitCode {
    let socket = match &arguments.state_dir {
        Some(state_dir) => Ok(Socket::path_in(state_dir)),
        None => super::running::socket(arguments.config.as_deref()),
    };
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
