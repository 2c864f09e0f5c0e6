//! Reads `[network.NAME]`.

use std::collections::HashMap;

use ipnet::IpNet;

use super::address::prefix;
use super::location::location;
use super::reader::{Reader, Table, Value, ticked};
use super::references::References;
use super::scalar::one_or_many;
use super::{At, Network};

/// All own networks, by their place in the file; `None` where one cannot be read.
pub(super) fn networks(reader: &mut Reader, references: &mut References) -> Vec<Option<Network>> {
    let mut taken = HashMap::new();
    let tables = references.networks.take();
    tables
        .map(|(name, table)| network(reader, name, table?, &mut taken))
        .collect()
}

fn network<'t>(
    reader: &mut Reader,
    name: &'t str,
    mut table: Table<'t>,
    taken: &mut HashMap<IpNet, (&'t str, usize)>,
) -> Option<Network> {
    let example = "[\"203.0.113.0/24\"]";
    let prefixes = table.required(reader, "prefixes", example, |reader, value| {
        prefixes(reader, value, name, taken)
    });
    let location = table.optional(reader, "location", location);
    table.finish(reader);
    Some(Network {
        name: name.to_owned(),
        prefixes: prefixes?,
        location,
        places_clients: true,
    })
}

/// The prefixes of one network; none may stand in two places, or which one wins would be chance.
fn prefixes<'t>(
    reader: &mut Reader,
    value: &'t Value<'t>,
    name: &'t str,
    taken: &mut HashMap<IpNet, (&'t str, usize)>,
) -> Option<Vec<At<IpNet>>> {
    let prefixes = one_or_many(reader, value, |reader, value| {
        let prefix = prefix(reader, value)?;
        let at = value.span().start;
        if let Some(&(owner, first)) = taken.get(&prefix.value) {
            let message = format!("{} is in network {} already", prefix.value, ticked(owner));
            let help = format!("it stands {}", reader.elsewhere(first, at));
            reader.error(value.span(), message, Some(help));
        } else {
            taken.insert(prefix.value, (name, at));
        }
        Some(prefix)
    })?;
    let written = value.get_ref().as_array().map_or(1, |array| array.len());
    if written == 0 {
        reader.error(value.span(), "`prefixes` is empty", None);
    }
    Some(prefixes)
}

/// Reports networks that say nothing: without a location, served by no region and in no list; and
/// notes which only stand in lists. Call when all tables were read without mistakes.
pub(super) fn check_use(
    reader: &mut Reader,
    references: &References,
    networks: &mut [Option<Network>],
) {
    let mut by_name: HashMap<String, &mut Network> = networks
        .iter_mut()
        .flatten()
        .map(|network| (network.name.clone(), network))
        .collect();
    for (name, span) in references.networks.unused() {
        let read = by_name.get_mut(name);
        let Some(network) = read.filter(|network| network.location.is_none()) else {
            continue;
        };
        network.places_clients = false;
        if !references.is_listed(name) {
            let message = format!("network {} has no location", ticked(name));
            let help = format!("give it one, or let a region serve \"network:{name}\"");
            reader.error(span, message, Some(help));
        }
    }
}
