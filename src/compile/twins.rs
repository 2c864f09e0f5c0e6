//! Which pools have an address at several ports? The forwarder tells such endpoints apart; records have no ports.

use std::collections::HashMap;

use crate::config::{Config, Diagnostics, Origin};

/// Refuses them where a balanced name may be answered with the pool.
pub fn check(config: &Config, diagnostics: &mut Diagnostics) {
    for id in config.answered_pools() {
        let pool = &config.pools[id.index()];
        let mut seen = HashMap::new();
        let written = pool
            .endpoints
            .iter()
            .filter(|e| e.origin == Origin::Written);
        for endpoint in written {
            let destination = &endpoint.destination;
            let Some(address) = destination.address() else {
                continue;
            };
            if let Some(first) = seen.insert(address, destination) {
                let message = format!(
                    "{destination} repeats the address of {first}, and balanced names are answered with pool \
                     `{}`: records have no ports",
                    pool.name
                );
                let help = "only pools that routes of the forwarder alone lead to have an address several times";
                diagnostics.error(&endpoint.place, message, Some(help.to_owned()));
            }
        }
    }
}
