//! May a request go on?

use hyper::body::Body;
use hyper::header::{EXPECT, HOST, HeaderValue, MAX_FORWARDS};
use hyper::{Method, Request, StatusCode, Version};

use super::body::TOO_LARGE;
use super::framing::Refused;
use super::headers;
use crate::state::listening::Http;

const fn refused(status: StatusCode, why: &'static str) -> Result<(), Refused> {
    Err(Refused { status, why })
}

/// What can be said of it without knowing where it leads. The framing of HTTP/1 is known to be right.
pub(super) fn vet<B: Body>(request: &Request<B>, http: &Http) -> Result<(), Refused> {
    // Nobody is to be reached through the forwarder whom no route leads to (RFC 9110, 9.3.6), and what it tells backends
    // is none of the client's (9.3.8).
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return refused(StatusCode::NOT_IMPLEMENTED, "this method is not served");
    }
    let is_last =
        |hops: &HeaderValue| !hops.is_empty() && hops.as_bytes().iter().all(|&digit| digit == b'0');
    if request.method() == Method::OPTIONS
        && request.headers().get(MAX_FORWARDS).is_some_and(is_last)
    {
        // RFC 9110, 7.6.2: whoever gets it then answers it.
        return refused(StatusCode::OK, "this is as far as the request goes");
    }
    if request.version() == Version::HTTP_2 {
        vet_http2(request, http)?;
    }
    let body = request.body().size_hint().lower();
    if http.body_max.is_some_and(|max| body > max) {
        return Err(TOO_LARGE);
    }
    let expected = request.headers().get(EXPECT);
    if expected.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return refused(
            StatusCode::EXPECTATION_FAILED,
            "of expectations only 100-continue is met",
        );
    }
    if headers::has_come_by(request.headers(), http) {
        return refused(
            StatusCode::LOOP_DETECTED,
            "the request has come by here already",
        );
    }
    Ok(())
}

/// What the framing of HTTP/1 is looked at for.
fn vet_http2<B>(request: &Request<B>, http: &Http) -> Result<(), Refused> {
    if request.headers().len() > http.headers_max.into() {
        let why = "there are too many header fields";
        return refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, why);
    }
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    if target > http.target_max as usize {
        return refused(
            StatusCode::URI_TOO_LONG,
            "the target of the request is too long",
        );
    }
    // RFC 9113, 8.3.1.
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let host = request.headers().get(HOST).map(|host| host.as_bytes());
    match (authority, host) {
        (Some(authority), Some(host)) if !host.eq_ignore_ascii_case(authority.as_bytes()) => {
            refused(StatusCode::BAD_REQUEST, "the request is for two hosts")
        }
        _ => Ok(()),
    }
}
