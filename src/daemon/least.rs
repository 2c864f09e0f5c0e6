//! Which pools have less to do than others of their policy, where it goes by that?

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::look::{Look, World};
use super::spilling::{QUANTUM, Taking};
use crate::config::{Config, Member, Policy};
use crate::load::{Kind, Reading, pool_work, shares};
use crate::model::{Balance, PoolId, RegionId, Share};
use crate::state::Pools;

/// The policies that go by the load of their pools, and what those pools take.
#[derive(Default)]
pub struct Least {
    groups: Vec<Group>,
    /// By name, which a reload leaves as it is: what was told last of those that were asked.
    takings: BTreeMap<Box<str>, Taking>,
}

/// Pools among which a policy draws: all of it, or in a `geo` policy those of one region.
#[derive(Debug, PartialEq)]
struct Group {
    policy: String,
    kind: Kind,
    members: Vec<(PoolId, u16)>,
}

/// What a pool of a group has to do.
struct Work {
    pool: PoolId,
    weight: u16,
    work: Option<f64>,
    /// Why that is not known, if it is not.
    told: Reading,
}

/// What pools or endpoints go by, if it is their load.
pub fn kind(balance: Balance) -> Option<Kind> {
    match balance {
        Balance::LeastConnections => Some(Kind::LeastConnections),
        Balance::WeightedLeastConnections => Some(Kind::WeightedLeastConnections),
        Balance::LeastTime => Some(Kind::LeastTime),
        _ => None,
    }
}

impl Least {
    /// The same among the policies of another configuration: pools that stay go on with what they take.
    pub fn among(mut self, config: &Config, pools: &Pools) -> Self {
        let groups: Vec<Group> = config.policies.iter().flat_map(groups).collect();
        let members = groups.iter().flat_map(|group| &group.members);
        let known = members.filter_map(|&(pool, _)| {
            let (name, taking) = self.takings.remove_entry(&pools.pools[pool.index()].name)?;
            Some((name, Taking { pool, ..taking }))
        });
        Least {
            takings: known.collect(),
            groups,
        }
    }

    /// Looks again; which shares are others now than were told before. `read` says what is known of the load of a
    /// pool, or of an endpoint of it.
    pub fn step(
        &mut self,
        world: &World<'_>,
        read: &impl Fn(&str, PoolId) -> Reading,
    ) -> Vec<Taking> {
        let mut takings: BTreeMap<PoolId, (Share, String)> = BTreeMap::new();
        for group in &self.groups {
            let works: Vec<Work> = group.works(world, read);
            let known: Vec<_> = works.iter().map(|of| (of.weight, of.work)).collect();
            for (of, share) in works.iter().zip(shares(group.kind, &known)) {
                let why = || group.why(of, &works, world.pools);
                // Of several policies, that counts by which it has most to do.
                match takings.get(&of.pool) {
                    Some((less, _)) if *less <= share => {}
                    _ => drop(takings.insert(of.pool, (share, why()))),
                }
            }
        }
        let mut changed = Vec::new();
        let mut told = BTreeMap::new();
        for (pool, (share, why)) in takings {
            let name = &world.pools.pools[pool.index()].name;
            let before = self.takings.get(name);
            let before = before.map_or(Share::ALL, |taking| taking.share);
            let is_news = share.0.abs_diff(before.0) > QUANTUM
                || (share == Share::ALL && before != Share::ALL);
            let share = if is_news { share } else { before };
            let takes = match share {
                Share::ALL => "takes all".to_owned(),
                share => format!("takes {share}"),
            };
            let taking = Taking {
                pool,
                share,
                why: format!("{takes}: {why}"),
            };
            if is_news {
                changed.push(taking.clone());
            }
            told.insert(name.clone(), taking);
        }
        // Whoever is not asked any more has nothing to take a part of.
        let before = self.takings.iter();
        let gone =
            before.filter(|(name, taking)| taking.share != Share::ALL && !told.contains_key(*name));
        changed.extend(gone.map(|(_, taking)| Taking {
            pool: taking.pool,
            share: Share::ALL,
            why: "takes all: nobody asks it while it is down".to_owned(),
        }));
        self.takings = told;
        changed
    }

    /// What every pool takes that is a member of such a policy and is up.
    pub fn takings(&self) -> impl Iterator<Item = &Taking> {
        self.takings.values()
    }
}

impl Group {
    /// Those of its pools that are asked.
    fn works(&self, world: &World<'_>, read: &impl Fn(&str, PoolId) -> Reading) -> Vec<Work> {
        let looks = self.members.iter().map(|&(pool, weight)| {
            let look = Look::at(pool, world, read);
            let measured = look.reading.measured();
            let work = pool_work(self.kind, look.capacity, measured, &look.parts);
            let of = Work {
                pool,
                weight,
                work,
                told: look.told,
            };
            look.is_asked.then_some(of)
        });
        looks.flatten().collect()
    }

    /// In words, for those who look.
    fn why(&self, of: &Work, works: &[Work], pools: &Pools) -> String {
        let mut why = match (of.work, of.told) {
            (Some(work), _) => self.words(work, of.weight),
            // Something else was reported.
            (None, told @ Reading::Fresh(_)) => format!("{told}, which is not what counts here"),
            (None, told) => told.to_string(),
        };
        let weighed = |of: &Work| Some(of.work? / f64::from(of.weight.max(1)));
        let others = works.iter().filter(|other| other.pool != of.pool);
        let least = others
            .filter_map(|other| Some((weighed(other)?, other)))
            .min_by(|(a, _), (b, _)| a.total_cmp(b));
        if let Some((_, other)) = least
            && let Some(work) = other.work
        {
            let name = &pools.pools[other.pool.index()].name;
            // Writing to a string cannot fail.
            let _ = match of.work {
                Some(_) => write!(why, "; {name} has {}", self.words(work, other.weight)),
                None => write!(why, "; it gets what the others get on average"),
            };
        }
        let _ = write!(why, " (policy {})", self.policy);
        why
    }

    fn words(&self, work: f64, weight: u16) -> String {
        match self.kind {
            Kind::LeastConnections => format!("{} connections", work.round()),
            Kind::WeightedLeastConnections => {
                format!("{} connections for weight {weight}", work.round())
            }
            Kind::LeastTime => format!("{} ms", (10.0 * work).round() / 10.0),
        }
    }
}

/// What a policy draws from by load.
fn groups(policy: &Policy) -> Vec<Group> {
    let Some(kind) = kind(policy.balance) else {
        return Vec::new();
    };
    let mut by_region: BTreeMap<Option<RegionId>, Vec<(PoolId, u16)>> = BTreeMap::new();
    for member in &policy.members {
        // Policies are refused as members of these.
        if let Member::Pool(pool) = member.member {
            let of_region = by_region.entry(member.region).or_default();
            of_region.push((pool, member.weight));
        }
    }
    let group = |members| Group {
        policy: policy.name.clone(),
        kind,
        members,
    };
    by_region.into_values().map(group).collect()
}

#[cfg(test)]
mod tests {
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
[region.us]
location = "US"
[pool.a]
region = "eu"
endpoints = ["192.0.2.1", "192.0.2.2"]
[pool.b]
region = "eu"
endpoints = ["192.0.2.3"]
[pool.c]
region = "us"
endpoints = ["192.0.2.4"]
[policy.by-weight]
weighted-least-connections = { a = 3, b = 1 }
[policy.near]
geo = ["a", "b", "c"]
balance = "least-connections"
[zone."example.com"]
file = "example.zone"
[zone."example.com".balanced]
www = { policy = "by-weight" }
near = { policy = "near" }
"#;

    fn whole(config: &str) -> Whole {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meridian.toml");
        fs::write(&path, config).unwrap();
        let zone = "$TTL 300\n@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.53\n";
        fs::write(folder.path().join("example.zone"), zone).unwrap();
        compile::load(&path, None).unwrap().0
    }

    fn step(least: &mut Least, whole: &Whole, down: &[u32], of: &[(&str, f64)]) -> Vec<Taking> {
        let health = Health::new(&whole.parts.pools, |id| {
            let verdict = match down.contains(&id.0) {
                true => Verdict::Down,
                false => Verdict::Up,
            };
            EndpointHealth::new(verdict, 0)
        });
        let world = World {
            config: &whole.config,
            pools: &whole.parts.pools,
            health: &health,
            besides: &BTreeMap::new(),
        };
        let read = |what: &str, _| {
            let reported = of.iter().find(|(name, _)| *name == what);
            let Some(&(_, connections)) = reported else {
                return Reading::Never;
            };
            let values = Values {
                connections: Some(connections),
                ..Values::default()
            };
            Reading::Fresh(Measured { values, lag_ms: 0 })
        };
        least.step(&world, &read)
    }

    fn least(whole: &Whole) -> Least {
        Least::default().among(&whole.config, &whole.parts.pools)
    }

    #[test]
    fn a_policy_draws_from_all_of_its_pools_or_from_those_of_one_region() {
        let groups = least(&whole(CONFIG)).groups;
        let of = |policy: &str, kind, members: &[(u32, u16)]| Group {
            policy: policy.to_owned(),
            kind,
            members: members
                .iter()
                .map(|&(id, weight)| (PoolId(id), weight))
                .collect(),
        };
        let expected = [
            of(
                "by-weight",
                Kind::WeightedLeastConnections,
                &[(0, 3), (1, 1)],
            ),
            of("near", Kind::LeastConnections, &[(0, 1), (1, 1)]),
            of("near", Kind::LeastConnections, &[(2, 1)]),
        ];
        assert_eq!(groups, expected);
    }

    #[test]
    fn of_two_policies_that_counts_by_which_a_pool_has_most_to_do_and_it_is_said_why() {
        let whole = whole(CONFIG);
        let mut least = least(&whole);
        // Of the first pool, connections of its endpoints add up.
        let of = [("a/192.0.2.1", 150.0), ("a/192.0.2.2", 149.0), ("b", 99.0)];
        let changed = step(&mut least, &whole, &[], &of);
        // By weight they are even; without, the first has three times as many.
        let [taking] = &changed[..] else {
            panic!("{changed:?}")
        };
        assert_eq!(taking.pool, PoolId(0));
        let expected =
            crate::load::shares(Kind::LeastConnections, &[(1, Some(299.0)), (1, Some(99.0))]);
        assert_eq!(taking.share, expected[0]);
        let because = ": 299 connections; b has 99 connections (policy near)";
        assert!(taking.why.ends_with(because), "{}", taking.why);
        assert!(taking.why.starts_with("takes 7"), "{}", taking.why);
        // Nothing that matters has changed.
        let of = [("a/192.0.2.1", 151.0), ("a/192.0.2.2", 149.0), ("b", 99.0)];
        assert_eq!(step(&mut least, &whole, &[], &of), []);
        let takings: Vec<_> = least.takings().map(|taking| taking.share).collect();
        assert_eq!(takings, [expected[0], Share::ALL, Share::ALL]);
    }

    #[test]
    fn who_is_not_known_gets_what_the_others_get_and_without_others_all() {
        let whole = whole(&CONFIG.replace(
            "geo = [\"a\", \"b\", \"c\"]\nbalance = \"least-connections\"",
            "least-connections = [\"a\", \"b\", \"c\"]",
        ));
        let mut least = least(&whole);
        assert_eq!(step(&mut least, &whole, &[], &[]), []);
        let of = [("a", 9_999.0), ("b", 0.0)];
        let changed = step(&mut least, &whole, &[], &of);
        assert_eq!(changed.len(), 2, "{changed:?}");
        let of_c = least
            .takings()
            .find(|taking| taking.pool == PoolId(2))
            .unwrap();
        let because = ": no load reported; it gets what the others get on average (policy near)";
        assert!(of_c.why.ends_with(because), "{}", of_c.why);
        assert!(changed[0].share < of_c.share && of_c.share < Share::ALL);
        // Who is alone takes all, and so does who comes back.
        let changed = step(&mut least, &whole, &[2, 3], &of);
        let shares: Vec<_> = changed.iter().map(|taking| taking.share).collect();
        assert_eq!(shares, [Share::ALL; 2], "{changed:?}");
        assert_eq!(least.takings().count(), 1);
    }

    #[test]
    fn a_reload_leaves_shares_as_they_are() {
        let first = whole(CONFIG);
        let mut least = least(&first);
        let of = [("a", 9_999.0), ("b", 9.0)];
        assert_eq!(step(&mut least, &first, &[], &of).len(), 1);
        let share = least.takings().next().unwrap().share;
        // The pools are numbered otherwise.
        let second = whole(&CONFIG.replace(
            "[pool.a]",
            "[pool.before]\nregion = \"eu\"\nendpoints = [\"192.0.2.9\"]\n[pool.a]",
        ));
        let mut least = least.among(&second.config, &second.parts.pools);
        let kept = least.takings().find(|taking| taking.share != Share::ALL);
        let kept = kept.map(|taking| (taking.pool, taking.share));
        assert_eq!(kept, Some((PoolId(1), share)));
        assert_eq!(step(&mut least, &second, &[], &of), []);
    }
}
