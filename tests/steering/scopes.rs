//! Over how wide a network an answer holds.

use std::net::Ipv4Addr;
use std::sync::Arc;

use meridian::locate::{Client, Subnet};
use meridian::model::{PoolId, RegionId, WhenAllDown};
use meridian::prefix_table::{Builder, ClassRange};
use meridian::state::Map;
use meridian::steering::Outcome;

use crate::world::*;

/// Class 1 is the `bits` long network that 8.1.2.0 lies in, class 0 the rest of the world. Class 0
/// prefers the first of two regions, class 1 the second.
fn map(bits: u32) -> Arc<Map> {
    let host_bits = u32::MAX >> bits;
    let address = u32::from(Ipv4Addr::new(8, 1, 2, 0));
    let mut table = Builder::new(0);
    table.v4(ClassRange {
        start: address & !host_bits,
        end: address | host_bits,
        class: 1,
        own: false,
    });
    Arc::new(Map {
        table: table.finish(),
        regions: [RegionId(0), RegionId(1)].into(),
        orders: [0, 1, 1, 0].into(),
    })
}

/// Policy 0 reads a map of coarse networks over pools 0 and 1, policy 1 one of fine networks over
/// pools 2 and 3; policy 2 asks policy 0 first. The client is 8.1.2.0/24.
fn asker(pools: [Pool; 4], then: WhenAllDown) -> Asker {
    let geo = |first| {
        Policy::from(Kind::Geo(
            vec![vec![p(first)], vec![p(first + 1)]],
            vec![0, 1],
        ))
    };
    let top = Policy::from(Kind::Failover(vec![nested(0), nested(1)])).when_all_down(then);
    let mut asker = Asker::new(&world(pools, [geo(0), geo(2), top]), 1);
    asker.root.maps = [map(10), map(24)].into();
    asker.client = Client {
        subnet: Some(Subnet {
            address: Ipv4Addr::new(8, 1, 2, 0).into(),
            source: 24,
        }),
        ..CLIENT
    };
    asker
}

#[test]
fn the_clients_class_decides_the_order_of_regions() {
    let pools = [up(), up(), up(), up()].map(|endpoint| pool([endpoint]));
    let mut asker = asker(pools, WhenAllDown::All);
    assert_eq!(asker.decide().pool, Some(PoolId(1)));
}

#[test]
fn the_scope_is_the_longest_over_every_map_within_reach_whatever_is_up() {
    for states in 0..16u32 {
        let pools = [0, 1, 2, 3].map(|id| match states >> id & 1 {
            0 => pool([down()]),
            _ => pool([up()]),
        });
        for then in [WhenAllDown::All, WhenAllDown::NoData, WhenAllDown::ServFail] {
            assert_eq!(asker(pools.clone(), then).decide().scope, 24);
        }
    }
}

#[test]
fn a_family_that_the_name_has_nowhere_is_missing_for_every_client() {
    let pools = [up(), up(), up(), up()].map(|endpoint| pool([endpoint]));
    let decision = asker(pools, WhenAllDown::All).family(V6).decide();
    assert_eq!((decision.outcome, decision.scope), (Outcome::NoFamily, 0));
}
