//! How many connections of clients may there be?

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::admission::network;
use crate::state::forwarding::Doors as Limits;

/// Connections of all threads. Asked once for each connection, not for requests.
#[derive(Debug, Default)]
pub(super) struct Doors(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    count: u32,
    /// By address of a client, or by network.
    by_client: HashMap<IpAddr, u32>,
}

/// One connection's place, given back on drop.
#[derive(Debug)]
pub(super) struct Place {
    doors: Arc<Doors>,
    client: IpAddr,
}

impl Doors {
    /// `None`: there are as many as may be, in all or of this client.
    pub fn enter(doors: &Arc<Self>, address: IpAddr, limits: Limits) -> Option<Place> {
        let client = network(address);
        let mut inside = doors.lock();
        let own = inside.by_client.get(&client).copied().unwrap_or(0);
        if inside.count >= limits.connections_max || own >= limits.per_client_max {
            return None;
        }
        inside.count += 1;
        inside.by_client.insert(client, own + 1);
        drop(inside);
        Some(Place {
            doors: Arc::clone(doors),
            client,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// It is the place of the client whom a proxy speaks for; `false`: he has as many as may be.
    pub fn is_of(&mut self, address: IpAddr, per_client_max: u32) -> bool {
        let client = network(address);
        let mut inside = self.doors.lock();
        let own = inside.by_client.get(&client).copied().unwrap_or(0);
        if own >= per_client_max {
            return false;
        }
        inside.leave(self.client);
        *inside.by_client.entry(client).or_default() += 1;
        self.client = client;
        true
    }
}

impl Inside {
    fn leave(&mut self, client: IpAddr) {
        if let Some(own) = self.by_client.get_mut(&client) {
            *own -= 1;
            if *own == 0 {
                self.by_client.remove(&client);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.doors.lock();
        inside.count -= 1;
        inside.leave(self.client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_all_and_by_client() {
        let doors = Arc::<Doors>::default();
        let limits = Limits {
            connections_max: 3,
            per_client_max: 2,
        };
        let enter = |address: &str| Doors::enter(&doors, address.parse().unwrap(), limits);
        let first = enter("2001:db8::1").unwrap();
        let second = enter("2001:db8::2").unwrap();
        assert!(enter("2001:db8::3").is_none(), "one network has two");
        let third = enter("192.0.2.1").unwrap();
        assert!(enter("192.0.2.2").is_none(), "there are three");
        drop(first);
        let fourth = enter("::ffff:192.0.2.1").unwrap();
        assert!(enter("192.0.2.1").is_none());
        drop((second, third, fourth));
        assert!(doors.lock().by_client.is_empty());
    }

    #[test]
    fn the_place_of_a_proxy_is_that_of_its_client() {
        let doors = Arc::<Doors>::default();
        let limits = Limits {
            connections_max: 10,
            per_client_max: u32::MAX,
        };
        let client = "192.0.2.1".parse().unwrap();
        let enter = || Doors::enter(&doors, "10.0.0.1".parse().unwrap(), limits).unwrap();
        let (mut first, mut second) = (enter(), enter());
        assert!(first.is_of(client, 1));
        assert!(!second.is_of(client, 1));
        drop(first);
        assert!(second.is_of(client, 1));
        drop(second);
        assert!(doors.lock().by_client.is_empty());
    }
}
