//! What steering must hold, on worlds built by hand: one file per question.

mod all_down;
mod choosing;
mod clients;
mod drawing;
mod families;
mod oracle;
mod properties;
mod recording;
mod scopes;
mod shares;
mod spread;
mod ttl;
mod world;
