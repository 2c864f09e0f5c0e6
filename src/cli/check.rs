//! `meridian check`

use std::path::PathBuf;
use std::process::ExitCode;

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
    for (id, map) in parts.maps.iter().enumerate() {
        text += &format!(
            "  map {id}: {} regions, {} classes\n",
            map.regions.len(),
            map.class_count()
        );
    }
    text
}
