//! Whose certificates are taken.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Whose certificates are taken of servers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Any certificate, whatever it says.
    Anyone,
    /// Those that the trust anchors of the machine lead to.
    Machine,
    /// Those that the trust anchors in a PEM file lead to.
    File(PathBuf),
}

impl Trust {
    /// What looks at a server's certificate. Reads files.
    ///
    /// # Errors
    /// In words, when there are no trust anchors to be had.
    pub fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let anchors = match self {
            Trust::Anyone => return Ok(Arc::new(AnyCertificate(Arc::clone(provider)))),
            Trust::Machine => machine_anchors(),
            Trust::File(path) => anchors_in(path)?,
        };
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(anchors), Arc::clone(provider));
        match verifier.build() {
            Ok(verifier) => Ok(verifier),
            Err(e) => Err(format!("no trust anchors: {e}")),
        }
    }
}

/// The machine's trust anchors; unreadable ones among them are left out.
fn machine_anchors() -> RootCertStore {
    let mut anchors = RootCertStore::empty();
    anchors.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    anchors
}

/// The trust anchors in a PEM file: one at least.
///
/// # Errors
/// In words.
pub fn anchors_in(path: &Path) -> Result<RootCertStore, String> {
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
