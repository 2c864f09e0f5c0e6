//! Scripted peers, certificates, and how they are asked.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use meridian::config::{At, Monitor, Place, ProbeKind, TlsProbe, VerdictOptions};
use meridian::health::probe::{self, Shared};
use meridian::health::{Failure, TargetSpec, Whom};
use meridian::model::{RegionId, TargetKey};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tokio_rustls::TlsAcceptor;

/// Long enough for a busy machine; only tests of peers that hang wait for the short one.
pub const PATIENT: Duration = Duration::from_secs(20);
pub const SHORT: Duration = Duration::from_millis(300);

pub fn spec(probe: ProbeKind, address: SocketAddr, timeout: Duration) -> TargetSpec {
    let monitor = Monitor {
        name: "m".into(),
        probe,
        port: address.port(),
        keeps_port: true,
        interval: timeout * 2,
        timeout,
        rise: 2,
        fall: 2,
        jitter: 0.1,
        unknown_is_up: true,
        at: None,
        options: VerdictOptions::default(),
        place: Place::file("meridian.toml"),
    };
    TargetSpec {
        key: TargetKey(address.to_string().into()),
        whom: Whom::Address(address),
        monitor: Arc::new(monitor),
        region: RegionId(0),
    }
}

pub async fn ask_for(
    probe: ProbeKind,
    address: SocketAddr,
    timeout: Duration,
) -> Result<(), Failure> {
    let spec = spec(probe, address, timeout);
    probe::asker(&spec, &Shared::default()).ask().await
}

pub async fn ask(probe: ProbeKind, address: SocketAddr) -> Result<(), Failure> {
    ask_for(probe, address, PATIENT).await
}

/// What a failure says.
pub async fn said(probe: ProbeKind, address: SocketAddr) -> String {
    let failure = ask(probe, address).await.expect_err("a failure");
    failure.to_string()
}

/// A TCP server that hands each connection to `serve` on a thread of its own.
pub fn serve(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    serve_at(Ipv4Addr::LOCALHOST.into(), serve)
}

pub fn serve_at(ip: IpAddr, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind((ip, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// A UDP server that answers each datagram with those that `answers` gives.
pub fn serve_datagrams(
    answers: impl Fn(&[u8], SocketAddr) -> Vec<Vec<u8>> + Send + 'static,
) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = socket.local_addr().expect("an address");
    thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut datagram) {
            for answer in answers(&datagram[..length], from) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

/// Reads until `end` or the end.
pub fn read_until(stream: &mut impl Read, end: &[u8]) -> Vec<u8> {
    let (mut read, mut octet) = (Vec::new(), [0]);
    while !read.ends_with(end) && stream.read_exact(&mut octet).is_ok() {
        read.push(octet[0]);
    }
    read
}

/// Keeps a connection until the other side leaves.
pub fn hang(mut stream: TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// A certificate authority in a file, and what a server of it needs.
pub struct Authority {
    _folder: tempfile::TempDir,
    file: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, certificate.pem()).expect("written");
        Authority {
            _folder: folder,
            file,
            issuer: Issuer::new(params, key),
        }
    }

    /// What trusts it.
    pub fn trusted(&self) -> TlsProbe {
        TlsProbe {
            ca: Some(At {
                value: self.file.clone(),
                place: Place::file("meridian.toml"),
            }),
            ..TlsProbe::default()
        }
    }

    /// A certificate for 127.0.0.1 that ends in `lasts`, and its key, in PEM.
    pub fn certificate(&self, lasts: Duration) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["127.0.0.1".into()]).expect("parameters");
        params.not_after = (SystemTime::now() + lasts).into();
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate, key)
    }

    /// A TLS server that speaks one of `alpn` and hands what is in the connection to `serve`.
    pub fn serve(
        &self,
        lasts: Duration,
        alpn: &[&str],
        serve_one: impl Fn(StreamOwned<ServerConnection, TcpStream>) + Send + Sync + 'static,
    ) -> SocketAddr {
        let config = self.config(lasts, alpn);
        serve(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            serve_one(StreamOwned::new(connection, stream));
        })
    }

    /// What such a server needs.
    pub fn config(&self, lasts: Duration, alpn: &[&str]) -> Arc<ServerConfig> {
        let (certificate, key) = self.certificate(lasts);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                key.serialize_der().try_into().expect("a key"),
            )
            .expect("a certificate and its key");
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

pub type AnyBody = http_body_util::combinators::BoxBody<Bytes, Infallible>;

/// A server of HTTP/2, with TLS or without, that hands each request to `answer`.
pub async fn serve_http2<F>(
    tls: Option<Arc<ServerConfig>>,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) -> SocketAddr
where
    F: Future<Output = Response<AnyBody>> + Send + 'static,
{
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let service = service_fn(move |request| {
        let answering = answer(request);
        async { Ok::<_, Infallible>(answering.await) }
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (service, tls) = (service.clone(), tls.clone());
            let server = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(async move {
                let _ = match tls {
                    None => server.serve_connection(TokioIo::new(stream), service).await,
                    Some(tls) => match TlsAcceptor::from(tls).accept(stream).await {
                        Ok(stream) => server.serve_connection(TokioIo::new(stream), service).await,
                        Err(_) => Ok(()),
                    },
                };
            });
        }
    });
    address
}

/// What peers saw, in order.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub fn add(&self, octets: &[u8]) {
        let text = String::from_utf8_lossy(octets).into_owned();
        self.0.lock().expect("unpoisoned").push(text);
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().expect("unpoisoned").clone()
    }
}

/// Answers each request of a connection with `answer`, whatever it is.
pub fn answer_all(stream: &mut (impl Read + Write), seen: &Seen, answer: &[u8]) {
    loop {
        let request = read_until(stream, b"\r\n\r\n");
        if request.is_empty() {
            return;
        }
        seen.add(&request);
        if stream.write_all(answer).is_err() || stream.flush().is_err() {
            return;
        }
    }
}
