//! `tls` of a listener.

use std::collections::HashMap;
use std::sync::Arc;

use ring::digest;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::Ticketer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, ResolvesServerCert, ServerSessionMemoryCache, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SignatureScheme, SupportedProtocolVersion};

use super::certificates;
use crate::config::forwarder as written;
use crate::config::{Config, Diagnostics};
use crate::state::forwarding::Tls;
use crate::tls::{self, AltName, Certificate};

/// Sessions of clients without tickets that are kept, per listener.
const SESSIONS_MAX: usize = 4096;

pub(super) fn compile(
    config: &Config,
    listener: &written::Listener,
    tls: &written::ServerTls,
    before: Option<&Tls>,
    diagnostics: &mut Diagnostics,
) -> Option<Tls> {
    let provider = tls::provider();
    let certificates: Vec<_> = tls
        .certificates
        .iter()
        .map(|files| {
            let read = certificates::read(files, &provider, diagnostics);
            if let Some(read) = &read {
                warn_of_names(config, listener, files, read, diagnostics);
            }
            read
        })
        .collect();
    let (verifier, clients) = match &tls.clients {
        Some(clients) => {
            let (verifier, digest) = verifier(clients, &provider, diagnostics)?;
            (verifier, Some(digest))
        }
        None => (WebPkiClientVerifier::no_client_auth(), None),
    };
    let certificates: Vec<_> = certificates.into_iter().collect::<Option<_>>()?;
    let versions: &[&SupportedProtocolVersion] = match tls.versions {
        written::Versions { v1_3: false, .. } => &[&TLS12],
        written::Versions { v1_2: false, .. } => &[&TLS13],
        _ => &[&TLS12, &TLS13],
    };
    let say = |error: rustls::Error| format!("TLS cannot be had so: {error}");
    let made = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(say)
        .and_then(|builder| Ok((builder, Ticketer::new().map_err(say)?)));
    let (builder, ticketer) = match made {
        Ok(made) => made,
        Err(message) => {
            diagnostics.error(&tls.place, message, None);
            return None;
        }
    };
    let mut made = builder
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(Certificates::new(&certificates, tls.strict_sni)));
    made.alpn_protocols = tls
        .alpn
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    // Sessions go on over a reload.
    match before.filter(|before| before.clients == clients) {
        Some(before) => {
            made.ticketer = Arc::clone(&before.config.ticketer);
            made.session_storage = Arc::clone(&before.config.session_storage);
        }
        None => {
            made.ticketer = ticketer;
            made.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
        }
    }
    Some(Tls {
        config: Arc::new(made),
        handshake_timeout: tls.handshake_timeout,
        clients,
    })
}

/// What looks at certificates, and a digest.
type Verifier = (Arc<dyn ClientCertVerifier>, Box<[u8]>);

/// What looks at the certificates of clients, and a digest of what it follows from.
fn verifier(
    clients: &written::ClientCertificates,
    provider: &Arc<CryptoProvider>,
    diagnostics: &mut Diagnostics,
) -> Option<Verifier> {
    let path = &clients.ca.value;
    let made = tls::anchors_in(path).and_then(|anchors| {
        let builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(anchors), Arc::clone(provider));
        let builder = match clients.are_required {
            true => builder,
            false => builder.allow_unauthenticated(),
        };
        let verifier = builder.build().map_err(|e| e.to_string())?;
        let mut digest = digest::Context::new(&digest::SHA256);
        digest.update(&[u8::from(clients.are_required)]);
        digest.update(&certificates::octets(path)?);
        Ok((verifier, digest.finish().as_ref().into()))
    });
    made.map_err(|message| diagnostics.error(&clients.ca.place, message, None))
        .ok()
}

/// Warns of a certificate that no route is for.
fn warn_of_names(
    config: &Config,
    listener: &written::Listener,
    files: &written::CertificateFiles,
    certified: &CertifiedKey,
    diagnostics: &mut Diagnostics,
) {
    let routes = config.forwarder.iter().flat_map(|f| &f.routes);
    let mut hosts: Vec<&written::HostPattern> = Vec::new();
    match &listener.mode {
        written::Mode::Http => {
            for route in routes {
                if route.matching.hosts.is_empty() {
                    return;
                }
                hosts.extend(&route.matching.hosts);
            }
        }
        written::Mode::Tcp(tcp) => match tcp.to {
            Some(_) => return,
            None => hosts.extend(tcp.sni.iter().map(|(name, _)| name)),
        },
    }
    let names = names(certified);
    let is_for = |name: &String| hosts.iter().any(|host| may_fit(host, name));
    if !names.is_empty() && !names.iter().any(is_for) {
        const SHOWN_MAX: usize = 5;
        let shown = names[..names.len().min(SHOWN_MAX)].join(", ");
        let more = if names.len() > SHOWN_MAX { ", …" } else { "" };
        let path = files.chain.value.display();
        let message =
            format!("{path}: no route is for the names of the certificate: {shown}{more}");
        diagnostics.warning(&files.chain.place, message, None);
    }
}

/// Whether there is a host that both are for.
fn may_fit(host: &written::HostPattern, name: &str) -> bool {
    match (host, name.strip_prefix('*')) {
        (written::HostPattern::Exact(host), None) => **host == *name,
        (written::HostPattern::Exact(host), Some(suffix)) => {
            host.split_once('.').map(|(_, parent)| parent) == suffix.strip_prefix('.')
        }
        (written::HostPattern::Below(below), None) => name.ends_with(&**below),
        (written::HostPattern::Below(below), Some(suffix)) => suffix.ends_with(&**below),
    }
}

/// The names of hosts that a certificate is for, in lower case.
fn names(certified: &CertifiedKey) -> Vec<String> {
    let certificate = certified.cert.first();
    let certificate = certificate.and_then(|der| Certificate::read(der));
    let names = certificate.iter().flat_map(Certificate::names);
    names
        .filter_map(|name| match name {
            AltName::Dns(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

/// Certificates by the names that they say. Several may have a name: clients get the first that they can verify.
#[derive(Debug)]
struct Certificates {
    exact: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    /// `*.example.com`, without `*.`: one label stands for the asterisk (RFC 9525, 6.3).
    wild: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    /// For other names, and for none. Empty: those are refused.
    others: Vec<Arc<CertifiedKey>>,
}

impl Certificates {
    fn new(certificates: &[Arc<CertifiedKey>], is_strict: bool) -> Self {
        let mut by_name = Certificates {
            exact: HashMap::new(),
            wild: HashMap::new(),
            others: Vec::new(),
        };
        let names_of_first = certificates.first().map(|first| names(first));
        for certified in certificates {
            let names = names(certified);
            // The same with a key of another kind.
            if !is_strict && (by_name.others.is_empty() || Some(&names) == names_of_first.as_ref())
            {
                by_name.others.push(Arc::clone(certified));
            }
            for name in names {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut by_name.wild, parent),
                    None => (&mut by_name.exact, &*name),
                };
                let all = map.entry(name.into()).or_default();
                all.push(Arc::clone(certified));
            }
        }
        by_name
    }

    fn of(&self, name: &str) -> Option<&Vec<Arc<CertifiedKey>>> {
        let wild = || {
            let (_, parent) = name.split_once('.')?;
            self.wild.get(parent)
        };
        self.exact.get(name).or_else(wild)
    }

    fn find(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // There is no dot at the end (RFC 6066, 3), but some write one.
        let name = name.map(|name| name.strip_suffix('.').unwrap_or(name));
        let found = name.and_then(|name| match name.bytes().any(|b| b.is_ascii_uppercase()) {
            true => self.of(&name.to_ascii_lowercase()),
            false => self.of(name),
        });
        let all = found.unwrap_or(&self.others);
        let can_verify = |c: &&Arc<CertifiedKey>| c.key.choose_scheme(schemes).is_some();
        all.iter().find(can_verify).or(all.first()).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name(), hello.signature_schemes())
    }
}
