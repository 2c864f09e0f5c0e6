//! Where is a request sent that came without TLS?

use hyper::header::{HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};

use super::body::ResponseBody;
use super::refusal::refuse;
use super::route;
use super::service::no_host;

/// 308, so that methods and bodies stay what they are (RFC 9110, 15.4.9). The host is the one that was asked for.
pub(super) fn to_https<B>(port: u16, request: &Request<B>) -> Response<ResponseBody> {
    let host = match route::host_of(request) {
        Ok(host) => host,
        Err(error) => return no_host(error),
    };
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let location = match port {
        443 => format!("https://{host}{path}"),
        _ => format!("https://{host}:{port}{path}"),
    };
    match HeaderValue::try_from(location) {
        Ok(location) if !host.is_empty() && path.starts_with('/') => {
            let words = "the same is to be had over HTTPS";
            let mut response = refuse(StatusCode::PERMANENT_REDIRECT, words);
            response.headers_mut().insert(LOCATION, location);
            response
        }
        _ => refuse(
            StatusCode::BAD_REQUEST,
            "the request names no place that it could be sent to",
        ),
    }
}
