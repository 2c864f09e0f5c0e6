//! Who is too slow for its pool?

use std::sync::Arc;

use crate::clock;
use crate::state::forwarding::{Backend, Forwarding, Upstream};

/// Endpoints that have to be measured, so that there is something to compare with.
const MEASURED_MIN: usize = 3;
/// Faster than this, in microseconds, nobody is too slow.
const FAST_US: u32 = 5_000;

/// Ejects those that take many times as long as the median of their pool. Any thread may, and several at once.
pub(super) fn eject_slow(forwarding: &Forwarding) {
    let upstreams = forwarding.upstreams.iter().flatten();
    upstreams.for_each(|upstream| eject_slow_of(upstream));
}

fn eject_slow_of(upstream: &Upstream) {
    let care = &upstream.care;
    let Some(by) = care.outliers.as_ref().filter(|by| by.slowness > 0.0) else {
        return;
    };
    let now_ms = clock::steady_ms(clock::now());
    let is_in = |backend: &&Arc<Backend>| !backend.standing.is_ejected();
    let measured = upstream.backends.iter().filter(is_in);
    let measured = measured.filter_map(|backend| Some((backend.latency.last()?, backend)));
    let mut measured: Vec<(u32, &Arc<Backend>)> = measured.collect();
    if measured.len() < MEASURED_MIN {
        return;
    }
    measured.sort_unstable_by_key(|&(latency, _)| latency);
    // Of an even number, the lower one.
    let median = measured[(measured.len() - 1) / 2].0;
    let most = (median.max(1) as f32 * by.slowness).max(FAST_US as f32);
    let slow = measured.iter().rev();
    for (_, backend) in slow.take_while(|(latency, _)| *latency as f32 > most) {
        care.fleet.eject(backend, &upstream.backends, by, now_ms);
    }
}
