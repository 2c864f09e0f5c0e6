//! Which path goes on?

use hyper::Uri;

use super::visit::{Visit, replace_path};
use crate::model::routing::{Rewrite, is_below, path};
use crate::state::forwarding::Route;

/// Gives the request the path that the route wants. What comes of it is as sound as what clients may ask for.
pub(super) fn rewrite(route: &Route, visit: &Visit, uri: &mut Uri) -> Result<(), &'static str> {
    let rewritten = route
        .rewrite
        .as_ref()
        .and_then(|rewrite| rewritten(rewrite, visit.uri.path()));
    let Some(rewritten) = rewritten else {
        return Ok(());
    };
    let path = path::normalise(&rewritten).map_err(|_| "the path cannot be rewritten")?;
    replace_path(uri, &path)
}

/// `None`: it stays as it is.
fn rewritten(rewrite: &Rewrite, path: &str) -> Option<String> {
    match rewrite {
        Rewrite::Prefix { from, with } => {
            let rest = is_below(path, from).then(|| &path[from.len()..])?;
            let rest = if with.is_empty() && rest.is_empty() {
                "/"
            } else {
                rest
            };
            Some(format!("{with}{rest}"))
        }
        Rewrite::Regex { pattern, with } => {
            let replaced = pattern.replace(path.as_bytes(), with)?;
            String::from_utf8(replaced).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::routing::Pattern;

    #[test]
    fn prefixes_are_stripped_and_replaced_by_whole_segments() {
        let prefix = |from: &str, with: &str| Rewrite::Prefix {
            from: from.into(),
            with: with.into(),
        };
        for (rewrite, path, expected) in [
            (prefix("/api", ""), "/api/v1", Some("/v1")),
            (prefix("/api", ""), "/api", Some("/")),
            (prefix("/api", ""), "/api/", Some("/")),
            (prefix("/api", ""), "/apis", None),
            (prefix("/api", "/v2"), "/api", Some("/v2")),
            (prefix("/api", "/v2"), "/api/x", Some("/v2/x")),
            (prefix("", "/base"), "/x", Some("/base/x")),
        ] {
            assert_eq!(rewritten(&rewrite, path).as_deref(), expected, "{path}");
        }
        let regex = Rewrite::Regex {
            pattern: Pattern::new("/u/([0-9]+)/(.*)").expect("a pattern"),
            with: "/users/$1/$2".into(),
        };
        assert_eq!(
            rewritten(&regex, "/u/7/a/b").as_deref(),
            Some("/users/7/a/b")
        );
        assert_eq!(rewritten(&regex, "/u/x/a"), None);
    }
}
