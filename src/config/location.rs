//! Reads places on earth, and what a region serves.

use toml::de::DeValue;

use super::near::did_you_mean;
use super::reader::{Reader, Value, quoted};
use super::references::References;
use super::scalar::{list, number, text};
use super::{LocationSpec, Selector};
use crate::model::Coordinates;

/// The continent codes of the GeoIP2 schema.
const CONTINENTS: [&str; 7] = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"];

/// `[50.11, 8.68]`, `"DE"`, `"US-CA"` or `"continent:EU"`.
pub(super) fn location(reader: &mut Reader, value: &Value) -> Option<LocationSpec> {
    const EXPECTED: &str =
        "a location: [latitude, longitude], \"DE\", \"US-CA\" or \"continent:EU\"";
    if let DeValue::Array(pair) = value.get_ref() {
        return coordinates(reader, value, pair.iter().as_slice());
    }
    let text = text(reader, value, EXPECTED)?;
    let parsed = match text.split_once(':') {
        Some(("continent", code)) => continent(code).map(LocationSpec::Continent),
        Some(_) => Err(None),
        None => match text.split_once('-') {
            Some(_) => subdivision(text).map(|(c, s)| LocationSpec::Subdivision(c, s)),
            None => country(text).map(LocationSpec::Country),
        },
    };
    parsed
        .map_err(|help| {
            let message = format!("expected {EXPECTED}, found {}", quoted(text));
            reader.error(value.span(), message, help);
        })
        .ok()
}

fn coordinates(reader: &mut Reader, value: &Value, pair: &[Value]) -> Option<LocationSpec> {
    let [latitude, longitude] = pair else {
        let message = format!(
            "expected latitude and longitude, found {} elements",
            pair.len()
        );
        let help = "for example [50.11, 8.68]".to_owned();
        reader.error(value.span(), message, Some(help));
        return None;
    };
    let latitude = number(reader, latitude, "a latitude in degrees", -90.0..=90.0);
    let longitude = number(reader, longitude, "a longitude in degrees", -180.0..=180.0);
    Some(LocationSpec::Coordinates(Coordinates {
        latitude: latitude?,
        longitude: longitude?,
    }))
}

/// The selectors of a `serves` list, each once.
pub(super) fn serves(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Vec<Selector>> {
    selectors(reader, value, |reader, value| {
        selector(reader, references, value)
    })
}

/// The clients that a rule is about, each once.
pub(super) fn clients(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Vec<Selector>> {
    selectors(reader, value, |reader, value| match value.get_ref() {
        DeValue::String(text) if text == "unlocated" => Some(Selector::Unlocated),
        _ => selector(reader, references, value),
    })
}

fn selectors(
    reader: &mut Reader,
    value: &Value,
    mut read: impl FnMut(&mut Reader, &Value) -> Option<Selector>,
) -> Option<Vec<Selector>> {
    let expected = "a list such as [\"continent:EU\", \"country:DE\"]";
    let mut seen = std::collections::HashSet::new();
    list(reader, value, expected, |reader, value| {
        let selector = read(reader, value)?;
        if !seen.insert(selector.clone()) {
            let shown = reader.written(value.span());
            let message = format!("{shown} is in this list already");
            reader.error(value.span(), message, None);
        }
        Some(selector)
    })
}

pub(super) fn selector(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Selector> {
    const KINDS: [&str; 5] = ["continent", "country", "subdivision", "asn", "network"];
    const EXPECTED: &str = "\"continent:EU\", \"country:DE\", \"subdivision:US-CA\", \
                            \"asn:64500\" or \"network:NAME\"";
    let text = text(reader, value, EXPECTED)?;
    let (kind, what) = text.split_once(':').unwrap_or((text, ""));
    let parsed = match kind {
        "continent" => continent(what).map(Selector::Continent),
        "country" => country(what).map(Selector::Country),
        "subdivision" => subdivision(what).map(|(c, s)| Selector::Subdivision(c, s)),
        "asn" => asn(what).map(Selector::Asn),
        "network" => {
            return references
                .network(reader, what, value.span())
                .map(Selector::Network);
        }
        _ => Err(did_you_mean(kind, KINDS)),
    };
    parsed
        .map_err(|help| {
            let message = format!("expected {EXPECTED}, found {}", quoted(text));
            reader.error(value.span(), message, help);
        })
        .ok()
}

/// What was read, or what might have been meant.
type Parsed<T> = Result<T, Option<String>>;

fn continent(code: &str) -> Parsed<[u8; 2]> {
    if CONTINENTS.contains(&code) {
        return two_letters(code);
    }
    Err(Some(format!("continents are {}", CONTINENTS.join(" "))))
}

fn country(code: &str) -> Parsed<[u8; 2]> {
    two_letters(code)
}

/// "US-CA" as country and the part after the dash (ISO 3166-2: one to three letters or digits).
fn subdivision(code: &str) -> Parsed<([u8; 2], String)> {
    let parts = code.split_once('-');
    let part = |part: &str| {
        (1..=3).contains(&part.len())
            && part
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    if let Some((country, rest)) = parts
        && part(rest)
        && let Ok(country) = two_letters(country)
    {
        return Ok((country, rest.to_owned()));
    }
    let upper = code.to_ascii_uppercase();
    let was_lower = upper != code && subdivision(&upper).is_ok();
    Err(was_lower.then(|| format!("in upper case: {upper}")))
}

fn two_letters(code: &str) -> Parsed<[u8; 2]> {
    match code.as_bytes() {
        &[a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok([a, b]),
        [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => Err(Some(format!(
            "in upper case: {}",
            code.to_ascii_uppercase()
        ))),
        _ => Err(Some("country codes have two letters (ISO 3166-1)".into())),
    }
}

fn asn(number: &str) -> Parsed<u32> {
    let digits = number.strip_prefix("AS").unwrap_or(number);
    match digits.parse() {
        Ok(asn) if digits == number => Ok(asn),
        Ok(_) => Err(Some(format!("did you mean \"asn:{digits}\"?"))),
        Err(_) => Err(Some("an AS number is from 0 to 4294967295".into())),
    }
}
