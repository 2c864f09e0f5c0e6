//! Endpoints that join a pool while the server runs, change their weight, drain and leave, each for as long as its
//! lease.
//!
//! | file | question |
//! |---|---|
//! | `book` | who has registered, and how does that outlive a restart? |

mod book;

use serde::{Deserialize, Serialize};

pub use book::{Book, Changed, Page, path_in};

/// What an endpoint asks for: all of it holds from now on, whatever was asked for before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub pool: String,
    /// `192.0.2.1`, or with a port of its own `192.0.2.1:8080`.
    pub address: String,
    /// Default 1.
    #[serde(default = "one")]
    pub weight: u16,
    /// For how long, in seconds, unless it is asked for again. Default 30.
    #[serde(default = "half_a_minute")]
    pub lease_s: u64,
    /// Whether it is in the pool, but nobody new is to be sent there. Default false.
    #[serde(default)]
    pub drain: bool,
}

/// The lease of who names none, in seconds.
pub const LEASE_DEFAULT_S: u64 = 30;

fn one() -> u16 {
    1
}

fn half_a_minute() -> u64 {
    LEASE_DEFAULT_S
}

/// Who leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    pub pool: String,
    pub address: String,
}

/// An endpoint that has registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    #[serde(flatten)]
    pub order: Order,
    /// When it joined, in milliseconds since the Unix epoch, as is when its lease ends.
    pub since_unix_ms: u64,
    pub until_unix_ms: u64,
}
