//! Who is the client, to those who go by that?

use super::{Recorder, Step};
use crate::hashing::mix;
use crate::locate::{Client, ClientNetwork};
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

    #[inline(never)]
    fn of<R: Recorder>(client: &Client, recorder: &mut R) -> Self {
        let network = ClientNetwork::of(client);
        let ClientNetwork { address, bits, .. } = network;
        recorder.record(|| Step::Network {
            network: address,
            bits,
        });
        let hash = mix(network.number());
        Key {
            client: hash,
            nonce: hash,
            scope: network.scope,
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
