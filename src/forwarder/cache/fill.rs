//! Keeps a body while it is sent.
//!
//! A task of its own reads it, so that neither a slow client nor one that went away holds up those who wait for it; it
//! reads ahead of its client by no more than the longest body that is kept.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::body::Frame;
use hyper::header::HeaderMap;
use tokio::task::spawn_local;

use super::serve::{has_it, strip_body_headers};
use super::{said, said_length};
use crate::forwarder::body::{BodyError, ResponseBody};
use crate::forwarder::service::Answer;
use crate::forwarder::upstream::Exchange;
use crate::state::forwarding::cache::{Kept, Pilot};
use hyper::StatusCode;

/// Sends a response that will be kept, if its body is as short as it has to be.
pub(super) fn answer(
    mut pilot: Pilot,
    kept: Kept,
    answer: Answer,
    headers: &HeaderMap,
    body_max: u64,
    why: &str,
) -> Answer {
    let (mut head, body) = answer.into_parts();
    let ResponseBody::Upstream(exchange) = body else {
        return said(Answer::from_parts(head, body), why);
    };
    let len = said_length(&head.headers);
    let body_max = body_max.min(pilot.room());
    let is_too_long = len.is_some_and(|len| len > body_max);
    if is_too_long || !pilot.reserve(len.unwrap_or(body_max)) {
        if is_too_long {
            pilot.pass();
        }
        let answer = Answer::from_parts(head, ResponseBody::Upstream(exchange));
        return said(answer, why);
    }
    let has_it = has_it(head.status, &head.headers, headers);
    let shared = Rc::new(RefCell::new(Shared {
        pieces: VecDeque::new(),
        end: None,
        reader: None,
    }));
    spawn_local(pump(exchange, Rc::clone(&shared), pilot, kept, body_max));
    let body = match has_it {
        true => {
            head.status = StatusCode::NOT_MODIFIED;
            strip_body_headers(&mut head.headers);
            ResponseBody::Whole(None)
        }
        false => ResponseBody::Filled(Filled { shared, len }),
    };
    said(Answer::from_parts(head, body), &format!("{why}; stored"))
}

/// What the task that reads and the client share.
struct Shared {
    /// That the client has not got yet.
    pieces: VecDeque<Frame<Bytes>>,
    /// What comes behind them, once that is known.
    end: Option<End>,
    /// Who waits for more.
    reader: Option<Waker>,
}

enum End {
    Nothing,
    Error(BodyError),
    /// It is longer than what is kept: the client reads on by itself.
    More(Exchange),
}

impl Shared {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// Reads a body to its end, and keeps it if all of it came.
async fn pump(
    mut exchange: Exchange,
    shared: Rc<RefCell<Shared>>,
    pilot: Pilot,
    kept: Kept,
    body_max: u64,
) {
    let mut body = Vec::new();
    let mut is_whole = true;
    let end = loop {
        let frame = std::future::poll_fn(|cx| exchange.poll_frame(cx)).await;
        let frame = match frame {
            None => break End::Nothing,
            Some(Err(error)) => break End::Error(error),
            Some(Ok(frame)) => frame,
        };
        match frame.data_ref() {
            Some(octets) => body.extend_from_slice(octets),
            // Trailers are not kept, nor what they belong to.
            None => is_whole = false,
        }
        let mut shared = shared.borrow_mut();
        shared.pieces.push_back(frame);
        shared.wake();
        if body.len() as u64 > body_max {
            shared.end = Some(End::More(exchange));
            drop(shared);
            return pilot.pass();
        }
    };
    if matches!(end, End::Nothing) && is_whole {
        pilot.keep(Kept {
            body: body.into(),
            ..kept
        });
    }
    let mut shared = shared.borrow_mut();
    shared.end = Some(end);
    shared.wake();
}

/// The body as the client gets it.
pub(in crate::forwarder) struct Filled {
    shared: Rc<RefCell<Shared>>,
    len: Option<u64>,
}

impl Filled {
    /// What its head says of its length.
    pub fn len(&self) -> Option<u64> {
        self.len
    }

    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut shared = self.shared.borrow_mut();
        if let Some(frame) = shared.pieces.pop_front() {
            self.len = self.len.map(|len| {
                let octets = frame.data_ref().map_or(0, |octets| octets.len() as u64);
                len.saturating_sub(octets)
            });
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut shared.end {
            None => {
                shared.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(End::More(exchange)) => exchange.poll_frame(cx),
            Some(end) => match std::mem::replace(end, End::Nothing) {
                End::Error(error) => Poll::Ready(Some(Err(error))),
                _ => Poll::Ready(None),
            },
        }
    }
}
