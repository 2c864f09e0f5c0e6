//! One record of the GeoIP2 schema: what City, Country, Enterprise, ASN and ISP databases say.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::centroids;
use super::world::Location;
use crate::model::Coordinates;

/// Subdivisions kept of one record, coarsest first. ISO 3166-2 nests three deep at most.
const SUBDIVISIONS_MAX: usize = 3;

/// The fields that steer. Others are skipped; each of these may be absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    continent: Continent<'a>,
    country: Coded<'a>,
    /// Where the network is registered: second best, when it is not known where it is used.
    registered_country: Coded<'a>,
    subdivisions: Vec<Coded<'a>>,
    location: Point,
    autonomous_system_number: Option<Number>,
    /// Where Enterprise databases have the ASN.
    traits: Traits,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Continent<'a> {
    code: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Coded<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Point {
    latitude: Option<Number>,
    longitude: Option<Number>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Traits {
    autonomous_system_number: Option<Number>,
}

impl Record<'_> {
    /// What the record says; values that cannot be (a country of three letters, a latitude of 91)
    /// count as not said.
    pub fn into_location(self) -> Location {
        let country = self.country.country();
        let asn = self
            .autonomous_system_number
            .or(self.traits.autonomous_system_number);
        // A subdivision means nothing without the country that it is a part of.
        let subdivisions = match country {
            Some(_) => {
                let codes = self.subdivisions.iter().filter_map(Coded::subdivision);
                codes.take(SUBDIVISIONS_MAX).collect()
            }
            None => Vec::new(),
        };
        let country = country.or_else(|| self.registered_country.country());
        let continent = self.continent.code.and_then(letters);
        Location {
            network: None,
            asn: asn.and_then(Number::asn),
            continent: continent
                .filter(|&code| centroids::is_continent(code))
                .or_else(|| country.and_then(centroids::continent_of)),
            country,
            subdivisions,
            coordinates: self.location.coordinates(),
        }
    }
}

impl Coded<'_> {
    fn country(&self) -> Option<[u8; 2]> {
        self.iso_code.and_then(letters)
    }

    fn subdivision(&self) -> Option<Box<str>> {
        let code = self.iso_code.filter(|code| is_subdivision(code))?;
        Some(code.into())
    }
}

/// Two capital letters.
fn letters(code: &str) -> Option<[u8; 2]> {
    let code: [u8; 2] = code.as_bytes().try_into().ok()?;
    code.iter().all(u8::is_ascii_uppercase).then_some(code)
}

/// The part after the dash of ISO 3166-2: one to three capital letters or digits.
pub(super) fn is_subdivision(code: &str) -> bool {
    let valid = |octet: u8| octet.is_ascii_uppercase() || octet.is_ascii_digit();
    (1..=3).contains(&code.len()) && code.bytes().all(valid)
}

impl Point {
    fn coordinates(&self) -> Option<Coordinates> {
        coordinates(self.latitude?.0, self.longitude?.0)
    }
}

/// Coordinates that exist on earth.
pub(super) fn coordinates(latitude: f64, longitude: f64) -> Option<Coordinates> {
    let exist = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
    exist.then_some(Coordinates {
        latitude,
        longitude,
    })
}

/// A number of any of the format's types: writers differ in which they take.
#[derive(Clone, Copy, Debug)]
struct Number(f64);

impl Number {
    /// 1..=4294967295; 0 is reserved (RFC 7607).
    fn asn(self) -> Option<u32> {
        let whole = self.0.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&self.0);
        whole.then_some(self.0 as u32)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
        Ok(Number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
        Ok(Number(number as f64))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
        Ok(Number(number as f64))
    }
}
