//! Reports what is not TOML.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use toml::de::{DeTable, Error};

use super::reader::{Reader, quoted, ticked};

/// What the parser says of a key or table that stands twice. The tree is whole nonetheless.
const DUPLICATE: &str = "duplicate key";
/// How what it says begins where a value is none of TOML's.
const UNQUOTED: &str = "string values must be quoted";

/// Parses the text and reports what is not TOML, one mistake per line: a slip makes the parser
/// stumble again right behind it. None if the tree is torn, so that judging it would only add noise.
pub(super) fn parse<'t>(reader: &mut Reader<'t>) -> Option<DeTable<'t>> {
    let (tree, errors) = DeTable::parse_recoverable(reader.text);
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
        if is_duplicate && is_header(reader.text, start) {
            repeated_table_end = next_header(reader.text, start);
            is_torn = true;
        }
        is_torn |= !is_duplicate;
        if lines.insert(reader.place(start).line) {
            report(reader, &error);
        }
    }
    (!is_torn).then(|| tree.into_inner())
}

fn report(reader: &mut Reader, error: &Error) {
    let span = error.span().unwrap_or_default();
    if error.message() == DUPLICATE {
        let written = reader.text.get(span.clone()).unwrap_or_default();
        let message = format!("{} stands twice", ticked(written.trim_matches('"')));
        reader.error(span, message, Some("keep one of the two".into()));
        return;
    }
    let (start, word) = word_at(reader.text, span.start);
    if is_bare_text(word) && (error.message().starts_with(UNQUOTED) || is_address(word)) {
        let help = format!("did you mean {}?", quoted(word));
        reader.error(start..span.end, "text must stand in quotes", Some(help));
        return;
    }
    reader.error(span, error.message(), None);
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
