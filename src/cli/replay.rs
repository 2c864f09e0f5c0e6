//! `meridian replay`: how would recorded queries be answered?

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::imagined;
use super::plan::report::{grouped, percent, width};
use super::recorded::{self, Skipped};
use crate::admin::replay::{Replay, Replayed};
use crate::compile;
use crate::dns::mnemonic::TypeName;
use crate::overrides::What;
use crate::state::Root;

/// Names and types that are told apart.
const QUESTIONS_MAX: usize = 1_000_000;
/// Names that are listed unless all are asked for, and answers of each.
const NAMES_SHOWN: usize = 20;
const ANSWERS_SHOWN: usize = 8;

#[derive(clap::Args)]
pub struct Arguments {
    /// The recording: lines of NAME TYPE CLIENT, pcap, pcapng or dnstap
    file: PathBuf,
    /// The configuration
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// A region, pool or endpoint that would be down: eu, pool:web-eu, 192.0.2.1, web-eu/192.0.2.1
    #[arg(long, value_name = "WHAT", visible_alias = "down")]
    drain: Vec<What>,
    /// Of packets, those to this port are queries
    #[arg(long, value_name = "PORT", default_value_t = 53)]
    port: u16,
    /// Makes other draws; equal seeds make equal ones
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// List all names, and all answers of each
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    super::finish(replay(arguments).map(|report| match arguments.json {
        true => super::json(&report),
        false => report.render(arguments.all),
    }))
}

fn replay(arguments: &Arguments) -> Result<Report, String> {
    let (whole, _) = compile::load(&arguments.config, None).map_err(|diagnostics| {
        super::print_diagnostics(&diagnostics);
        format!("{} cannot be used", arguments.config.display())
    })?;
    let root = imagined::root(&whole, &arguments.drain)?;
    let mut replay = Replay::new(&root, arguments.seed);
    let mut tallies = Tallies::default();
    let skipped = recorded::read(&arguments.file, arguments.port, &mut |captured| {
        tallies.count(&root, replay.answer(captured.message, captured.peer));
        Ok(())
    })?;
    Ok(tallies.report(arguments, skipped))
}

/// `meridian replay --json` prints this.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    config: String,
    drained: Vec<String>,
    queries: u64,
    /// Queries that are not answered at all.
    dropped: u64,
    skipped: Skipped,
    rcodes: Vec<Share>,
    /// Of the queries that were steered.
    regions: Vec<Share>,
    /// Those that were asked for most first.
    questions: Vec<OfQuestion>,
}

#[derive(Debug, Serialize)]
struct Share {
    what: String,
    count: u64,
    /// 0.0..=1.0
    share: f64,
}

#[derive(Debug, Serialize)]
struct OfQuestion {
    /// Of names that do not exist, or are of no zone, there are too many to tell them apart.
    name: String,
    #[serde(rename = "type")]
    rtype: String,
    count: u64,
    share: f64,
    rcodes: Vec<Share>,
    regions: Vec<Share>,
    /// By the record that came first.
    answers: Vec<Share>,
}

/// Counts by what was counted.
type Counts = HashMap<String, u64>;

#[derive(Default)]
struct Tallies {
    questions: HashMap<(String, u16), Tally>,
    queries: u64,
    dropped: u64,
}

#[derive(Default)]
struct Tally {
    count: u64,
    rcodes: Counts,
    regions: Counts,
    answers: Counts,
}

impl Tallies {
    fn count(&mut self, root: &Root, replayed: Replayed) {
        self.queries += 1;
        let Some(rcode) = replayed.rcode else {
            self.dropped += 1;
            return;
        };
        let (name, qtype) = match (replayed.question, &*rcode) {
            (None, _) => ("(no proper query)".to_owned(), 0),
            (Some((_, qtype)), "NXDOMAIN") => ("(no such name)".to_owned(), qtype),
            (Some((_, qtype)), "REFUSED") => ("(refused)".to_owned(), qtype),
            (Some((name, qtype)), _) => (name.to_string(), qtype),
        };
        let mut key = (name, qtype);
        if self.questions.len() >= QUESTIONS_MAX && !self.questions.contains_key(&key) {
            key = ("(other names)".to_owned(), qtype);
        }
        let tally = self.questions.entry(key).or_default();
        tally.count += 1;
        *tally.rcodes.entry(rcode).or_default() += 1;
        if let Some(region) = replayed.region {
            let name = &root.pools.regions[region.index()].name;
            *tally.regions.entry(name.to_string()).or_default() += 1;
        }
        if let Some(first) = replayed.first {
            *tally.answers.entry(first).or_default() += 1;
        }
    }

    fn report(self, arguments: &Arguments, skipped: Skipped) -> Report {
        let (mut rcodes, mut regions) = (Counts::new(), Counts::new());
        for tally in self.questions.values() {
            for (sums, counts) in [(&mut rcodes, &tally.rcodes), (&mut regions, &tally.regions)] {
                for (what, count) in counts {
                    *sums.entry(what.clone()).or_default() += count;
                }
            }
        }
        let questions = self.questions.into_iter();
        let questions = questions.map(|((name, qtype), tally)| OfQuestion {
            name,
            rtype: TypeName(qtype).to_string(),
            count: tally.count,
            share: tally.count as f64 / self.queries as f64,
            rcodes: shares(tally.rcodes),
            regions: shares(tally.regions),
            answers: shares(tally.answers),
        });
        let mut questions: Vec<OfQuestion> = questions.collect();
        questions.sort_by(|a, b| {
            let by_name = || (&a.name, &a.rtype).cmp(&(&b.name, &b.rtype));
            b.count.cmp(&a.count).then_with(by_name)
        });
        Report {
            file: arguments.file.display().to_string(),
            config: arguments.config.display().to_string(),
            drained: arguments.drain.iter().map(ToString::to_string).collect(),
            queries: self.queries,
            dropped: self.dropped,
            skipped,
            rcodes: shares(rcodes),
            regions: shares(regions),
            questions,
        }
    }
}

/// The largest first.
fn shares(counts: Counts) -> Vec<Share> {
    let total: u64 = counts.values().sum();
    let shares = counts.into_iter().map(|(what, count)| Share {
        share: count as f64 / total as f64,
        what,
        count,
    });
    let mut shares: Vec<Share> = shares.collect();
    shares.sort_by(|a, b| (Reverse(a.count), &a.what).cmp(&(Reverse(b.count), &b.what)));
    shares
}

impl Report {
    fn render(&self, all: bool) -> String {
        let drained = match self.drained.is_empty() {
            true => String::new(),
            false => format!(", {} drained", self.drained.join(", ")),
        };
        let queries = grouped(self.queries as f64);
        let mut text = format!(
            "{}: {queries} queries, answered by {}{drained}\n",
            self.file, self.config
        );
        for (words, count) in [
            ("not answered at all", self.dropped),
            (
                "packets or messages that are no queries",
                self.skipped.others,
            ),
            ("queries that are not there whole", self.skipped.partial),
        ] {
            if count > 0 {
                text += &format!("  {} {words}\n", grouped(count as f64));
            }
        }
        text += &listed(&self.rcodes, usize::MAX);
        text += &listed(&self.regions, usize::MAX);
        let shown = if all { usize::MAX } else { NAMES_SHOWN };
        for question in self.questions.iter().take(shown) {
            text += &question.render(all);
        }
        match self.questions.len().saturating_sub(shown) {
            0 => text,
            more => text + &format!("\nand {more} more, with --all\n"),
        }
    }
}

impl OfQuestion {
    fn render(&self, all: bool) -> String {
        let mut text = format!(
            "\n{} {}: {} queries, {}\n",
            self.name,
            self.rtype,
            grouped(self.count as f64),
            percent(self.share)
        );
        let shown = if all { usize::MAX } else { ANSWERS_SHOWN };
        // That all is as it should be needs no line.
        if self.rcodes.iter().any(|share| share.what != "NOERROR") {
            text += &listed(&self.rcodes, shown);
        }
        text += &listed(&self.regions, shown);
        text + &listed(&self.answers, shown)
    }
}

fn listed(shares: &[Share], max: usize) -> String {
    let width = width(shares.iter().take(max).map(|share| share.what.as_str()), 12);
    let mut text = String::new();
    for Share { what, count, share } in shares.iter().take(max) {
        let count = grouped(*count as f64);
        text += &format!("  {what:<width$}  {:>10}  {count:>12}\n", percent(*share));
    }
    match shares.len().saturating_sub(max) {
        0 => text,
        more => text + &format!("  and {more} more\n"),
    }
}
