//! Which part of what it would take?

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::Share;

/// 0..=100 %, in tenths of a percent; as a number in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Percent(u16);

/// Why a text or a number is no part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfRange(String);

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.0;
        write!(
            f,
            "`{text}` is no part: expected 0 % to 100 %, such as 10% or 0.5%"
        )
    }
}

impl std::error::Error for OutOfRange {}

impl TryFrom<f64> for Percent {
    type Error = OutOfRange;

    fn try_from(percent: f64) -> Result<Self, OutOfRange> {
        match (0.0..=100.0).contains(&percent) {
            true => Ok(Percent((percent * 10.0).round() as u16)),
            false => Err(OutOfRange(percent.to_string())),
        }
    }
}

impl FromStr for Percent {
    type Err = OutOfRange;

    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        let number = text.strip_suffix('%').unwrap_or(text).trim_end();
        let number = number.parse::<f64>().ok();
        let percent = number.and_then(|number| Percent::try_from(number).ok());
        percent.ok_or_else(|| OutOfRange(text.chars().take(20).collect()))
    }
}

impl From<Percent> for f64 {
    fn from(percent: Percent) -> f64 {
        f64::from(percent.0) / 10.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(*self))
    }
}

impl Percent {
    /// The same as a share.
    pub fn share(self) -> Share {
        Share((u32::from(self.0) * u32::from(u16::MAX) / 1000) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_and_shown() {
        for (text, shown, share) in [
            ("10%", "10 %", 6_553),
            ("0.5 %", "0.5 %", 327),
            ("0", "0 %", 0),
            ("100%", "100 %", u16::MAX),
        ] {
            let percent: Percent = text.parse().unwrap();
            assert_eq!(
                (&*percent.to_string(), percent.share()),
                (shown, Share(share))
            );
            let json = serde_json::to_string(&percent).unwrap();
            assert_eq!(serde_json::from_str::<Percent>(&json).unwrap(), percent);
        }
        for text in ["", "%", "101%", "-1", "NaN", "ten"] {
            let error = text.parse::<Percent>().unwrap_err().to_string();
            assert!(error.contains("expected 0 % to 100 %"), "{error}");
        }
        assert!(serde_json::from_str::<Percent>("100.1").is_err());
    }
}
