//! Reads plain values: text, numbers, choices, lists, paths.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use toml::de::DeValue;

use super::At;
use super::near::did_you_mean;
use super::reader::{Reader, Value, listed, quoted};

/// Text that is not empty. `expected` describes it with an example.
pub(super) fn text<'t>(
    reader: &mut Reader,
    value: &'t Value<'t>,
    expected: &str,
) -> Option<&'t str> {
    match value.get_ref() {
        DeValue::String(text) if text.is_empty() => {
            reader.error(
                value.span(),
                format!("expected {expected}, found \"\""),
                None,
            );
            None
        }
        DeValue::String(text) => Some(text),
        _ => reader.wrong_type(value, expected),
    }
}

pub(super) fn boolean(reader: &mut Reader, value: &Value) -> Option<bool> {
    match value.get_ref() {
        DeValue::Boolean(value) => Some(*value),
        _ => reader.wrong_type(value, "`true` or `false`"),
    }
}

/// A whole number within `range`, whose bounds T must be able to hold.
pub(super) fn integer<T>(reader: &mut Reader, value: &Value, range: RangeInclusive<T>) -> Option<T>
where
    T: TryFrom<i64> + PartialOrd + std::fmt::Display,
{
    let (least, most) = (range.start(), range.end());
    let DeValue::Integer(number) = value.get_ref() else {
        return reader.wrong_type(value, &format!("a whole number from {least} to {most}"));
    };
    let parsed = i64::from_str_radix(number.as_str(), number.radix()).ok();
    match parsed.and_then(|n| T::try_from(n).ok()) {
        Some(number) if range.contains(&number) => Some(number),
        _ => {
            let message = format!("{number} is out of range");
            let help = format!("expected a whole number from {least} to {most}");
            reader.error(value.span(), message, Some(help));
            None
        }
    }
}

/// A number, with or without a fraction, within `range`.
pub(super) fn number(
    reader: &mut Reader,
    value: &Value,
    what: &str,
    range: RangeInclusive<f64>,
) -> Option<f64> {
    let (least, most) = (range.start(), range.end());
    let expected = format!("{what} from {least:?} to {most:?}");
    let parsed = match value.get_ref() {
        DeValue::Float(number) => number.as_str().parse().ok(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(|number| number as f64),
        _ => return reader.wrong_type(value, &expected),
    };
    // Not-a-number lies in no range.
    let within = parsed.filter(|number| range.contains(number));
    if within.is_none() {
        let shown = reader.written(value.span());
        let message = format!("{shown} is out of range");
        reader.error(value.span(), message, Some(format!("expected {expected}")));
    }
    within
}

/// One of a few words.
pub(super) fn choice<T: Copy>(
    reader: &mut Reader,
    value: &Value,
    choices: &[(&str, T)],
) -> Option<T> {
    let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
    let DeValue::String(text) = value.get_ref() else {
        return reader.wrong_type(value, &format!("one of {}", listed(&words)));
    };
    let chosen = choices.iter().find(|(word, _)| *word == text.as_ref());
    if chosen.is_none() {
        let help = did_you_mean(text, words.iter().copied());
        let message = format!("{} is none of {}", quoted(text), listed(&words));
        reader.error(value.span(), message, help);
    }
    chosen.map(|(_, choice)| *choice)
}

/// Every element of a list that can be read. `expected` describes the list with an example.
pub(super) fn list<'t, T>(
    reader: &mut Reader,
    value: &'t Value<'t>,
    expected: &str,
    mut read: impl FnMut(&mut Reader, &'t Value<'t>) -> Option<T>,
) -> Option<Vec<T>> {
    match value.get_ref() {
        DeValue::Array(elements) => Some(
            elements
                .iter()
                .filter_map(|element| read(reader, element))
                .collect(),
        ),
        _ => reader.wrong_type(value, expected),
    }
}

/// A list, or a single element without brackets.
pub(super) fn one_or_many<'t, T>(
    reader: &mut Reader,
    value: &'t Value<'t>,
    mut read: impl FnMut(&mut Reader, &'t Value<'t>) -> Option<T>,
) -> Option<Vec<T>> {
    match value.get_ref() {
        DeValue::Array(elements) => Some(
            elements
                .iter()
                .filter_map(|element| read(reader, element))
                .collect(),
        ),
        _ => read(reader, value).map(|element| vec![element]),
    }
}

/// A path; a relative one begins at the folder of the file that it stands in.
pub(super) fn path(reader: &mut Reader, value: &Value) -> Option<At<PathBuf>> {
    let text = path_text(reader, value, "a path such as \"zones/example.com.zone\"")?;
    let path = reader.sources.resolve(text, value.span().start);
    Some(reader.at(path, value.span()))
}

/// The text of a path or of a pattern.
pub(super) fn path_text<'t>(
    reader: &mut Reader,
    value: &'t Value<'t>,
    expected: &str,
) -> Option<&'t str> {
    let text = text(reader, value, expected)?;
    if text.contains('\0') {
        let message = format!("{} contains a NUL, which no path can", quoted(text));
        reader.error(value.span(), message, None);
        return None;
    }
    Some(text)
}
