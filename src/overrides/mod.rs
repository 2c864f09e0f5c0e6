//! An operator's word against what probes and the configuration say: drain, up, down, freeze, weight.
//!
//! | file | question |
//! |---|---|
//! | `what` | which endpoints does it mean? |
//! | `book` | which words stand, and how do they outlive a restart? |
//! | `imposed` | what do they make of endpoints and pools? |
//! | `percent` | which part of what it would take? |

mod book;
mod imposed;
mod percent;
mod what;

use serde::{Deserialize, Serialize};

pub use book::{Book, Page, key, path_in};
pub use imposed::{Forced, Imposed, Part, imposed};
pub use percent::Percent;
pub use what::What;

/// What is to hold for the endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Counts as down, healthy or not, so that nobody new is sent there; unless nothing else is up and
    /// `when_all_down` has it answered all the same. With a time to do it in, it takes less and less until then.
    Drain,
    /// Counts as up, whatever probes say.
    Up,
    /// Counts as down, whatever probes say.
    Down,
    /// Stays what probes had made of it when this was said. Where another word holds, that goes on.
    Freeze,
    /// Takes a part only of what would come to it.
    Weight,
}

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub what: What,
    pub action: Action,
    /// Which part; of [`Action::Weight`] alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Percent>,
    /// In how many seconds it comes to that, little by little; of [`Action::Weight`] and [`Action::Drain`] alone.
    /// Default: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_s: Option<u64>,
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
    /// Never given twice by one server; 0 of what stands in a registration.
    pub id: u64,
    pub what: What,
    pub action: Action,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Percent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_s: Option<u64>,
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
            Action::Weight => "weighted",
        })
    }
}

impl std::fmt::Display for Override {
    /// As explain says it: `drained by ann: new disks (override 3)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.action)?;
        if let Some(percent) = self.percent {
            write!(f, " {percent}")?;
        }
        if let Some(over_s) = self.over_s {
            write!(f, " over {over_s} s")?;
        }
        if let Some(by) = &self.by {
            write!(f, " by {by}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        match self.id {
            0 => f.write_str(" (by its registration)"),
            id => write!(f, " (override {id})"),
        }
    }
}
