//! What is believed of one target, and what that rests on.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::failure::Failure;
use super::flaps::FlapMemory;
use super::machine::{Machine, Pace, Rules, Seen, State};
use super::passive::Requests;
use super::probe::Observation;
use super::slowness::Slowness;
use super::target::TargetSpec;
use crate::model::{RegionId, Verdict};

/// What is believed of one target, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetHealth {
    pub verdict: Verdict,
    /// The state behind the verdict, in one word: `failing`, `damped`.
    pub state: &'static str,
    /// Observations still needed to flip the verdict, at least 1.
    pub needed: u32,
    /// Since when the verdict stands, in milliseconds since the Unix epoch.
    pub since_unix_ms: u64,
    /// The last observation in words: "succeeded in 3 ms", "connection refused".
    pub last: Option<String>,
    /// Whether that counts: it does not where no attempt could be made, or this machine was late.
    pub last_counts: bool,
    /// Observations like the last one that counted, in a row.
    pub consecutive: u32,
    /// Others say so: nobody asks.
    pub is_told: bool,
    /// The panic guard holds the verdict up against the observations.
    pub held: bool,
    /// Until when it has to answer without a failure before it is up, because it fell too often, in milliseconds
    /// since the Unix epoch: while it answers.
    pub damped_until_unix_ms: Option<u64>,
    /// How long it has to answer without a failure before it is up, as things stand, in milliseconds; 0 where its falls
    /// demand nothing.
    pub hold_ms: u64,
    /// How often it fell of late, where that counts.
    pub falls: usize,
    /// Up, and so slow that it takes a part only of the queries that would come to it.
    pub degraded: bool,
    /// Where the monitor says what is slow: what takes longer than this, in milliseconds.
    pub slow_above_ms: Option<u64>,
    /// What successes take, smoothed, in milliseconds; there, too.
    pub smoothed_ms: Option<u64>,
}

/// A verdict from before a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub verdict: Verdict,
    pub since_unix_ms: u64,
    /// As of when it is taken up again.
    pub flaps: FlapMemory,
    pub degraded: bool,
    /// How long before that it was said, where others say it.
    pub said_ago: Option<Duration>,
}

impl Remembered {
    /// A verdict, and no falls before it.
    pub fn new(verdict: Verdict, since_unix_ms: u64) -> Self {
        Remembered {
            verdict,
            since_unix_ms,
            flaps: FlapMemory::default(),
            degraded: false,
            said_ago: None,
        }
    }
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
    machine: Machine,
    slowness: Option<Slowness>,
    requests: Option<Requests>,
    /// How long what was said of it holds, where others say it.
    max_age: Option<Duration>,
    /// Until when that holds.
    pub stale_at: Option<Instant>,
    stable_after: Duration,
    since_unix_ms: u64,
    /// Since when it was up before it last fell, for a fall that is taken back.
    was_up_since_unix_ms: u64,
    /// Of those that count.
    last: Option<Result<Duration, Failure>>,
    /// The last failure of all, where it does not count.
    uncounted: Option<Failure>,
    consecutive: u32,
    /// Whether an attempt was made, or a verdict remembered.
    pub known: bool,
}

impl Belief {
    pub fn new(spec: &TargetSpec, remembered: Option<&Remembered>, now: Moment) -> Self {
        let monitor = &spec.monitor;
        let mut machine = Machine::new(Rules {
            rise: monitor.rise,
            fall: monitor.fall,
            refused_at_once: monitor.options.refused_counts_at_once,
            flap: monitor.options.flap,
        });
        let degraded = monitor.options.degraded;
        let mut slowness = degraded.map(|degraded| Slowness::new(degraded.above));
        let mut since_unix_ms = now.unix_ms;
        let said_ago = remembered
            .and_then(|known| known.said_ago)
            .unwrap_or_default();
        let left = spec
            .max_age()
            .map(|max_age| max_age.saturating_sub(said_ago));
        // What is too old is not known any more.
        let remembered = remembered.filter(|_| left.is_none_or(|left| !left.is_zero()));
        if let Some(known) = remembered {
            since_unix_ms = known.since_unix_ms;
            let ago = Duration::from_millis(now.unix_ms.saturating_sub(since_unix_ms));
            machine.resume(known.verdict, ago, &known.flaps, now.monotonic);
            if let Some(slowness) = &mut slowness {
                slowness.resume(known.degraded);
            }
        }
        Belief {
            region: spec.region,
            fall_window: spec.fall_window(),
            // What others say is waited for by nobody.
            known: machine.verdict() != Verdict::Unknown || spec.max_age().is_some(),
            stale_at: match machine.verdict() {
                Verdict::Unknown => None,
                _ => left.map(|left| now.monotonic + left),
            },
            machine,
            slowness,
            requests: monitor.options.passive.map(Requests::new),
            max_age: spec.max_age(),
            stable_after: monitor.options.stable_after,
            since_unix_ms,
            was_up_since_unix_ms: since_unix_ms,
            last: None,
            uncounted: None,
            consecutive: 0,
        }
    }

    pub fn verdict(&self) -> Verdict {
        self.machine.verdict()
    }

    pub fn state(&self) -> State {
        self.machine.state()
    }

    pub fn needed(&self) -> u32 {
        self.machine.needed()
    }

    /// The panic guard keeps it up although it fell.
    pub fn is_held(&self) -> bool {
        self.state() == State::Held
    }

    /// Whether it is up, and slow.
    pub fn is_degraded(&self) -> bool {
        let is_slow = self.slowness.as_ref().is_some_and(Slowness::is_slow);
        is_slow && self.verdict() == Verdict::Up
    }

    /// How soon to ask again.
    pub fn pace(&self, now: Instant) -> Pace {
        self.machine.pace(self.stable_after, now)
    }

    /// Whether this failure makes it fall.
    pub fn would_fall(&self, failure: &Failure) -> bool {
        self.machine.falls_by(seen(failure))
    }

    /// Whether the last attempt could not be made at all, or did not count.
    pub fn failed_locally(&self) -> bool {
        self.uncounted.is_some()
    }

    /// Takes an observation; one that could not be made, or does not count, is only noted.
    pub fn observe(&mut self, observation: Observation, now: Moment) {
        self.known = true;
        self.stale_at = self.max_age.map(|max_age| now.monotonic + max_age);
        self.uncounted = None;
        match &observation.outcome {
            Ok(()) => self.machine.observe(Seen::Success, now.monotonic),
            Err(failure) if failure.is_local() => {
                self.uncounted = Some(failure.clone());
                return;
            }
            Err(failure) => self.machine.observe(seen(failure), now.monotonic),
        }
        if let Some(slowness) = &mut self.slowness {
            match self.machine.verdict() {
                Verdict::Down => slowness.forget(),
                _ if observation.outcome.is_ok() => slowness.observe(observation.took),
                _ => {}
            }
        }
        let last = observation.outcome.map(|()| observation.took);
        let alike = matches!(&self.last, Some(before) if before.is_ok() == last.is_ok());
        self.consecutive = match alike {
            true => self.consecutive.saturating_add(1),
            false => 1,
        };
        self.last = Some(last);
    }

    /// Takes what somebody says who really uses it.
    pub fn observe_request(&mut self, outcome: Result<(), Failure>, now: Moment) {
        let Some(requests) = &mut self.requests else {
            return;
        };
        let rules = *requests.rules();
        let before = self.machine.verdict();
        match requests.observe(outcome.is_ok()) {
            Some(Verdict::Down) => self.machine.fall(now.monotonic),
            Some(Verdict::Up) => self.machine.rise(now.monotonic),
            _ => {}
        }
        if self.machine.verdict() != before {
            let (count, last) = match outcome {
                Ok(()) => (rules.rise, Ok(Duration::ZERO)),
                Err(why) => {
                    let (count, last) = (rules.fall, Box::new(why));
                    (count, Err(Failure::Requests { count, last }))
                }
            };
            (self.consecutive, self.last) = (count, Some(last));
        }
    }

    /// What was said of it is too old.
    pub fn forget(&mut self) {
        self.machine.forget();
        self.stale_at = None;
    }

    /// That it fell is in doubt.
    pub fn hold_up(&mut self, now: Moment) {
        self.machine.hold_up(now.monotonic);
    }

    /// It is not any more.
    pub fn let_fall(&mut self, now: Moment) {
        self.machine.let_fall(now.monotonic);
    }

    /// The verdict has just changed; a fall taken back counts as none.
    pub fn date_verdict(&mut self, now: Moment) {
        if self.is_held() {
            self.since_unix_ms = self.was_up_since_unix_ms;
            return;
        }
        if self.verdict() == Verdict::Down {
            self.was_up_since_unix_ms = self.since_unix_ms;
        }
        self.since_unix_ms = now.unix_ms;
    }

    /// Why the verdict is no longer that of the state `before`: "2 of 2 failed: connection refused".
    pub fn why(&self, before: State) -> String {
        let rules = self.machine.rules();
        match (&self.last, self.max_age) {
            (_, Some(max_age)) if self.verdict() == Verdict::Unknown => {
                return format!("nothing was said of it for {} s", max_age.as_secs());
            }
            (Some(Ok(_)), Some(_)) => return "told so".to_owned(),
            (Some(Err(why)), Some(_)) => return why.to_string(),
            (Some(Err(why @ Failure::Pushed(_))), None) => return why.to_string(),
            _ => {}
        }
        match &self.last {
            _ if self.is_held() => "held by the panic guard".to_owned(),
            Some(Ok(_)) if before == State::Unknown => "first probe succeeded".to_owned(),
            Some(Ok(_)) if matches!(before, State::Damped { .. }) => {
                let hold = self.machine.hold().as_secs_f64();
                format!("all succeeded for {hold} s, which its falls had demanded")
            }
            Some(Ok(_)) => format!("{0} of {0} succeeded", rules.rise),
            Some(Err(why)) if before == State::Unknown => format!("first probe failed: {why}"),
            Some(Err(why)) => {
                let (count, fall) = (self.consecutive.min(rules.fall), rules.fall);
                let damped = match self.machine.hold() {
                    Duration::ZERO => String::new(),
                    hold => format!(
                        "; it fell so often that it has to answer for {} s before it is up",
                        hold.as_secs_f64()
                    ),
                };
                match count < fall && rules.refused_at_once && why.is_refusal() {
                    true => format!("at once: {why}{damped}"),
                    // It says how many by itself.
                    false if matches!(why, Failure::Requests { .. }) => format!("{why}{damped}"),
                    false => format!("{fall} of {fall} failed: {why}{damped}"),
                }
            }
            None => "not observed".to_owned(),
        }
    }

    /// What came last, in words.
    fn last_words(&self) -> Option<String> {
        if let Some(failure) = &self.uncounted {
            return Some(failure.to_string());
        }
        self.last.as_ref().map(|last| match last {
            Ok(_) if self.max_age.is_some() => "told to be up".to_owned(),
            Ok(took) => format!("succeeded in {} ms", took.as_millis()),
            Err(failure) => failure.to_string(),
        })
    }

    /// As of `now`.
    pub fn health(&self, now: Moment) -> TargetHealth {
        let left =
            |until: Instant| until.saturating_duration_since(now.monotonic).as_millis() as u64;
        TargetHealth {
            verdict: self.verdict(),
            state: self.state().name(),
            needed: self.needed(),
            since_unix_ms: self.since_unix_ms,
            last: self.last_words(),
            last_counts: !self.failed_locally(),
            consecutive: self.consecutive,
            is_told: self.max_age.is_some(),
            held: self.is_held(),
            damped_until_unix_ms: match self.state() {
                State::Damped { until, .. } => Some(now.unix_ms + left(until)),
                _ => None,
            },
            hold_ms: self.machine.hold().as_millis() as u64,
            falls: self.machine.falls(now.monotonic),
            degraded: self.is_degraded(),
            slow_above_ms: (self.slowness.as_ref())
                .map(|slowness| slowness.above().as_millis() as u64),
            smoothed_ms: (self.slowness.as_ref().and_then(Slowness::smoothed))
                .map(|smoothed| smoothed.as_millis() as u64),
        }
    }

    /// Why it is slow, or is not any more.
    pub fn why_slow(&self) -> String {
        let slowness = self.slowness.as_ref();
        let smoothed = slowness.and_then(Slowness::smoothed).unwrap_or_default();
        let above = slowness.map(Slowness::above).unwrap_or_default();
        format!(
            "successes take {} ms, smoothed (slow: above {} ms)",
            smoothed.as_millis(),
            above.as_millis()
        )
    }

    /// What to know of it after a restart.
    pub fn memory(&self, now: Moment) -> Remembered {
        Remembered {
            verdict: self.verdict(),
            since_unix_ms: self.since_unix_ms,
            flaps: self.machine.flap_memory(now.monotonic).unwrap_or_default(),
            degraded: self.is_degraded(),
            said_ago: self.max_age.zip(self.stale_at).map(|(max_age, stale_at)| {
                max_age.saturating_sub(stale_at.saturating_duration_since(now.monotonic))
            }),
        }
    }
}

fn seen(failure: &Failure) -> Seen {
    match failure.is_refusal() {
        true => Seen::Refusal,
        false => Seen::Failure,
    }
}
