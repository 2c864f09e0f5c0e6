//! From a path to everything that a server needs, or to everything that is wrong with it.

use std::path::Path;
use std::sync::Arc;

use super::{Parts, compile, zonefile};
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
/// mistake that could be found, in the files that a refused configuration names, too.
pub fn load(path: &Path, adjust: Option<&Adjust>) -> Result<(Whole, Diagnostics), Diagnostics> {
    let config::Loaded {
        mut config,
        warnings: mut diagnostics,
    } = config::load(path).map_err(with_files)?;
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

/// Everything that is wrong with a refused configuration and with the files that it names. Of those,
/// errors only: without all balanced names, a zone looks as if it lacked some of its addresses.
fn with_files(refused: config::Refused) -> Diagnostics {
    let config::Refused {
        mut diagnostics,
        zones,
        geoip,
    } = refused;
    let mut found = Diagnostics::new();
    geoip::load_sources(&geoip, &[], &mut found);
    for zone in zones {
        let owners: Vec<_> = zone.balanced.into_iter().map(|name| name.owner).collect();
        zonefile::read(&zone.file.value, &zone.apex, &owners, &mut found);
    }
    found.retain_errors();
    diagnostics.extend(found);
    diagnostics
}
