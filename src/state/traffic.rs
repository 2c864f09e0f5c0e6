//! Who may ask, and how much.

use std::net::IpAddr;
use std::sync::Arc;

use super::rate_table::{Pace, RateTable};
use crate::prefix_table::NetworkSet;

/// A part of [`Service`](super::Service).
#[derive(Debug, Default)]
pub struct Traffic {
    /// Whom queries are answered that no zone says otherwise of. `None`: everyone.
    pub allow_query: Option<Arc<NetworkSet>>,
    /// Whom explanations are given. `None`: nobody.
    pub explain_to: Option<Arc<NetworkSet>>,
    /// `None`: answers are not limited.
    pub rate_limit: Option<RateLimit>,
}

/// How many answers of one kind a client network gets over UDP. All threads draw on one table, so
/// that the rates are the server's.
#[derive(Debug)]
pub struct RateLimit {
    /// For one name and type. `None`: no limit, here and below.
    pub responses: Option<Pace>,
    /// For one delegation.
    pub referrals: Option<Pace>,
    /// NXDOMAIN and NODATA, for one zone.
    pub negatives: Option<Pace>,
    /// In all.
    pub errors: Option<Pace>,
    /// One in so many of those held back is sent without records; 0: none.
    pub slip: u32,
    /// The bits of an address that are its client network's.
    pub ipv4_mask: u32,
    pub ipv6_mask: u128,
    pub exempt: NetworkSet,
    /// Nothing is held back, only counted.
    pub dry_run: bool,
    pub table: RateTable,
}

impl RateLimit {
    /// The client network of an address, as its first one.
    #[inline]
    pub fn client(&self, peer: IpAddr) -> IpAddr {
        match peer {
            IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & self.ipv4_mask).into()),
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & self.ipv6_mask).into()),
        }
    }
}
