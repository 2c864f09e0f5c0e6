//! The loop that owns the write half of the root.
//!
//! It never waits for a file to be read, a map to be compiled or a new target to be asked: that is
//! [`Work`], a task whose result it takes over when it is there. Meanwhile verdicts are published
//! and a stop is a stop.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::access_logs::AccessLogs;
use super::changes::{Changes, EndpointTurn};
use super::exporting::Exporting;
use super::forwarded::Forwarded;
use super::forwarding::{Forwarding, Taken as Addresses};
use super::lagging::{Lagging, Uncounting};
use super::limiting::Limiting;
use super::loading::Loading;
use super::overriding::Overriding;
use super::preparation::Prepared;
use super::recovery::{Recovery, Seen};
use super::registering::{Done, Registering};
use super::resolving::Resolving;
use super::verdicts::Verdicts;
use super::webhook::Mail;
use super::{Notice, aside};
use crate::admin::health::Cause;
use crate::admin::{Command, Joined, Live, Reloaded, Said, Standing, Taken, Which, ZoneTrouble};
use crate::clock;
use crate::compile::{Adjust, ServedZone, Whole};
use crate::config::{Config, Diagnostic, Diagnostics, Place, Server};
use crate::geoip::watch::{Watcher, watch};
use crate::model::{EndpointId, PoolId, Share, Verdict};
use crate::overrides::{self, Action};
use crate::registrations::{self, Registration};
use crate::state::Publisher;
use crate::state::health::{EndpointHealth, Health};

/// What the daemon's owner asks of the loop.
pub enum Order {
    SetVerdict {
        which: String,
        verdict: Verdict,
        reply: oneshot::Sender<Result<(), String>>,
    },
    Stop,
}

pub struct Control {
    pub path: PathBuf,
    pub adjust: Option<Arc<Adjust>>,
    pub whole: Whole,
    /// What it was started with.
    pub started: Server,
    pub publisher: Publisher,
    pub verdicts: Verdicts,
    pub overriding: Overriding,
    pub recovery: Recovery,
    pub loading: Loading,
    pub registering: Registering,
    pub forwarded: Forwarded,
    pub access_logs: AccessLogs,
    pub resolving: Resolving,
    /// When pools may be compiled for endpoints that nobody wrote, at the soonest.
    pub expand_from: Instant,
    /// Whether they are to be.
    pub is_unexpanded: bool,
    pub notices: Option<mpsc::UnboundedSender<Notice>>,
    pub changes: Changes,
    pub forwarding: Forwarding,
    pub exporting: Exporting,
    pub lagging: Lagging,
    pub mail: Mail,
    pub uncounting: Uncounting,
    pub live: Arc<Live>,
    pub limiting: Limiting,
    /// What the last change left to do before the next can begin.
    pub finishing: Option<JoinHandle<()>>,
}

/// How often retired roots and the counters of held back answers are looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// How often it is looked at what the forwarder has to do.
const LOOK: Duration = Duration::from_millis(100);

/// Reloads that wait for the one under way; more are refused.
const REQUESTS_MAX: usize = 16;

/// After pools were compiled for endpoints that nobody wrote: so many times as long as it took, nothing is compiled for
/// others, so that those who come and go all the time have a fifth of a core at most.
const PAUSES: u32 = 4;
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// Reading again, for one reason.
enum Request {
    /// Everything; somebody waits for the outcome.
    Everything(oneshot::Sender<Result<Reloaded, Vec<String>>>),
    /// Databases and feeds: one was replaced.
    Databases,
    /// Nothing: endpoints joined or left, or names that pools have as aliases lead elsewhere.
    Unwritten,
}

/// What reading again came to.
type Outcome = Result<(Whole, (Prepared, Addresses), Diagnostics), Diagnostics>;

/// A request being worked on.
struct Work {
    request: Request,
    began: Instant,
    task: JoinHandle<Outcome>,
}

/// Who waits for what came of an order to join or leave.
type JoinedTo = oneshot::Sender<Result<Joined, String>>;

/// The same of a word.
type SaidTo = oneshot::Sender<Result<Said, String>>;

type Databases = Option<(Watcher, mpsc::Receiver<()>)>;

impl Control {
    /// Runs until it is told to stop, or its owner is gone.
    pub async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut commands: mpsc::Receiver<Command>,
    ) {
        let mut databases = self.watch();
        let mut sweep = tokio::time::interval(SWEEP);
        let mut looks = tokio::time::interval(LOOK);
        let mut requests = VecDeque::new();
        let mut work: Option<Work> = None;
        loop {
            if work.is_none() {
                work = self.next(&mut requests).map(|request| self.start(request));
            }
            tokio::select! {
                changes = self.verdicts.changed(&self.whole.parts, self.notices.as_ref()) => {
                    let changes = self.overriding.heard(changes);
                    self.publish_changes(changes);
                    self.tell_flips();
                    if self.overriding.is_untold() {
                        self.tell_overridden();
                    }
                }
                order = orders.recv() => match order {
                    Some(Order::SetVerdict { which, verdict, reply }) => {
                        let changes = self.verdicts.set(&self.whole.parts.pools, &which, verdict);
                        let changes = changes.map(|changes| self.overriding.heard(changes));
                        let done = changes.map(|changes| self.publish_changes(changes));
                        self.tell_flips();
                        let _ = reply.send(done);
                    }
                    Some(Order::Stop) | None => break,
                },
                Some(command) = commands.recv(), if requests.len() < REQUESTS_MAX => match command {
                    Command::Reload(reply) => requests.push_back(Request::Everything(reply)),
                    Command::Override(order, reply) => self.add_override(order, reply),
                    Command::ClearOverrides(which, reply) => self.clear_overrides(&which, reply),
                    Command::Load(reports, reply) => {
                        let added = self.loading.add(&reports, &self.whole);
                        let _ = reply.send(added.map(|()| Taken { taken: reports.len() }));
                    }
                    Command::Observe(observations, reply) => {
                        let _ = reply.send(self.verdicts.observe(&observations, &self.whole.parts));
                    }
                    Command::Register(order, reply) => self.register(order, reply),
                    Command::Deregister(leave, reply) => self.deregister(&leave, reply),
                    Command::Registrations(reply) => {
                        let root = self.publisher.current();
                        let _ = reply.send(self.registering.told(&self.whole.config, &root));
                    }
                    Command::Loads(reply) => {
                        let _ = reply.send(self.loading.told(&self.whole));
                    }
                },
                Some(()) = replaced(&mut databases) => requests.push_back(Request::Databases),
                () = self.resolving.changed() => self.is_unexpanded = true,
                () = tokio::time::sleep_until(self.expand_from.into()),
                    if work.is_none() && self.is_unexpanded => {}
                (request, took, outcome) = finished(&mut work) => {
                    if matches!(request, Request::Unwritten) {
                        let pause = (PAUSES * took).max(PAUSE_MIN);
                        self.expand_from = clock::now() + pause;
                    }
                    let stamps = self.whole.stamps.clone();
                    let published = self.take_over(request, outcome);
                    if published && (databases.is_none() || self.whole.stamps != stamps) {
                        // It compares with what was read, so that no replacement is lost.
                        databases = self.watch();
                        requests.retain(|request| !matches!(request, Request::Databases));
                    }
                }
                _ = looks.tick(), if !self.whole.parts.forwarding.backends.is_empty() => {
                    self.forwarded.look(&self.whole.parts.forwarding);
                }
                _ = sweep.tick() => {
                    self.publisher.sweep();
                    self.limiting.look();
                    self.tell_flips();
                    self.changes.tick();
                    if let Some(engine) = self.verdicts.engine() {
                        self.lagging.look(engine.tempo().take_worst());
                        self.uncounting.look(engine.tempo().take_latest());
                    }
                    self.expire_overrides();
                    self.expire_registrations();
                    self.go_on();
                    self.shed();
                }
            }
        }
        if let Some(work) = work {
            work.task.abort();
        }
        let access_logs = self.access_logs;
        let _ = tokio::task::spawn_blocking(move || access_logs.stop()).await;
        self.mail.stop(&self.changes.postbox).await;
        self.verdicts.stop().await;
    }

    /// Tells of verdicts that changed, once they are answered by.
    fn tell_flips(&mut self) {
        let flips = self.verdicts.take_flips();
        self.changes.tell(flips, &self.whole.parts);
        let (cause, turned) = self.verdicts.take_turned();
        let pools = &self.whole.parts.pools;
        self.changes.tell_endpoints(turned, cause, pools);
    }

    /// Hears what was told of loads, and lets pools shed by it.
    fn shed(&mut self) {
        self.loading.hear(self.verdicts.take_told(), &self.whole);
        let health = Arc::clone(&self.publisher.current().health);
        let (own, of_pools) = self.forwarded.reports(&self.whole, &health);
        for reports in [&own, &of_pools] {
            if let Err(why) = self.loading.add(reports, &self.whole) {
                tracing::warn!("what the forwarder has to do: {why}");
            }
        }
        self.live.reports.store(Arc::new(of_pools));
        let pools = &self.whole.parts.pools;
        let besides = self.shares_besides_load(&self.seen(&health));
        let changed = self.loading.step(&self.whole, &health, &besides);
        for taking in &changed {
            let pool = &pools.pools[taking.pool.index()].name;
            tracing::debug!(%pool, "{}", taking.why);
        }
        self.live.shed.store(Arc::new(self.loading.why(pools)));
        let weighed = self.weighed(&health);
        if !changed.is_empty() || !weighed.is_empty() {
            self.publish_changes(weighed);
        }
    }

    /// The endpoints of `before` that take another share now by their load.
    fn weighed(&mut self, before: &Health) -> Vec<(EndpointId, EndpointHealth)> {
        let changed = self.loading.weigh(&self.whole, before).into_iter();
        let of_words = |id| self.overriding.of_words_alone(id, before);
        changed.map(|id| (id, of_words(id))).collect()
    }

    fn add_override(&mut self, order: overrides::Order, reply: SaidTo) {
        let pools = &self.whole.parts.pools;
        match self.overriding.add(order, pools, &self.verdicts) {
            Ok((standing, changes)) => {
                self.publish_overridden(changes);
                self.save_overrides(vec![standing], reply);
            }
            Err(why) => {
                let _ = reply.send(Err(why));
            }
        }
    }

    fn clear_overrides(&mut self, which: &Which, reply: SaidTo) {
        let pools = &self.whole.parts.pools;
        let is_meant = |word: &overrides::Override| which.means(word);
        let (cleared, changes) = self.overriding.clear(is_meant, pools, &self.verdicts);
        self.publish_overridden(changes);
        self.save_overrides(cleared, reply);
    }

    fn expire_overrides(&mut self) {
        let pools = &self.whole.parts.pools;
        if let Some(changes) = self.overriding.expire(pools, &self.verdicts) {
            self.publish_overridden(changes);
            // What was wrong with that is logged.
            drop(self.overriding.save());
        }
    }

    /// Answers once the words are saved, so that who gave one knows whether it outlives a restart.
    fn save_overrides(&mut self, words: Vec<Standing>, reply: SaidTo) {
        let saved = self.overriding.save();
        tokio::spawn(async move {
            let unsaved = saved.await.unwrap_or_else(|e| Some(e.to_string()));
            let _ = reply.send(Ok(Said { words, unsaved }));
        });
    }

    fn publish_overridden(&mut self, changes: Vec<(EndpointId, EndpointHealth)>) {
        let before = Arc::clone(&self.publisher.current().health);
        let ids: BTreeSet<EndpointId> = changes.iter().map(|(id, _)| *id).collect();
        self.publish_changes(changes);
        self.tell_overridden();
        let (after, told) = (
            &self.publisher.current().health,
            self.live.overridden.load(),
        );
        let pools = &self.whole.parts.pools;
        let turned = ids.into_iter().filter_map(|id| {
            let why = told.why.get(&overrides::key(pools, id));
            let why = why.map_or("no operator's word stands any more", String::as_str);
            let (from, to) = (before.endpoint(id).verdict, after.endpoint(id).verdict);
            EndpointTurn::new(id, from, to, why)
        });
        let turned = turned.collect();
        self.changes.tell_endpoints(turned, Cause::Operator, pools);
    }

    fn tell_overridden(&mut self) {
        let told = self.overriding.told(&self.whole.parts.pools);
        self.live.overridden.store(Arc::new(told));
    }

    /// What changed, and with it the parts that pools take.
    fn publish_changes(&mut self, changes: Vec<(EndpointId, EndpointHealth)>) {
        let before = Arc::clone(&self.publisher.current().health);
        let (health, held) = self.with_changes(&before, changes);
        if let Some(health) = health {
            self.publish(Arc::new(health));
        }
        self.hold_down(&held);
    }

    /// `before` with what changed, if anything did, and with the parts that pools take; and who is to stay down.
    fn with_changes(
        &mut self,
        before: &Health,
        changes: Vec<(EndpointId, EndpointHealth)>,
    ) -> (Option<Health>, Vec<EndpointId>) {
        let seen = Seen {
            before,
            whole: &self.whole,
            overriding: &self.overriding,
            now_unix_ms: clock::unix_ms(),
        };
        let (mut changes, held) = self.recovery.look(&seen, changes);
        for (id, health) in &mut changes {
            health.share = health.share.and(self.loading.endpoint_share(*id));
        }
        let mut shares = self.shares_besides_load(&self.seen(before));
        add_shares(&mut shares, self.loading.shares());
        if changes.is_empty() && before.shares() == &shares {
            return (None, held);
        }
        let pools = &self.whole.parts.pools;
        let health = before.with(pools, &changes).with_shares(pools, shares);
        (Some(health), held)
    }

    fn seen<'a>(&'a self, before: &'a Health) -> Seen<'a> {
        Seen {
            before,
            whole: &self.whole,
            overriding: &self.overriding,
            now_unix_ms: clock::unix_ms(),
        }
    }

    /// The parts that pools take by operators' words, and of those that are coming back.
    fn shares_besides_load(&self, seen: &Seen<'_>) -> BTreeMap<PoolId, Share> {
        let mut shares = self.overriding.pool_shares();
        add_shares(&mut shares, self.recovery.pool_shares(seen));
        shares
    }

    /// Keeps down what went down where somebody has to say that it may come back.
    fn hold_down(&mut self, ids: &[EndpointId]) {
        if ids.is_empty() {
            return;
        }
        let pools = &self.whole.parts.pools;
        let order = |&id: &EndpointId| {
            Some(overrides::Order {
                what: overrides::key(pools, id).parse().ok()?,
                action: Action::Down,
                percent: None,
                over_s: None,
                reason: Some("it went down (manual_resume)".to_owned()),
                by: None,
                for_s: None,
            })
        };
        let orders: Vec<_> = ids.iter().filter_map(order).collect();
        let changes = self.overriding.add_all(orders, pools, &self.verdicts);
        self.publish_overridden(changes);
        // What was wrong with that is logged.
        drop(self.overriding.save());
    }

    /// What takes its time goes on.
    fn go_on(&mut self) {
        let pools = &self.whole.parts.pools;
        match self.overriding.go_on(pools, &self.verdicts) {
            Some(changes) => self.publish_overridden(changes),
            None if self.recovery.is_under_way() => self.publish_changes(Vec::new()),
            None => {}
        }
    }

    fn publish(&mut self, health: Arc<Health>) {
        let generation = self.publisher.current().generation + 1;
        self.publisher
            .publish(self.whole.parts.root(generation, health));
    }

    /// What is to be done next. All that changed of endpoints that nobody wrote is one thing, which waits for its time.
    fn next(&mut self, requests: &mut VecDeque<Request>) -> Option<Request> {
        let next = requests.pop_front();
        if next.is_some() || !self.is_unexpanded || clock::now() < self.expand_from {
            return next;
        }
        self.is_unexpanded = false;
        Some(Request::Unwritten)
    }

    fn register(&mut self, order: registrations::Order, reply: JoinedTo) {
        match self.registering.add(order, &self.whole.config) {
            Ok(Done {
                registration,
                changed,
            }) => {
                if changed != registrations::Changed::Nothing {
                    self.follow_registrations();
                }
                self.save_registrations(registration, reply);
            }
            Err(why) => {
                let _ = reply.send(Err(why));
            }
        }
    }

    fn deregister(&mut self, leave: &registrations::Leave, reply: JoinedTo) {
        match self.registering.leave(leave) {
            Ok(registration) => {
                self.follow_registrations();
                self.save_registrations(registration, reply);
            }
            Err(why) => {
                let _ = reply.send(Err(why));
            }
        }
    }

    fn expire_registrations(&mut self) {
        if self.registering.expire() {
            self.follow_registrations();
            // What was wrong with that is logged.
            drop(self.registering.save());
        }
    }

    /// Those that drain do so at once; who joined, left or weighs something else is followed when pools are compiled.
    fn follow_registrations(&mut self) {
        self.is_unexpanded = true;
        let pools = &self.whole.parts.pools;
        let drains = self.registering.drains();
        let changes = self.overriding.give_anew(drains, pools, &self.verdicts);
        self.publish_overridden(changes);
    }

    /// Answers once that is saved, so that who registered knows whether it outlives a restart.
    fn save_registrations(&mut self, registration: Registration, reply: JoinedTo) {
        let saved = self.registering.save();
        tokio::spawn(async move {
            let unsaved = saved.await.unwrap_or_else(|e| Some(e.to_string()));
            let _ = reply.send(Ok(Joined {
                registration,
                unsaved,
            }));
        });
    }

    /// Begins to read again, aside.
    fn start(&mut self, request: Request) -> Work {
        let before = self.whole.clone();
        let preparation = self.verdicts.begin();
        let finishing = self.finishing.take();
        let reading = match request {
            Request::Everything(_) => {
                aside::reload(before.clone(), self.path.clone(), self.adjust.clone())
            }
            Request::Databases => aside::reload_databases(before.clone()),
            Request::Unwritten => {
                let joined = self.registering.joined();
                aside::expand(before.clone(), self.resolving.names.unwritten(joined))
            }
        };
        // The others have the names that there are.
        let is_new = matches!(request, Request::Everything(_));
        let names = Arc::clone(&self.resolving.names);
        let joined = match is_new {
            true => self.registering.joined(),
            false => HashMap::new(),
        };
        let forwarding = self.forwarding.clone();
        let task = tokio::spawn(async move {
            let read = reading.await;
            // Also where reading failed: whoever prepares next is not to be overtaken by it.
            if let Some(finishing) = finishing {
                let _ = finishing.await;
            }
            let (mut whole, warnings) = read?;
            let mut grace = whole.config.server.startup_grace;
            if is_new {
                (whole, grace) = names
                    .expanded(Some(&before.config), whole, joined, grace)
                    .await?;
            }
            let forwarder = whole.config.forwarder.as_ref();
            let addresses = forwarding.prepare(forwarder, &whole.parts.forwarding)?;
            let prepared = preparation.prepare(&before, &whole, grace).await?;
            Ok((whole, (prepared, addresses), warnings))
        });
        Work {
            request,
            began: clock::now(),
            task,
        }
    }

    /// Publishes what was read, or says why not; true when it was published.
    fn take_over(&mut self, request: Request, outcome: Outcome) -> bool {
        if matches!(request, Request::Everything(_)) {
            self.access_logs.reopen();
        }
        let (what, reply) = match request {
            Request::Everything(reply) => ("configuration", Some(reply)),
            Request::Databases => ("geoip databases", None),
            Request::Unwritten => {
                self.lead_elsewhere(outcome);
                return false;
            }
        };
        let told = match outcome {
            Ok((whole, prepared, found)) => {
                log(&found);
                self.warn_of_what_needs_a_restart(&whole.config);
                self.adopt(whole, prepared);
                let zones_in_trouble = self.tell_of_trouble();
                tracing::info!(config = %self.path.display(), "{what} reloaded");
                let mistakes = found.sorted().into_iter().filter(Diagnostic::is_error);
                Ok(Reloaded {
                    zones_in_trouble,
                    mistakes: mistakes.map(|mistake| mistake.to_string()).collect(),
                })
            }
            Err(diagnostics) => {
                log(&diagnostics);
                tracing::error!(
                    config = %self.path.display(),
                    "{what} not reloaded; what was there before serves"
                );
                let mistakes = diagnostics.sorted();
                Err(mistakes.iter().map(ToString::to_string).collect())
            }
        };
        let published = told.is_ok();
        self.resolving.names.follow(&self.whole.config);
        if let Some(reply) = reply {
            // Who asked hears of it once what is gone is asked no more.
            let finishing = self.finishing.take();
            self.finishing = Some(tokio::spawn(async move {
                if let Some(finishing) = finishing {
                    let _ = finishing.await;
                }
                let _ = reply.send(told);
            }));
        }
        published
    }

    /// Publishes who registered and what aliases lead to now. That is in the log already.
    fn lead_elsewhere(&mut self, outcome: Outcome) {
        match outcome {
            Ok((whole, prepared, _)) => {
                if Arc::ptr_eq(&whole.parts.pools, &self.whole.parts.pools) {
                    self.whole = whole;
                } else {
                    self.adopt(whole, prepared);
                }
            }
            Err(diagnostics) => log(&diagnostics),
        }
    }

    fn adopt(&mut self, whole: Whole, (prepared, addresses): (Prepared, Addresses)) {
        // Of endpoints as they are numbered until now.
        self.tell_flips();
        let before = std::mem::replace(&mut self.whole, whole);
        self.loading.adopt(&self.whole);
        self.access_logs.adopt(&self.whole.parts.forwarding.logs);
        self.registering.adopt();
        self.live.world.store(Arc::clone(&self.whole.world));
        let adopted = (self.verdicts).adopt(prepared, &before.parts.pools, &self.whole.parts);
        match adopted {
            Some(health) => {
                let pools = &self.whole.parts.pools;
                self.overriding.adopt(pools);
                self.recovery.adopt(&before.parts.pools, pools);
                let health = self.overriding.imposed(health, pools);
                self.loading.begin_anew();
                let weighed = self.weighed(&health);
                let (changed, _) = self.with_changes(&health, weighed);
                self.publish(Arc::new(changed.unwrap_or(health)));
                self.tell_overridden();
                let (preparation, parts) = (self.verdicts.preparation(), self.whole.parts.clone());
                let finish = move || preparation.finish(&parts);
                self.finishing = Some(tokio::task::spawn_blocking(finish));
            }
            None => self.publish(Arc::clone(&self.publisher.current().health)),
        }
        if let Err(e) = self.forwarding.adopt(addresses) {
            tracing::error!("[forwarder] {e}: requests are taken where they were before");
        }
        self.changes.adopt(&self.whole.parts);
        self.tell_flips();
        let metrics = self.whole.config.metrics.as_ref();
        if let Err(e) = self.exporting.adopt(metrics) {
            tracing::error!("[metrics] listen: {e}; metrics can be read where they could before");
        }
        // Of large data, even the end takes a while.
        aside::free(self.publisher.retire(), before);
    }

    /// Logs which zones are not what their files say, and tells the admin API.
    fn tell_of_trouble(&self) -> Vec<ZoneTrouble> {
        let served = self.whole.parts.served.iter();
        let troubles: Vec<_> = served.filter_map(zone_trouble).collect();
        for trouble in &troubles {
            let ZoneTrouble { zone, mistake, .. } = trouble;
            match &*trouble.state {
                STALE => tracing::error!("zone {zone} keeps its old data: {mistake}"),
                _ => tracing::error!("zone {zone} has no data and answers SERVFAIL: {mistake}"),
            }
            for policy in &trouble.policies_gone {
                tracing::error!(
                    "zone {zone} keeps balanced names of policy {policy}, which is gone: they \
                     answer SERVFAIL"
                );
            }
        }
        let live = &self.live.zones_in_trouble;
        live.store(Arc::new(troubles.clone()));
        troubles
    }

    fn warn_of_what_needs_a_restart(&self, config: &Config) {
        let (old, new) = (&self.started, &config.server);
        let keys = [
            ("listen", old.listen != new.listen),
            ("state_dir", old.state_dir != new.state_dir),
            ("udp_threads", old.udp_threads != new.udp_threads),
            (
                "udp_payload_max",
                old.udp_payload_max != new.udp_payload_max,
            ),
            (
                "tcp_connections_max",
                old.tcp_connections_max != new.tcp_connections_max,
            ),
            (
                "tcp_per_client_max",
                old.tcp_per_client_max != new.tcp_per_client_max,
            ),
            (
                "tcp_idle_timeout",
                old.tcp_idle_timeout != new.tcp_idle_timeout,
            ),
            ("saved_max_age", old.saved_max_age != new.saved_max_age),
            ("drain_time", old.drain_time != new.drain_time),
            ("commands_max", old.commands_max != new.commands_max),
            ("panic", old.panic != new.panic),
        ];
        let changed: Vec<_> = keys.iter().filter(|key| key.1).map(|key| key.0).collect();
        if !changed.is_empty() {
            tracing::warn!(
                "[server] {} changed since the start: that takes a restart",
                changed.join(", ")
            );
        }
        if self.forwarding.needs_restart(config.forwarder.as_ref()) {
            tracing::warn!("[forwarder] threads changed since the start: that takes a restart");
        }
    }

    fn watch(&self) -> Databases {
        if self.whole.stamps.is_empty() {
            return None;
        }
        watch(self.whole.stamps.clone())
            .map_err(|e| {
                tracing::warn!("replaced databases will not be noticed (SIGHUP reloads): {e}");
            })
            .ok()
    }
}

/// Who takes a part for several reasons takes that part of that part.
fn add_shares(shares: &mut BTreeMap<PoolId, Share>, more: BTreeMap<PoolId, Share>) {
    for (id, share) in more {
        let all = shares.entry(id).or_default();
        *all = all.and(share);
    }
}

/// What [`ZoneTrouble::state`] says of a zone that answers from the data that it had.
const STALE: &str = "stale";

fn zone_trouble(served: &ServedZone) -> Option<ZoneTrouble> {
    let trouble = served.trouble.as_ref()?;
    let state = if trouble.has_no_data {
        "no data"
    } else {
        STALE
    };
    Some(ZoneTrouble {
        zone: served.zone.apex.to_string(),
        state: state.to_owned(),
        since_unix_ms: trouble.since_unix_ms,
        mistake: trouble.mistake.clone(),
        policies_gone: trouble.policies_gone.clone(),
    })
}

/// Waits for a database to be replaced.
async fn replaced(databases: &mut Databases) -> Option<()> {
    match databases {
        Some((_, signals)) => signals.recv().await,
        None => std::future::pending().await,
    }
}

/// Waits for the work under way, and takes it.
async fn finished(work: &mut Option<Work>) -> (Request, Duration, Outcome) {
    let outcome = match work {
        Some(work) => (&mut work.task).await,
        None => std::future::pending().await,
    };
    let outcome = outcome.unwrap_or_else(|panic| {
        let mut diagnostics = Diagnostics::new();
        diagnostics.error(
            &Place::file("meridian"),
            format!("internal error: {panic}"),
            None,
        );
        Err(diagnostics)
    });
    match work.take() {
        Some(work) => {
            let took = clock::now().saturating_duration_since(work.began);
            (work.request, took, outcome)
        }
        None => (Request::Databases, Duration::ZERO, outcome),
    }
}

/// Logs mistakes, a line each.
pub fn log(diagnostics: &Diagnostics) {
    for diagnostic in diagnostics.iter() {
        match diagnostic.severity {
            crate::config::Severity::Error => tracing::error!("{diagnostic}"),
            crate::config::Severity::Warning => tracing::warn!("{diagnostic}"),
        }
    }
}
