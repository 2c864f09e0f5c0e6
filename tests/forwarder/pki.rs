//! Certificates, and those who check them.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use tempfile::TempDir;

use crate::harness::GUARD;

/// A trust anchor, and a folder for what it signs.
pub struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    pub ca: PathBuf,
}

/// Where a certificate and its key are.
pub struct Signed {
    pub chain: PathBuf,
    pub key: PathBuf,
}

impl Signed {
    /// As an element of `certificates`.
    pub fn table(&self) -> String {
        let (chain, key) = (self.chain.display(), self.key.display());
        format!("{{ chain = \"{chain}\", key = \"{key}\" }}")
    }
}

impl Authority {
    pub fn new() -> Authority {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "CA");
        let key = KeyPair::generate().unwrap();
        let ca = folder.path().join("ca.pem");
        fs::write(&ca, params.self_signed(&key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Authority { folder, issuer, ca }
    }

    pub fn sign(&self, file: &str, names: &[&str]) -> Signed {
        self.sign_as(file, names, |_| {})
    }

    pub fn sign_as(
        &self,
        file: &str,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Signed {
        let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, file);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let signed = Signed {
            chain: self.folder.path().join(format!("{file}.pem")),
            key: self.folder.path().join(format!("{file}.key")),
        };
        fs::write(&signed.chain, certificate.pem()).unwrap();
        write_private(&signed.key, &key.serialize_pem());
        signed
    }

    /// A client that trusts it, and shows `own`.
    pub fn client(&self, own: Option<&Signed>, alpn: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(&self.ca).unwrap();
        roots.add(ca).unwrap();
        let builder = ClientConfig::builder_with_provider(meridian::tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => builder
                .with_client_auth_cert(chain(&own.chain), key(&own.key))
                .unwrap(),
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// A server that shows `own`, and wants certificates of this authority if `asks`.
    pub fn server(&self, own: &Signed, asks: bool) -> Arc<ServerConfig> {
        let provider = meridian::tls::provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match asks {
            false => builder.with_no_client_auth(),
            true => {
                let roots = Arc::new(meridian::tls::anchors_in(&self.ca).unwrap());
                let verifier =
                    rustls::server::WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let config = builder.with_single_cert(chain(&own.chain), key(&own.key));
        Arc::new(config.unwrap())
    }
}

pub fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn chain(path: &Path) -> Vec<CertificateDer<'static>> {
    let all = CertificateDer::pem_file_iter(path).unwrap();
    all.map(Result::unwrap).collect()
}

fn key(path: &Path) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_file(path).unwrap()
}

pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A connection whose handshake has ended.
pub fn dial(config: &Arc<ClientConfig>, address: SocketAddr, name: &str) -> std::io::Result<Tls> {
    let stream = TcpStream::connect(address)?;
    shake(config, stream, name)
}

/// The same over a connection that there is.
pub fn shake(
    config: &Arc<ClientConfig>,
    mut stream: TcpStream,
    name: &str,
) -> std::io::Result<Tls> {
    stream.set_read_timeout(Some(GUARD))?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// What comes back until the connection ends, if `request` is sent.
pub fn ask(tls: &mut Tls, request: &str) -> String {
    let mut octets = Vec::new();
    let _ = tls.write_all(request.as_bytes());
    let _ = tls.read_to_end(&mut octets);
    String::from_utf8_lossy(&octets).into_owned()
}
