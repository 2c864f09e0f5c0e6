//! The only module that reads the time. Everything else takes it as an argument.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Monotonic time, for intervals and time-outs. It is tokio's clock, which is the system's, except
/// in tests that pause it.
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A time of [`now`] in milliseconds since an hour before this was first asked: a number for what threads share, never
/// 0.
pub fn steady_ms(now: Instant) -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let since = now.saturating_duration_since(*FIRST.get_or_init(|| now));
    3_600_000 + since.as_millis() as u64
}

/// Wall-clock time in milliseconds since the Unix epoch, for what is saved and shown.
pub fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_millis() as u64
}
