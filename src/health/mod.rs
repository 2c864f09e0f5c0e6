//! Which endpoints are up: schedule, probes, thresholds, verdicts.
//!
//! # An observation's story
//!
//! ```text
//! schedule -> probe -> observation -> machine -> panic guard -> verdict -> batch of changes
//! ```
//!
//! | module | question it answers |
//! |---|---|
//! | [`target`] | what is asked of whom, and which endpoints share that? |
//! | `key` | what does that mean, as text? |
//! | [`schedule`] | when is the next probe due? |
//! | [`probe`] | what did one attempt show? |
//! | [`failure`] | why did it fail, and is that evidence or doubt? |
//! | [`lateness`] | or was it this machine, which had no time to listen? |
//! | [`machine`] | what follows from several in a row? |
//! | [`flaps`] | what follows from several falls? |
//! | [`panic`](mod@panic) | is it them, or is it us? |
//! | `passive` | what do its users say? |
//! | `slowness` | does it take too long? |
//! | `falls` | how many fell within the last window? |
//! | [`belief`] | what is believed of one target, and why? |
//! | [`judge`] | what is believed of all targets right now? |
//! | [`engine`] | who runs all that? |
//! | [`notes`] | what was seen of one target lately, and when is it asked again? |
//! | [`tempo`] | how long do probes take, and how late are they? |
//! | [`saved`] | what was believed before the restart? |
//! | [`frozen`] | what shall be believed without probing? |
//!
//! `schedule`, `machine`, `flaps`, `lateness`, `panic`, `belief` and `judge` are pure: time comes as an argument.

pub mod belief;
pub mod engine;
pub mod failure;
mod falls;
pub mod flaps;
pub mod frozen;
pub mod judge;
mod key;
pub mod lateness;
pub mod machine;
pub mod notes;
pub mod panic;
mod passive;
pub mod probe;
pub mod saved;
pub mod schedule;
mod slowness;
pub mod target;
pub mod tempo;

pub use belief::{Remembered, TargetHealth};
pub use engine::{Change, Engine, Settings, Sheet, Status};
pub use failure::Failure;
pub use frozen::Frozen;
pub use judge::{Flip, Turn};
pub use target::{TargetSpec, Whom};
