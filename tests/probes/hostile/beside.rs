//! Other targets are probed on while hostile ones are.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use meridian::config::{HttpVersion, Panic};
use meridian::health::{Engine, Settings};
use meridian::model::Verdict;

use super::*;

/// How often the healthy target is asked while all the others pour.
const ASKED: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_target_beside_them_stays_up_and_is_asked_on() {
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nstatus: up";
    let seen = Seen::default();
    let saw = seen.clone();
    let healthy = serve(move |mut stream| answer_all(&mut stream, &saw, ok));
    let get = |version| {
        ProbeKind::Http(HttpProbe {
            version,
            ..wanting("status: up")
        })
    };
    let hostile = [
        Hostile::http("HTTP/1.1 200 OK\r\n", "X-Filler: filler\r\n".repeat(1000)),
        Hostile::http("", "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)),
        Hostile::http("HTTP/1.1 200 OK\r\n\r\n", ".".repeat(16_384)),
        Hostile::http("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", ""),
        Hostile::new(&[], Vec::new(), vec![b'\0'; 16_384]),
        // PING (RFC 9113, 6.7)
        Hostile::new(
            b"SM\r\n\r\n",
            vec![0, 0, 0, 4, 0, 0, 0, 0, 0],
            [0, 0, 8, 6, 0, 0, 0, 0, 0].repeat(1000),
        ),
    ];
    let mut targets = vec![spec(get(HttpVersion::One), healthy, PATIENT)];
    for server in &hostile {
        let versions = [HttpVersion::One, HttpVersion::Two];
        let specs = versions.map(|version| {
            let mut spec = spec(get(version), server.address, SHORT);
            spec.key = meridian::model::TargetKey(format!("{} {version:?}", server.address).into());
            spec
        });
        targets.extend(specs);
    }
    for target in &mut targets {
        Arc::make_mut(&mut target.monitor).interval = Duration::from_millis(50);
    }
    let key = targets[0].key.clone();
    let panic = Panic {
        share: 1.0,
        hold: Duration::ZERO,
        control: Vec::new(),
    };
    let (engine, mut changes) = Engine::start(Settings::new(panic), HashMap::new());
    engine.set_targets(targets);
    let fallen = Arc::new(Mutex::new(Vec::new()));
    let fell = Arc::clone(&fallen);
    let listening = tokio::spawn(async move {
        while let Some(batch) = changes.recv().await {
            let down = batch
                .into_iter()
                .filter(|change| change.health.verdict == Verdict::Down);
            fell.lock()
                .expect("unpoisoned")
                .extend(down.map(|change| change.key));
        }
    });
    let asked_on = async {
        let all_fell = || fallen.lock().expect("unpoisoned").len() >= 2 * hostile.len();
        while seen.all().len() < ASKED || !all_fell() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENT, asked_on).await;
    let fallen = fallen.lock().expect("unpoisoned");
    assert!(waited.is_ok(), "{} asked, {fallen:?}", seen.all().len());
    assert!(!fallen.contains(&key), "{fallen:?}");
    for server in &hostile {
        server.assert_bounded();
    }
    listening.abort();
}
