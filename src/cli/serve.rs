//! `meridian serve`

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Diagnostics;
use crate::daemon::{Daemon, HealthSource, Settings, StartError, log};
use crate::telemetry;

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// Write a JSON line here once queries are answered: {"ready":true,"pid":..,"listen":[..]}
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
    /// Take verdicts from this file, read again at each reload, and probe nothing
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
    let format = arguments.log.unwrap_or(default);
    telemetry::start(format);
    match serve(arguments, format).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(error, format),
    }
}

async fn serve(arguments: Arguments, format: telemetry::Format) -> Result<(), StartError> {
    let ready = ReadyFile(arguments.ready_file);
    // What an earlier server left there when it was killed is not true any more.
    ready.remove();
    // From here on a signal waits its turn instead of ending the process halfway.
    let mut signals = Signals::catch().map_err(|e| StartError::System(e.to_string()))?;
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
    let (mut daemon, warnings) = tokio::select! {
        started = Daemon::start(settings) => started?,
        () = signals.stop() => return Ok(()),
    };
    tell(&warnings, format);
    if let Err(e) = announce(&ready, daemon.listening(), &daemon.forwarding()) {
        daemon.stop().await;
        return Err(StartError::System(e));
    }
    tracing::info!(listen = ?daemon.listening(), "answering");
    let forwarding = daemon.forwarding();
    if !forwarding.is_empty() {
        tracing::info!(listen = ?forwarding, "forwarding");
    }
    signals.reload_until_stop(&mut daemon).await?;
    tracing::info!("stopping");
    ready.remove();
    tokio::select! {
        () = daemon.stop() => tracing::info!("stopped"),
        // Whoever asks twice does not want to wait for `drain_time`.
        () = signals.stop() => tracing::info!("stopped at once"),
    }
    Ok(())
}

/// To a person with the lines that they are about, to a machine as log lines.
fn tell(diagnostics: &Diagnostics, format: telemetry::Format) {
    match format {
        telemetry::Format::Text => super::print_diagnostics(diagnostics),
        telemetry::Format::Json => log(diagnostics),
    }
}

/// Says why the server did not start, to a person or to a machine.
fn report(error: StartError, format: telemetry::Format) -> ExitCode {
    let message = match error {
        StartError::Config(diagnostics) => {
            tell(&diagnostics, format);
            "the configuration was refused".to_owned()
        }
        StartError::Bind(e) => e.to_string(),
        StartError::System(message) => message,
    };
    match format {
        telemetry::Format::Text => super::fail(&message),
        telemetry::Format::Json => {
            tracing::error!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The file that is there while queries are answered.
struct ReadyFile(Option<PathBuf>);

impl ReadyFile {
    /// It appears whole or not at all.
    fn write(&self, line: &str) -> Result<(), String> {
        let Some(path) = &self.0 else {
            return Ok(());
        };
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        std::fs::write(&partial, line)
            .and_then(|()| std::fs::rename(&partial, path))
            .map_err(|e| format!("ready file {}: {e}", path.display()))
    }

    fn remove(&self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// One JSON line on standard output and in the ready file.
fn announce(
    ready: &ReadyFile,
    listening: &[SocketAddr],
    forwarding: &[SocketAddr],
) -> Result<(), String> {
    let mut line = json!({ "ready": true, "pid": std::process::id(), "listen": listening });
    if !forwarding.is_empty() {
        line["forwarder"] = json!(forwarding);
    }
    let line = line.to_string() + "\n";
    ready.write(&line)?;
    super::print(&line);
    Ok(())
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for SIGTERM or SIGINT; at each SIGHUP, reloads.
    async fn reload_until_stop(&mut self, daemon: &mut Daemon) -> Result<(), StartError> {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => daemon.request_reload(),
                _ = self.terminate.recv() => return Ok(()),
                _ = self.interrupt.recv() => return Ok(()),
                () = daemon.failed() => {
                    let what = "an internal error ended the control loop; a restart is needed";
                    return Err(StartError::System(what.to_owned()));
                }
            }
        }
    }
}
