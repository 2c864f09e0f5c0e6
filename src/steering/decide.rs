//! What becomes of this query?

use super::choose::choose;
use super::draw::{self, Drawn};
use super::places::Places;
use super::ttl::Awaited;
use super::view::View;
use super::{Ask, Decision, Draw, Outcome, Recorder, Step, cursor, ttl};
use crate::locate::Client;
use crate::model::{PolicyId, PoolId, WhenAllDown};
use crate::state::Root;

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
    let policy = &root.pools.policies[ask.policy.index()];
    let family = ask.family;
    if !policy.has(family) {
        recorder.record(|| Step::NoFamily { family });
        return Decision::NO_FAMILY;
    }
    let mut places = Places::new(root, &policy.maps, client);
    places.look_up(recorder);
    let view = View {
        root,
        places: &places,
        family,
        family_fallback: policy.family_fallback,
        all_up: false,
    };
    match source(view, ask.policy, draw, recorder) {
        Ok(source) => answer(&source, ask, draw, recorder),
        Err(outcome) => Decision {
            outcome,
            drawn: Drawn::NOTHING,
            pool: None,
            ttl_s: ttl::of_outage(ask.ttl, outcome, recorder),
            scope: places.scope(),
        },
    }
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
        // Half an outage: an address that is down, or an error, would keep clients from the family
        // that is up.
        None if view.any_up(policy) => {
            let family = view.family;
            recorder.record(|| Step::FamilyNowhereUp { policy, family });
            Err(Outcome::NoData)
        }
        None => all_down(view, policy, draw, recorder),
    }
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
    let &Source {
        pool,
        view,
        outcome,
        awaited,
    } = source;
    let root = view.root;
    let balance = view.slot(pool).balance;
    recorder.record(|| Step::Candidates {
        pool,
        balance,
        candidates: view.candidates(pool),
    });
    let cursor = cursor::of_pool(draw.cursors, &root.pools, pool, ask.family);
    let usable = view.usable(pool);
    let mut decision = Decision {
        outcome,
        drawn: Drawn::NOTHING,
        pool: Some(pool),
        ttl_s: 0,
        scope: view.places.scope(),
    };
    let drawn = &mut decision.drawn;
    draw::draw(usable, balance, ask.answers, draw.random, cursor, drawn);
    recorder.record(|| Step::Drawn {
        pool,
        endpoints: drawn.as_slice().to_vec(),
    });
    decision.ttl_s = ttl::of_answer(ask.ttl, drawn.as_slice(), awaited, &root.health, recorder);
    decision
}
