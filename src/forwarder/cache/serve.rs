//! Sends what is kept.

use std::time::Instant;

use hyper::header::{
    AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    LAST_MODIFIED,
};
use hyper::{Response, StatusCode};

use super::said;
use crate::forwarder::body::ResponseBody;
use crate::forwarder::conditions::{self, Outcome, Validators};
use crate::forwarder::service::Answer;
use crate::state::forwarding::cache::Kept;

/// What is kept, or that the client with these `headers` has it already.
pub(super) fn answer(kept: &Kept, headers: &HeaderMap, now: Instant, how: &str) -> Answer {
    let (status, body) = match has_it(kept.status, &kept.headers, headers) {
        true => (StatusCode::NOT_MODIFIED, ResponseBody::Whole(None)),
        false => (kept.status, ResponseBody::whole(kept.body.clone())),
    };
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = kept.headers.clone();
    if status == StatusCode::NOT_MODIFIED {
        strip_body_headers(answer.headers_mut());
    }
    // RFC 9111, 5.1.
    let age = kept.terms.age + now.saturating_duration_since(kept.terms.at);
    answer
        .headers_mut()
        .insert(AGE, HeaderValue::from(age.as_secs()));
    said(answer, how)
}

/// Whether the client has the response already (RFC 9111, 4.3.2).
pub(super) fn has_it(status: StatusCode, of: &HeaderMap, headers: &HeaderMap) -> bool {
    let text = |name| {
        of.get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let known = Validators {
        etag: text(ETAG),
        modified: text(LAST_MODIFIED).and_then(|date| httpdate::parse_http_date(date).ok()),
    };
    status == StatusCode::OK && conditions::check(headers, &known) == Outcome::NotModified
}

/// What is about the body that is not sent (RFC 9110, 15.4.5).
pub(super) fn strip_body_headers(headers: &mut HeaderMap) {
    for name in [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE] {
        headers.remove(name);
    }
}
