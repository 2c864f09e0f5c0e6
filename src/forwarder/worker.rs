//! Who serves a connection? A thread with a runtime, and what its connections share.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::connection;
use super::upstream::Idle;
use crate::random::Random;
use crate::state::RootReader;
use crate::steering::{Draw, cursor_count};

/// Pause after an accept call failed.
const ERROR_PAUSE: Duration = Duration::from_millis(100);
/// Threads that read files for one thread that serves.
const FILE_THREADS_MAX: usize = 16;
/// How often connections that wait for their next request are looked after.
const SWEEP: Duration = Duration::from_secs(1);

/// What the connections of a thread share.
pub(super) struct Worker {
    pub root: RootReader,
    pub idle: Idle,
    dice: RefCell<Dice>,
    pub stopping: RefCell<Option<watch::Receiver<Option<Duration>>>>,
}

struct Dice {
    random: Random,
    cursors: Vec<u32>,
}

impl Worker {
    pub fn new(root: RootReader, random: Random) -> Self {
        Worker {
            root,
            idle: Idle::default(),
            dice: RefCell::new(Dice {
                random,
                cursors: Vec::new(),
            }),
            stopping: RefCell::new(None),
        }
    }

    /// Lends what tells two equal requests apart.
    pub fn draw<T>(&self, root: &crate::state::Root, with: impl FnOnce(&mut Draw<'_>) -> T) -> T {
        let mut dice = self.dice.borrow_mut();
        let Dice { random, cursors } = &mut *dice;
        cursors.resize(cursor_count(&root.pools), 0);
        with(&mut Draw { random, cursors })
    }
}

/// What the thread does: serves until `stopping` has a value, and then as long as that says.
///
/// # Errors
/// When the system gives no event queue.
pub(super) fn main(
    sockets: Vec<(u16, std::net::TcpListener)>,
    worker: Worker,
    stopping: watch::Receiver<Option<Duration>>,
) -> io::Result<impl FnOnce() + Send> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(FILE_THREADS_MAX)
        .build()?;
    let listeners = {
        let _inside = runtime.enter();
        let of_runtime = |(number, socket)| Ok((number, TcpListener::from_std(socket)?));
        let listeners = sockets.into_iter().map(of_runtime);
        listeners.collect::<io::Result<Vec<_>>>()?
    };
    Ok(move || {
        let worker = Rc::new(worker);
        *worker.stopping.borrow_mut() = Some(stopping.clone());
        let tasks = LocalSet::new();
        for (number, listener) in listeners {
            tasks.spawn_local(accept_all(
                number,
                listener,
                Rc::clone(&worker),
                stopping.clone(),
            ));
        }
        tasks.spawn_local(sweep(Rc::clone(&worker), stopping.clone()));
        let mut stopping = stopping;
        runtime.block_on(async {
            let drain = tasks.run_until(stop_signal(&mut stopping)).await;
            // Past the drain time, whatever still runs is dropped with `tasks`.
            let _ = timeout(drain, tasks).await;
        });
    })
}

/// Completes when the threads are to stop, with the time that is left.
pub(super) async fn stop_signal(stopping: &mut watch::Receiver<Option<Duration>>) -> Duration {
    match stopping.wait_for(Option::is_some).await {
        Ok(drain) => drain.unwrap_or_default(),
        Err(_sender_gone) => Duration::ZERO,
    }
}

async fn accept_all(
    number: u16,
    listener: TcpListener,
    worker: Rc<Worker>,
    mut stopping: watch::Receiver<Option<Duration>>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop_signal(&mut stopping) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                spawn_local(connection::serve(Rc::clone(&worker), stream, peer, number));
            }
            Err(_) => sleep(ERROR_PAUSE).await,
        }
    }
}

/// Closes connections to backends that have waited for too long.
async fn sweep(worker: Rc<Worker>, mut stopping: watch::Receiver<Option<Duration>>) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            _ = ticks.tick() => worker.idle.sweep(crate::clock::now()),
            _ = stop_signal(&mut stopping) => return,
        }
    }
}
