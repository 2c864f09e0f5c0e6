//! What holds for the whole server and follows a reload: who it says it is, and whom it serves how much.

use super::Identity;
use super::traffic::Traffic;

/// A part of the root, compiled from `[server]`.
#[derive(Debug, Default)]
pub struct Service {
    pub identity: Identity,
    pub traffic: Traffic,
}
