//! What a recorder is told.

use std::net::Ipv4Addr;

use meridian::locate::{Client, Subnet};
use meridian::model::{Balance, EndpointId, PolicyId, PoolId, Share, Verdict, WhenAllDown};
use meridian::steering::{Candidate, Choice, Step, TtlReason, Unusable};

use crate::world::*;

fn steps(world: &World) -> Vec<Step> {
    let mut steps = Vec::new();
    Asker::new(world, 1).decide_recording(&mut steps);
    steps
}

fn candidate(endpoint: u32, verdict: Verdict) -> Candidate {
    Candidate {
        endpoint: EndpointId(endpoint),
        weight: 1,
        verdict,
        share: Share::ALL,
        usable: verdict == Verdict::Up,
    }
}

#[test]
fn every_reason_of_a_choice_is_told_in_order() {
    let policy = Kind::Failover(vec![p(0), p(1), p(2)]);
    let world = world(
        [pool([down()]), pool([up().v6()]), pool([up(), down()])],
        [policy.into()],
    );
    let policy = PolicyId(0);
    let passed_over = |id, why| Step::PassedOver {
        policy,
        member: p(id),
        why,
    };
    let expected = [
        passed_over(0, Unusable::NoneUp(vec![candidate(0, Verdict::Down)])),
        passed_over(1, Unusable::FamilyMissing),
        Step::Taken {
            policy,
            member: p(2),
            by: Choice::First,
        },
        Step::Candidates {
            pool: PoolId(2),
            balance: Balance::Weighted,
            candidates: vec![candidate(2, Verdict::Up), candidate(3, Verdict::Down)],
        },
        Step::Drawn {
            pool: PoolId(2),
            endpoints: vec![EndpointId(2)],
        },
        Step::Ttl {
            ttl_s: 2,
            range: TTL,
            reason: TtlReason::Flip {
                endpoint: EndpointId(2),
                flip_after_ms: 2_000,
            },
        },
    ];
    assert_eq!(steps(&world), expected);
}

#[test]
fn who_took_part_in_a_draw_is_told_with_the_odds() {
    let policy = PolicyId(0);
    let weighted = Kind::Weighted(vec![(p(0), 7), (p(1), 0), (p(2), 2)]);
    let pools = [pool([up()]), pool([up()]), pool([down()])];
    let steps = steps(&world(pools, [weighted.into()]));
    let eligible = |id, weight| Step::Eligible {
        policy,
        member: p(id),
        weight,
    };
    assert_eq!(steps[..2], [eligible(0, 7), eligible(1, 0)]);
    let by = Choice::Drawn {
        weight: 7,
        total: 7,
    };
    let member = p(0);
    assert_eq!(steps[3], Step::Taken { policy, member, by });
}

#[test]
fn why_a_nested_policy_cannot_serve_is_told_pool_by_pool() {
    let inner = Kind::Random(vec![p(0)]);
    let outer = Kind::Failover(vec![nested(0), p(1)]);
    let world = world([pool([down()]), pool([up()])], [inner.into(), outer.into()]);
    let none_up = Unusable::NoneUp(vec![candidate(0, Verdict::Down)]);
    let passed_over = Step::PassedOver {
        policy: PolicyId(1),
        member: nested(0),
        why: Unusable::NothingWithinReach(vec![(PoolId(0), none_up)]),
    };
    assert!(steps(&world).contains(&passed_over));
}

#[test]
fn every_map_within_reach_is_told_taken_or_not() {
    let geo = || Policy::from(Kind::Geo(vec![vec![p(0)]], vec![0]));
    let outer = Kind::Failover(vec![nested(0), nested(1)]);
    let steps = steps(&world([pool([up()])], [geo(), geo(), outer.into()]));
    let located = steps.iter().filter(|s| matches!(s, Step::Located { .. }));
    let walked = steps.iter().filter(|s| matches!(s, Step::Regions { .. }));
    assert_eq!((located.count(), walked.count()), (2, 1));
}

#[test]
fn an_outage_is_told_with_what_follows_from_it() {
    let then = WhenAllDown::Fallback(PoolId(1));
    let policy = Policy::from(Kind::Failover(vec![p(0)])).when_all_down(then);
    let steps = steps(&world([pool([down()]), pool([down()])], [policy]));
    let policy = PolicyId(0);
    assert!(steps.contains(&Step::AllDown { policy, then }));
    let (pool, up) = (PoolId(1), false);
    assert!(steps.contains(&Step::Fallback { pool, up }));
}

#[test]
fn a_family_that_is_down_alone_is_told_as_such_and_not_as_an_outage() {
    let world = world(
        [pool([up(), down().v6()])],
        [Kind::Failover(vec![p(0)]).into()],
    );
    let mut steps = Vec::new();
    let mut asker = Asker::new(&world, 1).family(V6);
    asker.decide_recording(&mut steps);
    let (policy, family) = (PolicyId(0), V6);
    assert!(steps.contains(&Step::FamilyNowhereUp { policy, family }));
    assert!(!steps.iter().any(|s| matches!(s, Step::AllDown { .. })));
}

#[test]
fn of_a_family_that_the_name_has_nowhere_nothing_else_is_told() {
    let geo = Kind::Geo(vec![vec![p(0)]], vec![0]);
    let mut asker = Asker::new(&world([pool([up()])], [geo.into()]), 1).family(V6);
    let mut steps = Vec::new();
    asker.decide_recording(&mut steps);
    assert_eq!(steps, [Step::NoFamily { family: V6 }]);
}

#[test]
fn a_ttl_is_told_of_what_has_one() {
    for (then, has_ttl) in [
        (WhenAllDown::All, true),
        (WhenAllDown::NoData, true),
        (WhenAllDown::ServFail, false),
        (WhenAllDown::Refuse, false),
    ] {
        let policy = Policy::from(Kind::Failover(vec![p(0)])).when_all_down(then);
        let steps = steps(&world([pool([down()])], [policy]));
        let told = steps.iter().any(|step| matches!(step, Step::Ttl { .. }));
        assert_eq!(told, has_ttl, "{then:?}");
    }
}

#[test]
fn a_scope_is_told_to_who_brings_a_subnet() {
    for (subnet, has_scope) in [
        (None, false),
        (
            Some(Subnet {
                address: Ipv4Addr::new(8, 1, 2, 0).into(),
                source: 24,
            }),
            true,
        ),
    ] {
        let mut asker = Asker::new(
            &world([pool([up()])], [Kind::Failover(vec![p(0)]).into()]),
            1,
        );
        asker.client = Client { subnet, ..CLIENT };
        let mut steps = Vec::new();
        asker.decide_recording(&mut steps);
        assert_eq!(steps.contains(&Step::Scope { bits: 0 }), has_scope);
    }
}
