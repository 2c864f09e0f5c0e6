//! One attempt to learn whether a target works; one file per kind.

mod body;
mod http;
mod tcp;
mod tls;
mod told;
mod whereabouts;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::failure::Failure;
use super::target::TargetSpec;
use crate::config::ProbeKind;

pub use http::HttpAsker;
pub use tcp::{TcpAsker, connect};
pub use tls::TlsConfigs;
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

    /// What the last attempt told of the load, once; nothing where it is not asked for, or the attempt failed.
    fn take_told(&mut self) -> Option<Told> {
        None
    }
}

/// What asks the target of `spec`.
pub fn asker(spec: &TargetSpec, tls: &TlsConfigs, whereabouts: &Whereabouts) -> Box<dyn Ask> {
    let whereabouts = whereabouts.clone();
    match &spec.monitor.probe {
        ProbeKind::Http(probe) => Box::new(HttpAsker::new(
            spec,
            probe.clone(),
            tls.clone(),
            whereabouts,
        )),
        ProbeKind::Tcp | ProbeKind::Calculated(_) | ProbeKind::Push(_) | ProbeKind::None => {
            Box::new(TcpAsker::new(spec, whereabouts))
        }
    }
}
