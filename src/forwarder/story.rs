//! What is told of a request once it is over: to counters, and to the access log.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{Request, Response};

use super::access_line::{self, Said};
use super::body::ResponseBody;
use super::service::Peer;
use super::worker::Worker;
use crate::clock;
use crate::state::Root;
use crate::state::forwarding::{Backend, Logging, Route, Told, Upstream};

/// One request, from its head to the end of its response.
pub(super) struct Story {
    worker: Rc<Worker>,
    peer: Peer,
    began: Instant,
    told: Arc<Told>,
    /// Where it is to be logged, and what of its head will be told there.
    log: Option<(Logging, Said)>,
    /// The last that it was sent to, and when.
    sent: Option<(Arc<Backend>, Arc<Upstream>, Instant)>,
    /// How long the head of the response took, from `sent` on.
    waited: Option<Duration>,
    tries: u32,
    status: u16,
    octets: u64,
}

impl Story {
    pub fn begin(
        worker: &Rc<Worker>,
        root: &Root,
        route: Option<&Route>,
        peer: Peer,
        request: &Request<Incoming>,
    ) -> Self {
        let told = route.map_or(&root.forwarding.unrouted, |route| &route.told);
        let log = told.logging.as_ref();
        let log = log.filter(|logging| logging.sample >= 1.0 || worker.fraction() < logging.sample);
        Story {
            worker: Rc::clone(worker),
            peer,
            began: clock::now(),
            log: log.map(|logging| (logging.clone(), Said::of(request))),
            told: Arc::clone(told),
            sent: None,
            waited: None,
            tries: 0,
            status: 0,
            octets: 0,
        }
    }

    /// It goes to this endpoint now; where it went before has failed it.
    pub fn sent(&mut self, backend: &Arc<Backend>, upstream: &Arc<Upstream>) {
        self.fail();
        self.tries += 1;
        self.sent = Some((Arc::clone(backend), Arc::clone(upstream), clock::now()));
    }

    /// Counts what an endpoint that gave no response took.
    fn fail(&mut self) {
        if let Some((backend, _, at)) = self.sent.take() {
            let counts = backend.tally.of(self.worker.number);
            counts.count(0, clock::now().saturating_duration_since(at), 0);
            counts.retries.add(1);
            self.told.tally.of(self.worker.number).retries.add(1);
        }
    }

    /// The endpoint responds.
    pub fn responded(&mut self) {
        if let Some((backend, _, at)) = &self.sent {
            let waited = clock::now().saturating_duration_since(*at);
            backend.tally.of(self.worker.number).count_head(waited);
            self.waited = Some(waited);
        }
    }

    /// The response as it is sent, which tells the story when it is over.
    pub fn told(mut self, response: Response<ResponseBody>) -> Response<ToldBody> {
        self.status = response.status().as_u16();
        let story = Some(self);
        response.map(|body| ToldBody { body, story })
    }

    fn end(self, is_whole: bool) {
        let now = clock::now();
        let took = now.saturating_duration_since(self.began);
        let counts = self.told.tally.of(self.worker.number);
        counts.count(self.status, took, self.octets);
        if let Some(waited) = self.waited {
            counts.count_head(waited);
        }
        let mut endpoint = None;
        if let Some((backend, upstream, at)) = &self.sent {
            let responded = self.waited.is_some() && is_whole;
            let status = if responded { self.status } else { 0 };
            let took = now.saturating_duration_since(*at);
            let counts = backend.tally.of(self.worker.number);
            counts.count(status, took, self.octets);
            endpoint = Some((backend.address, &*upstream.pool));
        }
        if let Some((logging, said)) = &self.log {
            let over = access_line::Over {
                peer: &self.peer,
                route: &self.told.route,
                endpoint,
                tries: self.tries,
                status: self.status,
                octets: self.octets,
                is_whole,
                waited: self.waited,
                before: (self.sent.as_ref())
                    .map(|(_, _, at)| at.saturating_duration_since(self.began)),
                took,
            };
            let line = access_line::line(logging.format, clock::unix_ms(), said, &over);
            logging.log.push(line);
        }
    }
}

/// The body of a response, and whom to tell when it is over.
pub(super) struct ToldBody {
    body: ResponseBody,
    story: Option<Story>,
}

impl Drop for ToldBody {
    fn drop(&mut self) {
        let is_whole = self.body.is_end_stream();
        if let Some(story) = self.story.take() {
            story.end(is_whole);
        }
    }
}

impl Body for ToldBody {
    type Data = Bytes;
    type Error = <ResponseBody as Body>::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let told = self.get_mut();
        let polled = Pin::new(&mut told.body).poll_frame(cx);
        match (&polled, told.story.take()) {
            (Poll::Ready(Some(Ok(frame))), Some(mut story)) => {
                story.octets += frame.data_ref().map_or(0, |data| data.len() as u64);
                told.story = Some(story);
            }
            (Poll::Ready(None), Some(story)) => story.end(true),
            (Poll::Ready(Some(Err(_))), Some(story)) => story.end(false),
            (_, story) => told.story = story,
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
