//! What is told of targets, endpoints and changes, in words.

use super::super::times::{span, utc};
use crate::admin::health::{
    Changed, EndpointReport, HealthReport, Observed, Part, Probing, Tally, TargetReport, Use, asked,
};

/// `2026-11-22 04:05:06.789  down     web-eu/192.0.2.1  2 of 2 failed: connection refused (was up)`
pub(super) fn change(change: &Changed) -> String {
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

pub(super) fn name(used: &Use) -> String {
    format!("{}/{}", used.pool, used.endpoint)
}

pub(super) fn heading(report: &HealthReport) -> String {
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

pub(super) fn table(report: &HealthReport) -> String {
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
pub(super) fn endpoint_table(report: &HealthReport) -> String {
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

pub(super) fn endpoint_in_full(endpoint: &EndpointReport, now_unix_ms: u64) -> String {
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

pub(super) fn in_full(target: &TargetReport, now_unix_ms: u64) -> String {
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
pub(super) mod tests {
    use super::*;
    use crate::admin::health::{Damping, Progress, Slowness};

    pub fn target() -> TargetReport {
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

    pub fn part(
        monitor: &str,
        how: Option<&str>,
        verdict: &str,
        why: &str,
        parts: Vec<Part>,
    ) -> Part {
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
}
