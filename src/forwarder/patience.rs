//! How long is waited for the next part of a body?

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

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
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        while let Poll::Ready(()) = timer.as_mut().poll(cx) {
            if !std::mem::take(&mut self.has_come) {
                return true;
            }
            timer
                .as_mut()
                .reset(Instant::from_std(clock::now() + limit));
        }
        false
    }
}
