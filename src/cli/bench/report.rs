//! The figures, for a person or for a script.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::compare::Comparison;
use super::counts::Counts;
use super::load::{Measured, Pace};
use super::usage::{Usage, Watch};

/// This is what `--json` prints.
#[derive(Serialize)]
pub struct Report {
    target: String,
    /// Queries a second that were offered; none in a closed loop.
    rate: Option<f64>,
    /// Of the measured time.
    seconds: f64,
    #[serde(flatten)]
    counts: Counts,
    answers_per_second: f64,
    rcodes: BTreeMap<String, u64>,
    records_per_answer: f64,
    octets_per_answer: f64,
    server: Option<Server>,
    /// How long this program was busy per answer, in microseconds, at most.
    generator_us_per_answer: f64,
    /// Of the measured time, at most: a round over the sockets counts whole as soon as one reply was there.
    generator_busy_percent: f64,
    /// Only in an open loop.
    latency: Option<Latency>,
    check: Option<Comparison>,
}

/// CPU time of the server. Times in microseconds.
#[derive(Serialize)]
struct Server {
    pids: Vec<i32>,
    us_per_answer: f64,
    user_us_per_answer: f64,
    system_us_per_answer: f64,
    /// Of the watched CPU, in percent of the measured time: what did not go to the server.
    others_percent: Option<f64>,
}

/// From when a query was due to its answer, in microseconds. One that was lost counts as the time-out.
#[derive(Serialize)]
struct Latency {
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
    /// The longest that a query left after it was due: what is above it is not the server's doing alone.
    behind_max: f64,
}

impl Report {
    pub fn new(
        target: String,
        pace: Pace,
        watch: &Watch,
        measured: Measured,
        check: Option<Comparison>,
    ) -> Self {
        let Measured {
            seconds,
            tally,
            usage,
            busy,
            behind,
            ..
        } = measured;
        let counts = tally.counts;
        let arrived = tally.arrived as f64;
        let per_answer = |n: u64| ratio(n as f64, counts.answered as f64);
        let is_watched = !watch.pids.is_empty();
        let latency =
            matches!(pace, Pace::Open { .. }).then(|| Latency::new(&tally.latencies, behind));
        Report {
            target,
            rate: match pace {
                Pace::Closed => None,
                Pace::Open { rate } => Some(rate),
            },
            seconds,
            answers_per_second: ratio(arrived, seconds),
            rcodes: tally.rcodes.by_name(),
            records_per_answer: per_answer(counts.records),
            octets_per_answer: per_answer(counts.octets),
            server: is_watched.then(|| Server::new(watch, &usage, arrived, seconds)),
            generator_us_per_answer: ratio(us(busy), arrived),
            generator_busy_percent: ratio(busy.as_secs_f64() * 100.0, seconds),
            latency,
            check,
            counts,
        }
    }

    /// Whether the server answered, and nothing wrong.
    pub fn is_right(&self) -> bool {
        let is_right = self
            .check
            .as_ref()
            .is_none_or(|check| check.mismatches == 0 && check.compared > 0);
        self.counts.answered > 0 && self.counts.wrong() == 0 && is_right
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |label: &str, content: String| {
            let _ = writeln!(text, "{label:<10} {content}");
        };
        let Counts {
            sent,
            answered,
            lost,
            other_question,
            malformed,
            unexpected,
            late,
            truncated,
            ..
        } = self.counts;
        let pace = match self.rate {
            None => "as many as it answers".to_owned(),
            Some(rate) => format!("{rate:.0} queries per second"),
        };
        line(
            "load",
            format!("{}, {pace}, {:.2} s", self.target, self.seconds),
        );
        line("sent", sent.to_string());
        line(
            "answered",
            format!("{answered}, {:.0} per second", self.answers_per_second),
        );
        line("lost", format!("{lost} ({late} of them answered too late)"));
        line(
            "wrong",
            format!(
                "{} (other question {other_question}, malformed {malformed}, unexpected {unexpected})",
                self.counts.wrong()
            ),
        );
        let rcodes: Vec<_> = self
            .rcodes
            .iter()
            .map(|(name, n)| format!("{name} {n}"))
            .collect();
        line("rcodes", rcodes.join(", "));
        line(
            "answers",
            format!(
                "{:.2} records, {:.1} octets, {truncated} truncated",
                self.records_per_answer, self.octets_per_answer
            ),
        );
        match &self.server {
            Some(server) => line("server", server.text()),
            None => line(
                "server",
                "its CPU time is unknown: name its process with --pid".to_owned(),
            ),
        }
        line(
            "generator",
            format!(
                "{:.3} us per answer, busy {:.0} % of the time",
                self.generator_us_per_answer, self.generator_busy_percent
            ),
        );
        if let Some(latency) = &self.latency {
            line("latency", latency.text());
        }
        if let Some(check) = &self.check {
            line("check", check.text());
        }
        text
    }
}

impl Server {
    fn new(watch: &Watch, usage: &Usage, answers: f64, seconds: f64) -> Self {
        let all = us(usage.server);
        let user = us(usage.server_user).min(all);
        let others = usage.cpu_busy.saturating_sub(usage.server).as_secs_f64();
        Server {
            pids: watch.pids.clone(),
            us_per_answer: ratio(all, answers),
            user_us_per_answer: ratio(user, answers),
            system_us_per_answer: ratio(all - user, answers),
            others_percent: watch.cpu.map(|_| ratio(others * 100.0, seconds)),
        }
    }

    fn text(&self) -> String {
        let pids: Vec<_> = self.pids.iter().map(ToString::to_string).collect();
        let others = self.others_percent.map_or_else(String::new, |percent| {
            format!("; others had {percent:.1} % of its CPU")
        });
        format!(
            "{:.3} us of CPU per answer (user {:.2}, system {:.2}), process {}{others}",
            self.us_per_answer,
            self.user_us_per_answer,
            self.system_us_per_answer,
            pids.join(", ")
        )
    }
}

impl Latency {
    fn new(latencies: &Histogram<u64>, behind: Duration) -> Self {
        let at = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
        Latency {
            mean: latencies.mean() / 1e3,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: latencies.max() as f64 / 1e3,
            behind_max: us(behind),
        }
    }

    fn text(&self) -> String {
        format!(
            "us: p50 {:.1}, p90 {:.1}, p99 {:.1}, p99.9 {:.1}, max {:.1}, mean {:.1}; \
             sent up to {:.1} after it was due",
            self.p50, self.p90, self.p99, self.p999, self.max, self.mean, self.behind_max
        )
    }
}

fn us(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// 0 of nothing is 0.
fn ratio(of: f64, to: f64) -> f64 {
    if to > 0.0 { of / to } else { 0.0 }
}
