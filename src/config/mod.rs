//! What the operator asked for: TOML -> [`Config`], or every mistake at once.
//!
//! The types here are what the rest of the program reads; references between tables are already
//! resolved to ids (indices into the vectors of [`Config`]), and relative paths to absolute ones.
//! What was not written stands at its default.

pub mod diagnostic;
mod types;

pub use diagnostic::{Diagnostic, Diagnostics, Place, Severity};
pub use types::*;
