//! The forwarder's threads.

use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::hearing::hear;
use crate::config;
use crate::forwarder::{Bound, Forwarder, Settings};
use crate::health::Engine;
use crate::state::RootReader;

/// How long requests may take to finish when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// The forwarder, and where it listens.
pub struct Forwarding {
    forwarder: Forwarder,
    addresses: Vec<SocketAddr>,
    /// Tells who probes how requests end.
    hearing: Option<JoinHandle<()>>,
}

/// Takes the addresses.
pub fn bind(
    config: Option<&config::Forwarder>,
    seed: Option<u64>,
) -> Result<Option<Bound>, String> {
    let Some(config) = config else {
        return Ok(None);
    };
    let threads = config.threads.map_or_else(
        || available_parallelism().map_or(1, NonZero::get),
        usize::from,
    );
    let listeners = config.listeners.iter();
    let settings = Settings {
        listen: listeners
            .flat_map(|listener| listener.listen.clone())
            .collect(),
        threads,
        seed,
    };
    Bound::new(&settings).map(Some).map_err(|e| e.to_string())
}

impl Forwarding {
    /// `engine`: who is told how requests end.
    pub fn start(
        bound: Bound,
        root: &RootReader,
        engine: Option<&Arc<Engine>>,
    ) -> Result<Self, String> {
        let addresses = bound.addresses().to_vec();
        let forwarder = bound.start(root).map_err(|e| e.to_string())?;
        let hearing = engine.map(|engine| tokio::spawn(hear(root.clone(), Arc::clone(engine))));
        Ok(Forwarding {
            forwarder,
            addresses,
            hearing,
        })
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn stop(self) {
        self.forwarder.stop(STOP_GRACE);
        self.hearing.iter().for_each(JoinHandle::abort);
    }
}
