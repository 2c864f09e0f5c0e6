//! How many TCP connections there may be, how long they may wait, and who has to go (RFC 7766, 6.2.2,
//! 6.2.3 and 10; RFC 9210, 4.1 and 4.2).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::Limits;

/// Under pressure, connections may wait for this part of the idle timeout only.
const PRESSED_PART: u32 = 4;

/// The open connections of the TCP thread.
#[derive(Clone)]
pub struct Connections(Rc<RefCell<Table>>);

struct Table {
    limits: Limits,
    total: u32,
    per_client: HashMap<IpAddr, u32>,
    /// Connections that wait for their client, the one that has waited longest first.
    waiting: BTreeMap<u64, Waiting>,
    /// The same, client by client.
    waiting_by_client: BTreeSet<(IpAddr, u64)>,
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
    /// Admitted, and the connection that had waited longest was told to leave: of all, or of the same
    /// client where that has as many as it may.
    Evicting(Ticket),
    /// All are taken (or all that its client may have), and none of them waits.
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
    pub fn new(limits: Limits) -> Self {
        Connections(Rc::new(RefCell::new(Table {
            limits,
            total: 0,
            per_client: HashMap::new(),
            waiting: BTreeMap::new(),
            waiting_by_client: BTreeSet::new(),
            next_turn: 0,
        })))
    }

    /// A place for a connection from `peer`, if there is one or one can be made.
    pub fn admit(&self, peer: IpAddr) -> Admission {
        let client = client_network(peer);
        let mut table = self.0.borrow_mut();
        let has_all = table.of_client(client) >= table.limits.per_client_max;
        let is_full = table.total >= table.limits.connections_max;
        let has_room = match (has_all, is_full) {
            (true, _) => table.evict_of(client),
            (false, true) => table.evict(),
            (false, false) => true,
        };
        if !has_room {
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
        if has_all || is_full {
            Admission::Evicting(ticket)
        } else {
            Admission::Admitted(ticket)
        }
    }

    /// Tells the connections that have waited longest to leave, at most `count`; how many there were.
    pub fn evict(&self, count: u32) -> u32 {
        let mut table = self.0.borrow_mut();
        (0..count).take_while(|_| table.evict()).count() as u32
    }

    /// How long a connection may wait from now on: less while more than three quarters of the places
    /// are taken (RFC 7766, 6.2.3: depending on load).
    pub fn idle_timeout(&self) -> Duration {
        let table = self.0.borrow();
        let Limits {
            idle_timeout,
            connections_max,
            ..
        } = table.limits;
        if u64::from(table.total) * 4 > u64::from(connections_max) * 3 {
            idle_timeout / PRESSED_PART
        } else {
            idle_timeout
        }
    }
}

impl Table {
    fn of_client(&self, client: IpAddr) -> u32 {
        self.per_client.get(&client).copied().unwrap_or(0)
    }

    /// Takes the place of the connection that has waited longest. False when none waits.
    fn evict(&mut self) -> bool {
        let oldest = self.waiting.first_key_value().map(|(&turn, _)| turn);
        oldest.is_some_and(|turn| self.evict_turn(turn))
    }

    /// [`evict`](Self::evict) among the connections of one client.
    fn evict_of(&mut self, client: IpAddr) -> bool {
        let turns = (client, u64::MIN)..=(client, u64::MAX);
        let oldest = self.waiting_by_client.range(turns).next().copied();
        oldest.is_some_and(|(_, turn)| self.evict_turn(turn))
    }

    fn evict_turn(&mut self, turn: u64) -> bool {
        let Some(waiting) = self.stop_waiting(turn) else {
            return false;
        };
        waiting.leave.notify_one();
        self.release(waiting.client);
        true
    }

    fn stop_waiting(&mut self, turn: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&turn)?;
        self.waiting_by_client.remove(&(waiting.client, turn));
        Some(waiting)
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
    /// From now on the connection waits for its client, and may be evicted. False when it was already:
    /// it has no place to wait in.
    pub fn wait(&mut self) -> bool {
        if self.turn.is_some() {
            return false;
        }
        let mut table = self.table.borrow_mut();
        let turn = table.next_turn;
        table.next_turn += 1;
        table.waiting_by_client.insert((self.client, turn));
        table.waiting.insert(
            turn,
            Waiting {
                client: self.client,
                leave: Rc::clone(&self.leave),
            },
        );
        self.turn = Some(turn);
        true
    }

    /// The connection has work to do. False when it was evicted while it waited.
    pub fn resume(&mut self) -> bool {
        let Some(turn) = self.turn else {
            return true;
        };
        let kept = self.table.borrow_mut().stop_waiting(turn).is_some();
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

    fn connections(connections_max: u32, per_client_max: u32) -> Connections {
        Connections::new(Limits {
            connections_max,
            per_client_max,
            idle_timeout: Duration::from_secs(10),
        })
    }

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
        let connections = connections(10, 2);
        let first = admitted(connections.admit(address("2001:db8::1")));
        let _second = admitted(connections.admit(address("2001:db8::ffff:2")));
        assert!(is_refused(&connections.admit(address("2001:db8::3"))));
        let _neighbour = admitted(connections.admit(address("2001:db8:0:1::3")));
        drop(first);
        let _third = admitted(connections.admit(address("2001:db8::3")));
    }

    #[test]
    fn a_full_table_evicts_the_one_that_has_waited_longest() {
        let connections = connections(2, 2);
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
        assert!(!second.wait());
        assert!(first.resume());
        drop((first, second, third));
        assert_eq!(connections.0.borrow().total, 0);
        assert!(connections.0.borrow().per_client.is_empty());
        assert!(connections.0.borrow().waiting.is_empty());
    }

    #[test]
    fn a_client_with_its_share_evicts_its_own_and_nobody_elses() {
        let connections = connections(10, 2);
        let mut neighbour = admitted(connections.admit(address("192.0.2.2")));
        neighbour.wait();
        let mut first = admitted(connections.admit(address("192.0.2.1")));
        let mut second = admitted(connections.admit(address("192.0.2.1")));
        second.wait();
        first.wait();
        let Admission::Evicting(third) = connections.admit(address("192.0.2.1")) else {
            panic!("nobody was evicted");
        };
        assert!(!second.resume());
        assert!(first.resume() && neighbour.resume());
        assert!(is_refused(&connections.admit(address("192.0.2.1"))));
        drop((neighbour, first, second, third));
        assert!(connections.0.borrow().waiting_by_client.is_empty());
        assert_eq!(connections.0.borrow().total, 0);
    }

    #[test]
    fn places_may_be_taken_back_without_a_newcomer() {
        let connections = connections(10, 10);
        let mut tickets: Vec<_> = (0..3)
            .map(|_| admitted(connections.admit(address("192.0.2.1"))))
            .collect();
        assert!(tickets.iter_mut().all(Ticket::wait));
        assert_eq!(connections.evict(2), 2);
        let kept: Vec<_> = tickets.iter_mut().map(Ticket::resume).collect();
        assert_eq!(kept, [false, false, true]);
        assert_eq!(connections.evict(2), 0);
    }

    #[test]
    fn rfc7766_section_6_2_3_the_fewer_places_are_left_the_shorter_the_wait() {
        let connections = connections(8, 8);
        let mut tickets = Vec::new();
        for taken in 1..=8 {
            tickets.push(connections.admit(address("192.0.2.1")));
            let seconds = connections.idle_timeout().as_secs_f64();
            assert_eq!(seconds, if taken > 6 { 2.5 } else { 10.0 }, "{taken}");
        }
        drop(tickets);
        assert_eq!(connections.idle_timeout().as_secs(), 10);
    }

    #[test]
    fn a_full_table_in_which_nobody_waits_refuses() {
        let connections = connections(1, 1);
        let busy = admitted(connections.admit(address("192.0.2.1")));
        assert!(is_refused(&connections.admit(address("192.0.2.2"))));
        drop(busy);
        admitted(connections.admit(address("192.0.2.2")));
    }
}
