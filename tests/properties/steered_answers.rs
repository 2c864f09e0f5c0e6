//! Over whole configurations, by the octets that are sent: is what is answered up, and do scopes hold?

use std::collections::HashSet;
use std::net::IpAddr;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::svcb::{SvcParamKey, SvcParamValue};
use hickory_proto::rr::{Name, RData, RecordType};
use ipnet::IpNet;
use meridian::locate::{Client, Subnet};
use meridian::model::{Destination, Family, FamilyFallback, PolicyId, Verdict};
use meridian::random::Random;
use meridian::state::Root;
use meridian::steering::{Ask, Decision, Draw, cursor_count, decide};
use proptest::prelude::*;

use crate::configurations::{
    Configuration, POLICIES, configuration, name_of, service_of, shares, verdicts,
};
use crate::engine::{RESOLVER, TCP, ask, decode, destination, scope};

const SEED: u64 = 5;
const FAMILIES: [(Family, RecordType); 2] =
    [(Family::V4, RecordType::A), (Family::V6, RecordType::AAAA)];

/// What a client with this subnet is answered for a policy's name.
fn ask_for(root: &Root, policy: &str, rtype: RecordType, subnet: IpNet) -> Message {
    ask_at(root, &name_of(policy), rtype, subnet)
}

fn ask_at(root: &Root, name: &Name, rtype: RecordType, subnet: IpNet) -> Message {
    let name = meridian::dns::Name::parse(&name.to_string()).unwrap();
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

    #[test]
    fn hints_say_what_was_decided(configuration in configuration()) {
        let root = configuration.root();
        for policy in POLICIES {
            for client in configuration.clients() {
                check_hints(&configuration, &root, policy, client)?;
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
    let (policy_id, decision) = decision(configuration, root, policy, family, client, SEED);
    prop_assert_eq!(policy_id.index(), id);
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

/// What steering decides for `client`, with the dice of `seed`.
fn decision(
    configuration: &Configuration,
    root: &Root,
    policy: &str,
    family: Family,
    client: IpAddr,
    seed: u64,
) -> (PolicyId, Decision) {
    let owner = meridian::dns::Name::parse(&name_of(policy).to_string()).unwrap();
    let balanced = &configuration.config.zones[0].balanced;
    let mut balanced = balanced.iter();
    let balanced = balanced
        .find(|balanced| balanced.owner == owner)
        .expect("a balanced name");
    let ask = Ask {
        policy: balanced.policy,
        family,
        answers: balanced.answers,
        ttl: balanced.ttl,
    };
    let client = Client {
        subnet: Some(Subnet {
            address: client,
            source: family_bits(client),
        }),
        resolver: RESOLVER,
    };
    let mut cursors = vec![0; cursor_count(&root.pools)];
    let mut draw = Draw {
        random: &mut Random::from_seed(seed),
        cursors: &mut cursors,
    };
    let decision = decide(root, &ask, &client, &mut draw, &mut ());
    (balanced.policy, decision)
}

/// The record says what A and AAAA records of its target would, with the same dice for both.
fn check_hints(
    configuration: &Configuration,
    root: &Root,
    policy: &str,
    client: IpAddr,
) -> Result<(), TestCaseError> {
    const STATIC_TTL_S: u32 = 300;
    let message = ask_at(
        root,
        &service_of(policy),
        RecordType::HTTPS,
        IpNet::from(client),
    );
    prop_assert_eq!(message.metadata.response_code, ResponseCode::NoError);
    prop_assert_eq!(message.answers.len(), 1);
    let RData::HTTPS(service) = &message.answers[0].data else {
        return Err(TestCaseError::fail("no HTTPS record"));
    };
    let params = &service.0.svc_params;
    let keys: Vec<u16> = params.iter().map(|(key, _)| u16::from(*key)).collect();
    prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", keys);
    let written = [
        SvcParamKey::Alpn,
        SvcParamKey::EchConfigList,
        SvcParamKey::Key(7),
    ];
    prop_assert!(written.map(u16::from).iter().all(|key| keys.contains(key)));

    let dice = Random::from_seed(SEED).next_u64();
    let (mut ttl_s, mut longest) = (STATIC_TTL_S, 0);
    let mut hints = Vec::new();
    for (_, value) in params {
        match value {
            SvcParamValue::Ipv4Hint(hint) => hints.extend(hint.0.iter().map(|a| IpAddr::V4(a.0))),
            SvcParamValue::Ipv6Hint(hint) => hints.extend(hint.0.iter().map(|a| IpAddr::V6(a.0))),
            _ => {}
        }
    }
    let mut expected = Vec::new();
    for (family, _) in FAMILIES {
        let (_, decision) = decision(configuration, root, policy, family, client, dice);
        let endpoints = decision.endpoints().iter();
        // Another name has no addresses that hints could tell.
        expected.extend(
            endpoints.filter_map(|id| root.pools.endpoints[id.index()].destination.address()),
        );
        ttl_s = ttl_s.min(decision.ttl_s);
        longest = longest.max(decision.scope);
    }
    prop_assert_eq!(hints, expected, "{} {}", policy, client);
    prop_assert_eq!(message.answers[0].ttl, ttl_s);
    prop_assert_eq!(scope(&message), Some(longest));
    prop_assert_eq!(message.additionals.len(), 0);
    Ok(())
}

fn family_bits(address: IpAddr) -> u8 {
    Family::of(&address).bits()
}
