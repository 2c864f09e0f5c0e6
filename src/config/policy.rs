//! Reads `[policy.NAME]` as drafts; what holds between policies is checked by
//! [`policy_graph`](super::policy_graph).

use std::collections::HashSet;

use toml::de::DeValue;

use super::location::serves;
use super::reader::{Reader, Table, Value, in_order, listed, ticked};
use super::references::References;
use super::scalar::{choice, integer, list, text};
use super::{At, Member, Place, Selector};
use crate::model::{FamilyFallback, RegionId, WhenAllDown};

/// A policy whose own table was read, but not yet held against the others.
pub(super) struct Draft {
    pub name: String,
    pub kind: DraftKind,
    pub members: Vec<DraftMember>,
    pub when_all_down: WhenAllDown,
    pub family_fallback: FamilyFallback,
    pub place: Place,
}

pub(super) struct DraftMember {
    pub member: Member,
    /// 1 where the kind has none.
    pub weight: u16,
    pub place: Place,
}

pub(super) enum DraftKind {
    Geo {
        serves: Vec<(At<RegionId>, Vec<Selector>)>,
        default: Vec<At<RegionId>>,
    },
    Failover,
    Weighted,
    RoundRobin,
    Random,
}

const KINDS: [&str; 5] = ["geo", "failover", "weighted", "round-robin", "random"];

/// All policies, by their place in the file; `None` where one cannot be read.
pub(super) fn drafts(reader: &mut Reader, references: &mut References) -> Vec<Option<Draft>> {
    let tables = references.policies.take();
    tables
        .map(|(name, table)| draft(reader, references, name, table?))
        .collect()
}

fn draft(
    reader: &mut Reader,
    references: &mut References,
    name: &str,
    mut table: Table,
) -> Option<Draft> {
    let place = reader.place(table.span.start);
    if references.pools.span(name).is_some() {
        let message = format!("policy {} has the name of a pool", ticked(name));
        let help = "rename one: a member is named without saying which it is".to_owned();
        reader.error(table.span.clone(), message, Some(help));
    }
    let kind = kind(reader, &mut table);
    let members = kind.and_then(|kind| members(reader, references, &mut table, kind));
    let serves = table.optional(reader, "serves", |r, v| serves_by_region(r, references, v));
    let default = table.optional(reader, "default", |r, v| region_order(r, references, v));
    if kind.is_some_and(|kind| kind != "geo") {
        table.refuse(reader, "serves", "is for `geo` policies");
        table.refuse(reader, "default", "is for `geo` policies");
    }
    let when_all_down = table.optional(reader, "when_all_down", |r, v| {
        when_all_down(r, references, v)
    });
    let family_fallback = table.optional(reader, "family_fallback", |reader, value| {
        let choices = [
            ("region", FamilyFallback::Region),
            ("nodata", FamilyFallback::NoData),
        ];
        choice(reader, value, &choices)
    });
    table.finish(reader);
    Some(Draft {
        name: name.to_owned(),
        kind: match kind? {
            "geo" => DraftKind::Geo {
                serves: serves.unwrap_or_default(),
                default: default.unwrap_or_default(),
            },
            "failover" => DraftKind::Failover,
            "weighted" => DraftKind::Weighted,
            "round-robin" => DraftKind::RoundRobin,
            _ => DraftKind::Random,
        },
        members: members?,
        when_all_down: when_all_down.unwrap_or(WhenAllDown::All),
        family_fallback: family_fallback.unwrap_or(FamilyFallback::Region),
        place,
    })
}

/// The one key that says how the policy chooses.
fn kind(reader: &mut Reader, table: &mut Table) -> Option<&'static str> {
    let written: Vec<_> = KINDS
        .into_iter()
        .filter_map(|kind| table.entry(kind).map(|(key, _)| (kind, key.span())))
        .collect();
    match written.as_slice() {
        [(kind, _)] => Some(kind),
        [] => {
            let message = format!("a policy needs one of {}", listed(&KINDS));
            let help = "for example `geo = [\"web-eu\", \"web-us\"]`".to_owned();
            reader.error(table.span.clone(), message, Some(help));
            None
        }
        [(first, _), (second, span), ..] => {
            let message = format!("a policy chooses in one way, not by `{first}` and `{second}`");
            let help = "write two policies; one can be a member of the other".to_owned();
            reader.error(span.clone(), message, Some(help));
            None
        }
    }
}

/// The members: at least one, each once.
fn members(
    reader: &mut Reader,
    references: &mut References,
    table: &mut Table,
    kind: &'static str,
) -> Option<Vec<DraftMember>> {
    let (_, value) = table.entry(kind)?;
    let written = match value.get_ref() {
        DeValue::Array(array) => array.len(),
        DeValue::Table(table) => table.len(),
        _ => 1,
    };
    let members = match kind {
        "weighted" => weighted_members(reader, references, value),
        _ => listed_members(reader, references, value),
    }?;
    if written == 0 {
        let help = "name a pool or a policy".to_owned();
        reader.error(value.span(), format!("`{kind}` has no members"), Some(help));
    }
    // A member that could not be read was reported; what follows would judge a torn list.
    (members.len() == written).then_some(members)
}

fn listed_members(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Vec<DraftMember>> {
    let mut seen = HashSet::new();
    let expected = "a list of pools and policies such as [\"web-eu\", \"web-us\"]";
    list(reader, value, expected, |reader, value| {
        let name = text(reader, value, "the name of a pool or a policy")?;
        let member = references.member(reader, name, value.span())?;
        if !seen.insert(member) {
            let message = format!("{} is a member already", ticked(name));
            reader.error(value.span(), message, None);
        }
        Some(DraftMember {
            member,
            weight: 1,
            place: reader.place(value.span().start),
        })
    })
}

fn weighted_members(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Vec<DraftMember>> {
    let DeValue::Table(entries) = value.get_ref() else {
        let expected = "weights such as { web-eu = 3, web-us = 1 }";
        return reader.wrong_type(value, expected);
    };
    let member = |(key, value): (&super::reader::Key, &Value)| {
        let member = references.member(reader, key.get_ref(), key.span());
        let weight = integer(reader, value, 0..=u16::MAX);
        Some(DraftMember {
            member: member?,
            weight: weight?,
            place: reader.place(key.span().start),
        })
    };
    Some(in_order(entries).into_iter().filter_map(member).collect())
}

/// `serves = { eu = ["country:DE"] }`
fn serves_by_region(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Vec<(At<RegionId>, Vec<Selector>)>> {
    let DeValue::Table(entries) = value.get_ref() else {
        let expected = "lists by region such as { eu = [\"country:DE\"] }";
        return reader.wrong_type(value, expected);
    };
    let mut by_region = Vec::with_capacity(entries.len());
    for (key, value) in in_order(entries) {
        let region = references.region_named(reader, key.get_ref(), key.span());
        let selectors = serves(reader, references, value);
        if let (Some(region), Some(selectors)) = (region, selectors) {
            by_region.push((reader.at(region, key.span()), selectors));
        }
    }
    Some(by_region)
}

/// `default = ["us", "eu"]`: regions, each once.
fn region_order(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Vec<At<RegionId>>> {
    let mut seen = HashSet::new();
    let expected = "a list of regions such as [\"us\", \"eu\"]";
    list(reader, value, expected, |reader, value| {
        let region = references.region(reader, value)?;
        if !seen.insert(region) {
            let name = references.regions.name(region.index());
            let message = format!("region {} is in this list already", ticked(name));
            reader.error(value.span(), message, None);
        }
        Some(reader.at(region, value.span()))
    })
}

/// `"all"`, `"nodata"`, `"servfail"`, `"refuse"` or `{ fallback = "pool" }`
fn when_all_down(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<WhenAllDown> {
    match value.get_ref() {
        DeValue::Table(entries) => {
            let mut table = Table::new("`when_all_down`", value.span(), entries);
            let pool = table.required(reader, "fallback", "\"POOL\"", |r, v| references.pool(r, v));
            table.finish(reader);
            pool.map(WhenAllDown::Fallback)
        }
        DeValue::String(_) => {
            let choices = [
                ("all", WhenAllDown::All),
                ("nodata", WhenAllDown::NoData),
                ("servfail", WhenAllDown::ServFail),
                ("refuse", WhenAllDown::Refuse),
            ];
            choice(reader, value, &choices)
        }
        _ => {
            let expected =
                "\"all\", \"nodata\", \"servfail\", \"refuse\" or { fallback = \"POOL\" }";
            reader.wrong_type(value, expected)
        }
    }
}
