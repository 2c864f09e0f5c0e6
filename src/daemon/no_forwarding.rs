//! In the place of `forwarding` in a program that was built without the forwarder: `[forwarder]` is refused when the
//! configuration is read, so that there is never anything to listen on.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::config;
use crate::config::Diagnostics;
use crate::health::Engine;
use crate::state::RootReader;
use crate::state::forwarding::Forwarding as Served;

#[derive(Clone)]
pub struct Forwarding;

/// No addresses.
pub struct Taken;

pub fn take(_: Option<&config::Forwarder>, _: &Served) -> Result<Taken, Infallible> {
    Ok(Taken)
}

impl Forwarding {
    pub fn start(
        Taken: Taken,
        _: &RootReader,
        _: Option<u64>,
        _: Option<&Arc<Engine>>,
    ) -> Result<Self, String> {
        Ok(Forwarding)
    }

    pub fn prepare(&self, _: Option<&config::Forwarder>, _: &Served) -> Result<Taken, Diagnostics> {
        Ok(Taken)
    }

    pub fn adopt(&self, Taken: Taken) -> Result<(), Infallible> {
        Ok(())
    }

    pub fn needs_restart(&self, _: Option<&config::Forwarder>) -> bool {
        false
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    pub fn stop(&self) {}
}
