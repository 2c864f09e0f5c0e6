//! Over whole configurations, by the octets that are sent: is what is answered up, and do scopes hold?

use std::collections::HashSet;
use std::net::IpAddr;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use ipnet::IpNet;
use meridian::locate::{Client, Subnet};
use meridian::model::{Destination, Family, FamilyFallback, Verdict};
use meridian::random::Random;
use meridian::state::Root;
use meridian::steering::{Ask, Draw, cursor_count, decide};
use proptest::prelude::*;

use crate::configurations::{Configuration, POLICIES, configuration, name_of, shares, verdicts};
use crate::engine::{RESOLVER, TCP, ask, decode, destination, scope};

const SEED: u64 = 5;
const FAMILIES: [(Family, RecordType); 2] =
    [(Family::V4, RecordType::A), (Family::V6, RecordType::AAAA)];

/// What a client with this subnet is answered for a policy's name.
fn ask_for(root: &Root, policy: &str, rtype: RecordType, subnet: IpNet) -> Message {
    let name = meridian::dns::Name::parse(&name_of(policy).to_string()).unwrap();
    let subnet = Some((subnet.addr(), subnet.prefix_len()));
    let query = meridian::dns::query::compose(1, &name, rtype.into(), subnet);
    decode(&ask(root, &query, TCP, SEED).unwrap())
}

fn answered(message: &Message) -> Vec<Destination> {
    message.answers.iter().filter_map(destination).collect()
}

/// What the same answer means to every client that it holds for.
fn gist(message: &Message) -> (ResponseCode, Vec<Destination>) {
    (message.metadata.response_code, answered(message))
}

/// Endpoints of a family that a policy can come to, and whether it counts as up.
fn reachable(root: &Root, policy: usize, family: Family) -> Vec<(Destination, bool)> {
    let pools = &root.pools;
    let reach = pools.policies[policy]
        .reach
        .iter()
        .map(|id| &pools.pools[id.index()]);
    reach
        .flat_map(|pool| pool.endpoint_ids().map(move |id| (pool, id)))
        .filter(|(_, id)| pools.endpoints[id.index()].destination.serves(family))
        .map(|(pool, id)| {
            let is_up = match root.health.endpoint(id).verdict {
                Verdict::Up => true,
                Verdict::Down => false,
                Verdict::Unknown => pool.unknown_is_up,
            };
            (pools.endpoints[id.index()].destination.clone(), is_up)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn nothing_down_is_answered_while_something_is_up_and_then_never_nothing(
        configuration in configuration(),
    ) {
        let root = configuration.root();
        // Who is fenced does not get what is up outside.
        let unfenced = POLICIES.into_iter().enumerate().filter(|(_, policy)| *policy != "ruled");
        for (id, policy) in unfenced {
            for (family, rtype) in FAMILIES {
                let reachable_of = |family| reachable(&root, id, family);
                let reachable = reachable_of(family);
                let up: HashSet<_> = reachable.iter().filter(|(_, up)| *up).map(|(to, _)| to.clone()).collect();
                let any_up = FAMILIES.iter().any(|(family, _)| {
                    reachable_of(*family).iter().any(|(_, up)| *up)
                });
                if !any_up {
                    continue;
                }
                for client in configuration.clients() {
                    let message = ask_for(&root, policy, rtype, IpNet::from(client));
                    let answered = answered(&message);
                    prop_assert_eq!(message.metadata.response_code, ResponseCode::NoError);
                    prop_assert!(answered.iter().all(|to| up.contains(to)), "{}: {:?}", policy, answered);
                    let may_be_empty = root.pools.policies[id].family_fallback == FamilyFallback::NoData;
                    prop_assert!(may_be_empty || up.is_empty() || !answered.is_empty(), "{} {}", policy, client);
                }
            }
        }
    }

    #[test]
    fn scopes_never_overlap_and_hold_for_every_client_inside_them(configuration in configuration()) {
        let root = configuration.root();
        for policy in POLICIES {
            for (_, rtype) in FAMILIES {
                check_scopes(&root, policy, rtype, &configuration.clients())?;
            }
        }
    }

    #[test]
    fn scopes_do_not_depend_on_health_or_on_what_is_taken(
        configuration in configuration(), others in verdicts(), shares in shares(),
    ) {
        let (root, other) = (configuration.root(), configuration.root_of(&others, &shares));
        for policy in POLICIES {
            for (_, rtype) in FAMILIES {
                for client in configuration.clients() {
                    let subnet = IpNet::from(client);
                    let scope_in = |root| scope(&ask_for(root, policy, rtype, subnet));
                    prop_assert_eq!(scope_in(&root), scope_in(&other));
                }
            }
        }
    }

    #[test]
    fn the_message_says_what_was_decided(configuration in configuration()) {
        let root = configuration.root();
        for (id, policy) in POLICIES.into_iter().enumerate() {
            for (family, rtype) in FAMILIES {
                for client in configuration.clients() {
                    check_decision(&configuration, &root, (id, policy), (family, rtype), client)?;
                }
            }
        }
    }
}

/// The network that an answer to the whole of `client`'s address holds for, and what it says.
fn valid_for(
    root: &Root,
    policy: &str,
    rtype: RecordType,
    client: IpAddr,
) -> (IpNet, (ResponseCode, Vec<Destination>)) {
    let message = ask_for(root, policy, rtype, IpNet::from(client));
    let scope = scope(&message).expect("a client subnet back");
    (IpNet::new(client, scope).unwrap().trunc(), gist(&message))
}

fn check_scopes(
    root: &Root,
    policy: &str,
    rtype: RecordType,
    clients: &[IpAddr],
) -> Result<(), TestCaseError> {
    let mut valid: Vec<(IpNet, _)> = Vec::new();
    for &client in clients {
        let (net, said) = valid_for(root, policy, rtype, client);
        // Others inside, and less of the same address.
        for inside in [net.network(), net.broadcast()] {
            prop_assert_eq!(valid_for(root, policy, rtype, inside), (net, said.clone()));
        }
        // SOURCE 0 would ask for privacy.
        let shorter = IpNet::new(client, net.prefix_len().max(1)).unwrap();
        let message = ask_for(root, policy, rtype, shorter);
        prop_assert_eq!(
            (scope(&message), gist(&message)),
            (Some(net.prefix_len()), said.clone())
        );
        for (other, other_said) in &valid {
            let overlap = net.contains(other) || other.contains(&net);
            prop_assert!(
                !overlap || net == *other,
                "{} and {} for {}",
                net,
                other,
                policy
            );
            prop_assert!(
                net != *other || said == *other_said,
                "{} for {}",
                net,
                policy
            );
        }
        valid.push((net, said));
    }
    Ok(())
}

fn check_decision(
    configuration: &Configuration,
    root: &Root,
    (id, policy): (usize, &str),
    (family, rtype): (Family, RecordType),
    client: IpAddr,
) -> Result<(), TestCaseError> {
    let owner = meridian::dns::Name::parse(&name_of(policy).to_string()).unwrap();
    let balanced = &configuration.config.zones[0].balanced;
    let balanced = balanced
        .iter()
        .find(|balanced| balanced.owner == owner)
        .unwrap();
    prop_assert_eq!(balanced.policy.index(), id);
    let ask = Ask {
        policy: balanced.policy,
        family,
        answers: balanced.answers,
        ttl: balanced.ttl,
    };
    let subnet = Subnet {
        address: client,
        source: family_bits(client),
    };
    let client_of = Client {
        subnet: Some(subnet),
        resolver: RESOLVER,
    };
    let mut cursors = vec![0; cursor_count(&root.pools)];
    let mut draw = Draw {
        random: &mut Random::from_seed(SEED),
        cursors: &mut cursors,
    };
    let decision = decide(root, &ask, &client_of, &mut draw, &mut ());
    let message = ask_for(root, policy, rtype, IpNet::from(client));
    let endpoints = decision
        .endpoints()
        .iter()
        .map(|id| root.pools.endpoints[id.index()].destination.clone());
    prop_assert_eq!(answered(&message), endpoints.collect::<Vec<_>>());
    prop_assert!(
        message
            .answers
            .iter()
            .all(|record| record.ttl == decision.ttl_s)
    );
    prop_assert_eq!(scope(&message), Some(decision.scope));
    Ok(())
}

fn family_bits(address: IpAddr) -> u8 {
    Family::of(&address).bits()
}
