//! From a path to everything that a server needs, or to everything that is wrong with it.

use std::path::Path;
use std::sync::Arc;

use super::nested::Apexes;
use super::zones::Before;
use super::{Parts, compile_after, recompile_maps, relink, zonefile};
use crate::config::{self, At, Config, Diagnostics, Inputs, Network, Stamps, Unwritten};
use crate::geoip::{self, World};

/// A configuration with all that it names read and compiled.
#[derive(Clone)]
pub struct Whole {
    pub config: Arc<Config>,
    /// What the configuration was read from, and what was said of it.
    read: Arc<Read>,
    pub world: Arc<World>,
    pub parts: Parts,
    /// Of the databases and feeds, from before they were read.
    pub stamps: Stamps,
    /// What was last known of endpoints beside the configuration.
    unwritten: Arc<Unwritten>,
}

struct Read {
    inputs: Inputs,
    warnings: Diagnostics,
    /// Whether the configuration is what was read and nothing else.
    is_as_read: bool,
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
    let same = before.and_then(|before| before.whole.config_if_same(path, adjust));
    let unwritten = before.map(|before| Arc::clone(&before.whole.unwritten));
    let (config, read) = match same {
        Some(same) => same,
        None => read_config(path, adjust, unwritten.as_deref())?,
    };
    let mut diagnostics = read.warnings.clone();
    let stamps = stamps(&config);
    let known = before.and_then(|before| before.whole.world_if_same(&config, &stamps));
    let world = known.unwrap_or_else(|| Arc::new(geoip::load(&config, &mut diagnostics)));
    match compile_after(before, &config, &world, &mut diagnostics) {
        Some(parts) => {
            let whole = Whole {
                config,
                read,
                world,
                parts,
                stamps,
                unwritten: unwritten.unwrap_or_default(),
            };
            Ok((whole, diagnostics))
        }
        None => Err(diagnostics),
    }
}

fn read_config(
    path: &Path,
    adjust: Option<&Adjust>,
    unwritten: Option<&Unwritten>,
) -> Result<(Arc<Config>, Arc<Read>), Diagnostics> {
    let config::Loaded {
        mut config,
        warnings,
        inputs,
    } = config::load(path).map_err(with_files)?;
    if let Some(adjust) = adjust {
        adjust(&mut config);
    }
    // So that what is as it was before is seen to be.
    if let Some(unwritten) = unwritten {
        config.expand(unwritten);
    }
    let read = Read {
        inputs,
        warnings,
        is_as_read: adjust.is_none(),
    };
    Ok((Arc::new(config), Arc::new(read)))
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
    let whole = Whole {
        world: Arc::new(world),
        parts,
        stamps,
        ..whole.clone()
    };
    Ok((whole, diagnostics))
}

/// The same with what is known of endpoints beside the configuration; all else is kept as it is.
pub fn expand(whole: &Whole, unwritten: Unwritten) -> Whole {
    let unwritten = Arc::new(unwritten);
    let Some(pools) = whole.config.expanded(&unwritten) else {
        return Whole {
            unwritten,
            ..whole.clone()
        };
    };
    let mut config = Config::clone(&whole.config);
    config.pools = pools;
    let parts = relink(&whole.config, &config, &whole.parts);
    Whole {
        config: Arc::new(config),
        parts,
        unwritten,
        ..whole.clone()
    }
}

impl Whole {
    /// The configuration, if that of `path` is the same.
    fn config_if_same(
        &self,
        path: &Path,
        adjust: Option<&Adjust>,
    ) -> Option<(Arc<Config>, Arc<Read>)> {
        let is_same = adjust.is_none()
            && self.read.is_as_read
            && self.config.path == path
            && self.read.inputs.are_unchanged();
        is_same.then(|| (Arc::clone(&self.config), Arc::clone(&self.read)))
    }

    /// The world, if that of `config`, with its files as they are by `stamps`, is the same.
    fn world_if_same(&self, config: &Config, stamps: &Stamps) -> Option<Arc<World>> {
        let is_same = self.stamps.hold(stamps) && is_world_alike(&self.config, config);
        is_same.then(|| Arc::clone(&self.world))
    }
}

/// Whether two configurations make the same world of the same files.
fn is_world_alike(one: &Config, other: &Config) -> bool {
    fn values<T>(list: &[At<T>]) -> impl Iterator<Item = &T> {
        list.iter().map(|at| &at.value)
    }
    let are_alike = |one: &Network, other: &Network| {
        // Every field, so that a new one is not forgotten here.
        let Network {
            name: _,
            prefixes,
            location,
            places_clients,
        } = other;
        values(&one.prefixes).eq(values(prefixes))
            && one.location == *location
            && one.places_clients == *places_clients
    };
    let networks = one.networks.iter().zip(&other.networks);
    values(&one.geoip.databases).eq(values(&other.geoip.databases))
        && values(&one.geoip.feeds).eq(values(&other.geoip.feeds))
        && one.networks.len() == other.networks.len()
        && networks
            .into_iter()
            .all(|(one, other)| are_alike(one, other))
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
        // What their policies are is not known.
        let owners = zone
            .balanced
            .iter()
            .map(|balanced| balanced.owner.clone().into());
        let owners: Vec<_> = owners.collect();
        zonefile::read(&zone.file.value, &zone.apex, &owners, &mut found);
    }
    found.retain_errors();
    diagnostics.extend(found);
    diagnostics
}
