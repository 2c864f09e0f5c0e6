//! What databases, feeds and own networks say about client networks.

mod world;

pub use world::{Location, Range, World};
