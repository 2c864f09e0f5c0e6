//! How long is a response waited for that has begun?

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};

use crate::clock;
use crate::state::forwarding::Care;

/// Of one response. What comes without a pause costs no timer.
pub(super) struct Patience {
    stall: Duration,
    deadline: Option<Instant>,
    /// Runs while something is waited for.
    timer: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

/// A response took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Late;

impl Patience {
    pub fn new(care: &Care, deadline: Option<Instant>) -> Self {
        Patience {
            stall: care.stall_timeout,
            deadline,
            timer: None,
            is_waiting: false,
        }
    }

    /// Something came.
    #[inline]
    pub fn heard(&mut self) {
        self.is_waiting = false;
    }

    /// Nothing came; ready when that has been so for too long.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        if !self.is_waiting {
            let until = clock::now() + self.stall;
            let until = self.deadline.map_or(until, |end| end.min(until)).into();
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(until),
                None => self.timer = Some(Box::pin(sleep_until(until))),
            }
            self.is_waiting = true;
        }
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx).map(|()| Late),
            None => Poll::Pending,
        }
    }
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the response took too long")
    }
}

impl std::error::Error for Late {}
