//! Answering a query allocates nothing: held by an allocator that counts, per thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use meridian::compile::{self, Parts};
use meridian::dns::{Name, query, rtype};
use meridian::nameserver::answer::{Query, Transport, Worker, answer};
use meridian::nameserver::tcp::Limits;
use meridian::nameserver::{Nameserver, Settings};
use meridian::random::Random;
use meridian::state::feedback::SampleQueue;
use meridian::state::{EndpointHealth, Health, Publisher, Root};

/// The system's allocator, and how often each thread called it.
struct Counting;

thread_local! {
    // Constant and without a destructor, so that reading it allocates nothing itself.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// The kernel's id of a thread that runs no code of ours (0 for none), and how often it called.
static WATCHED: AtomicI32 = AtomicI32::new(0);
static WATCHED_CALLS: AtomicU64 = AtomicU64::new(0);

fn count() {
    CALLS.set(CALLS.get() + 1);
    let watched = WATCHED.load(Relaxed);
    if watched != 0 && watched == thread_id() {
        WATCHED_CALLS.fetch_add(1, Relaxed);
    }
}

fn thread_id() -> i32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::gettid() }
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count();
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` called the allocator on this thread (to take or to give back).
fn allocator_calls(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

const CONFIG: &str = r#"
[server]
allow_query = ["20.0.0.0/8", "127.0.0.0/8"]
[server.rate_limit]              # every answer is one of: sent, sent without its records
responses_per_second = 5
slip = 1
[server.identity]
nsid = "ns1"
version = "ns1"
[network.near]
prefixes = ["20.0.0.0/8", "2a00::/16"]
location = [50.0, 8.0]
[network.far]
prefixes = ["20.5.0.0/16", "2a00:5::/32"]
location = [40.0, -75.0]
[region.eu]
location = [50.0, 8.0]
[region.us]
location = [40.0, -75.0]
[pool.eu]
region = "eu"
endpoints = ["192.0.2.1", "192.0.2.2", "2001:db8:1::1", "2001:db8:1::2"]
[pool.us]
region = "us"
balance = "round-robin"
endpoints = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "2001:db8:2::1"]
[policy.world]
geo = ["eu", "us"]
[policy.mixed]
weighted = { world = 3, us = 1 }
[policy.turns]
round-robin = ["eu", "us"]
[zone."example.com"]
file = "example.com.zone"
[zone."example.com".balanced]
www = { policy = "world" }
"*.app" = { policy = "mixed", answers = 3 }
turns = { policy = "turns" }
[zone."full.example.com"]
file = "full.zone"
responses = "full"
rrset_order = "rotated"
[zone."full.example.com".balanced]
www = { policy = "world" }
"#;

const FULL_ZONE: &str = "
$TTL 300
@       SOA   ns1 hostmaster 1 7200 900 1209600 60
@       NS    ns1
@       NS    ns2
@       MX    10 mail
@       MX    20 ns1
ns1     A     192.0.2.53
ns2     A     198.51.100.53
mail    A     192.0.2.25
mail    A     192.0.2.26
mail    A     192.0.2.27
svc     HTTPS 1 mail
www     HTTPS 1 . alpn=h2 ech=AAAA
www     HTTPS 2 www port=8443
@       NS    www
";

const ZONE: &str = "
$TTL 300
@       SOA   ns1 hostmaster 1 7200 900 1209600 60
@       NS    ns1
@       NS    ns2
@       MX    10 mail
ns1     A     192.0.2.53
ns2     A     198.51.100.53
mail    A     192.0.2.25
*.pages A     192.0.2.90
first   CNAME second
second  CNAME www
circle  CNAME circle
moved   DNAME new
a.new   CNAME b.moved
b.new   CNAME www
turn    DNAME turn
*.app   HTTPS 1 . alpn=h3
to-app  HTTPS 1 x.app
to-www  HTTPS 0 www
www     HTTPS 1 turns
via     CNAME to-app
www     MX    10 turns
lab     NS    ns.lab
lab     NS    ns1
ns.lab  A     192.0.2.153
";

/// Static records of every kind, and names that are balanced over two regions.
fn parts() -> Parts {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meridian.toml");
    // Longer than 512 octets.
    let long = format!(
        "long TXT {}\n",
        format!("\"{}\" ", "x".repeat(200)).repeat(3)
    );
    fs::write(&path, CONFIG).unwrap();
    fs::write(
        folder.path().join("example.com.zone"),
        ZONE.to_owned() + &long,
    )
    .unwrap();
    fs::write(folder.path().join("full.zone"), FULL_ZONE).unwrap();
    match compile::load(&path, None) {
        Ok((whole, _)) => whole.parts,
        Err(mistakes) => panic!("{:?}", mistakes.sorted()),
    }
}

/// Everything is up.
fn root_of(parts: &Parts, generation: u64) -> Root {
    let health = Health::new(&parts.pools, |_| EndpointHealth::UNWATCHED);
    parts.root(generation, Arc::new(health))
}

/// What the header of an answer says.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Header {
    /// The lower bits of RCODE.
    rcode: u8,
    is_truncated: bool,
    /// Whether the answer section is not empty.
    has_answer: bool,
}

impl Header {
    fn of(reply: &[u8]) -> Self {
        Header {
            rcode: reply[3] & 0x0f,
            is_truncated: reply[2] & 0x02 != 0,
            has_answer: reply[7] != 0,
        }
    }
}

const ANSWER: Header = Header {
    rcode: 0,
    is_truncated: false,
    has_answer: true,
};
const EMPTY: Header = Header {
    has_answer: false,
    ..ANSWER
};
const TRUNCATED: Header = Header {
    is_truncated: true,
    ..EMPTY
};

const fn error(rcode: u8) -> Header {
    Header { rcode, ..EMPTY }
}

type Subnet<'a> = Option<(&'a str, u8)>;

fn ask(name: &str, rtype: u16, subnet: Subnet<'_>) -> Vec<u8> {
    let name = Name::parse(&format!("{name}.example.com")).unwrap();
    let subnet = subnet.map(|(address, source)| (address.parse().unwrap(), source));
    query::compose(7, &name, rtype, subnet)
}

fn changed(mut query: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    change(&mut query);
    query
}

/// Queries of every kind, and what shows that the answer is of that kind.
fn mixed() -> Vec<(Vec<u8>, Header)> {
    const PRIVACY: Subnet<'_> = Some(("0.0.0.0", 0));
    const CLIENTS: [Subnet<'_>; 7] = [
        None,
        PRIVACY,
        Some(("20.1.2.0", 24)),
        Some(("20.5.2.0", 24)),
        Some(("10.1.1.0", 24)),
        Some(("2a00:1::", 48)),
        Some(("2a00:5:5::", 56)),
    ];
    let plain = ask("www", rtype::A, None);
    let with_opt = ask("www", rtype::A, PRIVACY);
    // Behind VERSION stand FLAGS, RDLENGTH and 8 octets of RDATA.
    let version_at = with_opt.len() - 13;
    let mut queries = vec![
        (ask("mail", rtype::A, None), ANSWER),
        (ask("mail", rtype::A, CLIENTS[2]), ANSWER),
        (ask("mail", rtype::ANY, None), ANSWER),
        (ask("www", rtype::ANY, None), ANSWER),
        (ask("turns", rtype::ANY, None), ANSWER),
        (ask("any.thing.pages", rtype::A, None), ANSWER),
        (ask("circle", rtype::A, None), ANSWER),
        (ask("a.moved", rtype::A, CLIENTS[2]), ANSWER),
        (ask("x.turn", rtype::A, None), ANSWER),
        (ask("mail.full", rtype::A, None), ANSWER),
        (ask("full", rtype::MX, None), ANSWER),
        (ask("svc.full", rtype::HTTPS, None), ANSWER),
        (ask("www.full", rtype::A, None), ANSWER),
        (ask("www.full", rtype::HTTPS, None), ANSWER),
        (ask("www", rtype::MX, None), ANSWER),
        (ask("mail", rtype::AAAA, None), EMPTY),
        (ask("host.lab", rtype::A, None), EMPTY),
        (ask("long", rtype::TXT, None), TRUNCATED),
        (ask("nothing", rtype::A, None), error(3)),
        (ask("www", rtype::AXFR, None), error(5)),
        (changed(plain.clone(), |query| query[2] |= 4 << 3), error(4)),
        (changed(plain, |query| query.truncate(20)), error(1)),
        (changed(with_opt, |query| query[version_at] = 1), error(0)),
    ];
    queries.extend(asking_for_more());
    for name in ["www", "x.app", "turns", "first"] {
        for client in CLIENTS {
            queries.push((ask(name, rtype::A, client), ANSWER));
            queries.push((ask(name, rtype::AAAA, client), ANSWER));
        }
    }
    for name in ["x.app", "to-app", "to-www", "www", "via"] {
        for client in CLIENTS {
            queries.push((ask(name, rtype::HTTPS, client), ANSWER));
        }
    }
    queries
}

/// Queries for what the server says of itself, with cookies, and signed.
fn asking_for_more() -> Vec<(Vec<u8>, Header)> {
    const OPTIONS: &[u8] = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x14\
        \x00\x03\x00\x00\x00\x0a\x00\x08\x01\x02\x03\x04\x05\x06\x07\x08\x00\x0b\x00\x00";
    const SIGNATURE: &[u8] = b"\x03key\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x1f\
        \x0bhmac-sha256\x00\x00\x00\x5c\xf7\x9f\x11\x01\x2c\x00\x02ab\x12\x34\x00\x00\x00\x00";
    let with = |query: &[u8], record: &[u8]| {
        let mut query = [query, record].concat();
        query[11] += 1;
        query
    };
    let chaos = Name::parse("version.bind").unwrap();
    let mut chaos = query::compose(7, &chaos, rtype::TXT, None);
    *chaos.last_mut().unwrap() = 3;
    let mail = ask("mail", rtype::A, None);
    vec![
        (with(&mail, OPTIONS), ANSWER),
        (with(&mail, SIGNATURE), error(9)),
        (with(&with(&mail, OPTIONS), SIGNATURE), error(9)),
        (chaos, ANSWER),
    ]
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocator_calls(|| ()), 0);
    assert_eq!(allocator_calls(|| drop(std::hint::black_box(vec![1]))), 2);
}

#[test]
fn a_million_mixed_queries_allocate_nothing() {
    const QUERIES: usize = 1_000_000;
    let root = root_of(&parts(), 1);
    let samples = SampleQueue::new(64);
    let mut worker = Worker::new(Random::from_seed(1), Some(Arc::clone(&samples)));
    worker.fit(&root);
    let queries = mixed();
    let mut reply = vec![0; 1232];
    let mut answer = |number: usize| {
        let (message, expected) = &queries[number % queries.len()];
        let query = Query {
            message,
            peer: IpAddr::V4(Ipv4Addr::new(20, 5, 0, 1)),
            transport: Transport::Udp { payload_max: 1232 },
        };
        let len = answer(&mut worker, &root, &query, &mut reply).unwrap();
        assert_eq!(Header::of(&reply[..len]), *expected, "query {number}");
        // So that the queue is sometimes full and sometimes not.
        if number.is_multiple_of(1024) {
            while samples.take().is_some() {}
        }
    };
    let calls = allocator_calls(|| (0..QUERIES).for_each(&mut answer));
    assert_eq!(calls, 0);
}

#[test]
fn what_is_no_query_allocates_nothing() {
    let root = root_of(&parts(), 1);
    let mut worker = Worker::new(Random::from_seed(1), None);
    worker.fit(&root);
    let mut reply = vec![0; 65_535];
    for message in [&b""[..], b"\x12\x34", &[0xff; 12], &[0; 12], &[0xff; 512]] {
        let query = Query {
            message,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            transport: Transport::Tcp { payload_max: 1232 },
        };
        let calls = allocator_calls(|| {
            answer(&mut worker, &root, &query, &mut reply);
        });
        assert_eq!(calls, 0, "{message:02x?}");
    }
}

#[test]
fn a_udp_thread_allocates_nothing_and_frees_no_root() {
    const ROUNDS: u64 = 300;
    let parts = parts();
    let mut publisher = Publisher::new(root_of(&parts, 1));
    let nameserver = start(&publisher);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(nameserver.local_addrs()[0]).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let queries = mixed();
    let mut reply = [0; 1232];
    // All at once, so that the thread takes several with one call.
    let mut ask_all = || {
        for (query, _) in &queries {
            client.send(query).unwrap();
        }
        for _ in &queries {
            client.recv(&mut reply).unwrap();
        }
    };
    ask_all();

    assert_eq!(
        watched_calls(thread_id(), || drop(std::hint::black_box(vec![1]))),
        2
    );
    let calls = watched_calls(thread_named("udp-0"), || {
        for round in 0..ROUNDS {
            publisher.publish(root_of(&parts, 2 + round));
            ask_all();
        }
    });
    assert_eq!(calls, 0);
    nameserver.stop(Duration::ZERO);
}

fn start(publisher: &Publisher) -> Nameserver {
    let settings = Settings {
        listen: vec![([127, 0, 0, 1], 0).into()],
        udp_threads: Some(1),
        udp_payload_max: 1232,
        tcp: Limits {
            connections_max: 1,
            per_client_max: 1,
            idle_timeout: Duration::from_secs(1),
        },
        seed: Some(1),
        samples: Some(SampleQueue::new(64)),
    };
    let bound = Nameserver::bind(settings).unwrap();
    bound.start(publisher.reader()).unwrap()
}

/// How often the thread with this id called the allocator during `work`.
fn watched_calls(thread: i32, work: impl FnOnce()) -> u64 {
    let before = WATCHED_CALLS.load(Relaxed);
    WATCHED.store(thread, Relaxed);
    work();
    WATCHED.store(0, Relaxed);
    WATCHED_CALLS.load(Relaxed) - before
}

/// The kernel's id of this process' thread with this name.
fn thread_named(name: &str) -> i32 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let is_named = |task: &fs::DirEntry| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    };
    let task = tasks
        .into_iter()
        .find(is_named)
        .expect("a thread of that name");
    task.file_name().to_str().unwrap().parse().unwrap()
}
