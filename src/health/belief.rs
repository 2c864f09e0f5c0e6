//! What is believed of one target: its threshold, and whether the panic guard holds it.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::failure::Failure;
use super::probe::Observation;
use super::target::TargetSpec;
use super::threshold::Threshold;
use crate::model::{RegionId, Verdict};

/// What is believed of one target, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetHealth {
    pub verdict: Verdict,
    /// Observations still needed to flip the verdict, at least 1.
    pub needed: u32,
    /// Since when the verdict stands, in milliseconds since the Unix epoch.
    pub since_unix_ms: u64,
    /// The last observation in words: "succeeded in 3 ms", "connection refused".
    pub last: Option<String>,
    /// Observations like the last one in a row.
    pub consecutive: u32,
    /// The panic guard holds the verdict up against the observations.
    pub held: bool,
}

/// A verdict from before a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub verdict: Verdict,
    pub since_unix_ms: u64,
}

/// When something happens, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub monotonic: Instant,
    pub unix_ms: u64,
}

impl Moment {
    pub fn now() -> Self {
        Moment {
            monotonic: crate::clock::now(),
            unix_ms: crate::clock::unix_ms(),
        }
    }
}

/// What is believed of one target, and what that rests on.
#[derive(Debug)]
pub struct Belief {
    pub region: RegionId,
    pub fall_window: Duration,
    pub threshold: Threshold,
    /// The panic guard keeps it up although the threshold says down.
    pub held: bool,
    since_unix_ms: u64,
    /// Since when it was up before it last fell, for a fall that is taken back.
    was_up_since_unix_ms: u64,
    last: Option<Result<Duration, Failure>>,
    consecutive: u32,
    /// Whether an attempt was made, or a verdict remembered.
    pub known: bool,
}

impl Belief {
    pub fn new(spec: &TargetSpec, remembered: Option<&Remembered>, now: Moment) -> Self {
        let threshold = Threshold::new(spec.monitor.rise, spec.monitor.fall);
        let (threshold, since_unix_ms) = match remembered {
            Some(known) => (threshold.resume(known.verdict), known.since_unix_ms),
            None => (threshold, now.unix_ms),
        };
        Belief {
            region: spec.region,
            fall_window: spec.fall_window(),
            threshold,
            held: false,
            since_unix_ms,
            was_up_since_unix_ms: since_unix_ms,
            last: None,
            consecutive: 0,
            known: threshold.verdict() != Verdict::Unknown,
        }
    }

    pub fn verdict(&self) -> Verdict {
        match self.held {
            true => Verdict::Up,
            false => self.threshold.verdict(),
        }
    }

    /// A hold can end at any moment.
    pub fn needed(&self) -> u32 {
        match self.held {
            true => 1,
            false => self.threshold.needed(),
        }
    }

    /// Whether one more failure makes it fall.
    pub fn is_about_to_fall(&self) -> bool {
        self.threshold.verdict() == Verdict::Up && self.threshold.needed() == 1
    }

    /// Whether the last attempt could not be made at all.
    pub fn failed_locally(&self) -> bool {
        matches!(&self.last, Some(Err(failure)) if failure.is_local())
    }

    /// One success clears a held target: it was doubted, and the doubt was wrong.
    pub fn succeed(&mut self) {
        if self.held {
            self.held = false;
            self.threshold = self.threshold.resume(Verdict::Up);
        }
        self.threshold.observe(true);
    }

    /// Notes an observation for those who ask why; verdicts are the threshold's.
    pub fn remember(&mut self, observation: Observation) {
        let last = observation.outcome.map(|()| observation.took);
        let alike = matches!(&self.last, Some(before) if before.is_ok() == last.is_ok());
        self.consecutive = match alike {
            true => self.consecutive.saturating_add(1),
            false => 1,
        };
        self.last = Some(last);
        self.known = true;
    }

    /// The verdict has just changed; a fall taken back counts as none.
    pub fn date_verdict(&mut self, now: Moment) {
        if self.held {
            self.since_unix_ms = self.was_up_since_unix_ms;
            return;
        }
        if self.verdict() == Verdict::Down {
            self.was_up_since_unix_ms = self.since_unix_ms;
        }
        self.since_unix_ms = now.unix_ms;
    }

    /// Why the verdict is no longer `before`: "2 of 2 failed: connection refused".
    pub fn why(&self, before: Verdict) -> String {
        match &self.last {
            _ if self.held => "held by the panic guard".to_owned(),
            Some(Ok(_)) if before == Verdict::Unknown => "first probe succeeded".to_owned(),
            Some(Ok(_)) => {
                let rise = self.threshold.rise();
                format!("{rise} of {rise} succeeded")
            }
            Some(Err(why)) if before == Verdict::Unknown => format!("first probe failed: {why}"),
            Some(Err(why)) => {
                let fall = self.threshold.fall();
                format!("{fall} of {fall} failed: {why}")
            }
            None => "not observed".to_owned(),
        }
    }

    pub fn health(&self) -> TargetHealth {
        TargetHealth {
            verdict: self.verdict(),
            needed: self.needed(),
            since_unix_ms: self.since_unix_ms,
            last: self.last.as_ref().map(|last| match last {
                Ok(took) => format!("succeeded in {} ms", took.as_millis()),
                Err(failure) => failure.to_string(),
            }),
            consecutive: self.consecutive,
            held: self.held,
        }
    }
}
