//! The answer engine, and the transports that call it.
//!
//! [`answer`] is the engine: bytes in, bytes out. [`udp`] and [`tcp`] frame it. [`Nameserver`]
//! starts and stops the threads that they run on.

pub mod access;
pub mod answer;
mod bind;
mod chaos;
mod explaining;
mod options;
mod rate_limit;
mod respond;
pub mod tcp;
#[cfg(test)]
pub(crate) mod tests;
pub mod udp;
mod unparsed;
mod vital;

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;

use crate::dns::UDP_PAYLOAD_MIN;
use crate::random::Random;
use crate::state::RootReader;
use crate::state::feedback::{Counters, SampleQueue};
use answer::Worker;
pub use bind::BindError;
pub use explaining::Explainer;
use vital::Vital;

/// What a [`Nameserver`] listens on, and within which limits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For UDP and TCP. Port 0 takes a port that is free for both.
    pub listen: Vec<SocketAddr>,
    /// UDP threads per listen address; at least one. `None`: one per core.
    pub udp_threads: Option<u16>,
    /// Largest UDP answer in octets; less than 512 counts as 512.
    pub udp_payload_max: u16,
    pub tcp: tcp::Limits,
    /// Makes the draws repeatable. `None`: seeded from the operating system.
    pub seed: Option<u64>,
    /// Where workers leave samples, if anybody watches.
    pub samples: Option<Arc<SampleQueue>>,
}

impl Settings {
    /// Every client takes 512 octets (RFC 1035, 2.3.4).
    fn payload_max(&self) -> u16 {
        self.udp_payload_max.max(UDP_PAYLOAD_MIN)
    }
}

/// A running nameserver. When it is dropped its threads end soon, without having been waited for;
/// [`stop`](Self::stop) waits.
pub struct Nameserver {
    local_addrs: Vec<SocketAddr>,
    counters: Vec<Arc<Counters>>,
    explainer: Option<Arc<dyn Explainer>>,
    stop: watch::Sender<Option<tcp::Drain>>,
    threads: Vec<JoinHandle<()>>,
}

/// Addresses taken, but nothing answered yet: queries that arrive wait in the sockets' buffers.
pub struct Bound {
    settings: Settings,
    explainer: Option<Arc<dyn Explainer>>,
    local_addrs: Vec<SocketAddr>,
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
}

impl Bound {
    /// The addresses that were taken, in the order of [`Settings::listen`], with the real ports.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// Has explanations told by `explainer`, where they may be asked for.
    pub fn explained_by(mut self, explainer: Arc<dyn Explainer>) -> Self {
        self.explainer = Some(explainer);
        self
    }

    /// Starts to answer, out of what `root` reads.
    ///
    /// # Errors
    /// When a thread cannot be started. Those that were end again.
    pub fn start(self, root: RootReader) -> io::Result<Nameserver> {
        let mut nameserver = Nameserver {
            local_addrs: self.local_addrs,
            counters: Vec::new(),
            explainer: self.explainer,
            stop: watch::Sender::new(None),
            threads: Vec::new(),
        };
        for socket in self.udp {
            nameserver.start_udp(socket, &self.settings, root.clone())?;
        }
        let tcp = tcp::Server::new(self.tcp, self.settings.tcp, self.settings.payload_max())?;
        nameserver.start_tcp(tcp, &self.settings, root)?;
        Ok(nameserver)
    }
}

impl Nameserver {
    /// Takes all addresses.
    ///
    /// # Errors
    /// When one cannot be taken: which, for which transport, why, and what helps.
    pub fn bind(settings: Settings) -> Result<Bound, BindError> {
        let threads = settings.udp_threads.map_or_else(cores, usize::from).max(1);
        let mut local_addrs = Vec::new();
        let (mut udp, mut tcp) = (Vec::new(), Vec::new());
        for &address in &settings.listen {
            let sockets = bind::bind(address, threads)?;
            local_addrs.push(sockets.address);
            udp.extend(sockets.udp);
            tcp.push(sockets.tcp);
        }
        Ok(Bound {
            settings,
            explainer: None,
            local_addrs,
            udp,
            tcp,
        })
    }

    fn start_udp(
        &mut self,
        socket: UdpSocket,
        settings: &Settings,
        root: RootReader,
    ) -> io::Result<()> {
        let worker = self.new_worker(settings, false);
        let payload_max = settings.payload_max();
        let stop = self.stop.subscribe();
        let name = format!("udp-{}", self.threads.len());
        self.start_thread(name, move || {
            // Made here, so that its buffers lie in memory near the core that uses them.
            udp::Server::new(socket, worker, root, payload_max).run(&stop);
        })
    }

    fn start_tcp(
        &mut self,
        server: tcp::Server,
        settings: &Settings,
        root: RootReader,
    ) -> io::Result<()> {
        let worker = self.new_worker(settings, true);
        let stop = self.stop.subscribe();
        self.start_thread("tcp".into(), move || server.run(worker, root, stop))
    }

    fn start_thread(
        &mut self,
        name: String,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let vital_run = || {
            let _vital = Vital;
            run();
        };
        self.threads
            .push(thread::Builder::new().name(name).spawn(vital_run)?);
        Ok(())
    }

    fn new_worker(&mut self, settings: &Settings, is_tcp: bool) -> Worker {
        let index = self.counters.len() as u64;
        let random = match settings.seed {
            Some(seed) => Random::from_seed(seed.wrapping_add(index)),
            None => Random::from_os(),
        };
        let mut worker = Worker::new(random, settings.samples.clone());
        worker.explainer.clone_from(&self.explainer);
        worker.counters = Arc::new(Counters {
            is_tcp,
            ..Counters::default()
        });
        self.counters.push(Arc::clone(&worker.counters));
        worker
    }

    /// The addresses that were taken, in the order of [`Settings::listen`], with the real ports.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// Of every thread; each has one writer, and a sum over them is the server's.
    pub fn counters(&self) -> &[Arc<Counters>] {
        &self.counters
    }

    /// Stops, and waits for the threads to end. Queries that have arrived are still answered; TCP
    /// connections that have not got theirs within `drain` are cut.
    pub fn stop(self, drain: Duration) {
        self.stop.send_replace(Some(drain));
        for thread in self.threads {
            // None has panicked: that would have ended the process.
            let _ = thread.join();
        }
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
