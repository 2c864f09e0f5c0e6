//! A made-up database of any size: what the server is measured with where no real one may be shipped.
//!
//! Networks have the shape of a City database's: allocations of which few hold many networks, a peak
//! of prefix lengths at /24 and /48 (and a smaller one at /32 and /64), neighbours that mostly share a
//! country, holes in between, records that many networks share. Nothing in it is true of any
//! network.

mod data;
mod networks;
mod places;
mod tree;

use std::path::Path;

use super::build::replace;
use crate::random::Random;
use networks::{Family, IPV4, IPV6};
use places::Records;
use tree::Tree;

/// What to make up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynthPlan {
    /// 0..=[`IPV4_NETWORKS_MAX`].
    pub ipv4_networks: u32,
    /// 0..=[`IPV6_NETWORKS_MAX`].
    pub ipv6_networks: u32,
    /// Equal plans make equal files, on every machine.
    pub seed: u64,
}

/// IPv4 networks of one database at most.
pub const IPV4_NETWORKS_MAX: u32 = 20_000_000;
/// IPv6 networks of one database at most.
pub const IPV6_NETWORKS_MAX: u32 = 20_000_000;

/// What was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynthSummary {
    pub ipv4_networks: u32,
    pub ipv6_networks: u32,
    /// Distinct records that the networks share.
    pub records: usize,
    pub size_bytes: usize,
}

/// Writes an MMDB file of the GeoIP2 City schema. `output` is replaced by rename.
///
/// # Errors
///
/// The reason, without the path: no network or too many are asked for, or the file cannot be
/// written.
pub fn synth(plan: &SynthPlan, output: &Path) -> Result<SynthSummary, String> {
    let (bytes, records) = compose(plan)?;
    replace(output, &bytes).map_err(|error| error.to_string())?;
    Ok(SynthSummary {
        ipv4_networks: plan.ipv4_networks,
        ipv6_networks: plan.ipv6_networks,
        records,
        size_bytes: bytes.len(),
    })
}

/// The octets of the file, and how many records it has.
fn compose(plan: &SynthPlan) -> Result<(Vec<u8>, usize), String> {
    if plan.ipv4_networks == 0 && plan.ipv6_networks == 0 {
        return Err("no network to make up".to_owned());
    }
    for (wanted, max) in [
        (plan.ipv4_networks, IPV4_NETWORKS_MAX),
        (plan.ipv6_networks, IPV6_NETWORKS_MAX),
    ] {
        if wanted > max {
            return Err(format!(
                "{wanted} networks of one family are more than {max}"
            ));
        }
    }
    let mut random = Random::from_seed(plan.seed);
    let networks = plan.ipv4_networks + plan.ipv6_networks;
    let mut records = Records::new(networks, &mut random);
    let mut tree = Tree::new(networks as usize);
    let mut lay = |family: &Family, count| {
        networks::make_up(family, count, &mut random, |network, at, random| {
            let record = records.record(at, random);
            tree.insert(network.start, network.prefix_len, record);
        });
    };
    lay(&IPV4, plan.ipv4_networks);
    lay(&IPV6, plan.ipv6_networks);
    if plan.ipv4_networks > 0 {
        tree.alias_ipv4();
    }
    let count = records.count();
    let bytes = tree.into_file(&records.into_data())?;
    Ok((bytes, count))
}

#[cfg(test)]
mod tests;
