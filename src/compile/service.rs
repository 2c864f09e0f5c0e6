//! `[server]` -> the part of the root that answers read.

use crate::config::Config;
use crate::state::Service;

pub(super) fn compile(_config: &Config) -> Service {
    Service::default()
}
