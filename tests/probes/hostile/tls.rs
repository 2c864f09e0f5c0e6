//! Handshakes and certificates.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use meridian::config::{HandshakeProbe, ProbeKind, TlsProbe, Way};
use meridian::health::Failure;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

fn handshake(tls: TlsProbe) -> ProbeKind {
    let way = Way::default();
    ProbeKind::Tls(HandshakeProbe { way, tls })
}

/// A TLS server with this chain, whose first certificate has this key.
fn presenting(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key.serialize_der().try_into().expect("a key"))
        .expect("a certificate and its key");
    let config = Arc::new(config);
    serve(move |mut stream| {
        let mut connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
        let _ = connection.complete_io(&mut stream);
    })
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A certificate of so many authorities, each signed by the next; `name` says how the one with a number is called.
fn chain(length: usize, name: impl Fn(usize) -> String) -> (Vec<CertificateDer<'static>>, KeyPair) {
    let own = KeyPair::generate().expect("a key");
    let mut keys: Vec<_> = (0..=length)
        .map(|_| KeyPair::generate().expect("a key"))
        .collect();
    let mut chain = Vec::new();
    let mut issuer = Issuer::new(authority(&name(length)), keys.pop().expect("a key"));
    for number in (0..length).rev() {
        let (params, key) = (authority(&name(number)), keys.pop().expect("a key"));
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        chain.push(certificate.der().clone());
        issuer = Issuer::new(params, key);
    }
    let params = CertificateParams::new(vec!["127.0.0.1".into()]).expect("parameters");
    let certificate = params.signed_by(&own, &issuer).expect("a certificate");
    chain.push(certificate.der().clone());
    chain.reverse();
    (chain, own)
}

#[tokio::test]
async fn chains_of_absurd_length_fail() {
    let trusted = Authority::new();
    // Past what TLS libraries take of a handshake; within it; and where each may have issued each.
    let chains = [
        chain(400, |number| format!("authority {number}")),
        chain(120, |number| format!("authority {number}")),
        chain(120, |_| "authority".into()),
    ];
    for (chain, key) in chains {
        let address = presenting(chain, &key);
        let failure = ask(handshake(trusted.trusted()), address).await;
        let failure = failure.expect_err("nobody to trust");
        assert!(matches!(failure, Failure::Tls(_)), "{failure:?}");
        assert_plain(&failure);
    }
}

#[tokio::test]
async fn certificates_of_absurd_size_fail() {
    let key = KeyPair::generate().expect("a key");
    let trusted = Authority::new();
    // Below what a certificate can have, and its names do not fill a log.
    for names in [3000, 1000] {
        let names: Vec<_> = (0..names).map(|n| format!("name-{n}.example")).collect();
        let params = CertificateParams::new(names).expect("parameters");
        let certificate = params.self_signed(&key).expect("a certificate");
        let address = presenting(vec![certificate.der().clone()], &key);
        let failure = ask(handshake(trusted.trusted()), address).await;
        let failure = failure.expect_err("nobody to trust");
        assert!(matches!(failure, Failure::Tls(_)), "{failure:?}");
        assert_plain(&failure);
    }
}

#[tokio::test]
async fn records_without_end_fail() {
    let authority = Authority::new();
    // Content type, version 1.2, length; RFC 8446, 5.1.
    let record = |kind: u8, content: &[u8]| {
        let length = (content.len() as u16).to_be_bytes();
        [&[kind, 3, 3], &length[..], content].concat()
    };
    for again in [
        record(20, &[1]),
        record(21, &[1, 0]),
        record(21, &[1, 90]),
        record(22, &[]),
        // A message whose end never comes.
        record(22, &[&[2, 0xFF, 0xFF, 0xFF], &[0; 16_000][..]].concat()),
        record(22, &[0, 0, 0, 0]),
        record(23, &[]),
        record(24, &[0; 100]),
        vec![0; 16_384],
    ] {
        let again = again.repeat(16_384 / again.len().min(16_384));
        let server = Hostile::new(&[], Vec::new(), again);
        let probe = handshake(authority.trusted());
        server.failure(probe).await;
    }
}

/// After the handshake: new keys and nothing else, on and on.
#[tokio::test]
async fn new_keys_without_end_fail() {
    let authority = Authority::new();
    let day = Duration::from_secs(86_400);
    let address = authority.serve(day, &[], |mut stream: StreamOwned<_, _>| {
        read_until(&mut stream, b"\r\n\r\n");
        loop {
            let renewed = stream.conn.refresh_traffic_keys().is_ok();
            if !renewed || stream.conn.write_tls(&mut stream.sock).is_err() {
                return;
            }
        }
    });
    let probe = meridian::config::HttpProbe {
        tls: Some(authority.trusted()),
        ..wanting("the end")
    };
    let failure = ask(ProbeKind::Http(probe), address).await;
    let failure = failure.expect_err("no answer");
    assert!(!failure.is_local() && !failure.is_doubtful(), "{failure:?}");
}

/// A handshake in pieces of one octet, none of which comes late by itself.
#[tokio::test]
async fn a_handshake_that_drips_times_out() {
    let authority = Authority::new();
    let address = serve(|mut stream| {
        while stream.write_all(&[22]).is_ok() {
            std::thread::sleep(SHORT * 2);
        }
    });
    let failure = ask_for(handshake(authority.trusted()), address, SHORT).await;
    assert!(
        matches!(failure, Err(Failure::TimedOut { .. })),
        "{failure:?}"
    );
}
