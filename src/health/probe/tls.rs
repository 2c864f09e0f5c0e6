//! TLS settings towards probed targets, shared by all targets that want the same.
//!
//! Reading the machine's trust anchors costs milliseconds and hundreds of kilobytes, so it is done
//! once and not per target. Sessions are never resumed: a resumed handshake shows no certificate,
//! and an expired one would go unnoticed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;
use rustls::client::Resumption;

use crate::config::{HttpVersion, TlsProbe};
use crate::health::failure::Failure;
use crate::tls::{self, Trust};

/// The settings made so far; cheap to clone. A CA file is read when the first target asks for it,
/// and again after [`TlsConfigs::forget`].
#[derive(Clone, Debug, Default)]
pub struct TlsConfigs(Arc<Mutex<Known>>);

type Known = HashMap<(Trust, Alpn), Arc<ClientConfig>>;

/// What is offered to be spoken (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alpn {
    None,
    Http(HttpVersion),
}

impl TlsConfigs {
    /// The settings of a probe.
    ///
    /// # Errors
    /// [`Failure::Local`] when the trust anchors cannot be read.
    pub fn get(&self, tls: &TlsProbe, alpn: Alpn) -> Result<Arc<ClientConfig>, Failure> {
        let trust = match &tls.ca {
            _ if tls.insecure => Trust::Anyone,
            Some(ca) => Trust::File(ca.value.clone()),
            None => Trust::Machine,
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = (trust, alpn);
        if let Some(config) = known.get(&wanted) {
            return Ok(Arc::clone(config));
        }
        let config = client_config(&wanted.0, alpn).map_err(Failure::Local)?;
        let config = Arc::new(config);
        known.insert(wanted, Arc::clone(&config));
        Ok(config)
    }

    /// Trust anchors are read anew for targets that start from now on.
    pub fn forget(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clear();
    }
}

fn client_config(trust: &Trust, alpn: Alpn) -> Result<ClientConfig, String> {
    let provider = tls::provider();
    let verifier = trust.verifier(&provider)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = match alpn {
        Alpn::None => Vec::new(),
        Alpn::Http(HttpVersion::One) => vec![b"http/1.1".to_vec()],
        Alpn::Http(HttpVersion::Two) => vec![b"h2".to_vec()],
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}
