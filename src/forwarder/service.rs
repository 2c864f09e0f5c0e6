//! What becomes of a request?

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING,
    UPGRADE,
};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode, Version};

use super::access_line::Said;
use super::admission::{NOT_LET_IN, admit, lets_in};
use super::attempts::{Again, Answered, Attempts, Undone};
use super::body::{RequestBody, ResponseBody};
use super::cache::{self, Way};
use super::dress::{self, Dress};
use super::headers::{self, Asker};
use super::known::Known;
use super::refusal::{refuse, refuse_for};
use super::session::Session;
use super::story::Story;
use super::upstream::{self, Why};
use super::visit::Visit;
use super::worker::Worker;
use super::{edits, files, redirect, respond, rewrite, route, shown, split, sticky, upgrade, vet};
use crate::locate::Client;
use crate::proxy_protocol::Ends;
use crate::state::Root;
use crate::state::forwarding::{Action, Forward, Route};
use crate::state::listening::{Http, Listener, Spot};

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub address: SocketAddr,
    /// Of its own end.
    pub local: SocketAddr,
    pub is_tls: bool,
    /// Where it came to.
    pub spot: Spot,
}

/// A request on its way.
#[derive(Clone, Copy)]
pub(super) struct Asked<'s> {
    pub session: &'s Rc<Session>,
    /// Among those of the session, from 1 on.
    pub number: u64,
    pub peer: Peer,
    pub story: &'s Rc<RefCell<Story>>,
}

pub(super) type Answer = Response<ResponseBody>;

/// A request to be sent on. It has a place of its own, for it is handed on often.
pub(super) type Onward = Box<Request<RequestBody>>;

/// Answers one request. It never fails: what goes wrong is a response, too.
pub(super) async fn serve(
    worker: &Rc<Worker>,
    asked: Asked<'_>,
    request: Box<Request<Incoming>>,
) -> Answer {
    if let Some(refused) = asked.session.refused(asked.number) {
        return refuse(refused.status, refused.why);
    }
    let root = worker.root.load_full();
    let listener = root.forwarding.listener(asked.peer.spot);
    let listener = listener.unwrap_or(&asked.session.listener);
    let mut answer = respond(worker, &root, listener, asked, request).await;
    if let Some(hsts) = &listener.entrance.hsts {
        answer
            .headers_mut()
            .insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
    answer
}

async fn respond(
    worker: &Rc<Worker>,
    root: &Arc<Root>,
    listener: &Listener,
    asked: Asked<'_>,
    request: Box<Request<Incoming>>,
) -> Answer {
    let Routed {
        number,
        visit,
        mut request,
    } = match routed(root, listener, asked, *request) {
        Ok(routed) => routed,
        Err(answer) => return answer,
    };
    let route = &root.forwarding.routes[number as usize];
    let dress = Dress::of(&root.forwarding, route, &visit, request.headers());
    if let Err(refusal) = admit(root, route, &visit.client, request.headers()) {
        return dress.on(*refusal);
    }
    if let Err(why) = rewrite::rewrite(route, &visit, request.uri_mut()) {
        return dress.on(refuse(StatusCode::BAD_REQUEST, why));
    }
    dress.on(act(worker, root, number, &visit, request).await)
}

/// A request, and the place of its route.
struct Routed {
    number: u32,
    visit: Visit,
    request: Onward,
}

/// Which route a request is for, or what is answered where there is none.
#[expect(
    clippy::result_large_err,
    reason = "it is the answer, and moves on as it is"
)]
fn routed(
    root: &Root,
    listener: &Listener,
    asked: Asked<'_>,
    request: Request<Incoming>,
) -> Result<Routed, Answer> {
    let http = &listener.http;
    let unrouted = &root.forwarding.unrouted;
    asked.story.borrow_mut().is_of(unrouted, || {
        Said::of(
            request.method(),
            request.uri(),
            request.version(),
            request.headers(),
        )
    });
    if let Err(refused) = vet::vet(&request, http) {
        return Err(refuse(refused.status, refused.why));
    }
    let (mut head, body) = request.into_parts();
    if let Some(port) = listener.entrance.redirect_to_https {
        return Err(redirect::to_https(port, &head));
    }
    let visit = match Visit::new(&mut head, asked, http) {
        Ok(visit) => visit,
        Err(why) => return Err(refuse(StatusCode::BAD_REQUEST, why)),
    };
    let access = listener.access.as_ref();
    if access.is_some_and(|access| !lets_in(root, access, &visit.client)) {
        return Err(refuse(StatusCode::FORBIDDEN, NOT_LET_IN));
    }
    let asks = visit.matched(&head.headers, &listener.name);
    let found = route::find(&root.forwarding, &asks);
    let Some((number, route)) = found else {
        let answer = refuse(StatusCode::NOT_FOUND, "no route fits the request");
        return Err(dress::unrouted(&root.forwarding, answer));
    };
    asked.story.borrow_mut().is_of(&route.told, || {
        Said::of(&head.method, &head.uri, head.version, &head.headers)
    });
    let body = RequestBody::of(body, &visit.session);
    Ok(Routed {
        number,
        visit,
        request: Box::new(Request::from_parts(head, body)),
    })
}

/// Does what the route says.
async fn act(
    worker: &Rc<Worker>,
    root: &Arc<Root>,
    number: u32,
    visit: &Visit,
    request: Onward,
) -> Answer {
    let way = |side| Way {
        root,
        route: number,
        side,
    };
    let route = &root.forwarding.routes[number as usize];
    match &route.action {
        Action::Forward(_) => cache::answer(worker, way(0), visit, request).await,
        Action::Split(split) => {
            let headers = request.headers();
            let chosen = worker.draw(root, |draw| {
                split::choose(split, visit, headers, draw.random)
            });
            let answer = cache::answer(worker, way(chosen.side), visit, request).await;
            chosen.remembered(answer)
        }
        Action::Redirect(redirect) => redirect::answer(redirect, route, visit),
        Action::Respond(respond) => respond::answer(respond),
        Action::Files(files) => {
            let head = request.into_parts().0;
            Box::pin(files::answer(files, route, visit, &head)).await
        }
    }
}

/// Sends it to a backend, and to another one where that is safe.
pub(super) async fn forward(
    worker: &Rc<Worker>,
    root: &Arc<Root>,
    forward: &Forward,
    route: &Route,
    visit: &Visit,
    request: Onward,
) -> Answer {
    let asked = visit.asked();
    let listener = root.forwarding.listener(asked.peer.spot);
    let http = &listener.unwrap_or(&asked.session.listener).http;
    let version = request.version();
    let Ready {
        request,
        again,
        client,
        known,
    } = ready(worker, http, forward, route, visit, *request);
    let ends = Ends {
        from: asked.peer.address,
        to: asked.peer.local,
    };
    let attempts = Attempts {
        worker,
        root,
        forward,
        client: &client,
        ends,
        known: &known,
        story: asked.story,
    };
    match attempts.send(request, again).await {
        Ok(Answered { response, endpoint }) => {
            let mut answer = answer(response, asked, http, version);
            sticky::keep(
                forward,
                &known,
                endpoint,
                visit.is_tls,
                answer.headers_mut(),
            );
            answer
        }
        Err(undone) => no_response(undone, asked),
    }
}

/// A request as it is sent to backends, and what they are chosen by.
struct Ready {
    request: Onward,
    again: Option<Box<Again>>,
    client: Client,
    known: Known,
}

fn ready(
    worker: &Worker,
    http: &Http,
    forward: &Forward,
    route: &Route,
    visit: &Visit,
    request: Request<RequestBody>,
) -> Ready {
    let (mut head, body) = request.into_parts();
    let client = Client {
        subnet: None,
        resolver: prepare(&mut head, &body, visit.asked(), http, || worker.number()),
    };
    edits::apply(&route.request_headers, &mut head.headers, route, visit);
    let known = Known::of(forward, &client, &head);
    let (body, again) = Again::of(&head, body, forward.replay);
    Ready {
        request: Box::new(Request::from_parts(head, body)),
        again,
        client,
        known,
    }
}

/// Makes it a request to a backend; the client that it is from.
fn prepare(
    head: &mut Parts,
    body: &RequestBody,
    asked: Asked<'_>,
    http: &Http,
    draw: impl FnOnce() -> u128,
) -> IpAddr {
    // hyper has seen that the connection can be had for it.
    let is_offered = head.extensions.get::<OnUpgrade>().is_some();
    let upgrade = (is_offered && matches!(body, RequestBody::Empty))
        .then(|| upgrade::asked_for(&head.headers))
        .flatten();
    headers::strip_request(&mut head.headers, upgrade);
    headers::tell_way(&mut head.headers, head.version, http);
    let host = head.headers.get(HOST).cloned();
    let asker = Asker {
        peer: asked.peer.address,
        port: asked.peer.local.port(),
        is_tls: asked.peer.is_tls,
        host: host.as_ref(),
    };
    let is_trusted = http.trusts(asker.peer.ip());
    let client = asked
        .session
        .told(|told| headers::tell_client(&mut head.headers, asker, http, told));
    asked.story.borrow_mut().is_from(client);
    if host.is_none() {
        // RFC 9112, 3.3: clients of HTTP/1.0 may leave it out, and what goes on is HTTP/1.1.
        let address = HeaderValue::try_from(asked.peer.local.to_string());
        head.headers
            .extend(address.ok().map(|address| (HOST, address)));
    }
    shown::tell(&mut head.headers, asked.session.shown().as_deref());
    headers::tell_request(&mut head.headers, is_trusted, draw);
    if body.size_hint().exact().is_none() {
        // For methods that have no body most of the time, hyper would leave it out.
        let chunked = HeaderValue::from_static("chunked");
        head.headers.insert(TRANSFER_ENCODING, chunked);
    }
    head.version = Version::HTTP_11;
    head.extensions.clear();
    client
}

/// Marks a response that ends with its connection: whether all of it came, nobody can tell (RFC 9112, 6.3).
#[derive(Clone, Copy)]
pub(super) struct Unframed;

/// Makes a backend's response one to the client, who speaks `version`.
fn answer(
    response: Response<upstream::Exchange>,
    asked: Asked<'_>,
    http: &Http,
    version: Version,
) -> Answer {
    let (mut head, body) = response.into_parts();
    let is_framed = |name| head.headers.contains_key(name);
    if head.version < Version::HTTP_2 && !is_framed(CONTENT_LENGTH) && !is_framed(TRANSFER_ENCODING)
    {
        head.extensions.insert(Unframed);
    }
    let protocol = head.headers.remove(UPGRADE);
    headers::strip_hop_by_hop(&mut head.headers);
    headers::tell_way(&mut head.headers, head.version, http);
    // Of HTTP/1.0, hyper knows for itself.
    head.version = version.max(Version::HTTP_11);
    if head.status == StatusCode::NO_CONTENT {
        // RFC 9110, 8.6; over HTTP/2 the client would wait for them.
        head.headers.remove(CONTENT_LENGTH);
    }
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        return Response::from_parts(head, ResponseBody::Upstream(body));
    }
    let (Some(upgraded), Some(protocol)) = (body.upgraded(), protocol) else {
        return no_response(Undone::Failed(Why::NoResponse), asked);
    };
    asked.session.upgrade(upgraded);
    head.headers.insert(UPGRADE, protocol);
    let upgrade = HeaderValue::from_static("upgrade");
    head.headers.insert(CONNECTION, upgrade);
    Response::from_parts(head, ResponseBody::whole(Bytes::new()))
}

/// What is said when no backend has answered.
fn no_response(undone: Undone, asked: Asked<'_>) -> Answer {
    if let Some(fault) = asked.session.fault() {
        return refuse(fault.status, fault.why);
    }
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
        Undone::Failed(Why::Gone | Why::Ended | Why::NoResponse) => {
            refuse(StatusCode::BAD_GATEWAY, "the backend gave no response")
        }
        Undone::Failed(Why::BrokenRequest) => {
            refuse(StatusCode::BAD_REQUEST, "the body has no end")
        }
    }
}

fn unavailable(why: &'static str, again_in: Duration) -> Answer {
    refuse_for(StatusCode::SERVICE_UNAVAILABLE, why, again_in)
}
