//! The TCP probe: connects, and that is all.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use super::{Ask, Asking, Outcome, Whereabouts};
use crate::clock;
use crate::health::failure::{Failure, Step};
use crate::health::target::{TargetSpec, Whom};

/// Connects to one target.
pub struct TcpAsker {
    whom: Whom,
    timeout: Duration,
    whereabouts: Whereabouts,
}

impl TcpAsker {
    pub fn new(spec: &TargetSpec, whereabouts: Whereabouts) -> Self {
        TcpAsker {
            whom: spec.whom.clone(),
            timeout: spec.monitor.timeout,
            whereabouts,
        }
    }

    async fn attempt(&self) -> Outcome {
        let begun = clock::now();
        let finding = self.whereabouts.of(&self.whom, self.timeout);
        let found = tokio::time::timeout(self.timeout, finding).await;
        let address = found.map_err(|_elapsed| Failure::TimedOut {
            after: self.timeout,
            step: Step::Address,
        })??;
        let took = clock::now().saturating_duration_since(begun);
        connect(address, self.timeout.saturating_sub(took)).await
    }
}

impl Ask for TcpAsker {
    fn ask(&mut self) -> Asking<'_> {
        Box::pin(self.attempt())
    }
}

/// Succeeds when a connection to `address` is established within `timeout`; closes it again.
pub async fn connect(address: SocketAddr, timeout: Duration) -> Outcome {
    match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
        Ok(Ok(_connection)) => Ok(()),
        Ok(Err(error)) => Err(Failure::from_io(&error)),
        Err(_elapsed) => Err(Failure::TimedOut {
            after: timeout,
            step: Step::Connection,
        }),
    }
}
