//! What follows from the observations of one target: a machine with named states.
//!
//! ```text
//! Unknown -- any --> Up or Down                      the first observation decides alone
//! Up -- failure --> Failing -- `fall` in a row --> Down
//! Up, Failing -- refusal, where that counts at once --> Down
//! Down -- success --> Recovering -- `rise` in a row --> Up
//! Down, after too many falls -- success --> Damped -- successes alone until its time --> Up
//! Down -- the panic guard doubts it --> Held -- success --> Up
//!                                            -- evidence, or the doubt is over --> Down
//! ```
//!
//! Pure: time and observations are arguments.

use std::time::{Duration, Instant};

use super::flaps::{FlapMemory, Flaps};
use crate::config::Flap;
use crate::model::Verdict;

/// What leads from state to state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Successes in a row from down to up; 0 counts as 1.
    pub rise: u32,
    /// Failures in a row from up to down; 0 counts as 1.
    pub fall: u32,
    /// Whether one refusal is enough for that.
    pub refused_at_once: bool,
    pub flap: Option<Flap>,
}

/// What an observation comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Success,
    Failure,
    /// A failure of which the other side left no doubt.
    Refusal,
}

/// Where a target stands between observations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Never observed.
    Unknown,
    Up,
    /// Up, after this many failures in a row, fewer than `fall`.
    Failing {
        failures: u32,
    },
    Down,
    /// Down, after this many successes in a row, fewer than `rise`.
    Recovering {
        successes: u32,
    },
    /// Down, with nothing but successes since it began to answer; up with the first that is no earlier than `until`.
    Damped {
        successes: u32,
        until: Instant,
    },
    /// It fell, and counts as up: the panic guard doubts that it is down.
    Held,
}

impl State {
    pub fn verdict(self) -> Verdict {
        match self {
            State::Unknown => Verdict::Unknown,
            State::Up | State::Failing { .. } | State::Held => Verdict::Up,
            State::Down | State::Recovering { .. } | State::Damped { .. } => Verdict::Down,
        }
    }

    /// One word for it.
    pub fn name(self) -> &'static str {
        match self {
            State::Unknown => "unknown",
            State::Up => "up",
            State::Failing { .. } => "failing",
            State::Down => "down",
            State::Recovering { .. } => "recovering",
            State::Damped { .. } => "damped",
            State::Held => "held",
        }
    }

    /// Whether the last observation spoke against the verdict.
    fn is_doubted(self) -> bool {
        match self {
            State::Failing { .. } | State::Recovering { .. } | State::Held => true,
            State::Unknown | State::Up | State::Down | State::Damped { .. } => false,
        }
    }
}

/// How soon one should look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Usual,
    /// The verdict is being doubted.
    Doubt,
    /// Nothing has spoken against it for long.
    Stable,
}

/// The state of one target, and what it remembers of earlier ones.
#[derive(Clone, Debug)]
pub struct Machine {
    rules: Rules,
    state: State,
    flaps: Option<Flaps>,
    /// Since when it is in a state that nothing speaks against.
    steady_since: Option<Instant>,
}

impl Machine {
    pub fn new(rules: Rules) -> Self {
        Machine {
            rules: Rules {
                rise: rules.rise.max(1),
                fall: rules.fall.max(1),
                ..rules
            },
            state: State::Unknown,
            flaps: rules.flap.map(Flaps::new),
            steady_since: None,
        }
    }

    /// As if `verdict` had been reached `ago`, after the falls of `memory`: how what was saved is taken up again.
    pub fn resume(&mut self, verdict: Verdict, ago: Duration, memory: &FlapMemory, now: Instant) {
        self.state = match verdict {
            Verdict::Up => State::Up,
            Verdict::Down => State::Down,
            Verdict::Unknown => State::Unknown,
        };
        self.steady_since = (verdict != Verdict::Unknown).then_some(now);
        if let Some(flaps) = &mut self.flaps {
            // What was reached before the machine started is older than anything that counts.
            let since = (verdict == Verdict::Up).then(|| now.checked_sub(ago).unwrap_or(now));
            flaps.resume(memory, since, now);
        }
    }

    /// Takes one observation.
    pub fn observe(&mut self, seen: Seen, now: Instant) {
        let next = match (self.state, seen) {
            (State::Unknown | State::Up | State::Failing { .. } | State::Held, Seen::Success) => {
                State::Up
            }
            (State::Up | State::Failing { .. }, _) => match self.falls_by(seen) {
                true => State::Down,
                false => State::Failing {
                    failures: self.failures() + 1,
                },
            },
            // Whether that is evidence is not for the machine to say.
            (State::Held, _) => State::Held,
            (State::Unknown, _) => State::Down,
            (State::Down | State::Recovering { .. } | State::Damped { .. }, Seen::Success) => {
                self.recovering(now)
            }
            (State::Down | State::Recovering { .. } | State::Damped { .. }, _) => State::Down,
        };
        let fell = self.state.verdict() == Verdict::Up && next.verdict() == Verdict::Down;
        let rose = self.state.verdict() != Verdict::Up && next.verdict() == Verdict::Up;
        if let Some(flaps) = &mut self.flaps {
            if fell {
                flaps.fell(now);
            }
            if rose {
                flaps.rose(now);
            }
        }
        self.enter(next, now);
    }

    /// Where one more success leads from down.
    fn recovering(&self, now: Instant) -> State {
        let (before, until) = match self.state {
            State::Recovering { successes } => (successes, None),
            State::Damped { successes, until } => (successes, Some(until)),
            _ => {
                let hold = self.hold();
                let until = (hold > Duration::ZERO).then(|| now + hold);
                (0, until)
            }
        };
        let successes = before.saturating_add(1);
        match until {
            Some(until) if successes < self.rules.rise || now < until => {
                State::Damped { successes, until }
            }
            None if successes < self.rules.rise => State::Recovering { successes },
            _ => State::Up,
        }
    }

    fn enter(&mut self, next: State, now: Instant) {
        if next.is_doubted() {
            self.steady_since = None;
        } else if self.steady_since.is_none() || next.verdict() != self.state.verdict() {
            self.steady_since = Some(now);
        }
        self.state = next;
    }

    /// It is down, whatever was observed last.
    pub fn fall(&mut self, now: Instant) {
        if matches!(self.state, State::Up | State::Failing { .. }) {
            if let Some(flaps) = &mut self.flaps {
                flaps.fell(now);
            }
            self.enter(State::Down, now);
        }
    }

    /// It is up again, whatever was observed last, unless its falls demand more than that.
    pub fn rise(&mut self, now: Instant) {
        let is_down = matches!(self.state, State::Down | State::Recovering { .. });
        if is_down && self.hold() == Duration::ZERO {
            if let Some(flaps) = &mut self.flaps {
                flaps.rose(now);
            }
            self.enter(State::Up, now);
        }
    }

    /// Nothing is known any more.
    pub fn forget(&mut self) {
        (self.state, self.steady_since) = (State::Unknown, None);
    }

    /// The fall is doubted: it counts as up.
    pub fn hold_up(&mut self, now: Instant) {
        if self.state == State::Down {
            if let Some(flaps) = &mut self.flaps {
                flaps.take_back();
            }
            self.enter(State::Held, now);
        }
    }

    /// The doubt is over: it fell.
    pub fn let_fall(&mut self, now: Instant) {
        if self.state == State::Held {
            if let Some(flaps) = &mut self.flaps {
                flaps.fell(now);
            }
            self.enter(State::Down, now);
        }
    }

    fn failures(&self) -> u32 {
        match self.state {
            State::Failing { failures } => failures,
            _ => 0,
        }
    }

    /// Whether it is up, and `seen` would make it fall.
    pub fn falls_by(&self, seen: Seen) -> bool {
        let at_once = self.rules.refused_at_once && seen == Seen::Refusal;
        matches!(self.state, State::Up | State::Failing { .. })
            && seen != Seen::Success
            && (at_once || self.failures() + 1 >= self.rules.fall)
    }

    pub fn state(&self) -> State {
        self.state
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub fn verdict(&self) -> Verdict {
        self.state.verdict()
    }

    /// How long nothing but successes have to come before it is up, as things stand.
    pub fn hold(&self) -> Duration {
        let flaps = self.flaps.as_ref();
        flaps.map_or(Duration::ZERO, Flaps::hold)
    }

    /// How often it fell of late, as far as that counts.
    pub fn falls(&self, now: Instant) -> usize {
        let flaps = self.flaps.as_ref();
        flaps.map_or(0, |flaps| flaps.recent(now))
    }

    /// Observations of the other kind still needed to flip the verdict, at least 1; one that is damped may need more.
    pub fn needed(&self) -> u32 {
        match self.state {
            State::Unknown | State::Held => 1,
            State::Up => self.rules.fall,
            State::Failing { failures } => self.rules.fall - failures,
            State::Down => self.rules.rise,
            State::Recovering { successes } => self.rules.rise - successes,
            State::Damped { successes, .. } => self.rules.rise.saturating_sub(successes).max(1),
        }
    }

    /// How soon to look again, where `stable_after` is long.
    pub fn pace(&self, stable_after: Duration, now: Instant) -> Pace {
        let is_stable = |since: Instant| now.saturating_duration_since(since) >= stable_after;
        match self.state {
            state if state.is_doubted() => Pace::Doubt,
            State::Up | State::Down if self.steady_since.is_some_and(is_stable) => Pace::Stable,
            _ => Pace::Usual,
        }
    }

    pub fn flap_memory(&self, now: Instant) -> Option<FlapMemory> {
        self.flaps.as_ref()?.memory(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rules(rise: u32, fall: u32) -> Rules {
        Rules {
            rise,
            fall,
            refused_at_once: false,
            flap: None,
        }
    }

    /// An observation and how long after the start it is made.
    type Event = (Seen, Duration);

    /// The rules in words, read off the whole history each time: what the verdict is after it.
    ///
    /// - The first observation is the verdict.
    /// - What is up is down when the last `fall` observations failed, or the last one is a refusal that counts at once.
    /// - What is down is up when the last `rise` observations succeeded, and those that succeeded without a failure
    ///   between them go back as long as its falls demand.
    fn by_definition(history: &[Event], rules: &Rules) -> Verdict {
        let mut verdict = Verdict::Unknown;
        // The time of each fall, and how long it had been up then.
        let mut falls: Vec<(Duration, Duration)> = Vec::new();
        let mut up_since = Duration::ZERO;
        for (end, &(seen, now)) in history.iter().enumerate().map(|(i, event)| (i + 1, event)) {
            let so_far = &history[..end];
            let is_success = |event: &Event| event.0 == Seen::Success;
            let succeeded = so_far.iter().rev().take_while(|event| is_success(event));
            let failed = so_far.iter().rev().take_while(|event| !is_success(event));
            let (succeeded, failed) = (succeeded.count(), failed.count());
            match verdict {
                Verdict::Unknown if seen == Seen::Success => {
                    (verdict, up_since) = (Verdict::Up, now);
                }
                Verdict::Unknown => verdict = Verdict::Down,
                Verdict::Up => {
                    let at_once = rules.refused_at_once && seen == Seen::Refusal;
                    if failed >= rules.fall as usize || at_once {
                        verdict = Verdict::Down;
                        falls.push((now, now - up_since));
                    }
                }
                Verdict::Down => {
                    let run = &so_far[end - succeeded..];
                    let lasted = run.first().map_or(Duration::ZERO, |first| now - first.1);
                    if succeeded >= rules.rise as usize && lasted >= demanded(&falls, rules) {
                        (verdict, up_since) = (Verdict::Up, now);
                    }
                }
            }
        }
        verdict
    }

    fn demanded(falls: &[(Duration, Duration)], rules: &Rules) -> Duration {
        let Some(flap) = rules.flap else {
            return Duration::ZERO;
        };
        let mut doublings = -1i32;
        for (n, &(at, was_up)) in falls.iter().enumerate() {
            let halvings = (was_up.as_secs() / flap.within.as_secs()) as i32;
            doublings = (doublings - halvings).max(-1);
            let recent = falls[..=n].iter().filter(|fall| at - fall.0 <= flap.within);
            if doublings >= 0 || recent.count() >= flap.falls as usize {
                doublings += 1;
            }
        }
        match u32::try_from(doublings) {
            Ok(doublings) => (flap.hold * 2u32.pow(doublings)).min(flap.max),
            Err(_) => Duration::ZERO,
        }
    }

    /// Every history of up to `depth` of these observations, each so long after the one before.
    fn explore(
        rules: Rules,
        kinds: &[Event],
        depth: usize,
        check: &mut impl FnMut(&[Event], &Machine),
    ) {
        fn go_on(
            machine: &Machine,
            start: Instant,
            history: &mut Vec<Event>,
            kinds: &[Event],
            depth: usize,
            check: &mut impl FnMut(&[Event], &Machine),
        ) {
            check(history, machine);
            if history.len() == depth {
                return;
            }
            let now = history.last().map_or(Duration::ZERO, |last| last.1);
            for &(seen, after) in kinds {
                let mut machine = machine.clone();
                machine.observe(seen, start + now + after);
                history.push((seen, now + after));
                go_on(&machine, start, history, kinds, depth, check);
                history.pop();
            }
        }
        let start = crate::clock::now();
        let machine = Machine::new(rules);
        go_on(&machine, start, &mut Vec::new(), kinds, depth, check);
    }

    const PLAIN: [Event; 2] = [(Seen::Success, SECOND), (Seen::Failure, SECOND)];
    const ALL: [Event; 5] = [
        (Seen::Success, SECOND),
        (Seen::Failure, SECOND),
        (Seen::Refusal, SECOND),
        (Seen::Success, Duration::from_secs(4)),
        (Seen::Failure, Duration::from_secs(9)),
    ];

    /// Rules of all kinds, with small numbers.
    fn all_rules() -> Vec<Rules> {
        let mut all = Vec::new();
        let flap = |falls, hold| Flap {
            falls,
            within: 8 * SECOND,
            hold: hold * SECOND,
            max: 5 * SECOND,
        };
        for (rise, fall) in (1..=3).flat_map(|rise| (1..=3).map(move |fall| (rise, fall))) {
            for refused_at_once in [false, true] {
                for flap in [None, Some(flap(1, 2)), Some(flap(2, 1)), Some(flap(2, 3))] {
                    all.push(Rules {
                        refused_at_once,
                        flap,
                        ..rules(rise, fall)
                    });
                }
            }
        }
        all
    }

    #[test]
    fn the_verdict_is_what_the_rules_in_words_say_of_every_history() {
        let mut check = |history: &[Event], machine: &Machine| {
            let expected = by_definition(history, machine.rules());
            assert_eq!(
                machine.verdict(),
                expected,
                "{:?} {history:?}",
                machine.rules()
            );
        };
        for rules in all_rules() {
            // Refusals are failures there.
            if !rules.refused_at_once {
                explore(rules, &PLAIN, 12, &mut check);
            }
            explore(rules, &ALL, 5, &mut check);
        }
        // One of each kind deeper.
        explore(all_rules()[39], &ALL, 8, &mut check);
    }

    #[test]
    fn no_verdict_flips_in_fewer_observations_than_it_takes_nor_oscillates_faster() {
        for rules in all_rules()
            .into_iter()
            .filter(|rules| !rules.refused_at_once)
        {
            explore(rules, &PLAIN, 12, &mut |history, machine| {
                // Observations are a second apart here.
                let mut flips = Vec::new();
                let mut replayed = Machine::new(rules);
                let start = crate::clock::now();
                let mut before = Verdict::Unknown;
                if history.len() < 12 {
                    return;
                }
                for &(seen, at) in history {
                    replayed.observe(seen, start + at);
                    let verdict = replayed.verdict();
                    if verdict != before && before != Verdict::Unknown {
                        flips.push((at, verdict));
                    }
                    before = verdict;
                }
                assert_eq!(before, machine.verdict());
                for pair in flips.windows(2) {
                    let least = match pair[1].1 {
                        Verdict::Up => rules.rise,
                        _ => rules.fall,
                    };
                    assert!(pair[1].0 - pair[0].0 >= least * SECOND, "{history:?}");
                }
            });
        }
    }

    #[test]
    fn what_is_damped_is_never_up_before_its_time() {
        let flap = Flap {
            falls: 2,
            within: 60 * SECOND,
            hold: 3 * SECOND,
            max: 4 * SECOND,
        };
        let rules = Rules {
            flap: Some(flap),
            ..rules(1, 1)
        };
        let mut damped = 0;
        explore(rules, &PLAIN, 12, &mut |history, machine| {
            let (&(_, now), start) = match history.last() {
                Some(last) => (last, crate::clock::now()),
                None => return,
            };
            // The last three seconds are to be of successes alone once it fell twice.
            let mut replayed = Machine::new(rules);
            let (mut falls, mut last_failure, mut before) = (0, Duration::ZERO, Verdict::Unknown);
            for &(seen, at) in history {
                replayed.observe(seen, start + at);
                falls += u32::from(before == Verdict::Up && replayed.verdict() == Verdict::Down);
                before = replayed.verdict();
                if seen != Seen::Success {
                    last_failure = at;
                }
            }
            if falls >= 2 && now - last_failure <= 3 * SECOND {
                assert_eq!(machine.verdict(), Verdict::Down, "{history:?}");
                damped += u32::from(matches!(machine.state(), State::Damped { .. }));
            }
        });
        assert!(damped > 100, "{damped}");
    }

    #[test]
    fn exactly_needed_observations_of_the_other_kind_flip_the_verdict() {
        for rules in all_rules().into_iter().filter(|rules| rules.flap.is_none()) {
            explore(rules, &PLAIN, 8, &mut |history, machine| {
                let mut machine = machine.clone();
                let now = crate::clock::now();
                let before = machine.verdict();
                if before == Verdict::Unknown {
                    return assert_eq!(machine.needed(), 1);
                }
                let other = match before {
                    Verdict::Down => Seen::Success,
                    _ => Seen::Failure,
                };
                for _ in 1..machine.needed() {
                    machine.observe(other, now);
                    assert_eq!(machine.verdict(), before, "{history:?}");
                }
                machine.observe(other, now);
                assert_ne!(machine.verdict(), before, "{history:?}");
            });
        }
    }

    /// With every way that the panic guard can step in between.
    #[test]
    fn what_is_held_is_up_and_only_the_guard_or_a_success_ends_that() {
        let start = crate::clock::now();
        for steps in 0..4u32.pow(7) {
            let mut machine = Machine::new(rules(2, 2));
            for n in 0..7 {
                let (before, now) = (machine.state(), start + n * SECOND);
                match steps >> (2 * n) & 3 {
                    0 => machine.observe(Seen::Success, now),
                    1 => machine.observe(Seen::Failure, now),
                    2 => machine.hold_up(now),
                    _ => machine.let_fall(now),
                }
                let after = machine.state();
                match (before, steps >> (2 * n) & 3) {
                    (State::Held, 0) => assert_eq!(after, State::Up),
                    (State::Held, 1 | 2) | (State::Down, 2) => assert_eq!(after, State::Held),
                    (State::Held, 3) => assert_eq!(after, State::Down),
                    (_, 2 | 3) => assert_eq!(after, before),
                    _ => assert_ne!(after, State::Held),
                }
                assert!(machine.needed() >= 1);
            }
        }
    }

    #[test]
    fn the_first_observation_is_the_verdict() {
        for (seen, verdict) in [
            (Seen::Success, Verdict::Up),
            (Seen::Failure, Verdict::Down),
            (Seen::Refusal, Verdict::Down),
        ] {
            let mut machine = Machine::new(rules(3, 3));
            machine.observe(seen, crate::clock::now());
            assert_eq!(machine.verdict(), verdict);
        }
    }

    #[test]
    fn a_resumed_verdict_needs_as_many_observations_as_a_fresh_one() {
        let now = crate::clock::now();
        let mut machine = Machine::new(rules(2, 3));
        machine.resume(Verdict::Up, SECOND, &FlapMemory::default(), now);
        assert_eq!(machine.needed(), 3);
        for verdict in [Verdict::Up, Verdict::Up, Verdict::Down] {
            machine.observe(Seen::Failure, now);
            assert_eq!(machine.verdict(), verdict);
        }
    }

    #[test]
    fn one_looks_again_sooner_in_doubt_and_later_when_long_stable() {
        let start = crate::clock::now();
        let mut machine = Machine::new(rules(2, 2));
        let mut pace = |seen, at: u32| {
            let now = start + at * SECOND;
            machine.observe(seen, now);
            machine.pace(10 * SECOND, now)
        };
        use Seen::{Failure, Success};
        assert_eq!(pace(Success, 0), Pace::Usual);
        assert_eq!(pace(Success, 9), Pace::Usual);
        assert_eq!(pace(Success, 10), Pace::Stable);
        assert_eq!(pace(Failure, 11), Pace::Doubt);
        assert_eq!(pace(Success, 12), Pace::Usual);
        assert_eq!(pace(Success, 21), Pace::Usual);
        assert_eq!(pace(Success, 22), Pace::Stable);
        assert_eq!(pace(Failure, 23), Pace::Doubt);
        assert_eq!(pace(Failure, 24), Pace::Usual);
        assert_eq!(pace(Failure, 34), Pace::Stable);
        assert_eq!(pace(Success, 35), Pace::Doubt);
    }
}
