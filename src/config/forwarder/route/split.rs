//! Reads `split` and what belongs to it.

use std::time::Duration;

use hyper::header::HeaderName;
use toml::de::DeValue;

use super::matching::{cookie_name, field_name};
use crate::config::Member;
use crate::config::reader::{Reader, Table, Value, ticked};
use crate::config::references::References;
use crate::config::scalar::{choice, integer, text};
use crate::config::units::duration;
use crate::hashing::of_octets;
use crate::model::routing::{Side, Split, Sticky};

const SIDES_MAX: usize = 16;
/// How long the cookie of a side is kept.
const KEEP_FOR: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn split(
    reader: &mut Reader,
    references: &mut References,
    table: &mut Table,
) -> Option<Split<Member>> {
    let sides = table.optional(reader, "split", |reader, value| {
        sides(reader, references, value)
    });
    let canary = table.optional(reader, "canary", canary);
    let (header, cookie, sticky) = canary.unwrap_or((None, None, Sticky::Client));
    Some(Split {
        sides: sides?,
        header,
        cookie,
        sticky,
    })
}

type Canary = (Option<HeaderName>, Option<Box<str>>, Sticky);

/// What names a side, and who stays at one.
fn canary(reader: &mut Reader, value: &Value) -> Option<Canary> {
    let expected = "a table such as { header = \"x-canary\", cookie = \"canary\" }";
    let mut table = Table::of(reader, "`canary`", value, expected)?;
    let header = table.optional(reader, "header", |reader, value| {
        let name = text(reader, value, "the name of a header such as \"x-canary\"")?;
        field_name(reader, name, value.span())
    });
    let cookie = table.optional(reader, "cookie", |reader, value| {
        let name = text(reader, value, "the name of a cookie such as \"canary\"")?;
        cookie_name(reader, name, value.span())
    });
    let kinds = [
        ("client", Sticky::Client),
        ("cookie", Sticky::Cookie(KEEP_FOR)),
        ("none", Sticky::No),
    ];
    let keep = table.optional(reader, "keep", |r, v| choice(r, v, &kinds));
    let mut keep = keep.unwrap_or(Sticky::Client);
    let year = Duration::from_secs(365 * 86_400);
    let keep_for = table.optional(reader, "keep_for", |reader, value| {
        duration(reader, value, Duration::from_secs(1)..=year)
    });
    match &mut keep {
        Sticky::Cookie(_) if cookie.is_none() => {
            let message = "`keep = \"cookie\"` needs the name of a cookie";
            let help = "write `cookie = \"canary\"`".to_owned();
            let span = table.key_span("keep").unwrap_or_default();
            reader.error(span, message, Some(help));
        }
        Sticky::Cookie(keeps) => *keeps = keep_for.unwrap_or(KEEP_FOR),
        Sticky::Client | Sticky::No => {
            let why = "means nothing without `keep = \"cookie\"`";
            table.refuse(reader, "keep_for", why);
        }
    }
    table.finish(reader);
    Some((header, cookie, keep))
}

fn sides(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Box<[Side<Member>]>> {
    let expected =
        "sides such as [{ to = \"web\", weight = 95 }, { to = \"web-canary\", weight = 5 }]";
    let DeValue::Array(elements) = value.get_ref() else {
        return reader.wrong_type(value, expected);
    };
    if !(2..=SIDES_MAX).contains(&elements.len()) {
        let message = format!("expected 2 to {SIDES_MAX} sides, found {}", elements.len());
        reader.error(value.span(), message, None);
        return None;
    }
    let mut sides: Vec<Side<Member>> = Vec::new();
    for element in elements.iter() {
        let Some(side) = side(reader, references, element) else {
            continue;
        };
        if sides.iter().any(|other| other.to == side.to) {
            let message = format!("{} is a side already", ticked(&side.name));
            reader.error(element.span(), message, None);
        }
        sides.push(side);
    }
    if sides.len() < elements.len() {
        return None;
    }
    if sides.iter().all(|side| side.weight == 0) {
        reader.error(value.span(), "no side has any weight", None);
        return None;
    }
    Some(sides.into())
}

fn side(reader: &mut Reader, references: &mut References, value: &Value) -> Option<Side<Member>> {
    let expected = "a side such as { to = \"web\", weight = 95 }";
    let mut table = Table::of(reader, "this side", value, expected)?;
    let to = table.required(reader, "to", "\"a pool or a policy\"", |reader, value| {
        let name = text(reader, value, "the name of a pool or a policy")?;
        let member = references.member(reader, name, value.span())?;
        Some((name, member))
    });
    let weight = table.required(reader, "weight", "95", |r, v| integer(r, v, 0..=u16::MAX));
    table.finish(reader);
    let (name, to) = to?;
    Some(Side {
        name: name.into(),
        seed: of_octets(name.as_bytes()),
        weight: weight?,
        to,
    })
}
