//! The same questions, asked for one request instead of for an answer that caches keep.

use super::draw::{Drawn, draw};
use super::key::Key;
use super::places::Places;
use super::view::{Except, View};
use super::{Draw, Recorder, cursor, decide, draw as drawing};
use crate::locate::Client;
use crate::model::{Balance, EndpointId, Family, FamilyFallback, PolicyId, PoolId};
use crate::random::Random;
use crate::state::Root;
use crate::state::health::PoolSlot;
use crate::state::pools::Member;
use crate::state::preference::Preference;

/// A pool that serves a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    pub pool: PoolId,
    pub family: Family,
    /// Whether nothing is up, and `when_all_down` says that what there is shall be tried.
    pub is_all_down: bool,
}

/// Comes to a pool that can serve `client`, and is none of those that were `tried`, IPv4 before IPv6; `None`: there is
/// none.
///
/// The ids in `to` must be of `root`.
pub fn serve<R: Recorder>(
    root: &Root,
    to: Member,
    client: &Client,
    tried: &[PoolId],
    draw: &mut Draw<'_>,
    recorder: &mut R,
) -> Option<Served> {
    let served = match to {
        Member::Pool(pool) => serve_pool(root, pool),
        Member::Policy(policy) => Family::BOTH
            .into_iter()
            .find_map(|family| serve_policy(root, (policy, family), client, tried, draw, recorder)),
    };
    // A fallback is taken whatever was tried.
    served.filter(|served| !tried.contains(&served.pool))
}

/// Nobody says that what is down shall be tried.
fn serve_pool(root: &Root, pool: PoolId) -> Option<Served> {
    let slot = root.health.slot(pool);
    let mut families = Family::BOTH.into_iter();
    let family = families.find(|&family| !slot.family(family).is_empty())?;
    Some(Served {
        pool,
        family,
        is_all_down: false,
    })
}

fn serve_policy<R: Recorder>(
    root: &Root,
    (asked, family): (PolicyId, Family),
    client: &Client,
    tried: &[PoolId],
    draw: &mut Draw<'_>,
    recorder: &mut R,
) -> Option<Served> {
    let policy = &root.pools.policies[asked.index()];
    if !policy.has(family) {
        return None;
    }
    let mut places = Places::new(root, &policy.maps, client);
    places.look_up(recorder);
    let key = Key::new(root, policy, client, draw.random, recorder);
    let ruled = places.ruled(asked, recorder);
    let mut view = View {
        root,
        places: &places,
        family,
        family_fallback: FamilyFallback::Region,
        key: &key,
        all_up: false,
        all_accept: false,
        except: match tried {
            [] => Except::Nothing,
            tried => Except::Pools(tried),
        },
    };
    let (pool, is_all_down) = decide::pool(&mut view, ruled, draw, recorder)?;
    Some(Served {
        pool,
        family,
        is_all_down,
    })
}

/// Endpoints of a pool in the order in which they are to be tried.
#[derive(Clone, Copy, Debug)]
pub struct Tried(Drawn);

impl Tried {
    pub fn as_slice(&self) -> &[EndpointId] {
        self.0.as_slice()
    }
}

/// How the endpoints of a pool are chosen for one request.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    pub balance: Balance,
    /// The request's, to those who go by it.
    pub hash: u64,
    /// Of the family, where `balance` goes by preferences.
    pub preference: Option<&'a Preference>,
    /// How many at most: 1..=16.
    pub count: u8,
}

/// Those of the pool that serves that requests are sent to.
pub fn slot<'r>(root: &'r Root, served: &Served) -> &'r PoolSlot {
    match served.is_all_down {
        false => root.health.slot(served.pool),
        true => &root.pools.all[served.pool.index()],
    }
}

/// Draws endpoints of the pool that serves, the one that shall have the request first.
pub fn endpoints(root: &Root, served: Served, by: By<'_>, cursors: &mut Draw<'_>) -> Tried {
    let slot = slot(root, &served);
    let pool = &root.pools.pools[served.pool.index()];
    let from = drawing::Source {
        usable: slot.family(served.family),
        balance: by.balance,
        preference: by.preference,
        hash: by.hash,
    };
    let cursor = cursor::of_pool(cursors.cursors, &root.pools, served.pool, served.family);
    let mut drawn = Drawn::NOTHING;
    draw(from, by.count, cursors.random, cursor, &mut drawn);
    if slot.is_thinned && !served.is_all_down {
        let nonce = match by.balance.is_by_client() {
            true => by.hash,
            false => cursors.random.next_u64(),
        };
        lead_with_takers(root, pool.seed, nonce, &mut drawn);
    }
    Tried(drawn)
}

/// Puts those that take a share only, and not this request, behind the others.
fn lead_with_takers(root: &Root, seed: u64, nonce: u64, drawn: &mut Drawn) {
    let takes = |id: EndpointId| {
        let endpoint = &root.pools.endpoints[id.index()];
        let die = Random::from_seed(nonce ^ endpoint.seed ^ seed).next_u64() >> 48;
        root.health.endpoint(id).share.takes(die as u16)
    };
    drawn.lead_with(takes);
}
