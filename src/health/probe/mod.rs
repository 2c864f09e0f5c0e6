//! One attempt to learn whether a target works; one file per kind.

mod body;
mod certificate;
mod datagram;
mod deadline;
mod dial;
mod dns;
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
use std::time::Duration;

use super::failure::Failure;
use super::target::TargetSpec;
use crate::config::{ProbeKind, TcpProbe};
use datagram::UdpAsker;
use dns::DnsAsker;
use grpc::GrpcAsker;
use handshake::HandshakeAsker;
use http::HttpAsker;
use icmp::IcmpAsker;
use tcp::TcpAsker;

pub use icmp::is_allowed as icmp_is_allowed;
pub use tcp::connect;
pub use tls::TlsConfigs;
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

    /// What the last attempt told of the load, once; nothing where it is not asked for, or the attempt failed.
    fn take_told(&mut self) -> Option<Told> {
        None
    }
}

/// What asks the target of `spec`.
pub fn asker(spec: &TargetSpec, tls: &TlsConfigs) -> Box<dyn Ask> {
    let (address, timeout) = (spec.address, spec.monitor.timeout);
    match spec.monitor.probe.clone() {
        ProbeKind::Http(probe) => Box::new(HttpAsker::new(address, timeout, probe, tls.clone())),
        ProbeKind::Tls(probe) => Box::new(HandshakeAsker {
            address,
            timeout,
            probe,
            tls: tls.clone(),
        }),
        ProbeKind::Grpc(probe) => Box::new(GrpcAsker {
            address,
            timeout,
            probe,
            tls: tls.clone(),
        }),
        ProbeKind::Dns(probe) => Box::new(DnsAsker::new(address, timeout, probe)),
        ProbeKind::Udp(probe) => Box::new(UdpAsker {
            address,
            timeout,
            probe,
        }),
        ProbeKind::Icmp(source) => Box::new(IcmpAsker::new(address.ip(), timeout, source)),
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
