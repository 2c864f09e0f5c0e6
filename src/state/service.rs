//! What holds for the whole server and follows a reload: who it says it is, and whom it serves how much.

/// A part of the root, compiled from `[server]`.
#[derive(Debug, Default)]
pub struct Service {
    pub identity: Identity,
    pub traffic: Traffic,
}

/// What the server says of itself, and the secrets by which it knows its clients again.
#[derive(Debug, Default)]
pub struct Identity {}

/// Who may ask, and how much.
#[derive(Debug, Default)]
pub struct Traffic {}
