//! From a path to everything that a server needs, or to everything that is wrong with it.

use std::path::Path;
use std::sync::Arc;

use super::{Parts, compile};
use crate::config::{self, Config, Diagnostics};
use crate::geoip::{self, World};

/// A configuration with all that it names read and compiled.
#[derive(Clone)]
pub struct Whole {
    pub config: Arc<Config>,
    pub world: Arc<World>,
    pub parts: Parts,
}

/// A change to what was read, before it is compiled.
pub type Adjust = dyn Fn(&mut Config) + Send + Sync;

/// Reads `path` and all that it names. With the result come the warnings; an error comes with every
/// mistake that could be found.
pub fn load(path: &Path, adjust: Option<&Adjust>) -> Result<(Whole, Diagnostics), Diagnostics> {
    let config::Loaded {
        mut config,
        warnings: mut diagnostics,
    } = config::load(path)?;
    if let Some(adjust) = adjust {
        adjust(&mut config);
    }
    let world = geoip::load(&config, &mut diagnostics);
    match compile(&config, &world, &mut diagnostics) {
        Some(parts) if !diagnostics.has_errors() => {
            let whole = Whole {
                config: Arc::new(config),
                world: Arc::new(world),
                parts,
            };
            Ok((whole, diagnostics))
        }
        _ => Err(diagnostics),
    }
}
