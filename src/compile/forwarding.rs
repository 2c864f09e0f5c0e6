//! Routes and pools -> what the forwarder reads.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use hyper::header::HeaderValue;

use super::transport::Transport;
use crate::config::forwarder as written;
use crate::config::{self, Config, Member};
use crate::hashing::of_octets;
use crate::model::routing::{Index, Side, Split};
use crate::model::{PolicyId, PoolId};
use crate::random::Random;
use crate::state::Pools;
use crate::state::forwarding::{
    Action, Backend, Cache, Caching, Entrance, Forward, Forwarding, Protocol, Route, Upstream, Way,
};
use crate::state::listening::{Http, Listener};
use crate::state::pools;

/// Backends that there were before, at the same address and reached in the same way, go on with what is known of them.
pub(super) fn compile(
    config: &Config,
    pools: &Pools,
    transport: &Transport,
    before: Option<&Forwarding>,
) -> Forwarding {
    let Some(forwarder) = &config.forwarder else {
        return Forwarding::default();
    };
    let routes: Box<[_]> = forwarder.routes.iter().map(route).collect();
    let mut upstreams: Vec<Option<Arc<Upstream>>> = vec![None; pools.pools.len()];
    let of_routes = routes.iter().flat_map(|route| route.action.forwards());
    let of_routes = of_routes.map(|forward| forward.to);
    let of_entrances = transport.entrances.iter().flat_map(|e| e.members());
    for to in of_routes.chain(of_entrances) {
        let reach = match &to {
            pools::Member::Pool(pool) => std::slice::from_ref(pool),
            pools::Member::Policy(policy) => &pools.policies[policy.index()].reach,
        };
        for pool in reach {
            let pool = pool.index();
            let way = transport.way(pool);
            upstreams[pool] = Some(Arc::new(upstream(&config.pools[pool].backend, way)));
        }
    }
    let backends = backends(config, pools, &upstreams, before);
    let listeners = forwarder.listeners.iter().zip(&transport.entrances);
    Forwarding {
        index: Index::new(routes.iter().map(|route| &route.matching)),
        error_pages: forwarder.error_pages.clone(),
        cache: cache(forwarder, before),
        listeners: listeners.map(listener).collect(),
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

fn listener((listener, entrance): (&written::Listener, &Arc<Entrance>)) -> Arc<Listener> {
    Arc::new(Listener {
        name: listener.name.as_str().into(),
        addresses: listener.listen.clone().into(),
        http: http(&listener.http),
        entrance: Arc::clone(entrance),
    })
}

fn http(http: &written::Http) -> Http {
    let via = http.via.as_deref().unwrap_or_else(|| pseudonym());
    Http {
        head_max: http.head_max,
        headers_max: http.headers_max,
        target_max: http.target_max,
        body_max: (http.body_max > 0).then_some(http.body_max),
        head_timeout: http.head_timeout,
        body_timeout: http.body_timeout,
        write_timeout: http.write_timeout,
        keep_alive: http.keep_alive,
        upgrade_timeout: http.upgrade_timeout,
        requests_max: http.requests_max,
        streams_max: http.streams_max,
        trusted: http.trusted_proxies.clone().into(),
        via_values: ["1.0", "1.1", "2.0"].map(|version| {
            HeaderValue::try_from(format!("{version} {via}"))
                .unwrap_or_else(|_| HeaderValue::from_static("1.1 meridian"))
        }),
        via: via.into(),
    }
}

/// What messages have come by where nothing is configured: no two processes have the same.
fn pseudonym() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| format!("meridian-{:08x}", Random::from_os().next_u64() as u32))
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

pub(super) fn member(member: Member) -> pools::Member {
    match member {
        Member::Pool(PoolId(id)) => pools::Member::Pool(PoolId(id)),
        Member::Policy(PolicyId(id)) => pools::Member::Policy(PolicyId(id)),
    }
}

fn upstream(backend: &config::Backend, way: Arc<Way>) -> Upstream {
    Upstream {
        protocol: match backend.protocol {
            written::Protocol::Http1 => Protocol::Http1,
            written::Protocol::Http2 => Protocol::Http2,
        },
        connect_timeout: backend.connect_timeout,
        response_timeout: backend.response_timeout,
        body_timeout: backend.body_timeout,
        idle_timeout: backend.idle_timeout,
        retries: backend.retries,
        way,
    }
}

/// Numbers that no two backends of the process share.
pub(super) fn next_number() -> u64 {
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
    let mut known: HashMap<(SocketAddr, u64), Arc<Backend>> = known
        .map(|backend| ((backend.address, backend.way.number), Arc::clone(backend)))
        .collect();
    let endpoints = pools.endpoints.iter();
    let backends = endpoints.map(|endpoint| {
        let pool = endpoint.pool.index();
        let way = &upstreams[pool].as_ref()?.way;
        let address = endpoint.destination.address()?;
        let port = endpoint.destination.port();
        let port = port.unwrap_or(config.pools[pool].backend.port);
        let address = SocketAddr::new(address, port);
        let backend = known
            .entry((address, way.number))
            .or_insert_with(|| Arc::new(Backend::new(address, Arc::clone(way), next_number())));
        Some(Arc::clone(backend))
    });
    backends.collect()
}
