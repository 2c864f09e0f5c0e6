//! Reports what is not TOML.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::reader::{Reader, Value, quoted, ticked};

/// What the parser says of a key or table that stands twice. The tree is whole nonetheless.
const DUPLICATE: &str = "duplicate key";
/// How what it says begins where a value is none of TOML's.
const UNQUOTED: &str = "string values must be quoted";

/// Parses the `number`th file and reports what is not TOML, one mistake per line: a slip makes the
/// parser stumble again right behind it. None if the tree is torn, so that judging it would only
/// add noise. The spans of the tree are offsets into all sources.
pub(super) fn parse<'t>(reader: &mut Reader<'t>, number: usize) -> Option<DeTable<'t>> {
    let source = reader.sources.get(number)?;
    let (text, base) = (source.text, source.base);
    let (tree, errors) = DeTable::parse_recoverable(text);
    let mut lines = HashSet::new();
    let mut is_torn = false;
    // Where the table ends that has the name of an earlier one; its keys were added to that one.
    let mut repeated_table_end = 0;
    for error in errors {
        let start = error.span().unwrap_or_default().start;
        let is_duplicate = error.message() == DUPLICATE;
        if is_duplicate && start < repeated_table_end {
            continue;
        }
        if is_duplicate && is_header(text, start) {
            repeated_table_end = next_header(text, start);
            is_torn = true;
        }
        is_torn |= !is_duplicate;
        if lines.insert(reader.place(base + start).line) {
            report(reader, text, base, &error);
        }
    }
    (!is_torn).then(|| match base {
        0 => tree.into_inner(),
        base => shifted(tree.into_inner(), base),
    })
}

/// The same tree, its spans counted from `base` octets before it.
fn shifted(tree: DeTable<'_>, base: usize) -> DeTable<'_> {
    tree.into_iter()
        .map(|(key, value)| (shift(key, base), shift_value(value, base)))
        .collect()
}

/// Values nest no deeper than the parser allows.
fn shift_value(value: Value<'_>, base: usize) -> Value<'_> {
    let mut value = shift(value, base);
    match value.get_mut() {
        DeValue::Table(table) => *table = shifted(std::mem::take(table), base),
        DeValue::Array(array) => {
            for element in array.iter_mut() {
                let nothing = Spanned::new(0..0, DeValue::Boolean(false));
                *element = shift_value(std::mem::replace(element, nothing), base);
            }
        }
        _ => {}
    }
    value
}

fn shift<T>(spanned: Spanned<T>, base: usize) -> Spanned<T> {
    let span = spanned.span();
    Spanned::new(base + span.start..base + span.end, spanned.into_inner())
}

fn report(reader: &mut Reader, text: &str, base: usize, error: &Error) {
    let span = error.span().unwrap_or_default();
    let placed = |start| base + start..base + span.end;
    if error.message() == DUPLICATE {
        let written = text.get(span.clone()).unwrap_or_default();
        let message = format!("{} stands twice", ticked(written.trim_matches('"')));
        let help = "keep one of the two".to_owned();
        reader.error(placed(span.start), message, Some(help));
        return;
    }
    let (start, word) = word_at(text, span.start);
    if is_bare_text(word) && (error.message().starts_with(UNQUOTED) || is_address(word)) {
        let help = format!("did you mean {}?", quoted(word));
        reader.error(placed(start), "text must stand in quotes", Some(help));
        return;
    }
    reader.error(placed(span.start), error.message(), None);
}

/// Whether the line of `at` is the header of a table.
fn is_header(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rfind('\n').map_or(0, |newline| newline + 1);
    before
        .get(line..)
        .is_some_and(|line| line.trim_start().starts_with('['))
}

/// Where the next table after `at` begins, or the text ends.
fn next_header(text: &str, at: usize) -> usize {
    let behind = text.get(at..).unwrap_or_default();
    behind
        .find("\n[")
        .map_or(text.len(), |offset| at + offset + 1)
}

/// The run of characters around `at` that could be one value, and where it begins.
fn word_at(text: &str, at: usize) -> (usize, &str) {
    let ends = |c: char| c.is_whitespace() || "=,[]{}#\"'".contains(c);
    let (Some(before), Some(behind)) = (text.get(..at), text.get(at..)) else {
        return (at, "");
    };
    let start = before
        .char_indices()
        .rev()
        .find(|(_, c)| ends(*c))
        .map_or(0, |(i, c)| i + c.len_utf8());
    let end = at + behind.find(ends).unwrap_or(behind.len());
    (start, text.get(start..end).unwrap_or_default())
}

/// Whether a word is likely a duration, an address or a name that lacks its quotes.
fn is_bare_text(word: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:/%*".contains(c);
    !word.is_empty() && word.chars().all(allowed)
}

/// Addresses and prefixes begin like numbers, dates or times, and are refused as such.
fn is_address(word: &str) -> bool {
    let address = word.split('/').next().unwrap_or_default();
    address.parse::<IpAddr>().is_ok() || address.parse::<SocketAddr>().is_ok()
}
