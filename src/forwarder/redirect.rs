//! Where is a client sent instead?

use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};
use hyper::http::request::Parts;

use super::refusal::refuse;
use super::route;
use super::service::Answer;
use super::visit::Visit;
use crate::model::routing::Redirect;
use crate::state::forwarding::Route;

pub(super) fn answer(redirect: &Redirect, route: &Route, visit: &Visit) -> Answer {
    to(redirect.status, &visit.fill(&redirect.to, route))
}

/// Sends the client to `location`, and says so in words to who does not follow.
pub(super) fn to(status: StatusCode, location: &str) -> Answer {
    let Ok(location) = HeaderValue::from_str(location) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "no address can be made of the request",
        );
    };
    let mut answer = refuse(status, "it is elsewhere");
    answer.headers_mut().insert(LOCATION, location);
    answer
}

/// 308, so that methods and bodies stay what they are (RFC 9110, 15.4.9). The host is the one that was asked for.
pub(super) fn to_https(port: u16, head: &Parts) -> Answer {
    let host = match route::host_of(head) {
        Ok(host) => host,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, error.words()),
    };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
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
