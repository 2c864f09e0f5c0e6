//! What holds in every world: random pools, nested policies, verdicts and families.

use std::collections::BTreeSet;

use meridian::model::{
    ANSWERS_MAX, Balance, Family, FamilyFallback, MinHealthy, PolicyId, PoolId, Share, Verdict,
    WhenAllDown,
};
use meridian::random::Random;
use meridian::state::pools::Member;
use meridian::steering::{Decision, Outcome, Step};
use proptest::prelude::*;

use crate::oracle::Oracle;
use crate::world::*;

const POOLS: u32 = 5;
const POLICIES: u32 = 5;

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(V4), Just(V6)]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        3 => Just(Verdict::Down),
        2 => Just(Verdict::Up),
        1 => Just(Verdict::Unknown),
    ]
}

fn share() -> impl Strategy<Value = Share> {
    prop_oneof![
        6 => Just(Share::ALL),
        1 => Just(Share::NONE),
        1 => (1..u16::MAX).prop_map(Share),
    ]
}

fn balance() -> impl Strategy<Value = Balance> {
    prop::sample::select(&Balance::ALL[..])
}

prop_compose! {
    fn endpoint()(
        family in family(),
        weight in 0..4u16,
        verdict in verdict(),
        flip_after_ms in prop_oneof![0..60_000u32, Just(u32::MAX)],
        share in share(),
    ) -> Endpoint {
        Endpoint { family, weight, verdict, flip_after_ms, share }
    }
}

prop_compose! {
    fn any_pool()(
        balance in balance(),
        unknown_is_up in any::<bool>(),
        min_healthy in prop_oneof![
            3 => Just(MinHealthy::default()),
            1 => (1..4u32).prop_map(MinHealthy::Count),
            1 => (1..=100u8).prop_map(MinHealthy::Percent),
        ],
        serve_whole in any::<bool>(),
        share in share(),
        region in prop::option::of(0..3u16),
        endpoints in prop::collection::vec(endpoint(), 0..5),
    ) -> Pool {
        Pool { balance, unknown_is_up, min_healthy, serve_whole, share, region, endpoints }
    }
}

/// A pool, or a policy before the one at `place`.
fn member(place: u32) -> impl Strategy<Value = Member> {
    (0..POOLS + place).prop_map(|id| match id.checked_sub(POOLS) {
        None => p(id),
        Some(policy) => nested(policy),
    })
}

fn kind(place: u32) -> impl Strategy<Value = Kind> {
    let weights = |balance: Balance| match balance.weighs() {
        true => 0..3u16,
        false => 1..2,
    };
    let members = move |balance| prop::collection::vec((member(place), weights(balance)), 1..4);
    let listed = balance()
        .prop_flat_map(move |balance| (Just(balance), members(balance)))
        .prop_map(|(balance, members)| Kind::Of(balance, members));
    let geo = balance()
        .prop_flat_map(move |balance| {
            (Just(balance), prop::collection::vec(members(balance), 1..4))
        })
        .prop_flat_map(|(balance, by_slot)| {
            let order: Vec<u8> = (0..by_slot.len() as u8).collect();
            (Just(balance), Just(by_slot), Just(order).prop_shuffle())
        })
        .prop_map(|(balance, tiers, order)| Kind::Nearest(balance, tiers, order));
    prop_oneof![3 => listed, 2 => geo]
}

fn policy(place: u32) -> impl Strategy<Value = Policy> {
    let when_all_down = prop_oneof![
        Just(WhenAllDown::All),
        (0..POOLS).prop_map(|id| WhenAllDown::Fallback(PoolId(id))),
        Just(WhenAllDown::NoData),
        Just(WhenAllDown::ServFail),
        Just(WhenAllDown::Refuse),
    ];
    let family_fallback = prop_oneof![Just(FamilyFallback::Region), Just(FamilyFallback::NoData)];
    let last_resort = prop::collection::vec(member(place), 0..2);
    let parts = (kind(place), last_resort, when_all_down, family_fallback);
    parts.prop_map(|(kind, last_resort, then, fallback)| {
        Policy::from(kind)
            .last_resort(last_resort)
            .when_all_down(then)
            .family_fallback(fallback)
    })
}

fn unruled_world() -> impl Strategy<Value = World> {
    let pools = prop::collection::vec(any_pool(), POOLS as usize);
    let policies = (0..POLICIES).map(policy).collect::<Vec<_>>();
    (pools, policies, 1..=POLICIES as usize).prop_map(|(pools, mut policies, count)| {
        policies.truncate(count);
        World { pools, policies }
    })
}

/// The same, or one in which rules choose among its policies.
fn any_world() -> impl Strategy<Value = World> {
    let by = prop::option::weighted(0.2, any::<prop::sample::Index>());
    (unruled_world(), by).prop_map(|(mut world, by)| {
        if let Some(by) = by {
            let all: Vec<_> = (0..world.policies.len() as u32).map(PolicyId).collect();
            let kind = Kind::Ruled(all[by.index(all.len())], all);
            world.policies.push(kind.into());
        }
        world
    })
}

fn asker(world: &World, seed: u64, family: Family, answers: u8) -> Asker {
    let mut asker = Asker::new(world, seed).family(family).answers(answers);
    let mut random = Random::from_seed(!seed);
    asker.cursors.fill_with(|| random.below(u32::MAX));
    asker
}

/// Whether `decision` draws from `pool` as `oracle` sees it: as many as asked for or usable, each
/// usable, none twice.
fn draws_from(decision: &Decision, oracle: &Oracle<'_>, pool: PoolId, answers: u8) -> bool {
    let drawn: BTreeSet<_> = decision.endpoints().iter().copied().collect();
    let usable = oracle.usable(pool);
    let count = usable.len().min(answers.into()).min(ANSWERS_MAX);
    let mut endpoints = oracle.world.pools[pool.index()].endpoints.iter();
    // Who takes a share only may have left it to others.
    let is_thinned = endpoints.any(|endpoint| endpoint.share != Share::ALL);
    decision.pool == Some(pool)
        && match is_thinned {
            true => (1..=count).contains(&decision.endpoints().len()),
            false => decision.endpoints().len() == count,
        }
        && drawn.len() == decision.endpoints().len()
        && drawn.is_subset(&usable)
}

/// Whether `decision` follows from the choice among `possible` pools.
fn follows(
    decision: &Decision,
    oracle: &Oracle<'_>,
    possible: &BTreeSet<PoolId>,
    [answered, empty]: [Outcome; 2],
    answers: u8,
) -> bool {
    possible
        .iter()
        .any(|&pool| match oracle.usable(pool).len() {
            0 => decision.outcome == empty && decision.pool.is_none(),
            _ => decision.outcome == answered && draws_from(decision, oracle, pool, answers),
        })
}

/// Whether `decision` is one that `world` allows.
fn allowed(decision: &Decision, world: &World, family: Family, answers: u8) -> bool {
    let oracle = |all_up, taking| Oracle {
        world,
        family,
        all_up,
        taking,
    };
    let mut reached = world.reach(world.top()).into_iter();
    if reached.all(|pool| oracle(true, None).usable(pool).is_empty()) {
        return decision.outcome == Outcome::NoFamily;
    }
    // Whoever takes a share only takes this query or does not.
    let partial = |pool: &PoolId| {
        let share = world.pools[pool.index()].share;
        share != Share::ALL && share != Share::NONE
    };
    let pools: Vec<PoolId> = (0..POOLS).map(PoolId).filter(partial).collect();
    let mut subsets = (0..1u32 << pools.len()).map(|bits| {
        let pools = pools.iter().enumerate();
        let taking = pools.filter(|(place, _)| bits >> place & 1 == 1);
        taking.map(|(_, pool)| *pool).collect::<BTreeSet<_>>()
    });
    subsets.any(|taking| {
        let accepting = oracle(false, Some(taking));
        let possible = accepting.possible(accepting.ruling());
        let (seen, possible) = match possible.is_empty() {
            // If all decline, nobody is let decline.
            true => (
                oracle(false, None),
                oracle(false, None).possible(accepting.ruling()),
            ),
            false => (accepting, possible),
        };
        match possible.is_empty() {
            true => allowed_in_need(decision, world, family, answers),
            false => follows(
                decision,
                &seen,
                &possible,
                [Outcome::Answer, Outcome::NoData],
                answers,
            ),
        }
    })
}

/// The same when nobody can serve.
fn allowed_in_need(decision: &Decision, world: &World, family: Family, answers: u8) -> bool {
    let oracle = |all_up| Oracle {
        world,
        family,
        all_up,
        taking: None,
    };
    let ruling = oracle(false).ruling();
    let up = |pool, family| !oracle(false).usable_of(pool, family).is_empty();
    let reached = world.reach(ruling);
    if reached.iter().any(|&pool| up(pool, V4) || up(pool, V6)) {
        return decision.outcome == Outcome::NoData && decision.ttl_s == TTL.min_s;
    }
    let all_down = [Outcome::AnswerAllDown, Outcome::NoDataAllDown];
    match world.policies[ruling.index()].when_all_down {
        WhenAllDown::All => {
            let possible = oracle(true).possible(ruling);
            match possible.is_empty() {
                true => decision.outcome == Outcome::NoDataAllDown,
                false => follows(decision, &oracle(true), &possible, all_down, answers),
            }
        }
        WhenAllDown::Fallback(pool) => {
            let all_up = oracle(false).usable(pool).is_empty();
            let possible = BTreeSet::from([pool]);
            follows(decision, &oracle(all_up), &possible, all_down, answers)
        }
        WhenAllDown::NoData => decision.outcome == Outcome::NoDataAllDown,
        WhenAllDown::ServFail => decision.outcome == Outcome::ServFail,
        WhenAllDown::Refuse => decision.outcome == Outcome::Refuse,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_decision_is_one_that_plain_recursion_allows(
        world in any_world(), seed: u64, family in family(), answers in 1..=16u8,
    ) {
        let mut asker = asker(&world, seed, family, answers);
        for _ in 0..8 {
            let decision = asker.decide();
            prop_assert!(allowed(&decision, &world, family, answers), "{decision:?}");
        }
    }

    #[test]
    fn an_answer_is_never_empty_while_anything_of_the_family_is_up(
        mut world in any_world(), seed: u64, family in family(),
    ) {
        let all = world.clone();
        let top = Oracle { world: &all, family, all_up: false, taking: None }.ruling();
        world.policies[top.index()].family_fallback = FamilyFallback::Region;
        let oracle = Oracle { world: &world, family, all_up: false, taking: None };
        let decision = asker(&world, seed, family, 2).decide();
        let any_up = world.reach(top).into_iter().any(|pool| !oracle.usable(pool).is_empty());
        prop_assert_eq!(decision.outcome == Outcome::Answer, any_up);
        prop_assert!(!any_up || !decision.endpoints().is_empty());
    }

    #[test]
    fn recording_changes_nothing(world in any_world(), seed: u64, family in family()) {
        let mut silent = asker(&world, seed, family, 2);
        let mut recorded = asker(&world, seed, family, 2);
        for _ in 0..4 {
            prop_assert_eq!(silent.decide(), recorded.decide_recording(&mut Vec::<Step>::new()));
            prop_assert_eq!(&silent.cursors, &recorded.cursors);
        }
        prop_assert_eq!(silent.random.next_u64(), recorded.random.next_u64());
    }

    #[test]
    fn the_scope_does_not_depend_on_health(
        world in any_world(), seed: u64, family in family(), verdicts in prop::collection::vec(verdict(), 25),
    ) {
        let mut other = world.clone();
        let endpoints = other.pools.iter_mut().flat_map(|pool| &mut pool.endpoints);
        for (endpoint, verdict) in endpoints.zip(verdicts) {
            endpoint.verdict = verdict;
        }
        let places = |world: &World| {
            let mut steps = Vec::new();
            let decision = asker(world, seed, family, 2).decide_recording(&mut steps);
            steps.retain(|step| matches!(step, Step::Located { .. } | Step::Scope { .. }));
            (decision.scope, steps)
        };
        prop_assert_eq!(places(&world), places(&other));
    }

    #[test]
    fn the_ttl_stays_within_the_range(world in any_world(), seed: u64, family in family()) {
        let decision = asker(&world, seed, family, 2).decide();
        match decision.outcome {
            Outcome::NoFamily => prop_assert_eq!(decision.ttl_s, u32::MAX),
            _ => prop_assert!((TTL.min_s..=TTL.max_s).contains(&decision.ttl_s)),
        }
    }

    #[test]
    fn an_outage_is_never_believed_for_longer_than_anything_in_reach_stays_down(
        mut world in any_world(), seed: u64, family in family(),
    ) {
        let mut soonest_ms = u32::MAX;
        let all = world.clone();
        let ruling = Oracle { world: &all, family, all_up: false, taking: None }.ruling();
        for id in world.reach(ruling) {
            for endpoint in &mut world.pools[id.index()].endpoints {
                endpoint.verdict = Verdict::Down;
                soonest_ms = soonest_ms.min(endpoint.flip_after_ms);
            }
        }
        let decision = asker(&world, seed, family, 2).decide();
        prop_assert_ne!(decision.outcome, Outcome::Answer);
        if decision.outcome == Outcome::AnswerAllDown {
            let soonest_s = soonest_ms.div_ceil(1000).clamp(TTL.min_s, TTL.max_s);
            prop_assert!(decision.ttl_s <= soonest_s, "{decision:?}");
        }
    }
}
