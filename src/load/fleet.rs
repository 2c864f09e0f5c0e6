//! What do pools that spill into each other take, all together?
//!
//! Each pool sheds by its own load. What it does not take comes to the next, which sheds by the same law, so
//! that what a pool that fell leaves behind spreads outwards until there is room for it. Three rules are about all
//! of them: who could not hold what a pool leaves behind takes less as soon as that pool falls, before any of it is
//! seen, as what caches were told until then stays for a TTL; where there is no room anywhere, all are to be
//! overloaded alike, instead of sending the excess round; and one of them always takes all that comes to it.

use super::shed::{Controller, Law, step_ms};

/// A pool at one time.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// `None`: it takes all.
    pub law: Option<Law>,
    /// Load as a part of `capacity`; `None`: not known.
    pub load: Option<f64>,
    /// In units that all pools share; `None`: not known.
    pub capacity: Option<f64>,
    /// What is let come to it for other reasons: 0 where it is down, 1 where nothing is held back.
    pub open: f64,
}

/// Pools that some policy chooses among, and their controllers.
#[derive(Clone, Debug)]
pub struct Fleet {
    controllers: Vec<Controller>,
    stepped_ms: Option<u64>,
    /// What each pool that served had to bear at the last step, in units of capacity; nothing before the first.
    bore: Vec<f64>,
}

impl Fleet {
    pub fn new(pools: usize) -> Self {
        Fleet::from(vec![Controller::default(); pools])
    }

    /// The controllers, to go on with them among other pools.
    pub fn controllers(&self) -> &[Controller] {
        &self.controllers
    }

    /// Whether it is time for a step. More often than that, controllers would only learn noise, and what they
    /// have to remember would not be bounded.
    pub fn is_due(&self, delay_ms: u64, now_ms: u64) -> bool {
        let waited = |at_ms| now_ms.saturating_sub(at_ms) >= step_ms(delay_ms);
        self.stepped_ms.is_none_or(waited)
    }

    /// The part of what would come to each pool that it takes.
    pub fn shares(&self) -> impl Iterator<Item = f64> {
        self.controllers.iter().map(Controller::share)
    }

    /// A step; `members` in the order of the pools. A change is seen by all after `delay_ms`: the longest TTL, and
    /// how late reports are.
    pub fn step(&mut self, members: &[Member], delay_ms: u64, now_ms: u64) {
        self.stepped_ms = Some(now_ms);
        let level = level(members);
        let pools = self.controllers.iter().zip(members);
        let next = pools.map(|(controller, member)| match member.law {
            Some(law) => {
                let load = member.load.filter(|_| member.open > 0.0);
                controller.next(law, load, level, delay_ms, now_ms)
            }
            None => 1.0,
        });
        let mut next: Vec<f64> = next.collect();
        self.brace(members, &mut next);
        keep_one_open(members, &mut next);
        for ((controller, member), share) in self.controllers.iter_mut().zip(members).zip(next) {
            controller.set(share, member.open, delay_ms, now_ms);
        }
    }

    /// What pools that fell since the last step leave behind may come to anyone: whoever sheds takes no more than it
    /// could hold if all of it did. Who gets none of it rises again, by and by.
    fn brace(&mut self, members: &[Member], shares: &mut [f64]) {
        let usual = usual_capacity(members);
        let bears = |member: &Member| match member.open > 0.0 {
            true => member.load.unwrap_or(0.0) * member.capacity.unwrap_or(usual),
            false => 0.0,
        };
        let before = members.iter().zip(&self.bore);
        let fallen = before.filter(|(member, _)| member.open <= 0.0);
        let left_behind: f64 = fallen.map(|(_, bore)| bore).sum();
        if left_behind > 0.0 {
            for (share, member) in shares.iter_mut().zip(members) {
                if let Some(law) = member.law {
                    let holds = law.above * member.capacity.unwrap_or(usual);
                    let part = holds / (bears(member) + left_behind);
                    *share = share.min(part.max(law.floor));
                }
            }
        }
        self.bore = members.iter().map(bears).collect();
    }
}

impl From<Vec<Controller>> for Fleet {
    fn from(controllers: Vec<Controller>) -> Self {
        Fleet {
            controllers,
            stepped_ms: None,
            bore: Vec::new(),
        }
    }
}

/// The load if all that serve had their part of it. Where nothing is known, there is room: as much as others
/// have on average.
fn level(members: &[Member]) -> f64 {
    let usual = usual_capacity(members);
    let (mut load, mut capacity) = (0.0, 0.0);
    for member in members.iter().filter(|member| member.open > 0.0) {
        let own = member.capacity.unwrap_or(usual);
        load += member.load.unwrap_or(0.0) * own;
        capacity += own;
    }
    if capacity > 0.0 { load / capacity } else { 0.0 }
}

/// That of pools whose capacity is not known: what those that serve have on average.
fn usual_capacity(members: &[Member]) -> f64 {
    let serving = members.iter().filter(|member| member.open > 0.0);
    let capacities: Vec<f64> = serving.filter_map(|member| member.capacity).collect();
    match capacities.len() {
        0 => 1.0,
        many => capacities.iter().sum::<f64>() / many as f64,
    }
}

/// Shares are what they are to each other: where every pool that serves declines something, some queries
/// are declined by all and go to the nearest after all. So the one that declines least takes all.
fn keep_one_open(members: &[Member], shares: &mut [f64]) {
    let serving = shares.iter().zip(members).filter(|(_, m)| m.open > 0.0);
    let largest = serving.map(|(&share, _)| share).fold(0.0, f64::max);
    if largest > 0.0 {
        for share in shares {
            *share = (*share / largest).min(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAW: Law = Law {
        above: 0.9,
        below: 0.8,
        floor: 0.1,
    };
    const DELAY_MS: u64 = 10_000;

    fn member(load: Option<f64>, open: f64) -> Member {
        Member {
            law: Some(LAW),
            load,
            capacity: None,
            open,
        }
    }

    /// Shares after a while of the same.
    fn shares(members: &[Member]) -> Vec<f64> {
        let mut fleet = Fleet::new(members.len());
        for second in 0..20 {
            if fleet.is_due(DELAY_MS, 1_000 * second) {
                fleet.step(members, DELAY_MS, 1_000 * second);
            }
        }
        fleet.shares().collect()
    }

    #[test]
    fn who_is_too_full_takes_less() {
        let shares = shares(&[member(Some(1.2), 1.0), member(Some(0.4), 1.0)]);
        assert!(shares[0] < 0.9 && shares[1] == 1.0, "{shares:?}");
    }

    #[test]
    fn one_alone_takes_all_and_so_do_all_that_are_overloaded_alike() {
        assert_eq!(shares(&[member(Some(3.0), 1.0)]), [1.0]);
        let alone = [member(Some(3.0), 1.0), member(Some(0.0), 0.0)];
        assert_eq!(shares(&alone)[0], 1.0);
        assert_eq!(shares(&[member(Some(1.3), 1.0); 3]), [1.0; 3]);
    }

    #[test]
    fn who_could_not_hold_what_falls_takes_less_at_once_and_all_again_if_it_does_not_come() {
        let of = |load, capacity, open| Member {
            capacity: Some(capacity),
            ..member(load, open)
        };
        let (small, large) = (of(Some(0.5), 100.0, 1.0), of(Some(0.5), 1_000.0, 1.0));
        let mut fleet = Fleet::new(3);
        let step = |fleet: &mut Fleet, third, second: u64| {
            fleet.step(&[small, large, third], DELAY_MS, 1_000 * second);
            fleet.shares().collect::<Vec<f64>>()
        };
        assert_eq!(step(&mut fleet, of(Some(0.5), 600.0, 1.0), 0), [1.0; 3]);
        // 90 of 350, beside all of it: 900 of 800.
        let shares = step(&mut fleet, of(None, 600.0, 0.0), 1);
        assert!((shares[0] - 90.0 / 350.0).abs() < 1e-9, "{shares:?}");
        assert_eq!(shares[1], 1.0);
        let mut last = shares[0];
        for second in 2..100 {
            let shares = step(&mut fleet, of(None, 600.0, 0.0), second);
            assert!(shares[0] >= last, "{second} s: {shares:?}");
            last = shares[0];
        }
        assert_eq!(last, 1.0);
    }

    #[test]
    fn where_nothing_is_known_there_is_room() {
        let shares = shares(&[member(Some(1.2), 1.0), member(None, 1.0)]);
        assert!(shares[0] < 0.9 && shares[1] == 1.0, "{shares:?}");
    }

    #[test]
    fn capacities_weigh() {
        let of = |load, capacity| Member {
            capacity: Some(capacity),
            ..member(Some(load), 1.0)
        };
        assert!((level(&[of(1.0, 300.0), of(0.2, 100.0)]) - 0.8).abs() < 1e-9);
        assert_eq!(level(&[]), 0.0);
    }
}
