//! Runs the probes: a task per target, and one that passes on what changed.
//!
//! ```text
//! target's task: wait for the start -> wait for a permit -> probe -> judge
//! keeper's task: wait for a change or the end of a hold -> ask control targets -> send a batch
//! ```

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};

use super::judge::{Judge, Moment, Remembered, TargetHealth};
use super::panic::Guard;
use super::probe::{self, Ask, Observation, TlsConfigs};
use super::schedule::Schedule;
use super::target::TargetSpec;
use crate::clock;
use crate::config::Panic;
use crate::model::TargetKey;
use crate::random::Random;

/// Probes under way at most, in all, unless [`Settings`] says otherwise.
pub const PROBES_MAX: usize = 1_024;
/// Batches of changes that wait for the receiver at most; past it, changes gather into one batch.
const BATCHES_MAX: usize = 16;
/// A control target that takes longer than this does not answer.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(1);

/// What an engine is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub panic: Panic,
    /// Probes under way at most, at least 1. A probe past it waits for its turn.
    pub probes_max: usize,
}

impl Settings {
    pub fn new(panic: Panic) -> Self {
        Settings {
            panic,
            probes_max: PROBES_MAX,
        }
    }
}

/// The health of one target is not what it was: its verdict, the observations needed to flip it,
/// or whether it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: TargetKey,
    pub health: TargetHealth,
}

/// The engine at large.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Status {
    pub targets: usize,
    /// Targets of which nothing is known yet.
    pub unknown: usize,
    /// Until when the panic guard holds verdicts, in milliseconds since the Unix epoch.
    pub panic_until_unix_ms: Option<u64>,
    pub probes_under_way: usize,
    /// Probes that were left out because the one before took or waited too long.
    pub probes_missed: u64,
}

/// Probes its targets until it is dropped. Belongs into a tokio runtime.
pub struct Engine {
    shared: Arc<Shared>,
    tasks: Mutex<HashMap<TargetKey, Task>>,
    asker: Box<Asker>,
    tls: TlsConfigs,
    _keeper: Task,
}

type Asker = dyn Fn(&TargetSpec) -> Box<dyn Ask> + Send + Sync;

struct Shared {
    judge: Mutex<Judge>,
    /// Verdicts from before a restart, for the first targets that are set.
    remembered: Mutex<HashMap<TargetKey, Remembered>>,
    /// Something may have changed.
    wake: Notify,
    /// A target became known.
    progress: Notify,
    permits: Semaphore,
    probes_max: usize,
    missed: AtomicU64,
    controls: Vec<SocketAddr>,
}

/// A task that ends with its handle.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Engine {
    /// An engine without targets, and where its changes come out. `remembered` are verdicts from
    /// before a restart, for the targets that are set first. Must be called in a tokio runtime.
    pub fn start(
        settings: Settings,
        remembered: HashMap<TargetKey, Remembered>,
    ) -> (Self, mpsc::Receiver<Vec<Change>>) {
        let tls = TlsConfigs::default();
        let for_asker = tls.clone();
        let asker = Box::new(move |spec: &TargetSpec| probe::asker(spec, &for_asker));
        Self::start_with(settings, remembered, asker, tls)
    }

    fn start_with(
        settings: Settings,
        remembered: HashMap<TargetKey, Remembered>,
        asker: Box<Asker>,
        tls: TlsConfigs,
    ) -> (Self, mpsc::Receiver<Vec<Change>>) {
        let (batches, receiver) = mpsc::channel(BATCHES_MAX);
        let panic = settings.panic;
        let guard = Guard::new(panic.share, panic.hold);
        let probes_max = settings.probes_max.clamp(1, Semaphore::MAX_PERMITS);
        let shared = Arc::new(Shared {
            judge: Mutex::new(Judge::new(guard, !panic.control.is_empty())),
            remembered: Mutex::new(remembered),
            wake: Notify::new(),
            progress: Notify::new(),
            permits: Semaphore::new(probes_max),
            probes_max,
            missed: AtomicU64::new(0),
            controls: panic.control,
        });
        let keeper = Task(tokio::spawn(keep(Arc::clone(&shared), batches)));
        let engine = Engine {
            shared,
            tasks: Mutex::default(),
            asker,
            tls,
            _keeper: keeper,
        };
        (engine, receiver)
    }

    /// From now on these are the targets; of several with an equal key, the first counts. New ones
    /// are probed at once, removed ones no more (a probe under way is broken off), and the others
    /// go on undisturbed. Must be called in a tokio runtime.
    pub fn set_targets(&self, mut specs: Vec<TargetSpec>) {
        let mut seen = HashSet::new();
        specs.retain(|spec| seen.insert(spec.key.clone()));
        let mut tasks = lock(&self.tasks);
        tasks.retain(|key, _| seen.contains(key));
        self.tls.forget();
        let remembered = std::mem::take(&mut *lock(&self.shared.remembered));
        lock(&self.shared.judge).set_targets(&specs, &remembered, Moment::now());
        for spec in specs {
            tasks.entry(spec.key.clone()).or_insert_with(|| {
                let ask = (self.asker)(&spec);
                Task(tokio::spawn(watch(Arc::clone(&self.shared), spec, ask)))
            });
        }
        self.shared.progress.notify_waiters();
        self.shared.wake.notify_one();
    }

    /// Waits until something is known of every target (observed, or remembered), for `grace` at
    /// most. Returns how many are still unknown.
    pub async fn first_round(&self, grace: Duration) -> usize {
        let all_known = async {
            loop {
                let progress = self.shared.progress.notified();
                tokio::pin!(progress);
                progress.as_mut().enable();
                if self.unknown() == 0 {
                    return;
                }
                progress.await;
            }
        };
        let _ = tokio::time::timeout(grace, all_known).await;
        self.unknown()
    }

    fn unknown(&self) -> usize {
        lock(&self.shared.judge).unknown()
    }

    /// The health of every target, in order of key.
    pub fn snapshot(&self) -> Vec<(TargetKey, TargetHealth)> {
        lock(&self.shared.judge).snapshot()
    }

    pub fn status(&self) -> Status {
        let (unknown, targets, holds_until) = {
            let judge = lock(&self.shared.judge);
            (judge.unknown(), judge.targets(), judge.holds_until())
        };
        let (now, unix_ms) = (clock::now(), clock::unix_ms());
        Status {
            targets,
            unknown,
            panic_until_unix_ms: holds_until
                .map(|until| unix_ms + until.saturating_duration_since(now).as_millis() as u64),
            probes_under_way: self.shared.probes_max - self.shared.permits.available_permits(),
            probes_missed: self.shared.missed.load(Relaxed),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Probes one target until the task is aborted.
async fn watch(shared: Arc<Shared>, spec: TargetSpec, mut ask: Box<dyn Ask>) {
    let monitor = &spec.monitor;
    let mut schedule = Schedule::new(monitor.interval, monitor.jitter, Random::from_os());
    let origin = clock::now();
    loop {
        // The semaphore is never closed; if it were, there would be nothing left to do.
        let Ok(permit) = shared.permits.acquire().await else {
            return;
        };
        let observation = observe(ask.as_mut()).await;
        drop(permit);
        lock(&shared.judge).observe(&spec.key, observation, Moment::now());
        shared.progress.notify_waiters();
        shared.wake.notify_one();
        let start = schedule.next(clock::now().saturating_duration_since(origin));
        shared.missed.fetch_add(start.missed, Relaxed);
        sleep_until(origin + start.at).await;
    }
}

async fn observe(ask: &mut dyn Ask) -> Observation {
    let begun = clock::now();
    let outcome = ask.ask().await;
    Observation {
        outcome,
        took: clock::now().saturating_duration_since(begun),
    }
}

/// Passes on changes, and does for the panic guard what takes time, until nobody receives.
async fn keep(shared: Arc<Shared>, batches: mpsc::Sender<Vec<Change>>) {
    let mut _asking = None;
    loop {
        let next_tick = lock(&shared.judge).next_tick();
        tokio::select! {
            () = shared.wake.notified() => {}
            () = sleep_until_some(next_tick) => {}
        }
        let (changed, wants_controls) = {
            let mut judge = lock(&shared.judge);
            judge.tick(Moment::now());
            (judge.take_changed(), judge.take_wants_controls())
        };
        if wants_controls {
            _asking = Some(Task(tokio::spawn(ask_controls(Arc::clone(&shared)))));
        }
        let batch: Vec<Change> = changed
            .into_iter()
            .map(|(key, health)| Change { key, health })
            .collect();
        if !batch.is_empty() && batches.send(batch).await.is_err() {
            return;
        }
    }
}

async fn ask_controls(shared: Arc<Shared>) {
    let reachable = any_reachable(&shared.controls).await;
    lock(&shared.judge).settle(reachable, Moment::now());
    shared.wake.notify_one();
}

/// Whether any of the addresses takes a TCP connection.
async fn any_reachable(addresses: &[SocketAddr]) -> bool {
    let mut attempts = JoinSet::new();
    for &address in addresses {
        attempts.spawn(probe::connect(address, CONTROL_TIMEOUT));
    }
    while let Some(attempt) = attempts.join_next().await {
        if matches!(attempt, Ok(Ok(()))) {
            return true;
        }
    }
    false
}

async fn sleep_until(deadline: Instant) {
    tokio::time::sleep_until(tokio::time::Instant::from_std(deadline)).await;
}

/// Never returns without a deadline.
async fn sleep_until_some(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
