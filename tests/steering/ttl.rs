//! For how long an answer may be believed.

use std::sync::Arc;

use meridian::model::{EndpointId, FamilyFallback, PoolId, Verdict, WhenAllDown};
use meridian::state::EndpointHealth;

use crate::world::*;

fn ttl(endpoints: impl IntoIterator<Item = Endpoint>) -> u32 {
    let world = world([pool(endpoints)], [Kind::Failover(vec![p(0)]).into()]);
    Asker::new(&world, 1).answers(16).decide().ttl_s
}

#[test]
fn what_two_failures_of_one_second_take_down_is_believed_for_two_seconds() {
    assert_eq!(ttl([up().flips_after(2_000)]), 2);
}

#[test]
fn of_all_that_is_answered_the_soonest_to_flip_decides() {
    let endpoints = [9_000, 3_500, u32::MAX].map(|ms| up().flips_after(ms));
    assert_eq!(ttl(endpoints), 4);
}

#[test]
fn what_is_not_answered_does_not_count() {
    assert_eq!(ttl([up().flips_after(9_000), down().flips_after(2_000)]), 9);
}

#[test]
fn an_answer_of_what_is_down_is_believed_until_it_could_be_up() {
    assert_eq!(ttl([down().flips_after(4_000)]), 4);
}

#[test]
fn what_nothing_watches_is_believed_for_the_longest_of_the_range() {
    assert_eq!(ttl([up().flips_after(u32::MAX)]), TTL.max_s);
}

#[test]
fn what_was_passed_over_because_it_is_down_counts_with_what_is_answered_instead() {
    let away = || pool([up().flips_after(u32::MAX)]);
    let dark = || pool([down().flips_after(9_000), down().flips_after(4_000)]);
    let near_first = || vec![p(0), p(1)];
    for kind in [
        Kind::Failover(near_first()),
        Kind::Geo(vec![vec![p(0)], vec![p(1)]], vec![0, 1]),
        Kind::Weighted(vec![(p(0), 1), (p(1), 0)]),
    ] {
        assert_eq!(ask(&world([dark(), away()], [kind.into()])).ttl_s, 4);
    }
    let inner = Kind::Random(vec![p(0)]);
    let outer = Kind::Failover(vec![nested(0), p(1)]);
    let world = world([dark(), away()], [inner.into(), outer.into()]);
    assert_eq!(ask(&world).ttl_s, 4);
}

#[test]
fn what_is_up_in_a_preferred_pool_and_what_comes_after_the_choice_do_not_count() {
    let preferred = pool([up().flips_after(9_000), down().flips_after(2_000)]);
    let later = pool([down().flips_after(2_000)]);
    let kind = Kind::Failover(vec![p(0), p(1)]);
    assert_eq!(ask(&world([preferred, later], [kind.into()])).ttl_s, 9);
}

#[test]
fn of_a_pool_that_is_passed_over_only_what_could_be_answered_counts() {
    let of_the_other_family = pool([down().v6().flips_after(2_000)]);
    let answered = pool([up().flips_after(9_000)]);
    let pools = [of_the_other_family, answered];
    let policy =
        |fallback| Policy::from(Kind::Failover(vec![p(0), p(1)])).family_fallback(fallback);
    let of = |fallback| ask(&world(pools.clone(), [policy(fallback)])).ttl_s;
    assert_eq!(of(FamilyFallback::Region), 9);
    // Both families would go there.
    assert_eq!(of(FamilyFallback::NoData), 2);
}

/// Two pools that are down, of which one is up again after 4 s at the soonest; `then`; and a last
/// resort.
fn outage(then: WhenAllDown, last_resort: Endpoint) -> u32 {
    let near = pool([down().flips_after(9_000)]);
    let far = pool([down().flips_after(8_000), down().v6().flips_after(4_000)]);
    let policy = Policy::from(Kind::Failover(vec![p(0), p(1)])).when_all_down(then);
    ask(&world([near, far, pool([last_resort])], [policy])).ttl_s
}

#[test]
fn an_outage_is_believed_until_anything_within_reach_could_be_up() {
    assert_eq!(outage(WhenAllDown::All, up()), 4);
}

#[test]
fn a_last_resort_that_nothing_watches_is_believed_no_longer_than_the_outage() {
    let fallback = WhenAllDown::Fallback(PoolId(2));
    assert_eq!(outage(fallback, up().flips_after(u32::MAX)), 4);
    assert_eq!(outage(fallback, up().flips_after(3_000)), 3);
    assert_eq!(outage(fallback, down().flips_after(3_000)), 3);
}

#[test]
fn a_last_resort_that_is_down_is_believed_until_any_of_it_could_be_up() {
    let near = pool([down().flips_after(9_000)]);
    let last_resort = pool([
        down().flips_after(9_000),
        down().weight(0).flips_after(3_000),
    ]);
    let then = WhenAllDown::Fallback(PoolId(1));
    let policy = Policy::from(Kind::Failover(vec![p(0)])).when_all_down(then);
    assert_eq!(ask(&world([near, last_resort], [policy])).ttl_s, 3);
}

#[test]
fn an_observation_that_changes_no_verdict_changes_what_is_awaited() {
    let dark = pool([down().flips_after(9_000)]);
    let away = pool([up().flips_after(u32::MAX)]);
    let kind = Kind::Failover(vec![p(0), p(1)]);
    let mut asker = Asker::new(&world([dark, away], [kind.into()]), 1);
    assert_eq!(asker.decide().ttl_s, 9);
    let sooner = EndpointHealth::new(Verdict::Down, 3_000);
    let health = asker
        .root
        .health
        .with(&asker.root.pools, &[(EndpointId(0), sooner)]);
    asker.root.health = Arc::new(health);
    assert_eq!(asker.decide().ttl_s, 3);
}
