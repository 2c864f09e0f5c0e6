//! What changes reaches answers, what does not is shared with what was there before, and no query is lost
//! meanwhile.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use meridian::daemon::{Daemon, HealthSource, Settings};
use meridian::dns::{Name, query, rtype};
use meridian::model::{EndpointId, PoolId, Verdict};
use meridian::state::{Root, Zone};
use tempfile::TempDir;

/// Longer than an answer can take that is not lost.
const PATIENCE: Duration = Duration::from_secs(10);

const ZONES: usize = 20;

/// A server over files that say which version they are.
struct Site {
    folder: TempDir,
    daemon: Daemon,
}

impl Site {
    async fn start() -> Site {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("zones")).unwrap();
        for zone in 0..ZONES {
            fs::write(zone_file(&folder, zone), zone_text(0)).unwrap();
        }
        let database = concat!(env!("CARGO_MANIFEST_DIR"), "/geoip/sample.mmdb");
        let config = folder.path().join("meridian.toml");
        let text = format!(
            "[server]\nlisten = [\"127.0.0.1:0\"]\nudp_threads = 2\n\
             [geoip]\ndatabases = [{database:?}]\n\
             [zones]\nfiles = [\"zones/*\"]\n\
             [region.eu]\nlocation = \"DE\"\n[region.us]\nlocation = \"US\"\n\
             [monitor.web]\nhttp = \"/\"\n\
             [pool.eu]\nregion = \"eu\"\nmonitor = \"web\"\nendpoints = [\"192.0.2.1\"]\n\
             [pool.us]\nregion = \"us\"\nmonitor = \"web\"\nendpoints = [\"192.0.2.2\"]\n\
             [policy.near]\ngeo = [\"eu\", \"us\"]\n\
             [zone.\"z00.example\".balanced]\nwww = {{ policy = \"near\" }}\n"
        );
        fs::write(&config, text).unwrap();
        let settings = Settings {
            config,
            health: HealthSource::Frozen(None),
            ..Settings::default()
        };
        match Daemon::start(settings).await {
            Ok((daemon, _)) => Site { folder, daemon },
            Err(error) => panic!("{error:?}"),
        }
    }

    /// All versions have as many octets, and may be written within one tick of the file system's clock.
    async fn change(&self, zone: usize, version: u32) {
        fs::write(zone_file(&self.folder, zone), zone_text(version)).unwrap();
        self.reload().await;
    }

    async fn reload(&self) {
        let reloaded = self.daemon.reload().await.unwrap();
        assert_eq!(reloaded.mistakes, [""; 0]);
    }

    fn root(&self) -> Arc<Root> {
        self.daemon.root().load_full()
    }
}

fn zone_file(folder: &TempDir, zone: usize) -> PathBuf {
    folder.path().join(format!("zones/z{zone:02}.example"))
}

fn zone_text(version: u32) -> String {
    let address = Ipv4Addr::from(VERSIONS + version);
    format!("@ 60 SOA a b {version:05} 2 3 4 5\n@ 60 NS ns.net.\nversion 60 A {address}\n")
}

/// 198.51.100.100, so that versions up to 155 are of equal length.
const VERSIONS: u32 = 0xc633_6464;

/// Which zones are the same data in both roots.
fn shared(before: &Root, after: &Root) -> Vec<bool> {
    let zones = |root: &Root| -> Vec<Arc<Zone>> {
        root.zones
            .iter()
            .map(|entry| Arc::clone(&entry.zone))
            .collect()
    };
    let (before, after) = (zones(before), zones(after));
    assert_eq!((before.len(), after.len()), (ZONES, ZONES));
    before
        .iter()
        .zip(&after)
        .map(|(one, other)| Arc::ptr_eq(one, other))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_zone_is_all_that_a_reload_makes_anew() {
    let site = Site::start().await;
    let before = site.root();
    site.change(7, 1).await;
    let after = site.root();
    let expected: Vec<bool> = (0..ZONES).map(|zone| zone != 7).collect();
    assert_eq!(shared(&before, &after), expected);
    assert!(Arc::ptr_eq(&before.pools, &after.pools));
    assert!(Arc::ptr_eq(&before.maps[0], &after.maps[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_policy_leaves_maps_and_zones_alone_and_verdicts_too() {
    let site = Site::start().await;
    site.daemon.set_verdict("us", Verdict::Down).await.unwrap();
    let before = site.root();
    let config = site.folder.path().join("meridian.toml");
    let text = fs::read_to_string(&config).unwrap();
    let more = "[policy.far]\ngeo = [\"us\", \"eu\"]\n[policy.also]\ngeo = [\"eu\", \"us\"]\n";
    fs::write(&config, text + more).unwrap();
    site.reload().await;
    let after = site.root();
    assert_eq!(shared(&before, &after), [true; ZONES]);
    assert_eq!(
        (before.pools.policies.len(), after.pools.policies.len()),
        (1, 3)
    );
    assert_eq!((before.maps.len(), after.maps.len()), (1, 2));
    // The configuration's tables are in order of name, and `also` sees the world as `near` does.
    assert!(
        after
            .maps
            .iter()
            .any(|map| Arc::ptr_eq(map, &before.maps[0]))
    );
    let down = |root: &Root| -> Vec<bool> {
        let endpoints = (0..2).map(|id| root.health.endpoint(EndpointId(id)).verdict);
        endpoints.map(|verdict| verdict == Verdict::Down).collect()
    };
    assert_eq!(
        (down(&before), down(&after)),
        (vec![false, true], vec![false, true])
    );
    assert!(after.health.slot(PoolId(1)).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_changes_nothing_but_health() {
    let site = Site::start().await;
    let before = site.root();
    site.daemon
        .set_verdict("us/192.0.2.2", Verdict::Down)
        .await
        .unwrap();
    let after = site.root();
    assert!(Arc::ptr_eq(&before.zones, &after.zones));
    assert!(Arc::ptr_eq(&before.maps, &after.maps));
    assert!(Arc::ptr_eq(&before.pools, &after.pools));
    assert!(!after.health.slot(PoolId(0)).is_empty());
    assert!(after.health.slot(PoolId(1)).is_empty());
    assert!(
        site.daemon
            .set_verdict("eu/192.0.2.2", Verdict::Down)
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_reloads_under_a_closed_loop_lose_no_query_and_go_back_to_no_old_answer() {
    const RELOADS: u32 = 100;
    let site = Site::start().await;
    let newest = Arc::new(AtomicU32::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let server = site.daemon.listening()[0];
            let (newest, stop) = (Arc::clone(&newest), Arc::clone(&stop));
            thread::spawn(move || Client::new(server).ask_until(&stop, &newest))
        })
        .collect();
    for version in 1..=RELOADS {
        newest.store(version, SeqCst);
        site.change(version as usize % ZONES, version).await;
    }
    stop.store(true, SeqCst);
    for client in clients {
        let versions = client.join().unwrap();
        let expected: Vec<u32> = (0..ZONES as u32)
            .map(|zone| last_version(zone, RELOADS))
            .collect();
        assert_eq!(versions, expected);
    }
    site.daemon.stop().await;
}

fn last_version(zone: u32, reloads: u32) -> u32 {
    (1..=reloads)
        .rev()
        .find(|version| version % ZONES as u32 == zone)
        .unwrap_or(0)
}

/// Keeps one query for each zone under way.
struct Client {
    socket: UdpSocket,
    queries: Vec<Vec<u8>>,
    /// By zone: what was answered last.
    versions: Vec<u32>,
}

impl Client {
    fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let query = |zone: usize| {
            let name = Name::parse(&format!("version.z{zone:02}.example")).unwrap();
            query::compose(zone as u16, &name, rtype::A, None)
        };
        Client {
            socket,
            queries: (0..ZONES).map(query).collect(),
            versions: vec![0; ZONES],
        }
    }

    /// The versions at the end, asked for after `stop`.
    fn ask_until(mut self, stop: &AtomicBool, newest: &AtomicU32) -> Vec<u32> {
        let mut is_last = false;
        while !is_last {
            is_last = stop.load(SeqCst);
            for query in &self.queries {
                self.socket.send(query).unwrap();
            }
            for _ in 0..ZONES {
                self.take_answer(newest);
            }
        }
        self.versions
    }

    fn take_answer(&mut self, newest: &AtomicU32) {
        let mut answer = [0; 512];
        let len = self.socket.recv(&mut answer).expect("no query is lost");
        let zone = usize::from(u16::from_be_bytes([answer[0], answer[1]]));
        let address: [u8; 4] = answer[len - 4..len].try_into().unwrap();
        let version = u32::from_be_bytes(address).wrapping_sub(VERSIONS);
        let expected = self.versions[zone]..=newest.load(SeqCst);
        assert!(
            expected.contains(&version),
            "{version} is not in {expected:?}"
        );
        self.versions[zone] = version;
    }
}
