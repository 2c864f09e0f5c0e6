//! `meridian health`

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::running::Server;
use super::times::{span, utc};
use crate::admin::client;
use crate::admin::health::{Changed, HealthReport, Observed, Probing, TargetReport, Use, asked};

/// How often a running server is asked by `--watch`.
const EVERY: Duration = Duration::from_secs(1);
/// Rows that `--watch` shows on a terminal; those in trouble come first.
const ROWS_MAX: usize = 40;
/// No more targets than this are told in full.
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
    what: Option<&str>,
) -> Result<T, String> {
    let path = match what {
        Some(what) => format!("{path}?what={}", escaped(what)),
        None => path.to_owned(),
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

async fn report(socket: &Path, arguments: &Arguments) -> Result<HealthReport, String> {
    let what = arguments.what.as_deref();
    let mut report: HealthReport = get(socket, "/v1/health", what).await?;
    if let (Some(what), true) = (what, report.targets.is_empty()) {
        return Err(format!("`{what}` is nothing that is probed"));
    }
    // Those in trouble first.
    report.targets.sort_by_cached_key(|target| {
        let name = target.used_by.first().map(name);
        (rank(target), name, target.target.clone())
    });
    Ok(report)
}

fn rank(target: &TargetReport) -> u8 {
    let last_failed = target.observations.last().is_some_and(|last| !last.success);
    match &*target.verdict {
        "down" => 0,
        "up" if target.held || last_failed => 1,
        "up" => 3,
        _ => 2,
    }
}

async fn once(socket: &Path, arguments: &Arguments) -> Result<String, String> {
    let report = report(socket, arguments).await?;
    if arguments.json {
        return Ok(super::json(&report));
    }
    let body = match report.targets.len() {
        0 => String::new(),
        1..=IN_FULL_MAX => {
            let targets = report.targets.iter();
            targets.map(|t| in_full(t, report.now_unix_ms)).collect()
        }
        _ => table(&report, usize::MAX),
    };
    Ok(format!("{}{body}", heading(&report)))
}

async fn watch(socket: &Path, arguments: &Arguments) -> Result<String, String> {
    let is_terminal = io::stdout().is_terminal();
    loop {
        let report = report(socket, arguments).await?;
        let text = match (arguments.json, is_terminal) {
            (true, _) => line(&report),
            (false, true) => format!("{CLEAR}{}{}", heading(&report), table(&report, ROWS_MAX)),
            (false, false) => format!("{}{}\n", heading(&report), table(&report, usize::MAX)),
        };
        if !super::try_print(&text) {
            return Ok(String::new());
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn changes(socket: &Path, arguments: &Arguments) -> Result<Vec<Changed>, String> {
    get(socket, "/v1/health/history", arguments.what.as_deref()).await
}

async fn history(socket: &Path, arguments: &Arguments) -> Result<String, String> {
    let changes = changes(socket, arguments).await?;
    if arguments.json {
        return Ok(super::json(&changes));
    }
    match changes.as_slice() {
        [] => Ok("no verdict has changed since the server started\n".to_owned()),
        changes => Ok(changes.iter().map(change).collect()),
    }
}

/// Prints changes as they come.
async fn follow(socket: &Path, arguments: &Arguments) -> Result<String, String> {
    let mut told = 0;
    loop {
        let changes = changes(socket, arguments).await?;
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

/// `2026-11-22 04:05:06.789  down     web-eu/192.0.2.1  2 of 2 failed: connection refused (was up)`
fn change(change: &Changed) -> String {
    let Changed { from, to, why, .. } = change;
    let who = change.endpoints.first().map(String::as_str);
    let who = who.unwrap_or_else(|| asked(&change.target));
    let more = change.endpoints.len().saturating_sub(1) + change.more_endpoints;
    format!(
        "{} UTC  {to:<7}  {:<32}  {why} (was {from})\n",
        utc(change.at_unix_ms),
        with_more(who, more),
    )
}

fn with_more(who: &str, more: usize) -> String {
    match more {
        0 => who.to_owned(),
        more => format!("{who} +{more}"),
    }
}

fn name(used: &Use) -> String {
    format!("{}/{}", used.pool, used.endpoint)
}

fn heading(report: &HealthReport) -> String {
    let count = |verdict: &str| {
        let targets = report.targets.iter();
        targets.filter(|target| target.verdict == verdict).count()
    };
    let shown = match report.targets.len() {
        1 => "1 target".to_owned(),
        many => format!("{many} targets"),
    };
    let verdicts = [count("up"), count("down"), count("unknown")];
    let [up, down, unknown] = verdicts;
    let probing = report.probing.map_or_else(
        || format!("; verdicts {}", report.verdicts),
        |probing| probes(&probing, report.now_unix_ms),
    );
    format!("{shown}: {up} up, {down} down, {unknown} unknown{probing}\n")
}

fn probes(probing: &Probing, now_unix_ms: u64) -> String {
    let Probing {
        probes_under_way: under_way,
        probes_missed: missed,
        lag_max_ms: lag,
        ..
    } = probing;
    let held = probing
        .panic_until_unix_ms
        .map_or_else(String::new, |until| {
            let left = until.saturating_sub(now_unix_ms).div_ceil(1000);
            format!("; the panic guard holds verdicts for {} more", span(left))
        });
    format!("; {under_way} probes under way, {missed} missed, {lag} ms late at most{held}")
}

fn table(report: &HealthReport, rows_max: usize) -> String {
    let rows = report.targets.iter().take(rows_max);
    let mut text = format!(
        "{:<7}  {:<12}  {:<8}  {:>6}  {:<32}  WHY\n",
        "VERDICT", "FOR", "LAST", "NEXT", "ENDPOINT"
    );
    text.extend(rows.map(|target| row(target, report.now_unix_ms)));
    if let more @ 1.. = report.targets.len().saturating_sub(rows_max) {
        text.push_str(&format!("and {more} more, which are no worse\n"));
    }
    text
}

fn row(target: &TargetReport, now_unix_ms: u64) -> String {
    let last: String = target.observations.iter().map(mark).collect();
    let first = target.used_by.first().map(name);
    let who = with_more(
        first.as_deref().unwrap_or_else(|| asked(&target.target)),
        target.used_by.len().saturating_sub(1),
    );
    format!(
        "{:<7}  {:<12}  {last:>8}  {:>6}  {who:<32}  {}{}\n",
        target.verdict,
        since(target, now_unix_ms),
        next(target, now_unix_ms),
        target.why,
        overridden(target),
    )
}

fn mark(observed: &Observed) -> char {
    if observed.success { '+' } else { '-' }
}

fn since(target: &TargetReport, now_unix_ms: u64) -> String {
    let since = target.since_unix_ms;
    since.map_or_else(String::new, |since| {
        span(now_unix_ms.saturating_sub(since) / 1000)
    })
}

fn next(target: &TargetReport, now_unix_ms: u64) -> String {
    match target.next_unix_ms {
        Some(next) => tenths(next.saturating_sub(now_unix_ms)),
        None if target.observations.is_empty() => String::new(),
        None => "now".to_owned(),
    }
}

/// `0.4 s`
fn tenths(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms / 100 % 10)
}

fn overridden(target: &TargetReport) -> String {
    let words = target
        .used_by
        .iter()
        .filter(|used| used.overridden.is_some());
    match words.count() {
        0 => String::new(),
        _ if target.used_by.len() == 1 => "; overridden".to_owned(),
        some => format!("; {some} of {} overridden", target.used_by.len()),
    }
}

fn in_full(target: &TargetReport, now_unix_ms: u64) -> String {
    let mut text = format!("\n{}\n", target.target);
    let mut say = |label: &str, words: &str| text.push_str(&format!("  {label:<8}  {words}\n"));
    let verdict = match target.since_unix_ms {
        Some(since) => format!(
            "{} for {}, since {} UTC",
            target.verdict,
            span(now_unix_ms.saturating_sub(since) / 1000),
            utc(since)
        ),
        None => target.verdict.clone(),
    };
    say("verdict", &verdict);
    say("why", &target.why);
    for used in &target.used_by {
        let word = used.overridden.as_deref();
        let word = word.map_or_else(String::new, |word| format!(", {word}"));
        say(
            "used by",
            &format!("{} (region {}){word}", name(used), used.region),
        );
    }
    if let Some(monitor) = &target.monitor {
        say("monitor", monitor);
    }
    match next(target, now_unix_ms) {
        next if next.is_empty() => {}
        next => say("next", &next),
    }
    for observed in target.observations.iter().rev() {
        let ago = tenths(now_unix_ms.saturating_sub(observed.at_unix_ms));
        let took_ms = observed.took_us as f64 / 1000.0;
        say(
            "seen",
            &format!("{ago} ago, in {took_ms:.1} ms: {}", observed.words),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> TargetReport {
        let observed = |at_unix_ms, success| Observed {
            at_unix_ms,
            took_us: 1_250,
            success,
            words: match success {
                true => "succeeded".to_owned(),
                false => "connection refused".to_owned(),
            },
        };
        let used = |pool: &str, overridden: Option<&str>| Use {
            pool: pool.to_owned(),
            region: "eu".to_owned(),
            endpoint: "192.0.2.1".to_owned(),
            overridden: overridden.map(str::to_owned),
        };
        TargetReport {
            target: "tcp://192.0.2.1:80 every=1s".to_owned(),
            monitor: Some("web".to_owned()),
            verdict: "down".to_owned(),
            since_unix_ms: Some(1_000),
            why: "2 of 2 failed: connection refused".to_owned(),
            held: false,
            observations: vec![observed(0, true), observed(1_000, false)],
            next_unix_ms: Some(62_300),
            used_by: vec![used("web", None), used("api", Some("forced up"))],
        }
    }

    #[test]
    fn a_row_says_all_in_short() {
        assert_eq!(
            row(&target(), 62_000),
            "down     1 min 1 s           +-   0.3 s  web/192.0.2.1 +1                  2 of 2 failed: \
             connection refused; 1 of 2 overridden\n"
        );
    }

    #[test]
    fn in_full_each_observation_and_each_user_has_a_line() {
        assert_eq!(
            in_full(&target(), 62_000),
            "\ntcp://192.0.2.1:80 every=1s\n\
             \x20 verdict   down for 1 min 1 s, since 1970-01-01 00:00:01.000 UTC\n\
             \x20 why       2 of 2 failed: connection refused\n\
             \x20 used by   web/192.0.2.1 (region eu)\n\
             \x20 used by   api/192.0.2.1 (region eu), forced up\n\
             \x20 monitor   web\n\
             \x20 next      0.3 s\n\
             \x20 seen      61.0 s ago, in 1.2 ms: connection refused\n\
             \x20 seen      62.0 s ago, in 1.2 ms: succeeded\n"
        );
    }

    #[test]
    fn what_is_asked_for_is_escaped() {
        assert_eq!(
            escaped("web-eu/2001:db8::1&x"),
            "web%2Deu%2F2001%3Adb8%3A%3A1%26x"
        );
    }
}
