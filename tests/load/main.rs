//! Load and shedding, in a small world: regions, clients behind resolvers that cache, and pools that are as full
//! as the answers make them.

mod cascade;
mod even;
mod sim;
#[path = "../steering/world.rs"]
#[allow(dead_code, reason = "most of it is for other tests")]
mod world;
