//! The loop that owns the write half of the root.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Notice;
use super::verdicts::Verdicts;
use crate::admin::{Command, Live};
use crate::compile::{self, Adjust, Whole};
use crate::config::Diagnostics;
use crate::geoip;
use crate::model::Verdict;
use crate::state::health::Health;
use crate::state::{Publisher, pools};

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
    pub publisher: Publisher,
    pub verdicts: Verdicts,
    pub notices: Option<mpsc::UnboundedSender<Notice>>,
    pub live: Arc<Live>,
}

/// How often retired roots are looked at.
const SWEEP: Duration = Duration::from_secs(1);

impl Control {
    /// Runs until it is told to stop, or its owner is gone.
    pub async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut commands: mpsc::Receiver<Command>,
    ) {
        let mut databases = self.watch();
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            let pools = Arc::clone(&self.whole.parts.pools);
            tokio::select! {
                changes = self.verdicts.changed(&pools, self.notices.as_ref()) => {
                    self.publish_changes(&pools, &changes);
                }
                order = orders.recv() => match order {
                    Some(Order::SetVerdict { which, verdict, reply }) => {
                        let changes = self.verdicts.set(&pools, &which, verdict);
                        let _ = reply.send(changes.map(|changes| self.publish_changes(&pools, &changes)));
                    }
                    Some(Order::Stop) | None => break,
                },
                Some(Command::Reload(reply)) = commands.recv() => {
                    let outcome = self.reload().await;
                    if outcome.is_ok() {
                        databases = self.watch();
                    }
                    let _ = reply.send(outcome);
                }
                Some(()) = replaced(&mut databases) => self.reload_databases().await,
                _ = sweep.tick() => self.publisher.sweep(),
            }
        }
        self.verdicts.stop();
    }

    fn publish_changes(
        &mut self,
        pools: &pools::Pools,
        changes: &[(crate::model::EndpointId, crate::state::EndpointHealth)],
    ) {
        let current = self.publisher.current();
        let health = current.health.with(pools, changes);
        self.publish(health);
    }

    fn publish(&mut self, health: Health) {
        let generation = self.publisher.current().generation + 1;
        self.publisher
            .publish(self.whole.parts.root(generation, Arc::new(health)));
    }

    /// Reads everything again; all or nothing.
    async fn reload(&mut self) -> Result<(), Vec<String>> {
        let loaded = super::load(self.path.clone(), self.adjust.clone()).await;
        let followed = loaded.and_then(|(whole, warnings)| {
            self.verdicts.follow(&whole)?;
            Ok((whole, warnings))
        });
        match followed {
            Ok((whole, warnings)) => {
                log(&warnings);
                self.warn_of_what_needs_a_restart(&whole);
                self.whole = whole;
                self.live.world.store(Arc::clone(&self.whole.world));
                let health = self.verdicts.health(&self.whole.parts.pools);
                self.publish(health);
                tracing::info!(config = %self.path.display(), "reloaded");
                Ok(())
            }
            Err(diagnostics) => {
                log(&diagnostics);
                tracing::error!(config = %self.path.display(), "not reloaded; the old configuration serves");
                Err(diagnostics
                    .sorted()
                    .iter()
                    .map(ToString::to_string)
                    .collect())
            }
        }
    }

    fn warn_of_what_needs_a_restart(&self, new: &Whole) {
        let (old, new) = (&self.whole.config.server, &new.config.server);
        if old.listen != new.listen
            || old.state_dir != new.state_dir
            || old.udp_threads != new.udp_threads
        {
            tracing::warn!("listen, udp_threads and state_dir change at a restart only");
        }
    }

    /// Reads the databases and feeds again; zones and verdicts stay as they are.
    async fn reload_databases(&mut self) {
        let Whole { config, parts, .. } = self.whole.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut diagnostics = Diagnostics::new();
            let world = geoip::load(&config, &mut diagnostics);
            if diagnostics.has_errors() {
                return Err(diagnostics);
            }
            let parts = compile::recompile_maps(&config, &world, &parts)?;
            Ok((world, parts))
        });
        match read.await {
            Ok(Ok((world, parts))) => {
                self.whole.world = Arc::new(world);
                self.whole.parts = parts;
                self.live.world.store(Arc::clone(&self.whole.world));
                let health = self.verdicts.health(&self.whole.parts.pools);
                self.publish(health);
                tracing::info!("geoip databases reloaded");
            }
            Ok(Err(diagnostics)) => {
                log(&diagnostics);
                tracing::error!("geoip databases not reloaded; the old ones serve");
            }
            Err(panic) => tracing::error!("geoip databases not reloaded: {panic}"),
        }
    }

    fn watch(&self) -> Option<(geoip::watch::Watcher, mpsc::Receiver<()>)> {
        let geoip = &self.whole.config.geoip;
        let paths: Vec<_> = geoip
            .databases
            .iter()
            .chain(&geoip.feeds)
            .map(|path| path.value.clone())
            .collect();
        if paths.is_empty() {
            return None;
        }
        geoip::watch::watch(paths)
            .map_err(|e| {
                tracing::warn!("replaced databases will not be noticed (SIGHUP reloads): {e}")
            })
            .ok()
    }
}

/// Waits for a database to be replaced.
async fn replaced(watch: &mut Option<(geoip::watch::Watcher, mpsc::Receiver<()>)>) -> Option<()> {
    match watch {
        Some((_, signals)) => signals.recv().await,
        None => std::future::pending().await,
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
