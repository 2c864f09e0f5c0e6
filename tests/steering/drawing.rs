//! Which endpoints of a pool are answered.

use meridian::model::{ANSWERS_MAX, Balance};

use crate::world::*;

/// Draws behind every proportion: at this many, a bias of two parts in a hundred shows among a few equals.
pub const DRAWS: usize = 200_000;

/// Pearson's chi-square against `shares` (of any sum), at p = 0.001. Seeds are fixed, so a test
/// that passes once passes always. A share of 0 must never have been drawn.
pub fn assert_in_proportion(tally: &[u32], shares: &[f64]) {
    const CRITICAL: [f64; 12] = [
        10.83, 13.82, 16.27, 18.47, 20.52, 22.46, 24.32, 26.12, 27.88, 29.59, 31.26, 32.91,
    ];
    let drawn: f64 = tally.iter().map(|&n| f64::from(n)).sum();
    let sum: f64 = shares.iter().sum();
    let (mut chi_square, mut categories) = (0.0, 0);
    for (&observed, share) in tally.iter().zip(shares) {
        if *share == 0.0 {
            assert_eq!(observed, 0, "{tally:?}");
            continue;
        }
        let expected = drawn * share / sum;
        chi_square += (f64::from(observed) - expected).powi(2) / expected;
        categories += 1;
    }
    assert!(
        chi_square < CRITICAL[categories - 2],
        "{chi_square}: {tally:?} for {shares:?}"
    );
}

fn asker(balance: Balance, endpoints: Vec<Endpoint>, answers: u8) -> Asker {
    let pool = Pool {
        balance,
        ..pool(endpoints)
    };
    let world = world([pool], [Kind::Failover(vec![p(0)]).into()]);
    Asker::new(&world, 0xD1E).answers(answers)
}

fn weights(weights: &[u16]) -> Vec<Endpoint> {
    weights.iter().map(|&weight| up().weight(weight)).collect()
}

/// How often each endpoint comes first.
fn firsts(asker: &mut Asker, rounds: usize) -> Vec<u32> {
    let mut tally = vec![0; asker.root.pools.endpoints.len()];
    for _ in 0..rounds {
        tally[asker.endpoints()[0] as usize] += 1;
    }
    tally
}

#[test]
fn the_first_address_is_drawn_in_proportion_to_weight() {
    let mut asker = asker(Balance::Weighted, weights(&[1, 2, 3, 10]), 3);
    assert_in_proportion(&firsts(&mut asker, DRAWS), &[1.0, 2.0, 3.0, 10.0]);
}

#[test]
fn further_addresses_are_drawn_in_proportion_among_the_rest() {
    let weight = [1.0, 2.0, 3.0, 10.0];
    let mut asker = asker(Balance::Weighted, weights(&[1, 2, 3, 10]), 2);
    let (mut tally, mut shares) = ([0; 12], [0.0; 12]);
    let ordered: Vec<_> = (0..4)
        .flat_map(|a| (0..4).map(move |b| [a, b]))
        .filter(|[a, b]| a != b)
        .collect();
    for _ in 0..DRAWS {
        let drawn = asker.endpoints();
        let place = ordered.iter().position(|pair| pair[..] == drawn[..]);
        tally[place.unwrap()] += 1;
    }
    for (share, &[a, b]) in shares.iter_mut().zip(&ordered) {
        *share = weight[a as usize] * weight[b as usize] / (16.0 - weight[a as usize]);
    }
    assert_in_proportion(&tally, &shares);
}

#[test]
fn an_endpoint_of_weight_0_is_answered_only_when_none_with_a_weight_is_up() {
    for balance in [Balance::Weighted, Balance::RoundRobin, Balance::Random] {
        let mut with = asker(balance, weights(&[0, 1, 0]), 3);
        assert_eq!(with.endpoints(), [1]);
        let mut endpoints = weights(&[0, 0, 0]);
        endpoints.push(down());
        let mut without = asker(balance, endpoints, 1);
        for _ in 0..20 {
            assert_ne!(without.endpoints(), [3]);
        }
        let mut without = asker(balance, weights(&[0, 0, 0]), 3);
        assert_eq!(without.endpoints().len(), 3);
    }
}

#[test]
fn random_draws_uniformly_whatever_the_weights() {
    let mut asker = asker(Balance::Random, weights(&[1, 2, 3, 10]), 2);
    assert_in_proportion(&firsts(&mut asker, DRAWS), &[1.0; 4]);
}

#[test]
fn random_draws_every_set_of_further_addresses_alike() {
    let mut asker = asker(Balance::Random, weights(&[1; 5]), 2);
    let mut tally = [0; 10];
    for _ in 0..DRAWS {
        let mut drawn = asker.endpoints();
        drawn.sort_unstable();
        let (a, b) = (drawn[0] as usize, drawn[1] as usize);
        tally[b * (b - 1) / 2 + a] += 1;
    }
    assert_in_proportion(&tally, &[1.0; 10]);
}

#[test]
fn round_robin_answers_endpoints_in_a_row_and_each_comes_first_in_turn() {
    let mut asker = asker(Balance::RoundRobin, weights(&[1, 5, 1, 1]), 2);
    let answers: Vec<_> = (0..5).map(|_| asker.endpoints()).collect();
    assert_eq!(answers, [[0, 1], [1, 2], [2, 3], [3, 0], [0, 1]]);
}

#[test]
fn round_robin_without_a_cursor_begins_anywhere() {
    let mut asker = asker(Balance::RoundRobin, weights(&[1; 4]), 2);
    asker.cursors.clear();
    assert_in_proportion(&firsts(&mut asker, DRAWS), &[1.0; 4]);
}

#[test]
fn an_answer_never_has_more_than_16_addresses() {
    for balance in [Balance::Weighted, Balance::RoundRobin, Balance::Random] {
        let mut asker = asker(balance, weights(&[1; 40]), u8::MAX);
        assert_eq!(asker.endpoints().len(), ANSWERS_MAX);
    }
}

#[test]
fn nothing_is_drawn_twice_even_where_one_endpoint_outweighs_a_whole_pool() {
    let mut heavy = weights(&[1; 15]);
    heavy.push(up().weight(u16::MAX));
    let mut large = weights(&[1; 3_000]);
    large.extend(weights(&[u16::MAX; 3]));
    for endpoints in [heavy, large] {
        let mut asker = asker(Balance::Weighted, endpoints, 16);
        for _ in 0..200 {
            let mut drawn = asker.endpoints();
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn.len(), 16);
        }
    }
}
