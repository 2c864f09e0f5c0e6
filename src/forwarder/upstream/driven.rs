//! Who drives a backend's connection, and who is woken by what comes over it?

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use hyper::client::conn::http1::{self, Connection};
use hyper_util::rt::TokioIo;

use super::line::Line;
use crate::forwarder::body::RequestBody;

/// A connection of HTTP/1 that the task of the request drives that it carries.
pub(super) struct Driven {
    connection: Connection<TokioIo<Line>, RequestBody>,
    /// There is nothing more to do.
    has_ended: bool,
    bell: Arc<Bell>,
    waker: Waker,
}

/// How often a connection is driven in a row, as long as it has more to do.
const TURNS_MAX: usize = 4;

impl Driven {
    pub fn new(connection: Connection<TokioIo<Line>, RequestBody>) -> Self {
        let bell = Arc::new(Bell::default());
        Driven {
            connection,
            has_ended: false,
            waker: Waker::from(Arc::clone(&bell)),
            bell,
        }
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Lets it read and write what can be. Nobody is woken when it can more.
    pub fn drive_once(&mut self) {
        if !self.has_ended {
            self.bell.leave();
            let mut cx = Context::from_waker(&self.waker);
            self.has_ended = Pin::new(&mut self.connection).poll(&mut cx).is_ready();
        }
    }

    /// Polls what comes of it, and lets it read and write what can be until something does. What the two have to tell each
    /// other wakes nobody, for both have been polled when this ends.
    pub fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.bell.mute(cx.waker());
        let mut own = Context::from_waker(&self.waker);
        let mut polled = poll(&mut own);
        for _ in 0..TURNS_MAX {
            if polled.is_ready() || self.has_ended {
                break;
            }
            self.bell.forget();
            self.has_ended = Pin::new(&mut self.connection).poll(&mut own).is_ready();
            polled = poll(&mut own);
            if !self.bell.has_rung() {
                break;
            }
        }
        if self.bell.unmute() && polled.is_pending() {
            cx.waker().wake_by_ref();
        }
        polled
    }

    pub fn into_parts(self) -> http1::Parts<TokioIo<Line>> {
        self.connection.into_parts()
    }
}

/// Wakes a task, except while it is muted.
#[derive(Default)]
struct Bell {
    state: AtomicU8,
    task: Mutex<Option<Waker>>,
}

const RINGS: u8 = 0;
const MUTED: u8 = 1;
/// Somebody has rung meanwhile.
const RUNG: u8 = 2;

impl Bell {
    /// From now on it is this task's.
    fn mute(&self, task: &Waker) {
        self.state.store(MUTED, Ordering::Release);
        let mut known = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.as_ref().is_some_and(|known| known.will_wake(task)) {
            *known = Some(task.clone());
        }
    }

    /// It is nobody's: a task that has ended is not to be held on to.
    fn leave(&self) {
        self.forget();
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whoever has rung so far is answered, and whoever rings is not heard.
    fn forget(&self) {
        self.state.store(MUTED, Ordering::Release);
    }

    fn has_rung(&self) -> bool {
        self.state.load(Ordering::Acquire) == RUNG
    }

    /// Whether somebody has rung meanwhile.
    fn unmute(&self) -> bool {
        self.state.swap(RINGS, Ordering::AcqRel) == RUNG
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let rung = self
            .state
            .compare_exchange(MUTED, RUNG, Ordering::AcqRel, Ordering::Acquire);
        if rung != Err(RINGS) {
            return;
        }
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = &*task {
            task.wake_by_ref();
        }
    }
}
