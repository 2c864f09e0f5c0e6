//! Walks the TOML tree key by key and remembers every mistake with its place.
//!
//! Reading goes on after a mistake: a value that cannot be read is reported once and is then
//! simply absent (`None`).

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::inputs::Inputs;
use super::near::did_you_mean;
use super::secrecy::{has_secret, masked};
use super::sources::Sources;
use super::{At, Diagnostics, Place};

/// Mistakes that are reported at most; one more says how many there were besides.
pub(super) const MISTAKES_MAX: usize = 1000;

/// A value of the tree and where it stands.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;
/// A key of the tree and where it stands.
pub(super) type Key<'t> = Spanned<DeString<'t>>;

/// The texts being read, and what was found wrong with them so far.
pub(super) struct Reader<'t> {
    pub sources: Sources<'t>,
    pub inputs: Inputs,
    diagnostics: Diagnostics,
    /// How many were found, shown or not.
    reported: usize,
    has_errors: bool,
}

impl<'t> Reader<'t> {
    pub fn new(text: &'t str, path: &Path) -> Self {
        Reader {
            sources: Sources::new(text, path),
            inputs: Inputs::default(),
            diagnostics: Diagnostics::new(),
            reported: 0,
            has_errors: false,
        }
    }

    /// The file that the configuration begins with.
    pub fn path(&self) -> &Path {
        &self.sources.first().path
    }

    /// The place of an octet of the texts.
    pub fn place(&self, offset: usize) -> Place {
        self.sources.place(offset)
    }

    /// The text of a value as it was written.
    pub fn written(&self, span: Range<usize>) -> &'t str {
        self.sources.written(span)
    }

    /// Where `other` is, as a help text about `offset` says it: "on line 3", or "at other.toml:3:1".
    pub fn elsewhere(&self, other: usize, offset: usize) -> String {
        let (there, here) = (self.place(other), self.place(offset));
        if there.file == here.file {
            format!("on line {}", there.line)
        } else {
            format!("at {there}")
        }
    }

    /// A value with the place of `span`.
    pub fn at<T>(&self, value: T, span: Range<usize>) -> At<T> {
        let place = self.place(span.start);
        At { value, place }
    }

    pub fn error(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        let place = self.place(span.start);
        self.error_at(&place, message, help);
    }

    pub fn error_at(&mut self, place: &Place, message: impl Into<String>, help: Option<String>) {
        self.has_errors = true;
        self.reported += 1;
        if self.reported <= MISTAKES_MAX {
            let place = self.told_place(place);
            self.diagnostics
                .error(&place, masked(message.into()), help.map(masked));
        }
    }

    pub fn warning_at(&mut self, place: &Place, message: impl Into<String>, help: Option<String>) {
        self.reported += 1;
        if self.reported <= MISTAKES_MAX {
            let place = self.told_place(place);
            self.diagnostics
                .warning(&place, masked(message.into()), help.map(masked));
        }
    }

    /// Without a column where the line holds a secret, so that it is not shown.
    fn told_place(&self, place: &Place) -> Place {
        let mut place = place.clone();
        if has_secret(self.sources.line(&place)) {
            place.column = 0;
        }
        place
    }

    /// Reports a value that is not of the type expected.
    pub fn wrong_type<T>(&mut self, value: &Value, expected: &str) -> Option<T> {
        let message = format!("expected {expected}, found {}", found(value.get_ref()));
        self.error(value.span(), message, None);
        None
    }

    pub fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// Everything found, in order of place.
    pub fn finish(mut self) -> Diagnostics {
        let more = self.reported.saturating_sub(MISTAKES_MAX);
        if more > 0 {
            let place = Place::file(self.path());
            let message = format!("{more} more mistakes are not shown");
            if self.has_errors {
                self.diagnostics.error(&place, message, None);
            } else {
                self.diagnostics.warning(&place, message, None);
            }
        }
        self.diagnostics.sort();
        self.diagnostics
    }
}

/// A value as a message names it: its type, and the value itself where that is short.
fn found(value: &DeValue) -> String {
    match value {
        DeValue::String(text) => format!("the string {}", quoted(text)),
        DeValue::Integer(number) => format!("the integer {}", shortened(number.as_str())),
        DeValue::Float(number) => format!("the number {}", shortened(number.as_str())),
        DeValue::Boolean(value) => format!("`{value}`"),
        DeValue::Datetime(_) => "a date".into(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

/// Text from outside as a message shows it: in quotes, control characters escaped, not too long.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", shortened(text))
}

/// Like [`quoted`], for names.
pub(super) fn ticked(name: &str) -> String {
    format!("`{}`", shortened(name))
}

fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    let mut shown: String = text
        .chars()
        .take(SHOWN_MAX)
        .flat_map(|c| match c {
            '"' | '\'' => vec![c],
            _ => c.escape_debug().collect(),
        })
        .collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// The entries of a table in the order of the file (the tree keeps them by name).
pub(super) fn in_order<'t>(entries: &'t DeTable<'t>) -> Vec<(&'t Key<'t>, &'t Value<'t>)> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// A table whose keys are asked for one by one; what nobody asked for is unknown.
pub(super) struct Table<'t> {
    /// As messages name it: `[monitor.web]`, "this endpoint".
    title: String,
    /// Where it is named.
    pub span: Range<usize>,
    entries: &'t DeTable<'t>,
    known: Vec<&'static str>,
}

impl<'t> Table<'t> {
    pub fn new(title: impl Into<String>, span: Range<usize>, entries: &'t DeTable<'t>) -> Self {
        Table {
            title: title.into(),
            span,
            entries,
            known: Vec::new(),
        }
    }

    /// The table that `value` is, if it is one.
    pub fn of(
        reader: &mut Reader,
        title: impl Into<String>,
        value: &'t Value<'t>,
        expected: &str,
    ) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(entries) => Some(Table::new(title, value.span(), entries)),
            _ => reader.wrong_type(value, expected),
        }
    }

    /// As messages name it.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The key and its value as they stand in the tree; the key counts as known from now on.
    pub fn entry(&mut self, key: &'static str) -> Option<(&'t Key<'t>, &'t Value<'t>)> {
        self.know(&[key]);
        self.entries.get_key_value(key)
    }

    /// Keys that are read elsewhere.
    pub fn know(&mut self, keys: &[&'static str]) {
        for &key in keys {
            if !self.known.contains(&key) {
                self.known.push(key);
            }
        }
    }

    /// Where `key` is written, if it is.
    pub fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.entries.get_key_value(key).map(|(key, _)| key.span())
    }

    /// Reads the value of `key`, if it is there.
    pub fn optional<T>(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        read: impl FnOnce(&mut Reader, &'t Value<'t>) -> Option<T>,
    ) -> Option<T> {
        let (_, value) = self.entry(key)?;
        read(reader, value)
    }

    /// Reads the value of `key`; its absence is a mistake.
    pub fn required<T>(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&mut Reader, &'t Value<'t>) -> Option<T>,
    ) -> Option<T> {
        if let Some((_, value)) = self.entry(key) {
            return read(reader, value);
        }
        let message = format!("`{key}` is missing in {}", self.title);
        let help = format!("write `{key} = {example}`");
        // A misspelt key is reported once: as unknown, with the right one as help.
        if !self.has_misspelt(key) {
            reader.error(self.span.clone(), message, Some(help));
        }
        None
    }

    fn has_misspelt(&self, key: &str) -> bool {
        let mut names = self.entries.keys().map(|name| name.get_ref().as_ref());
        names.any(|name: &str| super::near::nearest(name, [key]).is_some())
    }

    /// Reports a key that has no meaning beside the others. Call after the key was asked for.
    pub fn refuse(&self, reader: &mut Reader, key: &str, why: &str) {
        if let Some(span) = self.key_span(key) {
            reader.error(span, format!("`{key}` {why}"), None);
        }
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self, reader: &mut Reader) {
        for (key, _) in in_order(self.entries) {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let help = did_you_mean(name, self.known.iter().copied())
                .or_else(|| Some(format!("{} knows {}", self.title, listed(&self.known))));
            reader.error(key.span(), format!("unknown key {}", ticked(name)), help);
        }
    }
}

/// "`a`, `b` and `c`"
pub(super) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let ticked: Vec<_> = names.iter().map(|name| ticked(name.as_ref())).collect();
    match ticked.as_slice() {
        [] => "nothing".into(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
