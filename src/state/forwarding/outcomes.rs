//! What those who watch backends are told of real requests. Bounded; what does not fit is dropped and counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_queue::ArrayQueue;
use tokio::sync::Notify;

/// Outcomes that wait at most.
const WAITING_MAX: usize = 4_096;

/// How one request to a backend ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The backend's number.
    pub backend: u64,
    /// `None`: well.
    pub failure: Option<Failure>,
}

/// What was wrong with a request to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It takes no connections.
    Connect,
    /// It took too long.
    Timeout,
    /// It gave no response, or broke one off.
    NoResponse,
    /// It answered with this status.
    Status(u16),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Connect => f.write_str("no connection"),
            Failure::Timeout => f.write_str("too slow"),
            Failure::NoResponse => f.write_str("no response"),
            Failure::Status(status) => write!(f, "status {status}"),
        }
    }
}

/// Where workers leave outcomes, and somebody waits for them.
#[derive(Debug)]
pub struct Outcomes {
    waiting: ArrayQueue<Outcome>,
    news: Notify,
    dropped: AtomicU64,
}

impl Default for Outcomes {
    fn default() -> Self {
        Outcomes {
            waiting: ArrayQueue::new(WAITING_MAX),
            news: Notify::new(),
            dropped: AtomicU64::new(0),
        }
    }
}

impl Outcomes {
    pub fn offer(&self, outcome: Outcome) {
        if self.waiting.push(outcome).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
        self.news.notify_one();
    }

    /// Waits until there may be some.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    pub fn take(&self) -> Option<Outcome> {
        self.waiting.pop()
    }

    /// Those that found no room.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}
