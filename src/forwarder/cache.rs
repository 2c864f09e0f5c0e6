//! Is the response known already? (RFC 9111)
//!
//! What is kept, and who asks for what, is in `state::forwarding::Cache`; here is what HTTP says of it.

mod fill;
mod rules;
mod serve;

use std::rc::Rc;
use std::sync::Arc;

use hyper::header::{
    CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::body::{RequestBody, ResponseBody};
use super::headers;
use super::refusal::refuse;
use super::service::{self, Answer, Onward};
use super::visit::Visit;
use super::worker::Worker;
use crate::clock;
use crate::state::Root;
use crate::state::forwarding::cache::{Boarding, Cache, Course, Kept, Key, Pilot};
use crate::state::forwarding::{Action, Cached, Caching, Forward, Route};
pub(super) use fill::Filled;
use rules::{Use, Wish};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Where a route sends a request.
#[derive(Clone, Copy)]
pub(super) struct Way<'r> {
    pub root: &'r Arc<Root>,
    /// Its place.
    pub route: u32,
    /// The place of the side that was chosen.
    pub side: usize,
}

impl<'r> Way<'r> {
    fn route(&self) -> &'r Route {
        &self.root.forwarding.routes[self.route as usize]
    }

    fn forward(&self) -> Option<&'r Forward> {
        match &self.route().action {
            Action::Forward(forward) => Some(forward),
            Action::Split(split) => split.sides.get(self.side).map(|side| &side.to),
            Action::Redirect(_) | Action::Respond(_) | Action::Files(_) => None,
        }
    }

    /// What each side keeps is its own.
    fn space(&self, caching: &Caching) -> u64 {
        let seed = match &self.route().action {
            Action::Split(split) => split.sides.get(self.side).map(|side| side.seed),
            _ => None,
        };
        caching.space ^ seed.unwrap_or_default()
    }

    async fn send(&self, worker: &Rc<Worker>, visit: &Visit, request: Onward) -> Answer {
        match self.forward() {
            Some(forward) => {
                service::forward(worker, self.root, forward, self.route(), visit, request).await
            }
            None => refuse(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the route leads to no backend",
            ),
        }
    }
}

/// Answers out of what is kept, where the route keeps anything, or by asking a backend.
pub(super) async fn answer(
    worker: &Rc<Worker>,
    way: Way<'_>,
    visit: &Visit,
    request: Onward,
) -> Answer {
    let forwarding = &way.root.forwarding;
    let (Some(cache), Some(caching)) = (&forwarding.cache, &way.route().cache) else {
        return way.send(worker, visit, request).await;
    };
    let target = visit
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let key = Key {
        is_tls: visit.is_tls,
        asked_for: headers::asked_for(request.headers(), visit.is_trusted),
        host: visit.host.clone(),
        target: target.into(),
    };
    let asking = Asking {
        worker,
        way,
        visit,
        cache,
        caching,
        space: way.space(caching),
        key,
    };
    // In a place of its own: most routes keep nothing.
    let (answer, cached) = Box::pin(asking.answer(request)).await;
    visit.asked().story.borrow().is_cached(cached);
    answer
}

/// A request to a route that keeps responses.
struct Asking<'a> {
    worker: &'a Rc<Worker>,
    way: Way<'a>,
    visit: &'a Visit,
    cache: &'a Arc<Cache>,
    caching: &'a Caching,
    space: u64,
    key: Key,
}

/// What is kept for a request.
struct Found {
    kept: Option<Arc<Kept>>,
    /// Whether there are responses to other requests for the same address.
    is_known: bool,
    /// Of the request, as far as is known what responses differ by.
    variant: u64,
}

impl Asking<'_> {
    async fn answer(&self, request: Onward) -> (Answer, Cached) {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return (self.change(request).await, Cached::Bypass);
        }
        let wish = Wish::of(request.headers());
        if wish.no_store || is_special(&request) {
            let answer = said(self.send(request).await, "fwd=bypass");
            return (answer, Cached::Bypass);
        }
        let found = self.look_up(request.headers());
        let kept = &found.kept;
        let why = match (kept, found.is_known) {
            (Some(_), _) => "fwd=stale",
            (None, true) => "fwd=vary-miss",
            (None, false) => "fwd=uri-miss",
        };
        let now = clock::now();
        match kept
            .as_ref()
            .map(|kept| rules::may_use(&kept.terms, &wish, now))
        {
            Some(Use::Fresh) => return self.serve(request.headers(), kept.as_ref(), "hit"),
            Some(Use::WhileAsking) => {
                self.ask_aside(&request, &found);
                return self.serve(request.headers(), kept.as_ref(), "hit");
            }
            Some(Use::Ask) | None => {}
        }
        if wish.only_if_cached {
            let words = "nothing is kept that could be sent";
            return (refuse(StatusCode::GATEWAY_TIMEOUT, words), Cached::Miss);
        }
        if *request.method() == Method::HEAD {
            // What it brings has no body to be kept.
            return (said(self.send(request).await, why), Cached::Miss);
        }
        self.ask(request, &wish, found, why).await
    }

    /// Asks a backend, or waits for another request that does. One that comes to nothing is another's turn.
    async fn ask(
        &self,
        request: Onward,
        wish: &Wish,
        mut found: Found,
        why: &'static str,
    ) -> (Answer, Cached) {
        let until = clock::now() + self.caching.rules.wait;
        loop {
            let passenger = match self.cache.board(self.course(found.variant)) {
                Boarding::Pilot(pilot) => {
                    return self.fetch(request, pilot, found.kept, why).await;
                }
                Boarding::Passenger(passenger) => passenger,
                Boarding::Alone => break,
            };
            let left = until.saturating_duration_since(clock::now());
            if timeout(left, passenger.landed()).await.is_err() {
                break;
            }
            found = self.look_up(request.headers());
            let now = clock::now();
            let kept = found.kept.as_ref();
            let usable = kept.map(|kept| rules::may_use(&kept.terms, wish, now));
            if let Some(Use::Fresh | Use::WhileAsking) = usable {
                return self.serve(request.headers(), kept, "hit; collapsed");
            }
        }
        self.or_stale(self.send(request).await, found.kept.as_ref(), why)
    }

    /// What changes something makes old what is kept of it (RFC 9111, 4.4).
    async fn change(&self, request: Onward) -> Answer {
        let is_safe = matches!(*request.method(), Method::OPTIONS | Method::TRACE);
        let answer = self.send(request).await;
        if !is_safe && (200..400).contains(&answer.status().as_u16()) {
            self.cache.invalidate(&self.key);
            for target in rules::also_changed(answer.headers(), &self.key) {
                self.cache.invalidate(&target);
            }
        }
        said(answer, "fwd=method")
    }

    async fn send(&self, request: Onward) -> Answer {
        self.way.send(self.worker, self.visit, request).await
    }

    fn look_up(&self, headers: &HeaderMap) -> Found {
        let entry = self.cache.get(&self.key);
        let all = entry.iter().flat_map(|entry| entry.iter().rev());
        let mut own = all.filter(|kept| kept.space == self.space);
        let fits = |kept: &&Arc<Kept>| rules::fits(&kept.varies, headers);
        let latest = own.clone().next();
        Found {
            kept: own.find(fits).cloned(),
            is_known: latest.is_some(),
            variant: latest.map_or(0, |latest| rules::variant(&latest.varies, headers)),
        }
    }

    fn course(&self, variant: u64) -> Course {
        Course {
            space: self.space,
            key: self.key.clone(),
            variant,
        }
    }

    fn serve(&self, headers: &HeaderMap, kept: Option<&Arc<Kept>>, how: &str) -> (Answer, Cached) {
        let answer = match kept {
            Some(kept) => serve::answer(kept, headers, clock::now(), how),
            None => refuse(StatusCode::INTERNAL_SERVER_ERROR, "nothing is kept"),
        };
        (answer, Cached::Hit)
    }

    /// Asks for a response that others wait for, and keeps it if that may be.
    async fn fetch(
        &self,
        mut request: Onward,
        pilot: Pilot,
        stale: Option<Arc<Kept>>,
        why: &'static str,
    ) -> (Answer, Cached) {
        // What others can use is asked for; whether this client has it already is seen to here.
        let headers = request.headers().clone();
        request.headers_mut().remove(IF_NONE_MATCH);
        request.headers_mut().remove(IF_MODIFIED_SINCE);
        if let Some(stale) = &stale {
            rules::validate(stale, request.headers_mut());
        }
        let asked_at = clock::now();
        let answer = self.send(request).await;
        let now = clock::now();
        let came = rules::Came {
            delay: now.saturating_duration_since(asked_at),
            at: now,
            unix_ms: clock::unix_ms(),
        };
        if let (StatusCode::NOT_MODIFIED, Some(stale)) = (answer.status(), &stale) {
            let kept = rules::updated(stale, answer.headers(), &came, &self.caching.rules);
            let answer = serve::answer(&kept, &headers, now, "fwd=stale; fwd-status=304");
            pilot.keep(kept);
            return (answer, Cached::Revalidated);
        }
        if let Some(stale) = stale
            .as_ref()
            .filter(|stale| self.may_stand_in(stale, &answer))
        {
            return (stand_in(stale, &headers, &answer), Cached::Stale);
        }
        let asked = rules::Asked {
            headers: &headers,
            edits: &self.way.route().request_headers,
        };
        let kept = rules::kept(&asked, &answer, &came, &self.caching.rules, self.space);
        let answer = match kept {
            Some(kept) => fill::answer(
                pilot,
                kept,
                answer,
                &headers,
                self.caching.rules.body_max,
                why,
            ),
            None => {
                // An error says nothing of what comes the next time.
                if !answer.status().is_server_error() {
                    pilot.pass();
                }
                said(answer, why)
            }
        };
        (answer, Cached::Miss)
    }

    /// Asks for a response again while the one that is kept is sent (RFC 5861, 3).
    fn ask_aside(&self, request: &Request<RequestBody>, found: &Found) {
        let Boarding::Pilot(pilot) = self.cache.board(self.course(found.variant)) else {
            return;
        };
        let stale = found.kept.clone();
        let (worker, visit) = (Rc::clone(self.worker), self.visit.aside(self.worker));
        let Way { root, route, side } = self.way;
        let root = Arc::clone(root);
        let (space, key) = (self.space, self.key.clone());
        let mut head: Parts = Request::new(()).into_parts().0;
        head.uri = request.uri().clone();
        head.headers = request.headers().clone();
        spawn_local(async move {
            let way = Way {
                root: &root,
                route,
                side,
            };
            let forwarding = &root.forwarding;
            let (Some(cache), Some(caching)) = (&forwarding.cache, &way.route().cache) else {
                return;
            };
            let asking = Asking {
                worker: &worker,
                way,
                visit: &visit,
                cache,
                caching,
                space,
                key,
            };
            let request = Box::new(Request::from_parts(head, RequestBody::Empty));
            let (answer, _) = asking.fetch(request, pilot, stale, "fwd=stale").await;
            let story = Rc::clone(visit.asked().story);
            story.borrow_mut().answers(answer.status());
            // Its body is kept without anybody reading it.
            drop(answer);
        });
    }

    /// The response, or what is kept where that may stand in for it.
    fn or_stale(&self, answer: Answer, kept: Option<&Arc<Kept>>, why: &str) -> (Answer, Cached) {
        match kept.filter(|kept| self.may_stand_in(kept, &answer)) {
            Some(kept) => (stand_in(kept, &HeaderMap::new(), &answer), Cached::Stale),
            None => (said(answer, why), Cached::Miss),
        }
    }

    /// Whether what is kept is better than this error (RFC 9111, 4.2.4; RFC 5861, 4).
    fn may_stand_in(&self, kept: &Kept, answer: &Answer) -> bool {
        matches!(answer.status().as_u16(), 500 | 502 | 503 | 504)
            && rules::may_stand_in(&kept.terms, clock::now())
    }
}

fn stand_in(kept: &Kept, headers: &HeaderMap, error: &Answer) -> Answer {
    let how = format!("hit; fwd=stale; fwd-status={}", error.status().as_u16());
    serve::answer(kept, headers, clock::now(), &how)
}

/// Whether it asks for something that others have no use for.
fn is_special(request: &Request<RequestBody>) -> bool {
    let special: [HeaderName; 4] = [RANGE, IF_RANGE, IF_MATCH, IF_UNMODIFIED_SINCE];
    let has_body = !matches!(request.body(), RequestBody::Empty);
    let headers = request.headers();
    has_body
        || headers.contains_key(hyper::header::UPGRADE)
        || special.iter().any(|name| headers.contains_key(name))
}

/// Says what the cache did (RFC 9211), behind what caches before it said.
fn said(mut answer: Answer, how: &str) -> Answer {
    if let Ok(status) = HeaderValue::from_str(&format!("Meridian; {how}")) {
        answer.headers_mut().append(CACHE_STATUS, status);
    }
    answer
}

/// What is said of the length of a body.
fn said_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether it comes from a backend, and not from the forwarder.
fn is_from_backend(answer: &Answer) -> bool {
    matches!(answer.body(), ResponseBody::Upstream(_))
}
