//! What is believed of every target right now: thresholds and the panic guard together.
//!
//! Pure: observations and time are arguments; what changed is collected until it is taken.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::belief::{Belief, Moment, Remembered, TargetHealth};
use super::failure::Failure;
use super::machine::{Pace, State};
use super::panic::{Census, Guard, Ruling};
use super::probe::Observation;
use super::target::TargetSpec;
use crate::model::{RegionId, TargetKey, Verdict};

/// The longest fall window; a target that takes longer does not slow the panic guard down.
const WINDOW_MAX: Duration = Duration::from_secs(60);

/// Flips that wait to be taken at most; past it, the oldest are forgotten.
const FLIPS_MAX: usize = 100_000;

/// Something about a target changed that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flip {
    pub key: TargetKey,
    /// In milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    pub turn: Turn,
    /// In words: "2 of 2 failed: connection refused".
    pub why: String,
}

/// What it changed from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Verdict(Verdict, Verdict),
    /// It is up, and slow from now on.
    Slower,
    /// It is up, and no longer slow.
    Quicker,
    /// From here, it cannot be asked any more.
    Unaskable,
}

/// The beliefs about all targets. Whoever owns it tells it what is observed and when, and does what
/// the panic guard wants done.
#[derive(Debug)]
pub struct Judge {
    guard: Guard,
    controls: Controls,
    targets: HashMap<TargetKey, Belief>,
    /// Of all targets, in order.
    keys: Arc<[TargetKey]>,
    /// Of all targets; `up` is kept at every change of a verdict.
    census: Census,
    /// Targets without an attempt and without a remembered verdict.
    unknown: usize,
    /// Targets that the panic guard holds.
    held: usize,
    /// How often a verdict changed, or the targets.
    turns: u64,
    changed: BTreeMap<TargetKey, TargetHealth>,
    /// In order of time.
    flips: VecDeque<Flip>,
    /// When what others said of targets becomes too old.
    stale: BTreeSet<(Instant, TargetKey)>,
}

/// Where the question to the control targets stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Controls {
    /// There are none.
    Absent,
    Idle,
    Wanted,
    Asked,
}

impl Judge {
    /// `has_controls`: whether control targets can be asked when in doubt.
    pub fn new(guard: Guard, has_controls: bool) -> Self {
        Judge {
            guard,
            controls: match has_controls {
                true => Controls::Idle,
                false => Controls::Absent,
            },
            targets: HashMap::new(),
            keys: Arc::default(),
            census: Census {
                targets: 0,
                regions: 0,
                up: 0,
                window: Duration::ZERO,
            },
            unknown: 0,
            held: 0,
            turns: 0,
            changed: BTreeMap::new(),
            flips: VecDeque::new(),
            stale: BTreeSet::new(),
        }
    }

    /// From now on these are the targets. Those that were there before (by key) go on as they are;
    /// new ones begin with what is remembered of them. What is still observed of others is ignored.
    pub fn set_targets(
        &mut self,
        specs: &[TargetSpec],
        remembered: &HashMap<TargetKey, Remembered>,
        now: Moment,
    ) {
        let mut before = std::mem::take(&mut self.targets);
        for spec in specs {
            let mut target = before.remove(&spec.key).unwrap_or_else(|| {
                let target = Belief::new(spec, remembered.get(&spec.key), now);
                if target.known {
                    self.changed.insert(spec.key.clone(), target.health(now));
                }
                target
            });
            // Regions are numbered anew by every configuration.
            target.region = spec.region;
            self.targets.insert(spec.key.clone(), target);
        }
        for removed in before.keys() {
            self.guard.forget(removed);
            self.changed.remove(removed);
        }
        let mut keys: Vec<_> = self.targets.keys().cloned().collect();
        keys.sort_unstable();
        let stale = |(key, target): (&TargetKey, &Belief)| Some((target.stale_at?, key.clone()));
        self.stale = self.targets.iter().filter_map(stale).collect();
        self.keys = keys.into();
        self.turns += 1;
        self.count();
    }

    fn count(&mut self) {
        let targets = || self.targets.values();
        let regions: HashSet<RegionId> = targets().map(|target| target.region).collect();
        let slowest = targets().map(|target| target.fall_window).max();
        self.census = Census {
            targets: self.targets.len(),
            regions: regions.len(),
            up: targets().filter(|t| t.verdict() == Verdict::Up).count(),
            window: slowest.unwrap_or_default().min(WINDOW_MAX),
        };
        self.unknown = targets().filter(|target| !target.known).count();
        self.held = targets().filter(|target| target.is_held()).count();
    }

    /// Takes one observation.
    pub fn observe(&mut self, key: &TargetKey, observation: Observation, now: Moment) {
        let Some(target) = self.targets.get_mut(key) else {
            return;
        };
        self.unknown -= usize::from(!target.known);
        let was_held = target.is_held();
        let was_stale_at = target.stale_at;
        match &observation.outcome {
            Err(failure) if failure.is_local() => {
                // Of lateness all targets are told at once.
                let is_new = !target.failed_locally() && !failure.is_uncounted();
                let why = is_new.then(|| failure.to_string());
                target.observe(observation, now);
                if let Some(why) = why {
                    self.tell(key, Turn::Unaskable, why, now);
                }
            }
            Err(failure) => {
                let failure = failure.clone();
                self.observe_failure(key, observation, &failure, now);
            }
            Ok(()) => {
                self.guard.forget(key);
                self.update(key, now, |target| target.observe(observation, now));
            }
        }
        self.set_stale(key, was_stale_at);
        if was_held && self.held == 0 {
            tracing::warn!("panic guard: no doubt is left");
            self.guard.stand_down();
        }
    }

    /// Takes what somebody says who really uses a target, where that counts.
    pub fn observe_request(&mut self, key: &TargetKey, outcome: Result<(), Failure>, now: Moment) {
        self.update(key, now, |target| target.observe_request(outcome, now));
    }

    /// What is said of it holds until another time than it did.
    fn set_stale(&mut self, key: &TargetKey, before: Option<Instant>) {
        let Some(target) = self.targets.get(key) else {
            return;
        };
        if let Some(before) = before {
            self.stale.remove(&(before, key.clone()));
        }
        if let Some(at) = target.stale_at {
            self.stale.insert((at, key.clone()));
        }
    }

    /// Forgets what was said of targets and is too old.
    fn expire(&mut self, now: Moment) {
        while let Some((at, _)) = self.stale.first()
            && *at <= now.monotonic
            && let Some((_, key)) = self.stale.pop_first()
        {
            self.guard.forget(&key);
            self.update(&key, now, Belief::forget);
        }
    }

    fn observe_failure(
        &mut self,
        key: &TargetKey,
        observation: Observation,
        failure: &Failure,
        now: Moment,
    ) {
        let doubtful = failure.is_doubtful();
        let ruling = match self.targets.get(key) {
            Some(target) if target.would_fall(failure) => {
                let census = Census {
                    up: self.census.up - 1,
                    ..self.census
                };
                let region = target.region;
                self.guard
                    .fell(key, region, doubtful, census, now.monotonic)
            }
            _ => Ruling::Falls,
        };
        if !doubtful {
            self.guard.confirm(key);
        }
        self.update(key, now, |target| {
            target.observe(observation, now);
            if ruling != Ruling::Falls {
                target.hold_up(now);
            } else if !doubtful {
                target.let_fall(now);
            }
        });
        if let Ruling::Alarm(fallen) = ruling {
            self.raise_alarm(&fallen, now);
        }
    }

    fn raise_alarm(&mut self, fallen: &[TargetKey], now: Moment) {
        tracing::warn!(
            targets = fallen.len(),
            "panic guard: most targets became unreachable at once; their verdicts are held"
        );
        for key in fallen {
            self.update(key, now, |target| target.hold_up(now));
        }
        if self.controls == Controls::Idle {
            self.controls = Controls::Wanted;
        }
    }

    /// When [`Judge::tick`] is due next.
    pub fn next_tick(&self) -> Option<Instant> {
        let stale = self.stale.first().map(|(at, _)| *at);
        self.next_ruling().into_iter().chain(stale).min()
    }

    /// When a hold is over, unless control targets are being asked.
    fn next_ruling(&self) -> Option<Instant> {
        match self.controls {
            Controls::Absent | Controls::Idle => self.guard.holds_until(),
            Controls::Wanted | Controls::Asked => None,
        }
    }

    /// Forgets what is too old, and ends a hold that is over, or wants the control targets asked about it first.
    pub fn tick(&mut self, now: Moment) {
        self.expire(now);
        if self.next_ruling().is_none_or(|due| now.monotonic < due) {
            return;
        }
        if self.controls == Controls::Idle {
            self.controls = Controls::Wanted;
            return;
        }
        tracing::warn!("panic guard: the hold is over; what does not answer is down");
        self.release(now);
    }

    /// True once per doubt: the control targets should be asked, and [`Judge::settle`] be told.
    pub fn take_wants_controls(&mut self) -> bool {
        let wanted = self.controls == Controls::Wanted;
        if wanted {
            self.controls = Controls::Asked;
        }
        wanted
    }

    /// Takes the control targets' answer: whether any of them was reachable.
    pub fn settle(&mut self, reachable: bool, now: Moment) {
        if self.controls == Controls::Asked {
            self.controls = Controls::Idle;
        }
        match (self.guard.holds_until(), reachable) {
            (None, _) => {}
            (Some(_), true) => {
                tracing::warn!("panic guard: a control target answers; the targets are down");
                self.release(now);
            }
            (Some(_), false) => {
                tracing::warn!("panic guard: no control target answers; verdicts stay held");
                self.guard.extend(now.monotonic);
            }
        }
    }

    fn release(&mut self, now: Moment) {
        self.guard.release(self.census.window, now.monotonic);
        let held = self.targets.iter().filter(|(_, target)| target.is_held());
        let held: Vec<TargetKey> = held.map(|(key, _)| key.clone()).collect();
        for key in &held {
            self.update(key, now, |target| target.let_fall(now));
        }
    }

    /// Changes one target, and notes what that changes of its health.
    fn update(&mut self, key: &TargetKey, now: Moment, change: impl FnOnce(&mut Belief)) {
        let Some(target) = self.targets.get_mut(key) else {
            return;
        };
        let (state, needed) = (target.state(), target.needed());
        let was_degraded = target.is_degraded();
        let verdict = state.verdict();
        change(target);
        self.held -= usize::from(state == State::Held);
        self.held += usize::from(target.is_held());
        if target.verdict() != verdict {
            self.turns += 1;
            self.census.up -= usize::from(verdict == Verdict::Up);
            self.census.up += usize::from(target.verdict() == Verdict::Up);
            target.date_verdict(now);
        }
        let is_slower = target.is_degraded() != was_degraded;
        if is_slower {
            self.turns += 1;
        }
        let is_held = state == State::Held;
        let is_other =
            (target.verdict(), target.needed(), target.is_held()) != (verdict, needed, is_held);
        if is_other || is_slower {
            self.changed.insert(key.clone(), target.health(now));
        }
        let after = target.verdict();
        let turned = (after != verdict).then(|| (Turn::Verdict(verdict, after), target.why(state)));
        // What fell is not quicker.
        let slowed = match (is_slower, target.is_degraded()) {
            (true, true) => Some((Turn::Slower, target.why_slow())),
            (true, false) if after == Verdict::Up => Some((Turn::Quicker, target.why_slow())),
            _ => None,
        };
        for (turn, why) in turned.into_iter().chain(slowed) {
            self.tell(key, turn, why, now);
        }
    }

    fn tell(&mut self, key: &TargetKey, turn: Turn, why: String, now: Moment) {
        if self.flips.len() == FLIPS_MAX {
            self.flips.pop_front();
        }
        self.flips.push_back(Flip {
            key: key.clone(),
            at_unix_ms: now.unix_ms,
            turn,
            why,
        });
    }

    /// What changed since the last call, by key.
    pub fn take_changed(&mut self) -> BTreeMap<TargetKey, TargetHealth> {
        std::mem::take(&mut self.changed)
    }

    /// All that is to be told since the last call, in order.
    pub fn take_flips(&mut self) -> VecDeque<Flip> {
        std::mem::take(&mut self.flips)
    }

    /// Until when the panic guard holds verdicts, while it does.
    pub fn holds_until(&self) -> Option<Instant> {
        self.guard.holds_until()
    }

    /// How many targets there are.
    pub fn targets(&self) -> usize {
        self.targets.len()
    }

    /// Targets of which nothing is known yet.
    pub fn unknown(&self) -> usize {
        self.unknown
    }

    /// How often a verdict changed, or the targets: as long as it is the same, so are the verdicts.
    pub fn turns(&self) -> u64 {
        self.turns
    }

    /// Of every target, in order.
    pub fn keys(&self) -> Arc<[TargetKey]> {
        Arc::clone(&self.keys)
    }

    /// The health of every target, in order of key.
    pub fn snapshot(&self, now: Moment) -> Vec<(TargetKey, TargetHealth)> {
        let keys = self.keys.iter();
        let known = keys.filter_map(|key| Some((key.clone(), self.health(key, now)?)));
        known.collect()
    }

    /// What is believed of one target, as of `now`.
    pub fn health(&self, key: &TargetKey, now: Moment) -> Option<TargetHealth> {
        self.targets.get(key).map(|target| target.health(now))
    }

    /// What to know of one target after a restart.
    pub fn memory(&self, key: &TargetKey, now: Moment) -> Option<Remembered> {
        self.targets.get(key).map(|target| target.memory(now))
    }

    /// How soon to ask it again.
    pub fn pace(&self, key: &TargetKey, now: Moment) -> Pace {
        let target = self.targets.get(key);
        target.map_or(Pace::Usual, |target| target.pace(now.monotonic))
    }
}

#[cfg(test)]
mod tests;
