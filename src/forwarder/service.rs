//! What becomes of a request?

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode, Uri, Version};

use super::admission::admit;
use super::attempts::{Again, Answered, Attempts, Undone};
use super::body::ResponseBody;
use super::headers;
use super::known::Known;
use super::refusal::{refuse, refuse_for};
use super::route::{self, HostError};
use super::sticky;
use super::upstream::{self, Why};
use super::worker::Worker;
use crate::locate::Client;
use crate::state::Root;
use crate::state::forwarding::{Action, Forward};

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub address: SocketAddr,
    pub is_tls: bool,
}

impl Peer {
    pub fn client(&self) -> Client {
        Client {
            subnet: None,
            resolver: self.address.ip(),
        }
    }
}

type Answer = Response<ResponseBody>;

/// Answers one request. It never fails: what goes wrong is a response, too.
pub(super) async fn serve(
    worker: Rc<Worker>,
    peer: Peer,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let root = worker.root.load_full();
    let routed = routed(&root, &peer, &request).map(|(forward, host)| (forward, host.to_owned()));
    Ok(match routed {
        Err(answer) => *answer,
        Ok((forward, host)) => self::forward(&worker, &root, forward, peer, &host, request).await,
    })
}

/// Where it goes, and for which host it is.
fn routed<'r, 'q>(
    root: &'r Root,
    peer: &Peer,
    request: &'q Request<Incoming>,
) -> Result<(&'r Forward, &'q str), Box<Answer>> {
    let host = route::host_of(request).map_err(|error| {
        Box::new(refuse(
            StatusCode::BAD_REQUEST,
            match error {
                HostError::Missing => "the request has no Host header",
                HostError::Several => "the request has several Host headers",
                HostError::Unreadable => "the host of the request cannot be read",
            },
        ))
    })?;
    let route = route::find(&root.forwarding, host, request.uri().path());
    let nowhere = || Box::new(refuse(StatusCode::NOT_FOUND, "no route fits the request"));
    let route = route.ok_or_else(nowhere)?;
    admit(root, route, peer, request.headers())?;
    let Action::Forward(forward) = &route.action;
    Ok((forward, host))
}

async fn forward(
    worker: &Rc<Worker>,
    root: &Arc<Root>,
    forward: &Forward,
    peer: Peer,
    host: &str,
    request: Request<Incoming>,
) -> Answer {
    let client = peer.client();
    let (mut head, body) = request.into_parts();
    let known = Known::of(forward, &client, &head, host);
    prepare(&mut head, &peer, host);
    let (body, again) = Again::of(&head, body, forward.replay);
    let attempts = Attempts {
        worker,
        root,
        forward,
        client: &client,
        known: &known,
    };
    match attempts.send(Request::from_parts(head, body), again).await {
        Ok(Answered { response, endpoint }) => {
            let mut answer = answer(response);
            sticky::keep(forward, &known, endpoint, &peer, answer.headers_mut());
            answer
        }
        Err(undone) => no_response(undone),
    }
}

/// Makes it a request to a backend.
fn prepare(head: &mut Parts, peer: &Peer, host: &str) {
    headers::strip_hop_by_hop(&mut head.headers);
    headers::tell_client(&mut head.headers, peer, host);
    if let Some(authority) = head.uri.authority() {
        // What the target says counts (RFC 9112, 3.2.2).
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            head.headers.insert(HOST, host);
        }
        let path = head.uri.path_and_query().cloned();
        head.uri = path.map_or_else(Uri::default, Uri::from);
    }
    head.version = Version::HTTP_11;
    head.extensions.clear();
}

fn answer(response: Response<upstream::Exchange>) -> Answer {
    let (mut head, body) = response.into_parts();
    headers::strip_hop_by_hop(&mut head.headers);
    head.version = Version::HTTP_11;
    Response::from_parts(head, ResponseBody::Upstream(body))
}

/// What is said when no backend has answered.
fn no_response(undone: Undone) -> Answer {
    let soon = Duration::from_secs(1);
    match undone {
        Undone::NoneUp => refuse(StatusCode::SERVICE_UNAVAILABLE, "no backend is up"),
        Undone::NoneLeft => unavailable("all backends have failed lately", soon),
        Undone::Open(left) => unavailable("the backends mostly fail", left),
        Undone::Full => unavailable("the backends have too much to do", soon),
        Undone::TotalTimeout | Undone::Failed(Why::ConnectTimeout | Why::ResponseTimeout) => {
            refuse(StatusCode::GATEWAY_TIMEOUT, "the backend took too long")
        }
        Undone::Failed(Why::Connect) => {
            refuse(StatusCode::BAD_GATEWAY, "no backend takes connections")
        }
        Undone::Failed(Why::Gone | Why::NoResponse) => {
            refuse(StatusCode::BAD_GATEWAY, "the backend gave no response")
        }
    }
}

fn unavailable(why: &'static str, again_in: Duration) -> Answer {
    refuse_for(StatusCode::SERVICE_UNAVAILABLE, why, again_in)
}
