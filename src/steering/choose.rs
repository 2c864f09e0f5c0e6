//! Which pool does the policy come to?

use super::ttl::Awaited;
use super::view::View;
use super::{Choice, Draw, Recorder, Step, cursor};
use crate::hashing::rendezvous::{ITEMS_MAX, Liking};
use crate::model::{Balance, MapId, POLICY_DEPTH_MAX, PolicyId, PoolId};
use crate::random::Random;
use crate::state::pools::{Member, Order, Policy, Tier};
use crate::state::usable::stride;

/// Steps on a ring at most: past those, hardly anybody is up who has a place there.
const STEPS_MAX: usize = 4096;

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
    let mut id = policy;
    // The configuration has no cycles; the bound holds the loop whatever the root says.
    for _ in 0..=POLICY_DEPTH_MAX {
        let mut members = Members {
            view,
            id,
            is_nested: id != policy,
            policy: &view.root.pools.policies[id.index()],
            awaited,
            recorder,
        };
        match members.choose(draw)? {
            Member::Pool(pool) => return Some(pool),
            Member::Policy(nested) => id = nested,
        }
    }
    None
}

/// One policy's choice among its members.
struct Members<'a, R> {
    view: &'a View<'a>,
    id: PolicyId,
    is_nested: bool,
    policy: &'a Policy,
    awaited: &'a mut Awaited,
    recorder: &'a mut R,
}

impl<'a, R: Recorder> Members<'a, R> {
    #[inline(always)]
    fn choose(&mut self, draw: &mut Draw<'_>) -> Option<Member> {
        let chosen = match self.policy.order {
            Order::Listed => self.of_tier(0, draw),
            Order::Nearest(map) => self.nearest(map, draw),
            // Names refer to such policies, and members have no rules.
            Order::Ruled { .. } => None,
        };
        match chosen {
            // Nothing is added to an answer out of it. That of a nested policy is within its reach, by which it was
            // chosen.
            None if self.is_nested || !self.view.is_addition() => self.of_last_resort(),
            chosen => chosen,
        }
    }

    /// Out of the first region that has a member which can serve, in the order that the client's class prefers.
    #[inline(always)]
    fn nearest(&mut self, id: MapId, draw: &mut Draw<'_>) -> Option<Member> {
        let (policy, class) = (self.id, self.view.places.class(id));
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
            if let Some(member) = self.of_tier(slot.into(), draw) {
                return Some(member);
            }
        }
        None
    }

    /// One of those that can serve, if any can.
    #[inline(always)]
    fn of_tier(&mut self, number: usize, draw: &mut Draw<'_>) -> Option<Member> {
        if self.policy.balance == Balance::Failover {
            return self.first(self.policy.tiers.members(number));
        }
        self.balanced(self.policy.tiers.get(number), draw)
    }

    /// The same where it is not simply the first.
    #[inline(never)]
    fn balanced(&mut self, tier: Tier<'_>, draw: &mut Draw<'_>) -> Option<Member> {
        match self.policy.balance {
            Balance::Failover => self.first(tier.members),
            // By load, who has more to do takes a share only.
            Balance::Weighted | Balance::WeightedLeastConnections | Balance::LeastTime => {
                self.drawn(tier.members, weight, draw.random)
            }
            Balance::Random | Balance::LeastConnections => {
                self.drawn(tier.members, |_| 1, draw.random)
            }
            Balance::RoundRobin => self.next(tier, draw),
            Balance::Smooth => self.spread(tier, draw),
            Balance::SourceHash => {
                let hash = self.view.key.hash(self.policy.seed);
                self.drawn(tier.members, weight, &mut Random::from_seed(hash))
            }
            Balance::ConsistentHash => self.on_ring(tier),
            Balance::Rendezvous => self.liked(tier),
        }
    }

    /// The first that can serve.
    #[inline(always)]
    fn first(&mut self, members: &[(Member, u16)]) -> Option<Member> {
        for &(member, _) in members {
            if self.can_serve(member) {
                return Some(self.take(member, Choice::First));
            }
        }
        None
    }

    #[cold]
    fn of_last_resort(&mut self) -> Option<Member> {
        for &member in &self.policy.last_resort {
            if self.can_serve(member) {
                return Some(self.take(member, Choice::LastResort));
            }
        }
        None
    }

    /// The next that can serve, from where the last turn ended. Whose turn it is may decline it, and has had it
    /// then; who is down has none.
    fn next(&mut self, tier: Tier<'_>, draw: &mut Draw<'_>) -> Option<Member> {
        let Some(cursor) = self.cursor(tier, draw.cursors) else {
            return self.drawn(tier.members, |_| 1, draw.random);
        };
        let all_accept = View {
            all_accept: true,
            ..*self.view
        };
        let members = tier.members;
        let start = (*cursor as usize).checked_rem(members.len())?;
        let turns = || (start..members.len()).chain(0..start);
        let turn = turns().find(|&turn| self.can_serve(members[turn].0))?;
        let owner = turns().find(|&turn| all_accept.can_serve(members[turn].0));
        if !self.view.is_addition() {
            *cursor = owner.unwrap_or(turn) as u32 + 1;
        }
        Some(self.take(members[turn].0, Choice::Turn))
    }

    /// The next in a sequence in which each of those that can serve comes as often as it weighs. Whose turn it is may
    /// decline it, and has had it then.
    fn spread(&mut self, tier: Tier<'_>, draw: &mut Draw<'_>) -> Option<Member> {
        let view = self.view;
        let all_accept = View {
            all_accept: true,
            ..*view
        };
        let (mut all, mut able) = (0u32, 0u32);
        for &(member, weight) in tier.members {
            if self.can_serve(member) {
                self.is_eligible(member, weight);
                able = able.saturating_add(weight.into());
            }
            if all_accept.can_serve(member) {
                all = all.saturating_add(weight.into());
            }
        }
        let Some(cursor) = self.cursor(tier, draw.cursors).filter(|_| able > 0) else {
            return self.drawn(tier.members, weight, draw.random);
        };
        let turn = *cursor % all.max(1);
        // What an answer has besides takes nobody's turn.
        if !view.is_addition() {
            *cursor = turn + 1;
        }
        let owner = of_turn(tier, all, turn, |member| all_accept.can_serve(member));
        let owner = owner.filter(|&owner| view.can_serve(owner));
        let instead = || of_turn(tier, able, turn % able, |member| view.can_serve(member));
        Some(self.take(owner.or_else(instead)?, Choice::Turn))
    }

    /// One in proportion to weight among those that can serve; one of weight 0 only when none with
    /// a weight can, and then uniformly.
    ///
    /// A reservoir of one (Chao 1982, "A general purpose unequal probability sampling plan"): each
    /// member takes the place of those before it with probability weight / sum so far. So each is
    /// asked once whether it can serve, and no list of those that can is needed.
    fn drawn(
        &mut self,
        members: &[(Member, u16)],
        weight: impl Fn(u16) -> u16,
        random: &mut Random,
    ) -> Option<Member> {
        let (mut total, mut weightless, mut drawn) = (0u32, 0, None);
        for &(member, configured) in members {
            if !self.can_serve(member) {
                continue;
            }
            let weight = weight(configured);
            self.is_eligible(member, weight);
            let replaces = if weight > 0 {
                total = total.saturating_add(u32::from(weight));
                random.below(total) < u32::from(weight)
            } else {
                weightless += 1;
                total == 0 && random.below(weightless) == 0
            };
            if replaces {
                drawn = Some((member, weight));
            }
        }
        let (member, weight) = drawn?;
        Some(self.take(member, Choice::Drawn { weight, total }))
    }

    /// Whom of those that can serve the client likes best.
    fn liked(&mut self, tier: Tier<'_>) -> Option<Member> {
        let hash = self.view.key.hash(self.policy.seed);
        let mut best: Option<(bool, Liking, Member)> = None;
        for (&(member, weight), &item) in tier.members.iter().zip(tier.items) {
            if !self.can_serve(member) {
                continue;
            }
            self.is_eligible(member, weight);
            let (is_weighty, mut item) = (weight > 0, item);
            // Those of weight 0 are equal among themselves.
            item.weight = item.weight.max(1);
            let liking = Liking::new(hash, item);
            let beats = match &best {
                None => true,
                Some((other, ..)) if *other != is_weighty => is_weighty,
                Some((_, other, _)) => liking.beats(*other),
            };
            if beats {
                best = Some((is_weighty, liking, member));
            }
        }
        let (_, _, member) = best?;
        Some(self.take(member, Choice::Hashed))
    }

    /// The next of those that can serve on the tier's ring; where that leads to none, as only those of weight 0 can
    /// serve, which have no place there, the hash counts them off.
    fn on_ring(&mut self, tier: Tier<'_>) -> Option<Member> {
        // Asked once each: a ring has many points of the same.
        let mut can_serve = [false; ITEMS_MAX];
        let (mut count, mut any_weighty) = (0, false);
        for (&(member, weight), can_serve) in tier.members.iter().zip(&mut can_serve) {
            *can_serve = self.can_serve(member);
            if *can_serve {
                self.is_eligible(member, weight);
                count += 1;
                any_weighty |= weight > 0;
            }
        }
        let hash = self.view.key.hash(self.policy.seed);
        let mut able = (0..ITEMS_MAX).filter(|&index| can_serve[index]);
        let index = if any_weighty {
            let mut ring = tier
                .ring?
                .walk(hash)
                .map(|index| index as usize)
                .take(STEPS_MAX);
            ring.find(|&index| can_serve.get(index) == Some(&true))
        } else {
            None
        };
        let index = match index {
            Some(index) => index,
            None => able.nth((hash as usize).checked_rem(count)?)?,
        };
        let &(member, _) = tier.members.get(index)?;
        Some(self.take(member, Choice::Hashed))
    }

    fn cursor<'c>(&self, tier: Tier<'_>, cursors: &'c mut [u32]) -> Option<&'c mut u32> {
        let view = self.view;
        let pools = &view.root.pools;
        cursor::of_tier(cursors, pools, self.policy, tier.number, view.family)
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
        let (view, policy) = (self.view, self.id);
        *self.awaited = view.awaited(member).min(*self.awaited);
        self.recorder.record(|| Step::PassedOver {
            policy,
            member,
            why: view.unusable(member),
        });
    }

    #[inline]
    fn is_eligible(&mut self, member: Member, weight: u16) {
        let policy = self.id;
        self.recorder.record(|| Step::Eligible {
            policy,
            member,
            weight,
        });
    }

    #[inline]
    fn take(&mut self, member: Member, by: Choice) -> Member {
        let policy = self.id;
        self.recorder.record(|| Step::Taken { policy, member, by });
        member
    }
}

/// Whose turn it is out of `total`, the weight of those that can serve.
fn of_turn(
    tier: Tier<'_>,
    total: u32,
    turn: u32,
    can_serve: impl Fn(Member) -> bool,
) -> Option<Member> {
    let point = u64::from(turn) * u64::from(stride(total)) % u64::from(total);
    let mut left = point as u32;
    for &(member, weight) in tier.members.iter().filter(|(member, _)| can_serve(*member)) {
        match left.checked_sub(weight.into()) {
            Some(more) => left = more,
            None => return Some(member),
        }
    }
    None
}

/// As it is configured.
fn weight(configured: u16) -> u16 {
    configured
}
