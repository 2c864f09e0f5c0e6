//! How many TCP connections there may be, and who has to go (RFC 7766, 6.1 and 10; RFC 9210, 4.2).

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

use tokio::sync::Notify;

/// The open connections of the TCP thread.
#[derive(Clone)]
pub struct Connections(Rc<RefCell<Table>>);

struct Table {
    total_max: u32,
    per_client_max: u32,
    total: u32,
    per_client: HashMap<IpAddr, u32>,
    /// Connections that wait for their client, the one that has waited longest first.
    waiting: BTreeMap<u64, Waiting>,
    /// The key of the next one that waits.
    next_turn: u64,
}

struct Waiting {
    client: IpAddr,
    leave: Rc<Notify>,
}

/// What became of a new connection.
pub enum Admission {
    Admitted(Ticket),
    /// Admitted, and the connection that had waited longest was told to leave.
    Evicting(Ticket),
    /// Its client has too many, or all are taken and none of them waits.
    Refused,
}

/// One connection's place, given back on drop.
pub struct Ticket {
    table: Rc<RefCell<Table>>,
    client: IpAddr,
    leave: Rc<Notify>,
    /// Its key in `waiting`. A key that is no longer there: evicted, and the place given away.
    turn: Option<u64>,
}

impl Connections {
    /// At most `total_max` in all and `per_client_max` from one client network (/32, /64).
    pub fn new(total_max: u32, per_client_max: u32) -> Self {
        Connections(Rc::new(RefCell::new(Table {
            total_max,
            per_client_max,
            total: 0,
            per_client: HashMap::new(),
            waiting: BTreeMap::new(),
            next_turn: 0,
        })))
    }

    /// A place for a connection from `peer`, if there is one or one can be made.
    pub fn admit(&self, peer: IpAddr) -> Admission {
        let client = client_network(peer);
        let mut table = self.0.borrow_mut();
        if table.of_client(client) >= table.per_client_max {
            return Admission::Refused;
        }
        let full = table.total >= table.total_max;
        if full && !table.evict() {
            return Admission::Refused;
        }
        table.total += 1;
        *table.per_client.entry(client).or_default() += 1;
        let ticket = Ticket {
            table: Rc::clone(&self.0),
            client,
            leave: Rc::default(),
            turn: None,
        };
        if full {
            Admission::Evicting(ticket)
        } else {
            Admission::Admitted(ticket)
        }
    }
}

impl Table {
    fn of_client(&self, client: IpAddr) -> u32 {
        self.per_client.get(&client).copied().unwrap_or(0)
    }

    /// Takes the place of the connection that has waited longest. False when none waits.
    fn evict(&mut self) -> bool {
        let Some((_, oldest)) = self.waiting.pop_first() else {
            return false;
        };
        oldest.leave.notify_one();
        self.release(oldest.client);
        true
    }

    fn release(&mut self, client: IpAddr) {
        self.total -= 1;
        if let Some(count) = self.per_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                self.per_client.remove(&client);
            }
        }
    }
}

impl Ticket {
    /// From now on the connection waits for its client, and may be evicted.
    pub fn wait(&mut self) {
        let mut table = self.table.borrow_mut();
        let turn = table.next_turn;
        table.next_turn += 1;
        table.waiting.insert(
            turn,
            Waiting {
                client: self.client,
                leave: Rc::clone(&self.leave),
            },
        );
        self.turn = Some(turn);
    }

    /// The connection has work to do. False when it was evicted while it waited.
    pub fn resume(&mut self) -> bool {
        let Some(turn) = self.turn else {
            return true;
        };
        let kept = self.table.borrow_mut().waiting.remove(&turn).is_some();
        if kept {
            self.turn = None;
        }
        kept
    }

    /// Completes when the connection is evicted.
    pub async fn evicted(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.resume() {
            self.table.borrow_mut().release(self.client);
        }
    }
}

/// What counts as one client: an IPv4 address, or an IPv6 /64 (one link, RFC 4291, 2.5.1).
fn client_network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn admitted(admission: Admission) -> Ticket {
        match admission {
            Admission::Admitted(ticket) => ticket,
            Admission::Evicting(_) => panic!("evicted another"),
            Admission::Refused => panic!("refused"),
        }
    }

    fn is_refused(admission: &Admission) -> bool {
        matches!(admission, Admission::Refused)
    }

    #[test]
    fn a_client_network_has_its_share_and_gets_it_back() {
        let connections = Connections::new(10, 2);
        let first = admitted(connections.admit(address("2001:db8::1")));
        let _second = admitted(connections.admit(address("2001:db8::ffff:2")));
        assert!(is_refused(&connections.admit(address("2001:db8::3"))));
        let _neighbour = admitted(connections.admit(address("2001:db8:0:1::3")));
        drop(first);
        let _third = admitted(connections.admit(address("2001:db8::3")));
    }

    #[test]
    fn a_full_table_evicts_the_one_that_has_waited_longest() {
        let connections = Connections::new(2, 2);
        let mut first = admitted(connections.admit(address("192.0.2.1")));
        let mut second = admitted(connections.admit(address("192.0.2.2")));
        first.wait();
        second.wait();
        assert!(first.resume());
        first.wait();
        let Admission::Evicting(third) = connections.admit(address("192.0.2.3")) else {
            panic!("nobody was evicted");
        };
        assert!(!second.resume());
        assert!(first.resume());
        drop((first, second, third));
        assert_eq!(connections.0.borrow().total, 0);
        assert!(connections.0.borrow().per_client.is_empty());
        assert!(connections.0.borrow().waiting.is_empty());
    }

    #[test]
    fn a_full_table_in_which_nobody_waits_refuses() {
        let connections = Connections::new(1, 1);
        let busy = admitted(connections.admit(address("192.0.2.1")));
        assert!(is_refused(&connections.admit(address("192.0.2.2"))));
        drop(busy);
        admitted(connections.admit(address("192.0.2.2")));
    }
}
