//! How full is a pool, and what has it to do, out of what is reported of it and of its endpoints?

use super::{Kind, Measured, Values};

/// An endpoint that is up.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub weight: u16,
    /// As configured; `None`: its part of the pool's, by weight.
    pub capacity: Option<f64>,
    pub measured: Option<Measured>,
}

/// The load of a pool as a part of its capacity, and how late it is known (milliseconds). What is reported of
/// the pool itself comes first, then what is reported of its endpoints: those that are not known are taken to
/// be like the others. `None`: nothing can be told, as there are no reports, or of connections only and no
/// capacity.
pub fn pool_load(
    capacity: Option<f64>,
    measured: Option<Measured>,
    parts: &[Part],
) -> Option<(f64, u64)> {
    if let Some(measured) = measured
        && let Some(load) = load(measured.values, capacity)
    {
        return Some((load, measured.lag_ms));
    }
    let part_of = part_of(parts);
    let (mut used, mut known, mut lag_ms) = (0.0, 0.0, 0);
    for part in parts {
        let own = part.capacity.or(capacity.map(|all| all * part_of(part)));
        let Some(measured) = part.measured else {
            continue;
        };
        let Some(load) = load(measured.values, own) else {
            continue;
        };
        let size = own.unwrap_or_else(|| part_of(part));
        used += load * size;
        known += size;
        lag_ms = measured.lag_ms.max(lag_ms);
    }
    (known > 0.0).then(|| (used / known, lag_ms))
}

/// What a pool has to do, as `kind` goes by it: connections, or milliseconds that it takes. What is reported of the
/// pool itself comes first, then what is reported of its endpoints: those that are not known are taken to have
/// their part, or to take as long as the others do. `None`: nothing can be told, as there are no reports, or of
/// something else only.
pub fn pool_work(
    kind: Kind,
    capacity: Option<f64>,
    measured: Option<Measured>,
    parts: &[Part],
) -> Option<f64> {
    let work = |measured: Measured, capacity| match kind {
        Kind::LeastConnections | Kind::WeightedLeastConnections => {
            connections(measured.values, capacity)
        }
        Kind::LeastTime => measured.values.time_ms,
    };
    if let Some(work) = measured.and_then(|measured| work(measured, capacity)) {
        return Some(work);
    }
    let part_of = part_of(parts);
    let (mut sum, mut known) = (0.0, 0.0);
    for part in parts {
        let own = part.capacity.or(capacity.map(|all| all * part_of(part)));
        let Some(work) = part.measured.and_then(|measured| work(measured, own)) else {
            continue;
        };
        known += part_of(part);
        sum += match kind {
            Kind::LeastConnections | Kind::WeightedLeastConnections => work,
            Kind::LeastTime => work * part_of(part),
        };
    }
    (known > 0.0).then(|| sum / known)
}

/// Which part of its pool each is: by weight, or all alike where none has any.
fn part_of(parts: &[Part]) -> impl Fn(&Part) -> f64 {
    let weights: f64 = parts.iter().map(|part| f64::from(part.weight)).sum();
    let all = parts.len() as f64;
    move |part| match weights {
        0.0 => 1.0 / all,
        weights => f64::from(part.weight) / weights,
    }
}

/// Of something that has this capacity.
fn connections(values: Values, capacity: Option<f64>) -> Option<f64> {
    let by_load = || Some(values.load? * capacity?);
    values.connections.or_else(by_load)
}

/// Of something that has this capacity.
fn load(values: Values, capacity: Option<f64>) -> Option<f64> {
    let by_connections = || {
        let capacity = capacity.filter(|&capacity| capacity > 0.0)?;
        Some(values.connections? / capacity)
    };
    values.load.or_else(by_connections)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(connections: Option<f64>, load: Option<f64>) -> Option<Measured> {
        let values = Values {
            connections,
            load,
            time_ms: None,
        };
        Some(Measured { values, lag_ms: 5 })
    }

    fn part(weight: u16, capacity: Option<f64>, measured: Option<Measured>) -> Part {
        Part {
            weight,
            capacity,
            measured,
        }
    }

    #[test]
    fn what_is_said_of_the_pool_comes_first() {
        let parts = [part(1, None, measured(None, Some(0.1)))];
        let of_pool = |connections, load| {
            let load = pool_load(Some(200.0), measured(connections, load), &parts);
            load.map(|(load, _)| load)
        };
        assert_eq!(of_pool(Some(50.0), Some(0.7)), Some(0.7));
        assert_eq!(of_pool(Some(50.0), None), Some(0.25));
        assert_eq!(of_pool(None, None), Some(0.1));
    }

    #[test]
    fn endpoints_count_by_capacity_and_the_unknown_are_like_the_others() {
        let parts = [
            part(1, Some(100.0), measured(Some(90.0), None)),
            part(1, Some(300.0), measured(None, Some(0.5))),
            part(1, Some(500.0), None),
        ];
        assert_eq!(pool_load(None, None, &parts), Some((240.0 / 400.0, 5)));
    }

    #[test]
    fn a_pools_capacity_is_shared_out_by_weight() {
        let parts = [
            part(3, None, measured(Some(300.0), None)),
            part(1, None, measured(Some(50.0), None)),
        ];
        assert_eq!(pool_load(Some(1000.0), None, &parts), Some((0.35, 5)));
        let without_weight = [part(0, None, measured(Some(300.0), None))];
        assert_eq!(
            pool_load(Some(1000.0), None, &without_weight),
            Some((0.3, 5))
        );
    }

    #[test]
    fn what_a_pool_has_to_do_is_the_sum_of_connections_and_the_mean_of_times() {
        let time = |time_ms| {
            let values = Values {
                time_ms: Some(time_ms),
                ..Values::default()
            };
            Some(Measured { values, lag_ms: 5 })
        };
        let parts = [
            part(3, None, measured(Some(90.0), None)),
            part(1, Some(100.0), measured(None, Some(0.1))),
            // Is taken to have as many as the others have for their weight.
            part(4, None, None),
        ];
        let of = |kind, measured| pool_work(kind, Some(1000.0), measured, &parts);
        assert_eq!(of(Kind::LeastConnections, None), Some(200.0));
        assert_eq!(of(Kind::LeastTime, None), None);
        let of_pool = of(Kind::LeastConnections, measured(Some(7.0), Some(0.9)));
        assert_eq!(of_pool, Some(7.0));
        let of_pool = of(Kind::WeightedLeastConnections, measured(None, Some(0.9)));
        assert_eq!(of_pool, Some(900.0));
        assert_eq!(of(Kind::LeastTime, time(35.0)), Some(35.0));
        let parts = [part(3, None, time(10.0)), part(1, None, time(50.0))];
        let mean = pool_work(Kind::LeastTime, None, None, &parts);
        assert_eq!(mean, Some(20.0));
        assert_eq!(pool_work(Kind::LeastTime, None, None, &[]), None);
    }

    #[test]
    fn without_reports_or_capacity_nothing_is_told() {
        assert_eq!(pool_load(Some(10.0), None, &[]), None);
        assert_eq!(pool_load(Some(10.0), None, &[part(1, None, None)]), None);
        let connections = [part(1, None, measured(Some(3.0), None))];
        assert_eq!(pool_load(None, None, &connections), None);
    }
}
