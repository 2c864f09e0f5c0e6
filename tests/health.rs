//! Probes against real servers on loopback: healthy, broken, slow, hostile ones, with and without
//! TLS; and the engine over them.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use meridian::config::{
    At, HttpProbe, LoadFrom, Monitor, Panic, Place, ProbeKind, Resolver, TcpProbe, TlsProbe,
    VerdictOptions,
};
use meridian::dns::Name;
use meridian::health::failure::Step;
use meridian::health::probe::{self, Shared, Whereabouts};
use meridian::health::{Change, Engine, Failure, Settings, TargetSpec, Whom, saved};
use meridian::model::{RegionId, TargetKey, Verdict};
use meridian::testing::TestServer;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tokio::net::TcpSocket;
use tokio::sync::mpsc;

/// Long enough for a busy machine; only tests of hanging servers wait for the short one.
const PATIENT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

/// A server that hands each connection to `serve` on a thread of its own.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicU32>,
    /// What the last client wrote, as far as `serve` read it.
    request: Arc<Mutex<String>>,
}

impl Server {
    fn new(serve: impl Fn(TcpStream, &Mutex<String>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let server = Server {
            address: listener.local_addr().expect("an address"),
            connections: Arc::default(),
            request: Arc::default(),
        };
        let serve = Arc::new(serve);
        let (connections, request) = (server.connections.clone(), server.request.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, SeqCst);
                let (serve, request) = (Arc::clone(&serve), Arc::clone(&request));
                thread::spawn(move || serve(stream, &request));
            }
        });
        server
    }

    /// Reads a request and answers `response`, whatever was asked.
    fn answering(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Server::new(move |mut stream, request| {
            *request.lock().expect("unpoisoned") = read_head(&mut stream);
            let _ = stream.write_all(&response);
        })
    }

    /// Reads a request, answers `head`, and then `piece` again and again until the client leaves.
    fn pouring(head: &'static str, piece: &'static [u8]) -> Self {
        Server::new(move |mut stream, _| {
            read_head(&mut stream);
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(piece).is_ok() {}
        })
    }

    fn connections(&self) -> u32 {
        self.connections.load(SeqCst)
    }

    fn request(&self) -> String {
        self.request.lock().expect("unpoisoned").clone()
    }
}

fn read_head(stream: &mut impl Read) -> String {
    let (mut head, mut octet) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut octet).is_ok() {
        head.push(octet[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nstatus: up\n";

fn http() -> HttpProbe {
    HttpProbe::get("/healthz")
}

fn spec(probe: ProbeKind, address: SocketAddr, timeout: Duration) -> TargetSpec {
    let monitor = Monitor {
        name: "web".into(),
        probe,
        port: 80,
        keeps_port: true,
        at: None,
        interval: Duration::from_millis(50),
        timeout,
        rise: 2,
        fall: 2,
        jitter: 0.1,
        unknown_is_up: true,
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

async fn ask(spec: &TargetSpec) -> Result<(), Failure> {
    probe::asker(spec, &Shared::default()).ask().await
}

async fn ask_http(server: &Server, probe: HttpProbe) -> Result<(), Failure> {
    ask(&spec(ProbeKind::Http(probe), server.address, PATIENT)).await
}

/// A port where nobody listens, and that nobody else can take while this is kept.
fn refusing() -> TcpSocket {
    reserved(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

fn reserved(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    socket.bind(address).expect("a free port");
    socket
}

fn address_of(socket: &TcpSocket) -> SocketAddr {
    socket.local_addr().expect("an address")
}

#[test]
fn a_target_that_is_known_by_name_is_probed_where_the_name_leads() {
    let server = Server::answering(OK);
    let port = server.address.port();
    let zone = "$TTL 60\n@ SOA ns admin 1 7200 1800 1209600 60\n@ NS ns\nns A 192.0.2.53\n\
                cdn CNAME lb\nlb A 127.0.0.1\nempty TXT none\n";
    let config = "[zone.\"example.net\"]\nfile = \"zone\"\n";
    let resolver = TestServer::start(config, &[("zone", zone)]).expect("a server");
    let whereabouts = Whereabouts::default();
    whereabouts.ask_of(&Resolver {
        servers: Some(vec![resolver.address()]),
        ..Resolver::default()
    });
    let probed = |name: &str, probe| {
        let mut spec = spec(probe, server.address, PATIENT);
        spec.whom = Whom::Name(Name::parse(name).expect("a name"), port);
        let mut shared = Shared::default();
        shared.whereabouts = whereabouts.clone();
        let mut asker = probe::asker(&spec, &shared);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(asker.ask())
    };
    assert_eq!(probed("cdn.example.net", ProbeKind::Http(http())), Ok(()));
    let request = server.request().to_lowercase();
    let host = format!("host: cdn.example.net:{port}\r\n");
    assert!(request.contains(&host), "{request}");
    assert_eq!(
        probed("lb.example.net", ProbeKind::Tcp(TcpProbe::default())),
        Ok(())
    );
    for (name, why) in [
        ("empty.example.net", "it has no address"),
        ("nobody.example.net", "there is no such name (NXDOMAIN)"),
        ("www.example.org", "REFUSED"),
    ] {
        for probe in [ProbeKind::Tcp(TcpProbe::default()), ProbeKind::Http(http())] {
            let failure = probed(name, probe).expect_err("a failure");
            assert_eq!(
                failure.to_string(),
                format!("cannot resolve {name}.: {why}")
            );
            assert!(failure.is_doubtful());
        }
    }
}

#[tokio::test]
async fn a_healthy_server_is_asked_as_configured_on_a_connection_of_its_own() {
    let server = Server::answering(OK);
    let mut probe = http();
    probe.host = Some("www.example".into());
    probe.path = "/healthz?deep=1".into();
    let spec = spec(ProbeKind::Http(probe), server.address, PATIENT);
    let mut asker = probe::asker(&spec, &Shared::default());
    for _ in 0..3 {
        assert_eq!(asker.ask().await, Ok(()));
    }
    assert_eq!(server.connections(), 3);
    let request = server.request().to_lowercase();
    assert!(
        request.starts_with("get /healthz?deep=1 http/1.1\r\n"),
        "{request}"
    );
    for line in [
        "host: www.example",
        "connection: close",
        "user-agent: meridian/",
    ] {
        assert!(
            request.contains(&format!("\r\n{line}")),
            "{line} in {request}"
        );
    }
}

#[tokio::test]
async fn without_a_host_the_address_is_the_host() {
    let server = Server::answering(OK);
    assert_eq!(ask_http(&server, http()).await, Ok(()));
    let expected = format!("\r\nhost: {}\r\n", server.address);
    assert!(server.request().to_lowercase().contains(&expected));
}

#[tokio::test]
async fn a_status_that_is_not_expected_fails() {
    let server = Server::answering("HTTP/1.1 503 Service Unavailable\r\n\r\n");
    assert_eq!(ask_http(&server, http()).await, Err(Failure::Status(503)));
    let mut probe = http();
    probe.expect_status = vec![(200, 200), (500, 503)];
    assert_eq!(ask_http(&server, probe).await, Ok(()));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = Server::answering(OK);
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/\r\n\r\n",
        elsewhere.address
    );
    let server = Server::answering(redirect);
    assert_eq!(ask_http(&server, http()).await, Err(Failure::Status(302)));
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn proxies_in_the_environment_are_ignored() {
    // The variables must be there before the process starts, so the test runs itself again.
    const MARK: &str = "MERIDIAN_TEST_BEHIND_A_PROXY";
    if std::env::var_os(MARK).is_some() {
        let server = Server::answering(OK);
        assert_eq!(ask_http(&server, http()).await, Ok(()));
        return;
    }
    let proxy = Server::answering("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    let url = format!("http://{}", proxy.address);
    let output = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "proxies_in_the_environment_are_ignored"])
        .envs([
            (MARK, "1"),
            ("http_proxy", &url),
            ("HTTP_PROXY", &url),
            ("all_proxy", &url),
        ])
        .output()
        .expect("run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn nobody_listening_is_a_refusal() {
    let nobody = refusing();
    let address = address_of(&nobody);
    for probe in [ProbeKind::Tcp(TcpProbe::default()), ProbeKind::Http(http())] {
        assert_eq!(
            ask(&spec(probe, address, PATIENT)).await,
            Err(Failure::Refused)
        );
    }
}

#[tokio::test]
async fn tcp_succeeds_when_somebody_listens() {
    let server = Server::new(|_, _| ());
    assert_eq!(
        ask(&spec(
            ProbeKind::Tcp(TcpProbe::default()),
            server.address,
            PATIENT
        ))
        .await,
        Ok(())
    );
}

#[tokio::test]
async fn a_server_that_hangs_is_left_when_time_is_up() {
    let (left, has_left) = std::sync::mpsc::channel();
    let left = Mutex::new(left);
    let server = Server::new(move |mut stream, _| {
        read_head(&mut stream);
        // Returns when the client closes the connection.
        let _ = stream.read(&mut [0]);
        let _ = left.lock().expect("unpoisoned").send(());
    });
    let spec = spec(ProbeKind::Http(http()), server.address, SHORT);
    let expected = Failure::TimedOut {
        after: SHORT,
        step: Step::Answer,
    };
    assert_eq!(ask(&spec).await, Err(expected));
    let left = tokio::task::spawn_blocking(move || has_left.recv_timeout(PATIENT)).await;
    assert_eq!(left.expect("joined"), Ok(()));
}

#[tokio::test]
async fn a_body_that_drips_is_left_when_time_is_up() {
    let server = Server::new(|mut stream, _| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(b".").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let mut probe = http();
    probe.expect_body = Some("up".into());
    let spec = spec(ProbeKind::Http(probe), server.address, SHORT);
    let expected = Failure::TimedOut {
        after: SHORT,
        step: Step::Body,
    };
    assert_eq!(ask(&spec).await, Err(expected));
}

#[tokio::test]
async fn a_server_that_closes_early_fails_and_is_no_doubt() {
    for response in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Le"] {
        let server = Server::answering(response);
        let failure = ask_http(&server, http()).await.expect_err("failed");
        assert!(!failure.is_doubtful() && !failure.is_local(), "{failure:?}");
    }
}

#[tokio::test]
async fn a_body_cut_short_fails() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstatus");
    let mut probe = http();
    probe.expect_body = Some("status: up".into());
    let failure = ask_http(&server, probe).await.expect_err("failed");
    assert!(!failure.is_doubtful() && !failure.is_local(), "{failure:?}");
}

#[tokio::test]
async fn what_is_not_http_fails_with_the_reason() {
    let server = Server::answering("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    let failure = ask_http(&server, http()).await.expect_err("failed");
    assert!(
        matches!(&failure, Failure::Protocol(why) if why.contains("HTTP")),
        "{failure:?}"
    );
}

#[tokio::test]
async fn the_body_must_contain_what_is_expected() {
    let server = Server::answering(OK);
    let mut probe = http();
    probe.expect_body = Some("status: up".into());
    assert_eq!(ask_http(&server, probe.clone()).await, Ok(()));
    probe.expect_body = Some("status: down".into());
    let failure = ask_http(&server, probe).await.expect_err("failed");
    let said = "body lacks \"status: down\" in its first 11 octets";
    assert_eq!(failure.to_string(), said);
}

#[tokio::test]
async fn an_endless_body_is_read_up_to_the_limit() {
    let server = Server::pouring("HTTP/1.1 200 OK\r\n\r\n", &[b'.'; 4096]);
    assert_eq!(
        ask_http(&server, http()).await,
        Ok(()),
        "the body is of no interest"
    );
    let mut probe = http();
    probe.expect_body = Some("up".into());
    probe.body_limit = 10_000;
    let failure = ask_http(&server, probe).await.expect_err("failed");
    let expected = Failure::BodyLacks {
        expected: "up".into(),
        read: 10_000,
    };
    assert_eq!(failure, expected);
}

#[tokio::test]
async fn what_is_expected_beyond_the_limit_does_not_count() {
    let body = format!("{}status: up", " ".repeat(100));
    let server = Server::answering(format!("HTTP/1.1 200 OK\r\n\r\n{body}"));
    let mut probe = http();
    probe.expect_body = Some("status: up".into());
    probe.body_limit = 109;
    assert!(ask_http(&server, probe.clone()).await.is_err());
    probe.body_limit = 110;
    assert_eq!(ask_http(&server, probe).await, Ok(()));
}

async fn told(server: &Server, load: LoadFrom, body_limit: u32) -> Result<String, String> {
    let mut probe = http();
    (probe.load, probe.body_limit) = (Some(Box::new(load)), body_limit);
    let spec = spec(ProbeKind::Http(probe), server.address, SHORT);
    let mut asker = probe::asker(&spec, &Shared::default());
    assert_eq!(asker.ask().await, Ok(()));
    let told = asker.take_told().expect("it is asked for");
    assert_eq!(asker.take_told(), None);
    told
}

#[tokio::test]
async fn the_load_is_read_from_a_header_or_from_a_field_of_the_body() {
    let response = "HTTP/1.1 200 OK\r\nX-Load: 85%\r\nContent-Length: 25\r\n\r\n{\"web\":{\"load\":[1,0.5]}}\n";
    let server = Server::answering(response);
    let header = |name: &str| LoadFrom::Header(name.into());
    let json = |pointer: &str| LoadFrom::Json(pointer.into());
    assert_eq!(told(&server, header("x-load"), 10).await, Ok("85%".into()));
    let missing = told(&server, header("x-lod"), 10).await;
    assert_eq!(missing, Err("the answer has no header x-lod".into()));
    let pointer = json("/web/load/1");
    assert_eq!(told(&server, pointer.clone(), 25).await, Ok("0.5".into()));
    let cut = told(&server, pointer, 24).await;
    assert_eq!(cut, Err("the body is longer than 24 octets".into()));
}

#[tokio::test]
async fn a_load_that_cannot_be_read_is_no_failure() {
    let endless = Server::pouring("HTTP/1.1 200 OK\r\n\r\n", b"....");
    let json = || LoadFrom::Json("/load".into());
    let long = told(&endless, json(), 10_000).await;
    assert_eq!(long, Err("the body is longer than 10000 octets".into()));
    let silent = Server::new(|mut stream, _| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
        let _ = stream.read(&mut [0]);
    });
    let late = told(&silent, json(), 10_000).await.expect_err("nothing");
    assert!(late.contains("timed out after"), "{late}");
}

#[tokio::test]
async fn endless_headers_are_cut_off() {
    let many_lines = Server::pouring("HTTP/1.1 200 OK\r\n", b"X-Filler: filler\r\n");
    let long_line = Server::pouring("HTTP/1.1 200 OK\r\nX-Filler: ", &[b'.'; 4096]);
    for server in [many_lines, long_line] {
        let failure = ask_http(&server, http()).await.expect_err("failed");
        assert!(matches!(failure, Failure::Protocol(_)), "{failure:?}");
    }
}

/// A certificate authority in a file, and a server with a certificate of it.
struct Tls {
    _directory: tempfile::TempDir,
    ca: PathBuf,
    server: Server,
    /// The server name that the last client asked for.
    asked_for: Arc<Mutex<Option<String>>>,
}

impl Tls {
    /// A server whose certificate is for `names` (host names or addresses).
    fn new(names: &[&str]) -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca_params = CertificateParams::new(Vec::new()).expect("parameters");
        ca_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_certificate = ca_params.self_signed(&ca_key).expect("a certificate");
        let directory = tempfile::tempdir().expect("a directory");
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, ca_certificate.pem()).expect("written");

        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
        let issuer = Issuer::new(ca_params, ca_key);
        let params = CertificateParams::new(names).expect("parameters");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                key.serialize_der().try_into().expect("a key"),
            )
            .expect("a certificate and its key");
        let config = Arc::new(config);
        let asked_for: Arc<Mutex<Option<String>>> = Arc::default();
        let asked = Arc::clone(&asked_for);
        let server = Server::new(move |stream, request| {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut stream = StreamOwned::new(connection, stream);
            *request.lock().expect("unpoisoned") = read_head(&mut stream);
            *asked.lock().expect("unpoisoned") = stream.conn.server_name().map(str::to_owned);
            let _ = stream.write_all(OK.as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        });
        Tls {
            _directory: directory,
            ca,
            server,
            asked_for,
        }
    }

    async fn ask(
        &self,
        sni: Option<&str>,
        ca: Option<&Path>,
        insecure: bool,
    ) -> Result<(), Failure> {
        let mut probe = http();
        probe.expect_body = Some("status: up".into());
        probe.tls = Some(TlsProbe {
            sni: sni.map(str::to_owned),
            ca: ca.map(|path| At {
                value: path.into(),
                place: Place::file("meridian.toml"),
            }),
            insecure,
            valid_for: None,
        });
        ask_http(&self.server, probe).await
    }

    fn asked_for(&self) -> Option<String> {
        self.asked_for.lock().expect("unpoisoned").clone()
    }
}

#[tokio::test]
async fn https_connects_to_the_endpoint_and_asks_for_the_server_name() {
    let tls = Tls::new(&["www.example"]);
    assert_eq!(
        tls.ask(Some("www.example"), Some(&tls.ca), false).await,
        Ok(())
    );
    assert_eq!(tls.asked_for().as_deref(), Some("www.example"));
    let host = format!("\r\nhost: {}\r\n", tls.server.address);
    assert!(tls.server.request().to_lowercase().contains(&host));
}

#[tokio::test]
async fn https_without_a_name_checks_the_address() {
    let tls = Tls::new(&["127.0.0.1"]);
    assert_eq!(tls.ask(None, Some(&tls.ca), false).await, Ok(()));
    assert_eq!(tls.asked_for(), None);
}

#[tokio::test]
async fn a_certificate_for_another_name_fails_with_the_reason() {
    let tls = Tls::new(&["www.example"]);
    let failure = tls.ask(Some("api.example"), Some(&tls.ca), false).await;
    let failure = failure.expect_err("failed");
    assert!(
        matches!(&failure, Failure::Tls(why) if why.contains("not valid for name")),
        "{failure}"
    );
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_fails_unless_any_is_taken() {
    let (tls, other) = (Tls::new(&["www.example"]), Tls::new(&["www.example"]));
    let failure = tls.ask(Some("www.example"), Some(&other.ca), false).await;
    assert!(matches!(&failure, Err(Failure::Tls(_))), "{failure:?}");
    let any = tls.ask(Some("api.example"), None, true).await;
    assert_eq!(any, Ok(()));
}

#[tokio::test]
async fn a_ca_file_that_cannot_be_used_says_nothing_about_the_target() {
    let tls = Tls::new(&["www.example"]);
    let empty = tls.ca.with_file_name("empty.pem");
    std::fs::write(&empty, "no certificate\n").expect("written");
    for ca in [empty, tls.ca.with_file_name("missing.pem")] {
        let failure = tls
            .ask(Some("www.example"), Some(&ca), false)
            .await
            .expect_err("failed");
        assert!(failure.is_local(), "{failure:?}");
        assert!(
            failure.to_string().contains(&*ca.to_string_lossy()),
            "{failure}"
        );
    }
    assert_eq!(tls.server.connections(), 0);
}

#[tokio::test]
async fn a_server_without_tls_fails_https() {
    let plain = Server::new(|mut stream, _| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let mut probe = http();
    probe.tls = Some(TlsProbe {
        insecure: true,
        ..TlsProbe::default()
    });
    let failure = ask_http(&plain, probe).await.expect_err("failed");
    assert!(!failure.is_doubtful() && !failure.is_local(), "{failure:?}");
}

type Changes = mpsc::Receiver<Vec<Change>>;

fn engine(control: Vec<SocketAddr>) -> (Engine, Changes) {
    Engine::start(settings(control), HashMap::new())
}

fn settings(control: Vec<SocketAddr>) -> Settings {
    Settings::new(Panic {
        share: 0.8,
        hold: Duration::from_secs(3_600),
        control,
    })
}

/// Waits for a change to `verdict`.
async fn until(changes: &mut Changes, verdict: Verdict) {
    until_some(changes, |change| change.health.verdict == verdict).await;
}

/// Waits for a change like this.
async fn until_some(changes: &mut Changes, like_this: impl Fn(&Change) -> bool) {
    let found = async {
        while let Some(batch) = changes.recv().await {
            if batch.iter().any(&like_this) {
                return;
            }
        }
        panic!("the engine ended");
    };
    let waited = tokio::time::timeout(PATIENT, found).await;
    waited.expect("the change to come");
}

#[tokio::test]
async fn a_server_that_dies_and_comes_back_falls_and_rises() {
    let socket = refusing();
    let address = address_of(&socket);
    let listener = socket.listen(16).expect("a listener");
    let (engine, mut changes) = engine(Vec::new());
    engine.set_targets(vec![spec(
        ProbeKind::Tcp(TcpProbe::default()),
        address,
        PATIENT,
    )]);
    until(&mut changes, Verdict::Up).await;
    drop(listener);
    let socket = reserved(address);
    until(&mut changes, Verdict::Down).await;
    let health = engine.snapshot().remove(0).1;
    assert_eq!(health.last.as_deref(), Some("connection refused"));
    let _listener = socket.listen(16).expect("a listener");
    until(&mut changes, Verdict::Up).await;
}

#[tokio::test]
async fn a_removed_target_is_asked_no_more_even_in_the_middle_of_a_probe() {
    let (left, has_left) = std::sync::mpsc::channel();
    let left = Mutex::new(left);
    let server = Server::new(move |mut stream, _| {
        read_head(&mut stream);
        let _ = stream.read(&mut [0]);
        let _ = left.lock().expect("unpoisoned").send(());
    });
    let (engine, _changes) = engine(Vec::new());
    engine.set_targets(vec![spec(
        ProbeKind::Http(http()),
        server.address,
        PATIENT * 100,
    )]);
    while server.connections() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    engine.set_targets(Vec::new());
    let left = tokio::task::spawn_blocking(move || has_left.recv_timeout(PATIENT)).await;
    assert_eq!(left.expect("joined"), Ok(()));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn verdicts_outlive_the_engine() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = saved::path_in(directory.path());
    let max_age = Duration::from_secs(600);
    let nobody = refusing();
    let target = spec(
        ProbeKind::Tcp(TcpProbe::default()),
        address_of(&nobody),
        PATIENT,
    );
    let (first, _changes) = engine(Vec::new());
    let first = Arc::new(first);
    first.set_targets(vec![target.clone()]);
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let keeper = saved::keep(Arc::clone(&first), path.clone(), max_age, stopped);
    let keeping = tokio::spawn(keeper);
    while saved::load(&path, max_age, meridian::clock::unix_ms()).is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.send(()).expect("it keeps on");
    keeping.await.expect("it ends");
    let loaded = saved::load(&path, max_age, meridian::clock::unix_ms());
    assert_eq!(loaded[&target.key].verdict, Verdict::Down);
    let (second, mut changes) = Engine::start(settings(Vec::new()), loaded);
    second.set_targets(vec![target]);
    until(&mut changes, Verdict::Down).await;
}

/// Eight targets in two regions that were up and all hang from one moment on, as they would if the
/// node lost its network.
async fn all_hang_at_once(control: SocketAddr) -> (Engine, Changes) {
    let hangs = Arc::new(AtomicBool::new(false));
    let hanging = Arc::clone(&hangs);
    let server = Server::new(move |mut stream, _| {
        read_head(&mut stream);
        match hanging.load(SeqCst) {
            true => drop(stream.read(&mut [0])),
            false => drop(stream.write_all(OK.as_bytes())),
        }
    });
    let targets = (0..8).map(|n| {
        let mut spec = spec(ProbeKind::Http(http()), server.address, SHORT);
        let monitor = Arc::make_mut(&mut spec.monitor);
        monitor.interval = Duration::from_millis(500);
        monitor.fall = 4;
        spec.key = TargetKey(format!("target {n}").into());
        spec.region = RegionId(n % 2);
        spec
    });
    let (engine, changes) = engine(vec![control]);
    engine.set_targets(targets.collect());
    assert_eq!(engine.first_round(PATIENT).await, 0);
    hangs.store(true, SeqCst);
    (engine, changes)
}

#[tokio::test]
async fn when_nothing_answers_not_even_a_control_target_verdicts_are_held() {
    let nobody = refusing();
    let (engine, mut changes) = all_hang_at_once(address_of(&nobody)).await;
    until_some(&mut changes, |change| change.health.held).await;
    let snapshot = engine.snapshot();
    assert!(
        snapshot
            .iter()
            .all(|(_, health)| health.verdict == Verdict::Up)
    );
    assert!(engine.status().panic_until_unix_ms.is_some());
}

#[tokio::test]
async fn when_a_control_target_answers_the_others_are_down() {
    let control = Server::new(|_, _| ());
    let (engine, mut changes) = all_hang_at_once(control.address).await;
    let all_down = async {
        let down = |engine: &Engine| {
            let snapshot = engine.snapshot();
            snapshot
                .iter()
                .all(|(_, health)| health.verdict == Verdict::Down)
        };
        while !down(&engine) {
            changes.recv().await.expect("a batch");
        }
    };
    let waited = tokio::time::timeout(PATIENT, all_down).await;
    waited.expect("all to fall");
    assert!(control.connections() > 0);
}
