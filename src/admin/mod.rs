//! What may be asked of a running server, over a Unix socket that only its owner can open.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `POST /v1/explain` with a [`explain::Question`] | [`explain::Explanation`] |
//! | `POST /v1/reload` | 200, or 422 with what is wrong with the new configuration |
//!
//! Errors are JSON: `{"error": "..."}`.

pub mod client;
pub mod explain;
mod server;
mod socket;
mod words;

pub use server::{Command, Live, router};
pub use socket::{Socket, running};
pub use words::Words;

use serde::{Deserialize, Serialize};

/// What a server says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub pid: u32,
    pub config: String,
    pub listening: Vec<String>,
    /// Counts publications since the start.
    pub generation: u64,
    pub zones: usize,
    pub endpoints: Vec<EndpointStatus>,
}

/// One endpoint and what is believed of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndpointStatus {
    pub pool: String,
    pub region: String,
    pub address: String,
    pub weight: u16,
    /// `up`, `down` or `unknown`.
    pub verdict: String,
}
