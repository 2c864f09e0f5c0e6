//! What is said where there is no response?

use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::body::ResponseBody;

/// A response of the forwarder's own, in words.
pub(super) fn refuse(status: StatusCode, why: &'static str) -> Response<ResponseBody> {
    let text = format!("{} {why}\n", status.as_str());
    let mut response = Response::new(ResponseBody::Refusal(Some(text.into())));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// The same, with when to ask again, in whole seconds (RFC 9110, 10.2.3).
pub(super) fn refuse_for(
    status: StatusCode,
    why: &'static str,
    again_in: Duration,
) -> Response<ResponseBody> {
    let mut response = refuse(status, why);
    let seconds = again_in.as_millis().div_ceil(1_000).max(1);
    let seconds = HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX));
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}
