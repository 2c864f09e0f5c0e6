//! What do overrides make of an endpoint?

use std::collections::HashMap;

use super::{Action, Override};
use crate::model::{EndpointId, Verdict};
use crate::state::Pools;
use crate::state::health::EndpointHealth;

/// What holds for an endpoint instead of what is observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forced {
    pub health: EndpointHealth,
    /// In words, for explain.
    pub why: String,
}

/// What those of `overrides` whose time is not over make of the endpoints of `pools`: of several that mean the
/// same endpoint, the one that was given last holds, but a freeze only where there is no other. `held` says
/// what an endpoint was when it was frozen.
pub fn forced<'o>(
    overrides: impl IntoIterator<Item = &'o Override>,
    held: impl Fn(u64, EndpointId) -> Option<Verdict>,
    pools: &Pools,
    now_unix_ms: u64,
) -> HashMap<EndpointId, Forced> {
    let mut forced = HashMap::new();
    let is_over = |word: &Override| word.until_unix_ms.is_some_and(|until| until <= now_unix_ms);
    let standing = overrides.into_iter().filter(|word| !is_over(word));
    let mut in_order: Vec<&Override> = standing.collect();
    in_order.sort_by_key(|word| (word.action != Action::Freeze, word.id));
    for word in in_order {
        for id in word.what.endpoints(pools) {
            let verdict = match word.action {
                Action::Drain | Action::Down => Some(Verdict::Down),
                Action::Up => Some(Verdict::Up),
                Action::Freeze => held(word.id, id),
            };
            // Of what came after it was frozen, nothing was known then: it is what it is observed to be.
            let Some(verdict) = verdict else { continue };
            let health = EndpointHealth::new(
                verdict,
                steady_ms(pools, id, verdict).min(left_ms(word, now_unix_ms)),
            );
            let why = word.to_string();
            forced.insert(id, Forced { health, why });
        }
    }
    forced
}

/// How soon what is forced could change, of endpoints that nothing watches.
const UNWATCHED_MS: u32 = 10_000;

/// How soon probes could change a verdict that nothing speaks against: the operator's next word is believed to
/// be no nearer.
fn steady_ms(pools: &Pools, id: EndpointId, verdict: Verdict) -> u32 {
    let target = pools.endpoints[id.index()].target;
    target.map_or(UNWATCHED_MS, |number| {
        pools.targets[number as usize].steady_ms(verdict)
    })
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
            monitor: None,
            unknown_is_up: true,
        };
        let endpoint = |octet, pool| Endpoint {
            address: std::net::IpAddr::from([10, 0, 0, octet]),
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
        let forced = forced(&words, |_, _| None, &pools(), 0);
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
        let forced = forced(&[word(7, "*", Action::Freeze)], held, &pools(), 0);
        assert_eq!(forced.len(), 2);
        assert_eq!(forced[&EndpointId(1)].health.verdict, Verdict::Up);
        assert_eq!(forced[&EndpointId(2)].health.verdict, Verdict::Down);
    }

    #[test]
    fn what_is_drained_stays_drained_when_all_is_frozen() {
        let words = [word(1, "eu", Action::Drain), word(2, "*", Action::Freeze)];
        let forced = forced(&words, |_, _| Some(Verdict::Up), &pools(), 0);
        assert_eq!(forced[&EndpointId(0)].why, "drained (override 1)");
        assert_eq!(forced[&EndpointId(3)].why, "frozen (override 2)");
    }

    #[test]
    fn it_may_flip_when_its_time_is_over() {
        let mut word = word(1, "10.0.0.2", Action::Drain);
        let flip = |word: &Override, now| {
            let forced = forced([word], |_, _| None, &pools(), now);
            forced[&EndpointId(2)].health.flip_after_ms
        };
        assert_eq!(flip(&word, 500), UNWATCHED_MS);
        word.until_unix_ms = Some(2_000);
        assert_eq!(
            [0, 500, 1_999].map(|now| flip(&word, now)),
            [2_000, 1_500, 1]
        );
        assert!(forced([&word], |_, _| None, &pools(), 2_000).is_empty());
    }
}
