//! Reads what becomes of headers and paths.

use hyper::header::{HeaderName, HeaderValue};
use toml::de::DeValue;

use super::action::{field_value, template};
use super::matching::{field_name, pattern, prefix};
use crate::config::reader::{Key, Reader, Table, Value, in_order, quoted, ticked};
use crate::config::scalar::{one_or_many, text};
use crate::model::routing::{Edit, HeaderEdits, Pattern, Rewrite, path as paths};

/// What messages are framed by, and what is about one connection only (RFC 9110, 7.6.1): not to be meddled with.
const FRAMING: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn of_request(reader: &mut Reader, value: &Value) -> Option<HeaderEdits> {
    edits(reader, value, "`request_headers`", |_| false)
}

pub(super) fn of_response(reader: &mut Reader, value: &Value) -> Option<HeaderEdits> {
    edits(reader, value, "`response_headers`", |name| name == "host")
}

fn edits(
    reader: &mut Reader,
    value: &Value,
    title: &str,
    is_refused: impl Fn(&HeaderName) -> bool + Copy,
) -> Option<HeaderEdits> {
    let expected = "a table such as { set = { x-region = \"eu\" }, remove = [\"x-debug\"] }";
    let mut table = Table::of(reader, title, value, expected)?;
    let remove = table.optional(reader, "remove", |reader, value| {
        one_or_many(reader, value, |reader, value| {
            let text = text(reader, value, "the name of a header")?;
            let name = field_name(reader, text, value.span())?;
            is_free(reader, &name, value.span(), is_refused).then_some(name)
        })
    });
    let mut written = |reader: &mut Reader, key| {
        let written = table.optional(reader, key, |reader, value| {
            values(reader, value, |reader, name, value| {
                let edit = edit(reader, value)?;
                is_free(reader, &name.0, name.1, is_refused).then_some((name.0, edit))
            })
        });
        written.unwrap_or_default()
    };
    let (set, add) = (written(reader, "set"), written(reader, "add"));
    table.finish(reader);
    Some(HeaderEdits {
        remove: remove.unwrap_or_default().into(),
        set: set.into(),
        add: add.into(),
    })
}

type Named = (HeaderName, std::ops::Range<usize>);

/// Reads `{ NAME = VALUE, … }`.
fn values<T>(
    reader: &mut Reader,
    value: &Value,
    mut read: impl FnMut(&mut Reader, Named, &Value) -> Option<T>,
) -> Option<Vec<T>> {
    let DeValue::Table(entries) = value.get_ref() else {
        return reader.wrong_type(value, "headers such as { x-region = \"eu\" }");
    };
    let one = |(key, value): (&Key, &Value)| {
        let name = field_name(reader, key.get_ref(), key.span())?;
        read(reader, (name, key.span()), value)
    };
    Some(in_order(entries).into_iter().filter_map(one).collect())
}

/// Headers that are always the same.
pub(super) fn fixed(
    reader: &mut Reader,
    value: &Value,
) -> Option<Box<[(HeaderName, HeaderValue)]>> {
    let read = values(reader, value, |reader, name, value| {
        let value = field_value(reader, value)?;
        is_free(reader, &name.0, name.1, |name| name == "host").then_some((name.0, value))
    });
    read.map(Vec::into_boxed_slice)
}

fn is_free(
    reader: &mut Reader,
    name: &HeaderName,
    span: std::ops::Range<usize>,
    is_refused: impl Fn(&HeaderName) -> bool,
) -> bool {
    let is_free = !FRAMING.contains(&name.as_str()) && !is_refused(name);
    if !is_free {
        let message = format!("{} is not for routes to change", ticked(name.as_str()));
        let help = "it frames messages, or is about one connection".to_owned();
        reader.error(span, message, Some(help));
    }
    is_free
}

fn edit(reader: &mut Reader, value: &Value) -> Option<Edit> {
    let DeValue::String(written) = value.get_ref() else {
        return reader.wrong_type(value, "a value such as \"{client}\"");
    };
    let template = template(reader, value, written)?;
    let sample = template.fill(|_, _| ());
    let Ok(fixed) = HeaderValue::from_str(&sample) else {
        let message = format!("{} is no value of a header", quoted(written));
        reader.error(value.span(), message, None);
        return None;
    };
    Some(match template.fixed() {
        Some(_) => Edit::Fixed(fixed),
        None => Edit::Filled(template),
    })
}

pub(super) fn rewrite(reader: &mut Reader, value: &Value) -> Option<Rewrite> {
    let expected = "a table such as { strip_prefix = \"/api\" }";
    let mut table = Table::of(reader, "`rewrite`", value, expected)?;
    let kinds = ["strip_prefix", "replace_prefix", "regex"];
    table.know(&kinds);
    let mut written = kinds
        .into_iter()
        .filter(|kind| table.key_span(kind).is_some());
    let first = written.next();
    if let (Some(first), Some(second)) = (first, written.next()) {
        table.refuse(reader, second, &format!("cannot stand beside `{first}`"));
    }
    let rewrite = match first {
        Some("replace_prefix") => {
            let from = table.optional(reader, "replace_prefix", prefix);
            let with = table.required(reader, "with", "\"/v2\"", prefix);
            prefixes(from, with)
        }
        Some("regex") => {
            let regex = table.optional(reader, "regex", pattern);
            let with = table.required(reader, "with", "\"/new/$1\"", |reader, value| {
                let with = text(reader, value, "a path such as \"/new/$1\"")?;
                replacement(reader, value, with, regex.as_ref()).then(|| Box::from(with))
            });
            regex
                .zip(with)
                .map(|(pattern, with)| Rewrite::Regex { pattern, with })
        }
        _ => {
            table.refuse(reader, "with", "means nothing beside `strip_prefix`");
            table.know(&["with"]);
            let from = table.required(reader, "strip_prefix", "\"/api\"", prefix);
            prefixes(from, Some(String::new()))
        }
    };
    table.finish(reader);
    rewrite
}

fn prefixes(from: Option<String>, with: Option<String>) -> Option<Rewrite> {
    let (from, with) = (from?.into(), with?.into());
    Some(Rewrite::Prefix { from, with })
}

/// Whether a path can come of it.
fn replacement(reader: &mut Reader, value: &Value, with: &str, regex: Option<&Pattern>) -> bool {
    let Some(regex) = regex else {
        return false;
    };
    let is_path = with.starts_with('/') && paths::normalise(with).is_ok();
    let digits = with.split('$').skip(1).map(|after| {
        let after = after.strip_prefix('{').unwrap_or(after);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        after[..digits].parse::<usize>().ok()
    });
    let missing = digits.flatten().find(|&group| group > regex.groups());
    if !is_path {
        let message = format!(
            "expected a path such as \"/new/$1\", found {}",
            quoted(with)
        );
        reader.error(value.span(), message, None);
    } else if let Some(group) = missing {
        let message = format!("the expression has no group {group}");
        reader.error(value.span(), message, None);
    }
    is_path && missing.is_none()
}
