//! Addresses of several regions in one answer; turns that are spread; rules.

use meridian::model::{Balance, PolicyId, PoolId, WhenAllDown};
use meridian::steering::{Outcome, Step};

use crate::world::*;

/// Three regions with pools of three, nearest first; the second has two pools.
fn regions(states: [bool; 4]) -> World {
    let pool_of = |is_up: bool, region| Pool {
        region: Some(region),
        ..pool((0..3).map(|_| if is_up { up() } else { down() }))
    };
    let [a, b, c, d] = states;
    let pools = [pool_of(a, 0), pool_of(b, 1), pool_of(c, 1), pool_of(d, 2)];
    let tiers = vec![vec![p(0)], vec![p(1), p(2)], vec![p(3)]];
    world(pools, [Kind::Geo(tiers, vec![0, 1, 2]).into()])
}

/// From which pool each address comes.
fn pools(states: [bool; 4], spread: &[u8]) -> Vec<u32> {
    let mut world = regions(states);
    world.policies[0] = world.policies[0].clone().spread(spread);
    let mut asker = Asker::new(&world, 1).answers(1);
    asker
        .endpoints()
        .iter()
        .map(|endpoint| endpoint / 3)
        .collect()
}

#[test]
fn two_of_the_nearest_and_one_elsewhere() {
    assert_eq!(pools([true; 4], &[2, 1]), [0, 0, 1]);
    assert_eq!(pools([false, true, true, true], &[2, 1]), [1, 1, 3]);
    assert_eq!(pools([true, false, true, true], &[2, 1]), [0, 0, 2]);
    assert_eq!(pools([true, false, false, true], &[2, 1]), [0, 0, 3]);
    assert_eq!(pools([true, false, false, false], &[2, 1]), [0, 0]);
}

#[test]
fn one_of_each_of_the_nearest() {
    assert_eq!(pools([true; 4], &[1, 1]), [0, 1]);
    assert_eq!(pools([true; 4], &[1, 1, 1]), [0, 1, 3]);
    assert_eq!(pools([true; 4], &[1, 1, 1, 1]), [0, 1, 3]);
    assert_eq!(pools([true; 4], &[5, 5]), [0, 0, 0, 1, 1, 1]);
}

#[test]
fn why_there_is_more_is_told() {
    let mut world = regions([true; 4]);
    world.policies[0] = world.policies[0].clone().spread(&[1, 1]);
    let mut steps = Vec::new();
    let decision = Asker::new(&world, 1).decide_recording(&mut steps);
    assert_eq!(decision.pool, Some(PoolId(0)));
    let is_elsewhere = |step: &&Step| matches!(step, Step::Elsewhere { than } if than.len() == 1);
    assert_eq!(steps.iter().filter(is_elsewhere).count(), 1);
}

#[test]
fn smooth_turns_come_as_often_as_weights_say_in_every_round() {
    let weights = [5u16, 1, 1, 3];
    let endpoints = weights.map(|weight| up().weight(weight));
    let of_pool = world(
        [pool(endpoints).balance(Balance::Smooth)],
        [Kind::Failover(vec![p(0)]).into()],
    );
    let members = (0..).map(p).zip(weights).collect();
    let of_policy = world(
        weights.map(|_| pool([up()])),
        [Kind::Of(Balance::Smooth, members).into()],
    );
    for world in [of_pool, of_policy] {
        let mut asker = Asker::new(&world, 1);
        let turns: Vec<u32> = (0..40).map(|_| asker.endpoints()[0]).collect();
        for round in turns.chunks(10) {
            let count = |id| round.iter().filter(|turn| **turn == id).count();
            assert_eq!([0, 1, 2, 3].map(count), [5, 1, 1, 3]);
        }
        // Spread: half of the turns are the first's, and never more than two of these in a row.
        let three = turns.windows(3).any(|turns| turns == [0, 0, 0]);
        assert!(!three, "{turns:?}");
    }
}

#[test]
fn smooth_turns_of_one_that_is_down_burden_all_others_as_they_weigh() {
    let weights = [5u16, 1, 1, 3];
    let endpoints = weights.iter().enumerate().map(|(id, &weight)| match id {
        1 => down().weight(weight),
        _ => up().weight(weight),
    });
    let world = world(
        [pool(endpoints).balance(Balance::Smooth)],
        [Kind::Failover(vec![p(0)]).into()],
    );
    let mut asker = Asker::new(&world, 1);
    let turns: Vec<u32> = (0..9).map(|_| asker.endpoints()[0]).collect();
    let count = |id| turns.iter().filter(|turn| **turn == id).count();
    assert_eq!([0, 1, 2, 3].map(count), [5, 0, 1, 3]);
}

#[test]
fn regions_take_turns_apart() {
    let members = |first| vec![(p(first), 1), (p(first + 1), 1)];
    let turns = |order| {
        let tiers = vec![members(0), members(2)];
        Policy::from(Kind::Nearest(Balance::RoundRobin, tiers, order))
    };
    let world = world((0..4).map(|_| pool([up()])), [turns(vec![0, 1])]);
    let mut near = Asker::new(&world, 1);
    let answered: Vec<_> = (0..4).filter_map(|_| near.pool()).collect();
    assert_eq!(answered, [0, 1, 0, 1]);
}

#[test]
fn the_policy_of_a_rule_has_the_last_word() {
    let general = Policy::from(Kind::Failover(vec![p(0)]));
    let fenced = Policy::from(Kind::Failover(vec![p(1)])).when_all_down(WhenAllDown::ServFail);
    let ruled = |by| Policy::from(Kind::Ruled(PolicyId(by), vec![PolicyId(0), PolicyId(1)]));
    for (by, outcome) in [(0, Outcome::Answer), (1, Outcome::ServFail)] {
        let policies = [general.clone(), fenced.clone(), ruled(by)];
        let decision = ask(&world([pool([up()]), pool([down()])], policies));
        assert_eq!(decision.outcome, outcome);
    }
}

#[test]
fn what_is_added_takes_nobodys_turn_and_no_last_resort() {
    let members = || vec![(p(0), 2), (p(1), 1), (p(2), 3)];
    let pools = || (0..4).map(|_| pool([up()]));
    for balance in [Balance::RoundRobin, Balance::Smooth] {
        let policy = Policy::from(Kind::Of(balance, members())).spread(&[1, 1]);
        let mut asker = Asker::new(&world(pools(), [policy]), 1);
        let mut firsts = [0; 4];
        for _ in 0..60 {
            firsts[asker.endpoints()[0] as usize] += 1;
        }
        let expected = match balance {
            Balance::Smooth => [20, 10, 30, 0],
            _ => [20, 20, 20, 0],
        };
        assert_eq!(firsts, expected, "{balance:?}");
    }
    let policy = Policy::from(Kind::Failover(vec![p(0)])).spread(&[1, 1]);
    let mut asker = Asker::new(&world(pools(), [policy.last_resort([p(3)])]), 1);
    assert_eq!(asker.endpoints(), [0]);
    // Of a nested policy it is a member as any other, and no end of the answer.
    let inner = Policy::from(Kind::Failover(vec![p(0)])).last_resort([p(1)]);
    let outer = Policy::from(Kind::Failover(vec![nested(0), p(2)])).spread(&[1, 1, 1]);
    let mut asker = Asker::new(&world(pools(), [inner, outer]), 1);
    assert_eq!(asker.endpoints(), [0, 1, 2]);
}
