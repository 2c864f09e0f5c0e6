//! For how long may a decision be believed?
//!
//! Until observations could change it: the interval times those still needed, by the verdicts of
//! what is answered. While what is preferred is up, that is all. Where pools were passed over because
//! they are down, one that comes up changes the decision as well, so the soonest of them counts too;
//! in an outage that is every pool within reach, in both families. Otherwise an unwatched last resort
//! would be believed long after the outage.

use super::{Outcome, Recorder, Step, TtlReason};
use crate::model::{EndpointId, PoolId, TtlRange};
use crate::state::Health;

/// A pool that is down, and how soon it could be up. The lesser is the sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Awaited {
    /// `u32::MAX`: never.
    pub up_after_ms: u32,
    pub pool: PoolId,
}

impl Awaited {
    pub const NOTHING: Self = Awaited {
        up_after_ms: u32::MAX,
        pool: PoolId(0),
    };
}

/// Of an answer with `endpoints`: the soonest that observations could flip the verdict of one of
/// them, or bring up the pool that is `awaited`, in whole seconds rounded up, within `range`. The
/// longest where nothing watches any of them.
pub(super) fn of_answer<R: Recorder>(
    range: TtlRange,
    endpoints: &[EndpointId],
    awaited: Awaited,
    health: &Health,
    recorder: &mut R,
) -> u32 {
    let soonest = endpoints
        .iter()
        .map(|&endpoint| (health.endpoint(endpoint).flip_after_ms, endpoint))
        .min();
    let (after_ms, reason) = match soonest {
        Some((flip_after_ms, endpoint)) if flip_after_ms <= awaited.up_after_ms => (
            flip_after_ms,
            TtlReason::Flip {
                endpoint,
                flip_after_ms,
            },
        ),
        _ => {
            let Awaited { up_after_ms, pool } = awaited;
            (up_after_ms, TtlReason::Awaited { pool, up_after_ms })
        }
    };
    match after_ms {
        u32::MAX => recorded(range.max_s, range, TtlReason::Unwatched, recorder),
        after_ms => {
            let ttl_s = within(range, after_ms.div_ceil(1000));
            recorded(ttl_s, range, reason, recorder)
        }
    }
}

/// Of an answer without endpoints that the next observation may turn into one with. Nothing in an
/// error says for how long, so only NODATA has a reason to record.
pub(super) fn of_outage<R: Recorder>(range: TtlRange, outcome: Outcome, recorder: &mut R) -> u32 {
    match outcome {
        Outcome::NoData | Outcome::NoDataAllDown => {
            recorded(range.min_s, range, TtlReason::Outage, recorder)
        }
        _ => range.min_s,
    }
}

fn recorded<R: Recorder>(ttl_s: u32, range: TtlRange, reason: TtlReason, recorder: &mut R) -> u32 {
    recorder.record(|| Step::Ttl {
        ttl_s,
        range,
        reason,
    });
    ttl_s
}

/// Unlike `clamp`, this does not panic on a range that is upside down.
fn within(range: TtlRange, ttl_s: u32) -> u32 {
    ttl_s.min(range.max_s).max(range.min_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Verdict;
    use crate::state::EndpointHealth;

    const RANGE: TtlRange = TtlRange {
        min_s: 1,
        max_s: 30,
    };

    fn ttl(range: TtlRange, flips_ms: &[u32]) -> u32 {
        ttl_awaiting(u32::MAX, range, flips_ms)
    }

    /// The TTL of an answer with one endpoint per element of `flips_ms`, while a pool that is down
    /// could be up after `up_after_ms`.
    fn ttl_awaiting(up_after_ms: u32, range: TtlRange, flips_ms: &[u32]) -> u32 {
        let awaited = Awaited {
            up_after_ms,
            pool: PoolId(0),
        };
        let health = Health {
            endpoints: flips_ms
                .iter()
                .map(|&flip_after_ms| EndpointHealth::new(Verdict::Up, flip_after_ms))
                .collect(),
            ..Health::default()
        };
        let answered: Vec<_> = (0..flips_ms.len() as u32).map(EndpointId).collect();
        of_answer(range, &answered, awaited, &health, &mut ())
    }

    #[test]
    fn an_endpoint_two_failures_of_one_second_from_down_is_believed_for_two_seconds() {
        assert_eq!(ttl(RANGE, &[2_000]), 2);
    }

    #[test]
    fn part_of_a_second_counts_as_a_second() {
        assert_eq!(ttl(RANGE, &[2_001]), 3);
        assert_eq!(ttl(RANGE, &[100]), 1);
    }

    #[test]
    fn the_endpoint_that_can_flip_soonest_decides() {
        assert_eq!(ttl(RANGE, &[9_000, 4_000, u32::MAX]), 4);
    }

    #[test]
    fn the_range_holds_at_both_ends() {
        let range = TtlRange {
            min_s: 5,
            max_s: 30,
        };
        assert_eq!(ttl(range, &[2_000]), 5);
        assert_eq!(ttl(range, &[3_600_000]), 30);
    }

    #[test]
    fn what_nothing_watches_is_believed_longest() {
        assert_eq!(ttl(RANGE, &[u32::MAX, u32::MAX]), 30);
    }

    #[test]
    fn a_pool_that_could_come_up_sooner_than_what_is_answered_flips_decides() {
        assert_eq!(ttl_awaiting(4_000, RANGE, &[9_000]), 4);
        assert_eq!(ttl_awaiting(4_000, RANGE, &[u32::MAX]), 4);
        assert_eq!(ttl_awaiting(4_000, RANGE, &[2_000]), 2);
        assert_eq!(ttl_awaiting(0, RANGE, &[2_000]), RANGE.min_s);
    }
}
