//! What becomes of a family that the nearest region does not have up.

use meridian::model::{FamilyFallback, PoolId, Verdict};
use meridian::steering::{Decision, Outcome};

use crate::world::*;

/// Two regions, near and far; the nearer is asked first.
fn near_far(near: Pool, far: Pool, fallback: FamilyFallback) -> World {
    let geo = Kind::Geo(vec![vec![p(0)], vec![p(1)]], vec![0, 1]);
    world([near, far], [Policy::from(geo).family_fallback(fallback)])
}

fn decide(world: &World, family: meridian::model::Family) -> Decision {
    Asker::new(world, 1).family(family).decide()
}

fn both() -> Pool {
    pool([up(), up().v6()])
}

#[test]
fn a_family_that_is_down_in_the_nearest_region_comes_from_the_next() {
    let world = near_far(pool([up(), down().v6()]), both(), FamilyFallback::Region);
    assert_eq!(decide(&world, V4).pool, Some(PoolId(0)));
    assert_eq!(decide(&world, V6).pool, Some(PoolId(1)));
}

#[test]
fn a_family_that_the_nearest_region_does_not_have_comes_from_the_next() {
    let world = near_far(pool([up()]), both(), FamilyFallback::Region);
    assert_eq!(decide(&world, V6).pool, Some(PoolId(1)));
}

#[test]
fn with_nodata_a_family_that_is_down_in_the_nearest_region_is_not_answered() {
    for near in [pool([up(), down().v6()]), pool([up()])] {
        let world = near_far(near, both(), FamilyFallback::NoData);
        assert_eq!(decide(&world, V4).pool, Some(PoolId(0)));
        let refused = decide(&world, V6);
        assert_eq!(refused.outcome, Outcome::NoData);
        assert_eq!((refused.pool, refused.endpoints()), (None, &[][..]));
        assert_eq!(refused.ttl_s, TTL.min_s);
    }
}

#[test]
fn with_nodata_both_families_go_on_together_when_the_nearest_region_is_down() {
    let near = pool([down(), down().v6()]);
    let world = near_far(near, both(), FamilyFallback::NoData);
    assert_eq!(decide(&world, V4).pool, Some(PoolId(1)));
    assert_eq!(decide(&world, V6).pool, Some(PoolId(1)));
}

#[test]
fn the_policy_that_the_name_refers_to_governs_those_nested_in_it() {
    let inner = Kind::Failover(vec![p(0), p(1)]);
    let outer = Policy::from(Kind::Random(vec![nested(0)]));
    for (fallback, outcome) in [
        (FamilyFallback::Region, Outcome::Answer),
        (FamilyFallback::NoData, Outcome::NoData),
    ] {
        let inner = Policy::from(inner.clone()).family_fallback(FamilyFallback::Region);
        let outer = outer.clone().family_fallback(fallback);
        let world = world([pool([up()]), both()], [inner, outer]);
        assert_eq!(decide(&world, V6).outcome, outcome);
    }
}

#[test]
fn a_family_that_the_name_has_nowhere_is_no_outage() {
    for fallback in [FamilyFallback::Region, FamilyFallback::NoData] {
        let world = near_far(pool([down()]), pool([down()]), fallback);
        let decision = decide(&world, V6);
        assert_eq!(decision.outcome, Outcome::NoFamily);
        assert_eq!(decision.ttl_s, u32::MAX);
        assert!(decision.endpoints().is_empty());
    }
}

#[test]
fn an_endpoint_without_a_verdict_counts_as_the_monitor_says() {
    let unknown = Endpoint {
        verdict: Verdict::Unknown,
        ..up()
    };
    for (unknown_is_up, chosen) in [(true, 0), (false, 1)] {
        let near = Pool {
            unknown_is_up,
            ..pool([unknown.clone()])
        };
        let world = near_far(near, both(), FamilyFallback::Region);
        assert_eq!(decide(&world, V4).pool, Some(PoolId(chosen)));
    }
}
