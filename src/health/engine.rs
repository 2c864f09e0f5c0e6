//! Runs the probes: a task per target, and one that passes on what changed.
//!
//! ```text
//! target's task: wait for the start -> wait for a permit -> probe -> judge
//! keeper's task: wait for a change or the end of a hold -> ask control targets -> send a batch
//! beating task: measure how late these are
//! ```

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use serde::Serialize;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};

use super::belief::{Moment, Remembered, TargetHealth};
use super::failure::Failure;
use super::judge::{Flip, Judge};
use super::lateness::{Hearing, Pulse, Watch, beat};
use super::notes::{Notes, Page};
use super::panic::Guard;
use super::probe::{self, Ask, Observation, Told, deadline};
use super::schedule::Schedule;
use super::target::TargetSpec;
use super::tempo::{Kind, Tempo, TookOf};
use crate::clock;
use crate::config::{COMMANDS_MAX_DEFAULT, Panic, Resolver};
use crate::model::TargetKey;
use crate::random::Random;

/// Probes under way at most, in all, unless [`Settings`] says otherwise.
pub const PROBES_MAX: usize = 1_024;
/// Batches of changes that wait for the receiver at most; past it, changes gather into one batch.
const BATCHES_MAX: usize = 16;
/// Late probes that start at a time. Then whatever is due has its turn before others start: those that are under
/// way are served first, so that no more begin than this machine can hear.
const LATE_STARTS: usize = 16;
/// A probe that starts later than this is late.
const LATE: Duration = Duration::from_millis(5);
/// A control target that takes longer than this does not answer.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(1);

/// Targets that a snapshot looks at in one go: a tenth of a millisecond.
const SNAPSHOT_CHUNK: usize = 256;

/// What an engine is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub panic: Panic,
    /// Probes under way at most, at least 1. A probe past it waits for its turn.
    pub probes_max: usize,
    /// Commands that run at a time, at least 1. They wait for that before they wait for the other.
    pub commands_max: usize,
}

impl Settings {
    pub fn new(panic: Panic) -> Self {
        Settings {
            panic,
            probes_max: PROBES_MAX,
            commands_max: usize::from(COMMANDS_MAX_DEFAULT),
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

/// All that is known of one target.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub health: TargetHealth,
    pub page: Page,
}

/// Probes its targets until it is dropped. Belongs into a tokio runtime.
pub struct Engine {
    shared: Arc<Shared>,
    tasks: Mutex<HashMap<TargetKey, Watched>>,
    /// Measures how late this machine is, while there are targets.
    beating: Mutex<Option<Task>>,
    asker: Box<Asker>,
    probes: probe::Shared,
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
    /// What targets told of their load since somebody asked, the last word of each.
    told: Mutex<HashMap<TargetKey, (Instant, Told)>>,
    permits: Semaphore,
    probes_max: usize,
    /// For late ones to start.
    starts: Semaphore,
    missed: AtomicU64,
    tempo: Tempo,
    pulse: Arc<Pulse>,
    controls: Vec<SocketAddr>,
}

/// The task of one target, and what it notes.
struct Watched {
    _task: Task,
    notes: Arc<Notes>,
    /// The monitor by whose name its probes are measured, and where.
    monitor: String,
    took: Arc<ArcSwap<TookOf>>,
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
        let probes = probe::Shared::new(settings.commands_max);
        let for_asker = probes.clone();
        let asker = Box::new(move |spec: &TargetSpec| probe::asker(spec, &for_asker));
        Self::start_with(settings, remembered, asker, probes)
    }

    fn start_with(
        settings: Settings,
        remembered: HashMap<TargetKey, Remembered>,
        asker: Box<Asker>,
        probes: probe::Shared,
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
            told: Mutex::default(),
            permits: Semaphore::new(probes_max),
            probes_max,
            starts: Semaphore::new(LATE_STARTS),
            missed: AtomicU64::new(0),
            tempo: Tempo::default(),
            pulse: Arc::default(),
            controls: panic.control,
        });
        let keeper = Task(tokio::spawn(keep(Arc::clone(&shared), batches)));
        let engine = Engine {
            shared,
            tasks: Mutex::default(),
            beating: Mutex::default(),
            asker,
            probes,
            _keeper: keeper,
        };
        (engine, receiver)
    }

    /// Whom to ask, from now on, where targets are that are known by name.
    pub fn resolve_by(&self, settings: &Resolver) {
        self.probes.whereabouts.ask_of(settings);
    }

    /// Verdicts of targets that are set next and are new then, as from before a restart.
    pub fn remember(&self, remembered: HashMap<TargetKey, Remembered>) {
        lock(&self.shared.remembered).extend(remembered);
    }

    /// From now on these are the targets; of several with an equal key, the first counts. New ones
    /// are probed at once, removed ones no more (a probe under way is broken off), and the others
    /// go on undisturbed. Must be called in a tokio runtime.
    pub fn set_targets(&self, mut specs: Vec<TargetSpec>) {
        let mut seen = HashSet::new();
        specs.retain(|spec| seen.insert(spec.key.clone()));
        let mut tasks = lock(&self.tasks);
        let measured: HashSet<String> = tasks.values().map(|task| task.monitor.clone()).collect();
        tasks.retain(|key, _| seen.contains(key));
        self.probes.forget();
        let remembered = std::mem::take(&mut *lock(&self.shared.remembered));
        lock(&self.shared.judge).set_targets(&specs, &remembered, Moment::now());
        // Of what others say, nobody asks.
        let took = &self.shared.tempo.took;
        for spec in specs.into_iter().filter(|spec| spec.max_age().is_none()) {
            let name = spec.monitor.name.clone();
            let task = tasks.entry(spec.key.clone()).or_insert_with(|| {
                let ask = (self.asker)(&spec);
                let notes = Arc::<Notes>::default();
                let took = Arc::new(ArcSwap::from_pointee(took.of(&name)));
                let (shared, taking) = (Arc::clone(&self.shared), Arc::clone(&took));
                let watching = watch(shared, spec, ask, Arc::clone(&notes), taking);
                Watched {
                    _task: Task(tokio::spawn(watching)),
                    notes,
                    monitor: name.clone(),
                    took,
                }
            });
            if task.monitor != name {
                task.took.store(Arc::new(took.of(&name)));
                task.monitor = name;
            }
        }
        // What nobody is measured by any more is not told any more.
        let measuring: HashSet<&str> = tasks.values().map(|task| &*task.monitor).collect();
        for gone in measured.iter().filter(|name| !measuring.contains(&***name)) {
            for outcome in ["success", "failure"] {
                took.0.remove(&Kind {
                    monitor: gone.clone(),
                    outcome,
                });
            }
        }
        let mut beating = lock(&self.beating);
        match seen.is_empty() {
            true => *beating = None,
            false => {
                let pulse = &self.shared.pulse;
                beating.get_or_insert_with(|| Task(tokio::spawn(beat(Arc::clone(pulse)))));
            }
        }
        drop((beating, tasks));
        self.shared.progress.notify_waiters();
        self.shared.wake.notify_one();
    }

    /// Takes what others say of a target.
    pub fn push(&self, key: &TargetKey, outcome: Result<(), Failure>) {
        let observation = Observation {
            outcome,
            took: Duration::ZERO,
        };
        lock(&self.shared.judge).observe(key, observation, Moment::now());
        self.shared.wake.notify_one();
    }

    /// Takes what somebody says who really uses a target; it counts by the monitor's `passive`.
    pub fn push_request(&self, key: &TargetKey, outcome: Result<(), Failure>) {
        lock(&self.shared.judge).observe_request(key, outcome, Moment::now());
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

    /// The health of every target, in order of key. Targets whose health changes meanwhile are as they
    /// were before or after; observations wait for a few targets only.
    pub fn snapshot(&self) -> Vec<(TargetKey, TargetHealth)> {
        self.of_every_target(Judge::health)
    }

    /// What to know of every target after a restart, like [`Engine::snapshot`].
    pub fn memories(&self) -> Vec<(TargetKey, Remembered)> {
        self.of_every_target(Judge::memory)
    }

    fn of_every_target<T>(
        &self,
        look: impl Fn(&Judge, &TargetKey, Moment) -> Option<T>,
    ) -> Vec<(TargetKey, T)> {
        let keys = lock(&self.shared.judge).keys();
        let mut all = Vec::with_capacity(keys.len());
        for keys in keys.chunks(SNAPSHOT_CHUNK) {
            let (judge, now) = (lock(&self.shared.judge), Moment::now());
            let known = keys
                .iter()
                .filter_map(|key| Some((key.clone(), look(&judge, key, now)?)));
            all.extend(known);
            drop(judge);
            thread::yield_now();
        }
        all
    }

    /// All that is known of these, in the order asked for; what is no target is left out. Observations wait
    /// for a few targets only.
    pub fn sheets(&self, keys: &[TargetKey]) -> Vec<(TargetKey, Sheet)> {
        let mut all = Vec::with_capacity(keys.len());
        for keys in keys.chunks(SNAPSHOT_CHUNK) {
            let tasks = lock(&self.tasks);
            let (judge, now) = (lock(&self.shared.judge), Moment::now());
            all.extend(keys.iter().filter_map(|key| {
                let health = judge.health(key, now)?;
                // What others say, nobody asks for.
                let page = tasks.get(key).map(|task| task.notes.page());
                let page = page.unwrap_or_default();
                Some((key.clone(), Sheet { health, page }))
            }));
            drop((judge, tasks));
            thread::yield_now();
        }
        all
    }

    /// Every change of a verdict since this was asked before, in order.
    pub fn take_flips(&self) -> VecDeque<Flip> {
        lock(&self.shared.judge).take_flips()
    }

    /// What is measured of all probes.
    pub fn tempo(&self) -> &Tempo {
        &self.shared.tempo
    }

    /// The time during which this machine was late, in all.
    pub fn lost(&self) -> Duration {
        self.shared.pulse.lost(clock::now())
    }

    /// As long as it is the same, so are all verdicts.
    pub fn turns(&self) -> u64 {
        lock(&self.shared.judge).turns()
    }

    /// What targets told of their load since this was asked before: each when, and what it said last.
    pub fn take_told(&self) -> HashMap<TargetKey, (Instant, Told)> {
        std::mem::take(&mut lock(&self.shared.told))
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
async fn watch(
    shared: Arc<Shared>,
    spec: TargetSpec,
    mut ask: Box<dyn Ask>,
    notes: Arc<Notes>,
    took: Arc<ArcSwap<TookOf>>,
) {
    let monitor = &spec.monitor;
    let mut schedule = Schedule::new(monitor, Random::from_os());
    let origin = clock::now();
    let mut planned = origin;
    let turns = ask.turns();
    loop {
        notes.begin();
        // Before the permit, which others would have to wait for meanwhile.
        let turn = match &turns {
            Some(turns) => turns.acquire().await.ok(),
            None => None,
        };
        let start = match is_late(planned) {
            true => shared.starts.acquire().await.ok(),
            false => None,
        };
        // The semaphore is never closed; if it were, there would be nothing left to do.
        let Ok(permit) = shared.permits.acquire().await else {
            return;
        };
        if start.is_some() {
            tokio::task::yield_now().await;
        }
        drop(start);
        let begun = clock::now();
        let lag = begun.saturating_duration_since(planned);
        shared.tempo.started(lag, monitor.interval);
        let observation = observe(ask.as_mut(), monitor.timeout, &shared.pulse).await;
        drop((permit, turn));
        shared.tempo.note(&observation.outcome);
        took.load().note(&observation.outcome, observation.took);
        if let Some(told) = ask.take_told() {
            let told = (clock::now(), told);
            lock(&shared.told).insert(spec.key.clone(), told);
        }
        let moment = Moment::now();
        notes.see(&observation, moment.unix_ms);
        let pace = {
            let mut judge = lock(&shared.judge);
            judge.observe(&spec.key, observation, moment);
            judge.pace(&spec.key, moment)
        };
        shared.progress.notify_waiters();
        shared.wake.notify_one();
        let since = |at: Instant| at.saturating_duration_since(origin);
        schedule.set_pace(pace, since(begun), since(clock::now()));
        let start = schedule.next(since(clock::now()));
        shared.missed.fetch_add(start.missed, Relaxed);
        planned = origin + start.at;
        let ahead = planned.saturating_duration_since(moment.monotonic);
        notes.plan(moment.unix_ms + ahead.as_millis() as u64);
        sleep_until(planned).await;
    }
}

fn is_late(planned: Instant) -> bool {
    clock::now().saturating_duration_since(planned) > LATE
}

/// One attempt; time that this machine lost is none of the target's.
async fn observe(ask: &mut dyn Ask, timeout: Duration, pulse: &Arc<Pulse>) -> Observation {
    let watch = Watch::start(Arc::clone(pulse));
    let outcome = deadline::by(Arc::clone(pulse), ask.ask()).await;
    let passed = watch.read();
    Observation {
        outcome: outcome.map_err(|failure| passed.weigh(failure, timeout)),
        took: passed.heard(),
    }
}

/// Passes on changes, and does for the panic guard what takes time, until nobody receives.
async fn keep(shared: Arc<Shared>, batches: mpsc::Sender<Vec<Change>>) {
    let mut _asking = None;
    let (mut hearing, mut hearing_until) = (Hearing::default(), None);
    loop {
        let next_tick = lock(&shared.judge).next_tick();
        let next_tick = next_tick.map(|tick| hearing_until.map_or(tick, |until| tick.max(until)));
        tokio::select! {
            () = shared.wake.notified() => {}
            () = sleep_until_some(next_tick) => {}
        }
        let now = Moment::now();
        hearing_until = hearing.look(shared.pulse.lost(now.monotonic), now.monotonic);
        let (changed, wants_controls) = {
            let mut judge = lock(&shared.judge);
            // All that it does follows from silence.
            if hearing_until.is_none() {
                judge.tick(now);
            }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::config::{ProbeKind, Push};
    use crate::health::judge::Turn;
    use crate::health::probe::Asking;
    use crate::health::target::tests::tcp_target;
    use crate::model::Verdict;

    /// A world without sockets: how often each target was asked, and what it answers.
    #[derive(Clone, Default)]
    struct World(Arc<Mutex<HashMap<TargetKey, Actor>>>);

    #[derive(Clone, Default)]
    struct Actor {
        asked: u32,
        refuses: bool,
        takes: Duration,
    }

    struct Scripted {
        world: World,
        key: TargetKey,
    }

    impl Ask for Scripted {
        fn ask(&mut self) -> Asking<'_> {
            Box::pin(async {
                let actor = self.world.with(&self.key, |actor| {
                    actor.asked += 1;
                    actor.clone()
                });
                tokio::time::sleep(actor.takes).await;
                match actor.refuses {
                    true => Err(Failure::Refused),
                    false => Ok(()),
                }
            })
        }
    }

    impl World {
        fn with<T>(&self, key: &TargetKey, use_it: impl FnOnce(&mut Actor) -> T) -> T {
            use_it(lock(&self.0).entry(key.clone()).or_default())
        }

        fn asked(&self, key: &TargetKey) -> u32 {
            self.with(key, |actor| actor.asked)
        }

        fn engine(
            &self,
            probes_max: usize,
            remembered: HashMap<TargetKey, Remembered>,
        ) -> (Engine, mpsc::Receiver<Vec<Change>>) {
            let mut settings = Settings::new(Panic {
                share: 0.8,
                hold: Duration::from_secs(30),
                control: Vec::new(),
            });
            settings.probes_max = probes_max;
            let world = self.clone();
            let asker = Box::new(move |spec: &TargetSpec| -> Box<dyn Ask> {
                Box::new(Scripted {
                    world: world.clone(),
                    key: spec.key.clone(),
                })
            });
            Engine::start_with(settings, remembered, asker, probe::Shared::default())
        }
    }

    const GRACE: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn a_sheet_has_the_last_observations_and_when_the_next_is_due() {
        let world = World::default();
        let (engine, _changes) = world.engine(8, HashMap::new());
        let (spec, other) = (tcp_target(1, 0), tcp_target(2, 0));
        engine.set_targets(vec![spec.clone()]);
        seconds(3).await;
        world.with(&spec.key, |actor| actor.refuses = true);
        seconds(3).await;
        let sheets = engine.sheets(&[other.key, spec.key.clone()]);
        let [(key, sheet)] = sheets.as_slice() else {
            panic!("{sheets:?}");
        };
        assert_eq!(*key, spec.key);
        assert_eq!(sheet.health.verdict, Verdict::Down);
        let seen = &sheet.page.seen;
        assert_eq!(seen.front().map(|seen| &seen.outcome), Some(&Ok(())));
        let last = seen.back().map(|seen| &seen.outcome);
        assert_eq!(last, Some(&Err(Failure::Refused)));
        assert!(sheet.page.next_unix_ms.is_some());
        let flips = engine.take_flips();
        let turns: Vec<Turn> = flips.iter().map(|flip| flip.turn).collect();
        let up = Turn::Verdict(Verdict::Unknown, Verdict::Up);
        assert_eq!(turns, [up, Turn::Verdict(Verdict::Up, Verdict::Down)]);
    }

    #[tokio::test(start_paused = true)]
    async fn probes_are_measured_by_the_names_that_monitors_have_now() {
        let world = World::default();
        let (engine, _changes) = world.engine(8, HashMap::new());
        let named = |n, name: &str| {
            let mut spec = tcp_target(n, 0);
            Arc::make_mut(&mut spec.monitor).name = name.to_owned();
            spec
        };
        let measured = || {
            let mut text = String::new();
            let mut registry = prometheus_client::registry::Registry::default();
            registry.register("took", "Time", engine.tempo().took.0.clone());
            prometheus_client::encoding::text::encode(&mut text, &registry).expect("a text");
            let lines = text.lines().filter(|line| line.contains("_count{"));
            let successes = lines.filter(|line| line.contains("success") && !line.ends_with(" 0"));
            let names = successes.filter_map(|line| line.split('"').nth(1));
            names
                .map(str::to_owned)
                .collect::<std::collections::BTreeSet<_>>()
        };
        let set = |names: &[&str]| Vec::from_iter(names.iter().map(ToString::to_string));
        engine.set_targets(vec![named(1, "a"), named(2, "b"), named(3, "b")]);
        seconds(2).await;
        assert!(measured().into_iter().eq(set(&["a", "b"])));
        // One is removed, and one is called otherwise.
        engine.set_targets(vec![named(1, "a"), named(3, "c")]);
        assert!(measured().into_iter().eq(set(&["a"])));
        seconds(2).await;
        assert!(measured().into_iter().eq(set(&["a", "c"])));
    }

    async fn seconds(n: u64) {
        tokio::time::sleep(Duration::from_secs(n)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_others_say_is_not_too_old_before_it_could_be_heard() {
        let (engine, _changes) = World::default().engine(8, HashMap::new());
        let max_age = Duration::from_secs(5);
        let mut spec = tcp_target(1, 0);
        let monitor = Arc::make_mut(&mut spec.monitor);
        monitor.probe = ProbeKind::Push(Push { max_age });
        engine.set_targets(vec![spec.clone()]);
        engine.push(&spec.key, Ok(()));
        seconds(4).await;
        let verdict = || engine.snapshot()[0].1.verdict;
        // It stands still, and has to hear first what was said meanwhile.
        tokio::time::advance(max_age * 2).await;
        seconds(1).await;
        assert_eq!(verdict(), Verdict::Up);
        engine.push(&spec.key, Ok(()));
        seconds(4).await;
        assert_eq!(verdict(), Verdict::Up);
        seconds(4).await;
        assert_eq!(verdict(), Verdict::Unknown);
    }

    #[tokio::test(start_paused = true)]
    async fn every_target_is_known_after_the_first_round() {
        let world = World::default();
        let (engine, mut changes) = world.engine(8, HashMap::new());
        let specs: Vec<_> = (0..20).map(|n| tcp_target(n, 0)).collect();
        world.with(&specs[3].key, |actor| actor.refuses = true);
        engine.set_targets(specs.clone());
        assert_eq!(engine.first_round(GRACE).await, 0);
        let snapshot = engine.snapshot();
        let down = snapshot.iter().filter(|(_, h)| h.verdict == Verdict::Down);
        assert_eq!(
            down.map(|(key, _)| key).collect::<Vec<_>>(),
            [&specs[3].key]
        );
        let mut changed = 0;
        while changed < 20 {
            changed += changes.recv().await.expect("a batch").len();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_round_ends_with_the_grace_when_a_target_hangs() {
        let world = World::default();
        let (engine, _changes) = world.engine(8, HashMap::new());
        let specs = vec![tcp_target(1, 0), tcp_target(2, 0)];
        world.with(&specs[0].key, |actor| {
            actor.takes = Duration::from_secs(3_600)
        });
        engine.set_targets(specs);
        assert_eq!(engine.first_round(GRACE).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_remembered_target_holds_nobody_up() {
        let world = World::default();
        let spec = tcp_target(1, 0);
        world.with(&spec.key, |actor| actor.takes = Duration::from_secs(3_600));
        let remembered = Remembered::new(Verdict::Down, 1);
        let (engine, mut changes) =
            world.engine(8, HashMap::from([(spec.key.clone(), remembered)]));
        engine.set_targets(vec![spec]);
        assert_eq!(engine.first_round(GRACE).await, 0);
        let batch = changes.recv().await.expect("a batch");
        assert_eq!(batch[0].health.verdict, Verdict::Down);
    }

    #[tokio::test(start_paused = true)]
    async fn without_targets_there_is_nothing_to_wait_for() {
        let (engine, _changes) = World::default().engine(8, HashMap::new());
        assert_eq!(engine.first_round(GRACE).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_removed_target_is_not_probed_any_more() {
        let world = World::default();
        let (engine, _changes) = world.engine(8, HashMap::new());
        let (kept, removed) = (tcp_target(1, 0), tcp_target(2, 0));
        engine.set_targets(vec![kept.clone(), removed.clone()]);
        seconds(10).await;
        engine.set_targets(vec![kept.clone()]);
        let asked = (world.asked(&kept.key), world.asked(&removed.key));
        seconds(10).await;
        assert!(world.asked(&kept.key) > asked.0);
        assert_eq!(world.asked(&removed.key), asked.1);
        assert_eq!(engine.snapshot().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_engine_probes_no_more() {
        let world = World::default();
        let (engine, mut changes) = world.engine(8, HashMap::new());
        let spec = tcp_target(1, 0);
        engine.set_targets(vec![spec.clone()]);
        seconds(5).await;
        drop(engine);
        let asked = world.asked(&spec.key);
        seconds(10).await;
        assert_eq!(world.asked(&spec.key), asked);
        while changes.recv().await.is_some() {}
    }

    #[tokio::test(start_paused = true)]
    async fn targets_with_an_equal_key_share_one_probe() {
        let world = World::default();
        let (engine, _changes) = world.engine(8, HashMap::new());
        let spec = tcp_target(1, 0);
        engine.set_targets(vec![spec.clone(); 50]);
        assert_eq!(engine.first_round(GRACE).await, 0);
        assert_eq!(world.asked(&spec.key), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unchanged_target_goes_on_with_its_state() {
        let world = World::default();
        let (engine, _changes) = world.engine(8, HashMap::new());
        let mut spec = tcp_target(1, 0);
        // The second probe may be due right after the first, but hardly ever in a day, if not by jitter.
        let monitor = Arc::make_mut(&mut spec.monitor);
        (monitor.interval, monitor.jitter) = (Duration::from_secs(86_400), 0.0);
        engine.set_targets(vec![spec.clone()]);
        engine.first_round(GRACE).await;
        let before = engine.snapshot();
        engine.set_targets(vec![spec.clone(), tcp_target(2, 0)]);
        let after = engine.snapshot();
        assert!(after.contains(&before[0]));
        engine.first_round(GRACE).await;
        assert_eq!(world.asked(&spec.key), 1, "not probed anew");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_probes_than_allowed_are_under_way_and_missed_ones_are_counted() {
        let world = World::default();
        let (engine, _changes) = world.engine(2, HashMap::new());
        let specs: Vec<_> = (0..10).map(|n| tcp_target(n, 0)).collect();
        for spec in &specs {
            world.with(&spec.key, |actor| actor.takes = Duration::from_secs(1));
        }
        engine.set_targets(specs.clone());
        let crowded = AtomicBool::new(false);
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let under_way = engine.status().probes_under_way;
            assert!(under_way <= 2);
            crowded.fetch_or(under_way == 2, Relaxed);
        }
        assert!(crowded.into_inner());
        assert!(engine.status().probes_missed > 0);
        assert!(specs.iter().all(|spec| world.asked(&spec.key) >= 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fall_and_a_rise_come_out_as_changes() {
        let world = World::default();
        let (engine, mut changes) = world.engine(8, HashMap::new());
        let spec = tcp_target(1, 0);
        engine.set_targets(vec![spec.clone()]);
        let mut seen = Vec::new();
        for refuses in [false, true, false] {
            world.with(&spec.key, |actor| actor.refuses = refuses);
            let expected = if refuses { Verdict::Down } else { Verdict::Up };
            loop {
                let batch = changes.recv().await.expect("a batch");
                let verdict = batch[0].health.verdict;
                seen.push((verdict, batch[0].health.needed));
                if verdict == expected {
                    break;
                }
            }
        }
        let (up, down) = (Verdict::Up, Verdict::Down);
        assert_eq!(seen, [(up, 2), (up, 1), (down, 2), (down, 1), (up, 2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_sleeps_finds_the_latest_health_of_each_target() {
        let world = World::default();
        let (engine, mut changes) = world.engine(8, HashMap::new());
        let spec = tcp_target(1, 0);
        engine.set_targets(vec![spec.clone()]);
        for n in 0..200 {
            world.with(&spec.key, |actor| actor.refuses = n % 2 == 0);
            seconds(4).await;
        }
        let mut latest = None;
        while let Ok(batch) = changes.try_recv() {
            latest = batch.into_iter().last();
            tokio::task::yield_now().await;
        }
        let latest = latest.expect("a change").health.verdict;
        assert_eq!(latest, engine.snapshot()[0].1.verdict);
    }
}
