//! `meridian health`

mod screen;
mod words;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::running::Server;
use crate::admin::client;
use crate::admin::health::{Changed, HealthReport, TargetReport};
use screen::{screen, window};
use words::{change, endpoint_in_full, endpoint_table, heading, in_full, name, table};

/// How often a running server is asked by `--watch`.
const EVERY: Duration = Duration::from_secs(1);
/// Rows that are shown on a terminal, where neither `--all` nor `--worst` is given.
const ROWS_MAX: usize = 100;
/// The same each time that `--watch` looks, where there is no terminal whose height says how many fit.
const ROWS_WATCHED_MAX: usize = 40;
/// No more targets than this, or endpoints that go by several of them, are told in full.
const IN_FULL_MAX: usize = 3;
const CLEAR: &str = "\x1b[H\x1b[J";

#[derive(clap::Args)]
pub struct Arguments {
    /// Whose targets: a region, pool, monitor or endpoint (`eu`, `pool:web-*`, `monitor:web`,
    /// `web-eu/192.0.2.1`) [default: all]
    what: Option<String>,
    /// Show the last changes of verdicts instead, the latest last
    #[arg(long)]
    history: bool,
    /// Look again each second, until interrupted
    #[arg(long, short)]
    watch: bool,
    /// Print JSON; with --watch, a line each time
    #[arg(long)]
    json: bool,
    /// Show no more than the N worst [default: all; 100 on a terminal; with --watch what fits, or 40]
    #[arg(long, value_name = "N", conflicts_with_all = ["all", "history"])]
    worst: Option<usize>,
    /// Show all, however many there are
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: Server,
}

pub async fn run(arguments: Arguments) -> ExitCode {
    let socket = arguments.server.socket();
    let socket = match socket {
        Ok(socket) => socket,
        Err(message) => return super::fail(&message),
    };
    let done = match (arguments.history, arguments.watch) {
        (false, false) => once(&socket, &arguments).await,
        (true, false) => history(&socket, &arguments).await,
        (false, true) => watch(&socket, &arguments).await,
        (true, true) => follow(&socket, &arguments).await,
    };
    super::finish(done)
}

async fn get<T: DeserializeOwned>(
    socket: &Path,
    path: &str,
    options: &[(&str, String)],
) -> Result<T, String> {
    let options = options
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)));
    let options: Vec<_> = options.collect();
    let path = match options.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", options.join("&")),
    };
    client::get(socket, &path).await.map_err(|e| e.to_string())
}

/// As part of a query (RFC 3986, 2.1).
fn escaped(text: &str) -> String {
    let escape = |octet: u8| match octet.is_ascii_alphanumeric() {
        true => char::from(octet).to_string(),
        false => format!("%{octet:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// With no more than `worst` targets, and as many endpoints.
async fn report(
    socket: &Path,
    arguments: &Arguments,
    worst: Option<usize>,
) -> Result<HealthReport, String> {
    let what = arguments.what.as_ref();
    let options = [
        what.map(|what| ("what", what.clone())),
        worst.map(|worst| ("worst", worst.to_string())),
    ];
    let options: Vec<_> = options.into_iter().flatten().collect();
    let mut report: HealthReport = get(socket, "/v1/health", &options).await?;
    if let (Some(what), 0) = (what, report.counts.targets.all()) {
        return Err(format!("`{what}` is nothing that is probed"));
    }
    // Those in trouble first.
    report.targets.sort_by_cached_key(|target| {
        let name = target.used_by.first().map(name);
        (rank(target), name, target.target.clone())
    });
    report.endpoints.sort_by_cached_key(|endpoint| {
        let rank = verdict_rank(&endpoint.verdict);
        (rank, endpoint.pool.clone(), endpoint.endpoint.clone())
    });
    Ok(report)
}

fn rank(target: &TargetReport) -> u8 {
    let is_slow = target.slowness.is_some_and(|slowness| slowness.degraded);
    match &*target.verdict {
        "up" if target.state != "up" || is_slow => 1,
        verdict => verdict_rank(verdict),
    }
}

fn verdict_rank(verdict: &str) -> u8 {
    match verdict {
        "down" => 0,
        "up" => 3,
        _ => 2,
    }
}

async fn once(socket: &Path, arguments: &Arguments) -> Result<String, String> {
    let worst = match arguments.worst {
        None if io::stdout().is_terminal() && !arguments.all && !arguments.json => Some(ROWS_MAX),
        worst => worst,
    };
    let report = report(socket, arguments, worst).await?;
    if arguments.json {
        return Ok(super::json(&report));
    }
    let now = report.now_unix_ms;
    let endpoints: String = match report.counts.endpoints.all() {
        1..=IN_FULL_MAX => {
            let endpoints = report.endpoints.iter();
            endpoints.map(|it| endpoint_in_full(it, now)).collect()
        }
        _ => endpoint_table(&report),
    };
    let targets: String = match report.counts.targets.all() {
        0..=IN_FULL_MAX => report.targets.iter().map(|t| in_full(t, now)).collect(),
        _ if endpoints.is_empty() => table(&report),
        _ => format!("\n{}", table(&report)),
    };
    Ok(format!("{}{endpoints}{targets}", heading(&report)))
}

async fn watch(socket: &Path, arguments: &Arguments) -> Result<String, String> {
    let is_terminal = io::stdout().is_terminal();
    let mut away = None;
    loop {
        // It may be another size each time.
        let window = is_terminal.then(window).flatten();
        let worst = match (arguments.worst, window) {
            (None, _) if arguments.all || arguments.json => None,
            (None, Some((rows, _))) => Some(rows),
            (None, None) => Some(ROWS_WATCHED_MAX),
            (worst, _) => worst,
        };
        let mut report = match report(socket, arguments, worst).await {
            Ok(report) => report,
            Err(why) => {
                wait(&mut away, why).await?;
                continue;
            }
        };
        away = Some(false);
        let text = match (arguments.json, is_terminal) {
            (true, _) => line(&report),
            (false, true) => format!("{CLEAR}{}", screen(&mut report, window)),
            (false, false) => {
                let endpoints = endpoint_table(&report);
                let between = if endpoints.is_empty() { "" } else { "\n" };
                let targets = table(&report);
                format!("{}{endpoints}{between}{targets}\n", heading(&report))
            }
        };
        if !super::try_print(&text) {
            return Ok(String::new());
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// A server that was there may be restarting: that it is away is said once. `away`: whether that was said; `None`
/// where none was there yet.
async fn wait(away: &mut Option<bool>, why: String) -> Result<(), String> {
    match away {
        None => return Err(why),
        Some(true) => {}
        Some(is_told) => {
            *is_told = true;
            eprintln!("meridian: {why}; waiting for it");
        }
    }
    tokio::time::sleep(EVERY).await;
    Ok(())
}

async fn changes(socket: &Path, arguments: &Arguments) -> Result<Vec<Changed>, String> {
    let what = arguments.what.iter().map(|what| ("what", what.clone()));
    let what: Vec<_> = what.collect();
    get(socket, "/v1/health/history", &what).await
}

async fn history(socket: &Path, arguments: &Arguments) -> Result<String, String> {
    let changes = changes(socket, arguments).await?;
    if arguments.json {
        return Ok(super::json(&changes));
    }
    match changes.as_slice() {
        [] => Ok(match &arguments.what {
            // That is an error where it is nothing.
            Some(what) => {
                report(socket, arguments, Some(1)).await?;
                format!("no verdict of {what} has changed that is remembered\n")
            }
            None => "no verdict has changed since the server started\n".to_owned(),
        }),
        changes => Ok(changes.iter().map(change).collect()),
    }
}

/// Prints changes as they come.
async fn follow(socket: &Path, arguments: &Arguments) -> Result<String, String> {
    let (mut told, mut away) = (0, None);
    loop {
        let changes = match changes(socket, arguments).await {
            Ok(changes) => changes,
            Err(why) => {
                wait(&mut away, why).await?;
                continue;
            }
        };
        away = Some(false);
        // A server that was restarted counts anew.
        if changes.last().is_some_and(|last| last.id < told) {
            told = 0;
        }
        let new = changes.iter().filter(|change| change.id > told);
        let text: String = new
            .map(|new| match arguments.json {
                true => line(new),
                false => change(new),
            })
            .collect();
        told = changes.last().map_or(told, |last| last.id);
        if !text.is_empty() && !super::try_print(&text) {
            return Ok(String::new());
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_escaped() {
        assert_eq!(
            escaped("web-eu/2001:db8::1&x"),
            "web%2Deu%2F2001%3Adb8%3A%3A1%26x"
        );
    }
}
