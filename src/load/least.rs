//! Who gets most, by least connections or least time?
//!
//! Whoever sends all to the one that *was* least loaded makes it the most loaded one before the next report
//! shows it, and then sends all to another: with old information the minimum is worse than chance (M.
//! Mitzenmacher, "How useful is old information?", IEEE Trans. Parallel and Distributed Systems 11(1), 2000), and
//! behind caches information is as old as a TTL. So each endpoint gets a share that falls with its load.
//!
//! How steeply it may fall: let an endpoint's load follow its share with the power g, and its share the
//! measured load with the power -p. A deviation goes round as -gp times itself, late by a TTL, and dies out
//! whatever the delay where gp < 1. Connections follow the share with g = 1, so p = 1/2 halves a
//! deviation each time round, and leaves two thirds of what uneven endpoints would have without. Response
//! times follow with g = r / (1 - r) for a queue of utilisation r (M/M/1), so p = 1/4 serves up to r = 4/5; past that
//! the bound on shares keeps what may swing small.

use crate::model::Share;

/// The power of connections.
const BY_CONNECTIONS: f64 = 0.5;
/// The power of times.
const BY_TIME: f64 = 0.25;
/// Loads that differ by less than this part count as equal: differences of that size are noise.
const EQUAL: f64 = 0.1;
/// No endpoint gets less than this part of what the least loaded of its weight gets: one that nobody is
/// sent to cannot show that it has recovered.
const LEAST: f64 = 0.25;

/// What endpoints are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Connections, whatever the weights.
    LeastConnections,
    /// Connections per weight.
    WeightedLeastConnections,
    /// Response times, in proportion to weights.
    LeastTime,
}

/// What part each endpoint takes of what its weight would bring it, so that those with less load get more. The
/// load is what `kind` goes by; an endpoint whose load is not known, or is stale, gets what the others get on
/// average, and where none is known all take all. Those of weight 0 take all: they are asked last anyway.
pub fn shares(kind: Kind, endpoints: &[(u16, Option<f64>)]) -> Vec<Share> {
    let load = |&(weight, measured): &(u16, Option<f64>)| {
        let measured = measured.filter(|m| m.is_finite() && *m >= 0.0 && weight > 0)?;
        Some(match kind {
            // One more, as the next one would come: an idle endpoint is better than a busy one, but not by ever
            // so much.
            Kind::LeastConnections => measured + 1.0,
            Kind::WeightedLeastConnections => (measured + 1.0) / f64::from(weight),
            // What takes less than a tenth of a millisecond is as good as what takes one.
            Kind::LeastTime => measured.max(0.1),
        })
    };
    let loads: Vec<Option<f64>> = endpoints.iter().map(load).collect();
    let least = loads.iter().flatten().copied().fold(f64::MAX, f64::min);
    let power = match kind {
        Kind::LeastConnections | Kind::WeightedLeastConnections => BY_CONNECTIONS,
        Kind::LeastTime => BY_TIME,
    };
    let merits = loads.iter().map(|load| {
        let excess = (load.as_ref()? / least / (1.0 + EQUAL)).max(1.0);
        Some(excess.powf(-power).max(LEAST))
    });
    let merits: Vec<Option<f64>> = merits.collect();
    let known: Vec<f64> = merits.iter().flatten().copied().collect();
    let mean = match known.len() {
        0 => 1.0,
        many => known.iter().sum::<f64>() / many as f64,
    };
    // What an endpoint gets is its weight times its share: where weights are not to count, they are taken out.
    let part = |(merit, &(weight, _)): (Option<f64>, &(u16, _))| match (kind, weight) {
        (_, 0) => None,
        (Kind::LeastConnections, weight) => Some(merit.unwrap_or(mean) / f64::from(weight)),
        _ => Some(merit.unwrap_or(mean)),
    };
    let parts = merits.into_iter().zip(endpoints).map(part);
    let parts: Vec<Option<f64>> = parts.collect();
    let largest = parts.iter().flatten().copied().fold(0.0, f64::max);
    let share = |part: Option<f64>| match part {
        // Never nothing: who counts as up is for health to say.
        Some(part) => Share(((part / largest * f64::from(Share::ALL.0)).round() as u16).max(1)),
        None => Share::ALL,
    };
    parts.into_iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(kind: Kind, endpoints: &[(u16, Option<f64>)]) -> Vec<f64> {
        let shares = shares(kind, endpoints).into_iter();
        shares
            .map(|Share(share)| (f64::from(share) / 655.35).round() / 100.0)
            .collect()
    }

    #[test]
    fn the_least_loaded_gets_most() {
        let endpoints = [(1, Some(99.0)), (1, Some(399.0)), (1, Some(0.0))];
        assert_eq!(parts(Kind::LeastConnections, &endpoints[..2]), [1.0, 0.52]);
        // However idle one is, the others keep their part.
        assert_eq!(parts(Kind::LeastConnections, &endpoints), [0.25, 0.25, 1.0]);
        let times = [(1, Some(10.0)), (1, Some(160.0)), (1, Some(10.9))];
        assert_eq!(parts(Kind::LeastTime, &times), [1.0, 0.51, 1.0]);
    }

    #[test]
    fn weights_count_where_they_are_to_count() {
        let even = [(1, Some(100.0)), (3, Some(100.0))];
        // By weight the second would be drawn three times as often.
        assert_eq!(parts(Kind::LeastConnections, &even), [1.0, 0.33]);
        let fair = [(1, Some(100.0)), (3, Some(300.0))];
        assert_eq!(parts(Kind::WeightedLeastConnections, &fair), [1.0, 1.0]);
        assert_eq!(parts(Kind::LeastTime, &even), [1.0, 1.0]);
    }

    #[test]
    fn what_is_not_known_is_as_the_others_are() {
        let none = [(1, None), (2, None), (0, None)];
        assert_eq!(parts(Kind::WeightedLeastConnections, &none), [1.0; 3]);
        assert_eq!(parts(Kind::LeastTime, &[]), [0.0; 0]);
        let some = [(1, Some(99.0)), (1, None), (1, Some(1e9)), (0, Some(0.0))];
        assert_eq!(
            parts(Kind::WeightedLeastConnections, &some),
            [1.0, 0.62, 0.25, 1.0]
        );
        let wrong = [
            (1, Some(f64::NAN)),
            (1, Some(-1.0)),
            (1, Some(f64::INFINITY)),
        ];
        assert_eq!(parts(Kind::LeastConnections, &wrong), [1.0; 3]);
    }

    /// Loads after `rounds` rounds, where each round is steered by the loads of the one before, from an
    /// uneven beginning.
    fn settled(kind: Kind, rounds: usize, load: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut loads = vec![load(0.2), load(0.6), load(0.4)];
        for _ in 0..rounds {
            let known: Vec<_> = loads.iter().map(|&load| (1, Some(load))).collect();
            let shares = shares(kind, &known).into_iter();
            let shares: Vec<f64> = shares.map(|share| f64::from(share.0)).collect();
            let all: f64 = shares.iter().sum();
            loads = shares.iter().map(|s| load(1.8 * s / all)).collect();
        }
        loads
    }

    #[test]
    fn herds_do_not_form_though_loads_are_old() {
        let even = |loads: Vec<f64>| {
            let (least, most) = loads
                .iter()
                .fold((f64::MAX, 0.0f64), |(l, m), &x| (l.min(x), m.max(x)));
            most / least
        };
        let connections = |share: f64| 1000.0 * share;
        assert!(even(settled(Kind::LeastConnections, 10, connections)) < 1.11);
        // A queue's time at 60 % of what it can do.
        let time = |share: f64| 10.0 / (1.0 - share.min(0.99));
        assert!(even(settled(Kind::LeastTime, 20, time)) < 1.11);
    }
}
