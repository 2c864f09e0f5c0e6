//! Whose turn is it?
//!
//! Cursors lie by policy, then by pool; first those of IPv4, then those of IPv6. The families turn
//! apart because clients ask for both in pairs: with one cursor, IPv4 would only ever see every
//! second member.

use crate::model::{Family, PolicyId, PoolId};
use crate::state::Pools;

/// How many cursors [`Draw::cursors`](super::Draw::cursors) needs for `pools`.
pub fn cursor_count(pools: &Pools) -> usize {
    2 * per_family(pools)
}

fn per_family(pools: &Pools) -> usize {
    pools.policies.len() + pools.pools.len()
}

/// The cursor over the members of `policy`.
pub(super) fn of_policy<'a>(
    cursors: &'a mut [u32],
    pools: &Pools,
    policy: PolicyId,
    family: Family,
) -> Option<&'a mut u32> {
    cursors.get_mut(family as usize * per_family(pools) + policy.index())
}

/// The cursor over the endpoints of `pool`.
pub(super) fn of_pool<'a>(
    cursors: &'a mut [u32],
    pools: &Pools,
    pool: PoolId,
    family: Family,
) -> Option<&'a mut u32> {
    let first = family as usize * per_family(pools) + pools.policies.len();
    cursors.get_mut(first + pool.index())
}
