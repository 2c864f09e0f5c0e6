//! Verdicts of a whole server about real backends on loopback: slow ones, those that depend on others, those of which
//! others tell, and what becomes of verdicts when the configuration is another.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
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
    /// Who asked last.
    last: Arc<Mutex<Option<SocketAddr>>>,
}

impl Backend {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let backend = Backend {
            address: listener.local_addr().unwrap(),
            delay_ms: Arc::default(),
            fails: Arc::default(),
            asked: Arc::default(),
            last: Arc::default(),
        };
        let (delay_ms, fails) = (backend.delay_ms.clone(), backend.fails.clone());
        let (asked, last) = (backend.asked.clone(), backend.last.clone());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (delay_ms, fails) = (delay_ms.load(SeqCst), fails.load(SeqCst));
                asked.fetch_add(1, SeqCst);
                *last.lock().unwrap() = stream.peer_addr().ok();
                thread::spawn(move || {
                    let _ = stream.read(&mut [0; 1024]);
                    thread::sleep(Duration::from_millis(delay_ms));
                    let status = if fails { "503 No" } else { "200 OK" };
                    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                    let _ = stream.write_all(answer.as_bytes());
                    let _ = stream.shutdown(Shutdown::Write);
                    // Closed with something unread, a connection is reset, and its answer may be lost.
                    while matches!(stream.read(&mut [0; 1024]), Ok(1..)) {}
                });
            }
        });
        backend
    }

    fn asked(&self) -> u32 {
        self.asked.load(SeqCst)
    }

    /// Waits until all who connected until now were taken.
    async fn settle(&self) {
        let last = TcpStream::connect(self.address).unwrap();
        let address = last.local_addr().unwrap();
        until("all before it were taken", || {
            *self.last.lock().unwrap() == Some(address)
        })
        .await;
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
async fn a_removed_target_is_not_asked_any_more_once_the_reload_is_over() {
    let (kept, removed) = (Backend::new(), Backend::new());
    let monitor = "[monitor.web]\nhttp = \"/\"\ninterval = \"50ms\"";
    let checks = [kept.address, removed.address];
    let server = Server::start(&config(monitor, "monitor = \"web\"", &checks)).await;
    let one = config(monitor, "monitor = \"web\"", &checks[..1]);
    for round in 0..5 {
        server.reload(&one).await;
        // Who connected before that may still be in the backend's queue.
        removed.settle().await;
        let (asked, of_removed) = (kept.asked(), removed.asked());
        until("the other is asked on", || kept.asked() > asked + 10).await;
        assert_eq!(removed.asked(), of_removed, "round {round}");
        server
            .reload(&config(monitor, "monitor = \"web\"", &checks))
            .await;
        until("it is asked again", || removed.asked() > of_removed).await;
    }
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

/// A monitor of this table, asked once when it is new and then hardly ever; it takes four successes to come up.
const RARELY: &str = "interval = \"50m\"\ntimeout = \"10s\"\njitter = 0.0\nrise = 4\nfall = 3\n";

/// Whether it goes on with its verdict: one that is wrong by then, so that whoever asks anew finds another.
async fn is_kept(before: &str, after: &str) -> bool {
    let web = Backend::new();
    web.fails.store(true, SeqCst);
    let here = |text: &str| text.replace("HERE", &web.address.port().to_string());
    let server = Server::start(&here(before)).await;
    assert_eq!(server.verdict(0), Verdict::Down, "{before}");
    web.fails.store(false, SeqCst);
    server.reload(&here(after)).await;
    let verdict = server.verdict(0);
    server.daemon.stop().await;
    assert_ne!(
        verdict,
        Verdict::Unknown,
        "no answer goes by less than a probe: {after}"
    );
    verdict == Verdict::Down
}

/// A server of one endpoint on loopback, which `monitor` watches.
fn watched_by(monitor: &str) -> String {
    config(monitor, "monitor = \"web\"", &[])
        .replace("endpoints = []", "endpoints = [\"127.0.0.1\"]")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_the_same_goes_on_and_what_asks_something_else_starts_over() {
    let http = format!("[monitor.web]\nhttp = \"/\"\nport = HERE\n{RARELY}");
    let before = watched_by(&http);
    let with = |more: &str| watched_by(&format!("{http}{more}\n"));
    let edited = |from: &str, to: &str| {
        assert!(before.contains(from), "{from}");
        before.replace(from, to)
    };
    let is_right = |text: &String| {
        let text = text.replace("HERE", "80");
        if let Err(refused) = meridian::config::parse(&text, "meridian.toml".as_ref()) {
            panic!("{text}\n{:#?}", refused.diagnostics.sorted());
        }
    };
    let goes_on = [
        edited("50m", "55m"),
        edited("10s", "9s"),
        edited("jitter = 0.0", "jitter = 0.1"),
        edited("rise = 4", "rise = 5"),
        edited("fall = 3", "fall = 4"),
        with("interval_doubt = \"45m\""),
        with("interval_stable = \"1h\"\nstable_after = \"1m\""),
        with("refused_counts_at_once = true"),
        with("flap = {}"),
        with("degraded = { above = \"5s\", weight = \"50%\" }"),
        with("passive = { fall = 5, rise = 5 }"),
        with("unknown_is = \"down\""),
        // Called otherwise, and elsewhere.
        edited("monitor.web", "monitor.site").replace("= \"web\"", "= \"site\""),
        edited("pool.eu", "pool.site").replace("[\"eu\"]", "[\"site\"]"),
        edited("[region.eu]", "[region.us]").replace("region = \"eu\"", "region = \"us\""),
        edited(
            "[\"127.0.0.1\"]",
            "[{ address = \"127.0.0.1\", weight = 7 }]",
        ),
        edited(
            "[\"127.0.0.1\"]",
            "[{ address = \"192.0.2.7\", check = \"127.0.0.1:HERE\" }]",
        ),
        edited("port = HERE", "at = \"127.0.0.1:HERE\""),
        // Part of something that is calculated from now on.
        format!(
            "{}\n[monitor.site]\nany = [\"web\"]\n",
            edited("monitor = \"web\"", "monitor = \"site\"")
        ),
    ];
    goes_on.iter().for_each(is_right);
    for after in goes_on {
        assert!(is_kept(&before, &after).await, "started over: {after}");
    }
    let starts_over = [
        edited("http = \"/\"", "http = \"/healthz\""),
        edited("http = \"/\"", "tcp = true"),
        edited(
            "http = \"/\"",
            "tcp = { send = \"GET /\", expect = \"200\" }",
        ),
        with("host = \"www.example\""),
        with("headers = { a = \"b\" }"),
        with("method = \"HEAD\""),
        with("expect_status = \"200-399\""),
        with("redirects = 1"),
        with("reuse = true"),
        with("proxy_protocol = \"v1\""),
        with("source = \"127.0.0.1\""),
        with("load_header = \"x\""),
    ];
    starts_over.iter().for_each(is_right);
    for after in starts_over {
        assert!(!is_kept(&before, &after).await, "went on: {after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_calculated_keeps_what_is_known_of_members_and_asks_new_ones_first() {
    let (web, other) = (Backend::new(), Backend::new());
    web.fails.store(true, SeqCst);
    let member = |name: &str, backend: &Backend| {
        format!(
            "[monitor.{name}]\nhttp = \"/\"\nat = \"{}\"\n{RARELY}",
            backend.address
        )
    };
    let (a, b) = (member("a", &web), member("b", &other));
    let of = |whole: &str| {
        let monitors = format!("{a}{b}[monitor.web]\n{whole}\n");
        watched_by(&monitors)
    };
    let server = Server::start(&of("all = [\"a\"]")).await;
    assert_eq!(
        (server.verdict(0), web.asked(), other.asked()),
        (Verdict::Down, 1, 0)
    );
    web.fails.store(false, SeqCst);
    // Another member is asked before anything is answered by it; nobody asks the first again.
    server.reload(&of("any = [\"a\", \"b\"]")).await;
    assert_eq!(
        (server.verdict(0), web.asked(), other.asked()),
        (Verdict::Up, 1, 1)
    );
    server
        .reload(&of("at_least = { count = 2, of = [\"b\", \"a\"] }"))
        .await;
    assert_eq!(
        (server.verdict(0), web.asked(), other.asked()),
        (Verdict::Down, 1, 1)
    );
    server.reload(&of("not = \"a\"")).await;
    assert_eq!((server.verdict(0), web.asked()), (Verdict::Up, 1));
    // Who was no member meanwhile was forgotten.
    server.reload(&of("all = [\"b\"]")).await;
    assert_eq!((server.verdict(0), other.asked()), (Verdict::Up, 2));
    server.reload(&of("all = [\"a\"]")).await;
    assert_eq!((server.verdict(0), web.asked()), (Verdict::Up, 2));
    server.daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_said_holds_on_when_only_its_thresholds_are_others() {
    let told = |name: &str, max_age: &str| {
        let push = format!("push = {{ max_age = \"{max_age}\" }}\nunknown_is = \"up\"");
        watched_by(&format!("[monitor.{name}]\n{push}\n"))
    };
    let server = Server::start(&told("web", "1h")).await;
    server.observe("eu", Saying::Down).await.unwrap();
    until("it is down", || server.verdict(0) == Verdict::Down).await;
    server.reload(&told("web", "2h")).await;
    assert_eq!(server.verdict(0), Verdict::Down);
    // By another name, nobody has said anything.
    let other = told("site", "2h").replace("= \"web\"", "= \"site\"");
    server.reload(&other).await;
    assert_eq!(server.verdict(0), Verdict::Unknown);
    server.daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_starts_over_is_known_before_the_reload_answers_by_it() {
    let web = Backend::new();
    let server = Server::start(&config(&once("/", 2), "monitor = \"web\"", &[web.address])).await;
    web.delay_ms.store(300, SeqCst);
    let root = server.daemon.root();
    let watching = {
        let root = root.clone();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let watcher = thread::spawn(move || {
            let mut seen = Vec::new();
            while stopped.try_recv().is_err() {
                let verdict = root.load_full().health.endpoint(EndpointId(0)).verdict;
                if seen.last() != Some(&verdict) {
                    seen.push(verdict);
                }
                thread::sleep(Duration::from_millis(1));
            }
            seen
        });
        (stop, watcher)
    };
    let other = config(&once("/healthz", 2), "monitor = \"web\"", &[web.address]);
    server.reload(&other).await;
    let _ = watching.0.send(());
    assert_eq!(watching.1.join().unwrap(), [Verdict::Up], "never unknown");
    assert_eq!(web.asked(), 2);
    server.daemon.stop().await;
}
