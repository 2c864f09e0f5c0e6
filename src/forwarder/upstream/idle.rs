//! Connections that wait for their next request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

use super::Conn;

/// Those of one thread, by the number of their backend; the one that came last is taken first, so that those
/// too many end.
#[derive(Default)]
pub(crate) struct Idle(RefCell<HashMap<u64, Vec<Waiting>>>);

struct Waiting {
    conn: Box<Conn>,
    until: Instant,
}

/// Of one backend that wait at most, per thread.
const WAITING_MAX: usize = 256;

impl Idle {
    /// One that stands, as far as can be seen.
    pub fn take(&self, backend: u64) -> Option<Box<Conn>> {
        let mut all = self.0.borrow_mut();
        let waiting = all.get_mut(&backend)?;
        while let Some(Waiting { mut conn, .. }) = waiting.pop() {
            if conn.is_ready() {
                return Some(conn);
            }
        }
        None
    }

    pub fn put(&self, backend: u64, conn: Box<Conn>, until: Instant) {
        let mut all = self.0.borrow_mut();
        let waiting = all.entry(backend).or_default();
        if waiting.len() < WAITING_MAX {
            waiting.push(Waiting { conn, until });
        }
    }

    /// Closes those that have ended, or waited for too long.
    pub fn sweep(&self, now: Instant) {
        self.0.borrow_mut().retain(|_, waiting| {
            waiting.retain_mut(|Waiting { conn, until }| *until > now && conn.is_ready());
            !waiting.is_empty()
        });
    }
}
