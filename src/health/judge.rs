//! What is believed of every target right now: thresholds and the panic guard together.
//!
//! Pure: observations and time are arguments; what changed is collected until it is taken.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::belief::{Belief, Moment, Remembered, TargetHealth};
use super::panic::{Census, Guard, Ruling};
use super::probe::Observation;
use super::target::TargetSpec;
use crate::model::{RegionId, TargetKey, Verdict};

/// The longest fall window; a target that takes longer does not slow the panic guard down.
const WINDOW_MAX: Duration = Duration::from_secs(60);

/// Flips that wait to be taken at most; past it, the oldest are forgotten.
const FLIPS_MAX: usize = 100_000;

/// A verdict changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flip {
    pub key: TargetKey,
    /// In milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    pub from: Verdict,
    pub to: Verdict,
    /// In words: "2 of 2 failed: connection refused".
    pub why: String,
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
                    self.changed.insert(spec.key.clone(), target.health());
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
        self.held = targets().filter(|target| target.held).count();
    }

    /// Takes one observation.
    pub fn observe(&mut self, key: &TargetKey, observation: Observation, now: Moment) {
        let Some(target) = self.targets.get_mut(key) else {
            return;
        };
        self.unknown -= usize::from(!target.known);
        let was_held = target.held;
        match &observation.outcome {
            Err(failure) if failure.is_local() => {
                if !target.failed_locally() {
                    tracing::warn!(key = %key, "{failure}");
                }
                target.remember(observation);
            }
            Err(failure) => {
                let doubtful = failure.is_doubtful();
                self.observe_failure(key, observation, doubtful, now);
            }
            Ok(()) => {
                self.guard.forget(key);
                self.update(key, now, |target| {
                    target.remember(observation);
                    target.succeed();
                });
            }
        }
        if was_held && self.held == 0 {
            tracing::warn!("panic guard: no doubt is left");
            self.guard.stand_down();
        }
    }

    fn observe_failure(
        &mut self,
        key: &TargetKey,
        observation: Observation,
        doubtful: bool,
        now: Moment,
    ) {
        let ruling = match self.targets.get(key) {
            Some(target) if target.is_about_to_fall() => {
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
            target.remember(observation);
            target.threshold.observe(false);
            target.held = ruling != Ruling::Falls || (target.held && doubtful);
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
            self.update(key, now, |target| {
                target.held = target.threshold.verdict() == Verdict::Down;
            });
        }
        if self.controls == Controls::Idle {
            self.controls = Controls::Wanted;
        }
    }

    /// When [`Judge::tick`] is due next.
    pub fn next_tick(&self) -> Option<Instant> {
        match self.controls {
            Controls::Absent | Controls::Idle => self.guard.holds_until(),
            Controls::Wanted | Controls::Asked => None,
        }
    }

    /// Ends a hold that is over, or wants the control targets asked about it first.
    pub fn tick(&mut self, now: Moment) {
        if self.next_tick().is_none_or(|due| now.monotonic < due) {
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
        let held = self.targets.iter().filter(|(_, target)| target.held);
        let held: Vec<TargetKey> = held.map(|(key, _)| key.clone()).collect();
        for key in &held {
            self.update(key, now, |target| target.held = false);
        }
    }

    /// Changes one target, and notes what that changes of its health.
    fn update(&mut self, key: &TargetKey, now: Moment, change: impl FnOnce(&mut Belief)) {
        let Some(target) = self.targets.get_mut(key) else {
            return;
        };
        let (verdict, needed, held) = (target.verdict(), target.needed(), target.held);
        change(target);
        self.held -= usize::from(held);
        self.held += usize::from(target.held);
        if target.verdict() != verdict {
            self.turns += 1;
            self.census.up -= usize::from(verdict == Verdict::Up);
            self.census.up += usize::from(target.verdict() == Verdict::Up);
            target.date_verdict(now);
            if self.flips.len() == FLIPS_MAX {
                self.flips.pop_front();
            }
            self.flips.push_back(Flip {
                key: key.clone(),
                at_unix_ms: now.unix_ms,
                from: verdict,
                to: target.verdict(),
                why: target.why(verdict),
            });
        }
        if (target.verdict(), target.needed(), target.held) != (verdict, needed, held) {
            self.changed.insert(key.clone(), target.health());
        }
    }

    /// What changed since the last call, by key.
    pub fn take_changed(&mut self) -> BTreeMap<TargetKey, TargetHealth> {
        std::mem::take(&mut self.changed)
    }

    /// Every change of a verdict since the last call, in order.
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
    pub fn snapshot(&self) -> Vec<(TargetKey, TargetHealth)> {
        let keys = self.keys.iter();
        let known = keys.filter_map(|key| Some((key.clone(), self.health(key)?)));
        known.collect()
    }

    /// What is believed of one target.
    pub fn health(&self, key: &TargetKey) -> Option<TargetHealth> {
        self.targets.get(key).map(Belief::health)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::health::failure::{Failure, Step};
    use crate::health::target::tests::tcp_target;

    const HOLD: Duration = Duration::from_secs(30);

    /// A judge of ten targets (rise 2, fall 2) in two regions, and its clock.
    struct Court {
        judge: Judge,
        specs: Vec<TargetSpec>,
        start: Instant,
        now_ms: u64,
    }

    fn timeout() -> Result<(), Failure> {
        Err(Failure::TimedOut {
            after: Duration::from_millis(400),
            step: Step::Connection,
        })
    }

    fn observation(outcome: Result<(), Failure>) -> Observation {
        Observation {
            outcome,
            took: Duration::from_millis(3),
        }
    }

    impl Court {
        fn new(has_controls: bool) -> Self {
            let specs: Vec<_> = (0..10).map(|n| tcp_target(n, u16::from(n % 2))).collect();
            let mut court = Court {
                judge: Judge::new(Guard::new(0.8, HOLD), has_controls),
                specs,
                start: crate::clock::now(),
                now_ms: 0,
            };
            court.set(10, &HashMap::new());
            court
        }

        fn now(&self) -> Moment {
            Moment {
                monotonic: self.start + Duration::from_millis(self.now_ms),
                unix_ms: self.now_ms,
            }
        }

        /// The first `count` targets are the targets.
        fn set(&mut self, count: usize, remembered: &HashMap<TargetKey, Remembered>) {
            let now = self.now();
            self.judge
                .set_targets(&self.specs[..count], remembered, now);
        }

        fn observe(&mut self, n: usize, outcome: Result<(), Failure>) {
            let now = self.now();
            let key = &self.specs[n].key;
            self.judge.observe(key, observation(outcome), now);
        }

        fn observe_all(&mut self, outcome: impl Fn() -> Result<(), Failure>) {
            (0..10).for_each(|n| self.observe(n, outcome()));
        }

        /// Ten targets that were up time out twice.
        fn in_doubt(has_controls: bool) -> Self {
            let mut court = Court::new(has_controls);
            court.observe_all(|| Ok(()));
            court.judge.take_changed();
            court.now_ms = 1_000;
            court.observe_all(timeout);
            court.now_ms = 2_000;
            court.observe_all(timeout);
            court
        }

        fn tick(&mut self, now_ms: u64) {
            self.now_ms = now_ms;
            let now = self.now();
            self.judge.tick(now);
        }

        fn health(&self, n: usize) -> TargetHealth {
            let snapshot = self.judge.snapshot();
            let mut found = snapshot
                .into_iter()
                .filter(|(k, _)| *k == self.specs[n].key);
            found.next().expect("a target").1
        }

        fn verdicts(&self) -> Vec<Verdict> {
            let snapshot = self.judge.snapshot();
            snapshot
                .into_iter()
                .map(|(_, health)| health.verdict)
                .collect()
        }
    }

    #[test]
    fn a_change_is_a_verdict_or_what_is_needed_to_flip_it() {
        let mut court = Court::new(false);
        assert_eq!(court.health(0).verdict, Verdict::Unknown);
        court.observe(0, Ok(()));
        assert_eq!(court.judge.take_changed().len(), 1);
        court.observe(0, Ok(()));
        assert!(court.judge.take_changed().is_empty());
        court.observe(0, Err(Failure::Refused));
        let changed = court.judge.take_changed();
        let health = &changed[&court.specs[0].key];
        assert_eq!((health.verdict, health.needed), (Verdict::Up, 1));
        assert_eq!(health.last.as_deref(), Some("connection refused"));
    }

    #[test]
    fn a_single_fall_is_not_delayed() {
        let mut court = Court::new(true);
        court.observe_all(|| Ok(()));
        court.observe(3, timeout());
        court.observe(3, timeout());
        assert_eq!(court.health(3).verdict, Verdict::Down);
        assert_eq!(court.judge.holds_until(), None);
    }

    #[test]
    fn when_all_time_out_at_once_all_are_held_up() {
        let mut court = Court::in_doubt(false);
        assert_eq!(court.verdicts(), [Verdict::Up; 10]);
        let changed = court.judge.take_changed();
        assert!(
            changed
                .values()
                .all(|health| health.held && health.needed == 1)
        );
        assert!(changed.values().all(|health| health.since_unix_ms == 0));
        assert!(court.judge.holds_until().is_some());
    }

    #[test]
    fn when_all_refuse_at_once_all_are_down() {
        let mut court = Court::new(false);
        court.observe_all(|| Ok(()));
        court.observe_all(|| Err(Failure::Refused));
        court.observe_all(|| Err(Failure::Refused));
        assert_eq!(court.verdicts(), [Verdict::Down; 10]);
    }

    #[test]
    fn without_control_targets_a_hold_ends_and_what_does_not_answer_is_down() {
        let mut court = Court::in_doubt(false);
        assert!(!court.judge.take_wants_controls());
        court.observe(0, Ok(()));
        court.tick(31_000);
        assert!(court.judge.holds_until().is_some());
        court.tick(32_000);
        assert_eq!(court.judge.holds_until(), None);
        let mut expected = [Verdict::Down; 10];
        expected[0] = Verdict::Up;
        assert_eq!(court.verdicts(), expected);
    }

    #[test]
    fn a_control_target_that_answers_lets_the_held_fall_at_once() {
        let mut court = Court::in_doubt(true);
        assert!(court.judge.take_wants_controls());
        assert!(!court.judge.take_wants_controls());
        let now = court.now();
        court.judge.settle(true, now);
        assert_eq!(court.verdicts(), [Verdict::Down; 10]);
        assert_eq!(court.judge.holds_until(), None);
    }

    #[test]
    fn while_no_control_target_answers_the_hold_goes_on() {
        let mut court = Court::in_doubt(true);
        for round in 0..5 {
            assert!(court.judge.take_wants_controls());
            assert_eq!(court.judge.next_tick(), None);
            let now = court.now();
            court.judge.settle(false, now);
            assert_eq!(court.verdicts(), [Verdict::Up; 10]);
            court.tick(2_000 + 30_000 * (round + 1));
        }
    }

    #[test]
    fn a_held_target_that_proves_to_be_down_falls() {
        let mut court = Court::in_doubt(false);
        court.observe(4, Err(Failure::Status(503)));
        assert_eq!(court.health(4).verdict, Verdict::Down);
        assert!(!court.health(4).held);
    }

    #[test]
    fn a_held_target_that_answers_is_up_as_before() {
        let mut court = Court::in_doubt(false);
        court.observe(4, Ok(()));
        let health = court.health(4);
        assert_eq!((health.verdict, health.held), (Verdict::Up, false));
        assert_eq!((health.needed, health.since_unix_ms), (2, 0));
    }

    #[test]
    fn once_every_held_target_answers_the_guard_watches_again() {
        let mut court = Court::in_doubt(true);
        court.observe_all(|| Ok(()));
        assert_eq!(court.judge.holds_until(), None);
        court.observe_all(timeout);
        court.observe_all(timeout);
        assert_eq!(court.verdicts(), [Verdict::Up; 10]);
        assert!(court.judge.holds_until().is_some());
    }

    #[test]
    fn a_probe_that_could_not_be_made_changes_no_verdict() {
        let mut court = Court::new(false);
        court.observe(0, Ok(()));
        for _ in 0..10 {
            court.observe(0, Err(Failure::Local("no descriptors".into())));
        }
        assert_eq!(court.health(0).verdict, Verdict::Up);
        assert_eq!(court.judge.unknown(), 9);
    }

    #[test]
    fn a_remembered_verdict_is_used_at_once_and_only_for_new_targets() {
        let mut court = Court::new(false);
        court.set(9, &HashMap::new());
        court.judge.take_changed();
        let down = Remembered {
            verdict: Verdict::Down,
            since_unix_ms: 5,
        };
        let all = court.specs.iter().map(|spec| (spec.key.clone(), down));
        court.set(10, &all.collect());
        assert_eq!(court.health(0).verdict, Verdict::Unknown);
        assert_eq!(court.health(9).verdict, Verdict::Down);
        assert_eq!(court.health(9).since_unix_ms, 5);
        assert_eq!(court.judge.take_changed().len(), 1);
    }

    #[test]
    fn what_is_observed_of_a_removed_target_is_ignored() {
        let mut court = Court::new(false);
        court.set(9, &HashMap::new());
        court.observe(9, Ok(()));
        assert!(court.judge.take_changed().is_empty());
        assert_eq!(court.judge.targets(), 9);
    }

    #[test]
    fn every_flip_is_told_once_with_its_reason() {
        let mut court = Court::new(false);
        court.observe(0, Ok(()));
        court.now_ms = 1_000;
        court.observe(0, Err(Failure::Refused));
        court.observe(0, Err(Failure::Refused));
        court.observe(0, Ok(()));
        court.observe(0, Ok(()));
        let flips = court.judge.take_flips();
        let told: Vec<_> = flips
            .iter()
            .map(|flip| (flip.at_unix_ms, flip.from, flip.to, &*flip.why))
            .collect();
        let (up, down) = (Verdict::Up, Verdict::Down);
        assert_eq!(
            told,
            [
                (0, Verdict::Unknown, up, "first probe succeeded"),
                (1_000, up, down, "2 of 2 failed: connection refused"),
                (1_000, down, up, "2 of 2 succeeded"),
            ]
        );
        assert!(court.judge.take_flips().is_empty());
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Observe(usize, u8),
        Wait(u64),
        Settle(bool),
        Set(usize),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            20 => (0..10usize, 0..4u8).prop_map(|(n, kind)| Event::Observe(n, kind)),
            3 => (0..20_000u64).prop_map(Event::Wait),
            1 => any::<bool>().prop_map(Event::Settle),
            1 => (0..=10usize).prop_map(Event::Set),
        ]
    }

    proptest! {
        #[test]
        fn counts_stay_true_and_nothing_is_held_without_a_hold(
            has_controls in any::<bool>(),
            events in proptest::collection::vec(event(), 0..200),
        ) {
            let mut court = Court::new(has_controls);
            court.observe_all(|| Ok(()));
            for event in events {
                match event {
                    Event::Observe(n, 0) => court.observe(n, Ok(())),
                    Event::Observe(n, 1) => court.observe(n, Err(Failure::Refused)),
                    Event::Observe(n, _) => court.observe(n, timeout()),
                    Event::Wait(ms) => court.tick(court.now_ms + ms),
                    Event::Settle(reachable) if court.judge.take_wants_controls() => {
                        let now = court.now();
                        court.judge.settle(reachable, now);
                    }
                    Event::Settle(_) => {}
                    Event::Set(count) => court.set(count, &HashMap::new()),
                }
                let up = court.verdicts().into_iter().filter(|v| *v == Verdict::Up).count();
                prop_assert_eq!(court.judge.census.up, up);
                let held = court.judge.targets.values().any(|target| target.held);
                prop_assert!(!held || court.judge.holds_until().is_some());
                let unknown = court.judge.targets.values().filter(|t| !t.known).count();
                prop_assert_eq!(court.judge.unknown(), unknown);
            }
        }
    }
}
