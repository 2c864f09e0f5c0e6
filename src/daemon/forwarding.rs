//! The forwarder's threads.

use std::net::SocketAddr;
use std::num::NonZero;
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
    let listeners = (0..).zip(&config.listeners);
    let addresses = |(number, listener): (u16, &config::forwarder::Listener)| {
        let addresses = listener.listen.clone();
        addresses.into_iter().map(move |address| (number, address))
    };
    let settings = Settings {
        listen: listeners.flat_map(addresses).collect(),
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
