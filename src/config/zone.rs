//! Reads `[zone."NAME"]` and the balanced names in it.

use std::collections::HashMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::access::allow_query;
use super::reader::{Reader, Table, Value, in_order, quoted};
use super::references::References;
use super::scalar::{boolean, choice, integer, path};
use super::units::ttl_range;
use super::{Balanced, Zone};
use crate::dns::{Name, NameError};
use crate::model::{ANSWERS_MAX, Responses, RrsetOrder, TtlRange};

const TTL_DEFAULT: TtlRange = TtlRange {
    min_s: 5,
    max_s: 30,
};

/// All zones in the order of the file; those that cannot be read are left out.
pub(super) fn zones<'t>(
    reader: &mut Reader,
    references: &mut References,
    top: &mut Table<'t>,
) -> Vec<Zone> {
    const EXPECTED: &str = "a table [zone.\"NAME\"]";
    let entries = match top.entry("zone").map(|(_, value)| (value, value.get_ref())) {
        Some((_, DeValue::Table(entries))) => in_order(entries),
        Some((value, _)) => {
            reader.wrong_type::<()>(value, EXPECTED);
            return Vec::new();
        }
        None => return Vec::new(),
    };
    let mut seen: HashMap<Name, u32> = HashMap::new();
    let mut zones = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let apex = zone_name(reader, key.get_ref(), key.span());
        let title = format!("[zone.{}]", quoted(key.get_ref()));
        let table = Table::of(reader, title, value, EXPECTED);
        let (Some(apex), Some(mut table)) = (apex, table) else {
            continue;
        };
        table.span = key.span();
        if is_torn_by_dots(reader, key.get_ref(), value, &["file", "balanced"]) {
            continue;
        }
        let line = reader.place(key.span().start).line;
        if let Some(line) = seen.insert(apex.clone(), line) {
            let message = format!("zone {apex} is configured twice");
            let help = format!("it stands on line {line} too; upper and lower case are the same");
            reader.error(key.span(), message, Some(help));
        }
        zones.extend(zone(reader, references, apex, table));
    }
    zones
}

fn zone(
    reader: &mut Reader,
    references: &mut References,
    apex: Name,
    mut table: Table,
) -> Option<Zone> {
    let example = "\"zones/example.com.zone\"";
    let file = table.required(reader, "file", example, path);
    let client_subnet = table.optional(reader, "client_subnet", boolean);
    let responses = table.optional(reader, "responses", |reader, value| {
        let choices = [
            ("minimal", Responses::Minimal),
            ("additional", Responses::Additional),
            ("full", Responses::Full),
        ];
        choice(reader, value, &choices)
    });
    let rrset_order = table.optional(reader, "rrset_order", |reader, value| {
        let choices = [
            ("fixed", RrsetOrder::Fixed),
            ("rotated", RrsetOrder::Rotated),
        ];
        choice(reader, value, &choices)
    });
    let allow_query = table.optional(reader, "allow_query", |r, v| allow_query(r, references, v));
    let balanced = table.optional(reader, "balanced", |reader, value| match value.get_ref() {
        DeValue::Table(entries) => Some(balanced_names(reader, references, &apex, entries)),
        _ => reader.wrong_type(value, "a table of balanced names"),
    });
    table.finish(reader);
    Some(Zone {
        apex,
        file: file?,
        client_subnet: client_subnet.unwrap_or(true),
        responses: responses.unwrap_or_default(),
        rrset_order: rrset_order.unwrap_or_default(),
        allow_query,
        balanced: balanced.unwrap_or_default(),
    })
}

fn balanced_names<'t>(
    reader: &mut Reader,
    references: &mut References,
    apex: &Name,
    entries: &'t DeTable<'t>,
) -> Vec<Balanced> {
    let mut seen: HashMap<Name, u32> = HashMap::new();
    let mut names = Vec::with_capacity(entries.len());
    for (key, value) in in_order(entries) {
        if is_torn_by_dots(reader, key.get_ref(), value, &["policy"]) {
            continue;
        }
        let owner = owner_name(reader, key.get_ref(), key.span(), apex);
        if let Some(owner) = &owner {
            let line = reader.place(key.span().start).line;
            if let Some(line) = seen.insert(owner.clone(), line) {
                let message = format!("{owner} is balanced twice");
                let help = format!("it stands on line {line} too");
                reader.error(key.span(), message, Some(help));
            }
        }
        let settings = settings(reader, references, key.get_ref(), key.span(), value);
        if let (Some(owner), Some((policy, ttl, answers))) = (owner, settings) {
            names.push(Balanced {
                owner,
                policy,
                ttl,
                answers,
                place: reader.place(key.span().start),
            });
        }
    }
    names
}

/// `{ policy, ttl, answers }`
fn settings<'t>(
    reader: &mut Reader,
    references: &mut References,
    name: &str,
    span: Range<usize>,
    value: &'t Value<'t>,
) -> Option<(crate::model::PolicyId, TtlRange, u8)> {
    let expected = "a table such as { policy = \"world\" }";
    let title = format!("balanced name {}", quoted(name));
    let mut table = Table::of(reader, title, value, expected)?;
    table.span = span;
    let policy = table.required(reader, "policy", "\"world\"", |r, v| {
        references.policy(r, v)
    });
    let ttl = table.optional(reader, "ttl", ttl_range);
    let answers = table.optional(reader, "answers", |r, v| {
        integer(r, v, 1..=ANSWERS_MAX as u8)
    });
    table.finish(reader);
    Some((policy?, ttl.unwrap_or(TTL_DEFAULT), answers.unwrap_or(2)))
}

/// Reports a name whose dots were read as table separators, because it stands without quotes:
/// where settings should be, there are only further tables.
fn is_torn_by_dots(reader: &mut Reader, first: &str, value: &Value, settings: &[&str]) -> bool {
    let mut name = first.to_owned();
    let mut value = value;
    let mut is_torn = false;
    while let DeValue::Table(entries) = value.get_ref() {
        let mut entries = entries.iter();
        let (Some((key, inner)), None) = (entries.next(), entries.next()) else {
            break;
        };
        let key: &str = key.get_ref();
        if settings.contains(&key) || !inner.get_ref().is_table() {
            break;
        }
        name = format!("{name}.{key}");
        value = inner;
        is_torn = true;
    }
    if is_torn {
        let message = "a name with dots must stand in quotes";
        let help = format!("did you mean {}?", quoted(&name));
        reader.error(value.span(), message, Some(help));
    }
    is_torn
}

fn zone_name(reader: &mut Reader, text: &str, span: Range<usize>) -> Option<Name> {
    let name = checked(reader, text, span.clone(), Name::parse)?;
    if name.labels().any(|label| label == b"*") {
        let message = format!("a zone name has no `*`, found {}", quoted(text));
        reader.error(span, message, None);
        return None;
    }
    Some(name)
}

/// An owner relative to its zone; in it; with `*` as first label only (RFC 4592, 2.1.1: elsewhere
/// it would not be a wildcard, which is hardly what was meant).
fn owner_name(reader: &mut Reader, text: &str, span: Range<usize>, apex: &Name) -> Option<Name> {
    let owner = checked(reader, text, span.clone(), |text| {
        Name::parse_relative(text, apex)
    })?;
    if !owner.is_in(apex) {
        let message = format!("{owner} is not in zone {apex}");
        let help = format!("names are relative to the zone: \"www\" is www.{apex}");
        reader.error(span, message, Some(help));
        return None;
    }
    if owner.labels().skip(1).any(|label| label == b"*") {
        let message = format!("`*` is not the first label of {}", quoted(text));
        let help = "a wildcard looks like \"*.app\"".to_owned();
        reader.error(span, message, Some(help));
        return None;
    }
    Some(owner)
}

fn checked(
    reader: &mut Reader,
    text: &str,
    span: Range<usize>,
    parse: impl Fn(&str) -> Result<Name, NameError>,
) -> Option<Name> {
    if !text.is_ascii() {
        let message = format!("{} is not in ASCII", quoted(text));
        let help = "write international names in their xn-- form".to_owned();
        reader.error(span, message, Some(help));
        return None;
    }
    parse(text)
        .map_err(|mistake| {
            let message = format!("{} is {mistake}", quoted(text));
            reader.error(span, message, None);
        })
        .ok()
}
