//! Where a policy goes by the load of its pools, loads even out, and do not swing.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use meridian::load::{Kind, Reports, Values, pool_work, shares};
use meridian::locate::Subnet;
use meridian::model::{Balance, PoolId, Share, Verdict};
use meridian::random::Random;
use meridian::state::{EndpointHealth, Health};

use super::sim::TTL;
use crate::world::{self, Asker, p, pool, up};

/// Seconds between a pool's reports.
const REPORTED: u64 = 2;
const MAX_AGE_MS: u64 = 10_000;
const POOLS: usize = 3;
/// What caches hold: client networks with so many clients each.
const CACHED: u64 = 300;
const CLIENTS: f64 = 10.0;

/// What the clients of a pool make of it.
#[derive(Clone, Copy)]
enum Work {
    /// Connections of each client.
    Connections([f64; POOLS]),
    /// Milliseconds that an idle pool takes, and how many clients fill it (a queue, M/M/1).
    Time([(f64, f64); POOLS]),
}

impl Work {
    fn of(self, pool: usize, clients: f64) -> f64 {
        match self {
            Work::Connections(each) => clients * each[pool],
            Work::Time(queues) => {
                let (idle_ms, room) = queues[pool];
                idle_ms / (1.0 - (clients / room).min(0.98))
            }
        }
    }
}

struct Even {
    kind: Kind,
    weights: [u16; POOLS],
    work: Work,
    asker: Asker,
    random: Random,
    reports: Reports,
    now: u64,
    /// Until when each is kept, and the pool that it says.
    cached: Vec<(u64, usize)>,
    /// Whose reports do not come.
    silent: Option<usize>,
    /// Without, all take all.
    steers: bool,
    /// Per second and pool.
    works: Vec<[f64; POOLS]>,
    clients: Vec<[f64; POOLS]>,
}

impl Even {
    fn new(balance: Balance, weights: [u16; POOLS], work: Work, seed: u64) -> Self {
        let members = (0..).map(p).zip(weights).collect();
        let pools = (0..POOLS).map(|_| pool([up()]));
        let policy = world::Policy::from(world::Kind::Of(balance, members));
        let mut random = Random::from_seed(seed);
        let cached = (0..CACHED).map(|_| (u64::from(random.below(TTL as u32)), 0));
        let cached = cached.collect();
        Even {
            kind: match balance {
                Balance::LeastConnections => Kind::LeastConnections,
                Balance::WeightedLeastConnections => Kind::WeightedLeastConnections,
                _ => Kind::LeastTime,
            },
            weights,
            work,
            asker: Asker::new(&world::world(pools, [policy]), seed),
            random,
            reports: Reports::default(),
            now: 0,
            cached,
            silent: None,
            steers: true,
            works: Vec::new(),
            clients: Vec::new(),
        }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.second();
        }
    }

    fn second(&mut self) {
        self.publish();
        for at in 0..self.cached.len() {
            if self.cached[at].0 <= self.now {
                let address = IpAddr::V4(Ipv4Addr::from((at as u32 + 1) << 8));
                let source = 24;
                self.asker.client.subnet = Some(Subnet { address, source });
                let pool = self.asker.pool().unwrap() as usize;
                self.cached[at] = (self.now + TTL, pool);
            }
        }
        let mut clients = [0.0; POOLS];
        for &(_, pool) in &self.cached {
            clients[pool] += CLIENTS;
        }
        let mut works = clients;
        for (pool, work) in works.iter_mut().enumerate() {
            *work = self.work.of(pool, *work);
            let is_time = (self.now + pool as u64).is_multiple_of(REPORTED);
            if is_time && self.silent != Some(pool) {
                let said = *work * (0.95 + 0.1 * self.random.fraction());
                let values = match self.kind {
                    Kind::LeastTime => Values {
                        time_ms: Some(said),
                        ..Values::default()
                    },
                    _ => Values {
                        connections: Some(said),
                        ..Values::default()
                    },
                };
                let (name, now_ms) = (pool.to_string(), 1_000 * self.now);
                self.reports.add(&name, values, now_ms, MAX_AGE_MS).unwrap();
            }
        }
        self.works.push(works);
        self.clients.push(clients);
        self.now += 1;
    }

    /// Has steering know what pools take.
    fn publish(&mut self) {
        let known = (0..POOLS).map(|pool| {
            let name = pool.to_string();
            let reading = self.reports.read(&name, 1_000 * self.now, MAX_AGE_MS);
            let work = pool_work(self.kind, None, reading.measured(), &[]);
            (self.weights[pool], work.filter(|_| self.steers))
        });
        let shares = shares(self.kind, &known.collect::<Vec<_>>());
        let shares = (0..).map(PoolId).zip(shares);
        let reduced: BTreeMap<_, _> = shares.filter(|(_, share)| *share != Share::ALL).collect();
        let root = &mut self.asker.root;
        let health = Health::new(&root.pools, |_| {
            EndpointHealth::new(Verdict::Up, 1_000 * TTL as u32)
        });
        root.health = health.with_shares(&root.pools, reduced).into();
    }

    /// Means since `from`, of what was pushed each second.
    fn means(seconds: &[[f64; POOLS]]) -> [f64; POOLS] {
        let mut means = [0.0; POOLS];
        for second in seconds {
            for (mean, of) in means.iter_mut().zip(second) {
                *mean += of / seconds.len() as f64;
            }
        }
        means
    }

    /// How uneven what pools have to do for their weight is, once that has settled; and by which part of its mean
    /// it departs from it, root mean square.
    fn settled(&mut self) -> (f64, f64) {
        self.run(10 * TTL);
        let from = self.works.len();
        self.run(40 * TTL);
        let seconds = &self.works[from..];
        let means = Self::means(seconds);
        let per_weight = means.iter().zip(self.weights);
        let per_weight: Vec<f64> = per_weight
            .map(|(mean, weight)| match self.kind {
                Kind::WeightedLeastConnections => mean / f64::from(weight),
                _ => *mean,
            })
            .collect();
        let largest = per_weight.iter().copied().fold(0.0, f64::max);
        let least = per_weight.iter().copied().fold(f64::MAX, f64::min);
        let off = seconds.iter().flat_map(|second| {
            let pairs = second.iter().zip(means);
            pairs.map(|(of, mean)| (of / mean - 1.0).powi(2))
        });
        let off: f64 = off.sum();
        let swing = (off / (POOLS * seconds.len()) as f64).sqrt();
        (largest / least, swing)
    }
}

fn settled(balance: Balance, weights: [u16; POOLS], work: Work, steers: bool) -> (f64, f64) {
    let of = |seed| {
        let mut even = Even::new(balance, weights, work, seed);
        even.steers = steers;
        even.settled()
    };
    let all: Vec<_> = (1..=3).map(of).collect();
    let worst = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).fold(0.0, f64::max);
    (worst(|of| of.0), worst(|of| of.1))
}

/// The part of what makes loads uneven that is left, and how much more they swing than by chance alone.
#[track_caller]
fn evens_out(balance: Balance, weights: [u16; POOLS], work: Work, left: f64) {
    let (before, chance) = settled(balance, weights, work, false);
    let (after, swing) = settled(balance, weights, work, true);
    let what = format!("{balance:?}: {before} -> {after}, {chance} -> {swing}");
    assert!(after.ln() <= left * before.ln(), "{what}");
    // An oscillation would swing by as much as loads were uneven.
    assert!(swing <= 1.5 * chance + 0.02, "{what}");
}

#[test]
fn connections_even_out() {
    let work = Work::Connections([3.0, 1.0, 1.0]);
    evens_out(Balance::LeastConnections, [1; 3], work, 0.75);
    evens_out(Balance::WeightedLeastConnections, [3, 1, 2], work, 0.75);
}

#[test]
fn times_even_out() {
    // The second is near to full without, and far from it with.
    let queues = [(10.0, 2_000.0), (10.0, 1_150.0), (10.0, 2_000.0)];
    evens_out(Balance::LeastTime, [1; 3], Work::Time(queues), 0.75);
}

#[test]
fn whose_reports_stop_gets_what_the_others_get_on_average() {
    let work = Work::Connections([3.0, 1.0, 1.0]);
    let mut even = Even::new(Balance::LeastConnections, [1; 3], work, 1);
    even.run(20 * TTL);
    let known = Even::means(&even.clients[10 * TTL as usize..]);
    assert!(known[0] < 0.85 * known[1], "{known:?}");
    even.silent = Some(0);
    even.run(5 * TTL);
    let from = even.clients.len();
    even.run(20 * TTL);
    let silent = Even::means(&even.clients[from..]);
    assert!((silent[0] / silent[1] - 1.0).abs() < 0.1, "{silent:?}");
}
