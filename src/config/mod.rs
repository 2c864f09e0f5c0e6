//! What the operator asked for: TOML -> [`Config`], or every mistake at once.
//!
//! The types here are what the rest of the program reads; references between tables are already
//! resolved to ids (indices into the vectors of [`Config`]), and relative paths to absolute ones.
//! What was not written stands at its default.
//!
//! | module | reads or checks |
//! |---|---|
//! | `syntax` | whether it is TOML at all |
//! | `include`, `pattern`, `sources` | the files that it consists of |
//! | `reader` | keys and values, each mistake with its place |
//! | `secrecy` | what mistakes must not show |
//! | `references` | names of tables, resolved to ids |
//! | `scalar`, `units`, `address`, `location`, `access` | single values and lists of them |
//! | `server`, `identity`, `rate_limit`, `geoip`, `resolver`, `network`, `region`, `monitor`, `probes`, `unprobed`, `verdict_options`, `pool`, `policy` | tables |
//! | `zone`, `zone_files`, `zone_settings` | zones, with and without tables of their own |
//! | `watchers` | who is told what the server sees |
//! | `forwarder` | what the next hop does with requests |
//! | `rules` | what holds for some clients only, as policies of their own |
//! | `policy_graph` | what must hold between policies |
//! | `unused` | what has no effect |
//! | `expansion` | what aliases lead to, as endpoints |
//! | `inputs`, `stamp` | whether the files are those that were read before |

mod access;
mod address;
pub mod diagnostic;
mod expansion;
pub mod forwarder;
mod geoip;
mod identity;
mod include;
mod inputs;
mod load;
mod location;
mod monitor;
mod near;
mod network;
mod pattern;
mod policy;
mod policy_graph;
mod pool;
mod probes;
mod rate_limit;
mod reader;
mod references;
mod region;
mod registration;
mod render;
mod resolver;
mod rules;
mod scalar;
mod secrecy;
mod server;
mod sources;
mod stamp;
mod syntax;
#[cfg(test)]
mod tests;
mod types;
mod units;
mod unprobed;
mod unused;
mod verdict_options;
mod watchers;
mod zone;
mod zone_files;
mod zone_settings;

use std::path::Path;

pub use address::is_for_clients;
pub use diagnostic::{Diagnostic, Diagnostics, Place, Severity};
pub use expansion::{ALIAS_ADDRESSES_MAX, Addresses, Joined, Resolved, Unwritten};
pub use forwarder::{AccessLog, Backend, Forwarder, LogFormat};
pub use identity::{SECRET_FORM, SECRETS_MAX};
pub use inputs::Inputs;
pub use probes::*;
pub use registration::REGISTERED_MAX;
pub use stamp::{Stamp, Stamps};
pub use types::*;
pub use units::parse_duration;
pub use unprobed::{Calculation, Push};
pub use verdict_options::{Degraded, Flap, Passive, VerdictOptions};
pub use watchers::{SECRET_LEN_MAX, SECRET_LEN_MIN};

use include::{Tree, Unreadable};
use reader::{Reader, Table};
use references::References;
use sources::Texts;

/// A configuration without errors, and what is doubtful about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// Warnings only.
    pub warnings: Diagnostics,
    /// What it was read from.
    pub inputs: Inputs,
}

/// Everything that is wrong with a configuration, and which files it names all the same, so that
/// their mistakes can be told in one go.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Every mistake that was found, warnings included, in order of place.
    pub diagnostics: Diagnostics,
    /// The zones that could be read; the ids of their policies mean nothing.
    pub zones: Vec<Zone>,
    pub geoip: GeoIp,
}

/// Reads and checks a configuration: a file, and those that it includes (UTF-8, at most 64 MiB in all).
///
/// # Errors
///
/// Every mistake in it.
pub fn load(path: &Path) -> Result<Loaded, Refused> {
    let mut inputs = Inputs::default();
    inputs.add_file(path);
    let text = include::text_of(path, include::TEXT_LEN_MAX).map_err(|unreadable| {
        let (place, message) = match unreadable {
            Unreadable::File(reason) => (Place::file(path), reason),
            Unreadable::At(place, reason) => (place, reason),
        };
        let mut diagnostics = Diagnostics::new();
        diagnostics.error(&place, message, None);
        Refused {
            diagnostics,
            zones: Vec::new(),
            geoip: GeoIp::default(),
        }
    })?;
    parse_of(&text, path, inputs)
}

/// Checks the text of a configuration file, with the files that it includes; `path` is where it is
/// said to come from, and where relative paths begin.
///
/// # Errors
///
/// Every mistake in it.
pub fn parse(text: &str, path: &Path) -> Result<Loaded, Refused> {
    parse_of(text, path, Inputs::default())
}

/// The same, read from `inputs` and what will be added to them.
fn parse_of(text: &str, path: &Path, inputs: Inputs) -> Result<Loaded, Refused> {
    let texts = Texts::new();
    let mut reader = Reader::new(text, path);
    reader.inputs = inputs;
    let config = match include::tree(&mut reader, &texts) {
        Some(tree) => read_config(&mut reader, &tree),
        None => Err((Vec::new(), GeoIp::default())),
    };
    let has_errors = reader.has_errors();
    let inputs = std::mem::take(&mut reader.inputs);
    let diagnostics = reader.finish();
    match config {
        Ok(config) if !has_errors => Ok(Loaded {
            config,
            warnings: diagnostics,
            inputs,
        }),
        Ok(Config { zones, geoip, .. }) | Err((zones, geoip)) => Err(Refused {
            diagnostics,
            zones,
            geoip,
        }),
    }
}

/// The configuration, which may still have been reported as wrong; or what names files in it, if
/// any other part could not be read.
fn read_config(reader: &mut Reader, tree: &Tree) -> Result<Config, (Vec<Zone>, GeoIp)> {
    let mut top = Table::new("a configuration", 0..0, &tree.top);
    // Taken out of the tree when it was made.
    top.know(&["include", "zones"]);
    let mut references = References::read(reader, &mut top);
    let server = server::server(reader, &mut references, &mut top);
    let metrics = watchers::metrics(reader, &mut top);
    let webhook = watchers::webhook(reader, &mut top);
    let geoip = geoip::geoip(reader, &mut top);
    let resolver = resolver::resolver(reader, &mut top);
    let mut networks = network::networks(reader, &mut references);
    let regions = region::regions(reader, &mut references);
    let mut monitors = monitor::monitors(reader, &mut references);
    let pools = pool::pools(reader, &mut references);
    unprobed::complete(reader, &references, &mut monitors);
    let forwarder = forwarder::forwarder(reader, &mut references, &mut top);
    let drafts = policy::drafts(reader, &mut references);
    let drafts = rules::expand(reader, &references, &pools, drafts);
    let policies = policy_graph::policies(reader, &references, &pools, drafts);
    let found = zone_files::found(reader, &mut references, &tree.zones);
    let zones = zone::zones(reader, &mut references, &mut top, found);
    top.finish(reader);
    if !reader.has_errors() {
        network::check_use(reader, &references, &mut networks);
        unused::warn(reader, &references, &geoip, &policies, &zones);
    }
    let (Some(networks), Some(regions), Some(monitors), Some(pools), Some(policies)) = (
        all(networks),
        all(regions),
        all(monitors),
        all(pools),
        all(policies),
    ) else {
        return Err((zones, geoip));
    };
    Ok(Config {
        path: reader.path().to_owned(),
        server,
        geoip,
        resolver,
        networks,
        regions,
        monitors,
        pools,
        policies,
        zones,
        metrics,
        webhook,
        forwarder,
    })
}

/// Ids are places, so that a table that could not be read spoils all.
fn all<T>(read: Vec<Option<T>>) -> Option<Vec<T>> {
    read.into_iter().collect()
}
