//! Routes as they are served.

use crate::model::routing::{
    CacheRules, Compress, ErrorPages, Files, HeaderEdits, Matching, Redirect, Respond, Rewrite,
    Split,
};
use crate::state::pools::Member;

/// For whom it is, and what is done with it.
#[derive(Debug)]
pub struct Route {
    /// Its name, or where it is written.
    pub name: Box<str>,
    pub matching: Matching,
    pub action: Action,
    /// What becomes of the path on its way.
    pub rewrite: Option<Rewrite>,
    pub request_headers: HeaderEdits,
    pub response_headers: HeaderEdits,
    pub error_pages: ErrorPages,
    pub compress: Option<Compress>,
    pub cache: Option<Caching>,
}

/// What a route keeps of responses.
#[derive(Debug)]
pub struct Caching {
    pub rules: CacheRules,
    /// Of what the route says: what is kept by another route, or before it said something else, is not its own.
    pub space: u64,
}

#[derive(Debug)]
pub enum Action {
    Forward(Forward),
    Split(Split<Forward>),
    Redirect(Redirect),
    Respond(Respond),
    Files(Files),
}

impl Action {
    /// Whom it may lead to.
    pub fn forwards(&self) -> impl Iterator<Item = &Forward> {
        let (one, sides) = match self {
            Action::Forward(forward) => (Some(forward), &[][..]),
            Action::Split(split) => (None, &*split.sides),
            Action::Redirect(_) | Action::Respond(_) | Action::Files(_) => (None, &[][..]),
        };
        one.into_iter().chain(sides.iter().map(|side| &side.to))
    }
}

/// To a backend.
#[derive(Debug)]
pub struct Forward {
    pub to: Member,
}
