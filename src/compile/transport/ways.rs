//! `tls` and `proxy_protocol` of backends.

use std::sync::Arc;

use ring::digest;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;

use super::super::forwarding::next_number;
use super::{Transport, certificates};
use crate::config::forwarder::{BackendTls, Protocol};
use crate::config::{Backend, Config, Diagnostics};
use crate::state::forwarding::{ClientTls, Way};
use crate::tls::{self, Trust};

/// Names or addresses whose sessions are kept, per way.
const SESSIONS_MAX: usize = 1024;

/// By pool. Pools that want the same have the same; what was wanted before goes on, with its sessions.
pub(super) fn compile(
    config: &Config,
    before: Option<&Transport>,
    diagnostics: &mut Diagnostics,
) -> Box<[Option<Arc<Way>>]> {
    let mut known: Vec<Arc<Way>> = before
        .iter()
        .flat_map(|before| before.ways.iter().flatten().cloned())
        .collect();
    let pools = config.pools.iter();
    let ways = pools.map(|pool| {
        let backend = &pool.backend;
        if backend.tls.is_none() && backend.proxy_protocol.is_none() {
            return None;
        }
        let digest = digest_of(backend, diagnostics)?;
        if let Some(way) = known.iter().find(|way| way.digest == digest) {
            return Some(Arc::clone(way));
        }
        let tls = match &backend.tls {
            Some(tls) => Some(client_tls(tls, backend.protocol, diagnostics)?),
            None => None,
        };
        let way = Arc::new(Way {
            number: next_number() + 1,
            tls,
            proxy_protocol: backend.proxy_protocol,
            digest,
        });
        known.push(Arc::clone(&way));
        Some(way)
    });
    ways.collect()
}

/// Of all that a way follows from. The machine's trust anchors are not: they are read when a way is new.
fn digest_of(backend: &Backend, diagnostics: &mut Diagnostics) -> Option<Box<[u8]>> {
    let mut digest = digest::Context::new(&digest::SHA256);
    digest.update(format!("{:?} {:?}", backend.proxy_protocol, backend.protocol).as_bytes());
    if let Some(tls) = &backend.tls {
        digest.update(format!("{:?} {}", tls.sni, tls.insecure).as_bytes());
        let own = tls.own.iter().flat_map(|own| [&own.chain, &own.key]);
        for file in tls.ca.iter().chain(own) {
            match certificates::octets(&file.value) {
                Ok(octets) => {
                    // So that two files are not taken for others that are the same one behind the other.
                    digest.update(&(octets.len() as u64).to_be_bytes());
                    digest.update(&octets);
                }
                Err(mistake) => {
                    let message = format!("{}: {mistake}", file.value.display());
                    diagnostics.error(&file.place, message, None);
                    return None;
                }
            }
        }
        digest.update(&[u8::from(tls.ca.is_some()), u8::from(tls.own.is_some())]);
    }
    Some(digest.finish().as_ref().into())
}

fn client_tls(
    tls: &BackendTls,
    protocol: Protocol,
    diagnostics: &mut Diagnostics,
) -> Option<ClientTls> {
    let provider = tls::provider();
    let trust = match &tls.ca {
        _ if tls.insecure => Trust::Anyone,
        Some(ca) => Trust::File(ca.value.clone()),
        None => Trust::Machine,
    };
    let place = tls.ca.as_ref().map_or(&tls.place, |ca| &ca.place);
    let verifier = trust.verifier(&provider);
    let verifier = verifier.map_err(|why| diagnostics.error(place, why, None));
    let own = match &tls.own {
        Some(files) => Some(certificates::read(files, &provider, diagnostics)?),
        None => None,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| diagnostics.error(&tls.place, e.to_string(), None));
    let builder = builder
        .ok()?
        .dangerous()
        .with_custom_certificate_verifier(verifier.ok()?);
    let mut any = match own {
        Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
        None => builder.with_no_client_auth(),
    };
    any.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
    let mut http = any.clone();
    http.alpn_protocols = match protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    let name = match tls.sni.clone().map(ServerName::try_from) {
        Some(Ok(name)) => Some(name),
        Some(Err(error)) => {
            diagnostics.error(&tls.place, format!("`sni`: {error}"), None);
            return None;
        }
        None => None,
    };
    Some(ClientTls {
        http: Arc::new(http),
        any: Arc::new(any),
        name,
    })
}
