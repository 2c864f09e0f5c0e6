//! Reads `[pool.NAME]`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use toml::de::DeValue;

use super::address::{endpoint_destination, socket};
use super::forwarder::backend;
use super::load::{capacity, pool_load};
use super::reader::{Reader, Table, Value, quoted};
use super::references::References;
use super::registration::registration;
use super::scalar::{boolean, choice, integer, list, text};
use super::units::duration;
use super::unprobed::one_or_all;
use super::zone::absolute_name;
use super::{ALIAS_ADDRESSES_MAX, Alias, Endpoint, Origin, Place, Pool};
use crate::dns::Name;
use crate::hashing::rendezvous::ITEMS_MAX;
use crate::model::{Balance, Destination, MinHealthy};

/// Endpoints of all pools together.
pub(super) const ENDPOINTS_MAX: usize = 1_000_000;

/// All pools, by their place in the file; `None` where one cannot be read.
pub(super) fn pools(reader: &mut Reader, references: &mut References) -> Vec<Option<Pool>> {
    let mut endpoints_left = ENDPOINTS_MAX;
    let tables = references.pools.take();
    tables
        .map(|(name, table)| pool(reader, references, name, table?, &mut endpoints_left))
        .collect()
}

fn pool(
    reader: &mut Reader,
    references: &mut References,
    name: &str,
    mut table: Table,
    endpoints_left: &mut usize,
) -> Option<Pool> {
    let region = table.required(reader, "region", "\"eu\"", |r, v| references.region(r, v));
    let monitor = table.optional(reader, "monitor", |r, v| one_or_all(r, references, v));
    let is_monitored = table.key_span("monitor").is_some();
    let balance = table.optional(reader, "balance", balance);
    let min_healthy = table.optional(reader, "min_healthy", min_healthy);
    let min_healthy_span = table.key_span("min_healthy");
    let serve_whole = table.optional(reader, "serve_whole", boolean);
    let balance_span = table.key_span("balance");
    let slow_start = table.optional(reader, "slow_start", |r, v| {
        duration(r, v, Duration::from_secs(1)..=Duration::from_secs(3600))
    });
    let manual_resume = table.optional(reader, "manual_resume", boolean);
    if !is_monitored {
        for key in ["slow_start", "manual_resume"] {
            table.refuse(reader, key, "has no effect in a pool without `monitor`");
        }
    }
    let load = pool_load(reader, references, &mut table);
    let backend = table.optional(reader, "backend", backend);
    let example = "[\"192.0.2.1\"]";
    let registration = table.optional(reader, "registration", registration);
    let registered_max = registration.map_or(0, |registration| registration.max as usize);
    let may_be_empty = table.key_span("registration").is_some();
    let is_room = take(endpoints_left, registered_max);
    let read = |reader: &mut Reader, value: &Value| {
        endpoints(reader, value, is_monitored, may_be_empty, endpoints_left)
    };
    let endpoints = match may_be_empty && table.key_span("endpoints").is_none() {
        true => Some((Vec::new(), Vec::new())),
        false => table.required(reader, "endpoints", example, read),
    };
    let registration_span = table.key_span("registration");
    table.finish(reader);
    if let Some(span) = registration_span {
        check_registration(reader, span, is_room, endpoints.as_ref());
    }
    let most = |(endpoints, aliases): &(Vec<Endpoint>, Vec<Alias>)| {
        endpoints.len() + aliases.len() * ALIAS_ADDRESSES_MAX + registered_max
    };
    let most = endpoints.as_ref().map(most);
    if let (Some(Balance::Rendezvous), Some(span), Some(most)) = (balance, balance_span, most)
        && most > ITEMS_MAX
    {
        let message = format!("`rendezvous` among {most} endpoints");
        let help = format!("at most {ITEMS_MAX} are allowed; `consistent-hash` takes any number");
        reader.error(span, message, Some(help));
    }
    if let (Some(MinHealthy::Count(least)), Some(most)) = (min_healthy, most)
        && least as usize > most
        && let Some(span) = min_healthy_span
    {
        let message = format!("`min_healthy` asks for {least} of {most} endpoints");
        let place = reader.place(span.start);
        reader.warning_at(&place, message, Some("it takes them all then".to_owned()));
    }
    let (endpoints, aliases) = endpoints?;
    Some(Pool {
        name: name.to_owned(),
        region: region?,
        monitor,
        balance: balance.unwrap_or(Balance::Weighted),
        min_healthy: min_healthy.unwrap_or_default(),
        serve_whole: serve_whole.unwrap_or(false),
        slow_start,
        manual_resume: manual_resume.unwrap_or(false),
        load,
        registration,
        backend: backend.unwrap_or_default(),
        endpoints,
        aliases,
    })
}

/// `registration`, where there is one, goes with the endpoints that are written.
fn check_registration(
    reader: &mut Reader,
    span: Range<usize>,
    is_room: bool,
    endpoints: Option<&(Vec<Endpoint>, Vec<Alias>)>,
) {
    if !is_room {
        let message = format!("more than {ENDPOINTS_MAX} endpoints in all");
        let help = "those that may register count".to_owned();
        reader.error(span, message, Some(help));
    } else if let Some((endpoints, _)) = endpoints
        && endpoints.iter().any(|e| e.destination.address().is_none())
    {
        let message = "endpoints cannot register in a pool of names";
        let help = "who registers is an address; write two pools, and a policy of both";
        reader.error(span, message, Some(help.to_owned()));
    }
}

/// How one of several is chosen.
pub(super) fn balance(reader: &mut Reader, value: &Value) -> Option<Balance> {
    let all = Balance::ALL.into_iter().chain(Balance::BY_LOAD);
    let choices: Vec<_> = all.map(|balance| (balance.name(), balance)).collect();
    choice(reader, value, &choices)
}

/// `2` or `"50%"`
fn min_healthy(reader: &mut Reader, value: &Value) -> Option<MinHealthy> {
    const EXPECTED: &str = "a number of endpoints such as 2, or a share such as \"50%\"";
    match value.get_ref() {
        DeValue::Integer(_) => {
            integer(reader, value, 1..=ENDPOINTS_MAX as u32).map(MinHealthy::Count)
        }
        DeValue::String(text) => {
            let percent = text.strip_suffix('%').and_then(|text| text.parse().ok());
            match percent {
                Some(percent @ 1..=100) => Some(MinHealthy::Percent(percent)),
                _ => {
                    let message = format!("expected {EXPECTED}, found {}", quoted(text));
                    let help = "a share is from \"1%\" to \"100%\"".to_owned();
                    reader.error(value.span(), message, Some(help));
                    None
                }
            }
        }
        _ => reader.wrong_type(value, EXPECTED),
    }
}

/// One element of `endpoints`.
enum Element {
    Endpoint(Endpoint),
    Alias(Alias),
}

/// The endpoints of a pool: at least one, each address and each name once.
fn endpoints<'t>(
    reader: &mut Reader,
    value: &'t Value<'t>,
    is_monitored: bool,
    may_be_empty: bool,
    left: &mut usize,
) -> Option<(Vec<Endpoint>, Vec<Alias>)> {
    let written = value.get_ref().as_array().map_or(0, |array| array.len());
    let mut is_room = take(left, written);
    let mut seen: HashMap<(Destination, bool), usize> = HashMap::new();
    let mut of_addresses = None;
    let (mut endpoints, mut aliases) = (Vec::new(), Vec::new());
    let expected = "a list of endpoints such as [\"192.0.2.1\", \"192.0.2.2\"]";
    list(reader, value, expected, |reader, value| {
        if !is_room {
            return None;
        }
        let (destination, is_alias) = match element(reader, value, is_monitored)? {
            Element::Endpoint(endpoint) => {
                let destination = endpoint.destination.clone();
                endpoints.push(endpoint);
                (destination, false)
            }
            Element::Alias(alias) => {
                is_room &= take(left, ALIAS_ADDRESSES_MAX - 1);
                let destination = Destination::Name(alias.name.clone());
                aliases.push(alias);
                (destination, true)
            }
        };
        let is_address = is_alias || destination.address().is_some();
        let at = value.span().start;
        if let Some(first) = seen.insert((destination.clone(), is_alias), at) {
            let stands = reader.elsewhere(first, at);
            let message = format!("{destination} is in this pool already");
            let help = format!("it stands {stands}; `weight` says how much it gets");
            reader.error(value.span(), message, Some(help));
        }
        if is_address != *of_addresses.get_or_insert(is_address) {
            let message = "a pool has addresses or names, and not both";
            let help = "an answer is one CNAME or addresses; write two pools, and a policy of both";
            reader.error(value.span(), message, Some(help.to_owned()));
        }
        Some(())
    })?;
    if !is_room {
        let message = format!("more than {ENDPOINTS_MAX} endpoints in all");
        let help = format!("an alias counts as {ALIAS_ADDRESSES_MAX}");
        let help = (!aliases.is_empty()).then_some(help);
        reader.error(value.span(), message, help);
        return None;
    }
    if written == 0 && !may_be_empty {
        let help = "a pool needs one endpoint at least".to_owned();
        reader.error(value.span(), "`endpoints` is empty", Some(help));
    }
    Some((endpoints, aliases))
}

/// Takes `count` off what is left, if that suffices.
pub(super) fn take(left: &mut usize, count: usize) -> bool {
    let rest = left.checked_sub(count);
    *left = rest.unwrap_or(0);
    rest.is_some()
}

/// `"192.0.2.1"`, `{ address, weight, check, capacity }`, or the same with `cname` or `alias`.
fn element<'t>(reader: &mut Reader, value: &'t Value<'t>, is_monitored: bool) -> Option<Element> {
    let place = reader.place(value.span().start);
    if let DeValue::String(_) = value.get_ref() {
        return Some(Element::Endpoint(Endpoint {
            destination: endpoint_destination(reader, value)?,
            weight: 1,
            check: None,
            capacity: None,
            origin: Origin::Written,
            place,
        }));
    }
    let expected = "an endpoint such as \"192.0.2.1\" or { address = \"192.0.2.1\", weight = 2 }";
    let mut table = Table::of(reader, "an endpoint", value, expected)?;
    if let Some((_, name)) = table.entry("alias") {
        return alias(reader, table, name, place).map(Element::Alias);
    }
    let destination = destination(reader, &mut table);
    let weight = table.optional(reader, "weight", |r, v| integer(r, v, 0..=u16::MAX));
    let check = table.optional(reader, "check", |r, v| socket(r, v, false));
    if !is_monitored {
        table.refuse(reader, "check", "has no effect in a pool without `monitor`");
    }
    let capacity = capacity(reader, &mut table);
    table.finish(reader);
    Some(Element::Endpoint(Endpoint {
        destination: destination?,
        weight: weight.unwrap_or(1),
        check,
        capacity,
        origin: Origin::Written,
        place,
    }))
}

/// `{ alias, weight, capacity }`
fn alias(reader: &mut Reader, mut table: Table, name: &Value, place: Place) -> Option<Alias> {
    let name = other_name(reader, name);
    let weight = table.optional(reader, "weight", |r, v| integer(r, v, 0..=u16::MAX));
    let capacity = capacity(reader, &mut table);
    let others = ["address", "cname", "check"];
    table.know(&others);
    for key in others {
        table.refuse(reader, key, "does not go with `alias`");
    }
    table.finish(reader);
    Some(Alias {
        name: name?,
        weight: weight.unwrap_or(1),
        capacity,
        is_resolved: false,
        place,
    })
}

/// `address` or `cname`.
fn destination(reader: &mut Reader, table: &mut Table) -> Option<Destination> {
    let name = table.optional(reader, "cname", other_name);
    let Some(span) = table.key_span("cname") else {
        let example = "\"192.0.2.1\"";
        return table.required(reader, "address", example, endpoint_destination);
    };
    if table.entry("address").is_some() {
        let message = "an endpoint has an `address` or a `cname`, and not both";
        reader.error(span, message, None);
        return None;
    }
    name.map(Destination::Name)
}

/// A name that others answer for.
fn other_name(reader: &mut Reader, value: &Value) -> Option<Name> {
    let text = text(reader, value, "a name such as \"cdn.example.net.\"")?;
    if text.parse::<IpAddr>().is_ok() {
        let message = format!("{} is an address", quoted(text));
        let help = format!("write `address = {}`", quoted(text));
        reader.error(value.span(), message, Some(help));
        return None;
    }
    let name = absolute_name(reader, text, value.span())?;
    if name.label_count() == 0 {
        reader.error(value.span(), "nobody answers for the root", None);
        return None;
    }
    Some(name)
}
