//! Who gets the same because of who they are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use meridian::locate::{Client, Subnet};
use meridian::model::{Balance, Verdict};
use meridian::steering::Decision;
use proptest::prelude::*;

use crate::drawing::assert_in_proportion;
use crate::world::*;

const BY_CLIENT: [Balance; 3] = [
    Balance::SourceHash,
    Balance::ConsistentHash,
    Balance::Rendezvous,
];
/// Those that move only whom they must.
const BOUNDED: [Balance; 2] = [Balance::ConsistentHash, Balance::Rendezvous];

const CLIENTS: u32 = 20_000;

/// The /24 with this number, behind a resolver of its own.
fn client(number: u32) -> Client {
    let address = IpAddr::V4(Ipv4Addr::from(0x1400_0000 + (number << 8)));
    Client {
        subnet: Some(Subnet {
            address,
            source: 24,
        }),
        resolver: IpAddr::V4(Ipv4Addr::from(0x0900_0000 + number)),
    }
}

fn decide(asker: &mut Asker, number: u32) -> Decision {
    asker.client = client(number);
    asker.decide()
}

/// Pools of one endpoint each under a policy, or endpoints of one pool: so many, and those in `down` are down.
fn askers(balance: Balance, weights: &[u16], down: &[usize]) -> [Asker; 2] {
    let endpoint = |index: usize| Endpoint {
        verdict: match down.contains(&index) {
            true => Verdict::Down,
            false => Verdict::Up,
        },
        ..up()
    };
    let endpoints = weights.iter().enumerate();
    let endpoints = endpoints.map(|(index, &weight)| endpoint(index).weight(weight));
    let of_pool = world(
        [pool(endpoints).balance(balance)],
        [Kind::Failover(vec![p(0)]).into()],
    );
    let members = (0..).map(p).zip(weights.iter().copied());
    let of_policy = world(
        (0..weights.len()).map(|index| pool([endpoint(index)])),
        [Kind::Of(balance, members.collect()).into()],
    );
    [of_pool, of_policy].map(|world| Asker::new(&world, 7))
}

/// Who answers each client, of the policy and of the pool.
fn answers(balance: Balance, weights: &[u16], down: &[usize]) -> [Vec<u32>; 2] {
    askers(balance, weights, down).map(|mut asker| {
        let answer = |number| decide(&mut asker, number).endpoints()[0].0;
        (0..CLIENTS).map(answer).collect()
    })
}

#[test]
fn a_client_gets_the_same_whatever_the_die_says() {
    for balance in BY_CLIENT {
        for mut asker in askers(balance, &[1, 2, 3], &[]) {
            for number in 0..200 {
                let first = decide(&mut asker, number);
                asker.cursors.fill(number);
                assert_eq!(decide(&mut asker, number), first, "{balance:?}");
            }
        }
    }
}

#[test]
fn weights_are_met_over_the_clients() {
    for balance in [Balance::SourceHash, Balance::Rendezvous] {
        let [of_pool, of_policy] = answers(balance, &[1, 2, 5], &[]);
        let mut tally = [0; 3];
        for answer in of_policy {
            tally[answer as usize] += 1;
        }
        assert_in_proportion(&tally, &[1.0, 2.0, 5.0]);
        let mut tally = [0u32; 3];
        for answer in of_pool {
            tally[answer as usize] += 1;
        }
        // Buckets are finite: to within 10 % of themselves.
        for (drawn, share) in tally.iter().zip([0.125, 0.25, 0.625]) {
            let error = f64::from(*drawn) / f64::from(CLIENTS) / share - 1.0;
            assert!(error.abs() < 0.1, "{balance:?}: {tally:?}");
        }
    }
}

#[test]
fn when_one_is_gone_only_its_clients_move_and_they_come_back() {
    for balance in BOUNDED {
        for weights in [&[1; 10][..], &[1, 2, 3, 4]] {
            let whole = answers(balance, weights, &[]);
            let without = answers(balance, weights, &[2]);
            for (whole, without) in whole.iter().zip(&without) {
                for (before, after) in whole.iter().zip(without) {
                    assert!(before == after || *before == 2, "{balance:?}");
                    assert_ne!(*after, 2);
                }
                let moved = whole.iter().zip(without).filter(|(a, b)| a != b).count();
                let heirs: std::collections::BTreeSet<_> = (whole.iter().zip(without))
                    .filter(|(before, _)| **before == 2)
                    .map(|(_, after)| after)
                    .collect();
                assert!(moved > 0);
                assert_eq!(
                    heirs.len(),
                    weights.len() - 1,
                    "{balance:?}: all others share them"
                );
            }
            assert_eq!(answers(balance, weights, &[]), whole);
        }
    }
}

#[test]
fn further_addresses_are_whom_the_client_would_move_to() {
    for balance in BOUNDED {
        let [mut whole, _] = askers(balance, &[1; 6], &[]);
        whole.ask.answers = 2;
        for number in 0..500 {
            let both = decide(&mut whole, number).endpoints().to_vec();
            assert_eq!(both.len(), 2);
            let [mut without, _] = askers(balance, &[1; 6], &[both[0].index()]);
            assert_eq!(decide(&mut without, number).endpoints()[0], both[1]);
        }
    }
}

#[test]
fn those_of_weight_0_serve_only_when_nobody_else_can() {
    for balance in BY_CLIENT {
        let all = answers(balance, &[0, 1, 0], &[]);
        let without = answers(balance, &[0, 1, 0], &[1]);
        for (all, without) in all.iter().zip(&without) {
            assert!(all.iter().all(|answer| *answer == 1), "{balance:?}");
            for last in [0, 2] {
                let share = without.iter().filter(|answer| **answer == last).count();
                assert!(share > CLIENTS as usize / 3, "{balance:?}");
            }
        }
    }
}

#[test]
fn the_network_is_what_is_known_of_the_first_24_or_56_bits_and_the_answer_holds_for_it() {
    for balance in BY_CLIENT {
        for mut asker in askers(balance, &[1; 50], &[]) {
            let mut of = |address: IpAddr, source| {
                asker.client.subnet = Some(Subnet { address, source });
                let decision = asker.decide();
                (decision.endpoints()[0], decision.scope)
            };
            let v4 = |octets: [u8; 4]| IpAddr::from(octets);
            let v6 = |low: u128| IpAddr::V6(Ipv6Addr::from((0x2a00 << 112) + low));
            let (first, scope) = of(v4([20, 1, 2, 0]), 24);
            assert_eq!(scope, 24);
            assert_eq!(of(v4([20, 1, 2, 77]), 32), (first, 24));
            assert_eq!(of(v4([20, 1, 0, 0]), 16).1, 16);
            let (first, scope) = of(v6(0), 56);
            assert_eq!(scope, 56);
            assert_eq!(of(v6(1 << 70), 64), (first, 56));
            assert_eq!(of(v6(0), 48).1, 48);
            let mut differ = |other: &dyn Fn(u32) -> IpAddr, source| {
                let mut of = |number| of(other(number), source).0;
                let first = of(0);
                (1..20).any(|number| of(number) != first)
            };
            assert!(differ(&|n| v4([20, 1, n as u8, 0]), 24));
            assert!(differ(&|n| v6(u128::from(n) << 72), 56));
        }
    }
}

#[test]
fn without_a_subnet_the_resolvers_network_counts_in_either_form() {
    for mut asker in askers(Balance::Rendezvous, &[1; 50], &[]) {
        let mut of = |resolver: &str| {
            asker.client = Client {
                subnet: None,
                resolver: resolver.parse().unwrap(),
            };
            let decision = asker.decide();
            assert_eq!(decision.scope, 0);
            decision.endpoints()[0]
        };
        assert_eq!(of("9.9.9.9"), of("9.9.9.200"));
        assert_eq!(of("9.9.9.9"), of("::ffff:9.9.9.9"));
        assert_eq!(of("2620:fe::9"), of("2620:fe::fe"));
    }
}

#[test]
fn two_pools_do_not_sort_clients_alike() {
    // Else, a share that one takes would be the very clients of one endpoint of the other.
    let both = || pool((0..2).map(|_| up())).balance(Balance::Rendezvous);
    let policies = [p(0), p(1)].map(|pool| Kind::Failover(vec![pool]).into());
    let mut asker = Asker::new(&world([both(), both()], policies), 1);
    let mut same = 0;
    for number in 0..1_000 {
        let mut of = |policy| {
            asker.ask.policy = meridian::model::PolicyId(policy);
            decide(&mut asker, number).endpoints()[0].0 % 2
        };
        same += u32::from(of(0) == of(1));
    }
    assert!((400..600).contains(&same), "{same}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn taking_any_away_moves_its_clients_only(
        weights in prop::collection::vec(0..5u16, 2..12),
        down in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        gone in any::<prop::sample::Index>(),
    ) {
        let down: Vec<usize> = down.iter().map(|index| index.index(weights.len())).collect();
        let gone = gone.index(weights.len());
        let mut more = down.clone();
        more.push(gone);
        // Where none with a weight is left, those of weight 0 take over, and all move.
        let is_left = |down: &[usize]| {
            (0..weights.len()).any(|index| weights[index] > 0 && !down.contains(&index))
        };
        prop_assume!(is_left(&more));
        for balance in BOUNDED {
            let before = askers(balance, &weights, &down);
            let after = askers(balance, &weights, &more);
            for (mut before, mut after) in before.into_iter().zip(after) {
                for number in 0..300 {
                    let was = decide(&mut before, number).endpoints()[0];
                    let is = decide(&mut after, number).endpoints()[0];
                    prop_assert!(was == is || was.index() == gone, "{:?}", balance);
                }
            }
        }
    }
}
