//! Databases replaced while queries come in: every query is answered, by what was there before or by
//! what came after, and never by what was refused in between.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use meridian::testing::TestServer;

use super::*;

const ZONE: &str = "@ 60 SOA ns admin 1 7200 1800 1209600 60\n@ 60 NS ns\nns 60 A 192.0.2.53\n";
const EUROPE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const AMERICA: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

fn config(database: &Path) -> String {
    format!(
        r#"
        geoip.databases = {database:?}
        region.eu = {{ location = [50.11, 8.68], serves = ["country:DE"] }}
        region.us = {{ location = [39.04, -77.49], serves = ["country:US"] }}
        pool.eu = {{ region = "eu", endpoints = ["{EUROPE}"] }}
        pool.us = {{ region = "us", endpoints = ["{AMERICA}"] }}
        policy.world = {{ geo = ["eu", "us"] }}
        [zone."example.com"]
        file = "example.com.zone"
        balanced.www = {{ policy = "world" }}
        "#
    )
}

/// Where the client is answered from.
fn ask(server: &TestServer) -> IpAddr {
    let answer = server.query("www.example.com", "A", Some("20.1.2.0/24"));
    answer.expect("an answer to every query").addresses[0]
}

/// Asks again and again, until the answer is this one.
fn until_answered(server: &TestServer, address: IpAddr) {
    let begin = Instant::now();
    while ask(server) != address {
        assert!(begin.elapsed() < Duration::from_secs(60), "never {address}");
    }
}

/// Longer than it takes to notice a file and to read it.
fn let_it_be_noticed() {
    thread::sleep(Duration::from_millis(700));
}

#[test]
fn no_query_is_lost_and_only_sound_databases_take_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    let rename_over = |bytes: &[u8]| {
        let aside = folder.path().join("aside");
        fs::write(&aside, bytes).unwrap();
        fs::rename(&aside, &path).unwrap();
    };
    let germany = mmdb(&[("20.0.0.0/8", coded("DE"))]);
    let america = mmdb(&[("20.0.0.0/8", coded("US")), ("2a00::/12", coded("US"))]);
    fs::write(&path, &germany).unwrap();
    let server = TestServer::start(&config(&path), &[("example.com.zone", ZONE)]).unwrap();
    assert_eq!(ask(&server), EUROPE);

    let stop = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let address = ask(&server);
                    assert!([EUROPE, AMERICA].contains(&address), "{address}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        rename_over(&america);
        until_answered(&server, AMERICA);
        // Cut short and written over where it lies, which a mapped file would not survive.
        for length in [america.len() - 1, america.len() / 2, 0] {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(length as u64).unwrap();
            drop(file);
            let_it_be_noticed();
            assert_eq!(ask(&server), AMERICA);
        }
        let domains = mmdb(&[("20.0.0.0/8", Value::map([("domain", Value::from("x"))]))]);
        for refused in [&b"no database"[..], &domains, &germany[..100]] {
            rename_over(refused);
            let_it_be_noticed();
            assert_eq!(ask(&server), AMERICA);
        }
        fs::remove_file(&path).unwrap();
        let_it_be_noticed();
        assert_eq!(ask(&server), AMERICA);
        // A sound one takes over again, also a larger one written in place.
        let networks: Vec<_> = (0..200).map(|i| (format!("30.{i}.0.0/16"), "FR")).collect();
        let mut grown: Vec<_> = networks
            .iter()
            .map(|(network, code)| (network.as_str(), coded(code)))
            .collect();
        grown.push(("20.0.0.0/8", coded("DE")));
        fs::write(&path, mmdb(&grown)).unwrap();
        until_answered(&server, EUROPE);
        stop.store(true, Ordering::Relaxed);
    });
    assert!(answered.load(Ordering::Relaxed) > 100);
}
