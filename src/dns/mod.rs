//! The wire: names, message parse and compose, EDNS, client subnet.
pub mod name;
pub use name::{Name, NameError};
