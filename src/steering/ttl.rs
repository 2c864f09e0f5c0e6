//! For how long may a decision be believed?

use super::{Recorder, Step, TtlReason};
use crate::model::{EndpointId, TtlRange};
use crate::state::Health;

/// Of an answer with `endpoints`: the soonest that observations could flip the verdict of one of
/// them, in whole seconds rounded up, within `range`. The longest where nothing watches them.
pub(super) fn of_answer<R: Recorder>(
    range: TtlRange,
    endpoints: &[EndpointId],
    health: &Health,
    recorder: &mut R,
) -> u32 {
    let soonest = endpoints
        .iter()
        .map(|&endpoint| (health.endpoint(endpoint).flip_after_ms, endpoint))
        .min()
        .filter(|&(flip_after_ms, _)| flip_after_ms != u32::MAX);
    match soonest {
        Some((flip_after_ms, endpoint)) => {
            let ttl_s = within(range, flip_after_ms.div_ceil(1000));
            let reason = TtlReason::Flip {
                endpoint,
                flip_after_ms,
            };
            recorded(ttl_s, range, reason, recorder)
        }
        None => recorded(range.max_s, range, TtlReason::Unwatched, recorder),
    }
}

/// Of an answer without endpoints that the next observation may turn into one with.
pub(super) fn of_outage<R: Recorder>(range: TtlRange, recorder: &mut R) -> u32 {
    recorded(range.min_s, range, TtlReason::Outage, recorder)
}

/// Of an answer without endpoints that only a new configuration changes.
pub(super) fn of_no_family<R: Recorder>(range: TtlRange, recorder: &mut R) -> u32 {
    recorded(range.max_s, range, TtlReason::NoFamily, recorder)
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

    /// The TTL of an answer with one endpoint per element of `flips_ms`.
    fn ttl(range: TtlRange, flips_ms: &[u32]) -> u32 {
        let health = Health {
            endpoints: flips_ms
                .iter()
                .map(|&flip_after_ms| EndpointHealth {
                    verdict: Verdict::Up,
                    flip_after_ms,
                })
                .collect(),
            slots: Box::default(),
        };
        let answered: Vec<_> = (0..flips_ms.len() as u32).map(EndpointId).collect();
        of_answer(range, &answered, &health, &mut ())
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
}
