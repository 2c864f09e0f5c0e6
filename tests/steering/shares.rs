//! Who takes a part only of what would come to them.

use std::net::{IpAddr, Ipv4Addr};

use meridian::locate::{Client, Subnet};
use meridian::model::{Balance, MinHealthy, PoolId, Share};
use meridian::steering::{Outcome, Step, Unusable};

use crate::drawing::{DRAWS, assert_in_proportion};
use crate::world::*;

const TENTH: Share = Share(6_554);
const HALF: Share = Share(32_768);

fn tally(asker: &mut Asker, rounds: usize) -> Vec<u32> {
    let mut tally = vec![0; asker.root.pools.pools.len()];
    for _ in 0..rounds {
        tally[asker.pool().unwrap() as usize] += 1;
    }
    tally
}

#[test]
fn a_pool_leaves_to_the_next_what_it_does_not_take() {
    let pools = [
        pool([up()]).takes(TENTH),
        pool([up()]).takes(HALF),
        pool([up()]),
    ];
    let kind = Kind::Geo(vec![vec![p(0)], vec![p(1)], vec![p(2)]], vec![0, 1, 2]);
    let tally = tally(&mut Asker::new(&world(pools, [kind.into()]), 3), DRAWS);
    assert_in_proportion(&tally, &[0.1, 0.45, 0.45]);
}

#[test]
fn every_balance_leaves_a_pool_the_part_that_it_takes() {
    let members = || vec![(p(0), 1), (p(1), 1)];
    for balance in Balance::ALL.into_iter().chain(Balance::BY_LOAD) {
        let pools = [pool([up()]).takes(TENTH), pool([up()])];
        let world = world(pools, [Kind::Of(balance, members()).into()]);
        let mut asker = Asker::new(&world, 5);
        let mut first = 0;
        for number in 0..20_000u32 {
            let address = IpAddr::V4(Ipv4Addr::from(0x1400_0000 + (number << 8)));
            asker.client.subnet = Some(Subnet {
                address,
                source: 24,
            });
            first += u32::from(asker.pool() == Some(0));
        }
        // A tenth of the half that it had; of all, where it is the first.
        let expected = match balance {
            Balance::Failover => 2_000,
            _ => 1_000,
        };
        assert!(first.abs_diff(expected) < 150, "{balance:?}: {first}");
    }
}

#[test]
fn if_all_decline_nobody_is_let_decline() {
    let pools = [
        pool([up()]).takes(Share::NONE),
        pool([up()]).takes(Share::NONE),
    ];
    let world = world(pools, [Kind::Failover(vec![p(0), p(1)]).into()]);
    let mut steps = Vec::new();
    let decision = Asker::new(&world, 1).decide_recording(&mut steps);
    assert_eq!(
        (decision.outcome, decision.pool),
        (Outcome::Answer, Some(PoolId(0)))
    );
    let declines = |step: &&Step| {
        matches!(
            step,
            Step::PassedOver {
                why: Unusable::Declined(Share::NONE),
                ..
            }
        )
    };
    assert_eq!(steps.iter().filter(declines).count(), 2);
    assert!(
        steps
            .iter()
            .any(|step| matches!(step, Step::AllDecline { .. }))
    );
}

#[test]
fn less_is_a_part_of_what_was_taken_before_where_clients_are_told_apart() {
    let takers = |share: Share| {
        let pools = [pool([up()]).takes(share), pool([up()])];
        let sticky = pools.map(|pool| pool.balance(Balance::Rendezvous));
        let mut asker = Asker::new(&world(sticky, [Kind::Failover(vec![p(0), p(1)]).into()]), 1);
        let takes = |number: &u32| {
            asker.client = Client {
                subnet: None,
                resolver: IpAddr::V4(Ipv4Addr::from(0x1400_0000 + (number << 8))),
            };
            asker.pool() == Some(0)
        };
        (0..5_000).filter(takes).collect::<Vec<u32>>()
    };
    let mut before: Vec<u32> = (0..5_000).collect();
    for percent in [90, 50, 10, 1] {
        let takers = takers(Share((65_535 * percent / 100) as u16));
        assert!(takers.iter().all(|taker| before.contains(taker)));
        assert!(
            (takers.len() as u32).abs_diff(50 * percent) < 100,
            "{}",
            takers.len()
        );
        before = takers;
    }
}

#[test]
fn an_endpoint_leaves_to_others_of_its_pool_what_it_does_not_take() {
    for balance in Balance::ALL.into_iter().chain(Balance::BY_LOAD) {
        let endpoints = [up().takes(TENTH), up(), up()];
        let world = world(
            [pool(endpoints).balance(balance)],
            [Kind::Failover(vec![p(0)]).into()],
        );
        let mut asker = Asker::new(&world, 9).answers(2);
        let mut with = 0;
        for number in 0..20_000u32 {
            let address = IpAddr::V4(Ipv4Addr::from(0x1400_0000 + (number << 8)));
            asker.client.subnet = Some(Subnet {
                address,
                source: 24,
            });
            let answered = asker.endpoints();
            assert_eq!(answered.len(), 2);
            with += u32::from(answered.contains(&0));
        }
        // It would be in all of them, if in two of three.
        let expected = match balance {
            Balance::Failover => 2_000,
            _ => 1_333,
        };
        assert!(with.abs_diff(expected) < 200, "{balance:?}: {with}");
    }
}

#[test]
fn the_only_endpoints_of_a_pool_cannot_decline() {
    let endpoints = [up().takes(Share::NONE), up().takes(Share::NONE)];
    let world = world([pool(endpoints)], [Kind::Failover(vec![p(0)]).into()]);
    assert_eq!(Asker::new(&world, 1).answers(2).endpoints().len(), 2);
}

#[test]
fn a_pool_with_too_few_up_is_asked_last() {
    let weak = || Pool {
        min_healthy: MinHealthy::Percent(50),
        ..pool([up(), down(), down()])
    };
    let failover = |others: Vec<Pool>| {
        let pools: Vec<_> = std::iter::once(weak()).chain(others).collect();
        let members = (0..pools.len() as u32).map(p).collect();
        world(pools, [Kind::Failover(members).into()])
    };
    assert_eq!(ask(&failover(vec![pool([up()])])).pool, Some(PoolId(1)));
    let alone = ask(&failover(vec![pool([down()])]));
    assert_eq!(
        (alone.outcome, alone.pool),
        (Outcome::Answer, Some(PoolId(0)))
    );
    assert_eq!(alone.endpoints().len(), 1);
    let mut steps = Vec::new();
    Asker::new(&failover(vec![pool([up()])]), 1).decide_recording(&mut steps);
    let tells = |step: &Step| matches!(step, Step::PassedOver { why: Unusable::TooFewUp(endpoints), .. } if endpoints.len() == 3);
    assert!(steps.iter().any(tells), "{steps:#?}");
}

#[test]
fn a_pool_is_served_whole_until_too_few_are_up() {
    let whole = |min| Pool {
        min_healthy: MinHealthy::Count(min),
        serve_whole: true,
        ..pool([up(), down(), up()])
    };
    let answer = |min| {
        let pools = [whole(min), pool([up()])];
        let world = world(pools, [Kind::Failover(vec![p(0), p(1)]).into()]);
        let mut endpoints = Asker::new(&world, 1).answers(3).endpoints();
        endpoints.sort_unstable();
        endpoints
    };
    assert_eq!(answer(2), [0, 1, 2]);
    assert_eq!(answer(3), [3]);
}

#[test]
fn the_last_resort_is_asked_when_no_member_takes_the_query() {
    let resort = |states: [bool; 3]| {
        let pools = states.map(|is_up| pool([if is_up { up() } else { down() }]));
        let policy = Policy::from(Kind::Weighted(vec![(p(0), 1), (p(1), 1)]));
        ask(&world(pools, [policy.last_resort([p(2)])])).pool
    };
    assert_ne!(resort([true, true, true]), Some(PoolId(2)));
    assert_eq!(resort([false, true, true]), Some(PoolId(1)));
    assert_eq!(resort([false, false, true]), Some(PoolId(2)));
}

#[test]
fn who_takes_nothing_is_left_out_of_large_pools_too() {
    for balance in Balance::ALL.into_iter().chain(Balance::BY_LOAD) {
        let endpoint = |id: usize| match id < 60 {
            true => up().takes(Share::NONE),
            false => up(),
        };
        let pool = pool((0..64).map(endpoint)).balance(balance);
        let world = world([pool], [Kind::Failover(vec![p(0)]).into()]);
        let mut asker = Asker::new(&world, 1).answers(2);
        for _ in 0..200 {
            assert!(asker.endpoints().iter().all(|id| *id >= 60), "{balance:?}");
        }
    }
}

#[test]
fn a_pool_with_too_few_up_is_awaited() {
    let weak = Pool {
        min_healthy: MinHealthy::Count(2),
        ..pool([up(), down().flips_after(7_000)])
    };
    let away = pool([up().flips_after(u32::MAX)]);
    let decision = ask(&world(
        [weak, away],
        [Kind::Failover(vec![p(0), p(1)]).into()],
    ));
    assert_eq!((decision.pool, decision.ttl_s), (Some(PoolId(1)), 7));
}
