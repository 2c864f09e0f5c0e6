//! Says in the log when probes fall behind their times, and when they keep to them again.

use std::time::Duration;

use crate::health::tempo::Worst;

/// Seconds in a row after which probes are behind, or not any more.
const SECONDS: u32 = 10;

#[derive(Debug, Default)]
pub struct Lagging {
    is_behind: bool,
    /// For how many seconds it has been otherwise.
    otherwise: u32,
    /// The longest lag of these.
    worst: Duration,
}

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Behind(Duration),
    InTime,
}

impl Lagging {
    /// Takes the longest lag of a second, and logs what is new. To be called once a second.
    pub fn look(&mut self, worst: Worst) {
        match self.news(worst) {
            None => {}
            Some(News::Behind(lag)) => tracing::warn!(
                lag_ms = lag.as_millis() as u64,
                "probes are late by more than their interval: there are too many for this machine, or too \
                 many hang"
            ),
            Some(News::InTime) => tracing::info!("probes keep to their times again"),
        }
    }

    fn news(&mut self, worst: Worst) -> Option<News> {
        if worst.is_behind == self.is_behind {
            (self.otherwise, self.worst) = (0, Duration::ZERO);
            return None;
        }
        self.otherwise += 1;
        self.worst = self.worst.max(worst.lag);
        if self.otherwise < SECONDS {
            return None;
        }
        let lag = std::mem::take(&mut self.worst);
        (self.is_behind, self.otherwise) = (worst.is_behind, 0);
        Some(match worst.is_behind {
            true => News::Behind(lag),
            false => News::InTime,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lasts_is_told_once_each_way() {
        let mut lagging = Lagging::default();
        let mut told = Vec::new();
        for second in 0..100u32 {
            let worst = Worst {
                lag: Duration::from_millis(second.into()),
                // A short one at 5, a long one from 20 to 50.
                is_behind: (5..12).contains(&second) || (20..50).contains(&second),
            };
            told.extend(lagging.news(worst).map(|news| (second, news)));
        }
        let behind = News::Behind(Duration::from_millis(29));
        assert_eq!(told, [(29, behind), (59, News::InTime)]);
    }
}
