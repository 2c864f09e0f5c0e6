//! When a certificate ends. Nothing else of it is read here: whether to trust it is webpki's to say.

use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::health::failure::Failure;

const SEQUENCE: u8 = 0x30;
/// `version`, the only field of a certificate's body that may be left out before `validity`.
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Whether it is valid for at least `least` from now on.
///
/// # Errors
/// That it ends sooner, or that it cannot be read.
pub fn check(
    certificate: &CertificateDer<'_>,
    least: Duration,
    now_unix_s: u64,
) -> Result<(), Failure> {
    let Some(end) = end(certificate) else {
        return Err(Failure::Tls(
            "the end of the certificate cannot be read".into(),
        ));
    };
    let needed = i64::try_from(now_unix_s + least.as_secs()).unwrap_or(i64::MAX);
    match end.unix_s() < needed {
        true => Err(Failure::CertificateEnds {
            at: end.to_string(),
            least,
        }),
        false => Ok(()),
    }
}

/// A point of time as certificates have it, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

/// `notAfter` of a certificate (RFC 5280, 4.1).
fn end(certificate: &[u8]) -> Option<End> {
    let (_, certificate, _) = element(certificate)?;
    let (SEQUENCE, body, _) = element(certificate)? else {
        return None;
    };
    let (first, _, after) = element(body)?;
    // Serial number, signature, issuer.
    let mut rest = if first == VERSION { after } else { body };
    for _ in 0..3 {
        (_, _, rest) = element(rest)?;
    }
    let (SEQUENCE, validity, _) = element(rest)? else {
        return None;
    };
    let (_, _, after_begin) = element(validity)?;
    let (tag, text, _) = element(after_begin)?;
    time(tag, text)
}

/// The tag and the content of the first element (X.690, 8.1), and what comes behind it.
fn element(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = octets.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x0F))?;
            let join = |sum: usize, octet: &u8| sum << 8 | usize::from(*octet);
            (length.iter().fold(0, join), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ` (RFC 5280, 4.1.2.5).
fn time(tag: u8, text: &[u8]) -> Option<End> {
    let text = text.strip_suffix(b"Z")?;
    let is_digits = text.iter().all(u8::is_ascii_digit);
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    let pair = |at: usize| {
        let [tens, ones] = pairs.get(at)?;
        Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    };
    if !is_digits {
        return None;
    }
    let (year, at) = match (tag, pairs.len()) {
        (UTC_TIME, 6) => {
            let year = pair(0)?;
            (year + if year < 50 { 2000 } else { 1900 }, 1)
        }
        (GENERALIZED_TIME, 7) => (pair(0)? * 100 + pair(1)?, 2),
        _ => return None,
    };
    Some(End {
        year,
        month: pair(at)?,
        day: pair(at + 1)?,
        hour: pair(at + 2)?,
        minute: pair(at + 3)?,
        second: pair(at + 4)?,
    })
}

impl End {
    /// Seconds since the Unix epoch (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    fn unix_s(self) -> i64 {
        let year = if self.month <= 2 {
            self.year - 1
        } else {
            self.year
        };
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        days * 86_400 + self.hour * 3600 + self.minute * 60 + self.second
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let End {
            year,
            month,
            day,
            hour,
            minute,
            ..
        } = self;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(year: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["a.example".into()]).expect("parameters");
        params.not_after = date_time_ymd(year, 3, 1);
        let key = KeyPair::generate().expect("a key");
        params
            .self_signed(&key)
            .expect("a certificate")
            .der()
            .clone()
    }

    #[test]
    fn the_end_is_read_in_both_forms() {
        for (year, unix_s) in [
            (2030, 1_898_553_600),
            (2049, 2_498_169_600),
            (2050, 2_529_705_600),
            (4096, 67_095_302_400),
        ] {
            let end = end(&certificate(year)).expect("an end");
            assert_eq!(end.unix_s(), unix_s, "{year}");
            assert_eq!(end.to_string(), format!("{year}-03-01 00:00 UTC"));
        }
    }

    #[test]
    fn it_must_be_as_far_as_is_wanted() {
        let (certificate, day) = (certificate(2030), 86_400);
        let week = Duration::from_secs(7 * day);
        let at = |now| check(&certificate, week, now);
        assert_eq!(at(1_898_553_600 - 7 * day), Ok(()));
        let failure = at(1_898_553_601 - 7 * day).expect_err("it ends");
        assert_eq!(
            failure.to_string(),
            "the certificate ends at 2030-03-01 00:00 UTC, in less than 7 d"
        );
    }

    #[test]
    fn the_epoch_is_zero() {
        let epoch = time(GENERALIZED_TIME, b"19700101000000Z").expect("a time");
        assert_eq!(epoch.unix_s(), 0);
        assert_eq!(time(UTC_TIME, b"700101000000Z"), Some(epoch));
    }

    proptest! {
        #[test]
        fn no_octets_are_too_odd(
            octets in proptest::collection::vec(any::<u8>(), 0..200),
            at in 0..600_usize,
            octet in any::<u8>(),
        ) {
            let _ = end(&octets);
            let mut damaged = certificate(2030).to_vec();
            let length = damaged.len();
            damaged[at % length] = octet;
            let _ = end(&damaged).map(End::unix_s);
        }
    }
}
