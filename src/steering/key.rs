//! Who is the client, to those who go by that?

use std::net::IpAddr;

use super::{Recorder, Step};
use crate::hashing::mix;
use crate::locate::Client;
use crate::model::{CLIENT_BITS, Family};
use crate::random::Random;
use crate::state::Root;
use crate::state::pools::Policy;

/// What chooses where chance does not.
#[derive(Clone, Copy)]
pub(super) struct Key {
    /// Of the client's network.
    client: u64,
    /// Whether a share of the queries is one of clients, or of queries.
    nonce: u64,
    /// How long the network is that the answer then holds for; 0 where nobody goes by it.
    pub scope: u8,
}

impl Key {
    /// Of `client`, where anything within reach of `policy` goes by it.
    #[inline]
    pub fn new<R: Recorder>(
        root: &Root,
        policy: &Policy,
        client: &Client,
        random: &mut Random,
        recorder: &mut R,
    ) -> Self {
        let mut key = Key {
            client: 0,
            nonce: 0,
            scope: 0,
        };
        if policy.is_by_client {
            key = Key::of(client, recorder);
        } else if root.health.is_reduced() {
            key.nonce = random.next_u64();
        }
        key
    }

    /// The client's network is what its subnet has of the first /24 or /56, or where there is no subnet, that of
    /// the resolver.
    #[inline(never)]
    fn of<R: Recorder>(client: &Client, recorder: &mut R) -> Self {
        let (address, source) = match client.subnet {
            Some(subnet) => (subnet.address, subnet.source),
            None => (client.resolver, u8::MAX),
        };
        let address = match client.subnet {
            Some(_) => address,
            // An IPv4 client on an IPv6 socket.
            None => address.to_canonical(),
        };
        let family = Family::of(&address);
        let bits = source.min(CLIENT_BITS[family as usize]);
        let network = network(address, bits);
        recorder.record(|| Step::Network { network, bits });
        let octets = match network {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            // No more than 56 bits are there.
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64 | 1,
        };
        let hash = mix(octets);
        Key {
            client: hash,
            nonce: hash,
            scope: match client.subnet {
                Some(_) => bits,
                None => 0,
            },
        }
    }

    /// The client's hash among those that know each other by `seed`.
    #[inline]
    pub fn hash(self, seed: u64) -> u64 {
        mix(self.client ^ seed)
    }

    /// Whether who is known by `seed` takes the query, if it takes a share only. Who takes less takes a part of
    /// what it took before.
    #[inline]
    pub fn die(self, seed: u64) -> u16 {
        // Apart from the hash that has chosen it already.
        (mix(!self.nonce ^ seed) >> 48) as u16
    }
}

/// The first `bits` of an address.
fn network(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}
