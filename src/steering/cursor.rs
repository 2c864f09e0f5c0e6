//! Whose turn is it?
//!
//! Cursors lie by tier of each policy, then by pool; first those of IPv4, then those of IPv6. The families turn
//! apart because clients ask for both in pairs: with one cursor, IPv4 would only ever see every
//! second member. Tiers turn apart for the same reason: clients of two regions may come in pairs as well.

use crate::model::{Family, PoolId};
use crate::state::Pools;
use crate::state::pools::Policy;

/// How many cursors [`Draw::cursors`](super::Draw::cursors) needs for `pools`.
pub fn cursor_count(pools: &Pools) -> usize {
    2 * pools.cursor_count()
}

/// The cursor over the members of a tier of `policy`.
pub(super) fn of_tier<'a>(
    cursors: &'a mut [u32],
    pools: &Pools,
    policy: &Policy,
    tier: usize,
    family: Family,
) -> Option<&'a mut u32> {
    let first = family as usize * pools.cursor_count();
    cursors.get_mut(first + policy.first_cursor as usize + tier)
}

/// The cursor over the endpoints of `pool`.
pub(super) fn of_pool<'a>(
    cursors: &'a mut [u32],
    pools: &Pools,
    pool: PoolId,
    family: Family,
) -> Option<&'a mut u32> {
    let first = family as usize * pools.cursor_count() + pools.tier_count();
    cursors.get_mut(first + pool.index())
}
