//! What becomes of this query?

use super::choose::choose;
use super::draw::{self, Drawn};
use super::key::Key;
use super::places::Places;
use super::ttl::Awaited;
use super::view::View;
use super::{Ask, Decision, Draw, Outcome, Recorder, Step, cursor, ttl};
use crate::hashing;
use crate::locate::Client;
use crate::model::{ANSWERS_MAX, EndpointId, PolicyId, PoolId, RegionId, WhenAllDown};
use crate::random::Random;
use crate::state::Root;
use crate::state::pools::Member;

/// Decides what `client` is answered. Pure but for `draw`, which moves on, and `recorder`, which is
/// told every reason and changes nothing.
///
/// The ids in `ask` must be of `root`.
#[inline]
pub fn decide<R: Recorder>(
    root: &Root,
    ask: &Ask,
    client: &Client,
    draw: &mut Draw<'_>,
    recorder: &mut R,
) -> Decision {
    let policies = &root.pools.policies;
    let asked = &policies[ask.policy.index()];
    let family = ask.family;
    if !asked.has(family) {
        recorder.record(|| Step::NoFamily { family });
        return Decision::NO_FAMILY;
    }
    let mut places = Places::new(root, &asked.maps, client);
    places.look_up(recorder);
    let key = Key::new(root, asked, client, draw.random, recorder);
    let scope = places.scope().max(key.scope);
    if client.subnet.is_some() {
        recorder.record(|| Step::Scope { bits: scope });
    }
    let policy = places.ruled(ask.policy, recorder);
    let view = View {
        root,
        places: &places,
        family,
        family_fallback: policies[policy.index()].family_fallback,
        key,
        all_up: false,
        all_accept: false,
        elsewhere_than: &[],
    };
    let mut decision = match source(view, policy, draw, recorder) {
        Ok(source) if policies[policy.index()].spread.is_empty() => {
            answer(&source, ask, draw, recorder)
        }
        // Of a last resort, there is no more to be had elsewhere.
        Ok(source) if source.outcome != Outcome::Answer => answer(&source, ask, draw, recorder),
        Ok(source) => answer_spread(source, policy, ask, draw, recorder),
        Err(outcome) => Decision {
            outcome,
            drawn: Drawn::NOTHING,
            pool: None,
            ttl_s: ttl::of_outage(ask.ttl, outcome, recorder),
            scope: 0,
        },
    };
    decision.scope = scope;
    decision
}

/// Where the endpoints come from: never a pool that has none to answer.
struct Source<'a> {
    pool: PoolId,
    view: View<'a>,
    outcome: Outcome,
    /// What would have been answered instead, were it up.
    awaited: Awaited,
}

impl<'a> Source<'a> {
    /// `pool` as `view` shows it, or NODATA when nothing of the family is usable there.
    fn new<R: Recorder>(
        pool: PoolId,
        view: View<'a>,
        outcome: Outcome,
        awaited: Awaited,
        recorder: &mut R,
    ) -> Result<Self, Outcome> {
        if view.usable(pool).is_empty() {
            let family = view.family;
            recorder.record(|| Step::FamilyNotUp { pool, family });
            return Err(match outcome {
                Outcome::AnswerAllDown => Outcome::NoDataAllDown,
                _ => Outcome::NoData,
            });
        }
        Ok(Source {
            pool,
            view,
            outcome,
            awaited,
        })
    }
}

/// The pool that answers, or what is said instead.
#[inline]
fn source<'a, R: Recorder>(
    view: View<'a>,
    policy: PolicyId,
    draw: &mut Draw<'_>,
    recorder: &mut R,
) -> Result<Source<'a>, Outcome> {
    let mut awaited = Awaited::NOTHING;
    match choose(&view, policy, draw, &mut awaited, recorder) {
        Some(pool) => Source::new(pool, view, Outcome::Answer, awaited, recorder),
        None => nobody(view, policy, draw, recorder),
    }
}

/// As [`source`], when nobody can serve the query.
#[cold]
fn nobody<'a, R: Recorder>(
    view: View<'a>,
    policy: PolicyId,
    draw: &mut Draw<'_>,
    recorder: &mut R,
) -> Result<Source<'a>, Outcome> {
    let all_accept = View {
        all_accept: true,
        ..view
    };
    if all_accept.can_serve(Member::Policy(policy)) {
        recorder.record(|| Step::AllDecline { policy });
        return source(all_accept, policy, draw, recorder);
    }
    // Half an outage: an address that is down, or an error, would keep clients from the family
    // that is up.
    if view.any_up(policy) {
        let family = view.family;
        recorder.record(|| Step::FamilyNowhereUp { policy, family });
        return Err(Outcome::NoData);
    }
    all_down(view, policy, draw, recorder)
}

/// As [`source`], when nothing that the policy can reach is up, in either family.
#[cold]
fn all_down<'a, R: Recorder>(
    up: View<'a>,
    policy: PolicyId,
    draw: &mut Draw<'_>,
    recorder: &mut R,
) -> Result<Source<'a>, Outcome> {
    let then = up.root.pools.policies[policy.index()].when_all_down;
    recorder.record(|| Step::AllDown { policy, then });
    let all = View { all_up: true, ..up };
    let mut awaited = up.any_awaited(policy);
    match then {
        WhenAllDown::All => {
            let pool = choose(&all, policy, draw, &mut awaited, recorder);
            let pool = pool.ok_or(Outcome::NoDataAllDown)?;
            Source::new(pool, all, Outcome::AnswerAllDown, awaited, recorder)
        }
        WhenAllDown::Fallback(pool) => {
            let any_up = !up.usable(pool).is_empty();
            recorder.record(|| Step::Fallback { pool, up: any_up });
            let view = if any_up { up } else { all };
            if !any_up {
                awaited = up.pool_awaited(pool).min(awaited);
            }
            Source::new(pool, view, Outcome::AnswerAllDown, awaited, recorder)
        }
        WhenAllDown::NoData => Err(Outcome::NoDataAllDown),
        WhenAllDown::ServFail => Err(Outcome::ServFail),
        WhenAllDown::Refuse => Err(Outcome::Refuse),
    }
}

/// Draws the endpoints out of `source`.
#[inline]
fn answer<R: Recorder>(
    source: &Source<'_>,
    ask: &Ask,
    draw: &mut Draw<'_>,
    recorder: &mut R,
) -> Decision {
    let drawn = drawn(source.view, source.pool, ask.answers, draw, recorder);
    decision(source, drawn, ask, recorder)
}

/// The same, out of the preferred region first and then of others, as many from each as `policy` says.
#[inline(never)]
fn answer_spread<R: Recorder>(
    mut source: Source<'_>,
    policy: PolicyId,
    ask: &Ask,
    draw: &mut Draw<'_>,
    recorder: &mut R,
) -> Decision {
    let pools = &source.view.root.pools;
    let is_new = |known: &Drawn, endpoint: EndpointId| {
        let address = |id: EndpointId| pools.endpoints[id.index()].address;
        let known = known.as_slice().iter();
        known
            .map(|&id| address(id))
            .all(|known| known != address(endpoint))
    };
    let (mut all, mut pool) = (Drawn::NOTHING, source.pool);
    let (mut regions, mut known) = ([RegionId(0); ANSWERS_MAX], 0);
    for &count in &pools.policies[policy.index()].spread {
        if known > 0 {
            let elsewhere = View {
                elsewhere_than: &regions[..known],
                ..source.view
            };
            let than = || elsewhere.elsewhere_than.to_vec();
            recorder.record(|| Step::Elsewhere { than: than() });
            let awaited = &mut source.awaited;
            match choose(&elsewhere, policy, draw, awaited, recorder) {
                Some(other) => pool = other,
                None => break,
            }
        }
        let drawn = drawn(source.view, pool, ANSWERS_MAX as u8, draw, recorder);
        all.append(&drawn, count.into(), is_new);
        regions[known] = pools.pools[pool.index()].region;
        known += 1;
    }
    decision(&source, all, ask, recorder)
}

/// At most so many of the endpoints of `pool`.
#[inline]
fn drawn<R: Recorder>(
    view: View<'_>,
    pool: PoolId,
    answers: u8,
    draw: &mut Draw<'_>,
    recorder: &mut R,
) -> Drawn {
    let root = view.root;
    let slot = view.slot(pool);
    let balance = slot.balance;
    recorder.record(|| Step::Candidates {
        pool,
        balance,
        candidates: view.candidates(pool),
    });
    let cursor = cursor::of_pool(draw.cursors, &root.pools, pool, view.family);
    let mut from = draw::Source {
        usable: slot.family(view.family),
        balance,
        preference: None,
        hash: 0,
    };
    if balance.is_by_client() {
        let pool = &root.pools.pools[pool.index()];
        from.preference = pool.preferences[view.family as usize].as_ref();
        from.hash = view.key.hash(pool.seed);
    }
    let mut drawn = Drawn::NOTHING;
    if slot.is_thinned && !view.all_accept {
        thinned(view, from, answers, draw.random, cursor, &mut drawn);
    } else {
        draw::draw(from, answers, draw.random, cursor, &mut drawn);
    }
    recorder.record(|| Step::Drawn {
        pool,
        endpoints: drawn.as_slice().to_vec(),
    });
    drawn
}

/// Draws where some endpoints take a share only: those that are drawn and do not take the query leave it to
/// those drawn after them.
#[inline(never)]
fn thinned(
    view: View<'_>,
    from: draw::Source<'_>,
    answers: u8,
    random: &mut Random,
    cursor: Option<&mut u32>,
    drawn: &mut Drawn,
) {
    let root = view.root;
    draw::draw(from, ANSWERS_MAX as u8, random, cursor, drawn);
    drawn.thin(answers.into(), |id| {
        let seed = hashing::mix(id.0.into());
        root.health.endpoint(id).share.takes(view.key.die(seed))
    });
}

fn decision<R: Recorder>(
    source: &Source<'_>,
    drawn: Drawn,
    ask: &Ask,
    recorder: &mut R,
) -> Decision {
    let health = &source.view.root.health;
    Decision {
        outcome: source.outcome,
        pool: Some(source.pool),
        ttl_s: ttl::of_answer(ask.ttl, drawn.as_slice(), source.awaited, health, recorder),
        drawn,
        scope: 0,
    }
}
