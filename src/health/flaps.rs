//! Flap damping: how long a target that fell again and again has to answer before it is up once more.
//!
//! From the `falls`-th fall within `within` on, coming up takes successes alone for `hold`, and twice as long with
//! each further fall, up to `max`. For each `within` that it stays up, that time halves. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::config::Flap;

/// Doublings at most: by then, any time that can be configured has reached any maximum.
const LEVEL_MAX: u32 = 32;

/// Falls that are remembered at most: as many as can be asked for.
const FALLS_MAX: usize = 100;

/// The falls of one target, and what they cost it.
#[derive(Clone, Debug)]
pub struct Flaps {
    rules: Flap,
    /// The last ones, [`FALLS_MAX`] at most.
    falls: VecDeque<Instant>,
    /// 0: it need not wait; 1: for `hold`; 2: twice as long.
    level: u32,
    up_since: Option<Instant>,
    /// Level and time of before the last fall, in case it is taken back.
    before: Option<(u32, Option<Instant>)>,
}

/// The same at one time, in a form that outlives the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlapMemory {
    pub level: u32,
    /// How long ago the last falls were, the oldest first.
    pub falls_ago: Vec<Duration>,
}

impl Flaps {
    pub fn new(rules: Flap) -> Self {
        Flaps {
            rules,
            falls: VecDeque::new(),
            level: 0,
            up_since: None,
            before: None,
        }
    }

    /// Takes up again what was known `since` long before `now`; `up_since` is when it came up, if it is up.
    pub fn resume(&mut self, memory: &FlapMemory, up_since: Option<Instant>, now: Instant) {
        // A time from before the machine started is longer ago than anything that counts.
        let falls = memory.falls_ago.iter();
        let falls: VecDeque<_> = falls.filter_map(|&ago| now.checked_sub(ago)).collect();
        self.falls = falls;
        self.level = memory.level.min(LEVEL_MAX);
        self.up_since = up_since;
        self.before = None;
        self.forget_old(now);
    }

    /// What there is to remember, unless there is nothing.
    pub fn memory(&self, now: Instant) -> Option<FlapMemory> {
        let ago = |&at: &Instant| now.saturating_duration_since(at);
        let memory = FlapMemory {
            level: self.level,
            falls_ago: self.falls.iter().map(ago).collect(),
        };
        (memory != FlapMemory::default()).then_some(memory)
    }

    pub fn rose(&mut self, now: Instant) {
        self.up_since = Some(now);
    }

    pub fn fell(&mut self, now: Instant) {
        self.before = Some((self.level, self.up_since));
        if let Some(since) = self.up_since.take() {
            let stable = now.saturating_duration_since(since).as_nanos();
            let halvings = stable / self.rules.within.as_nanos().max(1);
            let halvings = u32::try_from(halvings).unwrap_or(u32::MAX);
            self.level = self.level.saturating_sub(halvings);
        }
        self.falls.push_back(now);
        self.forget_old(now);
        let is_raised = self.level > 0 || self.falls.len() >= self.rules.falls as usize;
        self.level = (self.level + u32::from(is_raised)).min(LEVEL_MAX);
    }

    /// The last fall was none.
    pub fn take_back(&mut self) {
        if let Some((level, up_since)) = self.before.take() {
            self.falls.pop_back();
            (self.level, self.up_since) = (level, up_since);
        }
    }

    fn forget_old(&mut self, now: Instant) {
        let within = self.rules.within;
        let is_old = |at: &Instant| now.saturating_duration_since(*at) > within;
        while self.falls.len() > FALLS_MAX || self.falls.front().is_some_and(is_old) {
            self.falls.pop_front();
        }
    }

    /// How often it fell within the window that ends now; [`FALLS_MAX`] at most.
    pub fn recent(&self, now: Instant) -> usize {
        let is_recent = |at: &&Instant| now.saturating_duration_since(**at) <= self.rules.within;
        self.falls.iter().filter(is_recent).count()
    }

    /// How long nothing but successes have to come before it is up.
    pub fn hold(&self) -> Duration {
        match self.level.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => {
                let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
                self.rules.hold.saturating_mul(factor).min(self.rules.max)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOLD: Duration = Duration::from_secs(30);

    /// The third fall within ten minutes is the first that costs; and a time to begin at.
    fn flaps() -> (Flaps, Instant) {
        let rules = Flap {
            falls: 3,
            within: 10 * MINUTE,
            hold: HOLD,
            max: 4 * MINUTE,
        };
        (Flaps::new(rules), crate::clock::now() + 1_000 * MINUTE)
    }

    #[test]
    fn from_the_third_fall_on_the_hold_doubles_up_to_its_maximum() {
        let (mut flaps, start) = flaps();
        let holds = (0..8).map(|n| {
            flaps.rose(start + n * MINUTE);
            flaps.fell(start + n * MINUTE + MINUTE / 2);
            flaps.hold().as_secs()
        });
        let holds: Vec<_> = holds.collect();
        assert_eq!(holds, [0, 0, 30, 60, 120, 240, 240, 240]);
    }

    #[test]
    fn rare_falls_cost_nothing() {
        let (mut flaps, start) = flaps();
        for n in 0..20 {
            flaps.rose(start + n * 6 * MINUTE);
            flaps.fell(start + n * 6 * MINUTE + MINUTE);
            assert_eq!(flaps.hold(), Duration::ZERO);
        }
    }

    /// Fell four times, a minute apart: one minute's hold.
    fn damped() -> (Flaps, Instant) {
        let (mut flaps, start) = flaps();
        (0..4).for_each(|n| flaps.fell(start + n * MINUTE));
        (flaps, start + 3 * MINUTE)
    }

    #[test]
    fn time_that_it_is_down_is_no_time_that_it_is_stable() {
        let (mut flaps, last) = damped();
        flaps.rose(last + 30 * MINUTE);
        flaps.fell(last + 39 * MINUTE);
        assert_eq!(flaps.hold(), 2 * MINUTE);
    }

    #[test]
    fn the_hold_halves_with_each_time_that_it_stays_up() {
        for (up, hold) in [(9, 4 * HOLD), (10, 2 * HOLD), (20, Duration::ZERO)] {
            let (mut flaps, last) = damped();
            flaps.rose(last + MINUTE);
            flaps.fell(last + MINUTE + up * MINUTE);
            assert_eq!(flaps.hold(), hold, "up for {up} min");
        }
    }

    #[test]
    fn a_fall_that_is_taken_back_costs_nothing() {
        let (mut flaps, last) = damped();
        flaps.rose(last + MINUTE);
        flaps.fell(last + 2 * MINUTE);
        assert_eq!(flaps.hold(), 4 * HOLD);
        flaps.take_back();
        assert_eq!(flaps.hold(), 2 * HOLD);
        flaps.take_back();
        assert_eq!(flaps.hold(), 2 * HOLD, "one at most");
    }

    #[test]
    fn what_is_remembered_is_what_was_known() {
        let (mut flaps, last) = damped();
        let memory = flaps.memory(last + MINUTE).expect("something");
        assert_eq!(memory.level, 2);
        assert_eq!(memory.falls_ago, [4, 3, 2, 1].map(|n| n * MINUTE));
        assert_eq!(flaps.recent(last + MINUTE), 4);
        assert_eq!(flaps.recent(last + 8 * MINUTE), 3);
        let mut resumed = Flaps::new(flaps.rules);
        resumed.resume(&memory, None, last + MINUTE);
        assert_eq!(resumed.hold(), flaps.hold());
        for flaps in [&mut flaps, &mut resumed] {
            flaps.fell(last + 2 * MINUTE);
        }
        assert_eq!(resumed.hold(), flaps.hold());
        let (fresh, now) = self::flaps();
        assert_eq!(fresh.memory(now), None);
    }
}
