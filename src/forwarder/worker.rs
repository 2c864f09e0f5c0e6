//! Who serves a connection? A thread with a runtime, and what its connections share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::doors::Doors;
use super::session::Session;
use super::sessions::Sessions;
use super::tcp;
use super::upstream::{Idle, Shared};
use super::{entrance, outliers};
use crate::clock;
use crate::random::Random;
use crate::state::forwarding::Logging;
use crate::state::listening::{Listener, Spot};
use crate::state::{Root, RootReader};
use crate::steering::{Draw, cursor_count};

/// Pause after an accept call failed.
const ERROR_PAUSE: Duration = Duration::from_millis(100);
/// Threads that read files for one thread that serves.
const FILE_THREADS_MAX: usize = 16;
/// How often connections are looked at: whether clients are too slow, and those to backends have waited for too long.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// What a thread is told.
pub(super) enum Order {
    Open(Spot, std::net::TcpListener),
    /// Takes what waits, and no more; what is under way there is finished.
    Close(Spot),
    /// The same of everything, and so long.
    Stop(Duration),
}

pub(super) type Orders = mpsc::UnboundedReceiver<Order>;

/// What the connections of a thread share.
pub(super) struct Worker {
    /// Its number among the threads, from 0 on.
    pub thread: usize,
    pub root: RootReader,
    pub idle: Idle,
    pub shared: Shared,
    /// What connections that are no requests are read to.
    pub buffer: tcp::Buffer,
    pub sessions: Sessions,
    /// Of all threads.
    doors: Arc<Doors>,
    dice: RefCell<Dice>,
    /// What was listened on when somebody came there last.
    known: RefCell<HashMap<Spot, Arc<Listener>>>,
    is_stopping: Cell<bool>,
    now: Cell<Instant>,
}

struct Dice {
    random: Random,
    cursors: Vec<u32>,
}

impl Worker {
    fn new(thread: usize, root: RootReader, random: Random, doors: Arc<Doors>) -> Self {
        Worker {
            thread,
            root,
            doors,
            idle: Idle::default(),
            shared: Shared::default(),
            buffer: tcp::Buffer::default(),
            sessions: Sessions::default(),
            dice: RefCell::new(Dice {
                random,
                cursors: Vec::new(),
            }),
            known: RefCell::default(),
            is_stopping: Cell::new(false),
            now: Cell::new(clock::now()),
        }
    }

    /// Where something is logged, if it is one of those that are.
    pub fn sampled<'l>(&self, logging: Option<&'l Logging>) -> Option<&'l Logging> {
        let fraction = || self.dice.borrow_mut().random.fraction();
        logging.filter(|log| log.sample >= 1.0 || fraction() < log.sample)
    }

    /// Lends what tells two equal requests apart.
    pub fn draw<T>(&self, root: &Root, with: impl FnOnce(&mut Draw<'_>) -> T) -> T {
        let mut dice = self.dice.borrow_mut();
        let Dice { random, cursors } = &mut *dice;
        cursors.resize(cursor_count(&root.pools), 0);
        with(&mut Draw { random, cursors })
    }

    /// The time of the last look around: up to [`LOOK`] ago, and for nothing.
    pub fn now(&self) -> Instant {
        self.now.get()
    }

    /// A number that no other request has.
    pub fn number(&self) -> u128 {
        let random = &mut self.dice.borrow_mut().random;
        u128::from(random.next_u64()) << 64 | u128::from(random.next_u64())
    }

    /// Who listens at `spot`, or did last; `None`: nobody ever did.
    pub fn listener(&self, spot: Spot) -> Option<Arc<Listener>> {
        let mut known = self.known.borrow_mut();
        if let Some(now) = self.root.load().forwarding.listener(spot) {
            known.insert(spot, Arc::clone(now));
        }
        known.get(&spot).cloned()
    }

    /// For a connection that came to `spot`. Where nobody listens any more, it is to end soon; `None`: nobody ever did.
    pub fn session(&self, spot: Spot) -> Option<Rc<Session>> {
        let mut known = self.known.borrow_mut();
        let root = self.root.load();
        let now = root.forwarding.listener(spot);
        if let Some(now) = now {
            known.insert(spot, Arc::clone(now));
        }
        let session = Session::new(Arc::clone(known.get(&spot)?), spot);
        if now.is_none() || self.is_stopping.get() {
            session.drain();
        }
        Some(session)
    }
}

/// What the thread does: as it is told, until it is to stop.
///
/// # Errors
/// When the system gives no event queue.
pub(super) fn main(
    thread: usize,
    root: RootReader,
    random: Random,
    doors: Arc<Doors>,
    orders: Orders,
) -> io::Result<impl FnOnce() + Send> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(FILE_THREADS_MAX)
        .build()?;
    Ok(move || {
        let worker = Rc::new(Worker::new(thread, root, random, doors));
        let tasks = LocalSet::new();
        tasks.spawn_local(look_after(Rc::clone(&worker)));
        runtime.block_on(async {
            let drain = tasks.run_until(obey(&worker, orders)).await;
            // Past the drain time, whatever still runs is dropped with `tasks`.
            let _ = timeout(drain, tasks).await;
        });
    })
}

/// Opens and closes until it is to stop; the time that is left then.
async fn obey(worker: &Rc<Worker>, mut orders: Orders) -> Duration {
    let mut doors = HashMap::new();
    loop {
        match orders.recv().await {
            Some(Order::Open(spot, socket)) => {
                // It fails where there is no event queue only, and there is one.
                let Ok(listener) = TcpListener::from_std(socket) else {
                    continue;
                };
                let (closing, closed) = oneshot::channel();
                doors.insert(spot, closing);
                spawn_local(accept_all(listener, Rc::clone(worker), spot, closed));
            }
            Some(Order::Close(spot)) => {
                doors.remove(&spot);
                worker.sessions.drain(|session| session.spot == spot);
            }
            Some(Order::Stop(drain)) => {
                worker.is_stopping.set(true);
                worker.sessions.drain(|_| true);
                return drain;
            }
            None => return Duration::ZERO,
        }
    }
}

/// Takes connections until `closed`, and then those that wait already.
async fn accept_all(
    listener: TcpListener,
    worker: Rc<Worker>,
    spot: Spot,
    mut closed: oneshot::Receiver<()>,
) {
    let take = |(stream, peer): (TcpStream, SocketAddr)| {
        let root = worker.root.load();
        let mut limits = root.forwarding.doors;
        let listener = root.forwarding.listener(spot);
        // The connections of a proxy are those of many, who are counted where it says who they are.
        if listener.is_some_and(|listener| listener.http.trusts(peer.ip())) {
            limits.per_client_max = u32::MAX;
        }
        // One that there is no place for is closed.
        if let Some(place) = Doors::enter(&worker.doors, peer.ip(), limits) {
            spawn_local(entrance::serve(
                Rc::clone(&worker),
                stream,
                peer,
                spot,
                place,
            ));
        }
    };
    loop {
        let accepted = tokio::select! {
            biased;
            accepted = listener.accept() => accepted,
            _ = &mut closed => break,
        };
        match accepted {
            Ok(accepted) => take(accepted),
            Err(_) => sleep(ERROR_PAUSE).await,
        }
    }
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Ok(accepted)) = listener.poll_accept(&mut cx) {
        take(accepted);
    }
}

/// Looks at connections now and then.
async fn look_after(worker: Rc<Worker>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = clock::now();
        worker.now.set(now);
        worker.idle.sweep(now);
        worker.shared.sweep(now);
        worker.sessions.look(now);
        outliers::eject_slow(&worker.root.load().forwarding);
        if worker.is_stopping.get() && worker.sessions.is_empty() {
            // So that nothing is left to be done.
            worker.shared.clear();
            return;
        }
    }
}
