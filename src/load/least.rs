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
//!
//! Whoever declines is passed over for another one, which then gets more: an endpoint that is drawn with the part f
//! of all, and takes the share b while the others take all, is answered in the proportion q = b(1 - f) / (1 - fb) to
//! them. So b = q / (1 - f + fq) is what makes the proportion q.

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
    /// Connections; endpoints are to be drawn without weights.
    LeastConnections,
    /// Connections per weight.
    WeightedLeastConnections,
    /// Response times, in proportion to weights.
    LeastTime,
}

/// What part each endpoint takes of what would come to it, so that those with less load get more. The load is what
/// `kind` goes by; an endpoint whose load is not known, or is stale, gets what the others get on average, and
/// where none is known all take all. Those of weight 0 take all: they are asked last anyway.
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
    let drawn = |weight: u16| match (kind, weight) {
        (_, 0) => 0.0,
        (Kind::LeastConnections, _) => 1.0,
        (Kind::WeightedLeastConnections | Kind::LeastTime, weight) => f64::from(weight),
    };
    let all: f64 = endpoints.iter().map(|&(weight, _)| drawn(weight)).sum();
    let largest = known.iter().copied().fold(0.0, f64::max);
    let share = |(merit, &(weight, _)): (Option<f64>, &(u16, _))| {
        if weight == 0 || known.is_empty() {
            return Share::ALL;
        }
        let proportion = merit.unwrap_or(mean) / largest;
        let part = drawn(weight) / all;
        let share = proportion / (1.0 - part + part * proportion);
        // Never nothing: who counts as up is for health to say.
        Share(((share * f64::from(Share::ALL.0)).round() as u16).max(1))
    };
    merits.into_iter().zip(endpoints).map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each endpoint is answered: drawn by weight, the next one where it declines, and the first after all
    /// where all do.
    fn answered(weights: &[f64], shares: &[Share]) -> Vec<f64> {
        struct Draw<'d>(&'d [f64], &'d [Share], Vec<f64>);
        impl Draw<'_> {
            fn among(&mut self, left: &[usize], first: Option<usize>, odds: f64) {
                let all: f64 = left.iter().map(|&at| self.0[at]).sum();
                for &at in left {
                    let drawn = odds * self.0[at] / all;
                    let takes = f64::from(self.1[at].0) / f64::from(Share::ALL.0);
                    let others: Vec<usize> = left.iter().copied().filter(|&x| x != at).collect();
                    let first = first.unwrap_or(at);
                    self.2[at] += drawn * takes;
                    match others.is_empty() {
                        true => self.2[first] += drawn * (1.0 - takes),
                        false => self.among(&others, Some(first), drawn * (1.0 - takes)),
                    }
                }
            }
        }
        let mut draw = Draw(weights, shares, vec![0.0; weights.len()]);
        let all: Vec<usize> = (0..weights.len()).collect();
        draw.among(&all, None, 1.0);
        draw.2
    }

    /// How often each is answered, in proportion to the one that is answered most.
    fn proportions(kind: Kind, endpoints: &[(u16, Option<f64>)]) -> Vec<f64> {
        let weights: Vec<f64> = match kind {
            Kind::LeastConnections => vec![1.0; endpoints.len()],
            _ => endpoints.iter().map(|&(w, _)| f64::from(w)).collect(),
        };
        let answered = answered(&weights, &shares(kind, endpoints));
        let most = answered.iter().copied().fold(0.0, f64::max);
        let rounded = |answered: f64| (answered / most * 100.0).round() / 100.0;
        answered.into_iter().map(rounded).collect()
    }

    #[test]
    fn the_least_loaded_gets_most() {
        // (400 / 100 / 1.1) to the power of -1/2.
        let two = [(1, Some(99.0)), (1, Some(399.0))];
        assert_eq!(proportions(Kind::LeastConnections, &two), [1.0, 0.52]);
        // However busy one is, it keeps its part.
        let idle = [(1, Some(0.0)), (1, Some(1e6)), (1, Some(0.0))];
        assert_eq!(proportions(Kind::LeastConnections, &idle), [1.0, 0.25, 1.0]);
        let times = [(1, Some(10.0)), (1, Some(160.0)), (1, Some(10.9))];
        assert_eq!(proportions(Kind::LeastTime, &times), [1.0, 0.51, 1.0]);
    }

    #[test]
    fn weights_count_where_they_are_to_count() {
        let even = [(1, Some(100.0)), (3, Some(100.0))];
        assert_eq!(proportions(Kind::LeastConnections, &even), [1.0, 1.0]);
        assert_eq!(proportions(Kind::LeastTime, &even), [0.33, 1.0]);
        let fair = [(1, Some(99.0)), (3, Some(299.0))];
        let by_weight = proportions(Kind::WeightedLeastConnections, &fair);
        assert_eq!(by_weight, [0.33, 1.0]);
        let busy = [(1, Some(99.0)), (3, Some(1199.0))];
        let by_weight = proportions(Kind::WeightedLeastConnections, &busy);
        assert_eq!(by_weight, [0.64, 1.0]);
    }

    #[test]
    fn what_is_not_known_is_as_the_others_are() {
        let none = [(1, None), (2, None), (0, None)];
        let all = [Share::ALL; 3];
        assert_eq!(shares(Kind::WeightedLeastConnections, &none), all);
        assert_eq!(shares(Kind::LeastTime, &[]), []);
        let some = [(1, Some(99.0)), (1, None), (1, Some(1e9)), (0, Some(0.0))];
        let of_some = shares(Kind::WeightedLeastConnections, &some);
        assert!(of_some[0] > of_some[1] && of_some[1] > of_some[2]);
        assert_eq!(of_some[3], Share::ALL);
        let wrong = [
            (1, Some(f64::NAN)),
            (1, Some(-1.0)),
            (1, Some(f64::INFINITY)),
        ];
        assert_eq!(shares(Kind::LeastConnections, &wrong), all);
    }

    /// Loads after `rounds` rounds, where each round is steered by the loads of the one before, from an
    /// uneven beginning.
    fn settled(kind: Kind, rounds: usize, load: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut loads = vec![load(0.3), load(0.7)];
        for _ in 0..rounds {
            let known: Vec<_> = loads.iter().map(|&load| (1, Some(load))).collect();
            let answered = answered(&[1.0; 2], &shares(kind, &known));
            loads = answered.into_iter().map(&load).collect();
        }
        loads
    }

    #[test]
    fn herds_do_not_form_though_loads_are_old() {
        let uneven = |loads: Vec<f64>| (loads[0] / loads[1]).max(loads[1] / loads[0]);
        let connections = |part: f64| 1000.0 * part;
        assert!(uneven(settled(Kind::LeastConnections, 10, connections)) < 1.11);
        // A queue's time, at 70 % of what it can do if all is even.
        let time = |part: f64| 10.0 / (1.0 - (1.4 * part).min(0.99));
        assert!(uneven(settled(Kind::LeastTime, 20, time)) < 1.11);
    }
}
