//! From a path to everything that a server needs, or to everything that is wrong with it.

use std::path::Path;
use std::sync::Arc;

use super::nested::Apexes;
use super::zones::{Before, owners};
use super::{Parts, compile_after, recompile_maps, zonefile};
use crate::config::{self, Config, Diagnostics};
use crate::geoip::watch::Stamps;
use crate::geoip::{self, World};

/// A configuration with all that it names read and compiled.
#[derive(Clone)]
pub struct Whole {
    pub config: Arc<Config>,
    pub world: Arc<World>,
    pub parts: Parts,
    /// Of the databases and feeds, from before they were read.
    pub stamps: Stamps,
}

/// A change to what was read, before it is compiled.
pub type Adjust = dyn Fn(&mut Config) + Send + Sync;

/// Reads `path` and all that it names. With the result come the warnings; an error comes with every
/// mistake that could be found, in the files that a refused configuration names, too.
pub fn load(path: &Path, adjust: Option<&Adjust>) -> Result<(Whole, Diagnostics), Diagnostics> {
    load_after(None, path, adjust)
}

/// The same `before` something that serves, at `now_unix_ms`. A zone file with errors refuses nothing
/// but itself: that zone goes on with the data that it has, or is there without data. What the matter
/// is stands in [`ServedZone::trouble`](super::ServedZone), and the errors are among what comes with
/// the result. Zones whose declarations and files are the same are taken as they are; warnings of them
/// are not repeated.
pub fn reload(
    before: &Whole,
    now_unix_ms: u64,
    path: &Path,
    adjust: Option<&Adjust>,
) -> Result<(Whole, Diagnostics), Diagnostics> {
    load_after(Some(&Before::new(before, now_unix_ms)), path, adjust)
}

fn load_after(
    before: Option<&Before<'_>>,
    path: &Path,
    adjust: Option<&Adjust>,
) -> Result<(Whole, Diagnostics), Diagnostics> {
    let config::Loaded {
        mut config,
        warnings: mut diagnostics,
    } = config::load(path).map_err(with_files)?;
    if let Some(adjust) = adjust {
        adjust(&mut config);
    }
    let stamps = stamps(&config);
    let world = geoip::load(&config, &mut diagnostics);
    match compile_after(before, &config, &world, &mut diagnostics) {
        Some(parts) => {
            let whole = Whole {
                config: Arc::new(config),
                world: Arc::new(world),
                parts,
                stamps,
            };
            Ok((whole, diagnostics))
        }
        None => Err(diagnostics),
    }
}

/// Reads the databases and feeds again, and compiles what follows from them; the configuration and
/// the zones stay as they are.
///
/// # Errors
/// Everything that is wrong with the files.
pub fn load_databases(whole: &Whole) -> Result<(Whole, Diagnostics), Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let stamps = stamps(&whole.config);
    let world = geoip::load(&whole.config, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    let parts = recompile_maps(&whole.config, &world, &whole.parts)?;
    let config = Arc::clone(&whole.config);
    let world = Arc::new(world);
    let whole = Whole {
        config,
        world,
        parts,
        stamps,
    };
    Ok((whole, diagnostics))
}

fn stamps(config: &Config) -> Stamps {
    let files = config.geoip.databases.iter().chain(&config.geoip.feeds);
    Stamps::now(files.map(|file| file.value.clone()))
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
    let apexes = Apexes::new(&zones);
    for zone in &zones {
        apexes.check_balanced(zone, &mut found);
        zonefile::read(&zone.file.value, &zone.apex, &owners(zone), &mut found);
    }
    found.retain_errors();
    diagnostics.extend(found);
    diagnostics
}
