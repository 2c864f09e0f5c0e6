//! What may be asked of a running server, over a Unix socket that only its owner can open.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `POST /v1/explain` with a [`explain::Question`] | [`explain::Explanation`] |
//! | `POST /v1/explain/url` with an [`explain_url::UrlQuestion`] | [`explain_url::UrlExplanation`] |
//! | `GET /v1/health`, of all targets or of `?what=web-eu`; with `&worst=40` no more than these | [`health::HealthReport`] |
//! | `GET /v1/health/history`, the same | every [`health::Changed`] that is remembered, the latest last |
//! | `GET /v1/overrides` | every [`Standing`] |
//! | `POST /v1/overrides` with an [`Order`](crate::overrides::Order) | [`Said`], with the [`Standing`] that it became |
//! | `POST /v1/overrides/clear` with a [`Which`] | [`Said`], with every [`Standing`] that was taken back |
//! | `GET /v1/load` | every [`Loaded`] |
//! | `GET /v1/load/reports` | every [`Report`](crate::load::Report) of pools that have their load from this forwarder, for `POST /v1/load` elsewhere |
//! | `GET /v1/rtt` | every [`NetworkRtt`] |
//! | `POST /v1/load` with a list of [`Report`](crate::load::Report)s | [`Taken`]; or 422, and then none is taken |
//! | `POST /v1/observations` with a list of [`Observed`] | [`Taken`]; or 422, and then none is taken |
//! | `GET /v1/registrations` | every [`Registered`] |
//! | `POST /v1/registrations` with an [`Order`](crate::registrations::Order) | [`Joined`], with the [`Registered`] that it became; repeated, the lease begins anew |
//! | `DELETE /v1/registrations?pool=web&address=192.0.2.1` | [`Joined`], with what was taken out |
//! | `POST /v1/reload` | 200 with [`Reloaded`], or 422 with what is wrong with the new configuration |
//!
//! Errors are JSON: `{"error": "..."}`.

mod cache;
pub mod client;
pub mod explain;
pub mod explain_url;
pub mod health;
pub mod record;
pub mod replay;
mod server;
mod socket;
mod whom;
mod words;

pub use cache::{Kept, Purge, Purged};
pub use server::{Asked, Command, Live, Teller, router};
pub use socket::{Socket, running};
pub use whom::Whom;
pub use words::Words;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::overrides::{Override, What};
use crate::registrations::Registration;

/// What a server says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub pid: u32,
    pub config: String,
    pub listening: Vec<String>,
    /// Where metrics can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// Counts publications since the start.
    pub generation: u64,
    pub zones: usize,
    /// Those that are not what their files say.
    pub zones_in_trouble: Vec<ZoneTrouble>,
    /// Names that pools have as aliases, and of which no address is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases_unresolved: Vec<String>,
    /// The longest since the start, in microseconds, that a UDP thread took from one batch of queries to the
    /// next while more were waiting: with the work on a batch (16 queries at most), what else kept it from
    /// answering. 0 while there never were more queries than a batch takes.
    #[serde(default)]
    pub max_batch_gap_us: u64,
    pub endpoints: Vec<EndpointStatus>,
}

/// What a reload came to that took the configuration over.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reloaded {
    /// Zones whose files have mistakes; all else is what the files say.
    pub zones_in_trouble: Vec<ZoneTrouble>,
    /// Every mistake in their files, a line each.
    pub mistakes: Vec<String>,
}

/// A zone whose file has mistakes, so that it is not what the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneTrouble {
    pub zone: String,
    /// `stale`: answers from the data that it had before; `no data`: had none, and answers SERVFAIL.
    pub state: String,
    /// When that was first found, in milliseconds since the Unix epoch.
    pub since_unix_ms: u64,
    /// The first mistake.
    pub mistake: String,
    /// Policies that the old data name and the configuration no longer has: the balanced names that
    /// use them answer SERVFAIL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies_gone: Vec<String>,
}

/// One endpoint and what is believed of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndpointStatus {
    pub pool: String,
    pub region: String,
    pub address: String,
    /// The name that led to it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    pub weight: u16,
    /// `up`, `down` or `unknown`.
    pub verdict: String,
    /// Whose word that is, if it is not that of probes.
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub overridden: Option<String>,
}

/// An operator's word that stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    #[serde(flatten)]
    pub word: Override,
    /// How many endpoints it means.
    pub endpoints: usize,
}

/// An endpoint that has registered, and whether it is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    #[serde(flatten)]
    pub registration: Registration,
    /// `up`, `down` or `unknown`; none where it is not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Why it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What came of an order to join or to leave: it holds, and pools are what they are by it within a moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Joined {
    pub registration: Registration,
    /// Why a restart will not know of it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsaved: Option<String>,
}

/// What came of an order: it holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Said {
    /// What stands now, or stood until now.
    pub words: Vec<Standing>,
    /// Why a restart will not know of it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsaved: Option<String>,
}

/// Operators' words, and whom they are about.
#[derive(Clone, Debug, Default)]
pub struct Overridden {
    pub standing: Vec<Standing>,
    /// By [`key`](crate::overrides::key): whose word holds for an endpoint.
    pub why: HashMap<String, String>,
    /// By [`key`](crate::overrides::key): which part a slow endpoint takes.
    pub why_slow: HashMap<String, String>,
    /// By name: why a pool takes a part only.
    pub why_pools: HashMap<String, String>,
}

/// What is known of the load of a pool or an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// The pool, or the endpoint as `pool/address`.
    pub what: String,
    /// What was reported, smoothed; nothing that is too old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<f64>,
    /// As a part of the capacity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<f64>,
    /// The same in words, or why nothing is known.
    pub words: String,
    /// Of a pool that may shed: the part that its load leaves it of what would come to it, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How far away a client network is, as its connections to the forwarder tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkRtt {
    /// /24 or /56.
    pub network: String,
    /// Smoothed, in milliseconds.
    pub ms: f64,
    /// The least that was seen.
    pub min_ms: f64,
    /// Connections that were measured.
    pub samples: u64,
}

/// What somebody observed of endpoints, for monitors that go by that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// An endpoint as `pool/address`, or whatever else an override can mean.
    pub what: String,
    pub verdict: Saying,
    /// In words; cut where it is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Default: every monitor of theirs that goes by what others say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<String>,
    /// Whether it is the outcome of a real request, which counts by the monitor's `passive`.
    #[serde(default)]
    pub passive: bool,
}

/// What is said of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Saying {
    Up,
    Down,
}

/// How many reports were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    pub taken: usize,
}

/// Which overrides are meant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    Id(u64),
    /// All that were given for just this.
    What(What),
    All,
}

impl Which {
    pub fn means(&self, word: &Override) -> bool {
        match self {
            Which::Id(id) => word.id == *id,
            Which::What(what) => word.what == *what,
            Which::All => true,
        }
    }
}
