//! The composition root: the only module that sees both planes whole.
//!
//! [`Daemon::start`] reads the configuration, takes the addresses, asks every endpoint once, and
//! then answers. From there on one control loop owns the write half of the root: verdicts, reloads,
//! replaced databases and names that lead elsewhere reach it as messages and leave it as publications.

mod access_logs;
mod announcer;
mod aside;
mod changes;
mod control;
mod explaining;
mod exporting;
mod forwarded;
#[cfg_attr(not(feature = "forwarder"), path = "no_forwarding.rs")]
mod forwarding;
#[cfg(feature = "forwarder")]
mod hearing;
mod lagging;
mod least;
mod limiting;
mod loading;
mod look;
mod measuring;
mod observing;
mod overriding;
mod postage;
mod preparation;
mod recovery;
mod registering;
mod resolving;
mod spilling;
mod verdicts;
mod watching;
mod webhook;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::admin::health::History;
use crate::admin::{self, Command, Live, Reloaded, Socket};
use crate::clock;
use crate::compile::Adjust;
use crate::config::Diagnostics;
use crate::model::Verdict;
use crate::nameserver::{self, BindError, Nameserver};
use crate::state::feedback::{Counters, SampleQueue};
use crate::state::{Publisher, RootReader};
use access_logs::AccessLogs;
use changes::Changes;
pub use control::log;
use control::{Control, Order};
use explaining::Told;
use exporting::Exporting;
use forwarded::Forwarded;
use forwarding::Forwarding;
use lagging::{Lagging, Uncounting};
use limiting::Limiting;
use loading::Loading;
use overriding::Overriding;
use recovery::Recovery;
use registering::Registering;
use resolving::Resolving;
use verdicts::Verdicts;
use webhook::Mail;

/// How to start.
#[derive(Default)]
pub struct Settings {
    pub config: PathBuf,
    /// Changes what was read, at the start and at every reload.
    pub adjust: Option<Box<Adjust>>,
    pub health: HealthSource,
    /// Makes draws repeatable.
    pub seed: Option<u64>,
    /// Where steered answers are reported.
    pub samples: Option<Arc<SampleQueue>>,
    /// Who is told about changes.
    pub notices: Option<mpsc::UnboundedSender<Notice>>,
}

/// Where verdicts come from.
#[derive(Clone, Debug, Default)]
pub enum HealthSource {
    /// Endpoints are probed.
    #[default]
    Probes,
    /// From a file (all unknown, without one) and from [`Daemon::set_verdict`]; nothing is probed.
    Frozen(Option<PathBuf>),
}

/// What changed, for those who watch.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Region and destination of each endpoint that the change is about.
    pub endpoints: Vec<(String, String)>,
    pub verdict: Verdict,
    /// In words: "2 of 2 failed: bad status 503".
    pub reason: String,
}

/// Why there is no daemon.
#[derive(Debug)]
pub enum StartError {
    /// The configuration, or a file that it names.
    Config(Diagnostics),
    /// An address to listen on.
    Bind(BindError),
    /// A thread, the admin socket, the state folder: in words.
    System(String),
}

/// A running server.
pub struct Daemon {
    nameserver: Nameserver,
    orders: mpsc::Sender<Order>,
    commands: mpsc::Sender<Command>,
    control: JoinHandle<()>,
    admin: Option<(Socket, JoinHandle<()>)>,
    forwarding: Forwarding,
    live: Arc<Live>,
    drain_time: Duration,
}

impl Daemon {
    /// Starts everything; when it returns, queries are answered.
    ///
    /// # Errors
    /// Nothing runs then.
    pub async fn start(settings: Settings) -> Result<(Daemon, Diagnostics), StartError> {
        let Settings {
            config: path,
            adjust,
            health,
            seed,
            samples,
            notices,
        } = settings;
        let adjust: Option<Arc<Adjust>> = adjust.map(Arc::from);
        // A descriptor per TCP connection and per probe: the usual soft limit of 1,024 is no limit that
        // anybody chose.
        let files_max = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
        let (whole, warnings) = aside::load(path.clone(), adjust.clone())
            .await
            .map_err(StartError::Config)?;
        let server = &whole.config.server;
        let mut nameserver_settings = nameserver_settings(server, seed, samples);
        keep_descriptors(&mut nameserver_settings.tcp, files_max);
        let bound = Nameserver::bind(nameserver_settings).map_err(StartError::Bind)?;
        let forwarder = whole.config.forwarder.as_ref();
        let taken = forwarding::take(forwarder, &whole.parts.forwarding)
            .map_err(|e| StartError::System(e.to_string()))?;
        // Before the verdicts that are saved there are read: they may be another server's.
        let admin = claim(server.state_dir.as_deref()).map_err(StartError::System)?;
        let registering =
            Registering::open(server.state_dir.as_deref()).map_err(StartError::System)?;
        let resolving = Resolving::start();
        let grace = whole.config.server.startup_grace;
        let joined = registering.joined();
        let expanding = resolving.names.expanded(None, whole, joined, grace);
        let (whole, grace) = expanding.await.map_err(StartError::Config)?;
        let server = &whole.config.server;
        let verdicts = Verdicts::start(&whole, &health, grace)
            .await
            .map_err(StartError::Config)?;
        let pools = &whole.parts.pools;
        let mut overriding =
            Overriding::open(server.state_dir.as_deref(), pools).map_err(StartError::System)?;
        overriding.give(registering.drains(), pools);
        let health = overriding.imposed(verdicts.health(pools), pools);
        let health = health.with_shares(pools, overriding.pool_shares());
        let publisher = Publisher::new(whole.parts.root(1, Arc::new(health)));
        let root = publisher.reader();
        let (commands, command_queue) = mpsc::channel(16);
        let history = Arc::<History>::default();
        let live = Arc::new(Live {
            root: root.clone(),
            world: ArcSwap::from(Arc::clone(&whole.world)),
            zones_in_trouble: ArcSwap::default(),
            overridden: ArcSwap::from_pointee(overriding.told(pools)),
            shed: ArcSwap::default(),
            reports: ArcSwap::default(),
            config_path: path.clone(),
            listening: bound.local_addrs().to_vec(),
            verdicts: verdicts.source(),
            health: verdicts.teller(),
            history: Arc::clone(&history),
            metrics: ArcSwap::default(),
            commands: commands.clone(),
            counters: OnceLock::new(),
        });
        let admin = admin.map(|(socket, listener)| (socket, serve_admin(listener, &live)));
        let nameserver = bound
            .explained_by(Arc::new(Told(Arc::clone(&live))))
            .start(root)
            .map_err(|e| StartError::System(e.to_string()))?;
        let _ = live.counters.set(nameserver.counters().to_vec());
        let forwarding = Forwarding::start(taken, &live.root, seed, verdicts.engine())
            .map_err(StartError::System)?;
        let drain_time = server.drain_time;
        let (orders, order_queue) = mpsc::channel(16);
        let (postbox, mail) = Mail::start(server.state_dir.as_deref(), &whole.parts.webhook);
        let changes = Changes::new(history, postbox);
        let registry = measuring::registry(measuring::Sources {
            live: Arc::clone(&live),
            engine: verdicts.engine().cloned(),
            turned: changes.turned.clone(),
            postbox: Arc::clone(&changes.postbox),
        });
        let mut exporting = Exporting::new(registry, Arc::clone(&live));
        let metrics = whole.config.metrics.as_ref();
        exporting
            .adopt(metrics)
            .map_err(|e| StartError::System(format!("[metrics] listen: {e}")))?;
        let mut access_logs = AccessLogs::default();
        access_logs.adopt(&whole.parts.forwarding.logs);
        let live_too = Arc::clone(&live);
        let control = Control {
            path,
            adjust,
            loading: Loading::new(&whole),
            registering,
            forwarded: Forwarded::default(),
            access_logs,
            resolving,
            expand_from: clock::now(),
            is_unexpanded: false,
            started: whole.config.server.clone(),
            whole,
            publisher,
            verdicts,
            overriding,
            recovery: Recovery::default(),
            notices,
            changes,
            forwarding: forwarding.clone(),
            exporting,
            lagging: Lagging::default(),
            uncounting: Uncounting::default(),
            mail,
            live: live_too,
            limiting: Limiting::new(nameserver.counters().to_vec()),
            finishing: None,
        };
        let control = tokio::spawn(control.run(order_queue, command_queue));
        let daemon = Daemon {
            nameserver,
            orders,
            commands,
            control,
            admin,
            forwarding,
            live,
            drain_time,
        };
        Ok((daemon, warnings))
    }

    /// Where requests are taken, with the ports that were really taken.
    pub fn forwarding(&self) -> Vec<SocketAddr> {
        self.forwarding.addresses()
    }

    /// Where it listens, with the ports that were really taken.
    pub fn listening(&self) -> &[SocketAddr] {
        &self.live.listening
    }

    /// What it answers from.
    pub fn root(&self) -> RootReader {
        self.live.root.clone()
    }

    /// One set of counters per worker.
    pub fn counters(&self) -> &[Arc<Counters>] {
        self.nameserver.counters()
    }

    /// Reads the configuration again. A zone whose file has mistakes is in the result, and goes on as it
    /// is; all else is taken over.
    ///
    /// # Errors
    /// Every mistake, a line each, where one is not in a zone file; the old configuration goes on
    /// serving.
    pub async fn reload(&self) -> Result<Reloaded, Vec<String>> {
        let (reply, outcome) = oneshot::channel();
        let stopping = || vec!["the server is stopping".to_owned()];
        self.commands
            .send(Command::Reload(reply))
            .await
            .map_err(|_| stopping())?;
        outcome.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Asks for a reload without waiting for it; what comes of it is logged.
    pub fn request_reload(&self) {
        let (reply, _) = oneshot::channel();
        if self.commands.try_send(Command::Reload(reply)).is_err() {
            tracing::warn!("too many reloads are waiting: this one is left out");
        }
    }

    /// Waits for what should never happen: the end of the control loop before it was told to stop.
    pub async fn failed(&mut self) {
        let _ = (&mut self.control).await;
    }

    /// Sets the verdict of every endpoint that `which` names: an address, a pool, or `pool/address`.
    /// Only where health is frozen.
    ///
    /// # Errors
    /// In words, when `which` names nothing or endpoints are probed.
    pub async fn set_verdict(&self, which: &str, verdict: Verdict) -> Result<(), String> {
        let (reply, outcome) = oneshot::channel();
        let order = Order::SetVerdict {
            which: which.to_owned(),
            verdict,
            reply,
        };
        let stopping = || "the server is stopping".to_owned();
        self.orders.send(order).await.map_err(|_| stopping())?;
        outcome.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Stops: answers go on for the configured `drain_time`, then what is queued is answered, state
    /// is saved, and everything ends.
    pub async fn stop(self) {
        tokio::time::sleep(self.drain_time).await;
        if let Some((socket, task)) = self.admin {
            task.abort();
            drop(socket);
        }
        let nameserver = self.nameserver;
        let forwarding = self.forwarding;
        let _ = tokio::task::spawn_blocking(move || forwarding.stop()).await;
        let _ = tokio::task::spawn_blocking(move || nameserver.stop(STOP_GRACE)).await;
        let _ = self.orders.send(Order::Stop).await;
        let _ = self.control.await;
    }
}

/// How long connections may take to finish when the server stops.
const STOP_GRACE: Duration = Duration::from_millis(500);

fn nameserver_settings(
    server: &crate::config::Server,
    seed: Option<u64>,
    samples: Option<Arc<SampleQueue>>,
) -> nameserver::Settings {
    nameserver::Settings {
        listen: server.listen.clone(),
        udp_threads: server.udp_threads,
        udp_payload_max: server.udp_payload_max,
        tcp: nameserver::tcp::Limits {
            connections_max: server.tcp_connections_max,
            per_client_max: server.tcp_per_client_max,
            idle_timeout: server.tcp_idle_timeout,
        },
        seed,
        samples,
    }
}

/// Leaves descriptors for probes, databases and sockets: a quarter, and no more than 1,024. Without
/// them, whoever opens enough connections would make every endpoint look down.
fn keep_descriptors(limits: &mut nameserver::tcp::Limits, files_max: u64) {
    let room = files_max - (files_max / 4).min(1024);
    let room = u32::try_from(room).unwrap_or(u32::MAX).max(1);
    if room < limits.connections_max {
        tracing::warn!(
            "`tcp_connections_max` is {}, but only {files_max} files may be open: \
             there will be {room} connections at most (raise LimitNOFILE, or `ulimit -Hn`)",
            limits.connections_max
        );
        limits.connections_max = room;
    }
}

/// Takes the state folder for this server alone, with the admin socket in it.
fn claim(state_dir: Option<&Path>) -> Result<Option<(Socket, UnixListener)>, String> {
    let Some(state_dir) = state_dir else {
        return Ok(None);
    };
    let say = |e: std::io::Error| format!("state_dir {}: {e}", state_dir.display());
    std::fs::create_dir_all(state_dir).map_err(say)?;
    Socket::bind(state_dir).map(Some).map_err(say)
}

fn serve_admin(listener: UnixListener, live: &Arc<Live>) -> JoinHandle<()> {
    let router = admin::router(Arc::clone(live));
    tokio::spawn(async move {
        if let Err(e) = axum::serve(listener, router).await {
            tracing::error!("the admin socket failed: {e}");
        }
    })
}
