//! All sources laid over one another: disjoint ranges of addresses, each with one location.

use crate::model::{Coordinates, NetworkId};

/// What is known about a network; what no source says is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Location {
    /// The own network it belongs to.
    pub network: Option<NetworkId>,
    pub asn: Option<u32>,
    /// Continent code: AF AN AS EU NA OC SA.
    pub continent: Option<[u8; 2]>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<[u8; 2]>,
    /// The parts after the dash of ISO 3166-2, coarsest first ("BY" of "DE-BY").
    pub subdivisions: Vec<Box<str>>,
    pub coordinates: Option<Coordinates>,
}

/// Addresses `start..=end`, all with the location `location` (an index into [`World::locations`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<A> {
    pub start: A,
    pub end: A,
    pub location: u32,
}

/// Every known network. Ranges are disjoint and in ascending order; addresses in none are unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    pub locations: Vec<Location>,
    pub v4: Vec<Range<u32>>,
    pub v6: Vec<Range<u128>>,
}
