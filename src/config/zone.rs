//! Reads `[zone."NAME"]` and the balanced names in it.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::reader::{Reader, Table, Value, in_order, quoted};
use super::references::References;
use super::scalar::{integer, path};
use super::units::ttl_range;
use super::zone_files::{Found, FoundZone};
use super::zone_settings::ZoneSettings;
use super::{At, Balanced, Zone};
use crate::dns::{Name, NameError};
use crate::model::{ANSWERS_MAX, TtlRange};

const TTL_DEFAULT: TtlRange = TtlRange {
    min_s: 5,
    max_s: 30,
};

/// All zones: those with a table, in the order of the files, and then those that were `found` without
/// one. Those that cannot be read are left out.
pub(super) fn zones<'t>(
    reader: &mut Reader,
    references: &mut References,
    top: &mut Table<'t>,
    mut found: Found,
) -> Vec<Zone> {
    let mut zones = declared(reader, references, top, &mut found);
    let without_table = found.rest();
    zones.extend(
        without_table.map(|(apex, found)| found.settings.zone(apex, found.file, Vec::new())),
    );
    zones
}

fn declared<'t>(
    reader: &mut Reader,
    references: &mut References,
    top: &mut Table<'t>,
    found: &mut Found,
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
    let mut seen: HashMap<Name, usize> = HashMap::new();
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
        let at = key.span().start;
        if let Some(first) = seen.insert(apex.clone(), at) {
            let message = format!("zone {apex} is configured twice");
            let stands = reader.elsewhere(first, at);
            let help = format!("it stands {stands} too; upper and lower case are the same");
            reader.error(key.span(), message, Some(help));
        }
        let found = found.take(&apex);
        zones.extend(zone(reader, references, apex, table, found));
    }
    zones
}

fn zone(
    reader: &mut Reader,
    references: &mut References,
    apex: Name,
    mut table: Table,
    found: Option<FoundZone>,
) -> Option<Zone> {
    let file = file(reader, &mut table, found.as_ref());
    let settings = ZoneSettings::read(reader, references, &mut table);
    let balanced = table.optional(reader, "balanced", |reader, value| match value.get_ref() {
        DeValue::Table(entries) => Some(balanced_names(reader, references, &apex, entries)),
        _ => reader.wrong_type(value, "a table of balanced names"),
    });
    table.finish(reader);
    let settings = settings.or(found.map(|found| found.settings).unwrap_or_default());
    Some(settings.zone(apex, file?, balanced.unwrap_or_default()))
}

/// The zone's file: written here, or found by `[zones]`, but not one here and another there.
fn file(reader: &mut Reader, table: &mut Table, found: Option<&FoundZone>) -> Option<At<PathBuf>> {
    let example = "\"zones/example.com.zone\"";
    let Some(found) = found else {
        return table.required(reader, "file", example, path);
    };
    let Some(span) = table.key_span("file") else {
        table.know(&["file"]);
        return Some(found.file.clone());
    };
    let written = table.optional(reader, "file", path)?;
    if !is_same_file(&written.value, &found.file.value) {
        let message = format!("{} has two files", table.title());
        let help = format!(
            "`files` at {} finds {}",
            found.file.place,
            found.file.value.display()
        );
        reader.error(span, message, Some(help));
    }
    Some(written)
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn balanced_names<'t>(
    reader: &mut Reader,
    references: &mut References,
    apex: &Name,
    entries: &'t DeTable<'t>,
) -> Vec<Balanced> {
    let mut seen: HashMap<Name, usize> = HashMap::new();
    let mut names = Vec::with_capacity(entries.len());
    for (key, value) in in_order(entries) {
        if is_torn_by_dots(reader, key.get_ref(), value, &["policy"]) {
            continue;
        }
        let owner = owner_name(reader, key.get_ref(), key.span(), apex);
        if let Some(owner) = &owner {
            let at = key.span().start;
            if let Some(first) = seen.insert(owner.clone(), at) {
                let message = format!("{owner} is balanced twice");
                let help = format!("it stands {} too", reader.elsewhere(first, at));
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

/// A name that can be a zone's.
/// A name; a missing dot at the end is added.
pub(super) fn absolute_name(reader: &mut Reader, text: &str, span: Range<usize>) -> Option<Name> {
    checked(reader, text, span, Name::parse)
}

pub(super) fn zone_name(reader: &mut Reader, text: &str, span: Range<usize>) -> Option<Name> {
    let name = absolute_name(reader, text, span.clone())?;
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
