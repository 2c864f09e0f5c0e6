//! The loop that owns the write half of the root.
//!
//! It never waits for a file to be read, a map to be compiled or a new target to be asked: that is
//! [`Work`], a task whose result it takes over when it is there. Meanwhile verdicts are published
//! and a stop is a stop.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::changes::{Changes, EndpointTurn};
use super::exporting::Exporting;
use super::lagging::{Lagging, Uncounting};
use super::limiting::Limiting;
use super::loading::Loading;
use super::overriding::Overriding;
use super::preparation::Prepared;
use super::recovery::{Recovery, Seen};
use super::resolving::Resolving;
use super::verdicts::Verdicts;
use super::webhook::Mail;
use super::{Notice, aside};
use crate::admin::health::Cause;
use crate::admin::{Command, Live, Reloaded, Said, Standing, Taken, Which, ZoneTrouble};
use crate::clock;
use crate::compile::{Adjust, ServedZone, Whole};
use crate::config::{Diagnostic, Diagnostics, Place, Server};
use crate::geoip::watch::{Watcher, watch};
use crate::model::{EndpointId, PoolId, Share, Verdict};
use crate::overrides::{self, Action};
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
    pub resolving: Resolving,
    pub notices: Option<mpsc::UnboundedSender<Notice>>,
    pub changes: Changes,
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

/// Reloads that wait for the one under way; more are refused.
const REQUESTS_MAX: usize = 16;

/// Reading again, for one reason.
enum Request {
    /// Everything; somebody waits for the outcome.
    Everything(oneshot::Sender<Result<Reloaded, Vec<String>>>),
    /// Databases and feeds: one was replaced.
    Databases,
    /// Nothing: names that pools have as aliases lead elsewhere.
    Aliases,
}

/// What reading again came to.
type Outcome = Result<(Whole, Prepared, Diagnostics), Diagnostics>;

/// A request being worked on.
struct Work {
    request: Request,
    task: JoinHandle<Outcome>,
}

/// Who waits for what came of an operator's word.
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
        let mut requests = VecDeque::new();
        let mut work: Option<Work> = None;
        loop {
            if work.is_none() {
                work = requests.pop_front().map(|request| self.start(request));
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
                    Command::Loads(reply) => {
                        let _ = reply.send(self.loading.told(&self.whole));
                    }
                },
                Some(()) = replaced(&mut databases) => requests.push_back(Request::Databases),
                () = self.resolving.changed() => {
                    // One for all that changed before it begins.
                    if !requests.iter().any(|request| matches!(request, Request::Aliases)) {
                        requests.push_back(Request::Aliases);
                    }
                }
                (request, outcome) = finished(&mut work) => {
                    let stamps = self.whole.stamps.clone();
                    let published = self.take_over(request, outcome);
                    if published && (databases.is_none() || self.whole.stamps != stamps) {
                        // It compares with what was read, so that no replacement is lost.
                        databases = self.watch();
                        requests.retain(|request| !matches!(request, Request::Databases));
                    }
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
                    self.go_on();
                    self.shed();
                }
            }
        }
        if let Some(work) = work {
            work.task.abort();
        }
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
        let pools = &self.whole.parts.pools;
        let health = Arc::clone(&self.publisher.current().health);
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
            Request::Aliases => aside::expand(before.clone(), self.resolving.names.addresses()),
        };
        // The others have the names that there are.
        let is_new = matches!(request, Request::Everything(_));
        let names = Arc::clone(&self.resolving.names);
        let task = tokio::spawn(async move {
            let read = reading.await;
            // Also where reading failed: whoever prepares next is not to be overtaken by it.
            if let Some(finishing) = finishing {
                let _ = finishing.await;
            }
            let (mut whole, warnings) = read?;
            let mut grace = whole.config.server.startup_grace;
            if is_new {
                (whole, grace) = names.expanded(Some(&before.config), whole, grace).await?;
            }
            let prepared = preparation.prepare(&before, &whole, grace).await?;
            Ok((whole, prepared, warnings))
        });
        Work { request, task }
    }

    /// Publishes what was read, or says why not; true when it was published.
    fn take_over(&mut self, request: Request, outcome: Outcome) -> bool {
        let (what, reply) = match request {
            Request::Everything(reply) => ("configuration", Some(reply)),
            Request::Databases => ("geoip databases", None),
            Request::Aliases => {
                self.lead_elsewhere(outcome);
                return false;
            }
        };
        let told = match outcome {
            Ok((whole, prepared, found)) => {
                log(&found);
                self.warn_of_what_needs_a_restart(&whole.config.server);
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

    /// Publishes what aliases lead to now. That is in the log already.
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

    fn adopt(&mut self, whole: Whole, prepared: Prepared) {
        // Of endpoints as they are numbered until now.
        self.tell_flips();
        let before = std::mem::replace(&mut self.whole, whole);
        self.loading.adopt(&self.whole);
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

    fn warn_of_what_needs_a_restart(&self, new: &Server) {
        let old = &self.started;
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
async fn finished(work: &mut Option<Work>) -> (Request, Outcome) {
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
        Some(work) => (work.request, outcome),
        None => (Request::Databases, outcome),
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
