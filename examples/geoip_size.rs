//! What a City-sized database costs: time and memory by part.
//!
//! ```sh
//! cargo run --release --example geoip_size                      # six million networks
//! cargo run --release --example geoip_size -- 0 6000000         # all of them IPv6
//! cargo run --release --example geoip_size -- GeoLite2-City.mmdb
//! ```

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use maxminddb::Reader;
use meridian::compile::maps::compile_maps;
use meridian::config::{self, Config, Diagnostics};
use meridian::geoip;
use meridian::geoip::synth::{SynthPlan, synth};

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = database(folder.path());
    let bytes = fs::metadata(&database).expect("a database").len();
    println!("{}: {:.1} MB", database.display(), mb(bytes as usize));

    // Whatever was needed to make the database does not count.
    reset_peak();
    println!("                              wall      CPU     peak     kept (resident)");
    let config = configuration(folder.path(), &database, 1);
    // These two are parts of the third.
    let file = part("read the file", || fs::read(&database).expect("a file"));
    part("the reader's own verifier", || {
        let reader = Reader::from_source(file.as_slice()).expect("a database");
        reader.verify().expect("a sound database");
    });
    drop(file);
    let mut diagnostics = Diagnostics::new();
    let world = part("read, verify, ranges", || {
        geoip::load(&config, &mut diagnostics)
    });
    assert!(!diagnostics.has_errors(), "{:?}", diagnostics.sorted());
    for count in [1, 10] {
        let config = configuration(folder.path(), &database, count);
        let maps = part(&format!("compile, maps: {count}"), || {
            compile_maps(&config, &world).expect("maps within their limits")
        });
        let tables = maps.maps.iter().map(|map| &map.table);
        let (runs, bytes) = tables.fold((0, 0), |(runs, bytes), table| {
            (runs + table.run_count(), bytes + table.bytes())
        });
        println!("  tables: {runs} runs, {:.1} MB", mb(bytes));
    }
    let ranges = world.v4.len() + world.v6.len();
    println!(
        "  world: {ranges} ranges, {} locations",
        world.locations.len()
    );
    let again = part("reload beside the old world", || {
        geoip::load(&config, &mut diagnostics)
    });
    assert_eq!(again.locations.len(), world.locations.len());
}

/// The file that the arguments name, or one of as many networks as they say.
fn database(folder: &Path) -> PathBuf {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &str| text.parse().expect("a number of networks");
    let (ipv4_networks, ipv6_networks) = match arguments.as_slice() {
        [] => (3_700_000, 2_300_000),
        [file] => return PathBuf::from(file),
        [ipv4, ipv6, ..] => (number(ipv4), number(ipv6)),
    };
    let plan = SynthPlan {
        ipv4_networks,
        ipv6_networks,
        seed: 1,
    };
    let path = folder.join("synthetic.mmdb");
    part("make the database up", || {
        synth(&plan, &path).expect("a file")
    });
    path
}

/// Twelve regions around the world, and policies that each leave another one out, so that each needs
/// a map of its own.
fn configuration(folder: &Path, database: &Path, maps: usize) -> Config {
    let places = [
        ("fra", "50.11, 8.68"),
        ("lon", "51.51, -0.13"),
        ("waw", "52.23, 21.01"),
        ("iad", "39.04, -77.49"),
        ("ord", "41.88, -87.63"),
        ("pdx", "45.60, -121.20"),
        ("gru", "-23.55, -46.63"),
        ("jnb", "-26.20, 28.05"),
        ("bom", "19.08, 72.88"),
        ("sin", "1.35, 103.82"),
        ("nrt", "35.68, 139.69"),
        ("syd", "-33.87, 151.21"),
    ];
    let mut text =
        format!("[server]\nlisten = [\"127.0.0.1:5300\"]\n[geoip]\ndatabases = [{database:?}]\n");
    for (name, place) in places {
        let _ = write!(
            text,
            "[region.{name}]\nlocation = [{place}]\n\
             [pool.{name}]\nregion = \"{name}\"\nendpoints = [\"192.0.2.1\"]\n"
        );
    }
    for map in 0..maps {
        let others = places.iter().enumerate().filter(|(index, _)| *index != map);
        let pools: Vec<_> = others.map(|(_, (name, _))| *name).collect();
        let _ = write!(text, "[policy.p{map}]\ngeo = {pools:?}\n");
    }
    let path = folder.join("meridian.toml");
    fs::write(&path, text).expect("a temporary folder");
    config::load(&path)
        .unwrap_or_else(|refused| panic!("{:?}", refused.diagnostics.sorted()))
        .config
}

/// Runs a part, and prints what it cost.
fn part<T>(name: &str, run: impl FnOnce() -> T) -> T {
    reset_peak();
    let (wall, cpu) = (Instant::now(), cpu_s());
    let result = run();
    println!(
        "{name:28} {:6.2} s {:6.2} s {:5.0} MB {:5.0} MB",
        wall.elapsed().as_secs_f64(),
        cpu_s() - cpu,
        status_kb("VmHWM:") / 1e3,
        status_kb("VmRSS:") / 1e3,
    );
    result
}

fn mb(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// User and system time of this process; 0 where there is no /proc.
fn cpu_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_whitespace().skip(11).take(2);
    // In ticks of a hundredth of a second, on every machine that Linux is built for.
    fields
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn status_kb(key: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0.0)
}

/// The peak begins again at what is resident now.
fn reset_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}
