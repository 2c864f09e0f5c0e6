//! The TLS probe: a handshake, and that is all.

use std::net::SocketAddr;
use std::time::Duration;

use super::allowance::Allowance;
use super::deadline::Deadline;
use super::dial;
use super::tls::{Alpn, TlsConfigs};
use super::{Ask, Asking, Outcome};
use crate::config::HandshakeProbe;

/// Makes a handshake with one address.
#[derive(Debug)]
pub struct HandshakeAsker {
    pub address: SocketAddr,
    pub timeout: Duration,
    pub probe: HandshakeProbe,
    pub tls: TlsConfigs,
}

impl HandshakeAsker {
    async fn attempt(&self) -> Outcome {
        let deadline = Deadline::new(self.timeout);
        let (HandshakeProbe { way, tls }, known) = (&self.probe, (&self.tls, Alpn::None));
        let (address, allowance) = (self.address, Allowance::new(0));
        dial::secure(address, way, tls, None, known, &allowance, &deadline).await?;
        Ok(())
    }
}

impl Ask for HandshakeAsker {
    fn ask(&mut self) -> Asking<'_> {
        Box::pin(self.attempt())
    }
}
