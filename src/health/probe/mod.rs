//! One attempt to learn whether a target works; one file per kind.

mod body;
mod certificate;
mod command;
mod datagram;
mod deadline;
mod dial;
mod dns;
mod file;
mod grpc;
mod handshake;
mod http;
mod icmp;
mod proxy;
mod session;
mod tcp;
mod tls;
mod told;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::failure::Failure;
use super::target::TargetSpec;
use crate::config::{COMMANDS_MAX_DEFAULT, ProbeKind, TcpProbe};
use command::CommandAsker;
use datagram::UdpAsker;
use dns::DnsAsker;
use file::{FileAsker, Files};
use grpc::GrpcAsker;
use handshake::HandshakeAsker;
use http::HttpAsker;
use icmp::IcmpAsker;
use tcp::TcpAsker;

pub use icmp::is_allowed as icmp_is_allowed;
pub use tcp::connect;
use tls::TlsConfigs;
pub use told::Told;

/// What one attempt shows: a success, or why it failed.
pub type Outcome = Result<(), Failure>;

/// An attempt under way; dropping it closes its connection.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// One attempt and the time it took.
#[derive(Clone, Debug)]
pub struct Observation {
    pub outcome: Outcome,
    pub took: Duration,
}

/// Asks one target, again and again. Every attempt ends within the monitor's timeout.
pub trait Ask: Send {
    fn ask(&mut self) -> Asking<'_>;

    /// A permit of these is needed for an attempt, where there are fewer than for all probes.
    fn turns(&self) -> Option<Arc<Semaphore>> {
        None
    }

    /// What the last attempt told of the load, once; nothing where it is not asked for, or the attempt failed.
    fn take_told(&mut self) -> Option<Told> {
        None
    }
}

/// What the probes of a process share; cheap to clone.
#[derive(Clone, Debug)]
pub struct Shared {
    tls: TlsConfigs,
    files: Files,
    /// A permit for each command that may run.
    commands: Arc<Semaphore>,
}

impl Shared {
    /// `commands_max` commands run at a time, at least 1.
    pub fn new(commands_max: usize) -> Self {
        Shared {
            tls: TlsConfigs::default(),
            files: Files::default(),
            commands: Arc::new(Semaphore::new(commands_max.max(1))),
        }
    }

    /// Files are read anew for targets that start from now on.
    pub fn forget(&self) {
        self.tls.forget();
        self.files.forget();
    }
}

impl Default for Shared {
    fn default() -> Self {
        Shared::new(usize::from(COMMANDS_MAX_DEFAULT))
    }
}

/// What asks the target of `spec`.
pub fn asker(spec: &TargetSpec, shared: &Shared) -> Box<dyn Ask> {
    let (address, timeout) = (spec.address, spec.monitor.timeout);
    let tls = || shared.tls.clone();
    match spec.monitor.probe.clone() {
        ProbeKind::Http(probe) => Box::new(HttpAsker::new(address, timeout, probe, tls())),
        ProbeKind::Tls(probe) => Box::new(HandshakeAsker {
            address,
            timeout,
            probe,
            tls: tls(),
        }),
        ProbeKind::Grpc(probe) => Box::new(GrpcAsker {
            address,
            timeout,
            probe,
            tls: tls(),
        }),
        ProbeKind::Dns(probe) => Box::new(DnsAsker::new(address, timeout, probe)),
        ProbeKind::Udp(probe) => Box::new(UdpAsker {
            address,
            timeout,
            probe,
        }),
        ProbeKind::Icmp(source) => Box::new(IcmpAsker::new(address.ip(), timeout, source)),
        ProbeKind::Command(probe) => {
            let running = Arc::clone(&shared.commands);
            Box::new(CommandAsker::new(address, timeout, probe, running))
        }
        ProbeKind::File(probe) => Box::new(FileAsker {
            address: address.ip(),
            timeout,
            probe,
            files: shared.files.clone(),
        }),
        ProbeKind::Tcp(probe) => Box::new(TcpAsker {
            address,
            timeout,
            probe,
        }),
        // A pool without a monitor has no targets.
        ProbeKind::None => Box::new(TcpAsker {
            address,
            timeout,
            probe: TcpProbe::default(),
        }),
    }
}
