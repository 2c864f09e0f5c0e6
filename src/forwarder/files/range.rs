//! Which part of a file is asked for? (RFC 9110, 14)

use hyper::header::{HeaderMap, RANGE};

/// What comes of a `Range`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ranged {
    /// None was asked for, or one that is not understood, or several: a server may always send all (RFC 9110, 14.2).
    Whole,
    /// From the first octet to the last, both included.
    Part {
        first: u64,
        last: u64,
    },
    Unsatisfiable,
}

/// Of a file with `len` octets.
pub(super) fn asked(headers: &HeaderMap, len: u64) -> Ranged {
    let mut lines = headers.get_all(RANGE).into_iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Ranged::Whole;
    };
    line.to_str().map_or(Ranged::Whole, |line| read(line, len))
}

fn read(line: &str, len: u64) -> Ranged {
    let Some((unit, range)) = line.split_once('=') else {
        return Ranged::Whole;
    };
    let Some((first, last)) = range.trim().split_once('-') else {
        return Ranged::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") || range.contains(',') {
        return Ranged::Whole;
    }
    // A number that is too large for us is larger than any file.
    let number = |text: &str| -> Option<u64> {
        let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => Ranged::Whole,
        (Some(_), None) if !last.is_empty() => Ranged::Whole,
        (Some(first), _) if first >= len => Ranged::Unsatisfiable,
        (Some(first), Some(last)) => Ranged::Part {
            first,
            last: last.min(len - 1),
        },
        (Some(first), None) => Ranged::Part {
            first,
            last: len - 1,
        },
        (None, Some(suffix)) if first.is_empty() => match suffix.min(len) {
            0 => Ranged::Unsatisfiable,
            suffix => Ranged::Part {
                first: len - suffix,
                last: len - 1,
            },
        },
        (None, _) => Ranged::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let part = |first, last| Ranged::Part { first, last };
        for (line, len, expected) in [
            ("bytes=0-499", 1000, part(0, 499)),
            ("bytes=500-", 1000, part(500, 999)),
            ("bytes=-500", 1000, part(500, 999)),
            ("Bytes=0-0", 1000, part(0, 0)),
            ("bytes=0-99999999999999999999", 1000, part(0, 999)),
            ("bytes=-5000", 1000, part(0, 999)),
            ("bytes=1000-", 1000, Ranged::Unsatisfiable),
            ("bytes=99999999999999999999-", 1000, Ranged::Unsatisfiable),
            ("bytes=-0", 1000, Ranged::Unsatisfiable),
            ("bytes=0-", 0, Ranged::Unsatisfiable),
            ("bytes=-1", 0, Ranged::Unsatisfiable),
            ("bytes=5-4", 1000, Ranged::Whole),
            ("bytes=a-4", 1000, Ranged::Whole),
            ("bytes=4-a", 1000, Ranged::Whole),
            ("bytes=+4-5", 1000, Ranged::Whole),
            ("bytes=-", 1000, Ranged::Whole),
            ("bytes=0-1,3-4", 1000, Ranged::Whole),
            ("lines=0-1", 1000, Ranged::Whole),
            ("bytes", 1000, Ranged::Whole),
        ] {
            assert_eq!(read(line, len), expected, "{line}");
        }
    }
}
