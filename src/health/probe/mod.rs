//! One attempt to learn whether a target works; one file per kind.

mod allowance;
mod body;
mod command;
mod datagram;
pub(super) mod deadline;
mod dial;
mod dns;
mod file;
mod grpc;
mod handshake;
mod http;
mod icmp;
mod named;
mod session;
mod tcp;
mod tls;
mod told;
mod whereabouts;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::failure::Failure;
use super::target::{TargetSpec, Whom};
use crate::config::{
    COMMANDS_MAX_DEFAULT, GrpcProbe, HandshakeProbe, HttpProbe, ProbeKind, TcpProbe,
};
use command::CommandAsker;
use datagram::UdpAsker;
use dns::DnsAsker;
use file::{FileAsker, Files};
use grpc::GrpcAsker;
use handshake::HandshakeAsker;
use http::HttpAsker;
use icmp::IcmpAsker;
use named::NamedAsker;
use tcp::TcpAsker;

pub use icmp::is_allowed as icmp_is_allowed;
pub use tcp::connect;
pub use tls::{Alpn, TlsConfigs};
pub use told::Told;
pub use whereabouts::Whereabouts;

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
#[derive(Clone)]
pub struct Shared {
    /// Of targets that are known by name.
    pub whereabouts: Whereabouts,
    tls: TlsConfigs,
    files: Files,
    /// A permit for each command that may run.
    commands: Arc<Semaphore>,
}

impl Shared {
    /// `commands_max` commands run at a time, at least 1.
    pub fn new(commands_max: usize) -> Self {
        Shared {
            whereabouts: Whereabouts::default(),
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
    let timeout = spec.monitor.timeout;
    let probe = known_as(spec.monitor.probe.clone(), &spec.whom);
    match spec.whom {
        Whom::Address(address) => asker_at(address, timeout, probe, shared),
        Whom::Name(..) => {
            let turns = matches!(probe, ProbeKind::Command(_));
            let for_asker = shared.clone();
            Box::new(NamedAsker {
                whom: spec.whom.clone(),
                timeout,
                whereabouts: shared.whereabouts.clone(),
                make: Box::new(move |address| {
                    asker_at(address, timeout, probe.clone(), &for_asker)
                }),
                made: None,
                turns: turns.then(|| Arc::clone(&shared.commands)),
            })
        }
    }
}

/// The probe, which asks a target by its name where it has one and the monitor says no other.
fn known_as(mut probe: ProbeKind, whom: &Whom) -> ProbeKind {
    let Some(name) = whom.name() else {
        return probe;
    };
    let default_port = |tls: &Option<_>| if tls.is_some() { 443 } else { 80 };
    match &mut probe {
        ProbeKind::Http(HttpProbe { host, tls, .. })
        | ProbeKind::Grpc(GrpcProbe { host, tls, .. }) => {
            host.get_or_insert_with(|| whom.host(default_port(tls)));
        }
        ProbeKind::Tls(HandshakeProbe { tls, .. }) => {
            tls.sni.get_or_insert(name);
        }
        _ => {}
    }
    probe
}

fn asker_at(
    address: SocketAddr,
    timeout: Duration,
    probe: ProbeKind,
    shared: &Shared,
) -> Box<dyn Ask> {
    let tls = || shared.tls.clone();
    match probe {
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
        // Of those nobody asks.
        ProbeKind::Calculated(_) | ProbeKind::Push(_) | ProbeKind::None => Box::new(TcpAsker {
            address,
            timeout,
            probe: TcpProbe::default(),
        }),
    }
}
