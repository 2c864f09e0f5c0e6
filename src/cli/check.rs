//! `meridian check`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::compile::advice::{PolicyScope, policy_scopes};
use crate::compile::{self, Parts, Whole, machine};
use crate::config::{Config, Diagnostics, Severity};
use crate::model::CLIENT_BITS;

/// Zones, names and policies that have a line each; further ones are summed up.
const LINES_MAX: usize = 100;

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// Print the mistakes as JSON on standard output
    #[arg(long)]
    json: bool,
    /// Refuse what would only be warned of, too
    #[arg(long)]
    strict: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let (diagnostics, whole) = match compile::load(&arguments.config, None) {
        Ok((whole, mut warnings)) => {
            machine::warn_of_monitors(&whole.config, &mut warnings);
            (warnings, Some(whole))
        }
        Err(diagnostics) => (diagnostics, None),
    };
    let is_refused = whole.is_none() || arguments.strict && !diagnostics.is_empty();
    if arguments.json {
        let list = serde_json::to_string_pretty(&diagnostics.sorted());
        super::print(&format!("{}\n", list.unwrap_or_default()));
    } else {
        super::print_diagnostics(&diagnostics);
        let config = arguments.config.display();
        let found = found(&diagnostics);
        super::print(&match &whole {
            Some(whole) if !is_refused => format!("{config}: ok, {found}\n{}", summary(whole)),
            Some(_) => format!("{config}: refused by --strict: {found}\n"),
            None => format!("{config}: {found}\n"),
        });
    }
    if is_refused {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// "2 errors, no warnings"
fn found(diagnostics: &Diagnostics) -> String {
    let count = |severity| {
        let all = diagnostics.iter();
        all.filter(|d| d.severity == severity).count()
    };
    let errors = match count(Severity::Error) {
        0 => String::new(),
        n => counted(n, "error") + ", ",
    };
    match count(Severity::Warning) {
        0 => errors + "no warnings",
        n => errors + &counted(n, "warning"),
    }
}

/// "1 zone", "2 zones", "3 policies"
fn counted(n: usize, noun: &str) -> String {
    match (n, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, None) if noun.ends_with('s') => format!("{n} {noun}es"),
        (_, Some(stem)) => format!("{n} {stem}ies"),
        _ => format!("{n} {noun}s"),
    }
}

fn summary(whole: &Whole) -> String {
    let Whole {
        config,
        world,
        parts,
        ..
    } = whole;
    let mut text = zones(config, parts);
    text += &format!(
        "  {}, {}, {}, {}, {}\n",
        counted(config.regions.len(), "region"),
        counted(config.pools.len(), "pool"),
        counted(parts.pools.endpoints.len(), "endpoint"),
        counted(
            config.policies.iter().filter(|p| p.is_written()).count(),
            "policy"
        ),
        counted(parts.targets.len(), "probe target"),
    );
    if let Some(forwarder) = &config.forwarder {
        let listeners = counted(forwarder.listeners.len(), "listener");
        let routes = counted(forwarder.routes.len(), "route");
        text += &format!("  forwarder: {listeners}, {routes}\n");
    }
    text += &aliases(config);
    text += &format!(
        "  {} known, in {}, {}\n",
        counted(world.v4.len() + world.v6.len(), "network range"),
        counted(world.locations.len(), "location"),
        size(world.bytes()),
    );
    text += &names(config, parts);
    for (id, map) in parts.maps.iter().enumerate() {
        let classes = match (map.regions.len(), map.class_count()) {
            (0, _) => "rules".to_owned(),
            (regions, 1) => format!("{}, 1 class", counted(regions, "region")),
            (regions, n) => format!("{}, {n} classes", counted(regions, "region")),
        };
        text += &format!(
            "  map {id} ({}): {classes}, {}, {}\n",
            super::readers_of(parts, id),
            counted(map.table.run_count(), "run"),
            size(map.table.bytes()),
        );
    }
    text
}

/// Names whose addresses are endpoints.
fn aliases(config: &Config) -> String {
    let names = config.alias_names();
    let mut text = String::new();
    for name in names.iter().take(LINES_MAX) {
        text += &format!("  alias {name}: its addresses are resolved by a running server only\n");
    }
    if names.len() > LINES_MAX {
        text += &format!("  and {} more\n", counted(names.len() - LINES_MAX, "alias"));
    }
    text
}

/// "512 octets", "4.1 MB"
fn size(bytes: usize) -> String {
    match bytes {
        0..1_000_000 => format!("{bytes} octets"),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// How much each zone holds; of many, all together.
fn zones(config: &Config, parts: &Parts) -> String {
    let mut text = String::new();
    let (mut records, mut balanced) = (0, 0);
    let zones = config.zones.iter().zip(&*parts.served);
    for (number, (declared, served)) in zones.enumerate() {
        let (own_records, own_balanced) = (served.zone.record_count(), declared.balanced.len());
        records += own_records;
        balanced += own_balanced;
        if number < LINES_MAX {
            text += &format!(
                "  zone {}: {}, {}\n",
                declared.apex,
                counted(own_records, "record"),
                counted(own_balanced, "balanced name")
            );
        }
    }
    if config.zones.len() > LINES_MAX {
        text += &format!(
            "  and {} more; {} in all: {}, {}\n",
            config.zones.len() - LINES_MAX,
            counted(config.zones.len(), "zone"),
            counted(records, "record"),
            counted(balanced, "balanced name")
        );
    }
    text
}

/// How finely caches keep each balanced name apart; of many, the names of each policy.
fn names(config: &Config, parts: &Parts) -> String {
    let scopes = policy_scopes(config, parts);
    let count: usize = scopes.iter().map(|scope| scope.owners.len()).sum();
    let mut text = String::new();
    for scope in scopes.iter().take(LINES_MAX) {
        let policy = &config.policies[scope.policy.index()].name;
        let mean = mean(scope);
        if count > LINES_MAX {
            let names = counted(scope.owners.len(), "name");
            text += &format!("  policy {policy}: {names}, mean scope {mean}\n");
            continue;
        }
        for owner in &scope.owners {
            text += &format!("  name {owner}: policy {policy}, mean scope {mean}\n");
        }
    }
    if scopes.len() > LINES_MAX {
        let more = scopes.len() - LINES_MAX;
        text += &format!("  and {} more\n", counted(more, "policy"));
    }
    text
}

/// In words.
fn mean(scope: &PolicyScope) -> String {
    let mean = |family: &str, mean: Option<f64>| mean.map(|mean| format!("/{mean:.1} {family}"));
    let means: Vec<_> = [mean("IPv4", scope.mean_v4), mean("IPv6", scope.mean_v6)]
        .into_iter()
        .flatten()
        .collect();
    let map = scope.lengthened_by.filter(|_| !means.is_empty());
    let means = match (scope.is_by_client, means.is_empty()) {
        (true, _) => {
            let [v4, v6] = CLIENT_BITS;
            return format!("/{v4} IPv4, /{v6} IPv6 or more: it goes by the client's network");
        }
        (false, true) => "/0: the same for every client".to_owned(),
        (false, false) => means.join(", "),
    };
    let map = map.map_or_else(String::new, |map| format!(", from map {}", map.0));
    means + &map
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn nouns_follow_their_numbers() {
        assert_eq!(counted(0, "policy"), "0 policies");
        assert_eq!(counted(1, "policy"), "1 policy");
        assert_eq!(counted(2, "error"), "2 errors");
        assert_eq!(counted(2, "alias"), "2 aliases");
    }
}
