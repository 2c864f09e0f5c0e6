//! `[server]` -> the part of the root that answers read.

use super::{identity, traffic};
use crate::config::{Config, Diagnostics};
use crate::state::Service;

/// `None` when a file that it needs is wrong; the reason is in `diagnostics`.
pub(super) fn compile(config: &Config, diagnostics: &mut Diagnostics) -> Option<Service> {
    Some(Service {
        identity: identity::compile(config, diagnostics)?,
        traffic: traffic::compile(config),
    })
}
