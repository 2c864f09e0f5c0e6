//! A response on its way.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};

use super::shared::Stream;
use super::{AtWork, Conn};
use crate::forwarder::body::BodyError;
use crate::forwarder::patience::{Deadline, Patience};
use crate::forwarder::upgrade::Upgraded;
use crate::forwarder::worker::Worker;
use crate::state::forwarding::{Failure, Upstream};

/// The body of a response, and the connection that it comes over, which goes back to those that wait when all of it was
/// read.
pub(crate) struct Exchange {
    worker: Rc<Worker>,
    upstream: Arc<Upstream>,
    /// `None` when it is dropped.
    at_work: Option<AtWork>,
    over: Over,
    body: Incoming,
    patience: Patience,
    /// What ended the body before its end, to be told once what came before it is on its way.
    broken: Option<BodyError>,
    /// When it is broken off, whatever comes.
    deadline: Option<Deadline>,
}

/// What a response comes over.
pub(super) enum Over {
    Conn(Box<Conn>),
    Stream(#[expect(dead_code, reason = "it counts as long as it is there")] Stream),
    /// It is dropped.
    Nothing,
}

impl Exchange {
    pub(super) fn new(
        worker: Rc<Worker>,
        upstream: &Arc<Upstream>,
        at_work: AtWork,
        over: Over,
        body: Incoming,
        deadline: Option<Instant>,
    ) -> Self {
        Exchange {
            worker,
            patience: Patience::new(upstream.body_timeout),
            upstream: Arc::clone(upstream),
            at_work: Some(at_work),
            over,
            body,
            broken: None,
            deadline: deadline.map(Deadline::new),
        }
    }

    pub fn body(&self) -> &Incoming {
        &self.body
    }

    /// The connection, where the response says that another protocol is spoken on it from now on.
    pub fn upgraded(mut self) -> Option<Upgraded> {
        let at_work = self.at_work.take()?;
        let Over::Conn(conn) = std::mem::replace(&mut self.over, Over::Nothing) else {
            return None;
        };
        let (io, first) = conn.upgraded()?;
        Some(Upgraded { io, first, at_work })
    }

    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(broken) = self.broken.take() {
            return Poll::Ready(Some(Err(broken)));
        }
        match self.poll_body(cx) {
            Poll::Ready(Some(Err(error))) => {
                if let Some(at_work) = &mut self.at_work {
                    at_work.fail(match error {
                        BodyError::TooSlow => Failure::Timeout,
                        BodyError::Broken(_) | BodyError::TooLarge | BodyError::Io(_) => {
                            Failure::NoResponse
                        }
                    });
                }
                // The server drops what it has not written yet when it is told.
                self.broken = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            frame => frame,
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut body = Pin::new(&mut self.body);
        let frame = match &mut self.over {
            Over::Conn(conn) => conn.driven.poll(cx, |cx| body.as_mut().poll_frame(cx)),
            Over::Stream(_) | Over::Nothing => body.poll_frame(cx),
        };
        match frame {
            Poll::Ready(frame) => {
                self.patience.renew();
                Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)))
            }
            Poll::Pending if self.patience.has_ended(cx) || self.is_late(cx) => {
                Poll::Ready(Some(Err(BodyError::TooSlow)))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Exchange {
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let deadline = self.deadline.as_mut();
        deadline.is_some_and(|deadline| deadline.has_passed(cx))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let (true, Some(at_work)) = (self.body.is_end_stream(), &mut self.at_work) {
            at_work.end();
        }
        let over = std::mem::replace(&mut self.over, Over::Nothing);
        let (Over::Conn(conn), Some(at_work)) = (over, &self.at_work) else {
            return;
        };
        // A connection that was said to be one client's is not another's.
        let is_anyones = at_work.backend().way.proxy_protocol.is_none();
        let keeps = is_anyones && !self.upstream.idle_timeout.is_zero();
        // Whether it can take another request is looked at when there is one: by then what was read last is on its way
        // to the client, and the buffer that it came to can be read to again.
        if keeps && self.body.is_end_stream() && !conn.driven.has_ended() {
            let until = self.worker.now() + self.upstream.idle_timeout;
            self.worker.idle.put(at_work.backend().number, conn, until);
        }
    }
}
