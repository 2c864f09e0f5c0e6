//! Over whole configurations: does a plan say what steering does with every client, and do its sums hold?

use std::net::IpAddr;

use meridian::locate::{Client, Subnet};
use meridian::model::{Family, PolicyId};
use meridian::plan::{
    Asked, Asker, Destination, Moves, Places, Policies, Population, Side, Sides, destination_of,
};
use meridian::state::Root;
use proptest::prelude::*;

use crate::configurations::{Configuration, POLICIES, configuration, shares, verdicts};

/// Policies that seldom draw.
const CERTAIN: [&str; 6] = [
    "geo",
    "other-geo",
    "one-region",
    "nested-geo",
    "failover",
    "ruled",
];

fn side<'a>(of: &'a Configuration, root: &'a Root) -> Side<'a> {
    Side {
        root,
        world: &of.world,
        networks: &[],
    }
}

fn policy(of: &Configuration, name: &str) -> PolicyId {
    let policies = &of.config.policies;
    PolicyId(policies.iter().position(|p| p.name == name).unwrap() as u32)
}

fn is_sum(sum: f64, of: f64) -> bool {
    (sum - of).abs() <= of * 1e-9
}

/// Every share is of the whole, in lands and cells as well.
fn check_sums(moves: &Moves, population: &Population<'_>) {
    let located = population.counted() as f64;
    assert!(is_sum(moves.counted.total(), located));
    let lands: f64 = moves.lands.values().map(|land| land.total()).sum();
    assert!(is_sum(lands, located));
    let moved: f64 = moves.lands.values().map(|land| land.moved()).sum();
    assert!((moved - moves.counted.moved()).abs() <= located * 1e-9);
    let numbers = || 0..moves.destinations.len() as u16;
    let before: f64 = numbers().map(|number| moves.counted.before(number)).sum();
    let after: f64 = numbers().map(|number| moves.counted.after(number)).sum();
    assert!(is_sum(before, located) && is_sum(after, located));
}

fn subnet(address: IpAddr) -> Client {
    Client {
        subnet: Some(Subnet {
            address,
            source: Family::of(&address).bits(),
        }),
        resolver: address,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn nobody_moves_where_nothing_changes(
        configuration in configuration(),
        shares in shares(),
        name in prop::sample::select(&POLICIES[..]),
    ) {
        let root = configuration.root_of(&configuration.verdicts, &shares);
        let (before, after) = (side(&configuration, &root), side(&configuration, &root));
        let sides = Sides { before, after };
        let places = Places::new(&sides);
        let id = policy(&configuration, name);
        let policies = Policies { before: id, after: id };
        for clients in [Family::V4, Family::V6] {
            let mut population =
                Population::of_space(sides, &places, policies, clients, Family::V4);
            let moves = Moves::new(&sides, policies, &mut population);
            prop_assert_eq!(moves.counted.moved(), 0.0);
            prop_assert_eq!(moves.unlocated.moved(), 0.0);
            check_sums(&moves, &population);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Each client by itself, as one that asked once, is what steering says before and after; and no move is
    /// between regions of which it says something else.
    #[test]
    fn a_plan_is_what_steering_says_of_each_client(
        configuration in configuration(),
        other in verdicts(),
        name in prop::sample::select(&CERTAIN[..]),
    ) {
        let (one, two) = (configuration.root(), configuration.root_of(&other, &[]));
        let (before, after) = (side(&configuration, &one), side(&configuration, &two));
        let sides = Sides { before, after };
        let places = Places::new(&sides);
        let id = policy(&configuration, name);
        let policies = Policies { before: id, after: id };
        for clients in [Family::V4, Family::V6] {
            let mut population =
                Population::of_space(sides, &places, policies, clients, Family::V4);
            let moves = Moves::new(&sides, policies, &mut population);
            check_sums(&moves, &population);
            let flows = || moves.counted.flows().iter().chain(moves.unlocated.flows());
            if moves.is_drawn {
                continue;
            }
            for address in configuration.clients() {
                let is_form = address.to_string().starts_with("::ffff")
                    || ["64:ff9b:", "2002:"].iter().any(|p| address.to_string().starts_with(p));
                if Family::of(&address) != clients || is_form {
                    continue;
                }
                let said = |side| destination_of(side, id, Family::V4, address, 1);
                let (from, to) = (said(&before), said(&after));
                let is_known = flows().any(|&(a, b, _)| {
                    let of = |number: u16| &moves.destinations[usize::from(number)];
                    *of(a) == from && *of(b) == to
                });
                let is_special = meridian::geoip::lookup(&configuration.world, address).is_none();
                prop_assert!(is_known || is_special, "{}: {} -> {}", address, from, to);

                let asked = [Asked {
                    asker: Asker {
                        family: Family::V4,
                        before: subnet(address),
                        after: subnet(address),
                    },
                    count: 3,
                }];
                let mut alone = Population::of_asked(sides, &places, policies, &asked);
                let moves = Moves::new(&sides, policies, &mut alone);
                let flows: Vec<_> =
                    moves.counted.flows().iter().chain(moves.unlocated.flows()).collect();
                let number = |destination: &Destination| {
                    let mut all = moves.destinations.iter();
                    all.position(|d| d == destination).unwrap() as u16
                };
                prop_assert_eq!(flows, [&(number(&from), number(&to), 3.0)]);
            }
        }
    }
}
