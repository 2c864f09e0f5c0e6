//! What became of requests, counted per thread and read together.

use std::time::Duration;

use crate::state::feedback::Counter;

/// Upper ends of the classes that durations are counted in, in milliseconds; the last class has no end.
pub const ENDS_MS: [f64; 13] = [
    1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0,
];

/// The counts of one thread, on cache lines of their own. Only that thread writes.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counts {
    /// Requests that have ended, by the hundreds of their status; 0: without a response.
    pub classes: [Counter; 6],
    /// By [`ENDS_MS`], from the request to the end of its response.
    pub durations: [Counter; ENDS_MS.len() + 1],
    /// Of all of these together, in microseconds.
    pub duration_us: Counter,
    /// Responses that began, and how long that took together, in microseconds.
    pub heads: Counter,
    pub head_us: Counter,
    /// Octets of responses' bodies.
    pub sent: Counter,
    /// Requests that were sent again, after this failed them.
    pub retries: Counter,
    /// What the cache did for requests, by [`Cached`]; of routes only.
    pub cached: [Counter; Cached::ALL.len()],
}

/// What a cache does for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cached {
    /// It answers, or has been brought what it answers by another request.
    Hit,
    /// It answers with what is old, since the backend fails.
    Stale,
    /// It was told that what it has is good still.
    Revalidated,
    /// A backend answers.
    Miss,
    /// The request was none that it could answer.
    Bypass,
}

impl Cached {
    pub const ALL: [Self; 5] = [
        Cached::Hit,
        Cached::Stale,
        Cached::Revalidated,
        Cached::Miss,
        Cached::Bypass,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Cached::Hit => "hit",
            Cached::Stale => "stale",
            Cached::Revalidated => "revalidated",
            Cached::Miss => "miss",
            Cached::Bypass => "bypass",
        }
    }
}

/// Of a route, or of an endpoint.
#[derive(Debug)]
pub struct Tally(Box<[Counts]>);

impl Default for Tally {
    /// Of one thread.
    fn default() -> Self {
        Tally::new(1)
    }
}

impl Tally {
    pub fn new(threads: usize) -> Self {
        Tally((0..threads.max(1)).map(|_| Counts::default()).collect())
    }

    /// Those that this thread writes.
    pub fn of(&self, thread: usize) -> &Counts {
        &self.0[thread % self.0.len()]
    }

    /// Of all threads.
    pub fn sum(&self, count: impl Fn(&Counts) -> &Counter) -> u64 {
        self.0.iter().map(|counts| count(counts).get()).sum()
    }

    /// Requests that have ended.
    pub fn requests(&self) -> u64 {
        (0..6).map(|class| self.sum(|c| &c.classes[class])).sum()
    }
}

impl Counts {
    pub fn count(&self, status: u16, took: Duration, sent: u64) {
        let class = usize::from(status / 100);
        self.classes[if class < 6 { class } else { 0 }].add(1);
        let ms = took.as_secs_f64() * 1000.0;
        let class = ENDS_MS.partition_point(|end| *end < ms);
        self.durations[class].add(1);
        self.duration_us.add(took.as_micros() as u64);
        self.sent.add(sent);
    }

    pub fn count_head(&self, took: Duration) {
        self.heads.add(1);
        self.head_us.add(took.as_micros() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_count_apart_and_are_read_together() {
        let tally = Tally::new(2);
        tally.of(0).count(204, Duration::from_millis(1), 10);
        tally.of(1).count(0, Duration::from_secs(60), 0);
        tally.of(3).count(799, Duration::from_micros(2_501), 5);
        assert_eq!(tally.requests(), 3);
        assert_eq!(tally.sum(|c| &c.classes[2]), 1);
        assert_eq!(tally.sum(|c| &c.classes[0]), 2);
        assert_eq!(tally.sum(|c| &c.sent), 15);
        let durations = (0..ENDS_MS.len() + 1).map(|class| tally.sum(|c| &c.durations[class]));
        let durations: Vec<u64> = durations.collect();
        assert_eq!((durations[0], durations[2], durations[13]), (1, 1, 1));
    }
}
