//! What is done with a request, and with its response?

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};

use super::pattern::Pattern;
use super::template::Template;

/// To another address (RFC 9110, 15.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    pub to: Template,
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
}

/// The same to everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Respond {
    pub status: StatusCode,
    pub content_type: Option<HeaderValue>,
    pub body: Bytes,
    pub headers: Box<[(HeaderName, HeaderValue)]>,
}

/// Files below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    pub root: PathBuf,
    /// What is sent for a folder: the first of these that is there.
    pub index: Box<[Box<str>]>,
    /// What is sent where there is no file, below the root.
    pub fallback: Option<Box<str>>,
    /// Whether names that begin with a dot are there.
    pub dot_files: bool,
    /// Whether `x.br` and `x.gz` are `x`, to those who take them.
    pub precompressed: bool,
}

/// What becomes of headers: first some are taken out, then set, then added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    pub remove: Box<[HeaderName]>,
    pub set: Box<[(HeaderName, Edit)]>,
    pub add: Box<[(HeaderName, Edit)]>,
}

impl HeaderEdits {
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }
}

/// What a header is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    Fixed(HeaderValue),
    Filled(Template),
}

/// What becomes of the path on its way to the backend, or to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// Paths below `from` lie below `with` instead; neither ends with a slash.
    Prefix { from: Box<str>, with: Box<str> },
    /// Paths that fit are `with`, where `$1` is what the first group has.
    Regex { pattern: Pattern, with: Box<str> },
}

/// What is sent instead of the words that the forwarder has for a status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorPages {
    pub pages: Box<[(StatusCode, Page)]>,
    /// Whether what backends say with such a status is replaced, too.
    pub replaces_responses: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub content_type: HeaderValue,
    pub body: Bytes,
}

impl ErrorPages {
    pub fn get(&self, status: StatusCode) -> Option<&Page> {
        let mut pages = self.pages.iter();
        pages.find(|(of, _)| *of == status).map(|(_, page)| page)
    }
}

/// Which responses are compressed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compress {
    /// Media types in lower case: `text/html`, or `text/*`.
    pub types: Box<[Box<str>]>,
    /// Octets: shorter ones stay as they are.
    pub min_len: u64,
    /// 1..=9; `None`: never.
    pub gzip: Option<u8>,
    /// 0..=9; `None`: never.
    pub brotli: Option<u8>,
}

/// What a route keeps of responses (RFC 9111).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheRules {
    /// Octets: longer bodies are not kept.
    pub body_max: u64,
    /// How long responses that do not say it are fresh.
    pub fresh: Duration,
    /// How long those that do not say it may be sent while they are asked for again (RFC 5861, 3).
    pub stale_while_revalidate: Duration,
    /// How long those that do not say it may be sent when the backend fails (RFC 5861, 4).
    pub stale_if_error: Duration,
    /// How long a request waits for another one that asks for the same.
    pub wait: Duration,
}

/// Parts of the clients go to each side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split<To> {
    pub sides: Box<[Side<To>]>,
    /// Names the side that a request is sent to.
    pub header: Option<HeaderName>,
    /// Does so, too.
    pub cookie: Option<Box<str>>,
    pub sticky: Sticky,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side<To> {
    pub name: Box<str>,
    /// Of the name: so that others that come and go move as few clients as can be.
    pub seed: u64,
    pub weight: u16,
    pub to: To,
}

/// Who stays at one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sticky {
    /// Nobody: each request is drawn for.
    No,
    /// Each address of a client.
    Client,
    /// Whoever keeps the cookie that the first response sets, for so long.
    Cookie(Duration),
}
