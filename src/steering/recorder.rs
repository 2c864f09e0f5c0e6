//! Why? Every reason of a decision, for whoever asks.

use std::net::IpAddr;

use crate::locate::Located;
use crate::model::{
    Balance, EndpointId, Family, MapId, PolicyId, PoolId, RegionId, Share, TtlRange, Verdict,
    WhenAllDown,
};
use crate::state::pools::Member;

/// Is told each step of a decision as it is taken. It cannot change the outcome.
///
/// `()` records nothing, at no cost: no step is ever made. `Vec<Step>` keeps all.
pub trait Recorder {
    fn record(&mut self, step: impl FnOnce() -> Step);
}

impl Recorder for () {
    #[inline(always)]
    fn record(&mut self, _: impl FnOnce() -> Step) {}
}

impl Recorder for Vec<Step> {
    fn record(&mut self, step: impl FnOnce() -> Step) {
        self.push(step());
    }
}

/// One step of a decision. Ids are those of the root that was asked. Steps come in the order in
/// which they are taken: places and scope; then the choice, policy by policy from the outermost;
/// then what is drawn from the pool, and the TTL.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `map` puts the client there. One for every map within the policy's reach.
    Located { map: MapId, located: Located },
    /// The answer's scope: the longest of those above. Only where the client has a subnet.
    Scope { bits: u8 },
    /// What follows is about addresses that are answered beside what was asked for, as hints or additional
    /// data: those of `name` and this family.
    Addresses { name: String, family: Family },
    /// The name has no endpoint of this family, up or down: nothing more is asked, and this is the
    /// only step. The answer holds for every client, for as long as the zone's SOA says.
    NoFamily { family: Family },
    /// What goes by the client goes by this network, of so many bits, and the answer holds for no wider one.
    Network { network: IpAddr, bits: u8 },
    /// For this client, `by` stands for `policy`.
    Ruled { policy: PolicyId, by: PolicyId },
    /// Whoever is up declines the query (it takes a share of them only): the choice begins again, and all take what
    /// comes to them from here on.
    AllDecline { policy: PolicyId },
    /// What is answered besides comes from other regions than these.
    Elsewhere { than: Vec<RegionId> },
    /// A geo policy tries the members of these regions, in this order.
    Regions {
        policy: PolicyId,
        map: MapId,
        class: u16,
        order: Vec<RegionId>,
    },
    /// The member cannot serve.
    PassedOver {
        policy: PolicyId,
        member: Member,
        why: Unusable,
    },
    /// The member can serve and takes part in the draw. If it is not the one taken next, it was not
    /// drawn. 1 in policies without weights.
    Eligible {
        policy: PolicyId,
        member: Member,
        weight: u16,
    },
    /// The policy's choice.
    Taken {
        policy: PolicyId,
        member: Member,
        by: Choice,
    },
    /// Nothing in reach has the family up, but something has the other; NODATA.
    FamilyNowhereUp { policy: PolicyId, family: Family },
    /// Nothing is up, in either family; what the policy does then. With `All`, the choice begins again, and every
    /// endpoint counts as up from here on.
    AllDown { policy: PolicyId, then: WhenAllDown },
    /// The fallback pool is answered: what is up there, or else (`up` is false) all of it.
    Fallback { pool: PoolId, up: bool },
    /// The pool can serve the other family only, and the name goes nowhere else
    /// (`family_fallback`), or it is a fallback pool without this family.
    FamilyNotUp { pool: PoolId, family: Family },
    /// The pool has addresses of another name, and none of them is known; SERVFAIL.
    Unresolved { pool: PoolId },
    /// The endpoints of the pool that have an address of the family.
    Candidates {
        pool: PoolId,
        balance: Balance,
        candidates: Vec<Candidate>,
    },
    /// What is answered, in order.
    Drawn {
        pool: PoolId,
        endpoints: Vec<EndpointId>,
    },
    /// The TTL, and the name's range that holds it. Of what has one: addresses, and NODATA.
    Ttl {
        ttl_s: u32,
        range: TtlRange,
        reason: TtlReason,
    },
}

/// Why a member cannot serve.
#[derive(Clone, Debug, PartialEq)]
pub enum Unusable {
    /// The pool has no address of the family (of either, where `family_fallback` is `nodata`).
    FamilyMissing,
    /// The pool has no address of the family, unless names have some of which nothing is known.
    Unresolved,
    /// None of these is up: those of the family, or of both where `family_fallback` is `nodata`.
    NoneUp(Vec<Candidate>),
    /// It is up, but takes this share only of the queries that would come to it, and this one is not of them.
    Declined(Share),
    /// Fewer of these are up than `min_healthy` asks for.
    TooFewUp(Vec<Candidate>),
    /// Its region is in the answer already.
    RegionAnswered,
    /// A request was sent there already, or would be in vain.
    Tried,
    /// None of the pools that the nested policy can reach can serve.
    NothingWithinReach(Vec<(PoolId, Unusable)>),
}

/// An endpoint as the draw saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub endpoint: EndpointId,
    /// As configured.
    pub weight: u16,
    pub verdict: Verdict,
    /// Of what the pool would give it, what it takes.
    pub share: Share,
    /// Whether it could be drawn. If not, it is down, or its weight is 0 and another's is not.
    pub usable: bool,
}

/// How a member was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It is the first that can serve, in the policy's (or the client's) order.
    First,
    /// It was its turn.
    Turn,
    /// The hash of the client's network says so.
    Hashed,
    /// Nobody else can serve.
    LastResort,
    /// With the odds `weight` in `total`, the sum over all eligible. A `total` of 0: only members
    /// of weight 0 can serve, and one was drawn uniformly.
    Drawn { weight: u16, total: u32 },
}

/// What a TTL rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TtlReason {
    /// Of all that is answered, this endpoint's verdict can flip soonest, or the records that led to it end soonest.
    Flip {
        endpoint: EndpointId,
        flip_after_ms: u32,
    },
    /// Sooner than that, this pool, which is down, could come up and be answered instead.
    Awaited { pool: PoolId, up_after_ms: u32 },
    /// Nothing that is answered or passed over is watched.
    Unwatched,
    /// NODATA for now: at most the shortest of the range, or less if the zone's SOA says so.
    Outage,
}
