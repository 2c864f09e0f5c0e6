//! Where `/metrics` is answered, as `[metrics]` says by now.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use prometheus_client::registry::Registry;

use crate::admin::Live;
use crate::config::Metrics;
use crate::telemetry::Exporter;

pub struct Exporting {
    registry: Arc<Registry>,
    live: Arc<Live>,
    /// What was asked for, and what came of it.
    running: Option<(SocketAddr, Exporter)>,
}

impl Exporting {
    /// Nowhere yet.
    pub fn new(registry: Registry, live: Arc<Live>) -> Self {
        Exporting {
            registry: Arc::new(registry),
            live,
            running: None,
        }
    }

    /// From now on there, or nowhere. Must be called in a Tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be taken; then it stays where it is.
    pub fn adopt(&mut self, metrics: Option<&Metrics>) -> io::Result<()> {
        let listen = metrics.map(|metrics| metrics.listen);
        let asked_for = self.running.as_ref().map(|(listen, _)| *listen);
        if listen == asked_for {
            return Ok(());
        }
        let start = |listen| {
            let exporter = Exporter::start(listen, Arc::clone(&self.registry))?;
            tracing::info!(listen = %exporter.address(), "metrics can be read");
            Ok::<_, io::Error>((listen, exporter))
        };
        self.running = listen.map(start).transpose()?;
        let address = self
            .running
            .as_ref()
            .map(|(_, exporter)| exporter.address());
        self.live.metrics.store(Arc::new(address));
        Ok(())
    }
}
