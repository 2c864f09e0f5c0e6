//! Which connections of clients does a thread have?

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use super::session::Session;

/// Those of one thread, and the streams of those that have any.
#[derive(Default)]
pub(super) struct Sessions(RefCell<Slots>);

#[derive(Default)]
struct Slots {
    all: Vec<Option<Rc<Session>>>,
    free: Vec<usize>,
}

/// The place of one among them; it leaves when this is dropped.
pub(super) struct Entry<'s> {
    sessions: &'s Sessions,
    at: usize,
}

impl Sessions {
    pub fn enter(&self, session: Rc<Session>) -> Entry<'_> {
        let mut slots = self.0.borrow_mut();
        let at = match slots.free.pop() {
            Some(at) => {
                slots.all[at] = Some(session);
                at
            }
            None => {
                slots.all.push(Some(session));
                slots.all.len() - 1
            }
        };
        Entry { sessions: self, at }
    }

    pub fn is_empty(&self) -> bool {
        let slots = self.0.borrow();
        slots.all.len() == slots.free.len()
    }

    /// Wakes those that have waited for too long.
    pub fn look(&self, now: Instant) {
        let slots = self.0.borrow();
        slots.all.iter().flatten().for_each(|one| one.look(now));
    }

    /// Lets those that `which` holds for finish what is under way, and nothing else.
    pub fn drain(&self, which: impl Fn(&Session) -> bool) {
        let slots = self.0.borrow();
        let all = slots.all.iter().flatten();
        all.filter(|one| which(one)).for_each(|one| one.drain());
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut slots = self.sessions.0.borrow_mut();
        slots.all[self.at] = None;
        slots.free.push(self.at);
    }
}
