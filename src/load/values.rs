//! What is a report, and which ones make sense?

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Connections, or milliseconds, past which a report is a mistake.
const NUMBER_MAX: f64 = 1e9;
/// A load past which a report is a mistake: ten times the capacity. So is 85 where 85% was meant.
const LOAD_MAX: f64 = 10.0;

/// A load as a share of the capacity: 1 is all of it, and more is possible. Written as a number, or as text
/// such as `"85%"`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "f64")]
pub struct Fraction(f64);

impl Fraction {
    /// # Errors
    /// In words, when it is none that can be.
    pub fn new(value: f64) -> Result<Self, String> {
        if (0.0..=LOAD_MAX).contains(&value) {
            return Ok(Fraction(value));
        }
        Err(format!(
            "load {value}: expected a share of the capacity such as 0.85 or \"85%\", at most {LOAD_MAX}"
        ))
    }

    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Fraction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (number, of) = match text.strip_suffix('%') {
            Some(percent) => (percent.trim_end(), 100.0),
            None => (text, 1.0),
        };
        let wrong = || format!("load {text:?}: expected a number such as 0.85, or \"85%\"");
        let number: f64 = number.parse().map_err(|_| wrong())?;
        Fraction::new(number / of)
    }
}

impl From<Fraction> for f64 {
    fn from(fraction: Fraction) -> f64 {
        fraction.0
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a load such as 0.85 or \"85%\"")]
enum Written {
    Number(f64),
    Text(String),
}

impl TryFrom<Written> for Fraction {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Number(number) => Fraction::new(number),
            Written::Text(text) => text.parse(),
        }
    }
}

/// What somebody reports of a pool or an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// A pool by its name, or an endpoint as `pool/address`.
    pub what: String,
    /// Open connections, or whatever `capacity` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<f64>,
    /// Share of the capacity that is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Fraction>,
    /// How long an answer takes, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<f64>,
}

impl Report {
    /// # Errors
    /// In words, when it says nothing, or something that cannot be.
    pub fn values(&self) -> Result<Values, String> {
        let values = Values {
            connections: self.connections,
            load: self.load.map(Fraction::get),
            time_ms: self.time_ms,
        };
        if values == Values::default() {
            return Err("expected one of `connections`, `load` and `time_ms`".to_owned());
        }
        for (name, value) in [
            ("connections", values.connections),
            ("time_ms", values.time_ms),
        ] {
            if let Some(value) = value
                && !(0.0..=NUMBER_MAX).contains(&value)
            {
                return Err(format!(
                    "{name} {value}: expected a number from 0 to {NUMBER_MAX}"
                ));
            }
        }
        Ok(values)
    }
}

/// What a report says: finite numbers, not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Values {
    pub connections: Option<f64>,
    /// Share of the capacity.
    pub load: Option<f64>,
    pub time_ms: Option<f64>,
}

impl Values {
    pub fn of_load(load: Fraction) -> Self {
        Values {
            load: Some(load.get()),
            ..Values::default()
        }
    }
}

impl fmt::Display for Values {
    /// `120 connections, 85 % of its capacity, 12 ms`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.connections.map(|n| format!("{n:.0} connections")),
            self.load
                .map(|load| format!("{:.0} % of its capacity", 100.0 * load)),
            self.time_ms.map(|ms| format!("{ms:.1} ms")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(json: &str) -> Result<Values, String> {
        let report: Report = serde_json::from_str(json).map_err(|e| e.to_string())?;
        report.values()
    }

    #[test]
    fn a_load_is_a_share_or_a_percentage() {
        let load = |text| report(&format!("{{\"what\":\"eu\",\"load\":{text}}}"));
        for (text, expected) in [
            ("0.85", 0.85),
            ("\"85%\"", 0.85),
            ("\" 85 % \"", 0.85),
            ("\"0.85\"", 0.85),
            ("1", 1.0),
            ("\"140%\"", 1.4),
            ("0", 0.0),
        ] {
            let found = load(text).unwrap().load.unwrap();
            assert!((found - expected).abs() < 1e-9, "{text}: {found}");
        }
        for text in [
            "85", "-0.1", "\"NaN\"", "\"inf\"", "\"\"", "\"%\"", "null2", "true", "1e999",
        ] {
            assert!(load(text).is_err(), "{text}");
        }
        let error = load("85").unwrap_err();
        assert!(error.contains("such as 0.85 or \"85%\""), "{error}");
    }

    #[test]
    fn what_cannot_be_is_refused_with_words() {
        for (json, words) in [
            ("{\"what\":\"eu\"}", "one of `connections`, `load`"),
            ("{\"what\":\"eu\",\"connections\":-1}", "connections -1"),
            ("{\"what\":\"eu\",\"time_ms\":1e10}", "time_ms 10000000000"),
            ("{\"what\":\"eu\",\"lod\":1}", "unknown field `lod`"),
            ("{\"load\":1}", "missing field `what`"),
        ] {
            let error = report(json).unwrap_err();
            assert!(error.contains(words), "{json}: {error}");
        }
        let nan = Report {
            what: "eu".to_owned(),
            connections: Some(f64::NAN),
            load: None,
            time_ms: None,
        };
        assert!(nan.values().is_err());
        let values =
            report("{\"what\":\"eu\",\"connections\":120,\"load\":\"85%\",\"time_ms\":12}");
        assert_eq!(
            values.unwrap().to_string(),
            "120 connections, 85 % of its capacity, 12.0 ms"
        );
    }
}
