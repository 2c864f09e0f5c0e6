//! What becomes of this query?

use super::choose::choose;
use super::draw::{self, Drawn};
use super::key::Key;
use super::places::Places;
use super::ttl::Awaited;
use super::view::{Except, View};
use super::{Ask, Decision, Draw, Outcome, Recorder, Step, cursor, ttl};
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
    let policy = places.ruled(ask.policy, recorder);
    let mut view = View {
        root,
        places: &places,
        family,
        family_fallback: policies[policy.index()].family_fallback,
        key: &key,
        all_up: false,
        all_accept: false,
        except: Except::Nothing,
    };
    let scope = view.scope();
    if client.subnet.is_some() {
        recorder.record(|| Step::Scope { bits: scope });
    }
    let mut decision = Decision {
        outcome: Outcome::Answer,
        drawn: Drawn::NOTHING,
        pool: None,
        is_name: false,
        ttl_s: 0,
        scope,
    };
    match source(&mut view, policy, draw, recorder) {
        Ok(source) => {
            decision.outcome = source.outcome;
            decision.pool = Some(source.pool);
            decision.is_name = view.slot(source.pool).is_of_names;
            let spread = &policies[policy.index()].spread;
            let drawn = &mut decision.drawn;
            // In need, there is no more to be had elsewhere.
            let awaited = if spread.is_empty() || source.outcome != Outcome::Answer {
                draw_from(&view, source.pool, ask.answers, draw, drawn, recorder);
                source.awaited
            } else {
                draw_spread(&view, policy, source, draw, drawn, recorder)
            };
            let drawn = decision.drawn.as_slice();
            decision.ttl_s = ttl::of_answer(ask.ttl, drawn, awaited, &root.health, recorder);
        }
        Err(outcome) => {
            decision.outcome = outcome;
            decision.ttl_s = ttl::of_outage(ask.ttl, outcome, recorder);
        }
    }
    decision
}

/// Where the endpoints come from: never a pool that has none to answer.
struct Source {
    pool: PoolId,
    outcome: Outcome,
    /// What would have been answered instead, were it up.
    awaited: Awaited,
}

impl Source {
    /// `pool` as `view` shows it, or NODATA when nothing of the family is usable there.
    fn new<R: Recorder>(
        pool: PoolId,
        view: &View<'_>,
        outcome: Outcome,
        awaited: Awaited,
        recorder: &mut R,
    ) -> Result<Self, Outcome> {
        if view.usable(pool).is_empty() {
            let family = view.family;
            recorder.record(|| Step::FamilyNotUp { pool, family });
            return Err(match outcome {
                Outcome::AnswerAllDown => nothing_to_answer(view, &[pool], recorder),
                _ => Outcome::NoData,
            });
        }
        Ok(Source {
            pool,
            outcome,
            awaited,
        })
    }
}

/// The pool that `policy` comes to, and whether nothing that it can reach is up; `None`: there is nothing to come to.
pub(super) fn pool<R: Recorder>(
    view: &mut View<'_>,
    policy: PolicyId,
    draw: &mut Draw<'_>,
    recorder: &mut R,
) -> Option<(PoolId, bool)> {
    let source = source(view, policy, draw, recorder).ok()?;
    Some((source.pool, source.outcome == Outcome::AnswerAllDown))
}

/// The pool that answers, or what is said instead. In need, `view` becomes the one that it is seen by.
#[inline]
fn source<R: Recorder>(
    view: &mut View<'_>,
    policy: PolicyId,
    draw: &mut Draw<'_>,
    recorder: &mut R,
) -> Result<Source, Outcome> {
    let mut awaited = Awaited::NOTHING;
    match choose(view, policy, draw, &mut awaited, recorder) {
        Some(pool) => Source::new(pool, view, Outcome::Answer, awaited, recorder),
        None => nobody(view, policy, draw, recorder),
    }
}

/// As [`source`], when nobody can serve the query.
#[cold]
fn nobody<R: Recorder>(
    view: &mut View<'_>,
    policy: PolicyId,
    draw: &mut Draw<'_>,
    recorder: &mut R,
) -> Result<Source, Outcome> {
    view.all_accept = true;
    if view.can_serve(Member::Policy(policy)) {
        recorder.record(|| Step::AllDecline { policy });
        let mut awaited = Awaited::NOTHING;
        let pool = choose(view, policy, draw, &mut awaited, recorder);
        let pool = pool.ok_or(Outcome::NoData)?;
        return Source::new(pool, view, Outcome::Answer, awaited, recorder);
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
fn all_down<R: Recorder>(
    view: &mut View<'_>,
    policy: PolicyId,
    draw: &mut Draw<'_>,
    recorder: &mut R,
) -> Result<Source, Outcome> {
    let then = view.root.pools.policies[policy.index()].when_all_down;
    recorder.record(|| Step::AllDown { policy, then });
    let mut awaited = view.any_awaited(policy);
    match then {
        WhenAllDown::All => {
            view.all_up = true;
            let Some(pool) = choose(view, policy, draw, &mut awaited, recorder) else {
                let reach = &view.root.pools.policies[policy.index()].reach;
                return Err(nothing_to_answer(view, reach, recorder));
            };
            Source::new(pool, view, Outcome::AnswerAllDown, awaited, recorder)
        }
        WhenAllDown::Fallback(pool) => {
            let any_up = !view.usable(pool).is_empty();
            recorder.record(|| Step::Fallback { pool, up: any_up });
            if !any_up {
                awaited = view.pool_awaited(pool).min(awaited);
                view.all_up = true;
            }
            Source::new(pool, view, Outcome::AnswerAllDown, awaited, recorder)
        }
        WhenAllDown::NoData => Err(Outcome::NoDataAllDown),
        WhenAllDown::ServFail => Err(Outcome::ServFail),
        WhenAllDown::Refuse => Err(Outcome::Refuse),
    }
}

/// What is said when nothing that is configured could be answered, not even what is down: that there are no such
/// addresses, unless they are those of a name of which nothing is known.
#[cold]
fn nothing_to_answer<R: Recorder>(view: &View<'_>, within: &[PoolId], recorder: &mut R) -> Outcome {
    let unresolved = &view.root.pools.unresolved;
    match within.iter().find(|pool| unresolved.contains_key(pool)) {
        Some(&pool) => {
            recorder.record(|| Step::Unresolved { pool });
            Outcome::ServFail
        }
        None => Outcome::NoDataAllDown,
    }
}

/// Draws endpoints out of the preferred region first and then of others, as many from each as `policy` says. What would
/// have been answered instead is returned.
#[inline(never)]
fn draw_spread<R: Recorder>(
    view: &View<'_>,
    policy: PolicyId,
    source: Source,
    draw: &mut Draw<'_>,
    all: &mut Drawn,
    recorder: &mut R,
) -> Awaited {
    let Source {
        mut pool,
        mut awaited,
        ..
    } = source;
    let pools = &view.root.pools;
    let is_new = |known: &Drawn, endpoint: EndpointId| {
        let destination = |id: EndpointId| &pools.endpoints[id.index()].destination;
        let mut known = known.as_slice().iter().map(|&id| destination(id));
        known.all(|known| known != destination(endpoint))
    };
    let (mut regions, mut known) = ([RegionId(0); ANSWERS_MAX], 0);
    let spread = &pools.policies[policy.index()].spread;
    for &count in spread.iter().take(ANSWERS_MAX) {
        if known > 0 {
            let elsewhere = View {
                except: Except::Regions(&regions[..known]),
                ..*view
            };
            recorder.record(|| Step::Elsewhere {
                than: regions[..known].to_vec(),
            });
            match choose(&elsewhere, policy, draw, &mut awaited, recorder) {
                Some(other) => pool = other,
                None => break,
            }
        }
        let mut drawn = Drawn::NOTHING;
        draw_from(view, pool, ANSWERS_MAX as u8, draw, &mut drawn, recorder);
        all.append(&drawn, count.into(), is_new);
        regions[known] = pools.pools[pool.index()].region;
        known += 1;
    }
    awaited
}

/// At most so many of the endpoints of `pool`.
#[inline]
fn draw_from<R: Recorder>(
    view: &View<'_>,
    pool: PoolId,
    answers: u8,
    draw: &mut Draw<'_>,
    drawn: &mut Drawn,
    recorder: &mut R,
) {
    let root = view.root;
    let slot = view.slot(pool);
    let balance = slot.balance;
    let answers = if slot.is_of_names { 1 } else { answers };
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
    if slot.is_thinned && !view.all_accept {
        thinned(view, from, answers, draw.random, cursor, drawn);
    } else {
        draw::draw(from, answers, draw.random, cursor, drawn);
    }
    recorder.record(|| Step::Drawn {
        pool,
        endpoints: drawn.as_slice().to_vec(),
    });
}

/// Draws where some endpoints take a share only: those that are drawn and do not take the query leave it to
/// those drawn after them.
#[inline(never)]
fn thinned(
    view: &View<'_>,
    from: draw::Source<'_>,
    answers: u8,
    random: &mut Random,
    cursor: Option<&mut u32>,
    drawn: &mut Drawn,
) {
    let root = view.root;
    draw::draw(from, ANSWERS_MAX as u8, random, cursor, drawn);
    drawn.thin(answers.into(), |id| {
        let endpoint = &root.pools.endpoints[id.index()];
        let seed = endpoint.seed;
        let die = view
            .key
            .die(seed ^ root.pools.pools[endpoint.pool.index()].seed);
        root.health.endpoint(id).share.takes(die)
    });
}
