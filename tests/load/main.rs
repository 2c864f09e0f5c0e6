//! Load and shedding, in a small world: regions, clients behind resolvers that cache, and pools that are as full
//! as the answers make them.

mod cascade;
mod sim;
