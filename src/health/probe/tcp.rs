//! The TCP probe: connects, and that is all.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use super::{Ask, Asking, Outcome};
use crate::health::failure::{Failure, Step};
use crate::health::target::TargetSpec;

/// Connects to one address.
#[derive(Clone, Copy, Debug)]
pub struct TcpAsker {
    address: SocketAddr,
    timeout: Duration,
}

impl TcpAsker {
    pub fn new(spec: &TargetSpec) -> Self {
        TcpAsker {
            address: spec.address,
            timeout: spec.monitor.timeout,
        }
    }
}

impl Ask for TcpAsker {
    fn ask(&mut self) -> Asking<'_> {
        Box::pin(connect(self.address, self.timeout))
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
