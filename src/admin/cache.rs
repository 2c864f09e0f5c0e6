//! What routes keep of responses: how much it is, and that it is forgotten.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::server::{Live, error};
use crate::glob;
use crate::model::routing::path;
use crate::state::forwarding::Cache;

/// What is to be forgotten.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purge {
    /// Everything.
    All,
    /// `www.example.com/news`, whatever the query; `*` stands for any octets.
    What(String),
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// Addresses, each with its query.
    pub purged: usize,
}

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Octets that may be.
    pub size: u64,
    /// Octets that are.
    pub used: u64,
    /// Addresses, each with its query.
    pub addresses: u64,
}

pub(super) async fn told(State(live): State<Arc<Live>>) -> Response {
    let Some(cache) = cache(&live) else {
        return nothing_is_kept();
    };
    let (used, addresses) = cache.used();
    Json(Kept {
        size: cache.size(),
        used,
        addresses,
    })
    .into_response()
}

pub(super) async fn purge(
    State(live): State<Arc<Live>>,
    purge: Result<Json<Purge>, JsonRejection>,
) -> Response {
    let purge = match purge {
        Ok(Json(purge)) => purge,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let Some(cache) = cache(&live) else {
        return nothing_is_kept();
    };
    let pattern = match &purge {
        Purge::All => "*".to_owned(),
        Purge::What(what) => match pattern(what) {
            Ok(pattern) => pattern,
            Err(why) => return error(StatusCode::BAD_REQUEST, &why),
        },
    };
    // Much that is kept takes a while to look through.
    let purged = tokio::task::spawn_blocking(move || {
        cache.purge(|host, path| {
            let address = [host, path].concat();
            glob::fits(pattern.as_bytes(), address.as_bytes())
        })
    });
    match purged.await {
        Ok(purged) => Json(Purged { purged }).into_response(),
        Err(panic) => error(StatusCode::INTERNAL_SERVER_ERROR, &panic.to_string()),
    }
}

/// A host and a path as they are kept.
fn pattern(what: &str) -> Result<String, String> {
    let wrong = |why: &str| format!("expected HOST/PATH such as www.example.com/news: {why}");
    let slash = what.find('/').ok_or_else(|| wrong("there is no path"))?;
    let (host, path) = what.split_at(slash);
    if host.is_empty() || path.contains(['?', '#']) {
        return Err(wrong("a host, and a path without a query"));
    }
    let path = path::normalise(path).map_err(|why| wrong(&why.to_string()))?;
    Ok(host.to_ascii_lowercase() + &path)
}

fn cache(live: &Live) -> Option<Arc<Cache>> {
    live.root.load_full().forwarding.cache.clone()
}

fn nothing_is_kept() -> Response {
    error(StatusCode::NOT_FOUND, "no route has a `cache`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_purged_is_spelt_as_it_is_kept() {
        for (what, expected) in [
            ("WWW.example.com/a/../%7eb", Ok("www.example.com/~b")),
            ("*.example.com/*", Ok("*.example.com/*")),
        ] {
            assert_eq!(pattern(what).as_deref(), expected, "{what}");
        }
        for what in ["www.example.com", "/news", "a.example/x?y", "a.example/%"] {
            assert!(pattern(what).is_err(), "{what}");
        }
    }
}
