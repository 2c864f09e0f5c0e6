//! How long a configuration of many names takes to load, and how much memory the names take: made,
//! loaded and asked here, with figures by part.
//!
//! ```sh
//! cargo run --release --example scale                     # 1,000,000 names in 10,000 zones
//! cargo run --release --example scale -- --zones 1        # the same in one zone
//! cargo run --release --example scale -- --keep /tmp/big  # leaves the files there, to serve
//! ```

#[path = "common/regions.rs"]
mod regions;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use hickory_proto::op::Message;
use meridian::compile::zone::BalancedSpec;
use meridian::compile::{self, maps, pools, zone, zonefile};
use meridian::config::{self, Config, Diagnostics};
use meridian::dns::{MESSAGE_LEN_MAX, Name, query, rtype};
use meridian::geoip;
use meridian::nameserver::answer::{DEFAULT_PAYLOAD, Query, Transport, Worker, answer};
use meridian::random::Random;
use meridian::state::{EndpointHealth, Health, Root, Zone};
use regions::REGIONS;

#[derive(Parser)]
struct Arguments {
    /// Static names with an address each, in all
    #[arg(long, default_value_t = 1_000_000)]
    names: usize,
    /// Balanced names in all
    #[arg(long, default_value_t = 100_000)]
    balanced: usize,
    #[arg(long, default_value_t = 10_000)]
    zones: usize,
    /// In pools of four
    #[arg(long, default_value_t = 20_000)]
    endpoints: usize,
    /// Where to write the files, and to leave them
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Write them only
    #[arg(long)]
    only_write: bool,
}

const POOL_SIZE: usize = 4;

/// The system's allocator, and how many octets each thread has taken from it.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    // Constant and without a destructor, so that reading it allocates nothing itself. Not shared, so
    // that threads do not wait for one another here.
    static TAKEN: Cell<isize> = const { Cell::new(0) };
}

fn take(octets: isize) {
    TAKEN.set(TAKEN.get() + octets);
}

// SAFETY: every call is passed on to the system's allocator as it came.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        take(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        take(size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

fn main() -> Result<(), String> {
    let arguments = Arguments::parse();
    let temporary = std::env::temp_dir().join(format!("meridian-scale-{}", std::process::id()));
    let folder = arguments.keep.clone().unwrap_or_else(|| temporary.clone());
    let outcome = write(&folder, &arguments)
        .map_err(|e| format!("{}: {e}", folder.display()))
        .and_then(|()| match arguments.only_write {
            true => Ok(()),
            false => run(&folder.join("meridian.toml"), &arguments),
        });
    let _ = fs::remove_dir_all(&temporary);
    outcome
}

fn run(path: &Path, arguments: &Arguments) -> Result<(), String> {
    by_part(path)?;
    let (whole, seconds) = timed(|| compile::load(path, None));
    let (whole, _) = whole.map_err(|mistakes| listed(&mistakes))?;
    println!("everything at once, as `check` and `serve` load it: {seconds:.2} s");
    if let Some(octets) = peak() {
        println!("most memory in use so far: {} MiB", octets >> 20);
    }
    let health = Health::new(&whole.parts.pools, |_| EndpointHealth::UNKNOWN);
    let root = whole.parts.root(1, Arc::new(health));
    ask(&root, arguments)
}

/// Each part of a load alone, one after the other.
fn by_part(path: &Path) -> Result<(), String> {
    let (config, seconds) = timed(|| config::load(path));
    let config = config
        .map_err(|refused| listed(&refused.diagnostics))?
        .config;
    println!("configuration: {seconds:.2} s");
    let mut diagnostics = Diagnostics::new();
    let (world, seconds) = timed(|| geoip::load(&config, &mut diagnostics));
    println!("databases: {seconds:.2} s");
    zones(&config)?;
    let (maps, seconds) = timed(|| maps::compile_maps(&config, &world));
    let maps = maps.map_err(|mistakes| listed(&mistakes))?;
    println!("{} maps: {seconds:.2} s", maps.maps.len());
    let map = |id: meridian::model::MapId| &*maps.maps[id.index()];
    let (compiled, seconds) = timed(|| pools::compile(&config, &maps.by_policy, map));
    let pools = compiled.pools;
    println!(
        "{} pools with {} endpoints, {} policies: {seconds:.2} s",
        pools.pools.len(),
        pools.endpoints.len(),
        pools.policies.len()
    );
    Ok(())
}

/// Reads and compiles the zones on one core, one after the other.
fn zones<'c>(config: &'c Config) -> Result<(), String> {
    let (mut reading, mut compiling) = (0.0, 0.0);
    let (mut zones, mut taken, mut names): (Vec<Zone>, _, _) = (Vec::new(), 0, 0);
    for source in &config.zones {
        let mut diagnostics = Diagnostics::new();
        let owners = source.balanced.iter().map(|b| b.owner.clone().into());
        let owners: Vec<_> = owners.collect();
        let (records, seconds) =
            timed(|| zonefile::read(&source.file.value, &source.apex, &owners, &mut diagnostics));
        reading += seconds;
        let records = records.ok_or_else(|| listed(&diagnostics))?;
        let spec = |b: &'c config::Balanced| BalancedSpec {
            owner: &b.owner,
            policy: &config.policies[b.policy.index()].name,
            ttl: b.ttl,
            answers: b.answers,
        };
        let balanced: Vec<_> = source.balanced.iter().map(spec).collect();
        let settings = zone::Settings {
            client_subnet: source.client_subnet,
            responses: source.responses,
            rrset_order: source.rrset_order,
        };
        let before = TAKEN.get();
        let (zone, seconds) = timed(|| zone::build(&source.apex, settings, &records, &balanced));
        compiling += seconds;
        let zone = zone.map_err(|refused| refused.message)?;
        taken += TAKEN.get() - before;
        names += zone.node_count();
        zones.push(zone);
    }
    println!(
        "{} zones, reading, on one core: {reading:.2} s",
        zones.len()
    );
    println!(
        "{} zones, compiling, on one core: {compiling:.2} s",
        zones.len()
    );
    println!(
        "{names} names take {} octets each",
        taken / names.cast_signed()
    );
    Ok(())
}

fn timed<T>(part: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let it = part();
    (it, start.elapsed().as_secs_f64())
}

fn listed(mistakes: &Diagnostics) -> String {
    mistakes
        .iter()
        .take(20)
        .map(|mistake| format!("{mistake}\n"))
        .collect()
}

/// The most memory that the process had in use, in octets.
fn peak() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix(" kB")?
        .trim()
        .parse::<usize>()
        .ok()
        .map(|kib| kib << 10)
}

/// Asks a sample of the names, and compares.
fn ask(root: &Root, arguments: &Arguments) -> Result<(), String> {
    let mut worker = Worker::new(Random::from_seed(1), None);
    worker.fit(root);
    let mut reply = vec![0; MESSAGE_LEN_MAX];
    let mut ask = |name: String| -> Result<Vec<IpAddr>, String> {
        let question = Name::parse(&name).map_err(|e| format!("{name}: {e}"))?;
        let message = query::compose(1, &question, rtype::A, None);
        let asked = Query {
            message: &message,
            peer: IpAddr::V4(Ipv4Addr::new(193, 0, 0, 1)),
            transport: Transport::Udp {
                payload_max: DEFAULT_PAYLOAD,
            },
        };
        let length = answer(&mut worker, root, &asked, &mut reply).unwrap_or(0);
        let decoded = Message::from_vec(&reply[..length]).map_err(|e| e.to_string())?;
        Ok(decoded
            .answers
            .iter()
            .filter_map(|record| record.data.ip_addr())
            .collect())
    };
    let every = |n: usize| (0..n).step_by((n / 10_000).max(1));
    for i in every(arguments.names) {
        let name = format!("host{}.{}", i / arguments.zones, apex(i % arguments.zones));
        let found = ask(name.clone())?;
        if found != [IpAddr::V4(address(i))] {
            return Err(format!("{name}: {found:?} instead of {}", address(i)));
        }
    }
    for i in every(arguments.balanced) {
        let name = format!("app{}.{}", i / arguments.zones, apex(i % arguments.zones));
        let found = ask(name.clone())?;
        if found.is_empty() {
            return Err(format!("{name}: no address"));
        }
    }
    println!("a sample of the names is answered as it should be");
    Ok(())
}

fn apex(zone: usize) -> String {
    format!("zone{zone}.example")
}

/// The address of a static name.
fn address(name: usize) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + name as u32)
}

/// Names and zones that differ in nothing but number; zones are found by their files, and the balanced
/// names of a hundred zones stand in a file each.
fn write(folder: &Path, arguments: &Arguments) -> std::io::Result<()> {
    for name in ["zones", "conf.d"] {
        fs::create_dir_all(folder.join(name))?;
    }
    let pools = arguments.endpoints / POOL_SIZE;
    fs::write(folder.join("meridian.toml"), settings())?;
    fs::write(folder.join("conf.d/pools.toml"), pools_and_policies(pools))?;
    let numbers: Vec<_> = (0..arguments.zones).collect();
    for zones in numbers.chunks(100) {
        let mut text = String::new();
        for &zone in zones {
            let _ = writeln!(text, "[zone.\"{}\".balanced]", apex(zone));
            for name in (zone..arguments.balanced).step_by(arguments.zones) {
                let (number, policy) = (name / arguments.zones, name % pools);
                let _ = writeln!(text, "app{number} = {{ policy = \"g{policy}\" }}");
            }
            let file = folder.join(format!("zones/{}.zone", apex(zone)));
            fs::write(file, zone_text(zone, arguments))?;
        }
        fs::write(folder.join(format!("conf.d/zones{}.toml", zones[0])), text)?;
    }
    Ok(())
}

fn settings() -> String {
    let database = Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip/sample.mmdb");
    let mut text = format!(
        "include = \"conf.d/*.toml\"\n\
         [server]\nlisten = [\"127.0.0.1:5399\"]\nstartup_grace = \"0s\"\nstate_dir = \"state\"\n\
         [geoip]\ndatabases = {database:?}\n\
         [monitor.port]\ntcp = true\nport = 9\ninterval = \"1h\"\n\
         [zones]\nfiles = [\"zones/*.zone\"]\n"
    );
    for (name, latitude, longitude) in REGIONS {
        let _ = writeln!(
            text,
            "[region.{name}]\nlocation = [{latitude:?}, {longitude:?}]"
        );
    }
    text
}

/// Each policy is over five neighbouring pools, and so over five regions: ten maps in all.
fn pools_and_policies(pools: usize) -> String {
    let mut text = String::new();
    for pool in 0..pools {
        let region = REGIONS[pool % REGIONS.len()].0;
        let address = |i| Ipv4Addr::from(0x7f01_0000 + (pool * POOL_SIZE + i) as u32);
        let endpoints: Vec<_> = (0..POOL_SIZE)
            .map(|i| format!("\"{}\"", address(i)))
            .collect();
        let endpoints = endpoints.join(", ");
        let _ = writeln!(
            text,
            "[pool.p{pool}]\nregion = \"{region}\"\nmonitor = \"port\"\nendpoints = [{endpoints}]"
        );
        let members: Vec<_> = (0..5)
            .map(|i| format!("\"p{}\"", (pool + i) % pools))
            .collect();
        let _ = writeln!(text, "[policy.g{pool}]\ngeo = [{}]", members.join(", "));
    }
    text
}

fn zone_text(zone: usize, arguments: &Arguments) -> String {
    let mut text = String::from(
        "$TTL 300\n@ SOA ns1 hostmaster 1 7200 1800 1209600 60\n@ NS ns1\nns1 A 192.0.2.53\n",
    );
    for name in (zone..arguments.names).step_by(arguments.zones) {
        let _ = writeln!(text, "host{} A {}", name / arguments.zones, address(name));
    }
    text
}
