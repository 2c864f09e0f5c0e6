//! What is said where there is no response?

use hyper::header::{CONTENT_TYPE, HeaderValue};
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
