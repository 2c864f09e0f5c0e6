//! Reads durations and TTLs.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use super::reader::{Reader, Value, quoted};
use crate::model::TtlRange;

/// The longest TTL of a balanced name.
const TTL_MAX: Duration = Duration::from_secs(86_400);

/// Milliseconds per unit, longest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// `"500ms"`, `"1s"`, `"2m"`, `"1h"`, `"7d"`, within `range`.
pub(super) fn duration(
    reader: &mut Reader,
    value: &Value,
    range: RangeInclusive<Duration>,
) -> Option<Duration> {
    let duration = any_duration(reader, value, "a duration such as \"500ms\"")?;
    if range.contains(&duration) {
        return Some(duration);
    }
    let (least, most) = (Written(*range.start()), Written(*range.end()));
    let message = format!("{} is out of range", Written(duration));
    reader.error(
        value.span(),
        message,
        Some(format!("expected {least} to {most}")),
    );
    None
}

/// `"5s"` for both ends, or `["5s", "30s"]`; whole seconds.
pub(super) fn ttl_range(reader: &mut Reader, value: &Value) -> Option<TtlRange> {
    const EXPECTED: &str = "a TTL such as \"10s\", or the shortest and the longest in brackets";
    let DeValue::Array(ends) = value.get_ref() else {
        let ttl = ttl(reader, value, EXPECTED)?;
        return Some(TtlRange {
            min_s: ttl,
            max_s: ttl,
        });
    };
    let [min, max] = ends.iter().as_slice() else {
        let message = format!("expected two TTLs, found {}", ends.len());
        let help = "the shortest and the longest: [\"5s\", \"30s\"]";
        reader.error(value.span(), message, Some(help.into()));
        return None;
    };
    let (min_s, max_s) = (ttl(reader, min, EXPECTED), ttl(reader, max, EXPECTED));
    let range = TtlRange {
        min_s: min_s?,
        max_s: max_s?,
    };
    if range.min_s > range.max_s {
        let message = "the shortest TTL is longer than the longest";
        let help = format!("did you mean [\"{}s\", \"{}s\"]?", range.max_s, range.min_s);
        reader.error(value.span(), message, Some(help));
        return None;
    }
    Some(range)
}

fn ttl(reader: &mut Reader, value: &Value, expected: &str) -> Option<u32> {
    let ttl = any_duration(reader, value, expected)?;
    let mistake = if ttl > TTL_MAX {
        "is out of range"
    } else if ttl.subsec_millis() != 0 {
        "is not in whole seconds, as a TTL must be"
    } else {
        return u32::try_from(ttl.as_secs()).ok();
    };
    let message = format!("{} {mistake}", Written(ttl));
    reader.error(value.span(), message, Some("expected 0s to 24h".into()));
    None
}

fn any_duration(reader: &mut Reader, value: &Value, expected: &str) -> Option<Duration> {
    let DeValue::String(text) = value.get_ref() else {
        return reader.wrong_type(value, expected);
    };
    let parsed = parse_duration(text);
    if parsed.is_none() {
        let message = format!("expected {expected}, found {}", quoted(text));
        let help = "a whole number and ms, s, m, h or d".to_owned();
        reader.error(value.span(), message, Some(help));
    }
    parsed
}

/// `"500ms"`, `"1s"`, `"2m"`, `"1h"`, `"7d"`: a whole number and a unit.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let count: u64 = count.parse().ok()?;
    Some(Duration::from_millis(count.checked_mul(*millis)?))
}

/// Octets per unit, largest first.
const SIZES: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// `"512B"`, `"16KiB"`, `"1MiB"`, `"2GiB"`, within `range`; in octets.
pub(super) fn size(reader: &mut Reader, value: &Value, range: RangeInclusive<u64>) -> Option<u64> {
    const EXPECTED: &str = "a size such as \"64KiB\"";
    let DeValue::String(text) = value.get_ref() else {
        return reader.wrong_type(value, EXPECTED);
    };
    let Some(size) = parse_size(text) else {
        let message = format!("expected {EXPECTED}, found {}", quoted(text));
        let help = "a whole number and B, KiB, MiB or GiB".to_owned();
        reader.error(value.span(), message, Some(help));
        return None;
    };
    if range.contains(&size) {
        return Some(size);
    }
    let (least, most) = (written_size(*range.start()), written_size(*range.end()));
    let message = format!("{} is out of range", written_size(size));
    let help = format!("expected {least} to {most}");
    reader.error(value.span(), message, Some(help));
    None
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let (_, octets) = SIZES.iter().find(|(name, _)| *name == unit.trim_start())?;
    count.parse::<u64>().ok()?.checked_mul(*octets)
}

fn written_size(size: u64) -> String {
    let fits = |&&(_, octets): &&(&str, u64)| size > 0 && size.is_multiple_of(octets);
    let (unit, octets) = SIZES.iter().find(fits).unwrap_or(&("B", 1));
    format!("{}{unit}", size / octets)
}

/// A duration as it is written: in the longest unit that divides it.
pub(super) struct Written(pub Duration);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.as_millis();
        if all == 0 {
            return f.write_str("0s");
        }
        for (unit, millis) in UNITS {
            if all.is_multiple_of(u128::from(millis)) {
                return write!(f, "{}{unit}", all / u128::from(millis));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_and_written() {
        for (text, millis) in [
            ("0s", 0),
            ("500ms", 500),
            ("1s", 1000),
            ("90s", 90_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("36h", 129_600_000),
            ("7d", 604_800_000),
        ] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(duration, Duration::from_millis(millis));
            assert_eq!(Written(duration).to_string(), text);
        }
    }

    #[test]
    fn sizes_are_read_and_written() {
        for (text, size) in [
            ("0B", 0),
            ("512B", 512),
            ("64KiB", 65_536),
            ("3MiB", 3 << 20),
        ] {
            assert_eq!(parse_size(text), Some(size));
            assert_eq!(written_size(size), text);
        }
        for text in [
            "",
            "5",
            "KiB",
            "1.5KiB",
            "1 KiB",
            "1KB",
            "99999999999999MiB",
        ] {
            assert_eq!(parse_size(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "s", "1.5s", "-1s", " 1s", "1 s", "1w", "1h30m"] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
        assert_eq!(parse_duration("18446744073709551615h"), None);
    }
}
