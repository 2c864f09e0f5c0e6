//! Any text as a configuration: no panic in reading it, nor in compiling what was accepted.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use meridian::config::{self, Diagnostics};
use meridian::{compile, geoip};

fuzz_target!(|text: &str| {
    // What it includes would be whatever this machine has, so that is looked for where nothing is.
    let mut config = match config::parse(text, Path::new("/nonexistent/fuzz.toml")) {
        Ok(loaded) => {
            assert!(!loaded.warnings.has_errors());
            loaded.config
        }
        Err(mistakes) => {
            assert!(mistakes.diagnostics.has_errors());
            return;
        }
    };
    // The files that it names would be whatever this machine has.
    config.zones.clear();
    config.geoip.databases.clear();
    config.geoip.feeds.clear();
    let mut diagnostics = Diagnostics::new();
    let world = geoip::load(&config, &mut diagnostics);
    assert!(!diagnostics.has_errors());
    let parts = compile::compile(&config, &world, &mut diagnostics);
    assert_eq!(parts.is_none(), diagnostics.has_errors());
});
