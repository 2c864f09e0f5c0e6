//! `balance`, `hash` and `session` of routes -> how one of a pool's endpoints is chosen.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Beside, reach};
use crate::config::forwarder::{self as written, SameSite};
use crate::hashing::Item;
use crate::model::routing::Balancing;
use crate::model::{Balance, EndpointId, Family, PoolId};
use crate::state::Pools;
use crate::state::forwarding::{Form, Forward, Preferences, Route, Secure, Sticky};
use crate::state::pools::Member;
use crate::state::preference::Preference;

pub fn forward(beside: &Beside<'_>, to: Member, choosing: &written::Choosing) -> Forward {
    let reached = reach(&beside.steering.pools, to).into_iter();
    let replay = reached.map(|id| beside.config.pools[id.index()].backend.care.replay);
    Forward {
        to,
        replay: replay.max().unwrap_or(0) as usize,
        balance: choosing.balance,
        hash: choosing.hash.clone(),
        load_factor: choosing.load_factor.map(|factor| factor as f32),
        sticky: choosing
            .sticky
            .as_ref()
            .map(|sticky| Box::new(self::sticky(beside, to, sticky))),
    }
}

fn sticky(beside: &Beside<'_>, to: Member, written: &written::Sticky) -> Sticky {
    let pools = &beside.steering.pools;
    let endpoints = reach(pools, to).into_iter().flat_map(|id| {
        let pool = &pools.pools[id.index()];
        let place = move |endpoint: EndpointId| {
            let destination = pools.endpoints[endpoint.index()].destination.to_string();
            (id, &*pool.name, endpoint, destination)
        };
        pool.endpoint_ids().map(place)
    });
    Sticky::new(form(written), beside.keys, endpoints)
}

/// RFC 6265, 4.1.1, and RFC 6265bis, 5.6.7.
fn form(written: &written::Sticky) -> Form {
    let mut attributes = format!("; Path={}; HttpOnly", written.path);
    attributes += match written.same_site {
        SameSite::Strict => "; SameSite=Strict",
        SameSite::Lax => "; SameSite=Lax",
        SameSite::None => "; SameSite=None",
    };
    if let Some(max_age) = written.max_age {
        attributes += &format!("; Max-Age={}", max_age.as_secs());
    }
    let minutes = |time: Duration| u32::try_from(time.as_secs() / 60).unwrap_or(u32::MAX);
    Form {
        cookie: written.cookie.as_str().into(),
        attributes: attributes.into(),
        secure: match written.secure {
            written::Secure::Auto => Secure::AsAsked,
            written::Secure::Always => Secure::Always,
            written::Secure::Never => Secure::Never,
        },
        max_age_min: written.max_age.map(minutes),
    }
}

/// Preferences that routes need of pools, and the pools do not have themselves.
pub struct Wanted(BTreeSet<(PoolId, u8)>);

const BY_PREFERENCE: [Balance; 2] = [Balance::ConsistentHash, Balance::Rendezvous];

impl Wanted {
    pub fn new(pools: &Pools, routes: &[Route]) -> Self {
        let mut wanted = BTreeSet::new();
        let forwards = routes.iter().flat_map(|route| route.action.forwards());
        for forward in forwards {
            let Some(Balancing::As(balance)) = forward.balance else {
                continue;
            };
            for (number, by) in (0..).zip(BY_PREFERENCE) {
                let pools = reach(pools, forward.to)
                    .into_iter()
                    .filter(|id| by == balance && pools.pools[id.index()].balance != by);
                wanted.extend(pools.map(|id| (id, number)));
            }
        }
        Wanted(wanted)
    }

    pub fn of(&self, pools: &Pools, id: PoolId) -> Preferences {
        let of = |number| match self.0.contains(&(id, number)) {
            true => preferences(pools, id, BY_PREFERENCE[usize::from(number)]),
            false => [None, None],
        };
        Preferences {
            rings: of(0),
            lists: of(1),
        }
    }
}

fn preferences(pools: &Pools, id: PoolId, balance: Balance) -> [Option<Preference>; 2] {
    Family::BOTH.map(|family| {
        let ids = pools.pools[id.index()].endpoint_ids();
        let items = ids.filter_map(|id| {
            let endpoint = &pools.endpoints[id.index()];
            let item = Item {
                seed: endpoint.seed,
                weight: endpoint.weight.into(),
            };
            let is_of_family = endpoint.destination.families().any(|of| of == family);
            is_of_family.then_some((id, item))
        });
        Preference::new(balance, &items.collect::<Vec<_>>())
    })
}
