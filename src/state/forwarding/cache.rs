//! What is kept of responses, by all threads together.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName};
use moka::notification::RemovalCause;
use tokio::sync::watch;

/// Responses to one address that are kept at once, because requests differ in what `Vary` names.
const VARIANTS_MAX: usize = 16;
/// Octets that a response takes besides its body and headers.
const OVERHEAD: u64 = 512;
/// How long nobody waits for a response that was found not to be kept.
const PASSING: Duration = Duration::from_secs(60);
/// Addresses of which that is known.
const PASSING_MAX: u64 = 65_536;
/// Requests that wait for one that is under way.
const WAITING_MAX: usize = 1024;

/// Responses by the address that they are of; all of them take no more than its size. What is used least goes first.
#[derive(Debug)]
pub struct Cache {
    size: u64,
    kept: moka::sync::Cache<Key, Entry>,
    /// Addresses whose responses were not kept the last time.
    passing: moka::sync::Cache<(u64, Key), ()>,
    /// Requests under way whose responses others wait for.
    flights: Mutex<HashMap<Course, Arc<Flight>>>,
    /// Octets that bodies under way may take.
    under_way: AtomicU64,
    /// Addresses that made room for others.
    evicted: Arc<AtomicU64>,
}

/// What a request under way is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Course {
    /// Of the route that asks.
    pub space: u64,
    pub key: Key,
    /// Tells requests apart whose responses differ, as far as is known.
    pub variant: u64,
}

/// What a response is of (RFC 9111, 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub is_tls: bool,
    /// In lower case, without a port.
    pub host: Box<str>,
    /// The host as it was written, and as proxies wrote it: backends may make addresses of it.
    pub asked_for: Box<str>,
    /// Path and query, as the client asked for them.
    pub target: Box<str>,
}

/// The latest is the last.
pub type Entry = Arc<[Arc<Kept>]>;

/// A header of requests, and what it was: `None`: not there.
pub type Varying = (HeaderName, Option<Box<[u8]>>);

/// A response.
#[derive(Debug)]
pub struct Kept {
    /// Of the route that keeps it.
    pub space: u64,
    /// What requests must have to get it: by name, what the first one had (RFC 9111, 4.1).
    pub varies: Box<[Varying]>,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub terms: Terms,
}

/// How long it may be used (RFC 9111, 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// When it came.
    pub at: Instant,
    /// How old it was then.
    pub age: Duration,
    pub lifetime: Duration,
    /// For how long after that while it is asked for again, and when the backend fails.
    pub stale_while_revalidate: Duration,
    pub stale_if_error: Duration,
    /// Whether it must be asked for again before each use.
    pub no_cache: bool,
    /// Whether nobody may have it stale.
    pub must_revalidate: bool,
}

impl Course {
    /// The same of every variant.
    fn of_all(&self) -> (u64, Key) {
        (self.space, self.key.clone())
    }
}

impl Key {
    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

impl Kept {
    fn weight(&self) -> u64 {
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| name.as_str().len() + value.len() + 64)
            .sum();
        let varies = self.varies.iter().flat_map(|(_, value)| value);
        let varies: usize = varies.map(|value| value.len() + 64).sum();
        (self.body.len() + headers + varies) as u64 + OVERHEAD
    }
}

/// A request whose response others wait for.
#[derive(Debug)]
struct Flight {
    landed: watch::Receiver<()>,
    /// Whether what it brings is old already.
    is_void: AtomicBool,
}

/// Who fetches a response for the others.
#[derive(Debug)]
pub struct Pilot {
    cache: Arc<Cache>,
    course: Course,
    flight: Arc<Flight>,
    /// Octets of those under way that are its own.
    reserved: u64,
    /// Its end wakes those who wait.
    _landing: watch::Sender<()>,
}

/// How a response is come by.
#[derive(Debug)]
pub enum Boarding {
    /// By asking for it.
    Pilot(Pilot),
    /// By waiting for another request's end.
    Passenger(Passenger),
    /// By asking for it, for oneself: it will not be kept, or too many wait.
    Alone,
}

#[derive(Debug)]
pub struct Passenger(Arc<Flight>);

impl Passenger {
    /// Completes when the other request is through, whatever came of it.
    pub async fn landed(self) {
        let mut landed = self.0.landed.clone();
        // An error is the end of it.
        let _ = landed.changed().await;
    }
}

impl Cache {
    /// Of so many octets.
    pub fn new(size: u64) -> Self {
        let weigh = |key: &Key, entry: &Entry| {
            let of_key = (key.host.len() + key.asked_for.len() + key.target.len()) as u64;
            let weight = entry.iter().map(|kept| kept.weight()).sum::<u64>() + of_key;
            u32::try_from(weight).unwrap_or(u32::MAX)
        };
        let evicted = Arc::<AtomicU64>::default();
        let count = Arc::clone(&evicted);
        Cache {
            size,
            kept: moka::sync::Cache::builder()
                .max_capacity(size)
                .weigher(weigh)
                .eviction_listener(move |_, _, why| {
                    if why == RemovalCause::Size {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                })
                .build(),
            passing: moka::sync::Cache::builder()
                .max_capacity(PASSING_MAX)
                .time_to_live(PASSING)
                .build(),
            flights: Mutex::default(),
            under_way: AtomicU64::new(0),
            evicted,
        }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Octets that are kept, and addresses that they are of.
    pub fn used(&self) -> (u64, u64) {
        self.kept.run_pending_tasks();
        (self.kept.weighted_size(), self.kept.entry_count())
    }

    /// Addresses that made room for others, since it is there.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Responses to an address, of all routes.
    pub fn get(&self, key: &Key) -> Option<Entry> {
        self.kept.get(key)
    }

    /// Who shall ask for a response, when it is not there.
    pub fn board(self: &Arc<Self>, course: Course) -> Boarding {
        if self.passing.contains_key(&course.of_all()) {
            return Boarding::Alone;
        }
        let mut flights = self.flights();
        if let Some(flight) = flights.get(&course) {
            // One is the map's, one the pilot's.
            return match Arc::strong_count(flight) > WAITING_MAX + 2 {
                true => Boarding::Alone,
                false => Boarding::Passenger(Passenger(Arc::clone(flight))),
            };
        }
        let (landing, landed) = watch::channel(());
        let flight = Arc::new(Flight {
            landed,
            is_void: AtomicBool::new(false),
        });
        flights.insert(course.clone(), Arc::clone(&flight));
        Boarding::Pilot(Pilot {
            cache: Arc::clone(self),
            course,
            flight,
            reserved: 0,
            _landing: landing,
        })
    }

    /// Forgets all responses to an address, those that are under way as well (RFC 9111, 4.4).
    pub fn invalidate(&self, key: &Key) {
        let flights = self.flights();
        let of_key = flights.iter().filter(|(course, _)| course.key == *key);
        of_key.for_each(|(_, flight)| flight.is_void.store(true, Ordering::Relaxed));
        self.kept.invalidate(key);
    }

    /// The same for all addresses whose host and path are `meant`, whatever their query. How many there were.
    pub fn purge(&self, meant: impl Fn(&str, &str) -> bool) -> usize {
        {
            let flights = self.flights();
            let is_meant = |key: &Key| meant(&key.host, key.path());
            let under_way = flights.iter().filter(|(course, _)| is_meant(&course.key));
            under_way.for_each(|(_, flight)| flight.is_void.store(true, Ordering::Relaxed));
        }
        let keys = self.kept.iter().map(|(key, _)| key);
        let keys: Vec<Arc<Key>> = keys.filter(|key| meant(&key.host, key.path())).collect();
        keys.iter().for_each(|key| self.kept.invalidate(&**key));
        self.kept.run_pending_tasks();
        keys.len()
    }

    fn keep(&self, key: &Key, kept: Kept) {
        let kept = Arc::new(kept);
        let _ = self.kept.entry_by_ref(key).and_upsert_with(|entry| {
            let before = entry.map(moka::Entry::into_value).unwrap_or_default();
            let is_other =
                |other: &&Arc<Kept>| other.space != kept.space || other.varies != kept.varies;
            let others = before.iter().filter(is_other).cloned();
            let mut entry: Vec<Arc<Kept>> = others.collect();
            if entry.len() == VARIANTS_MAX {
                entry.remove(0);
            }
            entry.push(kept);
            entry.into()
        });
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Course, Arc<Flight>>> {
        // What it holds is right at any time.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pilot {
    /// Octets that all bodies under way may take together.
    pub fn room(&self) -> u64 {
        self.cache.size / 2
    }

    /// Asks for room for a body while it is under way.
    pub fn reserve(&mut self, octets: u64) -> bool {
        let before = self.cache.under_way.fetch_add(octets, Ordering::Relaxed);
        self.reserved += octets;
        before + octets <= self.room()
    }

    /// Keeps what came, unless it was made old in the meantime.
    pub fn keep(self, kept: Kept) {
        let flights = self.cache.flights();
        if !self.flight.is_void.load(Ordering::Relaxed) {
            self.cache.keep(&self.course.key, kept);
        }
        drop(flights);
    }

    /// What came is not to be kept: for a while, nobody waits for others any more.
    pub fn pass(self) {
        self.cache.passing.insert(self.course.of_all(), ());
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        self.cache
            .under_way
            .fetch_sub(self.reserved, Ordering::Relaxed);
        self.cache.flights().remove(&self.course);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(target: &str) -> Key {
        Key {
            is_tls: false,
            host: "a.example".into(),
            asked_for: "a.example".into(),
            target: target.into(),
        }
    }

    fn kept(body: usize, varies: &[(&'static str, &str)]) -> Kept {
        let varies = varies
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), Some(value.as_bytes().into())));
        Kept {
            space: 0,
            varies: varies.collect(),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: vec![0; body].into(),
            terms: Terms {
                at: crate::clock::now(),
                age: Duration::ZERO,
                lifetime: Duration::from_secs(60),
                stale_while_revalidate: Duration::ZERO,
                stale_if_error: Duration::ZERO,
                no_cache: false,
                must_revalidate: false,
            },
        }
    }

    fn course(space: u64, key: &Key, variant: u64) -> Course {
        Course {
            space,
            key: key.clone(),
            variant,
        }
    }

    fn pilot(cache: &Arc<Cache>, key: &Key) -> Pilot {
        match cache.board(course(0, key, 0)) {
            Boarding::Pilot(pilot) => pilot,
            other => panic!("{other:?}"),
        }
    }

    fn is_kept(cache: &Cache, key: &Key) -> bool {
        cache.get(key).is_some()
    }

    #[test]
    fn what_is_kept_takes_no_more_than_the_size() {
        let cache = Arc::new(Cache::new(1 << 20));
        for number in 0..1000 {
            let key = key(&format!("/{number}"));
            pilot(&cache, &key).keep(kept(10_000, &[]));
        }
        cache.kept.run_pending_tasks();
        let (octets, count) = cache.used();
        assert!(
            octets <= 1 << 20 && (50..=104).contains(&count),
            "{octets} {count}"
        );
        assert_eq!(cache.evicted(), 1000 - count);
    }

    #[test]
    fn variants_of_an_address_are_few_and_the_latest_counts() {
        let cache = Arc::new(Cache::new(1 << 20));
        let key = key("/");
        for number in 0..20 {
            pilot(&cache, &key).keep(kept(number, &[("accept", &number.to_string())]));
        }
        pilot(&cache, &key).keep(kept(100, &[("accept", "19")]));
        let bodies = cache.kept.get(&key).expect("an entry");
        let bodies: Vec<usize> = bodies.iter().map(|kept| kept.body.len()).collect();
        let expected: Vec<usize> = (4..19).chain([100]).collect();
        assert_eq!(bodies, expected);
    }

    #[test]
    fn one_asks_and_the_others_wait_unless_it_is_not_kept() {
        let cache = Arc::new(Cache::new(1 << 20));
        let key = key("/");
        let first = pilot(&cache, &key);
        let board = |space, variant| cache.board(course(space, &key, variant));
        assert!(matches!(board(0, 0), Boarding::Passenger(_)));
        assert!(matches!(board(1, 0), Boarding::Pilot(_)));
        assert!(matches!(board(0, 1), Boarding::Pilot(_)));
        first.pass();
        assert!(matches!(board(0, 0), Boarding::Alone));
        assert!(cache.flights().is_empty());
    }

    #[test]
    fn what_was_asked_for_before_it_was_made_old_is_not_kept() {
        let cache = Arc::new(Cache::new(1 << 20));
        let (a, b) = (key("/a"), key("/b?c"));
        let (of_a, of_b) = (pilot(&cache, &a), pilot(&cache, &b));
        cache.invalidate(&a);
        assert_eq!(cache.purge(|_, path| path == "/b"), 0);
        of_a.keep(kept(1, &[]));
        of_b.keep(kept(1, &[]));
        assert!(!is_kept(&cache, &a) && !is_kept(&cache, &b));
        pilot(&cache, &b).keep(kept(1, &[]));
        assert!(is_kept(&cache, &b));
        assert_eq!(
            cache.purge(|host, path| (host, path) == ("a.example", "/b")),
            1
        );
        assert!(!is_kept(&cache, &b));
    }
}
