//! Who asked for balanced names, by a recording?

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::Path;

use serde::Serialize;

use crate::cli::recorded::{self, Captured, Skipped};
use crate::dns::parse::{Parsed, parse};
use crate::dns::{Name, QueryName, rtype};
use crate::locate::{Client, Subnet};
use crate::model::Family;
use crate::plan::{Asked, Asker, Policies, Sides, policy_of};

/// Distinct clients of a recording that are told apart.
const ASKERS_MAX: usize = 10_000_000;
/// Names of a policy that are remembered.
const NAMES_MAX: usize = 1_000;

/// What is said of a recording.
#[derive(Debug, Serialize)]
pub struct Recording {
    pub file: String,
    /// Queries for addresses of names that are balanced before and after.
    pub counted: u64,
    /// Queries for anything else.
    pub others: u64,
    /// What were no queries, or not whole.
    pub skipped: Skipped,
}

/// Those who asked for names of the same policies.
pub struct OfPolicies {
    pub policies: Policies,
    pub names: Vec<String>,
    pub asked: Vec<Asked>,
    /// Of the addresses that they asked for.
    pub families: BTreeSet<&'static str>,
}

/// Which queries count.
pub struct Wanted<'w> {
    /// All, or only those for that name.
    pub name: Option<&'w Name>,
    pub family: Option<Family>,
    /// Of packets.
    pub port: u16,
}

/// # Errors
/// In words, with the place.
pub fn read(
    sides: &Sides<'_>,
    path: &Path,
    wanted: &Wanted<'_>,
) -> Result<(Recording, Vec<OfPolicies>), String> {
    let mut reading = Reading {
        sides,
        name: wanted.name.map(|name| name.to_lowercase()),
        family: wanted.family,
        asked: QueryName::default(),
        found: BTreeMap::new(),
        distinct: 0,
        counted: 0,
        others: 0,
    };
    let skipped = recorded::read(path, wanted.port, &mut |captured| {
        let is_counted = reading.take(captured);
        match is_counted {
            true => reading.counted += 1,
            false => reading.others += 1,
        }
        match reading.distinct > ASKERS_MAX {
            true => Err(format!("more than {ASKERS_MAX} distinct clients")),
            false => Ok(()),
        }
    })?;
    let recording = Recording {
        file: path.display().to_string(),
        counted: reading.counted,
        others: reading.others,
        skipped,
    };
    let found = reading.found.into_iter();
    Ok((recording, found.map(Found::finish).collect()))
}

struct Reading<'a> {
    sides: &'a Sides<'a>,
    /// In lower case.
    name: Option<Name>,
    family: Option<Family>,
    asked: QueryName,
    found: BTreeMap<Policies, Found>,
    distinct: usize,
    counted: u64,
    others: u64,
}

#[derive(Default)]
struct Found {
    names: BTreeSet<Box<[u8]>>,
    askers: HashMap<Asker, u64>,
}

impl Found {
    fn finish((policies, found): (Policies, Found)) -> OfPolicies {
        let names = found
            .names
            .iter()
            .filter_map(|wire| Name::from_wire(wire).ok());
        let asked = found.askers.into_iter();
        let mut asked: Vec<Asked> = asked.map(|(asker, count)| Asked { asker, count }).collect();
        // So that draws are the same each time.
        let key = |asked: &Asked| {
            let subnet = asked.asker.after.subnet;
            let subnet = subnet.map(|subnet| (subnet.address, subnet.source));
            (asked.asker.family as u8, subnet, asked.asker.after.resolver)
        };
        asked.sort_unstable_by_key(key);
        OfPolicies {
            policies,
            names: names.map(|name| name.to_string()).collect(),
            families: asked
                .iter()
                .map(|asked| super::type_of(asked.asker.family))
                .collect(),
            asked,
        }
    }
}

impl Reading<'_> {
    /// Whether the query counts.
    fn take(&mut self, captured: &Captured<'_>) -> bool {
        let Ok(parsed) = parse(captured.message, &mut self.asked) else {
            return false;
        };
        let family = match parsed.qtype {
            rtype::A => Family::V4,
            rtype::AAAA => Family::V6,
            _ => return false,
        };
        let is_other = |wanted: Family| wanted != family;
        let wire = self.asked.wire();
        if self.family.is_some_and(is_other)
            || self
                .name
                .as_ref()
                .is_some_and(|name| name.as_wire() != wire)
        {
            return false;
        }
        let policy = |side: &crate::plan::Side<'_>| policy_of(side.root, &self.asked, parsed.qtype);
        let (before, after) = (policy(&self.sides.before), policy(&self.sides.after));
        let (Some(before), Some(after)) = (before, after) else {
            return false;
        };
        let policies = Policies {
            before: before.0,
            after: after.0,
        };
        let found = self.found.entry(policies).or_default();
        if found.names.len() < NAMES_MAX && !found.names.contains(wire) {
            found.names.insert(wire.into());
        }
        let asker = Asker {
            family,
            before: client(&parsed, captured.peer, before.1),
            after: client(&parsed, captured.peer, after.1),
        };
        let count = found.askers.entry(asker).or_default();
        self.distinct += usize::from(*count == 0);
        *count += 1;
        true
    }
}

/// As the answer engine understands it.
fn client(parsed: &Parsed, resolver: IpAddr, heeds_subnets: bool) -> Client {
    let subnet = parsed.edns.and_then(|edns| edns.subnet);
    let subnet = subnet.filter(|subnet| heeds_subnets && subnet.source > 0);
    Client {
        subnet: subnet.map(|subnet| Subnet {
            address: subnet.address,
            source: subnet.source,
        }),
        resolver,
    }
}
