//! A server in made-up time: the judge that serves, the answer engine, and nothing between them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use meridian::clock;
use meridian::compile::Whole;
use meridian::config::{Monitor, ProbeKind};
use meridian::health::belief::Moment;
use meridian::health::failure::{Failure, Step as Waiting};
use meridian::health::judge::Judge;
use meridian::health::panic::Guard;
use meridian::health::probe::Observation;
use meridian::health::{Remembered, TargetHealth, TargetSpec};
use meridian::model::{TargetKey, Verdict};
use meridian::state::{EndpointHealth, Health, Pools};

use crate::in_process::{Query, Reply, Server, compile};
use crate::step::{Answer, Outcome, Step};

/// How far a share may be from the one that is told, in percent of all.
const SHARE_TOLERANCE: f64 = 3.0;

pub struct Sim<'a> {
    files: &'a [(&'a str, &'a str)],
    whole: Whole,
    judge: Judge,
    start: Instant,
    elapsed: Duration,
    server: Server,
}

impl<'a> Sim<'a> {
    /// # Errors
    /// Every mistake in the files.
    pub fn new(files: &'a [(&'a str, &'a str)], seed: u64) -> Result<Self, String> {
        let whole = compile(files)?;
        let mut sim = Sim {
            files,
            judge: judge(&whole),
            start: clock::now(),
            elapsed: Duration::ZERO,
            server: Server::new(&whole, seed),
            whole,
        };
        sim.set_targets(&HashMap::new());
        Ok(sim)
    }

    /// # Errors
    /// What came out differently than expected.
    pub fn take(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Query { query, expected } => compare(&self.server.ask(query), expected),
            Step::Queries {
                count,
                query,
                expected,
            } => self.compare_shares(*count, query, expected),
            Step::Observe {
                targets,
                outcome,
                times,
            } => self.observe(targets, *outcome, *times),
            Step::TimePasses(duration) => {
                self.pass(*duration);
                Ok(())
            }
            Step::Control { answers } => self.control(*answers),
            Step::Restart => {
                self.restart();
                Ok(())
            }
            Step::Reload { file, mistake } => self.reload(file, mistake.as_deref()),
            Step::Expect {
                targets,
                verdict,
                held,
                needs,
            } => self.compare_health(targets, *verdict, *held, *needs),
            Step::ExpectAlarm(expected) => {
                let words = |alarm| if alarm { "an alarm" } else { "none" };
                let alarm = self.judge.holds_until().is_some();
                same("", &words(*expected), &words(alarm))
            }
            Step::ExpectTargets(expected) => {
                let targets = self.judge.targets();
                match targets == *expected {
                    true => Ok(()),
                    false => Err(format!("expected {expected} targets, got {targets}")),
                }
            }
        }
    }

    fn now(&self) -> Moment {
        Moment {
            monotonic: self.start + self.elapsed,
            unix_ms: self.elapsed.as_millis() as u64,
        }
    }

    fn set_targets(&mut self, remembered: &HashMap<TargetKey, Remembered>) {
        let now = self.now();
        self.judge
            .set_targets(&self.whole.parts.targets, remembered, now);
        self.publish();
    }

    /// What the judge believes is what is answered from.
    fn publish(&mut self) {
        let known: HashMap<TargetKey, TargetHealth> = self.judge.snapshot().into_iter().collect();
        let pools = &self.whole.parts.pools;
        let health = Health::new(pools, |id| {
            let target = pools.endpoints[id.index()].target;
            target.map_or(EndpointHealth::UNWATCHED, |index| {
                endpoint_health(pools, index, &known)
            })
        });
        self.server
            .set_root(self.whole.parts.root(1, Arc::new(health)));
    }

    fn restart(&mut self) {
        let remembered = self.judge.snapshot().into_iter();
        let remembered = remembered.map(|(key, health)| {
            let known = Remembered {
                verdict: health.verdict,
                since_unix_ms: health.since_unix_ms,
            };
            (key, known)
        });
        let remembered: HashMap<_, _> = remembered
            .filter(|(_, known)| known.verdict != Verdict::Unknown)
            .collect();
        self.judge = judge(&self.whole);
        self.set_targets(&remembered);
    }

    fn reload(&mut self, file: &str, mistake: Option<&str>) -> Result<(), String> {
        let files: BTreeMap<&str, &str> = self.files.iter().copied().collect();
        let config = files
            .get(file)
            .ok_or_else(|| format!("there is no {file}"))?;
        let mut files = files.clone();
        files.insert("meridian.toml", config);
        let files: Vec<_> = files.into_iter().collect();
        match (compile(&files), mistake) {
            (Ok(whole), None) => {
                self.whole = whole;
                self.set_targets(&HashMap::new());
                Ok(())
            }
            (Err(mistakes), Some(mistake)) if mistakes.contains(mistake) => Ok(()),
            (Err(mistakes), _) => Err(format!("it is refused:\n{mistakes}")),
            (Ok(_), Some(mistake)) => Err(format!("expected {mistake:?}, got no mistake")),
        }
    }

    /// The targets with an address, of a pool, or all, each once.
    fn find(&self, which: &[String]) -> Result<Vec<TargetSpec>, String> {
        let mut found = Vec::new();
        for which in which {
            let before = found.len();
            let specs = self.whole.parts.targets.iter().enumerate();
            found.extend(
                specs
                    .filter(|(index, spec)| self.is_named(which, *index, spec))
                    .map(|(_, spec)| spec.clone()),
            );
            if found.len() == before {
                return Err(format!("`{which}` is no target"));
            }
        }
        Ok(found)
    }

    fn is_named(&self, which: &str, index: usize, spec: &TargetSpec) -> bool {
        let pools = &self.whole.parts.pools;
        let mut endpoints = pools.targets[index].endpoints.iter();
        which == "all"
            || spec.whom.to_string() == which
            || endpoints.any(|endpoint| {
                let pool = pools.endpoints[endpoint.index()].pool;
                *pools.pools[pool.index()].name == *which
            })
    }

    fn observe(&mut self, which: &[String], outcome: Outcome, times: u32) -> Result<(), String> {
        let targets = self.find(which)?;
        for time in 0..times {
            if time > 0 {
                self.pass(targets[0].monitor.interval);
            }
            for target in &targets {
                let observation = observation(outcome, &target.monitor);
                self.judge.observe(&target.key, observation, self.now());
            }
        }
        self.publish();
        Ok(())
    }

    /// Holds end when they are due, not later.
    fn pass(&mut self, duration: Duration) {
        let end = self.elapsed + duration;
        while let Some(due) = self.judge.next_tick()
            && due <= self.start + end
        {
            self.elapsed = self.elapsed.max(due - self.start);
            self.judge.tick(self.now());
        }
        self.elapsed = end;
        self.publish();
    }

    fn control(&mut self, answers: bool) -> Result<(), String> {
        if !self.judge.take_wants_controls() {
            return Err("expected the control targets to be asked".into());
        }
        self.judge.settle(answers, self.now());
        self.publish();
        Ok(())
    }

    fn compare_health(
        &self,
        which: &[String],
        verdict: Verdict,
        held: bool,
        needs: Option<u32>,
    ) -> Result<(), String> {
        let known: HashMap<_, _> = self.judge.snapshot().into_iter().collect();
        for target in self.find(which)? {
            let health = &known[&target.key];
            let words = |verdict, held| match held {
                true => format!("{verdict} held"),
                false => format!("{verdict}"),
            };
            let what = format!("{} ", target.whom);
            let got = words(health.verdict, health.held);
            same(&what, &words(verdict, held), &got)?;
            if let Some(needs) = needs {
                same(&format!("{what}needs "), &needs, &health.needed)?;
            }
        }
        Ok(())
    }

    fn compare_shares(
        &mut self,
        count: u32,
        query: &Query,
        expected: &[(String, f64)],
    ) -> Result<(), String> {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..count {
            let first = self.server.ask(query).address_texts().into_iter().next();
            *counts.entry(first.unwrap_or_default()).or_default() += 1;
        }
        let share = |address: &str| {
            let times = counts.get(address).copied().unwrap_or(0);
            100.0 * f64::from(times) / f64::from(count)
        };
        let as_told = |(address, told): &(String, f64)| {
            let is_certain = *told == 0.0 || *told == 100.0;
            let tolerance = if is_certain { 0.0 } else { SHARE_TOLERANCE };
            (share(address) - told).abs() <= tolerance
        };
        let all_named = counts
            .keys()
            .all(|address| expected.iter().any(|(named, _)| named == address));
        match all_named && expected.iter().all(as_told) {
            true => Ok(()),
            false => Err(format!("got {counts:?}")),
        }
    }
}

fn judge(whole: &Whole) -> Judge {
    let panic = &whole.config.server.panic;
    let guard = Guard::new(panic.share, panic.hold);
    Judge::new(guard, !panic.control.is_empty())
}

/// The soonest flip: the observations still needed, an interval apart.
fn endpoint_health(
    pools: &Pools,
    target: u32,
    known: &HashMap<TargetKey, TargetHealth>,
) -> EndpointHealth {
    let target = &pools.targets[target as usize];
    match known.get(&target.key) {
        Some(health) if health.verdict != Verdict::Unknown => EndpointHealth::new(
            health.verdict,
            target.interval.as_millis() as u32 * health.needed,
        ),
        _ => EndpointHealth::UNKNOWN,
    }
}

fn observation(outcome: Outcome, monitor: &Monitor) -> Observation {
    let outcome = match outcome {
        Outcome::Succeeded => Ok(()),
        Outcome::Refused => Err(Failure::Refused),
        Outcome::Unreachable => Err(Failure::Unreachable("no route to host".into())),
        Outcome::TimedOut => Err(Failure::TimedOut {
            after: monitor.timeout,
            step: Waiting::Connection,
        }),
        Outcome::Status(status) => match &monitor.probe {
            ProbeKind::Http(http)
                if http
                    .expect_status
                    .iter()
                    .any(|r| (r.0..=r.1).contains(&status)) =>
            {
                Ok(())
            }
            _ => Err(Failure::Status(status)),
        },
    };
    Observation {
        outcome,
        took: Duration::from_millis(1),
    }
}

fn compare(reply: &Reply, expected: &Answer) -> Result<(), String> {
    let mut got = reply.address_texts();
    got.sort();
    let shown = match (reply.rcode(), got.is_empty()) {
        ("NOERROR", true) => "NODATA".to_owned(),
        ("NOERROR", false) => got.join(" "),
        (rcode, _) => rcode.to_owned(),
    };
    let mut wanted = expected.addresses.clone();
    wanted.sort();
    match (&expected.kind, expected.count) {
        (Some(kind), _) => same("", kind, &shown)?,
        (None, None) => same("", &wanted.join(" "), &shown)?,
        (None, Some(count)) => {
            if got.len() != count || !got.iter().all(|address| wanted.contains(address)) {
                let wanted = wanted.join(" ");
                return Err(format!("expected {count} of {wanted}, got {shown}"));
            }
        }
    }
    if let Some(ttl_s) = expected.ttl_s {
        let got = reply.ttl_s().or(reply.negative_ttl_s());
        same("ttl ", &ttl_s, &got.unwrap_or_default())?;
    }
    if let Some(scope) = expected.scope {
        let got = reply
            .scope()
            .map_or("none".into(), |scope| scope.to_string());
        same("scope ", &scope.to_string(), &got)?;
    }
    let words = |error: &Option<String>| match error {
        Some(text) => format!("{text:?}"),
        None => "none".to_owned(),
    };
    same(
        "error ",
        &words(&expected.error),
        &words(&reply.error_text()),
    )
}

fn same<T: PartialEq + std::fmt::Display>(what: &str, expected: &T, got: &T) -> Result<(), String> {
    match expected == got {
        true => Ok(()),
        false => Err(format!("expected {what}{expected}, got {got}")),
    }
}
