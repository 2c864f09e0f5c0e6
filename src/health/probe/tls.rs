//! TLS settings towards probed targets, shared by all targets that want the same.
//!
//! Reading the machine's trust anchors costs milliseconds and hundreds of kilobytes, so it is done
//! once and not per target. Sessions are never resumed: a resumed handshake shows no certificate,
//! and an expired one would go unnoticed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::config::{HttpVersion, TlsProbe};
use crate::health::failure::Failure;

/// The settings made so far; cheap to clone. A CA file is read when the first target asks for it,
/// and again after [`TlsConfigs::forget`].
#[derive(Clone, Debug, Default)]
pub struct TlsConfigs(Arc<Mutex<Known>>);

type Known = HashMap<(Trust, Alpn), Arc<ClientConfig>>;

/// Whom a probe trusts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Trust {
    Anyone,
    Machine,
    File(PathBuf),
}

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
    let provider = match CryptoProvider::get_default() {
        Some(provider) => Arc::clone(provider),
        None => Arc::new(ring::default_provider()),
    };
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Anyone => Arc::new(AnyCertificate(Arc::clone(&provider))),
        Trust::Machine => verifier(machine_anchors(), &provider)?,
        Trust::File(path) => verifier(anchors_in(path)?, &provider)?,
    };
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

fn verifier(
    anchors: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(anchors), Arc::clone(provider))
        .build()
        .map_err(|e| format!("no trust anchors: {e}"))
}

/// The machine's trust anchors; unreadable ones among them are left out.
fn machine_anchors() -> RootCertStore {
    let mut anchors = RootCertStore::empty();
    anchors.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    anchors
}

fn anchors_in(path: &Path) -> Result<RootCertStore, String> {
    let say = |why: String| format!("cannot read CA file {}: {why}", path.display());
    let mut anchors = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| say(e.to_string()))? {
        let certificate = certificate.map_err(|e| say(e.to_string()))?;
        anchors.add(certificate).map_err(|e| say(e.to_string()))?;
    }
    match anchors.is_empty() {
        true => Err(say("expected a PEM certificate".into())),
        false => Ok(anchors),
    }
}

/// Takes any certificate, for `insecure = true`; the handshake must still be signed with its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
