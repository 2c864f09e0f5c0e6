//! Which pool does the policy come to?

use super::ttl::Awaited;
use super::view::View;
use super::{Choice, Draw, Recorder, Step, cursor};
use crate::model::POLICY_DEPTH_MAX;
use crate::model::{MapId, PolicyId, PoolId};
use crate::state::pools::{BySlot, Member, PolicyKind};

/// Descends from `policy` to a pool that can serve; `None` when there is none.
///
/// Only members that can serve are chosen, so a nested policy either leads to a pool or is passed
/// over whole; nothing is ever tried and taken back. `awaited` becomes the soonest of what was passed
/// over and could come up.
#[inline(always)]
pub(super) fn choose<R: Recorder>(
    view: &View<'_>,
    policy: PolicyId,
    draw: &mut Draw<'_>,
    awaited: &mut Awaited,
    recorder: &mut R,
) -> Option<PoolId> {
    let mut policy = policy;
    // The configuration has no cycles; the bound holds the loop whatever the root says.
    for _ in 0..=POLICY_DEPTH_MAX {
        let mut members = Members {
            view,
            policy,
            awaited,
            recorder,
        };
        match members.choose(draw)? {
            Member::Pool(pool) => return Some(pool),
            Member::Policy(nested) => policy = nested,
        }
    }
    None
}

/// One policy's choice among its members.
struct Members<'a, R> {
    view: &'a View<'a>,
    policy: PolicyId,
    awaited: &'a mut Awaited,
    recorder: &'a mut R,
}

impl<R: Recorder> Members<'_, R> {
    #[inline(always)]
    fn choose(&mut self, draw: &mut Draw<'_>) -> Option<Member> {
        let view = self.view;
        match &view.root.pools.policies[self.policy.index()].kind {
            PolicyKind::Geo { map, by_slot } => self.nearest(*map, by_slot),
            PolicyKind::Failover(members) => self.first(members),
            PolicyKind::Weighted(members) => self.drawn(members.iter().copied(), draw),
            PolicyKind::RoundRobin(members) => self.next(members, draw),
            PolicyKind::Random(members) => self.drawn(uniform(members), draw),
        }
    }

    /// The first that can serve, region by region in the order that the client's class prefers.
    #[inline(always)]
    fn nearest(&mut self, id: MapId, by_slot: &BySlot) -> Option<Member> {
        let (policy, class) = (self.policy, self.view.places.class(id));
        let map = self.view.root.map(id);
        let order = map.order(class);
        self.recorder.record(|| Step::Regions {
            policy,
            map: id,
            class,
            order: order
                .iter()
                .map(|&slot| map.regions[usize::from(slot)])
                .collect(),
        });
        for &slot in order {
            if let Some(member) = self.first(by_slot.get(slot)) {
                return Some(member);
            }
        }
        None
    }

    /// The first that can serve.
    #[inline(always)]
    fn first(&mut self, members: &[Member]) -> Option<Member> {
        for &member in members {
            if self.can_serve(member) {
                return Some(self.take(member, Choice::First));
            }
        }
        None
    }

    /// The next that can serve, from where the last turn ended.
    fn next(&mut self, members: &[Member], draw: &mut Draw<'_>) -> Option<Member> {
        let view = self.view;
        let pools = &view.root.pools;
        let cursor = cursor::of_policy(draw.cursors, pools, self.policy, view.family);
        let Some(cursor) = cursor else {
            return self.drawn(uniform(members), draw);
        };
        let start = (*cursor as usize).checked_rem(members.len())?;
        let mut turns = (start..members.len()).chain(0..start);
        let turn = turns.find(|&turn| self.can_serve(members[turn]))?;
        *cursor = turn as u32 + 1;
        Some(self.take(members[turn], Choice::Turn))
    }

    /// One in proportion to weight among those that can serve; one of weight 0 only when none with
    /// a weight can, and then uniformly.
    ///
    /// A reservoir of one (Chao 1982, "A general purpose unequal probability sampling plan"): each
    /// member takes the place of those before it with probability weight / sum so far. So each is
    /// asked once whether it can serve, and no list of those that can is needed.
    fn drawn(
        &mut self,
        members: impl Iterator<Item = (Member, u16)>,
        draw: &mut Draw<'_>,
    ) -> Option<Member> {
        let (mut total, mut weightless, mut drawn) = (0u32, 0, None);
        for (member, weight) in members {
            if !self.can_serve(member) {
                continue;
            }
            let policy = self.policy;
            self.recorder.record(|| Step::Eligible {
                policy,
                member,
                weight,
            });
            let replaces = if weight > 0 {
                total = total.saturating_add(u32::from(weight));
                draw.random.below(total) < u32::from(weight)
            } else {
                weightless += 1;
                total == 0 && draw.random.below(weightless) == 0
            };
            if replaces {
                drawn = Some((member, weight));
            }
        }
        let (member, weight) = drawn?;
        Some(self.take(member, Choice::Drawn { weight, total }))
    }

    #[inline(always)]
    fn can_serve(&mut self, member: Member) -> bool {
        let can = self.view.can_serve(member);
        if !can {
            self.pass_over(member);
        }
        can
    }

    #[inline(never)]
    fn pass_over(&mut self, member: Member) {
        let (view, policy) = (self.view, self.policy);
        *self.awaited = view.awaited(member).min(*self.awaited);
        self.recorder.record(|| Step::PassedOver {
            policy,
            member,
            why: view.unusable(member),
        });
    }

    #[inline]
    fn take(&mut self, member: Member, by: Choice) -> Member {
        let policy = self.policy;
        self.recorder.record(|| Step::Taken { policy, member, by });
        member
    }
}

fn uniform(members: &[Member]) -> impl Iterator<Item = (Member, u16)> {
    members.iter().map(|&member| (member, 1))
}
