//! How many requests are taken of whom?

use crate::state::rate_table::Pace;

/// Rates that are told apart, of all routes together: 8 octets each. Past it, those furthest from their limit are
/// forgotten.
pub const RATES_TOLD_APART: u32 = 1 << 18;

/// A limit of one route.
#[derive(Clone, Debug)]
pub struct Rate {
    /// What makes it differ from all others, and not from itself in another configuration.
    pub seed: u64,
    pub pace: Pace,
    pub by: RatedBy,
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RatedBy {
    /// An IPv4 address, or an IPv6 network of 64 bits.
    Client,
    Route,
    /// Those that have the same in this header, in lower case; without it, as `Client`.
    Header(Box<str>),
}
