use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use maxminddb::Reader;

use super::*;

fn plan(ipv4_networks: u32, ipv6_networks: u32, seed: u64) -> SynthPlan {
    SynthPlan {
        ipv4_networks,
        ipv6_networks,
        seed,
    }
}

/// Prefix length -> networks, of IPv4 and of IPv6.
fn lengths(bytes: &[u8]) -> [HashMap<u8, u32>; 2] {
    let reader = Reader::from_source(bytes).unwrap();
    reader.verify().unwrap();
    // libmaxminddb, which other programs read with, takes no database without it.
    assert_ne!(reader.metadata().build_epoch, 0);
    let mut lengths = [HashMap::new(), HashMap::new()];
    for found in reader.networks(Default::default()).unwrap() {
        let network = found.unwrap().network().unwrap();
        let family = usize::from(network.is_ipv6());
        *lengths[family].entry(network.prefix()).or_default() += 1;
    }
    lengths
}

fn total(lengths: &HashMap<u8, u32>) -> u32 {
    lengths.values().sum()
}

#[test]
fn a_database_has_as_many_networks_as_asked_for() {
    for (v4, v6) in [
        (1, 0),
        (0, 1),
        (7, 3),
        (1_000, 0),
        (0, 1_000),
        (90_000, 60_000),
    ] {
        let (bytes, _) = compose(&plan(v4, v6, 5)).unwrap();
        let [of_v4, of_v6] = lengths(&bytes);
        assert_eq!((total(&of_v4), total(&of_v6)), (v4, v6));
    }
}

#[test]
fn equal_plans_make_equal_files_and_other_seeds_other_ones() {
    let made = |seed| compose(&plan(2_000, 1_000, seed)).unwrap();
    assert!(made(1) == made(1));
    assert!(made(1) != made(2));
}

#[test]
fn what_cannot_be_made_is_refused() {
    assert!(compose(&plan(0, 0, 1)).is_err());
    assert!(compose(&plan(IPV4_NETWORKS_MAX + 1, 0, 1)).is_err());
    assert!(compose(&plan(0, IPV6_NETWORKS_MAX + 1, 1)).is_err());
}

#[test]
fn ipv6_forms_of_ipv4_are_aliases() {
    let (bytes, _) = compose(&plan(50_000, 0, 3)).unwrap();
    let reader = Reader::from_source(bytes).unwrap();
    let offset = |address: IpAddr| reader.lookup(address).unwrap().offset();
    let client = (0..1000u32)
        .map(|i| Ipv4Addr::from(0x0505_0505 + (i << 20)))
        .find(|client| offset((*client).into()).is_some())
        .unwrap();
    let number = u128::from(u32::from(client));
    for form in [0xffff << 32 | number, 0x2002 << 112 | number << 80] {
        let form = Ipv6Addr::from(form);
        assert_eq!(offset(form.into()), offset(client.into()), "{form}");
    }
}

#[test]
fn lengths_peak_where_networks_are_routed() {
    let (bytes, _) = compose(&plan(370_000, 230_000, 1)).unwrap();
    let lengths = lengths(&bytes);
    let v4 = &lengths[0];
    let share = |length: u8| v4.get(&length).copied().unwrap_or(0);
    assert!((16..=32).all(|length| share(24) >= share(length)), "{v4:?}");
    assert!(share(32) > 0 && share(20) > 0, "{v4:?}");
    let v6 = &lengths[1];
    let share = |length: u8| v6.get(&length).copied().unwrap_or(0);
    assert!((32..=64).all(|length| share(48) >= share(length)), "{v6:?}");
    assert!(share(64) > 0 && share(40) > 0, "{v6:?}");
}
