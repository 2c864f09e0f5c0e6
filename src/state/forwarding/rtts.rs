//! How far away are client networks, as their connections tell?

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::{CLIENT_BITS, Family};

/// Networks of which anything is remembered, at the most.
const NETWORKS_MAX: usize = 131_072;
/// How much of a new measure is believed at once (as RFC 6298, 2.3).
const NEW: f64 = 0.125;

/// Round-trip times by client network (/24, /56). Those that have not been seen for longest are forgotten first: what is
/// remembered stands in two halves, and when the younger is full the older one goes.
#[derive(Debug, Default)]
pub struct Rtts(Mutex<Halves>);

#[derive(Debug, Default)]
struct Halves {
    young: HashMap<Network, Rtt>,
    old: HashMap<Network, Rtt>,
}

/// The first address of a client network.
pub type Network = IpAddr;

/// What is known of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rtt {
    pub samples: u64,
    /// Smoothed, in milliseconds.
    pub ms: f64,
    /// The least, which has the least of queues in it.
    pub min_ms: f64,
}

impl Rtts {
    /// Takes a measure of one connection.
    pub fn add(&self, client: IpAddr, rtt: Duration) {
        let network = network_of(client.to_canonical());
        let ms = rtt.as_secs_f64() * 1000.0;
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let halves = &mut *halves;
        let known = halves.young.get(&network).copied();
        let known = known.or_else(|| halves.old.remove(&network));
        let rtt = known.map_or(
            Rtt {
                samples: 1,
                ms,
                min_ms: ms,
            },
            |known| Rtt {
                samples: known.samples + 1,
                ms: known.ms + NEW * (ms - known.ms),
                min_ms: known.min_ms.min(ms),
            },
        );
        halves.young.insert(network, rtt);
        if halves.young.len() >= NETWORKS_MAX / 2 {
            halves.old = std::mem::take(&mut halves.young);
        }
    }

    /// In the order of addresses.
    pub fn all(&self) -> Vec<(Network, Rtt)> {
        let halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let both = halves.old.iter().chain(&halves.young);
        let mut all: Vec<_> = both.map(|(&network, &rtt)| (network, rtt)).collect();
        drop(halves);
        all.sort_unstable_by_key(|(network, _)| *network);
        all
    }
}

/// Bits of a network of this address.
pub fn bits_of(address: &IpAddr) -> u8 {
    CLIENT_BITS[Family::of(address) as usize]
}

fn network_of(address: IpAddr) -> Network {
    let bits = u32::from(bits_of(&address));
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & (u32::MAX << (32 - bits))).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << (128 - bits))).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_told_apart_and_measures_smoothed() {
        let rtts = Rtts::default();
        for (client, ms) in [
            ("192.0.2.1", 80),
            ("::ffff:192.0.2.250", 40),
            ("2001:db8:0:aa01::1", 10),
            ("2001:db8:0:aaff::1", 10),
        ] {
            rtts.add(client.parse().unwrap(), Duration::from_millis(ms));
        }
        let all = rtts.all();
        let expected = Rtt {
            samples: 2,
            ms: 75.0,
            min_ms: 40.0,
        };
        assert_eq!(all[0], ("192.0.2.0".parse().unwrap(), expected));
        assert_eq!(
            (all.len(), all[1].0.to_string()),
            (2, "2001:db8:0:aa00::".to_owned())
        );
    }

    #[test]
    fn what_was_not_seen_for_longest_is_forgotten_first() {
        let rtts = Rtts::default();
        let client = |n: usize| IpAddr::V4(((n as u32) << 8).into());
        let ms = Duration::from_millis(1);
        for n in 0..3 * NETWORKS_MAX / 2 {
            rtts.add(client(n), ms);
            rtts.add(client(7), ms);
        }
        let all = rtts.all();
        assert!(all.len() <= NETWORKS_MAX);
        assert!(all.iter().any(|(network, _)| *network == client(7)));
        assert!(!all.iter().any(|(network, _)| *network == client(8)));
    }
}
