//! What do the parts of a client's connection know together, and who is too slow?
//!
//! No timer is set for a request: every connection says what it waits for and when something has moved, and once a
//! [`LOOK`](super::worker::LOOK) all of a thread are looked at.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::framing::Refused;
use super::headers::Told;
use super::shown::Shown;
use super::upgrade::Upgraded;
use crate::state::listening::{Http, Listener, Spot};

/// How often a connection is seen to be due before it is ended whatever it is about: about two seconds.
const TIMES_DUE_MAX: u32 = 4;

/// A client's connection; or one stream of it, with a connection of its own above it.
pub(super) struct Session {
    /// As it was when the connection came.
    pub listener: Arc<Listener>,
    pub spot: Spot,
    /// What it waited for when it was looked at last, and since when.
    seen: Cell<(Waits, u32, Option<Instant>)>,
    /// Grows when something moves.
    moves: Cell<u32>,
    waker: RefCell<Option<Waker>>,
    due: Cell<Option<Waits>>,
    /// How often it was seen to be so.
    times_due: Cell<u32>,
    is_draining: Cell<bool>,
    is_in_head: Cell<bool>,
    is_stalled: Cell<bool>,
    is_held: Cell<bool>,
    is_probing: Cell<bool>,
    is_resting: Cell<bool>,
    /// Requests whose responses have not ended.
    at_work: Cell<u32>,
    /// Requests so far.
    requests: Cell<u64>,
    /// The request, by its number from 1 on, that goes no further.
    refused: Cell<Option<(u64, Refused)>>,
    /// What is wrong with the body that is read.
    fault: Cell<Option<Refused>>,
    upgraded: RefCell<Option<Upgraded>>,
    told: Rc<RefCell<Option<Told>>>,
    shown: RefCell<Option<Rc<Shown>>>,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// Nothing of the client's.
    Nothing,
    Request,
    RestOfHead,
    /// That the client takes what there is for it.
    Taker,
}

impl Session {
    pub fn new(listener: Arc<Listener>, spot: Spot) -> Rc<Self> {
        Rc::new(Session {
            listener,
            spot,
            seen: Cell::new((Waits::Nothing, 0, None)),
            moves: Cell::new(0),
            waker: RefCell::new(None),
            due: Cell::new(None),
            times_due: Cell::new(0),
            is_draining: Cell::new(false),
            is_in_head: Cell::new(false),
            is_stalled: Cell::new(false),
            is_held: Cell::new(false),
            is_probing: Cell::new(false),
            is_resting: Cell::new(false),
            at_work: Cell::new(0),
            requests: Cell::new(0),
            refused: Cell::new(None),
            fault: Cell::new(None),
            upgraded: RefCell::new(None),
            told: Rc::default(),
            shown: RefCell::new(None),
        })
    }

    /// A stream of it.
    pub fn stream(&self) -> Rc<Self> {
        let mut stream = Session::new(Arc::clone(&self.listener), self.spot);
        if let Some(stream) = Rc::get_mut(&mut stream) {
            stream.told = Rc::clone(&self.told);
            stream.show(self.shown());
        }
        stream
    }

    /// Lends what was said last of who is at its other end.
    pub fn told<T>(&self, with: impl FnOnce(&mut Option<Told>) -> T) -> T {
        with(&mut self.told.borrow_mut())
    }

    /// The client has shown a certificate, and it is one to trust.
    pub fn show(&self, shown: Option<Rc<Shown>>) {
        *self.shown.borrow_mut() = shown;
    }

    pub fn shown(&self) -> Option<Rc<Shown>> {
        self.shown.borrow().clone()
    }

    pub fn http(&self) -> &Http {
        &self.listener.http
    }

    /// Whom to wake.
    pub fn is_with(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    fn moved(&self) {
        self.due.set(None);
        self.times_due.set(0);
        self.is_resting.set(false);
        self.moves.set(self.moves.get().wrapping_add(1));
    }

    /// Whether a head has begun, and not ended.
    pub fn set_in_head(&self, is_in_head: bool) {
        if self.is_in_head.replace(is_in_head) != is_in_head {
            self.moved();
        }
    }

    pub fn is_in_head(&self) -> bool {
        self.is_in_head.get()
    }

    /// Whether the client takes nothing of what there is for it.
    pub fn set_stalled(&self, is_stalled: bool) {
        if self.is_stalled.replace(is_stalled) {
            self.moved();
        }
    }

    /// A request has come; its number.
    pub fn begin(&self) -> u64 {
        self.at_work.set(self.at_work.get() + 1);
        self.requests.set(self.requests.get() + 1);
        self.moved();
        self.requests.get()
    }

    /// The response to a request has ended.
    pub fn end(&self) {
        self.at_work.set(self.at_work.get().saturating_sub(1));
        self.moved();
        self.is_probing.set(false);
        if self.is_held.take() {
            self.wake();
        }
    }

    /// Whether a request is under way, and somebody is to be woken up when none is any more.
    pub fn holds(&self) -> bool {
        let holds = self.at_work.get() > 0;
        self.is_held.set(holds);
        holds
    }

    fn waits(&self) -> Waits {
        if self.is_stalled.get() {
            Waits::Taker
        } else if self.is_in_head.get() {
            Waits::RestOfHead
        } else if self.at_work.get() == 0 {
            Waits::Request
        } else {
            Waits::Nothing
        }
    }

    fn limit(&self, waits: Waits) -> Option<Duration> {
        match waits {
            Waits::Nothing => None,
            Waits::Request => Some(self.http().keep_alive),
            Waits::RestOfHead => Some(self.http().head_timeout),
            Waits::Taker => Some(self.http().write_timeout),
        }
    }

    /// Wakes it if it has waited for too long.
    pub fn look(&self, now: Instant) {
        let waits = self.waits();
        let (before, moves, since) = self.seen.get();
        let is_same = (before, moves) == (waits, self.moves.get());
        let Some(since) = since.filter(|_| is_same) else {
            self.seen.set((waits, self.moves.get(), Some(now)));
            return;
        };
        if waits == Waits::Nothing && !self.is_probing.replace(true) {
            self.wake();
        }
        if waits == Waits::Request && !self.is_resting.replace(true) {
            self.wake();
        }
        let is_over = |limit| now.saturating_duration_since(since) >= limit;
        if self.limit(waits).is_some_and(is_over) {
            self.due.set(Some(waits));
            self.times_due.set(self.times_due.get() + 1);
            self.wake();
        }
    }

    /// Whether a response has been waited for for so long that it is time to look whether the client still does.
    pub fn is_probing(&self) -> bool {
        self.is_probing.get()
    }

    /// Whether the next request has been waited for for so long that it is time to hold on to little.
    pub fn is_resting(&self) -> bool {
        self.is_resting.get()
    }

    /// What it has waited for for too long.
    pub fn due(&self) -> Option<Waits> {
        self.due.get()
    }

    /// Whether nothing has come of that for a while: the client takes no notice, either.
    pub fn is_overdue(&self) -> bool {
        self.times_due.get() > TIMES_DUE_MAX
    }

    /// Lets it finish what is under way, and nothing else.
    pub fn drain(&self) {
        self.is_draining.set(true);
        self.wake();
    }

    pub fn is_draining(&self) -> bool {
        self.is_draining.get()
    }

    /// The request after `heads` others goes no further.
    pub fn refuse_after(&self, heads: u64, refused: Refused) {
        self.refused.set(Some((heads + 1, refused)));
    }

    /// Why request number `number` goes no further.
    pub fn refused(&self, number: u64) -> Option<Refused> {
        let refused = self.refused.get().filter(|refused| refused.0 == number);
        refused.map(|refused| refused.1)
    }

    pub fn set_fault(&self, fault: Refused) {
        self.fault.set(Some(fault));
    }

    pub fn fault(&self) -> Option<Refused> {
        self.fault.get()
    }

    /// Goes on as what was agreed on, once the response that says so was sent.
    pub fn upgrade(&self, upgraded: Upgraded) {
        *self.upgraded.borrow_mut() = Some(upgraded);
    }

    pub fn take_upgraded(&self) -> Option<Upgraded> {
        self.upgraded.borrow_mut().take()
    }

    pub fn is_upgraded(&self) -> bool {
        self.upgraded.borrow().is_some()
    }
}
