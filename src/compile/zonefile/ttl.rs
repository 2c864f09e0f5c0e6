//! TTLs: seconds, or numbers with units as BIND takes them (`1h30m`, `2w`).

use super::TTL_MAX;

/// What is wrong with a TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TtlError {
    /// Neither seconds nor numbers with units.
    Malformed,
    /// Over 2^31 - 1 seconds (RFC 2181, 8).
    TooLong,
}

impl TtlError {
    pub const fn reason(self) -> &'static str {
        match self {
            TtlError::Malformed => "is no duration",
            TtlError::TooLong => "is longer than a TTL may be",
        }
    }

    pub const fn help(self) -> &'static str {
        match self {
            TtlError::Malformed => {
                "seconds, or numbers with the units w, d, h, m and s: `3600` or `1h30m`"
            }
            TtlError::TooLong => "at most 2147483647 seconds (RFC 2181, section 8)",
        }
    }
}

/// Seconds in `token`, 0..=[`TTL_MAX`].
pub(super) fn parse(token: &[u8]) -> Result<u32, TtlError> {
    let seconds = parse_units(token)?;
    u32::try_from(seconds)
        .ok()
        .filter(|&s| s <= TTL_MAX)
        .ok_or(TtlError::TooLong)
}

/// A number alone is seconds; after a first unit every number needs one.
fn parse_units(token: &[u8]) -> Result<u64, TtlError> {
    let mut total = 0u64;
    let mut rest = token;
    loop {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return Err(TtlError::Malformed);
        }
        let number = rest[..digits].iter().fold(0u64, |n, &b| {
            n.saturating_mul(10).saturating_add(u64::from(b - b'0'))
        });
        let unit = match rest.get(digits).map(u8::to_ascii_lowercase) {
            None if digits == token.len() => return Ok(number),
            Some(b'w') => 7 * 24 * 3600,
            Some(b'd') => 24 * 3600,
            Some(b'h') => 3600,
            Some(b'm') => 60,
            Some(b's') => 1,
            _ => return Err(TtlError::Malformed),
        };
        total = total.saturating_add(number.saturating_mul(unit));
        rest = &rest[digits + 1..];
        if rest.is_empty() {
            return Ok(total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_units_are_read() {
        assert_eq!(parse(b"0"), Ok(0));
        assert_eq!(parse(b"3600"), Ok(3600));
        assert_eq!(parse(b"1h30m"), Ok(5400));
        assert_eq!(parse(b"1W2D3H4M5S"), Ok(788_645));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for bad in ["", "h", "1x", "1h30", "1 h", "-1", "1hh"] {
            assert_eq!(parse(bad.as_bytes()), Err(TtlError::Malformed), "{bad}");
        }
    }

    #[test]
    fn rfc_2181_section_8_ttls_end_at_31_bits() {
        assert_eq!(parse(b"2147483647"), Ok(TTL_MAX));
        assert_eq!(parse(b"2147483648"), Err(TtlError::TooLong));
        assert_eq!(parse(b"99999999999999999999999w"), Err(TtlError::TooLong));
    }
}
