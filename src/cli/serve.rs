//! `meridian serve`

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::daemon::{Daemon, HealthSource, Settings, StartError};
use crate::telemetry;

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// Write a JSON line here once queries are answered: {"ready":true,"pid":..,"listen":[..]}
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
    /// Take verdicts from this file and probe nothing
    #[arg(long, value_name = "FILE")]
    frozen_health: Option<PathBuf>,
    /// Make the draws repeatable
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How log lines on standard error look [default: text on a terminal, else json]
    #[arg(long, value_enum)]
    log: Option<telemetry::Format>,
}

pub async fn run(arguments: Arguments) -> ExitCode {
    let default = if io::stderr().is_terminal() {
        telemetry::Format::Text
    } else {
        telemetry::Format::Json
    };
    telemetry::start(arguments.log.unwrap_or(default));
    let settings = Settings {
        config: arguments.config,
        health: arguments
            .frozen_health
            .map_or(HealthSource::Probes, |file| {
                HealthSource::Frozen(Some(file))
            }),
        seed: arguments.seed,
        ..Settings::default()
    };
    let daemon = match Daemon::start(settings).await {
        Ok((daemon, warnings)) => {
            super::print_diagnostics(&warnings);
            daemon
        }
        Err(e) => return report(e),
    };
    if let Err(e) = announce(arguments.ready_file.as_deref(), daemon.listening()) {
        daemon.stop().await;
        return super::fail(&e);
    }
    until_stopped(daemon).await;
    if let Some(path) = arguments.ready_file {
        let _ = std::fs::remove_file(path);
    }
    ExitCode::SUCCESS
}

/// Says in words why the server did not start.
pub fn report(error: StartError) -> ExitCode {
    match error {
        StartError::Config(diagnostics) => {
            super::print_diagnostics(&diagnostics);
            super::fail("the configuration was refused")
        }
        StartError::Bind(e) => super::fail(&e.to_string()),
        StartError::System(message) => super::fail(&message),
    }
}

/// One JSON line on standard output and in the ready file, which appears whole or not at all.
fn announce(ready_file: Option<&Path>, listening: &[SocketAddr]) -> Result<(), String> {
    let line =
        json!({ "ready": true, "pid": std::process::id(), "listen": listening }).to_string() + "\n";
    super::print(&line);
    let Some(path) = ready_file else {
        return Ok(());
    };
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    std::fs::write(&partial, &line)
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|e| format!("ready file {}: {e}", path.display()))
}

/// Serves until SIGTERM or SIGINT; SIGHUP reloads.
async fn until_stopped(daemon: Daemon) {
    let (Ok(mut hangup), Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::hangup()),
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("signals cannot be caught; stopping");
        return daemon.stop().await;
    };
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                // What came of it is logged where it happens.
                let _ = daemon.reload().await;
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tracing::info!("stopping");
    daemon.stop().await;
    tracing::info!("stopped");
}
