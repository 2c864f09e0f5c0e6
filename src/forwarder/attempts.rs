//! Where is a request sent, and where next when that fails?
//!
//! It is sent again only where that is safe: nothing of it was sent, or it changes nothing more the second time and can
//! be sent as it was. To another endpoint, unless there is none and all that is known is that a connection had ended, and
//! only as long as the pool's budget lasts.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use tokio::time::timeout_at;

use super::balance::{self, Ask, Choice, Nothing};
use super::body::RequestBody;
use super::few::Few;
use super::kept::Kept;
use super::known::Known;
use super::service::Onward;
use super::story::Story;
use super::upstream::{self, AtWork, Exchange, Failed, Refused, Why};
use super::worker::Worker;
use crate::clock;
use crate::locate::Client;
use crate::model::{EndpointId, PoolId};
use crate::proxy_protocol::Ends;
use crate::state::Root;
use crate::state::forwarding::{Forward, Passage, Upstream};

/// A request on its way.
pub(super) struct Attempts<'a> {
    pub worker: &'a Rc<Worker>,
    pub root: &'a Arc<Root>,
    pub forward: &'a Forward,
    pub client: &'a Client,
    /// Of the client's connection.
    pub ends: Ends,
    pub known: &'a Known,
    pub story: &'a RefCell<Story>,
}

/// A response, and whose it is.
pub(super) struct Answered {
    pub response: Response<Exchange>,
    pub endpoint: EndpointId,
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undone {
    /// No endpoint is up.
    NoneUp,
    /// All that are up are left out.
    NoneLeft,
    /// The pool mostly fails, and is not asked for so long.
    Open(Duration),
    /// The endpoints have as much to do as they may.
    Full,
    /// All of it took too long.
    TotalTimeout,
    Failed(Why),
}

impl Attempts<'_> {
    /// Sends it until there is a response, or nothing more to be done.
    pub async fn send(
        &self,
        request: Onward,
        again: Option<Box<Again>>,
    ) -> Result<Answered, Undone> {
        let begun = clock::now();
        let mut request = Some(request);
        let mut tried = Few::default();
        let mut pools = Asked::default();
        let mut sends = 0;
        let mut deadline = None;
        let mut last = None;
        // A response that will do if there is no better one.
        let mut poor: Option<Box<Answered>> = None;
        let mut now_ms = clock::steady_ms(begun);
        loop {
            let choice = match self.choose(tried.as_slice(), pools.shut, now_ms) {
                Ok(choice) => choice,
                // Nobody else is there, and who was asked last may be well.
                Err(_) if last == Some(Undone::Failed(Why::Ended)) => {
                    last = Some(Undone::Failed(Why::NoResponse));
                    tried.pop();
                    continue;
                }
                Err(nothing) => return poor.map(|poor| *poor).ok_or(last.unwrap_or(nothing)),
            };
            let Choice {
                pool,
                upstream,
                backend,
                endpoint,
            } = choice;
            let care = &upstream.care;
            if sends == 0 && tried.as_slice().is_empty() {
                deadline = care.total_timeout.map(|total| begun + total);
            }
            if let Some(left) = pools.enter(pool, &upstream, now_ms) {
                last = last.or(Some(Undone::Open(left)));
                if !pools.shut.has_room() {
                    return poor.map(|poor| *poor).ok_or(Undone::Open(left));
                }
                continue;
            }
            tried.push(backend.number);
            let is_pools_trial = pools.trial == Some(pool);
            let entered = match AtWork::try_enter(&upstream, &backend, is_pools_trial, now_ms) {
                Some(entered) => Some(entered),
                // In a place of its own: most requests have no use for it.
                None => {
                    let entering = AtWork::enter(&upstream, &backend, is_pools_trial, now_ms);
                    by(deadline, Box::pin(entering)).await
                }
            };
            let at_work = match entered {
                Some(Ok(at_work)) => at_work,
                Some(Err(Refused::Ejected)) if tried.has_room() => continue,
                Some(Err(Refused::Ejected)) => {
                    return poor.map(|poor| *poor).ok_or(Undone::NoneLeft);
                }
                Some(Err(Refused::Full)) => {
                    return poor.map(|poor| *poor).ok_or(last.unwrap_or(Undone::Full));
                }
                None => return poor.map(|poor| *poor).ok_or(Undone::TotalTimeout),
            };
            let Some(sent) = request.take().or_else(|| again.as_ref()?.request()) else {
                return poor
                    .map(|poor| *poor)
                    .ok_or(last.unwrap_or(Undone::NoneLeft));
            };
            poor = None;
            sends += 1;
            self.story.borrow_mut().goes_to(backend, &upstream);
            let exchange =
                upstream::exchange(self.worker, &upstream, at_work, self.ends, sent, deadline);
            let why = match exchange.await {
                Ok(response) => {
                    self.story.borrow_mut().responds();
                    let status = response.status();
                    let answered = Answered { response, endpoint };
                    let is_poor = care.retry_statuses.contains(&status.as_u16());
                    if !is_poor || !again.as_ref().is_some_and(|again| again.is_possible()) {
                        return Ok(answered);
                    }
                    poor = Some(Box::new(answered));
                    None
                }
                Err(Failed { why, request: left }) => {
                    if deadline.is_some_and(|deadline| clock::now() >= deadline) {
                        return Err(Undone::TotalTimeout);
                    }
                    request = left;
                    last = Some(Undone::Failed(why));
                    last
                }
            };
            now_ms = clock::steady_ms(clock::now());
            let may = request.is_some() || again.as_ref().is_some_and(|again| again.is_possible());
            if !may
                || !tried.has_room()
                || sends > upstream.retries
                || !care.fleet.may_retry(&care.budget, now_ms)
            {
                return match (poor, why) {
                    (Some(poor), _) => Ok(*poor),
                    (None, Some(why)) => Err(why),
                    (None, None) => Err(Undone::NoneLeft),
                };
            }
        }
    }

    fn choose(&self, tried: &[u64], shut: Few<PoolId>, now_ms: u64) -> Result<Choice, Undone> {
        let ask = Ask {
            root: self.root,
            forward: self.forward,
            client: self.client,
            known: self.known,
            tried,
            shut,
            now_ms,
        };
        let choice = self
            .worker
            .draw(self.root, |draw| balance::choose(&ask, draw));
        choice.map_err(|nothing| match nothing {
            Nothing::Up => Undone::NoneUp,
            Nothing::Left => Undone::NoneLeft,
        })
    }
}

/// The pools that a request has come to.
#[derive(Default)]
struct Asked {
    entered: Few<PoolId>,
    /// Those whose circuit is open.
    shut: Few<PoolId>,
    /// The one that the request is the trial of.
    trial: Option<PoolId>,
}

impl Asked {
    /// Counts the request where it has not been before. If the pool's circuit is open, it is for so long.
    fn enter(&mut self, pool: PoolId, upstream: &Upstream, now_ms: u64) -> Option<Duration> {
        if self.entered.as_slice().contains(&pool) {
            return None;
        }
        let care = &upstream.care;
        match care.fleet.enter(care.circuit.as_ref(), now_ms) {
            Passage::Usual => {}
            Passage::Trial => self.trial = Some(pool),
            Passage::Closed(left) => {
                self.shut.push(pool);
                return Some(left);
            }
        }
        self.entered.push(pool);
        None
    }
}

/// `None`: it was not done by then.
async fn by<T>(deadline: Option<Instant>, doing: impl Future<Output = T>) -> Option<T> {
    match deadline {
        None => Some(doing.await),
        Some(deadline) => timeout_at(deadline.into(), doing).await.ok(),
    }
}

/// A request that may be sent again although some of it was sent: one that changes nothing, or nothing more the second
/// time (RFC 9110, 9.2.2), and whose body, if it has one, was kept.
pub(super) struct Again {
    head: Parts,
    kept: Option<Kept>,
}

impl Again {
    /// The body as it is sent first, and what it takes to send all of it again: up to `replay` octets of the body are
    /// kept for that.
    pub fn of(head: &Parts, body: RequestBody, replay: usize) -> (RequestBody, Option<Box<Self>>) {
        let is_safe = matches!(
            head.method,
            Method::GET
                | Method::HEAD
                | Method::OPTIONS
                | Method::TRACE
                | Method::PUT
                | Method::DELETE
        );
        let (body, kept) = match body {
            RequestBody::Incoming(body) if is_safe && replay > 0 => {
                let kept = Kept::new(*body, replay);
                (kept.first(), Some(kept))
            }
            body => (body, None),
        };
        let is_whole = kept.is_some() || matches!(body, RequestBody::Empty);
        let again = (is_safe && is_whole).then(|| {
            let mut parts = Request::new(()).into_parts().0;
            parts.method = head.method.clone();
            parts.uri = head.uri.clone();
            parts.version = head.version;
            parts.headers = head.headers.clone();
            Box::new(Again { head: parts, kept })
        });
        (body, again)
    }

    /// Whether all of the body that was sent is there still.
    fn is_possible(&self) -> bool {
        self.kept.as_ref().is_none_or(Kept::is_whole)
    }

    fn request(&self) -> Option<Onward> {
        let body = match &self.kept {
            None => RequestBody::Empty,
            Some(kept) => kept.again()?,
        };
        Some(Box::new(Request::from_parts(self.head.clone(), body)))
    }
}
