//! The forwarder's threads.

use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use crate::config;
use crate::forwarder::{Bound, Forwarder, Settings};
use crate::state::RootReader;

/// How long requests may take to finish when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// The forwarder, and where it listens.
pub struct Forwarding {
    forwarder: Forwarder,
    addresses: Vec<SocketAddr>,
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
            .flat_map(|listener| {
                let name: Arc<str> = listener.name.as_str().into();
                let addresses = listener.listen.iter();
                addresses.map(move |address| (Arc::clone(&name), *address))
            })
            .collect(),
        threads,
        seed,
    };
    Bound::new(&settings).map(Some).map_err(|e| e.to_string())
}

impl Forwarding {
    pub fn start(bound: Bound, root: &RootReader) -> Result<Self, String> {
        let addresses = bound.addresses().to_vec();
        let forwarder = bound.start(root).map_err(|e| e.to_string())?;
        Ok(Forwarding {
            forwarder,
            addresses,
        })
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn stop(self) {
        self.forwarder.stop(STOP_GRACE);
    }
}
