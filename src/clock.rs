//! The only module that reads the time. Everything else takes it as an argument.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Monotonic time, for intervals and time-outs. It is tokio's clock, which is the system's, except
/// in tests that pause it.
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Wall-clock time in milliseconds since the Unix epoch, for what is saved and shown.
pub fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_millis() as u64
}
