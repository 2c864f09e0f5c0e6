//! What becomes of a request?

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue, STRICT_TRANSPORT_SECURITY};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};

use super::balance::{self, Choice};
use super::body::{RequestBody, ResponseBody};
use super::refusal::refuse;
use super::route::{self, HostError};
use super::shown::Shown;
use super::upstream::{self, Failed, Why};
use super::worker::Worker;
use super::{headers, redirect, shown};
use crate::locate::Client;
use crate::proxy_protocol::Ends;
use crate::state::Root;
use crate::state::forwarding::{Action, Entrance, Forward};

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub address: SocketAddr,
    /// Where it came to.
    pub local: SocketAddr,
    pub is_tls: bool,
    /// Of its certificate, if it was asked for one.
    pub shown: Option<Rc<Shown>>,
    pub entrance: Arc<Entrance>,
}

type Answer = Response<ResponseBody>;

/// Answers one request. It never fails: what goes wrong is a response, too.
pub(super) async fn serve(
    worker: Rc<Worker>,
    peer: Rc<Peer>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let mut answer = respond(&worker, &peer, request).await;
    if let Some(hsts) = &peer.entrance.hsts {
        answer
            .headers_mut()
            .insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
    Ok(answer)
}

async fn respond(worker: &Rc<Worker>, peer: &Peer, request: Request<Incoming>) -> Answer {
    if let Some(port) = peer.entrance.redirect_to_https {
        return match route::host_of(&request) {
            Ok(host) => redirect::to_https(host, port, &request),
            Err(error) => no_host(error),
        };
    }
    let root = worker.root.load_full();
    let routed = routed(&root, &request).map(|(forward, host)| (forward, host.to_owned()));
    match routed {
        Err(answer) => *answer,
        Ok((forward, host)) => self::forward(worker, &root, forward, peer, &host, request).await,
    }
}

/// Where it goes, and for which host it is.
fn routed<'r, 'q>(
    root: &'r Root,
    request: &'q Request<Incoming>,
) -> Result<(&'r Forward, &'q str), Box<Answer>> {
    let host = route::host_of(request).map_err(|error| Box::new(no_host(error)))?;
    let route = route::find(&root.forwarding, host, request.uri().path());
    let nowhere = || Box::new(refuse(StatusCode::NOT_FOUND, "no route fits the request"));
    let Action::Forward(forward) = &route.ok_or_else(nowhere)?.action;
    Ok((forward, host))
}

fn no_host(error: HostError) -> Answer {
    let why = match error {
        HostError::Missing => "the request has no Host header",
        HostError::Several => "the request has several Host headers",
        HostError::Unreadable => "the host of the request cannot be read",
    };
    refuse(StatusCode::BAD_REQUEST, why)
}

async fn forward(
    worker: &Rc<Worker>,
    root: &Arc<Root>,
    forward: &Forward,
    peer: &Peer,
    host: &str,
    request: Request<Incoming>,
) -> Answer {
    let client = Client {
        subnet: None,
        resolver: peer.address.ip(),
    };
    let ends = Ends {
        from: peer.address,
        to: peer.local,
    };
    let (mut head, body) = request.into_parts();
    prepare(&mut head, peer, host);
    let body = RequestBody::of(body);
    let again = Again::of(&head, &body);
    let mut request = Some(Request::from_parts(head, body));
    let mut tried = Vec::new();
    let mut last = None;
    loop {
        let choice = worker.draw(root, |draw| {
            balance::choose(root, forward, &client, &tried, draw)
        });
        let (Some(Choice { upstream, backend }), Some(sent)) = (choice, request.take()) else {
            return no_response(last);
        };
        tried.push(backend.number);
        match upstream::exchange(worker, &upstream, backend, ends, sent).await {
            Ok(response) => return answer(response),
            Err(Failed { why, request: left }) => {
                last = Some(why);
                request = left.or_else(|| again.as_ref()?.request());
                if request.is_none() || tried.len() > upstream.retries as usize {
                    return no_response(last);
                }
            }
        }
    }
}

/// A request that may be sent again although some of it was sent: one that changes nothing, or nothing more the second
/// time (RFC 9110, 9.2.2), and has no body.
struct Again(Parts);

impl Again {
    fn of(head: &Parts, body: &RequestBody) -> Option<Self> {
        let is_safe = matches!(
            head.method,
            Method::GET
                | Method::HEAD
                | Method::OPTIONS
                | Method::TRACE
                | Method::PUT
                | Method::DELETE
        );
        (is_safe && matches!(body, RequestBody::Empty)).then(|| {
            let mut parts = Request::new(()).into_parts().0;
            parts.method = head.method.clone();
            parts.uri = head.uri.clone();
            parts.headers = head.headers.clone();
            Again(parts)
        })
    }

    fn request(&self) -> Option<Request<RequestBody>> {
        Some(Request::from_parts(self.0.clone(), RequestBody::Empty))
    }
}

/// Makes it a request to a backend.
fn prepare(head: &mut Parts, peer: &Peer, host: &str) {
    headers::strip_hop_by_hop(&mut head.headers);
    headers::tell_client(&mut head.headers, peer, host);
    shown::tell(&mut head.headers, peer.shown.as_deref());
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
fn no_response(last: Option<Why>) -> Answer {
    match last {
        None => refuse(StatusCode::SERVICE_UNAVAILABLE, "no backend is up"),
        Some(Why::ConnectTimeout | Why::ResponseTimeout) => {
            refuse(StatusCode::GATEWAY_TIMEOUT, "the backend took too long")
        }
        Some(Why::Connect) => refuse(StatusCode::BAD_GATEWAY, "no backend takes connections"),
        Some(Why::Gone | Why::NoResponse) => {
            refuse(StatusCode::BAD_GATEWAY, "the backend gave no response")
        }
    }
}
