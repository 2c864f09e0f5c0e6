//! The forwarder's threads, and what they listen on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::hearing::hear;
use crate::config;
use crate::config::{Diagnostics, Place};
use crate::forwarder::{BindError, Bound, Change, Forwarder, Settings};
use crate::health::Engine;
use crate::state::RootReader;
use crate::state::forwarding::Forwarding as Served;

/// How long requests may take to finish when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// The forwarder, if there is one.
#[derive(Clone)]
pub struct Forwarding(Arc<Mutex<State>>);

struct State {
    root: RootReader,
    seed: Option<u64>,
    /// With the number of its threads.
    forwarder: Option<(Forwarder, usize)>,
    /// Tells who probes how requests end.
    hearing: Option<JoinHandle<()>>,
}

/// Addresses that are taken for what was read, before it is published.
pub enum Taken {
    /// For threads that run.
    Change(Change),
    /// For so many that are to be started. `None`: there is nothing to listen on.
    New(Option<Bound>, usize),
}

fn threads(config: Option<&config::Forwarder>) -> usize {
    config.map_or(1, config::Forwarder::thread_count)
}

/// Takes the addresses of threads that do not run yet.
///
/// # Errors
/// With the first that is not to be had.
pub fn take(config: Option<&config::Forwarder>, served: &Served) -> Result<Taken, BindError> {
    let (spots, threads) = (served.spots(), threads(config));
    let bound = (!spots.is_empty()).then(|| Bound::new(&spots, threads));
    Ok(Taken::New(bound.transpose()?, threads))
}

impl Forwarding {
    /// `engine`: who is told how requests end.
    ///
    /// # Errors
    /// In words, when the system gives no threads.
    pub fn start(
        taken: Taken,
        root: &RootReader,
        seed: Option<u64>,
        engine: Option<&Arc<Engine>>,
    ) -> Result<Self, String> {
        let hearing = engine.map(|engine| tokio::spawn(hear(root.clone(), Arc::clone(engine))));
        let forwarding = Forwarding(Arc::new(Mutex::new(State {
            root: root.clone(),
            seed,
            forwarder: None,
            hearing,
        })));
        forwarding.adopt(taken)?;
        Ok(forwarding)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the addresses that a reload brings. Nothing else changes before [`adopt`](Self::adopt).
    ///
    /// # Errors
    /// With the first that is not to be had.
    pub fn prepare(
        &self,
        config: Option<&config::Forwarder>,
        served: &Served,
    ) -> Result<Taken, Diagnostics> {
        let taken = match &self.state().forwarder {
            Some((forwarder, _)) => forwarder.prepare(&served.spots()).map(Taken::Change),
            None => take(config, served),
        };
        taken.map_err(|error| {
            let listeners = config.iter().flat_map(|config| &config.listeners);
            let mut at_fault = listeners.filter(|one| one.listen.contains(&error.address));
            let place = at_fault.next().map(|listener| listener.place.clone());
            let mut diagnostics = Diagnostics::new();
            let place = place.unwrap_or_else(|| Place::file("meridian"));
            diagnostics.error(&place, error.to_string(), None);
            diagnostics
        })
    }

    /// Listens on what was taken, and no longer on what is gone. The root is published already.
    ///
    /// # Errors
    /// In words, when the system gives no threads.
    pub fn adopt(&self, taken: Taken) -> Result<(), String> {
        let mut state = self.state();
        match (taken, &mut state.forwarder) {
            (Taken::Change(change), Some((forwarder, _))) => forwarder.adopt(change),
            // It was stopped meanwhile, or there is none.
            (Taken::Change(_), None) | (Taken::New(None, _), _) => {}
            (Taken::New(Some(bound), threads), _) => {
                let settings = Settings {
                    threads,
                    seed: state.seed,
                };
                let started = Forwarder::start(&settings, &state.root, bound);
                state.forwarder = Some((started.map_err(|e| e.to_string())?, threads));
            }
        }
        Ok(())
    }

    /// Whether `config` wants another number of threads than there are.
    pub fn needs_restart(&self, config: Option<&config::Forwarder>) -> bool {
        let state = self.state();
        let running = state.forwarder.as_ref().map(|forwarder| forwarder.1);
        config.is_some() && running.is_some_and(|running| running != threads(config))
    }

    /// Where requests are taken.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let state = self.state();
        let forwarder = state.forwarder.as_ref();
        forwarder.map_or_else(Vec::new, |forwarder| forwarder.0.addresses())
    }

    /// Lets what is under way finish. Blocks until then.
    pub fn stop(&self) {
        let forwarder = {
            let mut state = self.state();
            state.hearing.iter().for_each(JoinHandle::abort);
            state.forwarder.take()
        };
        if let Some((forwarder, _)) = forwarder {
            forwarder.stop(STOP_GRACE);
        }
    }
}
