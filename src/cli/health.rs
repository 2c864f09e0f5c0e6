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
use crate::admin::health::{
    Changed, EndpointReport, HealthReport, Observed, Part, Probing, Tally, TargetReport, Use, asked,
};

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

/// Rows and columns of the terminal that is written to, if it says.
fn window() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    let (rows, columns) = (usize::from(size.ws_row), usize::from(size.ws_col));
    (rows > 0 && columns > 0).then_some((rows, columns))
}

/// What fits into a window, where its size is known; a line is a row.
fn screen(report: &mut HealthReport, window: Option<(usize, usize)>) -> String {
    let Some((rows, columns)) = window else {
        return format!(
            "{}{}{}",
            heading(report),
            endpoint_table(report),
            table(report)
        );
    };
    // Beside the heading, the names of the columns, what says that there are more, and where the cursor is.
    let room = rows.saturating_sub(4).max(1);
    if report.endpoints.is_empty() {
        report.targets.truncate(room);
    } else {
        let room = room.saturating_sub(2).max(2);
        report
            .endpoints
            .truncate((room / 2).max(room.saturating_sub(report.targets.len())));
        report
            .targets
            .truncate(room.saturating_sub(report.endpoints.len()).max(1));
    }
    let text = format!(
        "{}{}{}",
        heading(report),
        endpoint_table(report),
        table(report)
    );
    let lines = text.lines().take(rows.saturating_sub(1).max(1));
    lines.map(|line| cut(line, columns) + "\n").collect()
}

/// No more characters than that; the last one says that there were more.
fn cut(line: &str, columns: usize) -> String {
    match line.chars().count() > columns {
        true => {
            let kept = line.chars().take(columns.saturating_sub(1));
            kept.chain(['…']).collect()
        }
        false => line.to_owned(),
    }
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

/// `2026-11-22 04:05:06.789  down     web-eu/192.0.2.1  2 of 2 failed: connection refused (was up)`
fn change(change: &Changed) -> String {
    let Changed { from, to, why, .. } = change;
    format!(
        "{} UTC  {to:<8}  {:<32}  {why} (was {from})\n",
        utc(change.at_unix_ms),
        with_more(change.who(), change.more()),
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
    let counts = &report.counts;
    let endpoints = match counts.endpoints.all() {
        0 => String::new(),
        _ => format!(
            "; {}",
            tallied(
                counts.endpoints,
                "endpoint of several targets",
                "endpoints of several targets"
            )
        ),
    };
    let probing = report.probing.map_or_else(
        || format!("; verdicts {}", report.verdicts),
        |probing| probes(&probing, report.now_unix_ms),
    );
    format!(
        "{}{endpoints}{probing}\n",
        tallied(counts.targets, "target", "targets")
    )
}

/// "4 targets: 3 up, 1 down, 0 unknown"
fn tallied(tally: Tally, one: &str, many: &str) -> String {
    let Tally { up, down, unknown } = tally;
    let (count, what) = (tally.all(), if tally.all() == 1 { one } else { many });
    format!("{count} {what}: {up} up, {down} down, {unknown} unknown")
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

fn table(report: &HealthReport) -> String {
    let mut text = format!(
        "{:<7}  {:<14}  {:<12}  {:<8}  {:>6}  {:<32}  WHY\n",
        "VERDICT", "STATE", "FOR", "LAST", "NEXT", "ENDPOINT"
    );
    let rows = report.targets.iter();
    text.extend(rows.map(|target| row(target, report.now_unix_ms)));
    text.push_str(&more(report.counts.targets.all(), report.targets.len()));
    text
}

/// What is said of those that are not shown.
fn more(all: usize, shown: usize) -> String {
    match all.saturating_sub(shown) {
        0 => String::new(),
        more => format!("and {more} more, which are no worse (--all shows them)\n"),
    }
}

fn row(target: &TargetReport, now_unix_ms: u64) -> String {
    let last: String = target.observations.iter().map(mark).collect();
    let first = target.used_by.first().map(name);
    let who = with_more(
        first.as_deref().unwrap_or_else(|| asked(&target.target)),
        target.used_by.len().saturating_sub(1),
    );
    let is_part = target.used_by.iter().all(|used| used.part_of.is_some());
    // Of an endpoint of several targets: which one this is.
    let which = match target.monitors.first() {
        Some(monitor) if is_part => format!("{monitor}: "),
        _ => String::new(),
    };
    format!(
        "{:<7}  {:<14}  {:<12}  {last:>8}  {:>6}  {who:<32}  {which}{}{}\n",
        target.verdict,
        state(target, now_unix_ms),
        since(target.since_unix_ms, now_unix_ms),
        next(target, now_unix_ms),
        target.why,
        overridden(target),
    )
}

/// The state in short: `failing 1/2`, `damped 12.3 s`, `slow`.
fn state(target: &TargetReport, now_unix_ms: u64) -> String {
    let until = target.damping.and_then(|damping| damping.until_unix_ms);
    match (&*target.state, target.progress, target.slowness) {
        (state, Some(progress), _) => format!("{state} {}/{}", progress.count, progress.of),
        ("damped", ..) => {
            let left = until.map_or(0, |until| until.saturating_sub(now_unix_ms));
            format!("damped {}", tenths(left))
        }
        ("up", None, Some(slowness)) if slowness.degraded => "slow".to_owned(),
        (state, ..) => state.to_owned(),
    }
}

/// Nothing where no endpoint goes by several targets.
fn endpoint_table(report: &HealthReport) -> String {
    if report.endpoints.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "{:<7}  {:<9}  {:<12}  {:<32}  WHY\n",
        "VERDICT", "COUNTS AS", "FOR", "ENDPOINT"
    );
    let rows = report.endpoints.iter();
    text.extend(rows.map(|endpoint| endpoint_row(endpoint, report.now_unix_ms)));
    text.push_str(&more(report.counts.endpoints.all(), report.endpoints.len()));
    text
}

fn endpoint_row(endpoint: &EndpointReport, now_unix_ms: u64) -> String {
    let word = endpoint.overridden.as_deref();
    format!(
        "{:<7}  {:<9}  {:<12}  {:<32}  {}{}\n",
        endpoint.verdict,
        endpoint.counts_as,
        since(endpoint.since_unix_ms, now_unix_ms),
        format!("{}/{}", endpoint.pool, endpoint.endpoint),
        endpoint.why,
        word.map_or_else(String::new, |word| format!("; {word}")),
    )
}

fn endpoint_in_full(endpoint: &EndpointReport, now_unix_ms: u64) -> String {
    let EndpointReport {
        pool,
        region,
        endpoint: of,
        ..
    } = endpoint;
    let mut text = format!("\n{pool}/{of} (region {region})\n");
    let mut say = |label: &str, words: &str| text.push_str(&format!("  {label:<9}  {words}\n"));
    // Its targets say no more than that.
    let since = endpoint
        .since_unix_ms
        .map_or_else(String::new, |since| dated(since, now_unix_ms));
    say("verdict", &format!("{}{since}", endpoint.verdict));
    say("why", &endpoint.why);
    let share = endpoint.share.map_or_else(String::new, |share| {
        format!(", takes {} of its queries", percent(share))
    });
    let word = endpoint.overridden.as_deref();
    let word = word.map_or_else(String::new, |word| format!(", {word}"));
    say("counts as", &format!("{}{share}{word}", endpoint.counts_as));
    let lines = tree(&endpoint.condition, 0);
    let width = lines.iter().map(|line| line.1.chars().count()).max();
    for (nth, (verdict, name, words)) in lines.iter().enumerate() {
        let label = if nth == 0 { "condition" } else { "" };
        let width = width.unwrap_or_default();
        say(label, &format!("{verdict:<7}  {name:<width$}  {words}"));
    }
    text
}

/// A line for each part: its verdict, its name, indented by what it is a part of, and the reason.
fn tree(part: &Part, depth: usize) -> Vec<(&str, String, String)> {
    let name = format!("{}{}", "  ".repeat(depth), part.monitor);
    let words = match (&part.how, &part.target) {
        (Some(how), _) if part.why.is_empty() => how.clone(),
        (Some(how), _) => format!("{how}: {}", part.why),
        (None, Some(target)) => format!("{}: {}", asked(target), part.why),
        (None, None) => part.why.clone(),
    };
    let mut lines = vec![(&*part.verdict, name, words)];
    for part in &part.parts {
        lines.extend(tree(part, depth + 1));
    }
    lines
}

/// `25 %`
fn percent(share: f64) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}

/// ` for 4 s, since 2026-11-22 04:24:51.760 UTC`
fn dated(since_unix_ms: u64, now_unix_ms: u64) -> String {
    format!(
        " for {}, since {} UTC",
        since(Some(since_unix_ms), now_unix_ms),
        utc(since_unix_ms)
    )
}

fn mark(observed: &Observed) -> char {
    if observed.success { '+' } else { '-' }
}

fn since(since_unix_ms: Option<u64>, now_unix_ms: u64) -> String {
    since_unix_ms.map_or_else(String::new, |since| {
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
    let since = target
        .since_unix_ms
        .map_or_else(String::new, |since| dated(since, now_unix_ms));
    say("verdict", &format!("{}{since}", target.verdict));
    if let Some(state) = state_in_full(target, now_unix_ms) {
        say("state", &state);
    }
    say("why", &target.why);
    for used in &target.used_by {
        let word = used.overridden.as_deref();
        let word = word.map_or_else(String::new, |word| format!(", {word}"));
        let part = used.part_of.as_ref();
        let part = part.map_or_else(String::new, |whole| format!(", as a part of {whole}"));
        say(
            "used by",
            &format!("{} (region {}){part}{word}", name(used), used.region),
        );
    }
    if !target.monitors.is_empty() {
        say("monitor", &target.monitors.join(", "));
    }
    if let Some(slowness) = &target.slowness {
        let smoothed = slowness.smoothed_ms;
        let smoothed = smoothed.map_or("nothing known".to_owned(), |ms| {
            format!("{ms} ms, smoothed")
        });
        let takes = match slowness.degraded {
            true => format!("slow, takes {} of its queries", percent(slowness.share)),
            false => "quick enough".to_owned(),
        };
        say(
            "speed",
            &format!("{smoothed}; the limit is {} ms: {takes}", slowness.above_ms),
        );
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

/// The state in words, where that is more than the verdict.
fn state_in_full(target: &TargetReport, now_unix_ms: u64) -> Option<String> {
    if let Some(progress) = target.progress {
        return Some(format!(
            "{}, {} of {}",
            target.state, progress.count, progress.of
        ));
    }
    if let Some(damping) = target.damping {
        let hold = tenths(damping.hold_ms);
        return Some(match damping.until_unix_ms {
            Some(until) => format!(
                "held down until {} UTC, {} more, of {hold} without a failure that {} falls demand",
                utc(until),
                tenths(until.saturating_sub(now_unix_ms)),
                damping.falls
            ),
            None => format!(
                "held down: once it answers, it has to for {hold} without a failure ({} falls of late)",
                damping.falls
            ),
        });
    }
    let is_slow = target.slowness.is_some_and(|slowness| slowness.degraded);
    match &*target.state {
        "held" => Some("held up by the panic guard".to_owned()),
        "up" if is_slow => Some("slow".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::health::{Counts, Damping, Progress, Slowness};

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
            part_of: None,
            overridden: overridden.map(str::to_owned),
        };
        TargetReport {
            target: "tcp://192.0.2.1:80 every=1s".to_owned(),
            monitors: vec!["web".to_owned()],
            verdict: "down".to_owned(),
            state: "down".to_owned(),
            progress: None,
            damping: None,
            slowness: None,
            since_unix_ms: Some(1_000),
            why: "2 of 2 failed: connection refused".to_owned(),
            observations: vec![observed(0, true), observed(1_000, false)],
            next_unix_ms: Some(62_300),
            used_by: vec![used("web", None), used("api", Some("forced up"))],
        }
    }

    #[test]
    fn a_row_says_all_in_short() {
        assert_eq!(
            row(&target(), 62_000),
            "down     down            1 min 1 s           +-   0.3 s  web/192.0.2.1 +1                  \
             2 of 2 failed: connection refused; 1 of 2 overridden\n"
        );
        let mut part = target();
        for used in &mut part.used_by {
            used.part_of = Some("web, database".to_owned());
        }
        let row = row(&part, 62_000);
        assert!(row.contains(" +1                  web: 2 of 2"), "{row}");
    }

    #[test]
    fn states_are_named_in_short_and_in_words() {
        let said = |edit: &dyn Fn(&mut TargetReport)| {
            let mut target = target();
            edit(&mut target);
            let words = state_in_full(&target, 62_000).unwrap_or_default();
            (state(&target, 62_000), words)
        };
        let (short, words) = said(&|target| {
            target.state = "recovering".to_owned();
            target.progress = Some(Progress { count: 1, of: 3 });
        });
        assert_eq!((&*short, &*words), ("recovering 1/3", "recovering, 1 of 3"));
        let damping = |until_unix_ms| {
            Some(Damping {
                falls: 4,
                hold_ms: 30_000,
                until_unix_ms,
            })
        };
        let (short, words) = said(&|target| {
            target.state = "damped".to_owned();
            target.damping = damping(Some(74_300));
        });
        assert_eq!(short, "damped 12.3 s");
        assert_eq!(
            words,
            "held down until 1970-01-01 00:01:14.300 UTC, 12.3 s more, of 30.0 s without a failure that 4 \
             falls demand"
        );
        let (short, words) = said(&|target| target.damping = damping(None));
        assert_eq!(short, "down");
        assert_eq!(
            words,
            "held down: once it answers, it has to for 30.0 s without a failure (4 falls of late)"
        );
        let (short, words) = said(&|target| {
            (target.verdict, target.state) = ("up".to_owned(), "up".to_owned());
            target.slowness = Some(Slowness {
                degraded: true,
                smoothed_ms: Some(312),
                above_ms: 200,
                share: 0.25,
            });
        });
        assert_eq!((&*short, &*words), ("slow", "slow"));
    }

    fn part(monitor: &str, how: Option<&str>, verdict: &str, why: &str, parts: Vec<Part>) -> Part {
        Part {
            monitor: monitor.to_owned(),
            how: how.map(str::to_owned),
            verdict: verdict.to_owned(),
            since_unix_ms: None,
            target: how.is_none().then(|| format!("tcp://{monitor} every=1s")),
            why: why.to_owned(),
            parts,
        }
    }

    #[test]
    fn an_endpoint_of_several_targets_has_a_line_for_each_monitor() {
        let refused = "2 of 2 failed: connection refused";
        let either = vec![
            part("http", None, "up", "the last succeeded in 2 ms", Vec::new()),
            part("ssh", None, "down", refused, Vec::new()),
        ];
        let parts = vec![
            part("either", Some("any of"), "up", "http is up", either),
            part("database", None, "down", refused, Vec::new()),
        ];
        let endpoint = EndpointReport {
            pool: "web".to_owned(),
            region: "eu".to_owned(),
            endpoint: "192.0.2.1".to_owned(),
            verdict: "down".to_owned(),
            counts_as: "up".to_owned(),
            since_unix_ms: Some(1_000),
            why: "database is down".to_owned(),
            share: None,
            overridden: Some("forced up".to_owned()),
            condition: part(
                "either, database",
                Some("all of"),
                "down",
                "database is down",
                parts,
            ),
        };
        assert_eq!(
            endpoint_in_full(&endpoint, 62_000),
            "\nweb/192.0.2.1 (region eu)\n\
             \x20 verdict    down for 1 min 1 s, since 1970-01-01 00:00:01.000 UTC\n\
             \x20 why        database is down\n\
             \x20 counts as  up, forced up\n\
             \x20 condition  down     either, database  all of: database is down\n\
             \x20            up         either          any of: http is up\n\
             \x20            up           http          tcp://http: the last succeeded in 2 ms\n\
             \x20            down         ssh           tcp://ssh: 2 of 2 failed: connection refused\n\
             \x20            down       database        tcp://database: 2 of 2 failed: connection refused\n"
        );
        assert_eq!(
            endpoint_row(&endpoint, 62_000),
            "down     up         1 min 1 s     web/192.0.2.1                     database is down; forced up\n"
        );
    }

    #[test]
    fn a_screen_has_no_more_rows_and_columns_than_its_window() {
        let endpoint = |n: usize| EndpointReport {
            pool: format!("pool-{n}"),
            region: "eu".to_owned(),
            endpoint: "192.0.2.1".to_owned(),
            verdict: "down".to_owned(),
            counts_as: "down".to_owned(),
            since_unix_ms: None,
            why: "database is down".to_owned(),
            share: None,
            overridden: None,
            condition: part("a", None, "down", "", Vec::new()),
        };
        for (targets, endpoints) in [(0, 0), (3, 0), (500, 0), (500, 500), (2, 500), (500, 2)] {
            for (rows, columns) in [(24, 80), (50, 200), (5, 20), (1, 1)] {
                let down = |down| Tally {
                    down,
                    ..Tally::default()
                };
                let mut report = HealthReport {
                    now_unix_ms: 62_000,
                    verdicts: String::new(),
                    probing: None,
                    counts: Counts {
                        targets: down(targets),
                        endpoints: down(endpoints),
                    },
                    targets: vec![target(); targets.min(rows)],
                    endpoints: (0..endpoints.min(rows)).map(endpoint).collect(),
                };
                let text = screen(&mut report, Some((rows, columns)));
                let lines: Vec<&str> = text.lines().collect();
                assert!(lines.len() < rows.max(2), "{rows}: {text}");
                assert!(lines.iter().all(|line| line.chars().count() <= columns));
                if (rows, columns) == (50, 200) && targets == 500 {
                    assert!(
                        lines
                            .last()
                            .is_some_and(|last| last.contains(" more, which"))
                    );
                }
            }
        }
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
