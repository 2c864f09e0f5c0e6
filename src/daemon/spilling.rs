//! Which pools spill into each other, and what does each take by its load?

use std::collections::HashMap;

use super::look::{Look, World};
use crate::config::{Config, Shed};
use crate::load::{Controller, Fleet, Law, Member, Reading, pool_load};
use crate::model::{PoolId, Share};
use crate::state::Pools;

/// How much lower the low-water mark is than the high-water mark, as a part of the capacity.
const BAND: f64 = 0.1;
/// A share is told of when it differs from what was told by more: a hundredth of all.
pub const QUANTUM: u16 = u16::MAX / 100;

/// What a pool takes before the first look at its load.
const NEW: &str = "takes all: its load was not looked at yet";

/// What a pool takes by its load, of what would come to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Taking {
    pub pool: PoolId,
    pub share: Share,
    pub why: String,
}

/// The pools that shed, with those that they spill into.
#[derive(Default)]
pub struct Spilling {
    groups: Vec<Group>,
}

/// Pools that some policy chooses among, or that have such a pool in common.
struct Group {
    fleet: Fleet,
    /// The longest TTL of the names that they serve.
    ttl_ms: u64,
    pools: Vec<Told>,
}

/// A pool, its name for what comes after a reload, and what was last told of it.
struct Told {
    pool: PoolId,
    name: Box<str>,
    share: Share,
    why: String,
}

impl Spilling {
    /// The same among the pools of another configuration: those that stay go on with what they take.
    pub fn among(self, config: &Config, pools: &Pools) -> Self {
        let mut before: HashMap<Box<str>, (Controller, Share, String)> = HashMap::new();
        for group in self.groups {
            let controllers = group.fleet.controllers().iter().cloned();
            for (told, controller) in group.pools.into_iter().zip(controllers) {
                before.insert(told.name, (controller, told.share, told.why));
            }
        }
        let groups = groups(config, pools).into_iter().map(|(ids, ttl_ms)| {
            let (mut told, mut controllers) = (Vec::new(), Vec::new());
            for pool in ids {
                let name = pools.pools[pool.index()].name.clone();
                let known = before.remove(&name);
                let (controller, share, why) =
                    known.unwrap_or_else(|| (Controller::default(), Share::ALL, NEW.to_owned()));
                controllers.push(controller);
                told.push(Told {
                    pool,
                    name,
                    share,
                    why,
                });
            }
            Group {
                fleet: Fleet::from(controllers),
                ttl_ms,
                pools: told,
            }
        });
        Spilling {
            groups: groups.collect(),
        }
    }

    /// A step of those for which it is time; which shares are others now than were told before. `read` says what
    /// is known of the load of a pool, or of an endpoint of it.
    pub fn step(
        &mut self,
        world: &World<'_>,
        read: &impl Fn(&str, PoolId) -> Reading,
        now_ms: u64,
    ) -> Vec<Taking> {
        let mut changed = Vec::new();
        for group in &mut self.groups {
            if !group.fleet.is_due(group.ttl_ms, now_ms) {
                continue;
            }
            let known: Vec<Known> = group
                .pools
                .iter()
                .map(|told| Known::of(told.pool, world, read))
                .collect();
            let members: Vec<Member> = known.iter().map(|known| known.member).collect();
            let lag_ms = known.iter().map(|known| known.lag_ms).max().unwrap_or(0);
            group.fleet.step(&members, group.ttl_ms + lag_ms, now_ms);
            let shares = group.fleet.shares().zip(&known).zip(&mut group.pools);
            for ((share, known), told) in shares {
                let share = Share((share * f64::from(Share::ALL.0)).round() as u16);
                told.why = known.why(share);
                let is_news = share.0.abs_diff(told.share.0) > QUANTUM
                    || (share == Share::ALL && told.share != share);
                if is_news {
                    told.share = share;
                    changed.push(told.taking());
                }
            }
        }
        changed
    }

    /// What every pool takes that may shed or that another one spills into.
    pub fn takings(&self) -> impl Iterator<Item = Taking> {
        let pools = self.groups.iter().flat_map(|group| &group.pools);
        pools.map(Told::taking)
    }
}

impl Told {
    fn taking(&self) -> Taking {
        Taking {
            pool: self.pool,
            share: self.share,
            why: self.why.clone(),
        }
    }
}

/// What is known of a pool at a time.
struct Known {
    member: Member,
    shed: Option<Shed>,
    lag_ms: u64,
    /// Why its load is not known, if it is not.
    unknown: String,
}

impl Known {
    fn of(id: PoolId, world: &World<'_>, read: &impl Fn(&str, PoolId) -> Reading) -> Self {
        let look = Look::at(id, world, read);
        let shed = world.config.pools[id.index()].load.shed;
        let load = pool_load(look.capacity, look.reading.measured(), &look.parts);
        let of_parts = look.parts.iter().map(|part| part.capacity).sum();
        let capacity = look.capacity.or(of_parts);
        Known {
            member: Member {
                law: shed.map(law),
                load: load.map(|(load, _)| load),
                capacity: capacity.filter(|&capacity| capacity > 0.0),
                open: match look.is_asked {
                    true => {
                        let besides = world.besides.get(&id).copied().unwrap_or_default();
                        f64::from(besides.0) / f64::from(Share::ALL.0)
                    }
                    false => 0.0,
                },
            },
            shed,
            lag_ms: load.map_or(0, |(_, lag_ms)| lag_ms),
            unknown: match look.told {
                // Only connections, and no capacity to compare them with.
                Reading::Fresh(_) => format!("{}, but its capacity is not known", look.told),
                Reading::Never | Reading::Stale { .. } => look.told.to_string(),
            },
        }
    }

    /// In words, for those who look.
    fn why(&self, share: Share) -> String {
        let takes = match share {
            Share::ALL => "takes all".to_owned(),
            share => format!("takes {share}"),
        };
        let because = match (self.member.load, self.shed) {
            (Some(load), Some(shed)) => format!(
                "load {} % of its capacity, sheds past {} %",
                percent(load),
                percent(shed.above)
            ),
            (Some(load), None) => {
                format!("load {} % of its capacity, never sheds", percent(load))
            }
            (None, _) => self.unknown.clone(),
        };
        format!("{takes}: {because}")
    }
}

fn percent(part: f64) -> f64 {
    (100.0 * part).round()
}

fn law(shed: Shed) -> Law {
    Law {
        above: shed.above,
        below: shed.above - BAND,
        floor: shed.floor,
    }
}

/// Groups of pools of which one at least sheds, each with the longest TTL of names that it serves, in
/// milliseconds.
fn groups(config: &Config, pools: &Pools) -> Vec<(Vec<PoolId>, u64)> {
    if config.pools.iter().all(|pool| pool.load.shed.is_none()) {
        return Vec::new();
    }
    let mut sets = Sets((0..pools.pools.len()).collect());
    for policy in &pools.policies {
        for pair in policy.reach.windows(2) {
            sets.join(pair[0].index(), pair[1].index());
        }
    }
    let mut ttl_ms: HashMap<usize, u64> = HashMap::new();
    for name in config.zones.iter().flat_map(|zone| &zone.balanced) {
        let policy = pools.policies.get(name.policy.index());
        if let Some(first) = policy.and_then(|policy| policy.reach.first()) {
            let of_set = ttl_ms.entry(sets.root(first.index())).or_default();
            *of_set = (*of_set).max(1000 * u64::from(name.ttl.max_s));
        }
    }
    let mut groups: HashMap<usize, Vec<PoolId>> = HashMap::new();
    for pool in 0..pools.pools.len() {
        let group = groups.entry(sets.root(pool)).or_default();
        group.push(PoolId(pool as u32));
    }
    let sheds = |id: &PoolId| config.pools[id.index()].load.shed.is_some();
    let groups = groups.into_iter();
    let mut groups: Vec<_> = groups
        .filter(|(_, pools)| pools.iter().any(sheds))
        .map(|(root, pools)| (pools, ttl_ms.get(&root).copied().unwrap_or(0)))
        .collect();
    groups.sort_unstable();
    groups
}

/// Disjoint sets of numbers (union-find, with path halving).
struct Sets(Vec<usize>);

impl Sets {
    fn root(&mut self, mut of: usize) -> usize {
        while self.0[of] != of {
            self.0[of] = self.0[self.0[of]];
            of = self.0[of];
        }
        of
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::compile::{self, Whole};
    use crate::load::{Measured, Values};
    use crate::model::Verdict;
    use crate::state::health::{EndpointHealth, Health};

    const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:0"]
[region.eu]
location = "DE"
[pool.a]
region = "eu"
endpoints = ["192.0.2.1", "192.0.2.2"]
capacity = 100
shed = { above = "90%" }
[pool.b]
region = "eu"
endpoints = ["192.0.2.3"]
[pool.c]
region = "eu"
endpoints = ["192.0.2.4"]
[pool.alone]
region = "eu"
endpoints = ["192.0.2.5"]
[policy.ab]
failover = ["a", "b"]
[policy.bc]
failover = ["b", "c"]
[policy.single]
failover = ["alone"]
[zone."example.com"]
file = "example.zone"
[zone."example.com".balanced]
ab = { policy = "ab", ttl = "10s" }
bc = { policy = "bc", ttl = ["5s", "20s"] }
alone = { policy = "single", ttl = "5m" }
"#;

    fn whole(config: &str) -> Whole {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meridian.toml");
        fs::write(&path, config).unwrap();
        let zone = "$TTL 300\n@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.53\n";
        fs::write(folder.path().join("example.zone"), zone).unwrap();
        compile::load(&path, None).unwrap().0
    }

    fn connections(connections: f64) -> Reading {
        let values = Values {
            connections: Some(connections),
            ..Values::default()
        };
        Reading::Fresh(Measured { values, lag_ms: 0 })
    }

    fn health(whole: &Whole, down: &[u32]) -> Health {
        Health::new(&whole.parts.pools, |id| {
            let verdict = match down.contains(&id.0) {
                true => Verdict::Down,
                false => Verdict::Up,
            };
            EndpointHealth::new(verdict, 0)
        })
    }

    /// What changes within some seconds of the same.
    fn stepped(
        spilling: &mut Spilling,
        whole: &Whole,
        down: &[u32],
        read: impl Fn(&str, PoolId) -> Reading,
        seconds: std::ops::Range<u64>,
    ) -> Vec<Taking> {
        let health = health(whole, down);
        let world = World {
            config: &whole.config,
            pools: &whole.parts.pools,
            health: &health,
            besides: &BTreeMap::new(),
        };
        let mut step = |second| spilling.step(&world, &read, 1000 * second);
        seconds.flat_map(&mut step).collect()
    }

    #[test]
    fn pools_with_a_policy_in_common_spill_into_each_other() {
        let whole = whole(CONFIG);
        let groups = groups(&whole.config, &whole.parts.pools);
        assert_eq!(groups, [(vec![PoolId(0), PoolId(1), PoolId(2)], 20_000)]);
        let none = CONFIG.replace("shed = ", "# ");
        let whole = super::tests::whole(&none);
        assert_eq!(super::groups(&whole.config, &whole.parts.pools), []);
    }

    #[test]
    fn a_pool_that_is_too_full_takes_less_until_it_is_not_and_says_why() {
        let whole = whole(CONFIG);
        let mut spilling = Spilling::default().among(&whole.config, &whole.parts.pools);
        // Half of the capacity each: 140 % in all.
        let full = |what: &str, _| match what {
            "a/192.0.2.1" => connections(80.0),
            "a/192.0.2.2" => connections(60.0),
            _ => Reading::Never,
        };
        let changed = stepped(&mut spilling, &whole, &[], full, 0..10);
        let last = changed.last().unwrap();
        assert_eq!(last.pool, PoolId(0));
        assert!(last.share < Share(50_000), "{last:?}");
        let why = "load 140 % of its capacity, sheds past 90 %";
        assert!(last.why.starts_with("takes ") && last.why.ends_with(why));

        // The same after a reload, whatever the places of pools there.
        let more = CONFIG.replace(
            "[pool.a]",
            "[pool.first]\nregion = \"eu\"\nendpoints = [\"192.0.2.9\"]\n[pool.a]",
        );
        let whole = super::tests::whole(&more);
        let mut spilling = spilling.among(&whole.config, &whole.parts.pools);
        let kept = spilling.takings().find(|taking| taking.pool == PoolId(1));
        assert_eq!(kept.unwrap().share, last.share);

        let stale = Reading::Stale {
            age_ms: 34_000,
            max_age_ms: 10_000,
        };
        let changed = stepped(&mut spilling, &whole, &[], |_, _| stale, 10..600);
        let last = changed.last().unwrap();
        assert_eq!((last.pool, last.share), (PoolId(1), Share::ALL));
        let why = "takes all: load ignored: the last report is 34 s old, which is more than 10 s";
        let last = spilling.takings().find(|taking| taking.pool == PoolId(1));
        assert_eq!(last.unwrap().why, why);
    }

    #[test]
    fn of_a_pools_capacity_that_of_endpoints_that_are_down_is_gone() {
        let whole = whole(CONFIG);
        let read = |what: &str, _| match what {
            "a" => connections(80.0),
            _ => Reading::Never,
        };
        for (down, load) in [(&[][..], "load 80 %"), (&[1], "load 160 %")] {
            let mut spilling = Spilling::default().among(&whole.config, &whole.parts.pools);
            stepped(&mut spilling, &whole, down, read, 0..1);
            let why = spilling.takings().next().unwrap().why;
            assert!(why.contains(load), "{why}");
        }
    }
}
