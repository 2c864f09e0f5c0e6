//! What do pools that spill into each other take, all together?
//!
//! Each pool sheds by its own load. What it does not take comes to the next, which sheds by the same law, so
//! that what a pool that fell leaves behind spreads outwards until there is room for it. Two rules are about all
//! of them: where there is no room anywhere, all are to be overloaded alike, instead of sending
//! the excess round; and one of them always takes all that comes to it.

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
}

impl Fleet {
    pub fn new(pools: usize) -> Self {
        Fleet {
            controllers: vec![Controller::default(); pools],
            stepped_ms: None,
        }
    }

    /// The part of what would come to each pool that it takes.
    pub fn shares(&self) -> impl Iterator<Item = f64> {
        self.controllers.iter().map(Controller::share)
    }

    /// A step, if it is time for one; `members` in the order of the pools. A change is seen by all after
    /// `delay_ms`: the longest TTL, and how late reports are.
    pub fn step(&mut self, members: &[Member], delay_ms: u64, now_ms: u64) {
        let waited = |at_ms| now_ms.saturating_sub(at_ms) >= step_ms(delay_ms);
        if !self.stepped_ms.is_none_or(waited) {
            return;
        }
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
        keep_one_open(members, &mut next);
        for ((controller, member), share) in self.controllers.iter_mut().zip(members).zip(next) {
            controller.set(share, member.open, delay_ms, now_ms);
        }
    }
}

/// The load if all had their part of it: by what is known of those that serve.
fn level(members: &[Member]) -> f64 {
    let known = members.iter().filter(|member| member.open > 0.0);
    let known = known.filter_map(|member| Some((member.load?, member.capacity.unwrap_or(1.0))));
    let (load, capacity) = known.fold((0.0, 0.0), |(load, capacity), (l, c)| {
        (load + l * c, capacity + c)
    });
    if capacity > 0.0 { load / capacity } else { 0.0 }
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
