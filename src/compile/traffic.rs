//! Access lists and rate limits -> what answers read of them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{self, ClientNetwork, Config};
use crate::dns::Name;
use crate::prefix_table::NetworkSet;
use crate::state::rate_table::{Pace, RateTable};
use crate::state::traffic::{RateLimit, Traffic};

pub(super) fn compile(config: &Config) -> Traffic {
    let server = &config.server;
    Traffic {
        allow_query: list(config, server.allow_query.as_deref()),
        explain_to: list(
            config,
            server.explain_to.as_deref().filter(|to| !to.is_empty()),
        ),
        rate_limit: server
            .rate_limit
            .as_ref()
            .map(|limit| rate_limit(config, limit)),
    }
}

/// The access lists of the zones that have their own. Equal lists are one: all zones that are found
/// together may have it.
pub(super) fn zone_lists(config: &Config) -> HashMap<&Name, Arc<NetworkSet>> {
    let mut sets: HashMap<&[ClientNetwork], Arc<NetworkSet>> = HashMap::new();
    let zones = config.zones.iter();
    zones
        .filter_map(|zone| {
            let networks = zone.allow_query.as_deref()?;
            let set = sets
                .entry(networks)
                .or_insert_with(|| Arc::new(set(config, networks)));
            Some((&zone.apex, Arc::clone(set)))
        })
        .collect()
}

fn list(config: &Config, networks: Option<&[ClientNetwork]>) -> Option<Arc<NetworkSet>> {
    networks.map(|networks| Arc::new(set(config, networks)))
}

fn set(config: &Config, networks: &[ClientNetwork]) -> NetworkSet {
    let prefixes = networks.iter().flat_map(|network| match network {
        ClientNetwork::Prefix(prefix) => vec![*prefix],
        ClientNetwork::Named(id) => {
            let prefixes = &config.networks[id.index()].prefixes;
            prefixes.iter().map(|at| at.value).collect()
        }
    });
    NetworkSet::new(prefixes.map(|prefix| (prefix.addr(), prefix.prefix_len())))
}

fn rate_limit(config: &Config, limit: &config::RateLimit) -> RateLimit {
    let pace = |per_second| (per_second > 0).then(|| Pace::new(per_second, limit.window));
    RateLimit {
        responses: pace(limit.responses_per_second),
        referrals: pace(limit.referrals_per_second),
        negatives: pace(limit.negatives_per_second),
        errors: pace(limit.errors_per_second),
        slip: limit.slip,
        ipv4_mask: u32::MAX << (32 - u32::from(limit.ipv4_prefix)),
        ipv6_mask: u128::MAX << (128 - u32::from(limit.ipv6_prefix)),
        exempt: set(config, &limit.exempt),
        dry_run: limit.dry_run,
        table: RateTable::new(limit.table_size),
    }
}
