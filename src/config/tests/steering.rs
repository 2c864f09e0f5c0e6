//! Whom of several, for whom, and what else: pools and policies.

use super::super::{Config, Member, Policy, PolicyOrder, Rule, Selector};
use super::{marked, parse_text, reported};
use crate::model::{Balance, FamilyFallback, MinHealthy, PolicyId, PoolId, RegionId, WhenAllDown};

/// Regions eu, us and cn with a pool each, a name, and this besides. What is not used is warned of.
fn with(text: &str) -> String {
    let mut whole = String::new();
    for (number, region) in ["eu", "us", "cn"].iter().enumerate() {
        whole += &format!(
            "[region.{region}]\n[pool.web-{region}]\nregion = \"{region}\"\n\
             endpoints = [\"192.0.2.1{number}\", \"192.0.2.2{number}\"]\n"
        );
    }
    whole
        + "[geoip]\ndatabases = \"x\"\n[zone.example]\nfile = \"x\"\n\
             [zone.example.balanced]\nwww = { policy = \"world\" }\n"
        + text
}

/// All members, so that nothing is unused.
const GEO: &str = "[policy.world]\ngeo = [\"web-eu\", \"web-us\", \"web-cn\"]\n";

fn config(text: &str) -> Config {
    match parse_text(&with(text)) {
        Ok(loaded) => loaded.config,
        Err(diagnostics) => panic!("{:#?}", diagnostics.sorted()),
    }
}

/// Nothing else is reported, and this at the mark.
#[track_caller]
fn told(text: &str, expected: &str) {
    let (text, place) = marked(&with(text));
    assert_eq!(reported(&text), [format!("{place}: {expected}")]);
}

fn names(policies: &[Policy]) -> Vec<&str> {
    policies.iter().map(|policy| &*policy.name).collect()
}

fn pools(policy: &Policy) -> Vec<(u32, u16)> {
    let pool = |member: &super::super::PolicyMember| match member.member {
        Member::Pool(id) => (id.0, member.weight),
        Member::Policy(_) => panic!("a pool"),
    };
    policy.members.iter().map(pool).collect()
}

#[test]
fn every_balance_is_one_of_policies_and_of_pools() {
    for balance in Balance::ALL.into_iter().chain(Balance::BY_LOAD) {
        let name = balance.name();
        let list = format!("[policy.world]\n{name} = [\"web-eu\", \"web-us\", \"web-cn\"]\n");
        let table = format!("[policy.world]\n{name} = {{ web-eu = 3, web-us = 0, web-cn = 1 }}\n");
        if balance != Balance::Weighted {
            let policy = &config(&list).policies[0];
            assert_eq!(
                (policy.balance, &policy.order),
                (balance, &PolicyOrder::Listed)
            );
            assert_eq!(pools(policy), [(0, 1), (1, 1), (2, 1)]);
        }
        match parse_text(&with(&table)) {
            Ok(loaded) => {
                assert_eq!(pools(&loaded.config.policies[0]), [(0, 3), (1, 0), (2, 1)]);
                assert!(balance.weighs());
            }
            Err(_) => assert!(!balance.weighs()),
        }
        let pool = format!(
            "[pool.a]\nregion = \"eu\"\nbalance = \"{name}\"\n\
                            endpoints = [\"192.0.2.9\"]\n"
        );
        assert_eq!(config(&(pool + GEO)).pools[3].balance, balance);
    }
    told(
        "[policy.world]\nrandom = ¦{ web-eu = 3, web-us = 1, web-cn = 1 }\n",
        "error: weights mean nothing to `random` (write a list such as [\"web-eu\", \"web-us\"])",
    );
    told(
        "[policy.world]\nrandom = [\"web-eu\", \"web-us\", \"web-cn\"]\n¦balance = \"smooth\"\n",
        "error: `balance` is for `geo` policies, and for pools",
    );
}

#[test]
fn what_goes_by_load_has_pools_for_members() {
    let kind = "[policy.world]\nleast-time = [\"web-eu\", ¦\"rest\"]\n\
                [policy.rest]\nrandom = [\"web-us\", \"web-cn\"]\n";
    let expected = "error: `rest` is a policy: only pools can be members of a policy that goes by load (name its \
                    pools instead)";
    told(kind, expected);
    told(
        "[policy.world]\nweighted-least-connections = { web-eu = 3, ¦rest = 1 }\n\
         [policy.rest]\nrandom = [\"web-us\", \"web-cn\"]\n",
        expected,
    );
    told(
        "[policy.world]\ngeo = [\"web-eu\", ¦\"rest\", \"web-cn\"]\nbalance = \"least-connections\"\n\
         [policy.rest]\nrandom = [\"web-us\"]\n",
        expected,
    );
    // What is asked when none of them can serve may be anything.
    let policy = &config(
        "[policy.world]\nleast-time = [\"web-eu\"]\nlast_resort = [\"rest\"]\n\
         [policy.rest]\nrandom = [\"web-us\", \"web-cn\"]\n",
    )
    .policies[0];
    assert_eq!(policy.balance, Balance::LeastTime);
    let geo = &config(&format!("{GEO}balance = \"least-connections\"\n")).policies[0];
    assert_eq!(geo.balance, Balance::LeastConnections);
}

#[test]
fn geo_fails_over_within_a_region_unless_it_says_otherwise() {
    let of = |members: &str, more: &str| {
        let policy = config(&format!("[policy.world]\ngeo = {members}\n{more}"))
            .policies
            .swap_remove(0);
        assert!(matches!(policy.order, PolicyOrder::Geo { .. }));
        (policy.balance, pools(&policy))
    };
    let list = "[\"web-eu\", \"web-us\", \"web-cn\"]";
    let table = "{ web-eu = 3, web-us = 1, web-cn = 1 }";
    assert_eq!(of(list, "").0, Balance::Failover);
    assert_eq!(
        of(table, ""),
        (Balance::Weighted, vec![(0, 3), (1, 1), (2, 1)])
    );
    assert_eq!(of(table, "balance = \"rendezvous\"").0, Balance::Rendezvous);
    assert_eq!(of(list, "balance = \"round-robin\"").0, Balance::RoundRobin);
}

#[test]
fn how_many_have_to_be_up() {
    let pool = |text: &str| {
        let text = format!("[pool.a]\nregion = \"eu\"\nendpoints = [\"192.0.2.9\"]\n{text}\n{GEO}");
        let pool = config(&text).pools.swap_remove(3);
        (pool.min_healthy, pool.serve_whole)
    };
    assert_eq!(pool(""), (MinHealthy::Count(1), false));
    assert_eq!(pool("min_healthy = 2"), (MinHealthy::Count(2), false));
    assert_eq!(
        pool("min_healthy = \"50%\"\nserve_whole = true"),
        (MinHealthy::Percent(50), true)
    );
    for wrong in ["0%", "101%", "half"] {
        told(
            &format!(
                "[policy.x]\nfailover = [\"a\"]\n[pool.a]\nregion = \"eu\"\n\
                 endpoints = [\"192.0.2.9\"]\nmin_healthy = ¦\"{wrong}\"\n{GEO}"
            ),
            &format!(
                "error: expected a number of endpoints such as 2, or a share such as \"50%\", \
                 found \"{wrong}\" (a share is from \"1%\" to \"100%\")"
            ),
        );
    }
}

#[test]
fn how_answers_spread_over_regions() {
    let spread = |text: &str| {
        config(&format!("{GEO}{text}"))
            .policies
            .swap_remove(0)
            .spread
    };
    assert_eq!(spread(""), [0u8; 0]);
    assert_eq!(spread("spread = [2, 1]"), [2, 1]);
    for (wrong, total) in [("[]", 0), ("[16, 1]", 17)] {
        told(
            &format!("{GEO}spread = ¦{wrong}"),
            &format!("error: `spread` asks for {total} addresses (expected 1 to 16 in all)"),
        );
    }
}

#[test]
fn the_last_resort_is_used_and_reached() {
    let text = "[policy.world]\nfailover = [\"web-eu\", \"web-us\"]\nlast_resort = [\"web-cn\"]\n";
    let config = config(text);
    assert_eq!(config.policies[0].last_resort, [Member::Pool(PoolId(2))]);
    assert_eq!(reported(&with(text)), [""; 0]);
}

#[test]
fn rules_become_policies_of_their_own() {
    let text = format!(
        "{GEO}when_all_down = \"nodata\"\n[[policy.world.when]]\nclients = [\"country:CN\", \"unlocated\"]\n\
         use = \"web-cn\"\n[[policy.world.when]]\nexcept = [\"country:US\"]\nnever = [\"us\"]\n\
         when_all_down = \"servfail\"\n[[policy.world.when]]\nclients = [\"asn:64500\"]\nuse = \"other\"\n\
         [policy.other]\nrandom = [\"web-us\"]\n"
    );
    let config = config(&text);
    let policies = &config.policies;
    assert_eq!(
        names(policies),
        [
            "world",
            "other",
            "world/rule-1",
            "world/rule-2",
            "world/otherwise"
        ]
    );
    let rule = |clients: Option<&[Selector]>, except: &[Selector], policy| Rule {
        clients: clients.map(<[Selector]>::to_vec),
        except: except.to_vec(),
        policy: PolicyId(policy),
    };
    let (cn, us) = (Selector::Country(*b"CN"), Selector::Country(*b"US"));
    assert_eq!(
        policies[0].order,
        PolicyOrder::When {
            rules: vec![
                rule(Some(&[cn, Selector::Unlocated]), &[], 2),
                rule(None, &[us], 3),
                rule(Some(&[Selector::Asn(64500)]), &[], 1),
            ],
            otherwise: PolicyId(4),
        }
    );
    assert_eq!(pools(&policies[2]), [(2, 1)]);
    assert_eq!(policies[2].when_all_down, WhenAllDown::NoData);
    assert_eq!(pools(&policies[3]), [(0, 1), (2, 1)]);
    assert_eq!(policies[3].when_all_down, WhenAllDown::ServFail);
    assert_eq!(pools(&policies[4]), [(0, 1), (1, 1), (2, 1)]);
    assert_eq!(policies[4].members[2].region, Some(RegionId(2)));
}

#[test]
fn a_fallback_that_leaves_the_fence_is_warned_of() {
    let help = "(the rule may have a `when_all_down` of its own)";
    told(
        &format!(
            "{GEO}when_all_down = {{ fallback = \"web-us\" }}\n\
             when = [¦{{ clients = [\"continent:EU\"], within = [\"eu\"] }}]\n"
        ),
        &format!(
            "warning: in need, clients leave these regions: the fallback `web-us` is in `us` {help}"
        ),
    );
    let stays = format!(
        "{GEO}when_all_down = {{ fallback = \"web-us\" }}\n\
         when = [{{ clients = [\"continent:EU\"], within = [\"eu\"], when_all_down = \"refuse\" }}]\n"
    );
    assert_eq!(reported(&with(&stays)), [""; 0]);
}

#[test]
fn rules_that_mean_nothing_are_refused() {
    let then = "(for example `use = \"web-cn\"`, or `within = [\"eu\"]`)";
    let needs = format!("error: a rule needs one of `use`, `within` and `never` {then}");
    for (rule, expected) in [
        ("¦{ clients = [\"country:CN\"] }", &*needs),
        (
            "¦{ clients = [\"country:CN\"], use = \"web-cn\", never = [\"us\"] }",
            &needs,
        ),
        (
            "¦{ use = \"web-cn\" }",
            "error: a rule without `clients` and `except` is about everybody \
             (for example `clients = [\"country:CN\"]`, or `except = [\"continent:EU\"]`)",
        ),
        (
            "{ clients = [¦\"planet:EU\"], use = \"web-cn\" }",
            "error: expected \"continent:EU\", \"country:DE\", \"subdivision:US-CA\", \"asn:64500\" \
             or \"network:NAME\", found \"planet:EU\"",
        ),
        (
            "¦{ clients = [\"country:CN\"], never = [\"eu\", \"us\", \"cn\"] }",
            "error: no member of `world` lies there",
        ),
        (
            "{ clients = [\"country:CN\"], use = ¦\"web-ch\" }",
            "error: no pool or policy named `web-ch` (did you mean `web-cn`?)",
        ),
        (
            "¦{ clients = [\"country:CN\"], use = \"all\", when_all_down = \"refuse\" }",
            "error: `all` has its own `when_all_down` (write it there)",
        ),
        (
            "{ ¦clients = [], use = \"web-cn\" }",
            "error: `clients` is empty",
        ),
        (
            "{ clients = [\"country:CN\"], ¦uses = \"web-cn\", within = [\"cn\"] }",
            "error: unknown key `uses` (did you mean `use`?)",
        ),
    ] {
        let all = "[policy.all]\nrandom = [\"web-eu\"]\n";
        told(&format!("{all}{GEO}when = [{rule}]\n"), expected);
    }
    told(
        "[policy.both]\nfailover = [\"web-eu\", \"web-us\"]\n[policy.world]\nrandom = [\"both\", \"web-cn\"]\n\
         when = [¦{ clients = [\"country:CN\"], within = [\"eu\"] }]\n",
        "error: `both` has pools inside and outside (write a policy of those inside, and `use` it)",
    );
}

#[test]
fn a_policy_with_rules_is_no_member() {
    told(
        &format!(
            "{GEO}[policy.ruled]\nfailover = [\"web-eu\"]\n\
             when = [{{ clients = [\"country:CN\"], use = \"web-cn\" }}]\n\
             [policy.outer]\nfailover = [¦\"ruled\", \"web-us\"]\n"
        ),
        "error: `ruled` has rules, and so cannot be a member (write `when` in the policy that names refer \
         to; a rule may `use` another with rules)",
    );
}

#[test]
fn rules_that_lead_back_are_a_circle() {
    let told = reported(&with(&format!(
        "{GEO}when = [{{ clients = [\"country:CN\"], use = \"other\" }}]\n\
         [policy.other]\nrandom = [\"world\"]\n"
    )));
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0].contains("policies refer to one another in a circle: world -> other -> world"),
        "{told:#?}"
    );
}

/// Clients are sent to the pool `cdn`, which has `endpoints`.
fn cdn(endpoints: &str) -> String {
    format!(
        "{GEO}last_resort = [\"cdn\"]\n[monitor.port]\ntcp = true\nport = 443\n\
         [pool.cdn]\nregion = \"eu\"\nmonitor = \"port\"\nendpoints = {endpoints}\n"
    )
}

#[test]
fn endpoints_may_be_names() {
    let list = "[{ cname = \"a.example.net\", weight = 2, check = \"192.0.2.1:443\" }, \
                { cname = \"B.example.net.\", check = \"192.0.2.2:443\" }]";
    let config = config(&cdn(list));
    let pool = &config.pools[3];
    let written =
        |endpoint: &super::super::Endpoint| (endpoint.destination.to_string(), endpoint.weight);
    let written: Vec<_> = pool.endpoints.iter().map(written).collect();
    assert_eq!(
        written,
        [("a.example.net.".into(), 2), ("B.example.net.".into(), 1)]
    );
    assert!(pool.is_of_names() && config.policies[0].has_names);
    assert!(!config.pools[0].is_of_names());
}

#[test]
fn names_that_no_answer_can_lead_to() {
    let check = "check = \"192.0.2.1:443\"";
    for (list, expected) in [
        (
            format!("[{{ cname = ¦\"192.0.2.1\", {check} }}]"),
            "error: \"192.0.2.1\" is an address (write `address = \"192.0.2.1\"`)",
        ),
        (
            format!("[{{ cname = ¦\".\", {check} }}]"),
            "error: nobody answers for the root",
        ),
        (
            format!("[{{ cname = ¦\"a..b\", {check} }}]"),
            "error: \"a..b\" is an empty label (two dots in a row, or one in front)",
        ),
        (
            format!("[{{ ¦cname = \"a.example.net\", address = \"192.0.2.1\", {check} }}]"),
            "error: an endpoint has an `address` or a `cname`, and not both",
        ),
        (
            format!("[\"192.0.2.3\", ¦{{ cname = \"a.example.net\", {check} }}]"),
            "error: a pool has addresses or names, and not both (an answer is one CNAME or addresses; \
             write two pools, and a policy of both)",
        ),
        (
            format!(
                "[{{ cname = \"a.example.net\", {check} }}, ¦{{ cname = \"A.example.net.\", {check} }}]"
            ),
            "error: A.example.net. is in this pool already (it stands on line 28; `weight` says how much \
             it gets)",
        ),
    ] {
        told(&cdn(&list), expected);
    }
}

#[test]
fn an_answer_of_names_has_one() {
    let list = format!(
        "[{{ cname = \"a.example.net\", {} }}]",
        "check = \"192.0.2.1:443\""
    );
    let text = cdn(&list).replace("last_resort", "spread = [1, 1]\nlast_resort");
    told(
        &text.replace("[policy.world]", "[policy.¦world]"),
        "error: policy `world` has `spread`, and may come to a pool of names (an answer has one CNAME; \
         `spread` is for addresses)",
    );
}

/// A CNAME stands alone (RFC 1034, 3.6.2): the family is not to choose between names and addresses.
#[test]
fn where_there_are_names_both_families_come_from_the_same_pool() {
    let list = "[{ cname = \"a.example.net\", check = \"192.0.2.1:443\" }]";
    let base = cdn(list);
    assert_eq!(
        config(&base).policies[0].family_fallback,
        FamilyFallback::NoData
    );
    let written = base.replace(
        "last_resort = ",
        "family_fallback = \"region\"\nlast_resort = ",
    );
    assert_eq!(
        config(&written).policies[0].family_fallback,
        FamilyFallback::NoData
    );
    let told = reported(&with(&written));
    assert!(told[0].contains("`family_fallback = \"region\"` of policy `world` has no effect"));
    assert_eq!(reported(&with(&base)), [""; 0]);
}

#[test]
fn names_and_addresses_are_not_to_be_drawn_from_per_query() {
    let list = "[{ cname = \"a.example.net\", check = \"192.0.2.1:443\" }]";
    let base = |draw: &str| {
        let drawn = format!("last_resort = [\"drawn\"]\n[policy.drawn]\n{draw}\n");
        with(&cdn(list).replace("last_resort = [\"cdn\"]\n", &drawn))
    };
    for draw in [
        "weighted = { cdn = 1, web-eu = 2 }",
        "random = [\"cdn\", \"web-eu\"]",
        "round-robin = [\"web-eu\", \"cdn\"]",
        "random = [\"web-eu\", \"inner\"]\n[policy.inner]\nfailover = [\"cdn\"]",
    ] {
        let told = reported(&base(draw));
        assert_eq!(told.len(), 1, "{draw}: {told:#?}");
        let expected = "warning: policy `drawn` chooses per query between names and addresses";
        assert!(told[0].contains(expected), "{told:#?}");
    }
    for draw in [
        "rendezvous = [\"cdn\", \"web-eu\"]",
        "source-hash = [\"cdn\", \"web-eu\"]",
        "failover = [\"cdn\", \"web-eu\"]",
        "random = [\"cdn\"]\nlast_resort = [\"web-eu\"]",
    ] {
        assert_eq!(reported(&base(draw)), [""; 0], "{draw}");
    }
}
