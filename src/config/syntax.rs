//! Reports what is not TOML.

use std::collections::HashSet;

use toml::de::{DeTable, Error};

use super::reader::{Reader, quoted};

/// What the parser says of a key or table that stands twice. The tree is whole nonetheless.
const DUPLICATE: &str = "duplicate key";

/// Parses the text and reports what is not TOML, one mistake per line: a slip makes the parser
/// stumble again right behind it. None if the tree is torn, so that judging it would only add noise.
pub(super) fn parse<'t>(reader: &mut Reader<'t>) -> Option<DeTable<'t>> {
    let (tree, errors) = DeTable::parse_recoverable(reader.text);
    let mut lines = HashSet::new();
    let mut is_torn = false;
    for error in errors {
        is_torn |= error.message() != DUPLICATE;
        let span = error.span().unwrap_or_default();
        if lines.insert(reader.place(span.start).line) {
            report(reader, &error);
        }
    }
    (!is_torn).then(|| tree.into_inner())
}

fn report(reader: &mut Reader, error: &Error) {
    let span = error.span().unwrap_or_default();
    let written = reader.text.get(span.clone()).unwrap_or_default();
    if error.message() == DUPLICATE {
        let message = format!("{written} stands twice");
        reader.error(span, message, Some("keep one of the two".into()));
        return;
    }
    let word = word_at(reader.text, span.start);
    let help = is_bare_text(word).then(|| format!("text stands in quotes: {}", quoted(word)));
    reader.error(span, error.message(), help);
}

/// The run of characters around `at` that could be one value.
fn word_at(text: &str, at: usize) -> &str {
    let ends = |c: char| c.is_whitespace() || "=,[]{}#\"'".contains(c);
    let (Some(before), Some(behind)) = (text.get(..at), text.get(at..)) else {
        return "";
    };
    let start = before.rfind(ends).map_or(0, |i| i + 1);
    let end = at + behind.find(ends).unwrap_or(behind.len());
    text.get(start..end).unwrap_or_default()
}

/// Whether a word is likely a duration, an address or a name that lacks its quotes.
fn is_bare_text(word: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:/%*".contains(c);
    word.chars().any(|c| c.is_ascii_alphanumeric()) && word.chars().all(allowed)
}
