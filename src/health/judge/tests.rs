use proptest::prelude::*;

use super::*;
use crate::config::{Degraded, Flap, Passive, ProbeKind, Push, VerdictOptions};
use crate::health::failure::Step;
use crate::health::target::tests::tcp_target;
use crate::model::Share;

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
        Self::of(has_controls, |_| ())
    }

    fn of(has_controls: bool, edit: impl Fn(&mut VerdictOptions)) -> Self {
        let target = |n| {
            let mut spec = tcp_target(n, u16::from(n % 2));
            edit(&mut Arc::make_mut(&mut spec.monitor).options);
            spec
        };
        let specs: Vec<_> = (0..10).map(target).collect();
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
        let snapshot = self.judge.snapshot(self.now());
        let mut found = snapshot
            .into_iter()
            .filter(|(k, _)| *k == self.specs[n].key);
        found.next().expect("a target").1
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let snapshot = self.judge.snapshot(self.now());
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
fn what_does_not_count_is_told_and_changes_nothing() {
    let mut court = Court::new(false);
    court.observe(0, Ok(()));
    let uncounted = || {
        let (what, late) = (Box::new(timeout().unwrap_err()), Duration::from_millis(340));
        Err(Failure::Uncounted { what, late })
    };
    for _ in 0..10 {
        court.observe(0, uncounted());
    }
    let health = court.health(0);
    assert_eq!((health.verdict, health.consecutive), (Verdict::Up, 1));
    assert!(!health.last_counts);
    let words = health.last.unwrap();
    assert!(
        words.ends_with("not counted: this machine was late by 340 ms"),
        "{words}"
    );
    court.judge.take_flips();
    // What counts goes on where it was.
    court.observe(0, Err(Failure::Refused));
    court.observe(0, uncounted());
    court.observe(0, Err(Failure::Refused));
    let why: Vec<_> = court
        .judge
        .take_flips()
        .into_iter()
        .map(|f| f.why)
        .collect();
    assert_eq!(why, ["2 of 2 failed: connection refused"]);
}

#[test]
fn a_remembered_verdict_is_used_at_once_and_only_for_new_targets() {
    let mut court = Court::new(false);
    court.set(9, &HashMap::new());
    court.judge.take_changed();
    let down = Remembered::new(Verdict::Down, 5);
    let all = court
        .specs
        .iter()
        .map(|spec| (spec.key.clone(), down.clone()));
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
        .map(|flip| (flip.at_unix_ms, flip.turn, &*flip.why))
        .collect();
    let (up, down) = (Verdict::Up, Verdict::Down);
    assert_eq!(
        told,
        [
            (
                0,
                Turn::Verdict(Verdict::Unknown, up),
                "first probe succeeded"
            ),
            (
                1_000,
                Turn::Verdict(up, down),
                "2 of 2 failed: connection refused"
            ),
            (1_000, Turn::Verdict(down, up), "2 of 2 succeeded"),
        ]
    );
    assert!(court.judge.take_flips().is_empty());
}

#[test]
fn a_refusal_counts_at_once_where_that_is_asked_for() {
    let mut court = Court::of(false, |options| options.refused_counts_at_once = true);
    for (kind, failure) in [Failure::Refused, Failure::Closed].into_iter().enumerate() {
        court.observe(kind, Ok(()));
        court.observe(kind, Err(failure));
        assert_eq!(court.health(kind).verdict, Verdict::Down);
    }
    court.observe(2, Ok(()));
    court.observe(2, timeout());
    court.observe(3, Ok(()));
    court.observe(3, Err(Failure::Status(500)));
    for n in [2, 3] {
        assert_eq!(
            (court.health(n).verdict, court.health(n).needed),
            (Verdict::Up, 1)
        );
    }
    let said = court.judge.targets[&court.specs[0].key].why(State::Up);
    assert_eq!(said, "at once: connection refused");
}

const FLAP: Flap = Flap {
    falls: 2,
    within: Duration::from_secs(60),
    hold: Duration::from_secs(10),
    max: Duration::from_secs(15),
};

#[test]
fn what_fell_too_often_has_to_answer_for_a_while_and_says_until_when() {
    let mut court = Court::of(false, |options| options.flap = Some(FLAP));
    for _ in 0..2 {
        court.observe(0, Ok(()));
        court.observe(0, Ok(()));
        court.observe(0, timeout());
        court.observe(0, timeout());
    }
    let said = |court: &Court, before| court.judge.targets[&court.specs[0].key].why(before);
    let fell = said(&court, State::Failing { failures: 1 });
    assert!(
        fell.ends_with("it has to answer for 10 s before it is up"),
        "{fell}"
    );
    court.now_ms = 1_000;
    court.observe(0, Ok(()));
    court.now_ms = 5_000;
    court.observe(0, Ok(()));
    let health = court.health(0);
    assert_eq!((health.verdict, health.state), (Verdict::Down, "damped"));
    assert_eq!(
        (health.damped_until_unix_ms, health.needed),
        (Some(11_000), 1)
    );
    court.now_ms = 10_999;
    court.observe(0, Ok(()));
    assert_eq!(court.health(0).verdict, Verdict::Down);
    court.now_ms = 11_000;
    court.observe(0, Ok(()));
    assert_eq!(
        (court.health(0).verdict, court.health(0).state),
        (Verdict::Up, "up")
    );
}

#[test]
fn what_is_slow_is_degraded_until_it_is_quick_again_or_down() {
    let mut court = Court::of(false, |options| {
        options.degraded = Some(Degraded {
            above: Duration::from_millis(2),
            share: Share(100),
        });
    });
    court.observe(0, Ok(()));
    let changed = court.judge.take_changed();
    let health = &changed[&court.specs[0].key];
    assert_eq!((health.degraded, health.smoothed_ms), (true, Some(3)));
    let told = |court: &mut Court| {
        let flips = court.judge.take_flips().into_iter();
        let told = flips.map(|flip| (flip.turn, flip.why));
        told.collect::<Vec<_>>()
    };
    let why = "successes take 3 ms, smoothed (slow: above 2 ms)".to_owned();
    let up = Turn::Verdict(Verdict::Unknown, Verdict::Up);
    let first = (up, "first probe succeeded".to_owned());
    assert_eq!(told(&mut court), [first, (Turn::Slower, why)]);
    court.observe(0, timeout());
    assert!(court.health(0).degraded);
    let turns = court.judge.turns();
    court.observe(0, timeout());
    assert!(!court.health(0).degraded);
    assert!(court.judge.turns() > turns);
    let down = Turn::Verdict(Verdict::Up, Verdict::Down);
    let turns: Vec<_> = told(&mut court).into_iter().map(|told| told.0).collect();
    assert_eq!(turns, [down], "what fell is not quicker");
}

#[test]
fn what_cannot_be_asked_from_here_is_told_once_and_is_no_change_of_a_verdict() {
    let mut court = Court::new(false);
    let local = || Err(Failure::Local("no descriptor is left".to_owned()));
    court.observe(0, local());
    court.observe(0, local());
    court.observe(0, Ok(()));
    court.observe(0, local());
    let turns: Vec<_> = court
        .judge
        .take_flips()
        .into_iter()
        .map(|flip| flip.turn)
        .collect();
    let up = Turn::Verdict(Verdict::Unknown, Verdict::Up);
    assert_eq!(turns, [Turn::Unaskable, up, Turn::Unaskable]);
}

#[test]
fn what_others_said_is_forgotten_when_it_is_too_old() {
    let mut court = Court::new(false);
    for spec in &mut court.specs {
        let max_age = Duration::from_secs(30);
        Arc::make_mut(&mut spec.monitor).probe = ProbeKind::Push(Push { max_age });
    }
    court.set(0, &HashMap::new());
    court.set(10, &HashMap::new());
    assert_eq!((court.judge.unknown(), court.judge.next_tick()), (0, None));
    court.observe(0, Ok(()));
    court.now_ms = 20_000;
    court.observe(1, Err(Failure::pushed(Some("disk\nfull"))));
    assert_eq!(court.health(0).last.as_deref(), Some("told to be up"));
    assert_eq!(
        court.health(1).last.as_deref(),
        Some("told to be down: disk full")
    );
    court.observe(0, Ok(()));
    court.tick(49_999);
    assert_eq!(court.health(0).verdict, Verdict::Up);
    court.judge.take_changed();
    court.tick(50_000);
    assert_eq!(court.verdicts(), [Verdict::Unknown; 10]);
    assert_eq!(court.judge.take_changed().len(), 2);
    let said = court.judge.targets[&court.specs[0].key].why(State::Up);
    assert_eq!(said, "nothing was said of it for 30 s");
    // What is remembered grows old, too.
    let up = Remembered::new(Verdict::Up, 0);
    let key = court.specs[5].key.clone();
    court.set(0, &HashMap::new());
    court.set(10, &HashMap::from([(key, up)]));
    assert_eq!(court.health(5).verdict, Verdict::Up);
    court.tick(80_000);
    assert_eq!(court.health(5).verdict, Verdict::Unknown);
    // By the age that it had already.
    court.observe(5, Ok(()));
    court.now_ms = 92_000;
    let key = court.specs[5].key.clone();
    let memory = court.judge.memory(&key, court.now()).expect("known");
    assert_eq!(memory.said_ago, Some(Duration::from_secs(12)));
    for (ago_s, known) in [
        (12, Verdict::Up),
        (30, Verdict::Unknown),
        (99, Verdict::Unknown),
    ] {
        let said_ago = Some(Duration::from_secs(ago_s));
        let memory = Remembered {
            said_ago,
            ..memory.clone()
        };
        court.set(0, &HashMap::new());
        court.set(10, &HashMap::from([(key.clone(), memory)]));
        assert_eq!(court.health(5).verdict, known, "{ago_s}");
    }
    court.set(0, &HashMap::new());
    court.set(10, &HashMap::from([(key, memory)]));
    court.tick(109_999);
    assert_eq!(court.health(5).verdict, Verdict::Up);
    court.tick(110_000);
    assert_eq!(court.health(5).verdict, Verdict::Unknown);
}

#[test]
fn what_users_say_counts_beside_probes_where_that_is_asked_for() {
    let mut court = Court::of(false, |options| {
        options.passive = Some(Passive { fall: 3, rise: 2 });
    });
    let request = |court: &mut Court, is_success: bool| {
        let (now, key) = (court.now(), court.specs[0].key.clone());
        let outcome = match is_success {
            true => Ok(()),
            false => Err(Failure::pushed(Some("502"))),
        };
        court.judge.observe_request(&key, outcome, now);
        court.health(0).verdict
    };
    court.observe(0, Ok(()));
    let (up, down) = (Verdict::Up, Verdict::Down);
    let verdicts = [false, false, true, false, false, false].map(|ok| request(&mut court, ok));
    assert_eq!(verdicts, [up, up, up, up, up, down]);
    let last = court.health(0).last.expect("words");
    let words = "3 of 3 requests failed, the last: 502";
    assert!(last.contains(words), "{last}");
    assert_eq!([true, true].map(|ok| request(&mut court, ok)), [down, up]);
    // Or its probes say so: `rise` in a row.
    let _ = [false; 3].map(|ok| request(&mut court, ok));
    court.observe(0, Ok(()));
    assert_eq!(court.health(0).verdict, down);
    court.observe(0, Ok(()));
    assert_eq!(court.health(0).verdict, up);
    // Where it is not asked for, it does not.
    let mut court = Court::new(false);
    court.observe(0, Ok(()));
    let verdicts = [false; 9].map(|ok| request(&mut court, ok));
    assert_eq!(verdicts, [up; 9]);
}

#[test]
fn falls_are_remembered_by_who_takes_over() {
    let mut court = Court::of(false, |options| options.flap = Some(FLAP));
    for outcome in [true, false, false, true, true, false, false] {
        court.observe(0, if outcome { Ok(()) } else { timeout() });
    }
    let now = court.now();
    let key = court.specs[0].key.clone();
    let memory = court.judge.memory(&key, now).expect("a target");
    assert_eq!((memory.verdict, memory.flaps.level), (Verdict::Down, 1));
    let mut other = Court::of(false, |options| options.flap = Some(FLAP));
    other.set(0, &HashMap::new());
    other.set(10, &HashMap::from([(key, memory)]));
    other.observe(0, Ok(()));
    other.observe(0, Ok(()));
    assert_eq!(other.health(0).state, "damped");
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
            let held = court.judge.targets.values().any(Belief::is_held);
            prop_assert!(!held || court.judge.holds_until().is_some());
            let unknown = court.judge.targets.values().filter(|t| !t.known).count();
            prop_assert_eq!(court.judge.unknown(), unknown);
        }
    }
}
