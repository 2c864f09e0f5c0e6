//! Which backends shall a request be sent to, in which order?

use std::sync::Arc;

use crate::hashing::{mix, of_address};
use crate::locate::Client;
use crate::model::EndpointId;
use crate::state::Root;
use crate::state::forwarding::{Backend, Forward, Upstream};
use crate::steering::Draw;
use crate::steering::forward::{self, By, Served};

/// Where a request may be sent.
pub(super) struct Choice {
    pub upstream: Arc<Upstream>,
    pub backend: Arc<Backend>,
}

/// The backend that a request is to be sent to, but for those whose numbers were `tried`; `None`: there is none.
pub(super) fn choose(
    root: &Root,
    forward: &Forward,
    client: &Client,
    tried: &[u64],
    draw: &mut Draw<'_>,
) -> Option<Choice> {
    let served = forward::serve(root, forward.to, client, draw, &mut ())?;
    let upstream = root.forwarding.upstream(served.pool)?;
    let drawn = forward::endpoints(root, served, by(root, served, client), draw);
    let untried = |&id: &EndpointId| {
        let backend = root.forwarding.backend(id)?;
        (!tried.contains(&backend.number)).then(|| Arc::clone(backend))
    };
    Some(Choice {
        upstream: Arc::clone(upstream),
        backend: drawn.as_slice().iter().find_map(untried)?,
    })
}

/// How the pool that serves chooses for this client.
pub(super) fn by<'r>(root: &'r Root, served: Served, client: &Client) -> By<'r> {
    let pool = &root.pools.pools[served.pool.index()];
    By {
        balance: pool.balance,
        hash: hash_of(client, pool.seed),
        preference: pool.preferences[served.family as usize].as_ref(),
    }
}

/// The client's, among pools that know each other by `seed`.
fn hash_of(client: &Client, seed: u64) -> u64 {
    mix(of_address(client.resolver.to_canonical()) ^ seed)
}
