//! `secret_file` of `[forwarder]` -> what sessions' cookies are signed with.

use std::sync::Arc;

use crate::compile::identity;
use crate::config::{Config, Diagnostics, Place};
use crate::dns::cookie::Secret;
use crate::random;
use crate::state::forwarding::Keys;

/// `None` when there are none to be had; the reason is in `diagnostics`.
pub fn keys(config: &Config, diagnostics: &mut Diagnostics) -> Option<Arc<Keys>> {
    let forwarder = config.forwarder.as_ref();
    if let Some(file) = forwarder.and_then(|forwarder| forwarder.secret_file.as_ref()) {
        let secrets = identity::read(file, diagnostics)?;
        let octets: Vec<&[u8]> = secrets.iter().map(Secret::as_octets).collect();
        return Keys::new(&octets).map(Arc::new);
    }
    let mut routes = forwarder
        .into_iter()
        .flat_map(|forwarder| &forwarder.routes);
    let sticky = routes.find(|route| route.choosing.sticky.is_some());
    if let Some(route) = sticky {
        let message = "`session` without a `secret_file` in [forwarder]: no other node knows these \
                       sessions, and they end with the process";
        let help = "a file with what `openssl rand -hex 16` prints".to_owned();
        diagnostics.warning(&route.place, message, Some(help));
    }
    // The same after a reload, so that the clients' cookies stay good.
    let Some(own) = random::process_secret() else {
        let message = "the system gives no random octets for the secret of sessions";
        let help = "set `secret_file` in [forwarder]".to_owned();
        diagnostics.error(&Place::file(&config.path), message, Some(help));
        return None;
    };
    Keys::new(&[own]).map(Arc::new)
}
