//! A server whose endpoints go down and come up all the time, to measure what that costs its answers.
//!
//! ```sh
//! cargo run --release --example flapping -- meridian.toml 1000 web-eu/192.0.2.21 web-us/192.0.2.31
//! ```
//!
//! serves `meridian.toml` with frozen health, prints the line that `meridian serve` prints, and sets
//! 1,000 verdicts a second: the endpoints by turns, down and up again. Each is published by itself.
//!
//! Without endpoints it wakes up as often and does nothing: what that costs depends on the machine, and
//! is not what a verdict costs.

use std::path::PathBuf;
use std::time::Duration;

use meridian::daemon::{Daemon, HealthSource, Settings, StartError};
use meridian::model::Verdict;
use tokio::time::{Interval, MissedTickBehavior, interval};

// One thread for all that does not answer: what handing a verdict to another costs is not the server's.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: flapping CONFIG VERDICTS-PER-SECOND [ENDPOINT...]";
    let config = PathBuf::from(arguments.next().ok_or(usage)?);
    let rate = arguments.next().and_then(|text| text.parse::<f64>().ok());
    let rate = rate
        .filter(|rate| (0.0..=100_000.0).contains(rate))
        .ok_or(usage)?;
    let endpoints: Vec<String> = arguments.collect();
    let settings = Settings {
        config,
        health: HealthSource::Frozen(None),
        ..Settings::default()
    };
    let (daemon, _) = Daemon::start(settings).await.map_err(words)?;
    for endpoint in &endpoints {
        daemon.set_verdict(endpoint, Verdict::Up).await?;
    }
    let (pid, listen) = (std::process::id(), daemon.listening());
    println!(
        "{}",
        serde_json::json!({ "ready": true, "pid": pid, "listen": listen })
    );
    if rate == 0.0 {
        return std::future::pending().await;
    }
    let mut due = interval(Duration::from_secs_f64(1.0 / rate));
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    // As a task: whatever wakes the main future makes a system call.
    let flapping = tokio::spawn(async move { flap(&daemon, due, &endpoints).await });
    flapping.await.map_err(|e| e.to_string())?
}

async fn flap(daemon: &Daemon, mut due: Interval, endpoints: &[String]) -> Result<(), String> {
    while endpoints.is_empty() {
        due.tick().await;
    }
    loop {
        for verdict in [Verdict::Down, Verdict::Up] {
            for endpoint in endpoints {
                due.tick().await;
                daemon.set_verdict(endpoint, verdict).await?;
            }
        }
    }
}

fn words(error: StartError) -> String {
    match error {
        StartError::Config(mistakes) => mistakes
            .iter()
            .map(|mistake| format!("{mistake}\n"))
            .collect(),
        StartError::Bind(e) => e.to_string(),
        StartError::System(message) => message,
    }
}
