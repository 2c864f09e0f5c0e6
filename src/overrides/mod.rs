//! An operator's word against what probes say: drain, up, down, freeze.
//!
//! | file | question |
//! |---|---|
//! | `what` | which endpoints does it mean? |
//! | `book` | which words stand, and how do they outlive a restart? |
//! | `forced` | what do they make of an endpoint? |

mod book;
mod forced;
mod what;

use serde::{Deserialize, Serialize};

pub use book::{Book, Page, key, path_in};
pub use forced::{Forced, forced};
pub use what::What;

/// What is to hold for the endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Counts as down, healthy or not, so that nobody new is sent there; unless nothing else is up and
    /// `when_all_down` has it answered all the same.
    Drain,
    /// Counts as up, whatever probes say.
    Up,
    /// Counts as down, whatever probes say.
    Down,
    /// Stays what probes had made of it when this was said. Where another word holds, that goes on.
    Freeze,
}

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub what: What,
    pub action: Action,
    /// Why, for those who find it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// For how long, in seconds. Default: until it is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<u64>,
}

/// A word that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Never given twice by one server.
    pub id: u64,
    pub what: What,
    pub action: Action,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// In milliseconds since the Unix epoch, as is `until`.
    pub since_unix_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_unix_ms: Option<u64>,
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Action::Drain => "drained",
            Action::Up => "forced up",
            Action::Down => "forced down",
            Action::Freeze => "frozen",
        })
    }
}

impl std::fmt::Display for Override {
    /// As explain says it: `drained by ann: new disks (override 3)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.action)?;
        if let Some(by) = &self.by {
            write!(f, " by {by}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        write!(f, " (override {})", self.id)
    }
}
