//! Does the client have it already? (RFC 9110, 13)

use std::time::SystemTime;

use hyper::header::{
    HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE,
};

/// What a response is known by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Validators<'a> {
    /// As it is sent: in quotes, and perhaps weak.
    pub etag: Option<&'a str>,
    /// In whole seconds.
    pub modified: Option<SystemTime>,
}

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The response is sent.
    Holds,
    /// 304: the client has it.
    NotModified,
    /// 412: it is not what the client believes.
    Failed,
}

/// Evaluates the conditions of a GET or HEAD in their order of precedence (RFC 9110, 13.2.2).
pub(super) fn check(headers: &HeaderMap, known: &Validators<'_>) -> Outcome {
    if headers.contains_key(IF_MATCH) {
        if !lists(headers, IF_MATCH, known.etag, is_strongly_equal) {
            return Outcome::Failed;
        }
    } else if let (Some(since), Some(modified)) =
        (date(headers, IF_UNMODIFIED_SINCE), known.modified)
        && modified > since
    {
        return Outcome::Failed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        if lists(headers, IF_NONE_MATCH, known.etag, is_weakly_equal) {
            return Outcome::NotModified;
        }
    } else if let (Some(since), Some(modified)) = (date(headers, IF_MODIFIED_SINCE), known.modified)
        && modified <= since
    {
        return Outcome::NotModified;
    }
    Outcome::Holds
}

/// Whether a range may be sent of what is known (RFC 9110, 13.1.5): the client has the rest of the very same.
pub(super) fn range_holds(headers: &HeaderMap, known: &Validators<'_>) -> bool {
    let Some(written) = headers.get(IF_RANGE) else {
        return true;
    };
    let Ok(written) = written.to_str() else {
        return false;
    };
    match written.trim() {
        etag if etag.starts_with(['"', 'W']) => known
            .etag
            .is_some_and(|known| is_strongly_equal(etag, known)),
        // A date is strong only if it is the very one that was sent.
        date => httpdate::parse_http_date(date).is_ok_and(|date| known.modified == Some(date)),
    }
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

/// Whether a list of tags has what is known; `*` has all that is there.
fn lists(
    headers: &HeaderMap,
    name: HeaderName,
    known: Option<&str>,
    is_equal: fn(&str, &str) -> bool,
) -> bool {
    let lines = headers.get_all(name).into_iter();
    let mut lines = lines.filter_map(|line| line.to_str().ok());
    lines.any(|line| {
        line.trim() == "*" || known.is_some_and(|known| tags(line).any(|tag| is_equal(tag, known)))
    })
}

/// The tags of a list; commas may stand within them (RFC 9110, 8.8.3).
fn tags(line: &str) -> impl Iterator<Item = &str> {
    let mut left = line;
    std::iter::from_fn(move || {
        left = left.trim_start_matches([' ', '\t', ',']);
        let quote = left
            .find('"')
            .filter(|&at| matches!(&left[..at], "" | "W/"))?;
        let end = left[quote + 1..].find('"')? + quote + 2;
        let (tag, rest) = left.split_at(end);
        left = rest;
        Some(tag)
    })
}

fn is_strongly_equal(a: &str, b: &str) -> bool {
    a == b && !a.starts_with("W/")
}

fn is_weakly_equal(a: &str, b: &str) -> bool {
    a.trim_start_matches("W/") == b.trim_start_matches("W/")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use hyper::header::HeaderValue;

    use super::*;

    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn known(etag: &str) -> Validators<'_> {
        Validators {
            etag: Some(etag),
            modified: Some(UNIX_EPOCH + Duration::from_secs(784_111_777)),
        }
    }

    #[test]
    fn conditions_have_their_precedence() {
        use Outcome::{Failed, Holds, NotModified};
        for (lines, expected) in [
            (&[][..], Holds),
            (&[("if-none-match", "\"a\"")], NotModified),
            (&[("if-none-match", "W/\"a\"")], NotModified),
            (&[("if-none-match", "\"x,y\", \"a\"")], NotModified),
            (
                &[("if-none-match", "\"x\""), ("if-none-match", "\"a\"")],
                NotModified,
            ),
            (&[("if-none-match", "*")], NotModified),
            (&[("if-none-match", "\"b\"")], Holds),
            (&[("if-none-match", "a")], Holds),
            (&[("if-modified-since", AT)], NotModified),
            (
                &[("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT")],
                NotModified,
            ),
            (&[("if-modified-since", EARLIER)], Holds),
            (&[("if-modified-since", "yesterday")], Holds),
            (
                &[("if-none-match", "\"b\""), ("if-modified-since", AT)],
                Holds,
            ),
            (&[("if-match", "\"a\"")], Holds),
            (&[("if-match", "W/\"a\"")], Failed),
            (&[("if-match", "\"b\"")], Failed),
            (&[("if-unmodified-since", EARLIER)], Failed),
            (
                &[("if-match", "\"a\""), ("if-unmodified-since", EARLIER)],
                Holds,
            ),
            (
                &[("if-match", "\"a\""), ("if-none-match", "\"a\"")],
                NotModified,
            ),
        ] {
            assert_eq!(
                check(&headers(lines), &known("\"a\"")),
                expected,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn ranges_are_of_the_very_same_only() {
        for (written, etag, holds) in [
            ("\"a\"", "\"a\"", true),
            ("\"b\"", "\"a\"", false),
            ("W/\"a\"", "W/\"a\"", false),
            (AT, "\"a\"", true),
            (EARLIER, "\"a\"", false),
        ] {
            let headers = headers(&[("if-range", written)]);
            assert_eq!(range_holds(&headers, &known(etag)), holds, "{written}");
        }
    }
}
