//! `meridian check`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::compile::advice::{NameScope, name_scopes};
use crate::compile::{self, Whole};
use crate::config::Severity;

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
        let list = serde_json::to_string_pretty(&diagnostics.clone().sorted());
        super::print(&format!("{}\n", list.unwrap_or_default()));
    } else {
        super::print_diagnostics(&diagnostics);
        let count = |severity| {
            diagnostics
                .iter()
                .filter(|d| d.severity == severity)
                .count()
        };
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        match &whole {
            Some(whole) => super::print(&summary(whole, warnings)),
            None => super::print(&format!(
                "{}: {errors} errors, {warnings} warnings\n",
                arguments.config.display()
            )),
        }
    }
    if whole.is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn summary(whole: &Whole, warnings: usize) -> String {
    let Whole {
        config,
        world,
        parts,
    } = whole;
    let mut text = format!("{}: ok, {warnings} warnings\n", config.path.display());
    for entry in parts.zones.iter() {
        let zone = &entry.zone;
        let balanced = config
            .zones
            .iter()
            .find(|z| z.apex == zone.apex)
            .map_or(0, |z| z.balanced.len());
        text += &format!(
            "  zone {}: {} records, {balanced} balanced names\n",
            zone.apex,
            zone.record_count()
        );
    }
    text += &format!(
        "  {} regions, {} pools, {} endpoints, {} policies, {} probe targets\n",
        config.regions.len(),
        config.pools.len(),
        parts.pools.endpoints.len(),
        config.policies.len(),
        parts.targets.len(),
    );
    text += &format!(
        "  {} networks known, {} locations\n",
        world.v4.len() + world.v6.len(),
        world.locations.len()
    );
    for scope in name_scopes(config, parts) {
        text += &describe(&scope, &config.policies[scope.policy.index()].name);
    }
    for (id, map) in parts.maps.iter().enumerate() {
        text += &format!(
            "  map {id}: {} regions, {} classes\n",
            map.regions.len(),
            map.class_count()
        );
    }
    text
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
