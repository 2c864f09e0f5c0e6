//! A world of regions on a circle. Everything that is random is drawn from a seed.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use meridian::load::{Fleet, Law, Member, Reports, Values, pool_load};
use meridian::locate::Subnet;
use meridian::model::{Balance, PolicyId, PoolId, Share, Verdict};
use meridian::random::Random;
use meridian::state::{EndpointHealth, Health};

use crate::world::{self, Asker, Kind};

/// TTL of answers, in seconds.
pub const TTL: u64 = 20;
/// Seconds until it is noticed that a pool fell, or came back.
const NOTICED: u64 = 3;
/// Seconds between a pool's reports; half of them are that late.
const REPORTED: u64 = 2;
const MAX_AGE_MS: u64 = 10_000;
pub const LAW: Law = Law {
    above: 0.9,
    below: 0.8,
    floor: 0.1,
};

/// How it is settled whether a pool takes a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Die {
    Chance,
    /// By a hash of client network and pool, as where a policy goes by the client.
    Sticky,
}

/// How many of the clients hang on one answer at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clients {
    /// Some large resolvers send no client subnets: 5 % of a region's clients each.
    Lumpy,
    /// All do, or are small: about 1 %.
    Fine,
}

/// What one resolver has for one client network, or for all its clients where it sends no client subnet.
struct Cached {
    home: usize,
    /// Connections that these clients have open.
    clients: f64,
    /// Seconds for which the answer is kept.
    kept: u64,
    expires: u64,
    pool: usize,
    subnet: Subnet,
}

#[derive(Clone, Copy)]
pub struct Region {
    /// On a circle of circumference 1.
    pub place: f64,
    /// Connections of its clients, and those that its pool can hold.
    pub demand: f64,
    pub capacity: f64,
}

pub struct World {
    regions: Vec<Region>,
    cached: Vec<Cached>,
    pub law: Option<Law>,
    asker: Asker,
    /// A pool that is fuller than this for 15 s falls.
    pub topples_at: f64,
    /// Seconds for which connections last on average: 1 at least.
    pub lasting: f64,
    random: Random,
    fleet: Fleet,
    reports: Reports,
    pub now: u64,
    works: Vec<bool>,
    /// Since when, in seconds, it has been as it is, and too full.
    since: Vec<u64>,
    too_full_since: Vec<Option<u64>>,
    shares: Vec<f64>,
    /// Per second and pool: load as a part of the capacity, and the share.
    pub loads: Vec<Vec<f64>>,
    pub published: Vec<Vec<f64>>,
    /// Whether it worked.
    pub worked: Vec<Vec<bool>>,
}

impl World {
    pub fn new(regions: &[Region], die: Die, clients: Clients, seed: u64) -> Self {
        let mut random = Random::from_seed(seed);
        let mut cached = Vec::new();
        for (home, region) in regions.iter().enumerate() {
            let mut add = |clients: f64, kept: u64| {
                let address = IpAddr::V4(Ipv4Addr::from((cached.len() as u32 + 1) << 8));
                cached.push(Cached {
                    home,
                    clients: clients * region.demand,
                    kept,
                    expires: u64::from(random.below(kept as u32)),
                    pool: home,
                    subnet: Subnet {
                        address,
                        source: 24,
                    },
                });
            };
            let lumps = if clients == Clients::Lumpy { 4 } else { 0 };
            for _ in 0..lumps {
                add(0.05, TTL);
            }
            // Public resolvers that send client subnets, of networks of very different sizes.
            let size = |rank: u32| 1.0 / f64::from(rank + 30);
            let sizes: f64 = (1..=150).map(size).sum();
            let theirs = 0.7 - 0.05 * f64::from(lumps);
            for rank in 1..=150 {
                add(theirs * size(rank) / sizes, TTL);
            }
            // Small ones, some of which keep answers for longer than they should.
            for number in 0..60 {
                add(0.3 / 60.0, if number % 6 == 0 { 2 * TTL } else { TTL });
            }
        }
        let many = regions.len();
        World {
            regions: regions.to_vec(),
            cached,
            law: Some(LAW),
            asker: asker(regions, die, seed),
            topples_at: f64::MAX,
            lasting: 1.0,
            random,
            fleet: Fleet::new(many),
            reports: Reports::default(),
            now: 0,
            works: vec![true; many],
            since: vec![0; many],
            too_full_since: vec![None; many],
            shares: vec![1.0; many],
            loads: Vec::new(),
            published: Vec::new(),
            worked: Vec::new(),
        }
    }

    pub fn set(&mut self, pool: usize, works: bool) {
        self.works[pool] = works;
        self.since[pool] = self.now;
    }

    pub fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.second();
        }
    }

    /// Part of all clients that are sent to the pool of their own region.
    pub fn at_home(&self) -> f64 {
        let all: f64 = self.cached.iter().map(|cached| cached.clients).sum();
        let home = self
            .cached
            .iter()
            .filter(|cached| cached.pool == cached.home);
        home.map(|cached| cached.clients).sum::<f64>() / all
    }

    fn counts_as_up(&self, pool: usize) -> bool {
        let is_noticed = self.now - self.since[pool] >= NOTICED || self.since[pool] == 0;
        self.works[pool] == is_noticed
    }

    fn second(&mut self) {
        let up: Vec<bool> = (0..self.regions.len())
            .map(|pool| self.counts_as_up(pool))
            .collect();
        self.publish(&up);
        for at in 0..self.cached.len() {
            if self.cached[at].expires <= self.now {
                let pool = self.answer(at);
                let cached = &mut self.cached[at];
                cached.pool = pool;
                cached.expires = self.now + cached.kept;
            }
        }
        let mut loads = vec![0.0; self.regions.len()];
        for cached in &self.cached {
            // Clients of a pool that does not work have no connections.
            if self.works[cached.pool] {
                loads[cached.pool] += cached.clients / self.regions[cached.pool].capacity;
            }
        }
        // Connections end by and by, wherever new ones go.
        if let Some(before) = self.loads.last() {
            for (load, before) in loads.iter_mut().zip(before) {
                *load = before + (*load - before) / self.lasting;
            }
        }
        self.topple(&loads);
        self.steer(&loads, &up);
        self.loads.push(loads);
        self.published.push(self.shares.clone());
        self.worked.push(self.works.clone());
        self.now += 1;
    }

    /// What steering says, to the clients of one cached answer.
    fn answer(&mut self, at: usize) -> usize {
        self.asker.ask.policy = PolicyId(self.cached[at].home as u32);
        self.asker.client.subnet = Some(self.cached[at].subnet);
        self.asker.pool().unwrap() as usize
    }

    /// Has steering know who is up, and what pools take.
    fn publish(&mut self, up: &[bool]) {
        let root = &mut self.asker.root;
        let health = Health::new(&root.pools, |id| {
            let verdict = match up[id.index()] {
                true => Verdict::Up,
                false => Verdict::Down,
            };
            EndpointHealth::new(verdict, 1_000 * TTL as u32)
        });
        let shares = (0..).map(PoolId).zip(&self.shares);
        let shares = shares.map(|(id, share)| (id, Share((share * 65_535.0) as u16)));
        let reduced = shares.filter(|(_, share)| *share != Share::ALL).collect();
        root.health = Arc::new(health.with_shares(&root.pools, reduced));
    }

    /// What is too full for too long falls, and comes back when it has rested.
    fn topple(&mut self, loads: &[f64]) {
        for (pool, &load) in loads.iter().enumerate() {
            let is_too_full = load > self.topples_at;
            let since = self.too_full_since[pool].get_or_insert(self.now);
            if !is_too_full {
                self.too_full_since[pool] = None;
            } else if self.now - *since >= 15 {
                self.set(pool, false);
            }
            let rested = !self.works[pool] && self.now - self.since[pool] >= 60;
            if rested && self.topples_at < f64::MAX {
                self.set(pool, true);
            }
        }
    }

    fn steer(&mut self, loads: &[f64], up: &[bool]) {
        let now_ms = 1_000 * self.now;
        for (pool, load) in loads.iter().enumerate() {
            if self.works[pool] && (self.now + pool as u64).is_multiple_of(REPORTED) {
                let noise = 0.97 + 0.06 * self.random.fraction();
                let values = Values {
                    connections: Some(load * self.regions[pool].capacity * noise),
                    ..Values::default()
                };
                let name = pool.to_string();
                self.reports.add(&name, values, now_ms, MAX_AGE_MS).unwrap();
            }
        }
        let mut lag_ms = 0;
        let members: Vec<Member> = (0..loads.len())
            .map(|pool| {
                let reading = self.reports.read(&pool.to_string(), now_ms, MAX_AGE_MS);
                let capacity = Some(self.regions[pool].capacity);
                let load = pool_load(capacity, reading.measured(), &[]);
                lag_ms = lag_ms.max(load.map_or(0, |(_, lag_ms)| lag_ms));
                Member {
                    law: self.law,
                    load: load.map(|(load, _)| load),
                    capacity,
                    open: if up[pool] { 1.0 } else { 0.0 },
                }
            })
            .collect();
        let delay_ms = 1_000 * TTL + lag_ms;
        if self.fleet.is_due(delay_ms, now_ms) {
            self.fleet.step(&members, delay_ms, now_ms);
        }
        self.shares = self.fleet.shares().collect();
    }
}

/// Steering with a policy per region, which has all pools in order of distance.
fn asker(regions: &[Region], die: Die, seed: u64) -> Asker {
    let many = regions.len();
    let pool = || {
        let pool = world::pool([world::up()]);
        match die {
            Die::Chance => pool,
            Die::Sticky => pool.balance(Balance::SourceHash),
        }
    };
    let policy = |home: &Region| {
        let distance = |&pool: &u8| {
            let apart = (regions[usize::from(pool)].place - home.place).abs();
            (apart.min(1.0 - apart) * 1e6) as u64
        };
        let mut order: Vec<u8> = (0..many as u8).collect();
        order.sort_by_key(distance);
        let by_slot = (0..many as u32).map(|pool| vec![world::p(pool)]);
        world::Policy::from(Kind::Geo(by_slot.collect(), order))
    };
    let pools = (0..many).map(|_| pool());
    Asker::new(&world::world(pools, regions.iter().map(policy)), seed)
}
