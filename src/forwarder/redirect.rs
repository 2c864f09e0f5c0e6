//! Where is a client sent instead?

use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};

use super::refusal::refuse;
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
