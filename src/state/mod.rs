//! What the server knows right now, and the two seams between the planes.
//!
//! Downward: one [`Root`] of parts, published by swap ([`publish`]). Upward: what the data plane
//! reports ([`feedback`]).

pub mod addresses;
pub mod chunks;
pub mod condition;
pub mod feedback;
pub mod formula;
pub mod forwarding;
pub mod health;
pub mod identity;
pub mod listening;
pub mod look_ahead;
pub mod map;
pub mod name_table;
pub mod pools;
pub mod preference;
pub mod publish;
pub mod rate_table;
mod root;
pub mod service;
pub mod traffic;
pub mod usable;
pub mod zone;

pub use health::{EndpointHealth, Health};
pub use identity::Identity;
pub use map::Map;
pub use pools::Pools;
pub use publish::{Publisher, RootReader};
pub use root::Root;
pub use service::Service;
pub use zone::{Zone, Zones};
