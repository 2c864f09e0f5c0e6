//! What becomes of a request?

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};

use super::balance::{self, Choice};
use super::body::{RequestBody, ResponseBody};
use super::cache::{self, Way};
use super::dress::{self, Dress};
use super::refusal::refuse;
use super::upstream::{self, Failed, Why};
use super::visit::Visit;
use super::worker::Worker;
use super::{edits, files, headers, redirect, respond, rewrite, route, split};
use crate::locate::Client;
use crate::state::Root;
use crate::state::forwarding::{Action, Forward, Route};

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub address: SocketAddr,
    /// The place of the listener that it came to.
    pub listener: u16,
    pub is_tls: bool,
}

pub(super) type Answer = Response<ResponseBody>;

/// Answers one request. It never fails: what goes wrong is a response, too.
pub(super) async fn serve(
    worker: Rc<Worker>,
    peer: Peer,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let root = worker.root.load_full();
    let (mut head, body) = request.into_parts();
    let visit = match Visit::new(&mut head, peer) {
        Ok(visit) => visit,
        Err(why) => return Ok(refuse(StatusCode::BAD_REQUEST, why)),
    };
    let Some((number, route)) = route::find(&root.forwarding, &visit, &head.headers) else {
        let answer = refuse(StatusCode::NOT_FOUND, "no route fits the request");
        return Ok(dress::unrouted(&root.forwarding, answer));
    };
    let dress = Dress::of(&root.forwarding, route, &visit, &head);
    let answer = match rewrite::rewrite(route, &visit, &mut head) {
        Ok(()) => {
            act(
                &worker,
                &root,
                number,
                &visit,
                Request::from_parts(head, body),
            )
            .await
        }
        Err(why) => refuse(StatusCode::BAD_REQUEST, why),
    };
    Ok(dress.on(answer))
}

/// Does what the route says.
async fn act(
    worker: &Rc<Worker>,
    root: &Arc<Root>,
    number: u32,
    visit: &Visit,
    request: Request<Incoming>,
) -> Answer {
    let way = |side| Way {
        root: Arc::clone(root),
        route: number,
        side,
    };
    let route = &root.forwarding.routes[number as usize];
    match &route.action {
        Action::Forward(_) => {
            let request = request.map(RequestBody::of);
            cache::answer(worker, &way(0), visit, request).await
        }
        Action::Split(split) => {
            let headers = request.headers();
            let chosen = worker.draw(root, |draw| {
                split::choose(split, visit, headers, draw.random)
            });
            let request = request.map(RequestBody::of);
            let answer = cache::answer(worker, &way(chosen.side), visit, request).await;
            chosen.remembered(answer)
        }
        Action::Redirect(redirect) => redirect::answer(redirect, route, visit),
        Action::Respond(respond) => respond::answer(respond),
        Action::Files(files) => files::answer(files, visit, &request.into_parts().0).await,
    }
}

/// Sends it to a backend, and to another one where that is safe.
pub(super) async fn forward(
    worker: &Rc<Worker>,
    root: &Arc<Root>,
    forward: &Forward,
    route: &Route,
    visit: &Visit,
    request: Request<RequestBody>,
) -> Answer {
    let client = Client {
        subnet: None,
        resolver: visit.peer.address.ip(),
    };
    let (mut head, body) = request.into_parts();
    prepare(&mut head, visit);
    edits::apply(&route.request_headers, &mut head.headers, route, visit);
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
        match upstream::exchange(worker, &upstream, backend, sent).await {
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
fn prepare(head: &mut Parts, visit: &Visit) {
    headers::strip_hop_by_hop(&mut head.headers);
    headers::tell_client(&mut head.headers, &visit.peer, &visit.host);
    head.version = Version::HTTP_11;
    head.extensions.clear();
}

/// Marks a response that ends with its connection: whether all of it came, nobody can tell (RFC 9112, 6.3).
#[derive(Clone, Copy)]
pub(super) struct Unframed;

fn answer(response: Response<upstream::Exchange>) -> Answer {
    let (mut head, body) = response.into_parts();
    let is_framed = |name| head.headers.contains_key(name);
    if head.version < Version::HTTP_2 && !is_framed(CONTENT_LENGTH) && !is_framed(TRANSFER_ENCODING)
    {
        head.extensions.insert(Unframed);
    }
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
