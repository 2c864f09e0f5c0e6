//! Reads `[policy.NAME]` as drafts; what holds between policies is checked by
//! [`policy_graph`](super::policy_graph).

use std::collections::HashSet;

use toml::de::DeValue;

use super::location::serves;
use super::pool::balance;
use super::reader::{Reader, Table, Value, in_order, listed, ticked};
use super::references::References;
use super::rules::{DraftRule, rules};
use super::scalar::{choice, integer, list, text};
use super::{At, Member, Place, Rule, Selector};
use crate::hashing::rendezvous::ITEMS_MAX;
use crate::model::{ANSWERS_MAX, Balance, FamilyFallback, PolicyId, RegionId, WhenAllDown};

/// A policy whose own table was read, but not yet held against the others.
#[derive(Clone)]
pub(super) struct Draft {
    pub name: String,
    pub order: DraftOrder,
    pub members: Vec<DraftMember>,
    pub balance: Balance,
    pub last_resort: Vec<DraftMember>,
    pub spread: Vec<u8>,
    /// Not yet made policies.
    pub rules: Vec<DraftRule>,
    pub when_all_down: WhenAllDown,
    /// As far as it is written.
    pub family_fallback: Option<FamilyFallback>,
    pub place: Place,
}

#[derive(Clone)]
pub(super) struct DraftMember {
    pub member: Member,
    /// As written.
    pub name: String,
    /// 1 where the kind has none.
    pub weight: u16,
    pub place: Place,
}

#[derive(Clone)]
pub(super) enum DraftOrder {
    Listed,
    Geo {
        serves: Vec<(At<RegionId>, Vec<Selector>)>,
        default: Vec<At<RegionId>>,
    },
    When {
        rules: Vec<Rule>,
        otherwise: PolicyId,
    },
}

impl Draft {
    /// Policies that it may come to at once: members, last resorts and those that its rules name.
    pub fn nested(&self) -> impl Iterator<Item = PolicyId> {
        let members = self.members.iter().chain(&self.last_resort);
        let members = members.filter_map(|member| match member.member {
            Member::Policy(id) => Some(id),
            Member::Pool(_) => None,
        });
        let (rules, otherwise) = match &self.order {
            DraftOrder::When { rules, otherwise } => (&rules[..], Some(*otherwise)),
            DraftOrder::Listed | DraftOrder::Geo { .. } => (&[][..], None),
        };
        let ruled = rules.iter().map(|rule| rule.policy);
        members.chain(ruled).chain(otherwise)
    }
}

const KINDS: [&str; 12] = [
    "geo",
    "failover",
    "weighted",
    "round-robin",
    "random",
    "smooth",
    "source-hash",
    "consistent-hash",
    "rendezvous",
    "least-connections",
    "weighted-least-connections",
    "least-time",
];

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
    let balance = kind.and_then(|kind| balance_of(reader, &mut table, kind));
    let members = kind
        .zip(balance)
        .and_then(|(kind, balance)| members(reader, references, &mut table, kind, balance));
    let serves = table.optional(reader, "serves", |r, v| serves_by_region(r, references, v));
    let default = table.optional(reader, "default", |r, v| region_order(r, references, v));
    if kind.is_some_and(|kind| kind != "geo") {
        table.refuse(reader, "serves", "is for `geo` policies");
        table.refuse(reader, "default", "is for `geo` policies");
    }
    let mut known = members
        .iter()
        .flatten()
        .map(|member| member.member)
        .collect();
    let last_resort = table.optional(reader, "last_resort", |r, v| {
        listed_members(r, references, v, &mut known)
    });
    let spread = table.optional(reader, "spread", spread);
    let rules = table.optional(reader, "when", |r, v| rules(r, references, v));
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
        order: match kind? {
            "geo" => DraftOrder::Geo {
                serves: serves.unwrap_or_default(),
                default: default.unwrap_or_default(),
            },
            _ => DraftOrder::Listed,
        },
        members: members?,
        balance: balance?,
        last_resort: last_resort.unwrap_or_default(),
        spread: spread.unwrap_or_default(),
        rules: rules.unwrap_or_default(),
        when_all_down: when_all_down.unwrap_or(WhenAllDown::All),
        family_fallback,
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

/// Whom of several that come first: what the policy is called after, or in a `geo` policy what it says.
fn balance_of(reader: &mut Reader, table: &mut Table, kind: &str) -> Option<Balance> {
    let mut all = Balance::ALL.into_iter().chain(Balance::BY_LOAD);
    let named = all.find(|balance| balance.name() == kind);
    let has_balance = table.key_span("balance").is_some();
    let written = table.optional(reader, "balance", balance);
    if named.is_some() {
        table.refuse(reader, "balance", "is for `geo` policies, and for pools");
        return named;
    }
    if has_balance {
        return written;
    }
    let is_weighted = table
        .entry("geo")
        .is_some_and(|(_, members)| members.get_ref().is_table());
    Some(match is_weighted {
        true => Balance::Weighted,
        false => Balance::Failover,
    })
}

/// The members: at least one, each once.
fn members(
    reader: &mut Reader,
    references: &mut References,
    table: &mut Table,
    kind: &'static str,
    balance: Balance,
) -> Option<Vec<DraftMember>> {
    let (_, value) = table.entry(kind)?;
    let written = match value.get_ref() {
        DeValue::Array(array) => array.len(),
        DeValue::Table(table) => table.len(),
        _ => 1,
    };
    let members = match value.get_ref() {
        DeValue::Table(_) if !balance.weighs() => {
            let message = format!("weights mean nothing to `{}`", balance.name());
            let help = "write a list such as [\"web-eu\", \"web-us\"]".to_owned();
            reader.error(value.span(), message, Some(help));
            return None;
        }
        DeValue::Table(_) => weighted_members(reader, references, value),
        // What would be the default for all is most likely a mistake.
        DeValue::Array(_) if kind == "weighted" => {
            reader.wrong_type(value, "weights such as { web-eu = 3, web-us = 1 }")
        }
        _ => listed_members(reader, references, value, &mut HashSet::new()),
    }?;
    if written == 0 {
        let help = "name a pool or a policy".to_owned();
        reader.error(value.span(), format!("`{kind}` has no members"), Some(help));
    }
    if balance.is_by_client() && written > ITEMS_MAX {
        let message = format!("`{}` among {written} members", balance.name());
        let help = format!("at most {ITEMS_MAX} are allowed; nest policies for more");
        reader.error(value.span(), message, Some(help));
    }
    if balance.is_by_load() {
        refuse_policies(reader, &members);
    }
    // A member that could not be read was reported; what follows would judge a torn list.
    (members.len() == written).then_some(members)
}

/// What is reported is the load of pools.
fn refuse_policies(reader: &mut Reader, members: &[DraftMember]) {
    let policies = members
        .iter()
        .filter(|listed| matches!(listed.member, Member::Policy(_)));
    for listed in policies {
        let message = format!(
            "{} is a policy: only pools can be members of a policy that goes by load",
            ticked(&listed.name)
        );
        let help = "name its pools instead".to_owned();
        reader.error_at(&listed.place, message, Some(help));
    }
}

/// Each member once, among those that were `seen`, too.
fn listed_members(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
    seen: &mut HashSet<Member>,
) -> Option<Vec<DraftMember>> {
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
            name: name.to_owned(),
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
            name: key.get_ref().to_string(),
            weight: weight?,
            place: reader.place(key.span().start),
        })
    };
    Some(in_order(entries).into_iter().filter_map(member).collect())
}

/// `spread = [2, 1]`
fn spread(reader: &mut Reader, value: &Value) -> Option<Vec<u8>> {
    let expected =
        "numbers of addresses such as [2, 1]: two of the preferred region, one of the next";
    let counts = list(reader, value, expected, |reader, value| {
        integer(reader, value, 1..=ANSWERS_MAX as u8)
    })?;
    let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
    if counts.is_empty() || total > ANSWERS_MAX {
        let message = format!("`spread` asks for {total} addresses");
        let help = format!("expected 1 to {ANSWERS_MAX} in all");
        reader.error(value.span(), message, Some(help));
        return None;
    }
    Some(counts)
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
pub(super) fn region_order(
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
pub(super) fn when_all_down(
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
