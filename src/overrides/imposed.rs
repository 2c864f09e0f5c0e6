//! What do overrides make of endpoints and pools?

use std::collections::{BTreeMap, HashMap};

use super::{Action, Override};
use crate::model::{EndpointId, PoolId, Share, Verdict};
use crate::state::Pools;
use crate::state::health::EndpointHealth;

/// What holds for an endpoint instead of what is observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forced {
    pub health: EndpointHealth,
    /// In words, for explain.
    pub why: String,
}

/// Which part is taken of what would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub share: Share,
    /// In words, for explain.
    pub why: String,
    /// Whether that is on the way to nothing.
    is_draining: bool,
}

/// What holds for endpoints and pools, at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imposed {
    pub verdicts: HashMap<EndpointId, Forced>,
    /// Of those that are meant by their addresses.
    pub endpoints: HashMap<EndpointId, Part>,
    pub pools: BTreeMap<PoolId, Part>,
    /// Whether it will be something else a moment later.
    pub is_moving: bool,
}

/// What those of `overrides` whose time is not over make of the endpoints of `pools`: of several that mean the
/// same endpoint, the one that was given last holds, but a freeze only where there is no other. Words about weight
/// and words about being up do not concern one another. `held` says what an endpoint was when it was frozen.
pub fn imposed<'o>(
    overrides: impl IntoIterator<Item = &'o Override>,
    held: impl Fn(u64, EndpointId) -> Option<Verdict>,
    pools: &Pools,
    now_unix_ms: u64,
) -> Imposed {
    let mut imposed = Imposed::default();
    let is_over = |word: &Override| word.until_unix_ms.is_some_and(|until| until <= now_unix_ms);
    let standing = overrides.into_iter().filter(|word| !is_over(word));
    let mut in_order: Vec<&Override> = standing.collect();
    in_order.sort_by_key(|word| (word.action != Action::Freeze, word.id));
    for word in in_order {
        let left = left_of_change(word, now_unix_ms);
        match word.action {
            Action::Weight => imposed.weigh(word, left, pools),
            Action::Drain if left > 0.0 => imposed.weigh(word, left, pools),
            Action::Drain | Action::Down | Action::Up | Action::Freeze => {
                imposed.force(word, &held, pools, now_unix_ms);
            }
        }
    }
    imposed
}

impl Imposed {
    fn force(
        &mut self,
        word: &Override,
        held: impl Fn(u64, EndpointId) -> Option<Verdict>,
        pools: &Pools,
        now_unix_ms: u64,
    ) {
        for id in word.what.endpoints(pools) {
            let verdict = match word.action {
                Action::Up => Some(Verdict::Up),
                Action::Freeze => held(word.id, id),
                _ => Some(Verdict::Down),
            };
            // Of what came after it was frozen, nothing was known then: it is what it is observed to be.
            let Some(verdict) = verdict else { continue };
            let flip_after_ms = steady_ms(pools, id, verdict).min(left_ms(word, now_unix_ms));
            let health = EndpointHealth {
                is_forced: true,
                ..EndpointHealth::new(verdict, flip_after_ms)
            };
            let why = word.to_string();
            self.verdicts.insert(id, Forced { health, why });
            if word.action == Action::Up {
                // Who was on the way out is called back.
                let pool = pools.endpoints[id.index()].pool;
                if self.endpoints.get(&id).is_some_and(|part| part.is_draining) {
                    self.endpoints.remove(&id);
                }
                if self.pools.get(&pool).is_some_and(|part| part.is_draining) {
                    self.pools.remove(&pool);
                }
            }
        }
    }

    /// `left` is what is left of the change: 1.0 at its beginning, 0.0 at its end.
    fn weigh(&mut self, word: &Override, left: f64, pools: &Pools) {
        self.is_moving |= left > 0.0;
        let end = word.percent.map_or(Share::NONE, |percent| percent.share());
        let part = |before: Option<&Part>| {
            // On the way out, a weight does not call back.
            let draining = before.filter(|part| part.is_draining && word.action == Action::Weight);
            let from = match (before, draining) {
                (Some(part), None) => part.share,
                _ => Share::ALL,
            };
            let (from, to) = (f64::from(from.0), f64::from(end.0));
            let share = Share((to + (from - to) * left).round() as u16);
            Part {
                share: draining.map_or(share, |part| share.and(part.share)),
                why: word.to_string(),
                is_draining: word.action == Action::Drain || draining.is_some(),
            }
        };
        if word.what.is_of_endpoints() {
            for id in word.what.endpoints(pools) {
                let part = part(self.endpoints.get(&id));
                self.endpoints.insert(id, part);
            }
        } else {
            for id in word.what.pools(pools) {
                let part = part(self.pools.get(&id));
                self.pools.insert(id, part);
            }
        }
    }
}

/// What is left of a change that takes its time: 1.0 at its beginning, 0.0 at its end.
fn left_of_change(word: &Override, now_unix_ms: u64) -> f64 {
    let Some(over_s) = word.over_s.filter(|&over_s| over_s > 0) else {
        return 0.0;
    };
    let gone_ms = now_unix_ms.saturating_sub(word.since_unix_ms) as f64;
    (1.0 - gone_ms / (over_s as f64 * 1000.0)).clamp(0.0, 1.0)
}

/// How soon what is forced could change, of endpoints that nothing watches.
const UNWATCHED_MS: u32 = 10_000;

/// How soon probes could change a verdict that nothing speaks against: the operator's next word is believed to
/// be no nearer.
fn steady_ms(pools: &Pools, id: EndpointId, verdict: Verdict) -> u32 {
    pools.steady_ms(id, verdict).unwrap_or(UNWATCHED_MS)
}

/// For how long it would hold when it was looked at.
fn left_ms(word: &Override, now_unix_ms: u64) -> u32 {
    let left = word
        .until_unix_ms
        .map(|until| until.saturating_sub(now_unix_ms));
    left.map_or(u32::MAX, |left| left.try_into().unwrap_or(u32::MAX))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::model::{Balance, MinHealthy, PoolId, RegionId};
    use crate::state::pools::{Endpoint, Pool, Region};

    /// Region eu has pools `web-eu` (10.0.0.0, 10.0.0.1) and `us` (10.0.0.2), region us has `web-us` (10.0.0.0 again).
    pub fn pools() -> Pools {
        let pool = |name: &str, region, first, count| Pool {
            name: name.into(),
            seed: 0,
            region: RegionId(region),
            balance: Balance::Weighted,
            first: EndpointId(first),
            count,
            preferences: [None, None],
            min_healthy: MinHealthy::default(),
            serve_whole: false,
            is_of_names: false,
            monitor: None,
            unknown_is_up: true,
        };
        let endpoint = |octet, pool| Endpoint {
            destination: std::net::IpAddr::from([10, 0, 0, octet]).into(),
            seed: 0,
            weight: 1,
            pool: PoolId(pool),
            target: None,
        };
        Pools {
            regions: ["eu", "us"].map(|name| Region { name: name.into() }).into(),
            pools: [
                pool("web-eu", 0, 0, 2),
                pool("us", 0, 2, 1),
                pool("web-us", 1, 3, 1),
            ]
            .into(),
            endpoints: [
                endpoint(0, 0),
                endpoint(1, 0),
                endpoint(2, 1),
                endpoint(0, 2),
            ]
            .into(),
            ..Pools::default()
        }
    }

    pub fn word(id: u64, what: &str, action: Action) -> Override {
        Override {
            id,
            what: what.parse().unwrap(),
            action,
            percent: None,
            over_s: None,
            reason: None,
            by: None,
            since_unix_ms: 0,
            until_unix_ms: None,
        }
    }

    #[test]
    fn the_last_word_holds() {
        let words = [
            word(2, "10.0.0.1", Action::Up),
            word(1, "region:eu", Action::Drain),
            word(3, "us", Action::Down),
        ];
        let forced = imposed(&words, |_, _| None, &pools(), 0).verdicts;
        let verdict = |id: u32| forced[&EndpointId(id)].health.verdict;
        assert_eq!(
            [0, 1, 2, 3].map(verdict),
            [Verdict::Down, Verdict::Up, Verdict::Down, Verdict::Down]
        );
        assert_eq!(forced[&EndpointId(0)].why, "drained (override 1)");
        assert_eq!(forced[&EndpointId(2)].why, "forced down (override 3)");
    }

    #[test]
    fn what_is_frozen_stays_what_it_was_and_newcomers_are_what_they_are() {
        let held = |id, endpoint: EndpointId| {
            assert_eq!(id, 7);
            [None, Some(Verdict::Up), Some(Verdict::Down), None][endpoint.index()]
        };
        let forced = imposed(&[word(7, "*", Action::Freeze)], held, &pools(), 0).verdicts;
        assert_eq!(forced.len(), 2);
        assert_eq!(forced[&EndpointId(1)].health.verdict, Verdict::Up);
        assert_eq!(forced[&EndpointId(2)].health.verdict, Verdict::Down);
    }

    #[test]
    fn what_is_drained_stays_drained_when_all_is_frozen() {
        let words = [word(1, "eu", Action::Drain), word(2, "*", Action::Freeze)];
        let forced = imposed(&words, |_, _| Some(Verdict::Up), &pools(), 0).verdicts;
        assert_eq!(forced[&EndpointId(0)].why, "drained (override 1)");
        assert_eq!(forced[&EndpointId(3)].why, "frozen (override 2)");
    }

    #[test]
    fn it_may_flip_when_its_time_is_over() {
        let mut word = word(1, "10.0.0.2", Action::Drain);
        let flip = |word: &Override, now| {
            let forced = imposed([word], |_, _| None, &pools(), now).verdicts;
            forced[&EndpointId(2)].health.flip_after_ms
        };
        assert_eq!(flip(&word, 500), UNWATCHED_MS);
        word.until_unix_ms = Some(2_000);
        assert_eq!(
            [0, 500, 1_999].map(|now| flip(&word, now)),
            [2_000, 1_500, 1]
        );
        let over = imposed([&word], |_, _| None, &pools(), 2_000);
        assert_eq!(over, Imposed::default());
    }

    fn weight(id: u64, what: &str, percent: &str) -> Override {
        Override {
            percent: Some(percent.parse().unwrap()),
            ..word(id, what, Action::Weight)
        }
    }

    /// In per cent of all: of the pools `web-eu` and `us`, and of the first endpoint of the former.
    fn shares(words: &[Override], now_unix_ms: u64) -> [u32; 3] {
        let imposed = imposed(words, |_, _| None, &pools(), now_unix_ms);
        let percent = |part: Option<&Part>| {
            let share = part.map_or(Share::ALL, |part| part.share);
            (u32::from(share.0) * 100 + 32_767) / 65_535
        };
        [
            percent(imposed.pools.get(&PoolId(0))),
            percent(imposed.pools.get(&PoolId(1))),
            percent(imposed.endpoints.get(&EndpointId(0))),
        ]
    }

    #[test]
    fn a_weight_is_of_pools_or_of_the_endpoints_that_are_named() {
        assert_eq!(shares(&[weight(1, "eu", "10%")], 0), [10, 10, 100]);
        assert_eq!(shares(&[weight(1, "pool:us", "10%")], 0), [100, 10, 100]);
        assert_eq!(
            shares(&[weight(1, "web-eu/10.0.0.0", "10%")], 0),
            [100, 100, 10]
        );
        let words = [weight(1, "eu", "10%"), weight(2, "us", "50%")];
        assert_eq!(shares(&words, 0), [10, 50, 100]);
        let verdicts = imposed(&words, |_, _| None, &pools(), 0).verdicts;
        assert_eq!(verdicts.len(), 0);
    }

    #[test]
    fn a_drain_that_takes_its_time_takes_less_and_less_and_then_is_down() {
        let drain = Override {
            over_s: Some(10),
            since_unix_ms: 5_000,
            ..word(1, "eu", Action::Drain)
        };
        let words = [drain];
        assert_eq!(
            [5, 6, 10, 14].map(|s| shares(&words, s * 1_000)[0]),
            [100, 90, 50, 10]
        );
        let end = imposed(&words, |_, _| None, &pools(), 15_000);
        assert!(!end.is_moving && end.pools.is_empty());
        assert_eq!(end.verdicts[&EndpointId(0)].health.verdict, Verdict::Down);
        let [drain] = words;
        // From where it is.
        let words = [
            weight(1, "eu", "20%"),
            Override {
                id: 2,
                ..drain.clone()
            },
        ];
        assert_eq!(
            [5, 10, 14].map(|s| shares(&words, s * 1_000)[0]),
            [20, 10, 2]
        );
        // A weight on the way is no way back.
        let words = [drain.clone(), weight(2, "eu", "50%")];
        assert_eq!(
            [5, 10, 14].map(|s| shares(&words, s * 1_000)[0]),
            [50, 25, 5]
        );
        let back = [drain, word(2, "eu", Action::Up)];
        assert_eq!(shares(&back, 10_000)[0], 100);
        let back = imposed(&back, |_, _| None, &pools(), 20_000);
        assert_eq!(back.verdicts[&EndpointId(0)].health.verdict, Verdict::Up);
    }

    #[test]
    fn a_weight_is_kept_by_who_is_forced_up() {
        let words = [weight(1, "eu", "10%"), word(2, "eu", Action::Up)];
        assert_eq!(shares(&words, 0), [10, 10, 100]);
    }
}
