//! Routes as they are served.

use std::sync::Arc;

use super::{Access, Rate, Sticky, Told};
use crate::model::routing::{Balancing, HashBy};
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
    /// `None`: all are let in.
    pub access: Option<Access>,
    /// All of them hold.
    pub rates: Box<[Rate]>,
    pub action: Action,
    pub told: Arc<Told>,
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
    /// `None`: as the pool does.
    pub balance: Option<Balancing>,
    /// What a request is known by to those who go by its hash.
    pub hash: HashBy,
    /// How many times as much as its part of the pool's requests an endpoint has at most, where a hash chooses.
    pub load_factor: Option<f32>,
    /// Octets of a body that are kept, so that it can be sent again: the most that a pool within reach wants.
    pub replay: usize,
    pub sticky: Option<Box<Sticky>>,
}

impl Forward {
    /// As the pool does, with nothing known of whoever comes but the client's address.
    pub fn plain(to: Member) -> Self {
        Forward {
            to,
            balance: None,
            hash: HashBy::Client,
            load_factor: None,
            replay: 0,
            sticky: None,
        }
    }
}
