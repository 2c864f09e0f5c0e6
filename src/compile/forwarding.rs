//! Routes and pools -> what the forwarder reads.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::forwarder as written;
use crate::config::{self, Config, Member};
use crate::hashing::of_octets;
use crate::model::routing::{Index, Side, Split};
use crate::model::{PolicyId, PoolId};
use crate::state::Pools;
use crate::state::forwarding::{
    Action, Backend, Cache, Caching, Forward, Forwarding, Route, Upstream,
};
use crate::state::pools;

/// Backends that there were before, at the same address, go on with what is known of them.
pub(super) fn compile(config: &Config, pools: &Pools, before: Option<&Forwarding>) -> Forwarding {
    let Some(forwarder) = &config.forwarder else {
        return Forwarding::default();
    };
    let routes: Box<[_]> = forwarder.routes.iter().map(route).collect();
    let mut upstreams: Vec<Option<Arc<Upstream>>> = vec![None; pools.pools.len()];
    let forwards = routes.iter().flat_map(|route| route.action.forwards());
    for forward in forwards {
        let reach = match &forward.to {
            pools::Member::Pool(pool) => std::slice::from_ref(pool),
            pools::Member::Policy(policy) => &pools.policies[policy.index()].reach,
        };
        for pool in reach {
            let pool = pool.index();
            upstreams[pool] = Some(Arc::new(upstream(&config.pools[pool].backend)));
        }
    }
    let backends = backends(config, pools, &upstreams, before);
    Forwarding {
        index: Index::new(routes.iter().map(|route| &route.matching)),
        error_pages: forwarder.error_pages.clone(),
        cache: cache(forwarder, before),
        routes,
        upstreams: upstreams.into(),
        backends,
    }
}

/// What there is already goes on, if it has the size that is wanted.
fn cache(forwarder: &written::Forwarder, before: Option<&Forwarding>) -> Option<Arc<Cache>> {
    let is_used = forwarder.routes.iter().any(|route| route.cache.is_some());
    let size = forwarder.cache_size;
    let known = before.and_then(|before| before.cache.clone());
    let known = known.filter(|cache| cache.size() == size);
    is_used.then(|| known.unwrap_or_else(|| Arc::new(Cache::new(size))))
}

fn route(route: &written::Route) -> Route {
    Route {
        name: match &route.name {
            Some(name) => name.as_str().into(),
            None => route.place.to_string().into(),
        },
        matching: route.matching.clone(),
        action: action(&route.action),
        rewrite: route.rewrite.clone(),
        request_headers: route.request_headers.clone(),
        response_headers: route.response_headers.clone(),
        error_pages: route.error_pages.clone(),
        compress: route.compress.clone(),
        cache: route.cache.as_ref().map(|rules| Caching {
            rules: rules.clone(),
            space: space(route),
        }),
    }
}

/// Of all that decides which response a request gets.
fn space(route: &written::Route) -> u64 {
    let said = (
        &route.name,
        &route.matching,
        &route.action,
        &route.rewrite,
        &route.request_headers,
    );
    of_octets(format!("{said:?}").as_bytes())
}

fn action(action: &written::Action) -> Action {
    match action {
        written::Action::Forward { to } => Action::Forward(forward(*to)),
        written::Action::Split(split) => {
            let sides = split.sides.iter().map(|side| Side {
                name: side.name.clone(),
                seed: side.seed,
                weight: side.weight,
                to: forward(side.to),
            });
            Action::Split(Split {
                sides: sides.collect(),
                header: split.header.clone(),
                cookie: split.cookie.clone(),
                sticky: split.sticky,
            })
        }
        written::Action::Redirect(redirect) => Action::Redirect(redirect.clone()),
        written::Action::Respond(respond) => Action::Respond(respond.clone()),
        written::Action::Files(files) => Action::Files(files.clone()),
    }
}

fn forward(to: Member) -> Forward {
    Forward { to: member(to) }
}

fn member(member: Member) -> pools::Member {
    match member {
        Member::Pool(PoolId(id)) => pools::Member::Pool(PoolId(id)),
        Member::Policy(PolicyId(id)) => pools::Member::Policy(PolicyId(id)),
    }
}

fn upstream(backend: &config::Backend) -> Upstream {
    Upstream {
        connect_timeout: backend.connect_timeout,
        response_timeout: backend.response_timeout,
        idle_timeout: backend.idle_timeout,
        retries: backend.retries,
    }
}

/// Numbers that no two backends of the process share.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn backends(
    config: &Config,
    pools: &Pools,
    upstreams: &[Option<Arc<Upstream>>],
    before: Option<&Forwarding>,
) -> Box<[Option<Arc<Backend>>]> {
    let known = before
        .iter()
        .flat_map(|before| before.backends.iter().flatten());
    let mut known: HashMap<SocketAddr, Arc<Backend>> = known
        .map(|backend| (backend.address, Arc::clone(backend)))
        .collect();
    let endpoints = pools.endpoints.iter();
    let backends = endpoints.map(|endpoint| {
        let pool = endpoint.pool.index();
        upstreams[pool].as_ref()?;
        let address = endpoint.destination.address()?;
        let address = SocketAddr::new(address, config.pools[pool].backend.port);
        let backend = known
            .entry(address)
            .or_insert_with(|| Arc::new(Backend::new(address, next_number())));
        Some(Arc::clone(backend))
    });
    backends.collect()
}
