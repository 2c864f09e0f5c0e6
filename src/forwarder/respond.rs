//! What is said to everybody?

use hyper::Response;
use hyper::header::CONTENT_TYPE;

use super::body::ResponseBody;
use super::service::Answer;
use crate::model::routing::Respond;

pub(super) fn answer(respond: &Respond) -> Answer {
    let mut answer = Response::new(ResponseBody::whole(respond.body.clone()));
    *answer.status_mut() = respond.status;
    let headers = answer.headers_mut();
    if let Some(content_type) = &respond.content_type {
        headers.insert(CONTENT_TYPE, content_type.clone());
    }
    for (name, value) in &respond.headers {
        headers.append(name, value.clone());
    }
    answer
}
