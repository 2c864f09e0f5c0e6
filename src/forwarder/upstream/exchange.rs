//! A response on its way.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};

use super::{AtWork, Conn};
use crate::clock;
use crate::forwarder::body::BodyError;
use crate::forwarder::worker::Worker;
use crate::state::forwarding::Upstream;

/// The body of a response, and the connection that it comes over, which goes back to those that wait when all of it was
/// read.
pub(crate) struct Exchange {
    worker: Rc<Worker>,
    upstream: Arc<Upstream>,
    at_work: AtWork,
    /// `None` when it is dropped.
    conn: Option<Conn>,
    body: Incoming,
}

impl Exchange {
    pub(super) fn new(
        worker: Rc<Worker>,
        upstream: &Arc<Upstream>,
        at_work: AtWork,
        conn: Conn,
        body: Incoming,
    ) -> Self {
        Exchange {
            worker,
            upstream: Arc::clone(upstream),
            at_work,
            conn: Some(conn),
            body,
        }
    }

    pub fn body(&self) -> &Incoming {
        &self.body
    }

    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)));
        }
        if let Some(conn) = &mut self.conn {
            conn.drive(cx);
        }
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        frame.map(|frame| frame.map(|frame| frame.map_err(BodyError::Broken)))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Some(mut conn) = self.conn.take() else {
            return;
        };
        let keeps = !self.upstream.idle_timeout.is_zero();
        if keeps && self.body.is_end_stream() && conn.is_ready() {
            let until = clock::now() + self.upstream.idle_timeout;
            self.worker.idle.put(self.at_work.0.number, conn, until);
        }
    }
}
