//! Which pool a policy comes to.

use meridian::model::PoolId;

use crate::drawing::{DRAWS, assert_in_proportion};
use crate::world::*;

/// A pool per letter: `u` is up, `d` is down.
fn pools(states: &str) -> Vec<Pool> {
    let endpoint = |state| match state {
        'u' => up(),
        _ => down(),
    };
    states
        .chars()
        .map(|state| pool([endpoint(state)]))
        .collect()
}

fn pool_of(states: &str, kind: Kind) -> Option<PoolId> {
    ask(&world(pools(states), [kind.into()])).pool
}

/// How often each pool answers.
fn tally(world: &World, rounds: usize) -> Vec<u32> {
    let mut asker = Asker::new(world, 0x5EED);
    let mut tally = vec![0; world.pools.len()];
    for _ in 0..rounds {
        tally[asker.pool().unwrap() as usize] += 1;
    }
    tally
}

#[test]
fn geo_walks_the_whole_order_of_the_clients_class() {
    let geo = || {
        let by_slot = (0..4).map(|id| vec![p(id)]).collect();
        Kind::Geo(by_slot, vec![2, 0, 3, 1])
    };
    assert_eq!(pool_of("uuuu", geo()), Some(PoolId(2)));
    assert_eq!(pool_of("uudu", geo()), Some(PoolId(0)));
    assert_eq!(pool_of("dudu", geo()), Some(PoolId(3)));
    assert_eq!(pool_of("dudd", geo()), Some(PoolId(1)));
}

#[test]
fn members_of_one_region_are_tried_as_listed_before_the_next_region() {
    let geo = || Kind::Geo(vec![vec![p(0)], vec![p(2), p(1)]], vec![1, 0]);
    assert_eq!(pool_of("uuu", geo()), Some(PoolId(2)));
    assert_eq!(pool_of("uud", geo()), Some(PoolId(1)));
    assert_eq!(pool_of("udd", geo()), Some(PoolId(0)));
}

#[test]
fn failover_takes_the_first_that_can_serve() {
    let failover = || Kind::Failover(vec![p(1), p(2), p(0)]);
    assert_eq!(pool_of("uuu", failover()), Some(PoolId(1)));
    assert_eq!(pool_of("udu", failover()), Some(PoolId(2)));
    assert_eq!(pool_of("udd", failover()), Some(PoolId(0)));
}

#[test]
fn weighted_draws_members_in_proportion_to_weight() {
    let weighted = Kind::Weighted(vec![(p(0), 1), (p(1), 95), (p(2), 4)]);
    let tally = tally(&world(pools("uuu"), [weighted.into()]), DRAWS);
    assert_in_proportion(&tally, &[1.0, 95.0, 4.0]);
}

#[test]
fn weighted_keeps_the_proportion_among_those_that_can_serve() {
    let weighted = Kind::Weighted(vec![(p(0), 1), (p(1), 95), (p(2), 4)]);
    let tally = tally(&world(pools("udu"), [weighted.into()]), DRAWS);
    assert_in_proportion(&tally, &[1.0, 0.0, 4.0]);
}

#[test]
fn a_member_of_weight_0_serves_only_when_none_with_a_weight_can() {
    let weighted = || Kind::Weighted(vec![(p(0), 0), (p(1), 1), (p(2), 0)]);
    assert_eq!(
        tally(&world(pools("uuu"), [weighted().into()]), 500),
        [0, 500, 0]
    );
    let without = tally(&world(pools("udu"), [weighted().into()]), DRAWS);
    assert_in_proportion(&without, &[1.0, 0.0, 1.0]);
}

#[test]
fn random_draws_members_uniformly_among_those_that_can_serve() {
    let random = Kind::Random((0..5).map(p).collect());
    let tally = tally(&world(pools("uuduu"), [random.into()]), DRAWS);
    assert_in_proportion(&tally, &[1.0, 1.0, 0.0, 1.0, 1.0]);
}

#[test]
fn round_robin_takes_members_in_turn() {
    let world = world(
        pools("uuu"),
        [Kind::RoundRobin(vec![p(2), p(0), p(1)]).into()],
    );
    let mut asker = Asker::new(&world, 1);
    let turns: Vec<_> = (0..6).filter_map(|_| asker.pool()).collect();
    assert_eq!(turns, [2, 0, 1, 2, 0, 1]);
}

#[test]
fn the_turn_of_a_member_that_is_down_burdens_no_other() {
    let world = world(
        pools("uduu"),
        [Kind::RoundRobin((0..4).map(p).collect()).into()],
    );
    assert_eq!(tally(&world, 300), [100, 0, 100, 100]);
}

#[test]
fn families_turn_apart_so_that_pairs_of_queries_do_not_lock_step() {
    let both = || pool([up(), up().v6()]);
    let world = world(
        [both(), both()],
        [Kind::RoundRobin(vec![p(0), p(1)]).into()],
    );
    let mut asker = Asker::new(&world, 1);
    let mut turns = [Vec::new(), Vec::new()];
    for _ in 0..4 {
        for family in [V4, V6] {
            asker.ask.family = family;
            turns[family as usize].extend(asker.pool());
        }
    }
    assert_eq!(turns, [[0, 1, 0, 1], [0, 1, 0, 1]]);
}

#[test]
fn a_cursor_from_another_configuration_is_taken_as_it_comes() {
    let world = world(
        pools("uuu"),
        [Kind::RoundRobin((0..3).map(p).collect()).into()],
    );
    let mut asker = Asker::new(&world, 1);
    asker.cursors.fill(u32::MAX);
    let mut turns: Vec<_> = (0..3).filter_map(|_| asker.pool()).collect();
    turns.sort_unstable();
    assert_eq!(turns, [0, 1, 2]);
}

#[test]
fn without_cursors_round_robin_draws_uniformly() {
    let world = world(
        pools("uuu"),
        [Kind::RoundRobin((0..3).map(p).collect()).into()],
    );
    let mut asker = Asker::new(&world, 3);
    asker.cursors.clear();
    let mut tally = [0; 3];
    for _ in 0..DRAWS {
        tally[asker.pool().unwrap() as usize] += 1;
    }
    assert_in_proportion(&tally, &[1.0; 3]);
}

#[test]
fn failure_inside_a_nested_policy_is_passed_up() {
    let inner = || Policy::from(Kind::Failover(vec![p(0), p(1)]));
    let kinds = [
        Kind::Failover(vec![nested(0), p(2)]),
        Kind::Geo(vec![vec![nested(0)], vec![p(2)]], vec![0, 1]),
        Kind::Weighted(vec![(nested(0), 65_535), (p(2), 1)]),
        Kind::RoundRobin(vec![nested(0), p(2)]),
        Kind::Random(vec![nested(0), p(2)]),
    ];
    for kind in kinds {
        let world = world(pools("ddu"), [inner(), kind.into()]);
        assert_eq!(tally(&world, 20), [0, 0, 20], "{world:?}");
    }
}

#[test]
fn a_nested_policy_serves_while_any_of_its_pools_can() {
    let inner = Kind::Weighted(vec![(p(0), 1), (p(1), 0)]);
    let outer = Kind::Failover(vec![nested(0), p(2)]);
    let world = world(pools("duu"), [inner.into(), outer.into()]);
    assert_eq!(ask(&world).pool, Some(PoolId(1)));
}

#[test]
fn policies_nest_as_deep_as_the_configuration_allows() {
    let innermost = Policy::from(Kind::Failover(vec![p(0)]));
    let around = |id| Policy::from(Kind::Failover(vec![nested(id)]));
    let depth = meridian::model::POLICY_DEPTH_MAX as u32;
    let policies = std::iter::once(innermost).chain((0..depth - 1).map(around));
    assert_eq!(ask(&world(pools("u"), policies)).pool, Some(PoolId(0)));
}
