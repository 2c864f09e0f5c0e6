//! Verdicts of a whole server about real backends on loopback: slow ones, those that depend on others, those of which
//! others tell, and what becomes of verdicts when the configuration is another.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use meridian::admin::explain::{Explanation, Question};
use meridian::admin::{Observed, Saying, Socket, Taken, client};
use meridian::daemon::{Daemon, HealthSource, Settings};
use meridian::model::{EndpointId, Share, Verdict};
use serde_json::json;
use tempfile::TempDir;

/// Longer than anything takes here that comes at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// An HTTP server whose answers can be made slow or bad.
struct Backend {
    address: SocketAddr,
    delay_ms: Arc<AtomicU64>,
    fails: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
}

impl Backend {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let backend = Backend {
            address: listener.local_addr().unwrap(),
            delay_ms: Arc::default(),
            fails: Arc::default(),
            asked: Arc::default(),
        };
        let (delay_ms, fails) = (backend.delay_ms.clone(), backend.fails.clone());
        let asked = backend.asked.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (delay_ms, fails) = (delay_ms.load(SeqCst), fails.load(SeqCst));
                asked.fetch_add(1, SeqCst);
                thread::spawn(move || {
                    let _ = stream.read(&mut [0; 1024]);
                    thread::sleep(Duration::from_millis(delay_ms));
                    let status = if fails { "503 No" } else { "200 OK" };
                    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                    let _ = stream.write_all(answer.as_bytes());
                });
            }
        });
        backend
    }

    fn asked(&self) -> u32 {
        self.asked.load(SeqCst)
    }
}

/// A server with one pool, `eu`, of as many endpoints as there are addresses to check.
struct Server {
    folder: TempDir,
    daemon: Daemon,
}

/// `monitors` are tables; `pool` is what the pool says besides.
fn config(monitors: &str, pool: &str, checks: &[SocketAddr]) -> String {
    let endpoint = |(n, check): (usize, &SocketAddr)| {
        format!("{{ address = \"192.0.2.{}\", check = \"{check}\" }}", n + 1)
    };
    let endpoints: Vec<_> = checks.iter().enumerate().map(endpoint).collect();
    format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\nstate_dir = \"state\"\nudp_threads = 1\n\
         [region.eu]\n{monitors}\n\
         [pool.eu]\nregion = \"eu\"\nendpoints = [{}]\n{pool}\n\
         [policy.near]\nfailover = [\"eu\"]\n\
         [zone.example]\nfile = \"zone\"\n[zone.example.balanced]\nwww = {{ policy = \"near\" }}\n",
        endpoints.join(", ")
    )
}

impl Server {
    async fn start(config: &str) -> Self {
        // As the program does.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("meridian.toml"), config).unwrap();
        let zone = "@ 60 SOA a b 1 2 3 4 5\n@ 60 NS ns.net.\n";
        fs::write(folder.path().join("zone"), zone).unwrap();
        let settings = Settings {
            config: folder.path().join("meridian.toml"),
            health: HealthSource::Probes,
            ..Settings::default()
        };
        match Daemon::start(settings).await {
            Ok((daemon, _)) => Server { folder, daemon },
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn reload(&self, config: &str) {
        fs::write(self.folder.path().join("meridian.toml"), config).unwrap();
        self.daemon.reload().await.unwrap();
    }

    fn socket(&self) -> PathBuf {
        Socket::path_in(&self.folder.path().join("state"))
    }

    fn verdict(&self, id: u32) -> Verdict {
        self.daemon
            .root()
            .load_full()
            .health
            .endpoint(EndpointId(id))
            .verdict
    }

    fn share(&self, id: u32) -> Share {
        self.daemon
            .root()
            .load_full()
            .health
            .endpoint(EndpointId(id))
            .share
    }

    async fn observe(&self, what: &str, verdict: Saying) -> Result<Taken, String> {
        let observed = Observed {
            what: what.to_owned(),
            verdict,
            reason: Some("so I say".to_owned()),
            monitor: None,
            passive: false,
        };
        let taken = client::post(&self.socket(), "/v1/observations", &[observed]).await;
        taken.map_err(|e| e.to_string())
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, wait).await.is_ok(),
        "never: {what}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_backend_takes_its_part_only_and_explain_says_so_until_it_is_quick_again() {
    let (slow, quick) = (Backend::new(), Backend::new());
    slow.delay_ms.store(400, SeqCst);
    let monitor = "[monitor.web]\nhttp = \"/\"\ninterval = \"2s\"\ntimeout = \"1900ms\"\n\
                   interval_doubt = \"50ms\"\ndegraded = { above = \"200ms\", weight = \"25%\" }";
    let config = config(monitor, "monitor = \"web\"", &[slow.address, quick.address]);
    let server = Server::start(&config).await;
    let part = Share::of_part(0.25);
    until("it is slow", || server.share(0) == part).await;
    assert_eq!(
        (server.verdict(0), server.share(1)),
        (Verdict::Up, Share::ALL)
    );
    let question: Question =
        serde_json::from_value(json!({ "name": "www.example.", "rtype": "A" })).unwrap();
    let socket = server.socket();
    let explained: Explanation = client::post(&socket, "/v1/explain", &question)
        .await
        .unwrap();
    let steps: Vec<_> = explained
        .steps
        .iter()
        .map(|line| line.text.clone())
        .collect();
    let words = "192.0.2.1 weight 1 up, takes 25 %, 25 % because it is slow";
    assert!(steps.iter().any(|text| text.contains(words)), "{steps:#?}");
    slow.delay_ms.store(0, SeqCst);
    until("it is quick again", || server.share(0) == Share::ALL).await;
    server.daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_down_with_the_database_that_it_needs() {
    let (web, other) = (Backend::new(), Backend::new());
    let database = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = database.local_addr().unwrap();
    // Of several monitors, each keeps its port; the backends' differ.
    let port = web.address.port();
    let monitors = format!(
        "[monitor.web]\nhttp = \"/\"\nport = {port}\ninterval = \"100ms\"\n\
         [monitor.db]\ntcp = true\nat = \"{at}\"\ninterval = \"100ms\"\n"
    );
    let checks = [web.address, other.address];
    let server = Server::start(&config(&monitors, "monitor = [\"web\", \"db\"]", &checks)).await;
    let verdicts = || [server.verdict(0), server.verdict(1)];
    assert_eq!(verdicts(), [Verdict::Up; 2]);
    drop(database);
    until("both are down", || verdicts() == [Verdict::Down; 2]).await;
    let database = TcpListener::bind(at).unwrap();
    until("both are up", || verdicts() == [Verdict::Up; 2]).await;
    web.fails.store(true, SeqCst);
    until("both are down again", || verdicts() == [Verdict::Down; 2]).await;
    drop(database);
    server.daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_say_holds_until_it_is_too_old() {
    let monitors = "[monitor.maintenance]\npush = { max_age = \"1s\" }\nunknown_is = \"down\"\n\
                    [monitor.served]\nnot = \"maintenance\"\n";
    let checks = ["127.0.0.1:9".parse().unwrap(); 2];
    let server = Server::start(&config(monitors, "monitor = \"served\"", &checks)).await;
    assert_eq!(server.verdict(0), Verdict::Unknown);
    server.observe("eu/192.0.2.1", Saying::Up).await.unwrap();
    until("it is in maintenance", || {
        server.verdict(0) == Verdict::Down
    })
    .await;
    assert_eq!(server.verdict(1), Verdict::Unknown);
    until("that is too old", || server.verdict(0) == Verdict::Unknown).await;
    server.observe("eu", Saying::Down).await.unwrap();
    until("both are served", || server.verdict(1) == Verdict::Up).await;
    for (what, why) in [
        ("us", "no pool or endpoint here"),
        ("eu/192.0.2.9", "no pool or endpoint here"),
        ("a:b", "a:b"),
    ] {
        let error = server.observe(what, Saying::Up).await.unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    server.daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_tells_of_what_is_probed() {
    let web = Backend::new();
    let monitor = "[monitor.web]\nhttp = \"/\"\ninterval = \"100ms\"";
    let server = Server::start(&config(monitor, "monitor = \"web\"", &[web.address])).await;
    let error = server
        .observe("eu/192.0.2.1", Saying::Down)
        .await
        .unwrap_err();
    assert!(
        error.contains("no monitor with `push` watches it"),
        "{error}"
    );
    assert_eq!(server.verdict(0), Verdict::Up);
    server.daemon.stop().await;
}

#[test]
fn every_example_of_the_page_is_a_configuration_without_mistakes() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/health/verdicts.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```toml\n").skip(1);
    let examples: Vec<_> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() > 5);
    for example in examples {
        let text = format!(
            "{example}\n[region.eu]\n[policy.near]\nfailover = [\"web\"]\n\
             [zone.example]\nfile = \"zone\"\n[zone.example.balanced]\nwww = {{ policy = \"near\" }}\n"
        );
        match meridian::config::parse(&text, "meridian.toml".as_ref()) {
            Ok(loaded) => assert_eq!(loaded.warnings.iter().count(), 0, "{example}"),
            Err(refused) => panic!("{example}\n{:#?}", refused.diagnostics.sorted()),
        }
    }
}

/// Asked once, when they are new, and then hardly ever.
fn once(path: &str, rise: u32) -> String {
    format!(
        "[monitor.web]\nhttp = \"{path}\"\ninterval = \"1h\"\ntimeout = \"10s\"\njitter = 0.0\nrise = {rise}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_target_is_not_asked_any_more() {
    let (kept, removed) = (Backend::new(), Backend::new());
    let monitor = "[monitor.web]\nhttp = \"/\"\ninterval = \"50ms\"";
    let checks = [kept.address, removed.address];
    let server = Server::start(&config(monitor, "monitor = \"web\"", &checks)).await;
    server
        .reload(&config(monitor, "monitor = \"web\"", &checks[..1]))
        .await;
    // What was under way is broken off beside the reload.
    until("a probe that is not", || {
        let before = removed.asked();
        thread::sleep(Duration::from_millis(500));
        removed.asked() == before
    })
    .await;
    let (asked, of_removed) = (kept.asked(), removed.asked());
    until("the other is asked on", || kept.asked() > asked + 10).await;
    assert_eq!(removed.asked(), of_removed);
    server.daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_stays_when_something_else_changed_and_starts_over_when_its_meaning_did() {
    let web = Backend::new();
    web.fails.store(true, SeqCst);
    let checks = [web.address];
    let monitored = "monitor = \"web\"";
    let server = Server::start(&config(&once("/", 2), monitored, &checks)).await;
    assert_eq!((server.verdict(0), web.asked()), (Verdict::Down, 1));
    web.fails.store(false, SeqCst);

    // Something unrelated, and then another endpoint beside it: as it was, and not asked for that.
    let other = once("/", 2) + "[region.us]\n";
    server.reload(&config(&other, monitored, &checks)).await;
    let second = Backend::new();
    let both = [web.address, second.address];
    server.reload(&config(&other, monitored, &both)).await;
    assert_eq!((server.verdict(0), web.asked()), (Verdict::Down, 1));
    assert_eq!((server.verdict(1), second.asked()), (Verdict::Up, 1));

    // Another threshold: it is watched by that from now on, and is down until it says otherwise.
    server
        .reload(&config(&once("/", 3), monitored, &both))
        .await;
    assert_eq!(server.verdict(0), Verdict::Down);

    // Another meaning: what was known is worth nothing.
    server
        .reload(&config(&once("/healthz", 3), monitored, &both))
        .await;
    assert_eq!(server.verdict(0), Verdict::Up);
    server.daemon.stop().await;
}
