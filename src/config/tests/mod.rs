//! A right configuration is read whole; each mistake is reported once, at its place.

mod files;
mod forwarding;
mod identity;
mod limits;
mod listeners;
mod mistakes;
mod never_panics;
mod probes;
mod right;
mod routes;
mod steering;
mod traffic;
mod watchers;

use std::path::Path;

use super::{Diagnostic, Diagnostics, Loaded, parse};

/// A configuration that uses every key.
const FULL: &str = include_str!("full.toml");

fn parse_text(text: &str) -> Result<Loaded, Diagnostics> {
    let parsed = parse(text, Path::new("/etc/meridian/meridian.toml"));
    parsed.map_err(|refused| refused.diagnostics)
}

/// Everything reported for a text, errors and warnings, as `line:column: severity: message (help)`.
fn reported(text: &str) -> Vec<String> {
    let diagnostics = match parse_text(text) {
        Ok(loaded) => loaded.warnings,
        Err(diagnostics) => diagnostics,
    };
    diagnostics.iter().map(without_file).collect()
}

fn without_file(diagnostic: &Diagnostic) -> String {
    let shown = diagnostic.to_string();
    let shown = shown.strip_prefix("/etc/meridian/meridian.toml:");
    shown
        .expect("every diagnostic names the file")
        .trim_start()
        .to_owned()
}

/// The text without its marker `¦`, and the marker's `line:column`.
fn marked(text: &str) -> (String, String) {
    let (before, _) = text.split_once('¦').expect("a marker");
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (text.replacen('¦', "", 1), format!("{line}:{column}"))
}
