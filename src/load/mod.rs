//! How much is there to do, and who takes which share of it?
//!
//! ```text
//! report -> smoothed, unless stale -> load of a pool -> controller -> share of the queries it takes
//! ```
//!
//! All of it is arithmetic in the control plane, with the time as an argument: who answers queries only
//! compares a die with a [`Share`](crate::model::Share).

mod fleet;
mod least;
mod pool;
mod reports;
mod shed;
mod values;

pub use fleet::{Fleet, Member};
pub use least::{Kind, shares};
pub use pool::{Part, pool_load, pool_work};
pub use reports::{Measured, Reading, Reports};
pub use shed::{Controller, Law};
pub use values::{Fraction, Report, Values};
