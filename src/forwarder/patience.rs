//! How long is waited for something?

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{self, Sleep};

use crate::clock;

/// Ends when nothing has come for `limit`, and after twice that at the latest. There is no timer until something is waited
/// for, and none is set anew for what comes.
pub(super) struct Patience {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    has_come: bool,
}

impl Patience {
    pub fn new(limit: Duration) -> Self {
        Patience {
            limit,
            timer: None,
            has_come: false,
        }
    }

    /// Something has come.
    pub fn renew(&mut self) {
        self.has_come = true;
    }

    /// Nothing is there; whether it has been waited for for too long. Wakes when it has.
    pub fn has_ended(&mut self, cx: &mut Context<'_>) -> bool {
        let limit = self.limit;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(time::sleep(limit)));
        while let Poll::Ready(()) = timer.as_mut().poll(cx) {
            if !std::mem::take(&mut self.has_come) {
                return true;
            }
            timer.as_mut().reset((clock::now() + limit).into());
        }
        false
    }
}

/// A point of time that moves on with each request. The timer is left where it was until it goes off.
pub(super) struct Deadline {
    at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    pub fn new(at: Instant) -> Self {
        Deadline { at, timer: None }
    }

    /// It is that from now on.
    pub fn set(&mut self, at: Instant) {
        if at < self.at {
            self.timer = None;
        }
        self.at = at;
    }

    /// Whether it is over. Wakes when it is.
    pub fn has_passed(&mut self, cx: &mut Context<'_>) -> bool {
        let at = self.at;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(time::sleep_until(at.into())));
        while let Poll::Ready(()) = timer.as_mut().poll(cx) {
            if timer.deadline().into_std() >= at {
                return true;
            }
            timer.as_mut().reset(at.into());
        }
        false
    }
}
