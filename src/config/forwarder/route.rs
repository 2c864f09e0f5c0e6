//! Reads `[[forwarder.route]]`.

mod action;
mod edits;
mod matching;
mod response;
mod split;

use super::access::{Access, access};
use super::access_log::{AccessLog, access_log};
use super::balance::{Choosing, choosing};
use super::rate::{Rate, rates};
use crate::config::reader::{Reader, Table, Value};
use crate::config::references::References;
use crate::config::scalar::text;
use crate::config::{Member, Place};
use crate::model::routing::{
    CacheRules, Compress, ErrorPages, Files, HeaderEdits, Matching, Redirect, Respond, Rewrite,
    Split,
};

pub(super) use matching::host;
pub(super) use response::error_pages;

/// `[[forwarder.route]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// `name = "api"`: 1 to 63 letters, digits, `-` and `_`; no two have the same. Default: none.
    pub name: Option<String>,
    /// `host = "www.example.com"`, `"*.example.com"`, or a list; `path = "/api"`: it and what is below it,
    /// `{ exact = "/api" }`: it alone, `{ regex = "/v[0-9]+/.*" }`: whole paths; `method = "GET"` or a list;
    /// `header = { "x-beta" = "1" }`, `cookie = { beta = true }`: a value, `{ regex = "…" }`, or whether it is there;
    /// `listener = "web"` or a list. Default: all.
    pub matching: Matching,
    /// Whose requests are taken. Default: all.
    pub access: Option<Access>,
    /// `rate_limit`: how many are taken, all of which must hold. Default: any number.
    pub rates: Vec<Rate>,
    /// How one of a pool's endpoints is chosen.
    pub choosing: Choosing,
    pub action: Action,
    /// `rewrite = { strip_prefix = "/api" }`, `{ replace_prefix = "/api", with = "/v2" }` or
    /// `{ regex = "/old/(.*)", with = "/new/$1" }`. Default: paths stay as they are.
    pub rewrite: Option<Rewrite>,
    /// `request_headers = { set = { x-region = "eu" }, add = { … }, remove = ["x-debug"] }`: of what backends get.
    pub request_headers: HeaderEdits,
    /// The same of what clients get.
    pub response_headers: HeaderEdits,
    /// `error_pages = { 503 = "maintenance.html", intercept = true }`
    pub error_pages: ErrorPages,
    /// `compress = true`, or `{ types = ["text/*"], min_size = "1KiB", gzip = 6, brotli = 4 }`. Default: not.
    pub compress: Option<Compress>,
    /// `cache = true`, or `{ body_max = "1MiB", … }`. Default: nothing is kept.
    pub cache: Option<CacheRules>,
    /// Default: as `[forwarder]` says; `Some(None)`: none.
    pub access_log: Option<Option<AccessLog>>,
    pub place: Place,
}

/// What is done with a request: one of these.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `to = "web-eu"`: a pool, or a policy.
    Forward { to: Member },
    /// `split = [{ to = "web", weight = 95 }, { to = "web-canary", weight = 5 }]`
    Split(Split<Member>),
    /// `redirect = "https://{host}{uri}"`, or `{ to = "…", status = 301 }`.
    Redirect(Redirect),
    /// `respond = { status = 200, body = "…" }`
    Respond(Respond),
    /// `files = "/srv/www"`, or `{ root = "/srv/www", … }`.
    Files(Files),
}

impl Action {
    /// Whom it may lead to.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        let (one, sides) = match self {
            Action::Forward { to } => (Some(*to), &[][..]),
            Action::Split(split) => (None, &*split.sides),
            Action::Redirect(_) | Action::Respond(_) | Action::Files(_) => (None, &[][..]),
        };
        one.into_iter().chain(sides.iter().map(|side| side.to))
    }
}

pub(super) fn route(
    reader: &mut Reader,
    references: &mut References,
    listeners: &[String],
    value: &Value,
) -> Option<Route> {
    let expected = "a table [[forwarder.route]]";
    let mut table = Table::of(reader, "[[forwarder.route]]", value, expected)?;
    let place = reader.place(value.span().start);
    let name = table.optional(reader, "name", name);
    let matching = matching::matching(reader, listeners, &mut table);
    let access = access(reader, references, &mut table);
    let rates = table.optional(reader, "rate_limit", rates);
    let choosing = choosing(reader, &mut table);
    let action = action::action(reader, references, &mut table);
    let rewrite = table.optional(reader, "rewrite", edits::rewrite);
    let request_headers = table.optional(reader, "request_headers", edits::of_request);
    let response_headers = table.optional(reader, "response_headers", edits::of_response);
    let error_pages = table.optional(reader, "error_pages", error_pages);
    let compress = table.optional(reader, "compress", response::compress);
    let cache = table.optional(reader, "cache", response::cache);
    let refused: &[&str] = match &action {
        None | Some(Action::Forward { .. } | Action::Split(_)) => &[],
        Some(Action::Files(_)) => &[
            "cache",
            "request_headers",
            "balance",
            "hash",
            "load_factor",
            "session",
        ],
        Some(Action::Redirect(_) | Action::Respond(_)) => &[
            "cache",
            "compress",
            "request_headers",
            "rewrite",
            "balance",
            "hash",
            "load_factor",
            "session",
        ],
    };
    for key in refused {
        table.refuse(reader, key, "means nothing where no backend is asked");
    }
    let log = table.optional(reader, "access_log", access_log);
    table.finish(reader);
    Some(Route {
        name,
        access_log: log,
        choosing,
        matching: matching?,
        access,
        rates: rates.unwrap_or_default(),
        action: action?,
        rewrite,
        request_headers: request_headers.unwrap_or_default(),
        response_headers: response_headers.unwrap_or_default(),
        error_pages: error_pages.unwrap_or_default(),
        compress: compress.flatten(),
        cache: cache.flatten(),
        place,
    })
}

fn name(reader: &mut Reader, value: &Value) -> Option<String> {
    let name = text(reader, value, "a name such as \"api\"")?;
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.len() > 63 || !name.bytes().all(is_allowed) {
        let message = format!("{} is no name for a route", super::quoted(name));
        let help = "expected 1 to 63 ASCII letters, digits, `-` and `_`".to_owned();
        reader.error(value.span(), message, Some(help));
        return None;
    }
    Some(name.to_owned())
}
