//! What is told of a request once it is over: to counters, and to the access log.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::Frame;

use super::access_line::{self, Over, Said};
use super::service::Peer;
use super::worker::Worker;
use crate::clock;
use crate::state::forwarding::{Backend, Cached, Logging, Told, Upstream};

/// One request, from its head to the end of its response. It is told when it is dropped.
pub(super) struct Story {
    worker: Rc<Worker>,
    peer: Peer,
    /// Who asked, behind proxies that are trusted.
    client: IpAddr,
    began: Instant,
    told: Option<Arc<Told>>,
    /// Where it is to be logged.
    log: Option<Logging>,
    /// What of its head will be told there.
    said: Option<Said>,
    /// The last that it was sent to, and when.
    sent: Option<(Arc<Backend>, Arc<Upstream>, Instant)>,
    /// How long the head of the response took, from `sent` on.
    waited: Option<Duration>,
    tries: u32,
    /// 0: there was no response.
    status: u16,
    octets: u64,
    is_whole: bool,
    /// Nobody asked but the forwarder itself: it is told to counters of endpoints only.
    is_own: bool,
}

impl Story {
    /// Of a request that no client waits for.
    pub fn own(worker: &Rc<Worker>, peer: Peer) -> Self {
        let mut story = Story::begin(worker, peer);
        story.is_own = true;
        story
    }

    pub fn begin(worker: &Rc<Worker>, peer: Peer) -> Self {
        Story {
            worker: Rc::clone(worker),
            peer,
            client: peer.address.ip(),
            began: clock::now(),
            told: None,
            log: None,
            said: None,
            sent: None,
            waited: None,
            tries: 0,
            status: 0,
            octets: 0,
            is_whole: false,
            is_own: false,
        }
    }

    /// It is of this route, or of none yet.
    pub fn is_of(&mut self, told: &Arc<Told>, said: impl FnOnce() -> Said) {
        self.log = self.worker.sampled(told.logging.as_ref()).cloned();
        if self.log.is_some() && self.said.is_none() {
            self.said = Some(said());
        }
        self.told = Some(Arc::clone(told));
    }

    pub fn is_from(&mut self, client: IpAddr) {
        self.client = client;
    }

    /// It is sent to this endpoint now; the one before has failed it.
    pub fn goes_to(&mut self, backend: Arc<Backend>, upstream: &Arc<Upstream>) {
        let now = clock::now();
        if let Some((failed, of, at)) = self.sent.take() {
            let took = now.saturating_duration_since(at);
            for tally in [&failed.tally, &of.care.fleet.tally] {
                let counts = tally.of(self.worker.thread);
                counts.count(0, took, 0);
                counts.retries.add(1);
            }
            if let Some(told) = &self.told {
                told.tally.of(self.worker.thread).retries.add(1);
            }
        }
        self.tries += 1;
        self.waited = None;
        self.sent = Some((backend, Arc::clone(upstream), now));
    }

    /// The cache has done this for it.
    pub fn is_cached(&self, cached: Cached) {
        if let Some(told) = &self.told {
            told.tally.of(self.worker.thread).cached[cached as usize].add(1);
        }
    }

    /// That endpoint responds.
    pub fn responds(&mut self) {
        if let Some((backend, _, at)) = &self.sent {
            let waited = clock::now().saturating_duration_since(*at);
            backend.tally.of(self.worker.thread).count_head(waited);
            self.waited = Some(waited);
        }
    }

    /// What the client is answered.
    pub fn answers(&mut self, status: StatusCode) {
        self.status = status.as_u16();
    }

    pub fn sends(&mut self, frame: &Frame<Bytes>) {
        self.octets += frame.data_ref().map_or(0, |data| data.len() as u64);
    }

    /// All of the response was sent.
    pub fn is_whole(&mut self) {
        self.is_whole = true;
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        let now = clock::now();
        let took = now.saturating_duration_since(self.began);
        let told = self.told.take();
        // Of one that could not be read, nothing else is known.
        let told = told.unwrap_or_else(|| {
            let root = self.worker.root.load_full();
            Arc::clone(&root.forwarding.unrouted)
        });
        if !self.is_own {
            let counts = told.tally.of(self.worker.thread);
            counts.count(self.status, took, self.octets);
        }
        if let Some((backend, of, at)) = &self.sent {
            let status = self.waited.map_or(0, |_| self.status);
            let took = now.saturating_duration_since(*at);
            for tally in [&backend.tally, &of.care.fleet.tally] {
                let counts = tally.of(self.worker.thread);
                counts.count(status, took, self.octets);
            }
        }
        let (Some(logging), Some(said)) = (&self.log, &self.said) else {
            return;
        };
        let sent = self.sent.as_ref();
        let over = Over {
            client: self.client,
            is_tls: self.peer.is_tls,
            route: &told.route,
            endpoint: sent.map(|(backend, upstream, _)| (backend.address, &*upstream.pool)),
            tries: self.tries,
            status: self.status,
            octets: self.octets,
            is_whole: self.is_whole,
            before: sent.map(|(_, _, at)| at.saturating_duration_since(self.began)),
            waited: self.waited,
            took,
        };
        let line = access_line::line(logging.format, clock::unix_ms(), said, &over);
        logging.log.push(line);
    }
}
