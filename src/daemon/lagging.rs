//! Says in the log when probes fall behind their times, and when they keep to them again; and when failures do not
//! count, since this machine is late.

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

/// Whether failures count.
#[derive(Debug, Default)]
pub struct Uncounting {
    is_told: bool,
    /// For how many seconds all counted.
    counting: u32,
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

impl Uncounting {
    /// Takes by how much this machine was late in a second where a failure did not count for that, and logs what
    /// is new. To be called once a second.
    pub fn look(&mut self, latest: Option<Duration>) {
        match self.news(latest) {
            None => {}
            Some(News::Behind(late)) => tracing::warn!(
                late_ms = late.as_millis() as u64,
                "this machine has too little CPU, or stood still: it hears late what targets say; timeouts do not \
                 count meanwhile"
            ),
            Some(News::InTime) => tracing::info!("all timeouts count again"),
        }
    }

    /// The first is told at once, and the end of them after a while without any.
    fn news(&mut self, latest: Option<Duration>) -> Option<News> {
        if let Some(late) = latest {
            self.counting = 0;
            return (!std::mem::replace(&mut self.is_told, true)).then_some(News::Behind(late));
        }
        self.counting += 1;
        let is_over = self.is_told && self.counting >= SECONDS;
        is_over.then(|| {
            self.is_told = false;
            News::InTime
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
    #[test]
    fn what_does_not_count_is_told_at_once_and_rarely() {
        let mut uncounting = Uncounting::default();
        let mut told = Vec::new();
        for second in 0..100u32 {
            let late = Duration::from_millis(second.into());
            // Now and then from 20 to 50, and once at 80.
            let is_late = (20..50).contains(&second) && second % 3 == 0 || second == 80;
            let news = uncounting.news(is_late.then_some(late));
            told.extend(news.map(|news| (second, news)));
        }
        let behind = |n| News::Behind(Duration::from_millis(n));
        let (in_time, again) = (News::InTime, News::InTime);
        let expected = [
            (21, behind(21)),
            (58, in_time),
            (80, behind(80)),
            (90, again),
        ];
        assert_eq!(told, expected);
    }
}
