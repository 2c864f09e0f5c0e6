//! What is answered when nothing that the policy can reach is up.

use meridian::model::{FamilyFallback, PoolId, WhenAllDown};
use meridian::steering::{Decision, Outcome};

use crate::world::*;

/// Pools 0 and 1 are nearest first, and down; pool 2 is the last resort.
fn outage(last_resort: Pool, then: WhenAllDown) -> World {
    let geo = Kind::Geo(vec![vec![p(1)], vec![p(0)]], vec![1, 0]);
    let dark = || pool([down(), down(), down().v6()]);
    world(
        [dark(), dark(), last_resort],
        [Policy::from(geo).when_all_down(then)],
    )
}

fn fallback(last_resort: Pool) -> Decision {
    let world = outage(last_resort, WhenAllDown::Fallback(PoolId(2)));
    Asker::new(&world, 1).answers(16).decide()
}

fn ids(decision: &Decision) -> Vec<u32> {
    let mut ids: Vec<_> = decision.endpoints().iter().map(|id| id.0).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn all_answers_as_if_all_were_up_from_the_nearest_region() {
    let world = outage(pool([up()]), WhenAllDown::All);
    let decision = Asker::new(&world, 1).answers(16).decide();
    assert_eq!(decision.outcome, Outcome::AnswerAllDown);
    assert_eq!(decision.pool, Some(PoolId(0)));
    assert_eq!(ids(&decision), [0, 1]);
}

#[test]
fn all_leaves_a_family_out_where_the_nearest_region_has_none_and_families_stay_together() {
    for (family_fallback, outcome) in [
        (FamilyFallback::Region, Outcome::AnswerAllDown),
        (FamilyFallback::NoData, Outcome::NoDataAllDown),
    ] {
        let policy = Policy::from(Kind::Failover(vec![p(0), p(1)]));
        let pools = [pool([down()]), pool([down().v6()])];
        let world = world(pools, [policy.family_fallback(family_fallback)]);
        let decision = Asker::new(&world, 1).family(V6).decide();
        assert_eq!(decision.outcome, outcome);
    }
}

#[test]
fn a_fallback_pool_answers_what_is_up_there() {
    let decision = fallback(pool([down(), up(), up(), up().v6()]));
    assert_eq!(decision.outcome, Outcome::AnswerAllDown);
    assert_eq!(decision.pool, Some(PoolId(2)));
    assert_eq!(ids(&decision), [7, 8]);
}

#[test]
fn a_fallback_pool_that_is_down_too_is_answered_whole() {
    let decision = fallback(pool([down(), down(), down().v6()]));
    assert_eq!(decision.outcome, Outcome::AnswerAllDown);
    assert_eq!(ids(&decision), [6, 7]);
}

#[test]
fn a_fallback_pool_without_the_family_is_nodata() {
    let decision = fallback(pool([up().v6()]));
    assert_eq!(decision.outcome, Outcome::NoDataAllDown);
    assert_eq!(decision.pool, None);
}

#[test]
fn nodata_servfail_and_refuse_answer_nothing_for_as_short_as_the_range_allows() {
    for (then, outcome) in [
        (WhenAllDown::NoData, Outcome::NoDataAllDown),
        (WhenAllDown::ServFail, Outcome::ServFail),
        (WhenAllDown::Refuse, Outcome::Refuse),
    ] {
        let decision = ask(&outage(pool([up()]), then));
        assert_eq!(decision.outcome, outcome);
        assert_eq!(decision.ttl_s, TTL.min_s);
        assert!(decision.endpoints().is_empty());
    }
}

#[test]
fn only_the_policy_that_the_name_refers_to_is_asked_what_then() {
    let inner = Policy::from(Kind::Failover(vec![p(0)])).when_all_down(WhenAllDown::Refuse);
    let outer = Policy::from(Kind::Failover(vec![nested(0)])).when_all_down(WhenAllDown::ServFail);
    let decision = ask(&world([pool([down()])], [inner, outer]));
    assert_eq!(decision.outcome, Outcome::ServFail);
}

#[test]
fn one_family_that_is_down_is_nodata_while_the_other_is_up_anywhere() {
    for then in [
        WhenAllDown::All,
        WhenAllDown::Fallback(PoolId(2)),
        WhenAllDown::NoData,
        WhenAllDown::ServFail,
        WhenAllDown::Refuse,
    ] {
        let policy = Policy::from(Kind::Failover(vec![p(0), p(1)])).when_all_down(then);
        let near = pool([down(), down().v6()]);
        let far = pool([up(), down().v6()]);
        let world = world([near, far, pool([up(), up().v6()])], [policy]);
        assert_eq!(ask(&world).outcome, Outcome::Answer);
        let decision = Asker::new(&world, 1).family(V6).decide();
        assert_eq!(decision.outcome, Outcome::NoData, "{then:?}");
        assert_eq!(decision.ttl_s, TTL.min_s);
        assert!(decision.endpoints().is_empty());
    }
}

#[test]
fn a_family_of_which_nothing_is_up_is_nodata_inside_nested_policies_too() {
    let inner = Policy::from(Kind::Random(vec![p(1)]));
    let outer = Kind::Failover(vec![p(0), nested(0)]);
    let pools = [pool([down().v6()]), pool([up()])];
    let world = world(pools, [inner, outer.into()]);
    let decision = Asker::new(&world, 1).family(V6).decide();
    assert_eq!(decision.outcome, Outcome::NoData);
}
