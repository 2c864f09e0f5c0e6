//! What databases, feeds and own networks say about client networks.
//!
//! Three layers, each laid over the one before:
//!
//! ```text
//! databases (MMDB)   later ones add what earlier ones do not say
//! feeds (RFC 8805)   say where a network is, whatever the databases say
//! [network.NAME]     win over both
//! ```
//!
//! [`load`] reads all of them into one [`World`]: sorted, disjoint ranges of addresses. Nothing
//! here is asked per query; a map is compiled from it.

mod build;
pub mod centroids;
mod countries;
mod csv;
mod database;
mod file;
mod geofeed;
mod interner;
mod layers;
mod ranges;
mod record;
mod search_tree;
mod spans;
pub mod synth;
pub mod watch;
mod weight;
mod world;

pub use build::{BuildSummary, build};
pub use layers::{load, load_sources};
pub use spans::Spans;
pub use world::{Location, Range, World, lookup};
