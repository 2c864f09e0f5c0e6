//! Who comes back from being down: little by little, or not before somebody says so.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use meridian::daemon::{Daemon, HealthSource, Settings};
use meridian::model::{EndpointId, PoolId, Share, Verdict};
use meridian::state::Root;
use tempfile::TempDir;

/// Longer than anything takes here that comes at all.
const PATIENCE: Duration = Duration::from_secs(20);

async fn start(pool: &str) -> (TempDir, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("meridian.toml");
    let text = format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\nstate_dir = \"state\"\n\
         [region.eu]\n[monitor.web]\nhttp = \"/\"\n\
         [pool.eu]\nregion = \"eu\"\nmonitor = \"web\"\nendpoints = [\"192.0.2.1\", \"192.0.2.2\"]\n{pool}\n\
         [policy.near]\nfailover = [\"eu\"]\n\
         [zone.example]\nfile = \"zone\"\n[zone.example.balanced]\nwww = {{ policy = \"near\" }}\n"
    );
    fs::write(&config, text).unwrap();
    fs::write(
        folder.path().join("zone"),
        "@ 60 SOA a b 1 2 3 4 5\n@ 60 NS ns.net.\n",
    )
    .unwrap();
    let daemon = restart(&folder).await;
    daemon.set_verdict("eu", Verdict::Up).await.unwrap();
    (folder, daemon)
}

async fn restart(folder: &TempDir) -> Daemon {
    let settings = Settings {
        config: folder.path().join("meridian.toml"),
        health: HealthSource::Frozen(None),
        ..Settings::default()
    };
    match Daemon::start(settings).await {
        Ok((daemon, _)) => daemon,
        Err(error) => panic!("{error:?}"),
    }
}

fn root(daemon: &Daemon) -> Arc<Root> {
    daemon.root().load_full()
}

/// Of the first endpoint, and of the pool.
fn shares(daemon: &Daemon) -> (Share, Share) {
    let root = root(daemon);
    (
        root.health.endpoint(EndpointId(0)).share,
        root.health.share(PoolId(0)),
    )
}

fn verdict(daemon: &Daemon) -> Verdict {
    root(daemon).health.endpoint(EndpointId(0)).verdict
}

/// Every state until one is as wanted.
async fn until<T: PartialEq + Copy>(daemon: &Daemon, look: fn(&Daemon) -> T, wanted: T) -> Vec<T> {
    let mut seen = vec![look(daemon)];
    let watch = async {
        while seen.last() != Some(&wanted) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = look(daemon);
            if seen.last() != Some(&now) {
                seen.push(now);
            }
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, watch).await.is_ok(),
        "it never came"
    );
    seen
}

#[tokio::test]
async fn what_comes_back_takes_more_and_more_until_it_takes_all() {
    let (_folder, daemon) = start("slow_start = \"3s\"").await;
    // At first, nothing was down.
    assert_eq!(shares(&daemon), (Share::ALL, Share::ALL));
    daemon
        .set_verdict("eu/192.0.2.1", Verdict::Down)
        .await
        .unwrap();
    daemon
        .set_verdict("eu/192.0.2.1", Verdict::Up)
        .await
        .unwrap();
    let (first, pool) = shares(&daemon);
    assert!(first < Share(20_000) && first > Share(6_000), "{first:?}");
    assert_eq!(pool, Share::ALL, "the other endpoint was up all the time");
    assert!(root(&daemon).health.is_reduced());
    let seen = until(&daemon, |daemon| shares(daemon).0, Share::ALL).await;
    assert!(seen.is_sorted() && seen.len() > 2, "{seen:?}");
    assert!(!root(&daemon).health.is_reduced());
}

#[tokio::test]
async fn so_does_a_pool_of_which_nothing_was_up() {
    let (_folder, daemon) = start("slow_start = \"3s\"").await;
    daemon.set_verdict("eu", Verdict::Down).await.unwrap();
    daemon
        .set_verdict("eu/192.0.2.1", Verdict::Up)
        .await
        .unwrap();
    let (first, pool) = shares(&daemon);
    assert!(first < Share(20_000) && pool < Share(20_000));
    let seen = until(&daemon, |daemon| shares(daemon).1, Share::ALL).await;
    assert!(seen.is_sorted() && seen.len() > 2, "{seen:?}");
}

#[tokio::test]
async fn what_goes_down_again_begins_anew() {
    let (_folder, daemon) = start("slow_start = \"1h\"").await;
    for verdict in [Verdict::Down, Verdict::Up, Verdict::Down] {
        daemon.set_verdict("eu/192.0.2.1", verdict).await.unwrap();
    }
    assert_eq!(verdict(&daemon), Verdict::Down);
    assert_eq!(shares(&daemon), (Share::ALL, Share::ALL));
    daemon
        .set_verdict("eu/192.0.2.1", Verdict::Up)
        .await
        .unwrap();
    assert!(shares(&daemon).0 < Share(7_000));
    // Going on through a reload.
    daemon.reload().await.unwrap();
    assert!(shares(&daemon).0 < Share(7_000));
}

#[tokio::test]
async fn what_is_to_be_resumed_by_hand_stays_down_until_then_through_restarts() {
    let (folder, daemon) = start("manual_resume = true").await;
    daemon
        .set_verdict("eu/192.0.2.1", Verdict::Down)
        .await
        .unwrap();
    daemon
        .set_verdict("eu/192.0.2.1", Verdict::Up)
        .await
        .unwrap();
    assert_eq!(verdict(&daemon), Verdict::Down);
    // The other one never was down.
    let other = root(&daemon).health.endpoint(EndpointId(1)).verdict;
    assert_eq!(other, Verdict::Up);
    let saved = folder.path().join("state/overrides.json");
    let is_saved = || fs::read_to_string(&saved).is_ok_and(|text| text.contains("manual_resume"));
    for _ in 0..200 {
        if is_saved() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(is_saved());
    daemon.stop().await;
    let daemon = restart(&folder).await;
    daemon.set_verdict("eu", Verdict::Up).await.unwrap();
    assert_eq!(verdict(&daemon), Verdict::Down);
    daemon.stop().await;
}
