//! Reads what pools and endpoints can bear, and where probes learn how loaded they are.

use std::time::Duration;

use toml::de::DeValue;

use super::reader::{Reader, Table, Value, quoted};
use super::references::References;
use super::scalar::{integer, one_or_many, text};
use super::units::duration;
use super::{LoadFrom, PoolLoad, Shed};

const MAX_AGE_DEFAULT: Duration = Duration::from_secs(10);
const MAX_AGE_MIN: Duration = Duration::from_secs(1);
const MAX_AGE_MAX: Duration = Duration::from_secs(3600);
/// Low-water marks are 10 points lower and must be above zero.
const ABOVE_MIN: f64 = 0.2;
/// Of a pool that takes less, its load says nothing any more.
const FLOOR_MIN: f64 = 0.01;
const FLOOR_DEFAULT: f64 = 0.1;

/// `capacity`, `shed` and `load_max_age` of a pool.
pub(super) fn pool_load(
    reader: &mut Reader,
    references: &mut References,
    table: &mut Table,
) -> PoolLoad {
    let from = table.optional(reader, "load_from", |reader, value| {
        one_or_many(reader, value, |reader, value| {
            references.pool(reader, value)
        })
    });
    let max_age = table.optional(reader, "load_max_age", |r, v| {
        duration(r, v, MAX_AGE_MIN..=MAX_AGE_MAX)
    });
    PoolLoad {
        capacity: capacity(reader, table),
        shed: table.optional(reader, "shed", shed),
        from: from.unwrap_or_default(),
        max_age: max_age.unwrap_or(MAX_AGE_DEFAULT),
    }
}

/// `capacity` of a pool or an endpoint.
pub(super) fn capacity(reader: &mut Reader, table: &mut Table) -> Option<u32> {
    table.optional(reader, "capacity", |r, v| integer(r, v, 1..=1_000_000_000))
}

/// `{ above = "90%", floor = "10%" }`
fn shed<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<Shed> {
    let expected = "a table such as { above = \"90%\", floor = \"10%\" }";
    let mut table = Table::of(reader, "`shed`", value, expected)?;
    let above = table.required(reader, "above", "\"90%\"", |r, v| {
        percent(r, v, ABOVE_MIN, 1.0)
    });
    let floor = table.optional(reader, "floor", |r, v| percent(r, v, FLOOR_MIN, 1.0));
    table.finish(reader);
    Some(Shed {
        above: above?,
        floor: floor.unwrap_or(FLOOR_DEFAULT),
    })
}

/// `"90%"` within a range of parts of 1.
pub(super) fn percent(reader: &mut Reader, value: &Value, least: f64, most: f64) -> Option<f64> {
    let expected = format!(
        "a percentage from \"{}%\" to \"{}%\"",
        100.0 * least,
        100.0 * most
    );
    let DeValue::String(text) = value.get_ref() else {
        return reader.wrong_type(value, &expected);
    };
    let number = text.strip_suffix('%').and_then(|n| n.parse::<f64>().ok());
    let part = number.map(|percent| percent / 100.0);
    let within = part.filter(|part| (least..=most).contains(part));
    if within.is_none() {
        let message = format!("expected {expected}, found {}", quoted(text));
        reader.error(value.span(), message, None);
    }
    within
}

/// What one of `load_header` and `load_json` of a monitor says.
pub(super) fn load_from(reader: &mut Reader, table: &mut Table) -> Option<LoadFrom> {
    let by_header = table.optional(reader, "load_header", header);
    let by_json = table.optional(reader, "load_json", pointer);
    if table.key_span("load_header").is_some() {
        table.refuse(reader, "load_json", "has no effect beside `load_header`");
    }
    by_header
        .map(LoadFrom::Header)
        .or(by_json.map(LoadFrom::Json))
}

/// The name of a header field: a token (RFC 9110, 5.6.2).
fn header(reader: &mut Reader, value: &Value) -> Option<String> {
    const EXPECTED: &str = "the name of a header such as \"x-load\"";
    let name = text(reader, value, EXPECTED)?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.bytes().all(allowed) {
        return Some(name.to_ascii_lowercase());
    }
    let message = format!("expected {EXPECTED}, found {}", quoted(name));
    reader.error(value.span(), message, None);
    None
}

/// A JSON pointer (RFC 6901).
fn pointer(reader: &mut Reader, value: &Value) -> Option<String> {
    const EXPECTED: &str = "a JSON pointer such as \"/load\"";
    let pointer = text(reader, value, EXPECTED)?;
    let escapes = pointer.split('~').skip(1);
    let is_right = |after: &str| after.starts_with(['0', '1']);
    let mistake = if !pointer.starts_with('/') {
        "each name on the way begins with /"
    } else if !escapes.into_iter().all(is_right) {
        "`~` is written as ~0, and `/` in a name as ~1"
    } else {
        return Some(pointer.to_owned());
    };
    let message = format!("expected {EXPECTED}, found {}", quoted(pointer));
    reader.error(value.span(), message, Some(mistake.to_owned()));
    None
}
