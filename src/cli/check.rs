//! `meridian check`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::compile::advice::{NameScope, name_scopes};
use crate::compile::{self, Whole};
use crate::config::{Diagnostics, Severity};

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// Print the mistakes as JSON on standard output
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let (diagnostics, whole) = match compile::load(&arguments.config, None) {
        Ok((whole, warnings)) => (warnings, Some(whole)),
        Err(diagnostics) => (diagnostics, None),
    };
    if arguments.json {
        let list = serde_json::to_string_pretty(&diagnostics.sorted());
        super::print(&format!("{}\n", list.unwrap_or_default()));
    } else {
        super::print_diagnostics(&diagnostics);
        let config = arguments.config.display();
        let found = found(&diagnostics);
        super::print(&match &whole {
            Some(whole) => format!("{config}: ok, {found}\n{}", summary(whole)),
            None => format!("{config}: {found}\n"),
        });
    }
    if whole.is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
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
    let mut text = String::new();
    for entry in parts.zones.iter() {
        let zone = &entry.zone;
        let declared = config.zones.iter().find(|z| z.apex == zone.apex);
        let balanced = declared.map_or(0, |zone| zone.balanced.len());
        text += &format!(
            "  zone {}: {}, {}\n",
            zone.apex,
            counted(zone.record_count(), "record"),
            counted(balanced, "balanced name")
        );
    }
    text += &format!(
        "  {}, {}, {}, {}, {}\n",
        counted(config.regions.len(), "region"),
        counted(config.pools.len(), "pool"),
        counted(parts.pools.endpoints.len(), "endpoint"),
        counted(config.policies.len(), "policy"),
        counted(parts.targets.len(), "probe target"),
    );
    text += &format!(
        "  {} known, in {}, {}\n",
        counted(world.v4.len() + world.v6.len(), "network range"),
        counted(world.locations.len(), "location"),
        size(world.bytes()),
    );
    for scope in name_scopes(config, parts) {
        text += &describe(&scope, &config.policies[scope.policy.index()].name);
    }
    for (id, map) in parts.maps.iter().enumerate() {
        text += &format!(
            "  map {id} ({}): {}, {}, {}, {}\n",
            super::policies_of(&parts.pools, id),
            counted(map.regions.len(), "region"),
            match map.class_count() {
                1 => "1 class".to_owned(),
                n => format!("{n} classes"),
            },
            counted(map.table.run_count(), "run"),
            size(map.table.bytes()),
        );
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

/// How finely caches keep a name apart.
fn describe(scope: &NameScope, policy: &str) -> String {
    let mean = |family: &str, mean: Option<f64>| mean.map(|mean| format!("/{mean:.1} {family}"));
    let means: Vec<_> = [mean("IPv4", scope.mean_v4), mean("IPv6", scope.mean_v6)]
        .into_iter()
        .flatten()
        .collect();
    let map = scope.lengthened_by.filter(|_| !means.is_empty());
    let means = if means.is_empty() {
        "/0: the same for every client".to_owned()
    } else {
        means.join(", ")
    };
    let map = map.map_or_else(String::new, |map| format!(", from map {}", map.0));
    format!(
        "  name {}: policy {policy}, mean scope {means}{map}\n",
        scope.owner
    )
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn nouns_follow_their_numbers() {
        assert_eq!(counted(0, "policy"), "0 policies");
        assert_eq!(counted(1, "policy"), "1 policy");
        assert_eq!(counted(2, "error"), "2 errors");
    }
}
