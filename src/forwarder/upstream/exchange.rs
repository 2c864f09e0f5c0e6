//! A response on its way.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};

use super::patience::Patience;
use super::{AtWork, Conn};
use crate::clock;
use crate::forwarder::body::Error;
use crate::forwarder::worker::Worker;
use crate::state::forwarding::{Failure, Upstream};

/// The body of a response, and the connection that it comes over, which goes back to those that wait when all of it was
/// read.
pub(crate) struct Exchange {
    worker: Rc<Worker>,
    upstream: Arc<Upstream>,
    at_work: AtWork,
    /// `None` when it is dropped.
    conn: Option<Conn>,
    body: Incoming,
    patience: Patience,
}

impl Exchange {
    pub(super) fn new(
        worker: Rc<Worker>,
        upstream: &Arc<Upstream>,
        at_work: AtWork,
        conn: Conn,
        body: Incoming,
        deadline: Option<Instant>,
    ) -> Self {
        let patience = Patience::new(&upstream.care, deadline);
        Exchange {
            worker,
            upstream: Arc::clone(upstream),
            at_work,
            conn: Some(conn),
            body,
            patience,
        }
    }

    pub fn body(&self) -> &Incoming {
        &self.body
    }

    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut polled = self.poll_body(cx).map_err(Error::from);
        match &polled {
            Poll::Ready(Some(Err(_))) => self.at_work.fail(Failure::NoResponse),
            Poll::Ready(_) => self.patience.heard(),
            Poll::Pending => {
                if let Poll::Ready(late) = self.patience.poll(cx) {
                    // Nothing more is read of it.
                    self.conn = None;
                    self.at_work.fail(Failure::Timeout);
                    polled = Poll::Ready(Some(Err(Box::new(late))));
                }
            }
        }
        polled
    }

    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        if let Some(conn) = &mut self.conn {
            conn.drive(cx);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.at_work.end();
        }
        let Some(mut conn) = self.conn.take() else {
            return;
        };
        let keeps = !self.upstream.idle_timeout.is_zero();
        if keeps && self.body.is_end_stream() && conn.is_ready() {
            let until = clock::now() + self.upstream.idle_timeout;
            self.worker
                .idle
                .put(self.at_work.backend().number, conn, until);
        }
    }
}
