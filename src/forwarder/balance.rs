//! Which backend shall a request be sent to?
//!
//! What answers choose by is the same code here (`steering::forward`). Where load decides, it is that of the moment: of
//! small pools all endpoints are looked at, of large ones a sample.

use std::sync::Arc;

use super::few::Few;
use super::known::Known;
use crate::hashing::mix;
use crate::locate::Client;
use crate::model::routing::Balancing;
use crate::model::{ANSWERS_MAX, Balance, EndpointId, Family, PoolId, Share};
use crate::random::Random;
use crate::state::Root;
use crate::state::forwarding::{Backend, Forward, Upstream};
use crate::state::health::PoolSlot;
use crate::state::pools::Pool;
use crate::state::preference::Preference;
use crate::state::usable::Usable;
use crate::steering::Draw;
use crate::steering::forward::{self, By, Served};

/// Endpoints of a pool that are all looked at; of larger ones, so many by chance.
const ALL_MAX: usize = 32;
const SAMPLE: usize = 16;
/// Draws for one of two choices, before all are looked at.
const DRAWS_MAX: usize = 8;

/// Where a request may be sent.
pub(super) struct Choice {
    pub pool: PoolId,
    pub upstream: Arc<Upstream>,
    pub backend: Arc<Backend>,
    pub endpoint: EndpointId,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub root: &'a Root,
    pub forward: &'a Forward,
    pub client: &'a Client,
    pub known: &'a Known,
    /// The numbers of the backends that have had the request.
    pub tried: &'a [u64],
    /// Pools that are not asked.
    pub shut: Few<PoolId>,
    pub now_ms: u64,
}

/// Why there is no choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nothing {
    /// No endpoint is up.
    Up,
    /// Those that are up were all tried, or are left out because their last requests failed.
    Left,
}

/// The backend that a request is to be sent to.
pub(super) fn choose(ask: &Ask<'_>, draw: &mut Draw<'_>) -> Result<Choice, Nothing> {
    if let Some(choice) = ask.named() {
        return Ok(choice);
    }
    let (mut shut, mut nothing) = (ask.shut, Nothing::Up);
    loop {
        let (to, tried) = (ask.forward.to, shut.as_slice());
        let served = forward::serve(ask.root, to, ask.client, tried, draw, &mut ());
        let served = served.ok_or(nothing)?;
        if let Some(choice) = ask.within(served, draw) {
            return Ok(choice);
        }
        nothing = Nothing::Left;
        // A policy may lead to another pool.
        if !shut.push(served.pool) {
            return Err(nothing);
        }
    }
}

impl Ask<'_> {
    /// Where the request's cookie says that it shall go, if it can: the endpoint is up, takes a share at least, and is
    /// not left out. Who drains keeps its sessions until it takes nothing.
    fn named(&self) -> Option<Choice> {
        let named = self.known.named?;
        if self.shut.as_slice().contains(&named.pool) {
            return None;
        }
        let slot = self.root.health.slot(named.pool);
        let families = Family::BOTH.into_iter();
        let is_usable = families
            .map(|family| slot.family(family))
            .any(|usable| usable.contains(named.endpoint));
        let backend = self.open(named.endpoint).filter(|_| is_usable)?;
        let upstream = self.root.forwarding.upstream(named.pool)?;
        Some(Choice {
            pool: named.pool,
            upstream: Arc::clone(upstream),
            backend: Arc::clone(backend),
            endpoint: named.endpoint,
        })
    }

    /// One of the pool that serves.
    fn within(&self, served: Served, draw: &mut Draw<'_>) -> Option<Choice> {
        let root = self.root;
        let upstream = root.forwarding.upstream(served.pool)?;
        let slot = forward::slot(root, &served);
        let among = Among {
            ask: self,
            served,
            upstream,
            slot,
            pool: &root.pools.pools[served.pool.index()],
            usable: slot.family(served.family),
        };
        let endpoint = among.choose(draw)?;
        let backend = root.forwarding.backend(endpoint)?;
        Some(Choice {
            pool: served.pool,
            upstream: Arc::clone(upstream),
            backend: Arc::clone(backend),
            endpoint,
        })
    }

    /// The backend of an endpoint, if the request may go there.
    fn open(&self, id: EndpointId) -> Option<&Arc<Backend>> {
        let backend = self.root.forwarding.backend(id)?;
        let is_left = self.tried.contains(&backend.number) || backend.standing.is_out(self.now_ms);
        (!is_left).then_some(backend)
    }
}

/// Endpoints of the pool that serves.
struct Among<'a> {
    ask: &'a Ask<'a>,
    served: Served,
    upstream: &'a Upstream,
    slot: &'a PoolSlot,
    pool: &'a Pool,
    usable: &'a Usable,
}

impl Among<'_> {
    fn choose(&self, draw: &mut Draw<'_>) -> Option<EndpointId> {
        let load = |backend: &Backend, weight: f32| backend.in_flight() as f32 / weight;
        let balancing = self.ask.forward.balance;
        let chosen = match balancing.unwrap_or(Balancing::As(self.pool.balance)) {
            Balancing::TwoChoices => self.of_two(draw.random, load),
            Balancing::As(Balance::LeastConnections) => {
                let share = |id| self.share(id);
                self.least(draw.random, share, load)
            }
            Balancing::As(Balance::WeightedLeastConnections) => {
                self.least(draw.random, |id| self.weight(id), load)
            }
            Balancing::As(Balance::LeastTime) => self.soonest(draw.random),
            Balancing::As(balance) => self.drawn(balance, draw),
        };
        // Of those that were looked at, which need not be all, none has room: another one may.
        let is_limited = self.upstream.care.limits.in_flight > 0;
        match chosen.filter(|&id| is_limited && self.room(id).is_none()) {
            None => chosen,
            full => self.any(draw.random, |id| self.room(id)).or(full),
        }
    }

    /// The first of those that answers would have that has room; where none has, the one with the fewest that wait.
    fn drawn(&self, balance: Balance, draw: &mut Draw<'_>) -> Option<EndpointId> {
        let ask = self.ask;
        let bound = self.bound(balance, draw.random);
        let by = |count| By {
            balance,
            hash: mix(ask.known.hash ^ self.pool.seed),
            preference: self.preference(balance),
            count,
        };
        // Mostly, the first will do; but who takes a part only may decline.
        let is_plain = !self.slot.is_thinned && bound.is_none() && ask.tried.is_empty();
        let has_room = |id: &EndpointId| self.room(*id).is_some();
        // Drawn anew, those who are left share what those who are not would have had; a hash comes to the same.
        let is_fixed = balance.is_by_client() || balance == Balance::Failover;
        let draws = match is_plain {
            true if is_fixed => 1,
            true => DRAWS_MAX,
            false => 0,
        };
        for _ in 0..draws {
            let first = forward::endpoints(ask.root, self.served, by(1), draw);
            if let Some(id) = first.as_slice().iter().copied().find(has_room) {
                return Some(id);
            }
        }
        let drawn = forward::endpoints(ask.root, self.served, by(ANSWERS_MAX as u8), draw);
        let drawn = drawn.as_slice().iter().copied();
        let is_bound = |id: &EndpointId| {
            let bound = bound.as_ref();
            bound.is_none_or(|bound| self.room(*id).is_some_and(|at| bound.holds(self, *id, at)))
        };
        let with_room = || drawn.clone().filter(has_room);
        let found = with_room().find(is_bound).or_else(|| with_room().next());
        let waiting = |id: EndpointId| Some((ask.open(id)?.slots.pending(), id));
        let found = found.or_else(|| {
            let least = drawn
                .clone()
                .filter_map(waiting)
                .min_by_key(|&(count, _)| count);
            least.map(|(_, id)| id)
        });
        found.or_else(|| self.any(draw.random, |id| ask.open(id)))
    }

    /// How much of the pool's requests an endpoint may have, where a hash chooses.
    fn bound(&self, balance: Balance, random: &mut Random) -> Option<Bound> {
        let factor = self
            .ask
            .forward
            .load_factor
            .filter(|_| balance.is_by_client())?;
        let (mut requests, mut weight, mut count) = (0.0, 0.0, 0);
        for &id in self.looked_at(random).as_slice() {
            let backend = self.ask.root.forwarding.backend(id)?;
            requests += backend.in_flight() as f32;
            weight += self.weight(id);
            count += 1;
        }
        let part = self.usable.len() as f32 / count.max(1) as f32;
        Some(Bound {
            per_weight: factor * (requests * part + 1.0) / (weight * part).max(f32::MIN_POSITIVE),
        })
    }

    fn preference(&self, balance: Balance) -> Option<&Preference> {
        let family = self.served.family as usize;
        let own = &self.upstream.preferences;
        match balance {
            _ if balance == self.pool.balance => self.pool.preferences[family].as_ref(),
            Balance::ConsistentHash => own.rings[family].as_ref(),
            Balance::Rendezvous => own.lists[family].as_ref(),
            _ => None,
        }
    }

    /// The one with the least, `weight` taken into account; of equal ones, by chance in proportion to it. Those with
    /// room come before those without.
    fn least(
        &self,
        random: &mut Random,
        weight: impl Fn(EndpointId) -> f32,
        load: impl Fn(&Backend, f32) -> f32,
    ) -> Option<EndpointId> {
        let mut best: Option<((bool, f32), EndpointId)> = None;
        let mut equal = 0.0;
        for &id in self.looked_at(random).as_slice() {
            let Some(backend) = self.ask.open(id) else {
                continue;
            };
            let weight = weight(id);
            let rank = (self.is_full(backend), load(backend, weight));
            let takes = match best {
                None => true,
                Some((other, _)) if rank == other => {
                    random.fraction() as f32 * (equal + weight) < weight
                }
                Some((other, _)) => rank < other,
            };
            equal = match best {
                Some((other, _)) if rank == other => equal + weight,
                _ if takes => weight,
                _ => equal,
            };
            if takes {
                best = Some((rank, id));
            }
        }
        let found = best.map(|(_, id)| id);
        found.or_else(|| self.any(random, |id| self.ask.open(id)))
    }

    /// Who will be the first to answer, by how long each takes and how many are before. Who was never measured takes as
    /// long as the others on the average.
    fn soonest(&self, random: &mut Random) -> Option<EndpointId> {
        let now_ms = self.ask.now_ms;
        let estimate = |id| {
            let backend = self.ask.root.forwarding.backend(id)?;
            backend.latency.estimate(now_ms)
        };
        let (mut sum, mut count) = (0.0, 0.0);
        // By another sample than those that are chosen among, if it is one.
        for &id in self.looked_at(random).as_slice() {
            if let Some(latency) = estimate(id) {
                sum += latency;
                count += 1.0;
            }
        }
        let usual = if count > 0.0 { sum / count } else { 1.0 };
        let time = |backend: &Backend, weight: f32| {
            let latency = backend.latency.estimate(now_ms).unwrap_or(usual);
            latency * (backend.in_flight() as f32 + 1.0) / weight
        };
        self.least(random, |id| self.weight(id), time)
    }

    /// Of two different ones, drawn in proportion to weight, the one that has less to do.
    fn of_two(
        &self,
        random: &mut Random,
        load: impl Fn(&Backend, f32) -> f32,
    ) -> Option<EndpointId> {
        let mut first: Option<((bool, f32), EndpointId)> = None;
        for _ in 0..DRAWS_MAX {
            let id = self.by_weight(random);
            if first.is_some_and(|(_, other)| other == id) {
                continue;
            }
            let Some(backend) = self.ask.open(id) else {
                continue;
            };
            let rank = (self.is_full(backend), load(backend, self.weight(id)));
            match first {
                None => first = Some((rank, id)),
                Some((best, before)) if best <= rank => return Some(before),
                Some(_) => return Some(id),
            }
        }
        match first {
            Some((_, id)) => Some(id),
            None => self.least(random, |id| self.weight(id), load),
        }
    }

    fn by_weight(&self, random: &mut Random) -> EndpointId {
        let mut draws = DRAWS_MAX;
        loop {
            draws -= 1;
            let id = match self.usable {
                Usable::Weighted(weighted) => {
                    let (index, ..) = weighted.owner(random.below(weighted.total()));
                    self.usable.get(index)
                }
                _ => self
                    .usable
                    .get(random.below(self.usable.len() as u32) as usize),
            };
            let share = self.ask.root.health.endpoint(id).share;
            // Where all take hardly anything, somebody has to.
            if draws == 0 || share.takes((random.next_u64() >> 48) as u16) {
                return id;
            }
        }
    }

    /// Those that a choice by load is made among: all of them, or some by chance.
    fn looked_at(&self, random: &mut Random) -> LookedAt {
        let count = self.usable.len();
        let mut ids = [EndpointId(0); ALL_MAX];
        let taken = match count {
            ..=ALL_MAX => {
                (0..count).for_each(|index| ids[index] = self.usable.get(index));
                count
            }
            _ => {
                let mut place = || random.below(count as u32) as usize;
                let chosen = ids.iter_mut().take(SAMPLE);
                chosen.for_each(|id| *id = self.usable.get(place()));
                SAMPLE
            }
        };
        LookedAt(ids, taken)
    }

    /// Any that `fits`, from a place by chance on: where the usual way led to none.
    fn any<B>(
        &self,
        random: &mut Random,
        fits: impl Fn(EndpointId) -> Option<B>,
    ) -> Option<EndpointId> {
        let count = self.usable.len();
        let start = random.below(count as u32) as usize;
        let mut ids = (0..count).map(|step| self.usable.get((start + step) % count));
        ids.find(|&id| fits(id).is_some())
    }

    /// The backend of an endpoint that the request may go to at once.
    fn room(&self, id: EndpointId) -> Option<&Backend> {
        let backend = self.ask.open(id)?;
        (!self.is_full(backend)).then_some(&**backend)
    }

    fn is_full(&self, backend: &Backend) -> bool {
        !backend.slots.has_room(self.upstream.care.limits)
    }

    /// As it is configured, times the share that it takes; never 0.
    fn weight(&self, id: EndpointId) -> f32 {
        f32::from(self.ask.root.pools.endpoints[id.index()].weight.max(1)) * self.share(id)
    }

    /// Which part it takes of what it would get; never 0.
    fn share(&self, id: EndpointId) -> f32 {
        let Share(share) = self.ask.root.health.endpoint(id).share;
        f32::from(share.max(1)) / f32::from(u16::MAX)
    }
}

struct LookedAt([EndpointId; ALL_MAX], usize);

impl LookedAt {
    fn as_slice(&self) -> &[EndpointId] {
        &self.0[..self.1]
    }
}

/// Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", SODA 2018 (arXiv 2016): nobody has more
/// than a factor of its part of all requests, this one included.
struct Bound {
    per_weight: f32,
}

impl Bound {
    fn holds(&self, among: &Among<'_>, id: EndpointId, backend: &Backend) -> bool {
        let most = (self.per_weight * among.weight(id)).ceil();
        (backend.in_flight() as f32) < most
    }
}
