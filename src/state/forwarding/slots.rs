//! How many requests does a backend work on, and who waits for one of them to end?

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Places of one backend, shared by all threads. Without a limit it is a counter and nothing else.
#[derive(Debug, Default)]
pub struct Slots {
    taken: AtomicU32,
    /// How many stand in `queue`.
    pending: AtomicU32,
    /// Who came first, first. Touched only where all places are taken.
    queue: Mutex<VecDeque<oneshot::Sender<()>>>,
}

/// How many there may be; 0: any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub in_flight: u32,
    /// Who may wait: none, where it is 0.
    pub pending: u32,
}

/// There is no place, or no place to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Slots {
    /// Requests that are worked on.
    #[inline]
    pub fn taken(&self) -> u32 {
        self.taken.load(SeqCst)
    }

    /// Requests that wait.
    #[inline]
    pub fn pending(&self) -> u32 {
        self.pending.load(SeqCst)
    }

    /// Takes one, whatever the limit is.
    #[inline]
    pub fn take(&self) {
        self.taken.fetch_add(1, SeqCst);
    }

    /// Whether one could be had at once.
    #[inline]
    pub fn has_room(&self, limits: Limits) -> bool {
        limits.in_flight == 0 || self.taken() < limits.in_flight && self.pending() == 0
    }

    /// Takes one, if nobody waits for it already.
    #[inline]
    pub fn try_take(&self, limits: Limits) -> bool {
        if limits.in_flight == 0 {
            self.take();
            return true;
        }
        self.pending() == 0 && self.try_count(limits)
    }

    /// Gives one back: to who waits the longest, if anybody does.
    pub fn give_back(&self, limits: Limits) {
        self.taken.fetch_sub(1, SeqCst);
        if self.pending() > 0 {
            self.hand_on(limits, &mut self.lock());
        }
    }

    fn try_count(&self, limits: Limits) -> bool {
        let more = |taken| (limits.in_flight == 0 || taken < limits.in_flight).then_some(taken + 1);
        self.taken.fetch_update(SeqCst, SeqCst, more).is_ok()
    }

    /// Places that are free go to those that wait, in turn.
    fn hand_on(&self, limits: Limits, queue: &mut VecDeque<oneshot::Sender<()>>) {
        while !queue.is_empty() && self.try_count(limits) {
            let Some(first) = queue.pop_front() else {
                break;
            };
            if first.send(()).is_err() {
                // It has gone away meanwhile.
                self.taken.fetch_sub(1, SeqCst);
            }
        }
        self.pending.store(queue.len() as u32, SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<oneshot::Sender<()>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue; left by dropping it.
#[derive(Debug)]
pub struct Waiting<T: AsRef<Slots>> {
    of: Option<Arc<T>>,
    limits: Limits,
    turn: oneshot::Receiver<()>,
}

impl<T: AsRef<Slots>> Waiting<T> {
    /// Queues behind those that wait.
    ///
    /// # Errors
    /// As many wait as may.
    pub fn new(of: &Arc<T>, limits: Limits) -> Result<Self, Full> {
        let slots = (**of).as_ref();
        let mut queue = slots.lock();
        if queue.len() >= limits.pending as usize {
            return Err(Full);
        }
        let (sender, turn) = oneshot::channel();
        queue.push_back(sender);
        slots.pending.store(queue.len() as u32, SeqCst);
        // Whoever gave one back before that stood there has not seen it.
        slots.hand_on(limits, &mut queue);
        drop(queue);
        Ok(Waiting {
            of: Some(Arc::clone(of)),
            limits,
            turn,
        })
    }

    /// Waits until a place is the caller's, who gives it back. Broken off, the place in the queue is lost and
    /// nothing else.
    pub async fn turn(mut self) {
        // The sender stands in the queue until it has sent.
        let _ = (&mut self.turn).await;
        self.of = None;
    }
}

impl<T: AsRef<Slots>> Drop for Waiting<T> {
    fn drop(&mut self) {
        let Some(of) = self.of.take() else {
            return;
        };
        let slots = (*of).as_ref();
        self.turn.close();
        if self.turn.try_recv().is_ok() {
            slots.give_back(self.limits);
            return;
        }
        let mut queue = slots.lock();
        queue.retain(|waiting| !waiting.is_closed());
        slots.pending.store(queue.len() as u32, SeqCst);
    }
}

impl AsRef<Slots> for Slots {
    fn as_ref(&self) -> &Slots {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: Limits = Limits {
        in_flight: 2,
        pending: 3,
    };

    #[test]
    fn without_a_limit_all_get_one() {
        let slots = Slots::default();
        assert!((0..1_000).all(|_| slots.try_take(Limits::default())));
        assert_eq!(slots.taken(), 1_000);
    }

    #[tokio::test]
    async fn who_waits_is_served_in_turn_and_nobody_overtakes() {
        let of = Arc::<Slots>::default();
        assert!(of.try_take(LIMITS) && of.try_take(LIMITS) && !of.try_take(LIMITS));
        let wait = || Waiting::new(&of, LIMITS);
        let (first, second, third) = (wait().unwrap(), wait().unwrap(), wait().unwrap());
        assert_eq!(wait().err(), Some(Full));
        drop(second);
        assert_eq!(of.pending(), 2);
        of.give_back(LIMITS);
        assert!(!of.try_take(LIMITS), "it is the first one's");
        first.turn().await;
        of.give_back(LIMITS);
        // It leaves at the same time as it gets one.
        drop(third);
        assert_eq!((of.taken(), of.pending()), (1, 0));
        assert!(of.try_take(LIMITS));
    }

    #[test]
    fn threads_lose_no_place_and_no_turn() {
        let of = Arc::<Slots>::default();
        let limits = Limits {
            in_flight: 3,
            pending: 64,
        };
        let most = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (of, most) = (Arc::clone(&of), &most);
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_time()
                        .build()
                        .unwrap();
                    runtime.block_on(async {
                        for round in 0..2_000u32 {
                            if !of.try_take(limits) {
                                let Ok(waiting) = Waiting::new(&of, limits) else {
                                    continue;
                                };
                                // Some give up.
                                if (round + thread).is_multiple_of(5) {
                                    drop(waiting);
                                    continue;
                                }
                                let turn = waiting.turn();
                                let got = tokio::time::timeout(Duration::from_secs(20), turn).await;
                                got.expect("a turn that nobody lost");
                            }
                            most.fetch_max(of.taken(), SeqCst);
                            tokio::task::yield_now().await;
                            of.give_back(limits);
                        }
                    });
                });
            }
        });
        assert_eq!((of.taken(), of.pending()), (0, 0));
        assert!(most.into_inner() <= 3);
    }
}
