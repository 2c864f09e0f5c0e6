//! Who has registered, and how does that outlive a restart? In `registrations.json` in the state folder.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Leave, Order, Registration};
use crate::durable;

/// The version of the format.
const VERSION: u32 = 1;

/// Those that have registered, by pool in the order in which they came. What it is told holds at once; who tells it has
/// it [saved](Book::page).
#[derive(Debug, Default)]
pub struct Book {
    pools: Arc<BTreeMap<String, Vec<Registration>>>,
    /// None: they end with the server.
    path: Option<PathBuf>,
}

/// What a book says at a time, to be saved aside.
pub struct Page {
    pools: Arc<BTreeMap<String, Vec<Registration>>>,
    path: PathBuf,
}

/// What an order has changed but for the end of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Joined,
    /// Its weight, or whether it drains.
    Terms,
    /// Nothing: the lease was renewed.
    Nothing,
}

#[derive(Deserialize)]
struct Contents {
    version: u32,
    registrations: Vec<Registration>,
}

#[derive(Serialize)]
struct Written<'b> {
    version: u32,
    registrations: Vec<&'b Registration>,
}

impl Page {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file. Takes as long as the disk does.
    ///
    /// # Errors
    /// What the system says; the file is what it was.
    pub fn save(&self) -> io::Result<()> {
        let contents = Written {
            version: VERSION,
            registrations: self.pools.values().flatten().collect(),
        };
        durable::replace(&self.path, &serde_json::to_vec_pretty(&contents)?)
    }
}

/// Where the registrations of a state folder are.
pub fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join("registrations.json")
}

impl Book {
    /// With what is saved at `path`, but for leases that have ended since; `None`: nothing is saved. No lease is longer
    /// from now on than it was asked for, whatever the clock was when it was saved.
    ///
    /// # Errors
    /// In words, when there is a file that cannot be read: to go on without it would empty pools.
    pub fn open(path: Option<PathBuf>, now_unix_ms: u64) -> Result<Self, String> {
        let registrations = match &path {
            Some(path) => read(path)
                .map_err(|why| format!("{}: {why} (moved away, it is ignored)", path.display()))?,
            None => Vec::new(),
        };
        let mut pools: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for mut registration in registrations {
            let longest = now_unix_ms.saturating_add(lease_ms(&registration.order));
            registration.until_unix_ms = registration.until_unix_ms.min(longest);
            if registration.until_unix_ms > now_unix_ms {
                let of_pool = pools.entry(registration.order.pool.clone()).or_default();
                of_pool.push(registration);
            }
        }
        let pools = Arc::new(pools);
        Ok(Book { pools, path })
    }

    /// In the order of pools and of joining.
    pub fn registrations(&self) -> impl Iterator<Item = &Registration> {
        self.pools.values().flatten()
    }

    pub fn of_pool(&self, pool: &str) -> &[Registration] {
        self.pools.get(pool).map_or(&[], Vec::as_slice)
    }

    /// What is to be saved, if anything is.
    pub fn page(&self) -> Option<Page> {
        let pools = Arc::clone(&self.pools);
        let path = self.path.clone()?;
        Some(Page { pools, path })
    }

    /// Takes an order that was found to be right.
    pub fn add(&mut self, order: Order, now_unix_ms: u64) -> (Registration, Changed) {
        let until_unix_ms = now_unix_ms.saturating_add(lease_ms(&order));
        let of_pool = Arc::make_mut(&mut self.pools).entry(order.pool.clone());
        let of_pool = of_pool.or_default();
        let known = of_pool
            .iter_mut()
            .find(|known| known.order.address == order.address);
        let Some(known) = known else {
            let registration = Registration {
                order,
                since_unix_ms: now_unix_ms,
                until_unix_ms,
            };
            of_pool.push(registration.clone());
            return (registration, Changed::Joined);
        };
        let terms = |order: &Order| (order.weight, order.drain);
        let changed = match terms(&known.order) == terms(&order) {
            true => Changed::Nothing,
            false => Changed::Terms,
        };
        known.order = order;
        known.until_unix_ms = until_unix_ms;
        (known.clone(), changed)
    }

    /// Takes one out, if it is there.
    pub fn leave(&mut self, leave: &Leave) -> Option<Registration> {
        let is_meant = |known: &Registration| {
            known.order.pool == leave.pool && known.order.address == leave.address
        };
        self.extract(is_meant).pop()
    }

    /// Forgets those whose lease is over; they are returned.
    pub fn expire(&mut self, now_unix_ms: u64) -> Vec<Registration> {
        self.extract(|known| known.until_unix_ms <= now_unix_ms)
    }

    fn extract(&mut self, is_meant: impl Fn(&Registration) -> bool) -> Vec<Registration> {
        if !self.registrations().any(&is_meant) {
            return Vec::new();
        }
        let pools = Arc::make_mut(&mut self.pools);
        let all = pools.values_mut();
        let out = all.flat_map(|of_pool| of_pool.extract_if(.., |known| is_meant(known)));
        let out = out.collect();
        pools.retain(|_, of_pool| !of_pool.is_empty());
        out
    }
}

fn lease_ms(order: &Order) -> u64 {
    order.lease_s.saturating_mul(1000)
}

fn read(path: &Path) -> Result<Vec<Registration>, String> {
    let Some(text) = durable::read(path)? else {
        return Ok(Vec::new());
    };
    let contents: Contents = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    if contents.version != VERSION {
        let version = contents.version;
        return Err(format!("version {version}, expected {VERSION}"));
    }
    Ok(contents.registrations)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn order(address: &str, weight: u16, lease_s: u64) -> Order {
        Order {
            pool: "web".to_owned(),
            address: address.to_owned(),
            weight,
            lease_s,
            drain: false,
        }
    }

    fn addresses(book: &Book) -> Vec<&str> {
        let all = book.of_pool("web").iter();
        all.map(|known| &*known.order.address).collect()
    }

    #[test]
    fn leases_go_on_over_a_restart_and_those_that_ended_meanwhile_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = Some(path_in(folder.path()));
        let mut book = Book::open(path.clone(), 0).unwrap();
        assert_eq!(
            book.add(order("192.0.2.2", 1, 10), 1_000).1,
            Changed::Joined
        );
        assert_eq!(
            book.add(order("192.0.2.1", 1, 60), 1_000).1,
            Changed::Joined
        );
        book.page().unwrap().save().unwrap();
        let again = Book::open(path.clone(), 5_000).unwrap();
        assert!(again.registrations().eq(book.registrations()));
        assert_eq!(
            addresses(&Book::open(path.clone(), 11_000).unwrap()),
            ["192.0.2.1"]
        );
        assert!(addresses(&Book::open(path, 61_000).unwrap()).is_empty());
    }

    #[test]
    fn a_clock_that_was_wrong_gives_no_longer_lease_than_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = Some(path_in(folder.path()));
        let mut book = Book::open(path.clone(), 0).unwrap();
        book.add(order("192.0.2.2", 1, 10), u64::MAX / 2);
        book.page().unwrap().save().unwrap();
        let mut again = Book::open(path, 5_000).unwrap();
        assert!(again.expire(14_999).is_empty());
        assert_eq!(again.expire(15_000).len(), 1);
    }

    #[test]
    fn repeating_renews_and_the_last_order_holds_whole() {
        let mut book = Book::default();
        book.add(order("192.0.2.1", 1, 10), 0);
        assert_eq!(
            book.add(order("192.0.2.1", 1, 10), 5_000).1,
            Changed::Nothing
        );
        assert!(book.expire(14_999).is_empty());
        let (known, changed) = book.add(order("192.0.2.1", 3, 20), 6_000);
        assert_eq!((changed, known.since_unix_ms), (Changed::Terms, 0));
        let mut draining = order("192.0.2.1", 3, 20);
        draining.drain = true;
        assert_eq!(book.add(draining, 6_000).1, Changed::Terms);
        assert_eq!(book.expire(26_000).len(), 1);
    }

    #[test]
    fn who_leaves_is_gone_and_nobody_else() {
        let mut book = Book::default();
        book.add(order("192.0.2.1", 1, 10), 0);
        book.add(order("192.0.2.2", 1, 10), 0);
        let leave = Leave {
            pool: "web".to_owned(),
            address: "192.0.2.1".to_owned(),
        };
        assert!(book.leave(&leave).is_some() && book.leave(&leave).is_none());
        assert_eq!(addresses(&book), ["192.0.2.2"]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_of_and_never_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        for (text, why) in [
            ("{\"version\":1,", "EOF"),
            (
                "{\"version\":9,\"registrations\":[]}",
                "version 9, expected 1",
            ),
        ] {
            fs::write(&path, text).unwrap();
            let error = Book::open(Some(path.clone()), 0).unwrap_err();
            assert!(
                error.contains("registrations.json") && error.contains(why),
                "{error}"
            );
        }
    }
}
