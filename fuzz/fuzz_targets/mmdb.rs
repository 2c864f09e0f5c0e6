//! Any octets as a GeoIP database: no panic, and a world of sorted, disjoint ranges.
#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use meridian::config::{At, Diagnostics, GeoIp, Place};
use meridian::geoip;

fuzz_target!(|database: &[u8]| {
    let path = path();
    std::fs::write(path, database).expect("a temporary folder that can be written to");
    let sources = GeoIp {
        databases: vec![At {
            value: path.clone(),
            place: Place::file(path),
        }],
        feeds: Vec::new(),
        depth: 3,
    };
    let mut diagnostics = Diagnostics::new();
    let world = geoip::load_sources(&sources, &[], &mut diagnostics);
    assert!(world == geoip::World::default() || !diagnostics.has_errors());
    assert!(world.v4.windows(2).all(|pair| pair[0].end < pair[1].start));
    assert!(world.v6.windows(2).all(|pair| pair[0].end < pair[1].start));
});

/// Databases are read from files; in memory where the machine has a file system for that.
fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let folder = match memory.is_dir() {
            true => memory,
            false => std::env::temp_dir(),
        };
        folder.join(format!("meridian-fuzz-{}.mmdb", std::process::id()))
    })
}
