//! Times as people read them.

use crate::clock;

/// `2 h 5 min`
pub fn span(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3600, seconds / 60 % 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, min) => format!("{min} min {} s", seconds % 60),
        (0, h, min) => format!("{h} h {min} min"),
        (d, h, _) => format!("{d} d {} h", h % 24),
    }
}

/// `2026-11-22 04:05:06.789` in UTC, of milliseconds since the Unix epoch.
pub fn utc(unix_ms: u64) -> String {
    let (seconds, ms) = (unix_ms / 1000, unix_ms % 1000);
    let (year, month, day) = clock::date(seconds / 86_400);
    let (h, min, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {h:02}:{min:02}:{s:02}.{ms:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_in_two_units() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min 0 s"),
            (7_500, "2 h 5 min"),
            (86_399, "23 h 59 min"),
            (183_600, "2 d 3 h"),
        ] {
            assert_eq!(span(seconds), expected);
        }
    }

    #[test]
    fn times_are_told_in_utc() {
        for (unix_s, expected) in [
            (0, "1970-01-01 00:00:00.000"),
            (951_782_400, "2000-02-29 00:00:00.000"),
            (951_868_800, "2000-03-01 00:00:00.000"),
            (1_735_689_599, "2024-12-31 23:59:59.000"),
            (4_107_542_400, "2100-03-01 00:00:00.000"),
        ] {
            assert_eq!(utc(unix_s * 1000), expected);
        }
        assert_eq!(utc(1_789), "1970-01-01 00:00:01.789");
    }
}
