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

/// The date of a day since 1970-01-01, in years that begin in March, so that the leap day is the last of
/// one, and in eras of 400 of them (E. G. Richards, "Calendars", in the Explanatory Supplement to the
/// Astronomical Almanac, 3rd edition, 15.11).
pub fn date(day: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    // From 0000-03-01.
    let day = day + 719_468;
    let (era, of_era) = (day / ERA, day % ERA);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = match from_march {
        0..=9 => from_march + 3,
        _ => from_march - 9,
    };
    (era * 400 + year + u64::from(month <= 2), month, day)
}
