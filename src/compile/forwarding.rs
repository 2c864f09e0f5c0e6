//! Routes and pools -> what the forwarder reads.

mod access;
mod care;
mod choosing;
mod secrets;
mod telling;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use hyper::header::HeaderValue;

use super::Steering;
use super::maps::Maps;
use super::transport::Transport;
use crate::config::forwarder as written;
use crate::config::{Config, Member};
use crate::hashing::of_octets;
use crate::model::routing::{Index, Side, Split};
use crate::model::{PolicyId, PoolId};
use crate::random::Random;
use crate::state::Pools;
use crate::state::forwarding::{
    Action, Backend, Cache, Caching, Doors, Fleet, Forwarding, Keys, Outcomes, Preferences,
    Protocol, RATES_TOLD_APART, Route, Upstream,
};
use crate::state::listening::{Http, Listener};
use crate::state::pools;
use crate::state::rate_table::RateTable;
pub(super) use secrets::keys;

/// What routes and pools are compiled with.
pub(super) struct Beside<'a> {
    pub config: &'a Config,
    pub steering: &'a Steering,
    pub maps: &'a Maps,
    /// That sessions' cookies are signed with.
    pub keys: &'a Arc<Keys>,
    /// How connections are made.
    pub transport: &'a Transport,
    pub before: Option<&'a Forwarding>,
}

impl Beside<'_> {
    /// What is known of a pool, if there was one of its name.
    fn fleet(&self, name: &str) -> Arc<Fleet> {
        let before = self.before.and_then(|before| before.fleets.get(name));
        let threads = self.config.forwarder.as_ref();
        let threads = threads.map_or(1, written::Forwarder::thread_count);
        before
            .cloned()
            .unwrap_or_else(|| Arc::new(Fleet::new(threads)))
    }
}

/// Backends that there were before, at the same address and reached in the same way, go on with what is known of them.
pub(super) fn compile(beside: &Beside<'_>) -> Forwarding {
    let Beside { config, before, .. } = *beside;
    let pools = &beside.steering.pools;
    let Some(forwarder) = &config.forwarder else {
        return Forwarding::default();
    };
    let threads = forwarder.thread_count();
    let mut telling = telling::Telling::new(forwarder, threads, before);
    let written = forwarder.routes.iter().enumerate();
    let routes: Box<[_]> = written
        .map(|(at, written)| route(beside, at, written, &mut telling))
        .collect();
    let mut is_reached = vec![false; pools.pools.len()];
    for route in &routes {
        for forward in route.action.forwards() {
            for pool in reach(pools, forward.to) {
                is_reached[pool.index()] = true;
            }
        }
    }
    let entrances = beside.transport.entrances.iter();
    for to in entrances.flat_map(|entrance| entrance.members()) {
        for pool in reach(pools, to) {
            is_reached[pool.index()] = true;
        }
    }
    let backends = backends(beside, &is_reached, threads);
    let preferences = choosing::Wanted::new(pools, &routes);
    let outcomes = before.map_or_else(Arc::default, |before| Arc::clone(&before.outcomes));
    let upstreams = (0..).map(PoolId).zip(is_reached).map(|(id, is_reached)| {
        let known = (&*backends, &outcomes);
        let own = || upstream(beside, id, known, preferences.of(pools, id));
        is_reached.then(|| Arc::new(own()))
    });
    let has_rates = routes.iter().any(|route| !route.rates.is_empty());
    let rates = before.and_then(|before| before.rates.clone());
    let new_rates = || Arc::new(RateTable::new(RATES_TOLD_APART));
    let upstreams: Box<[Option<Arc<Upstream>>]> = upstreams.collect();
    let named = upstreams.iter().zip(&pools.pools);
    let fleets = named.filter_map(|(upstream, pool)| {
        let fleet = &upstream.as_ref()?.care.fleet;
        Some((pool.name.clone(), Arc::clone(fleet)))
    });
    let listeners = forwarder.listeners.iter().enumerate();
    Forwarding {
        index: Index::new(routes.iter().map(|route| &route.matching)),
        error_pages: forwarder.error_pages.clone(),
        cache: cache(forwarder, before),
        listeners: listeners
            .map(|(at, written)| listener(beside, at, written))
            .collect(),
        fleets: fleets.collect(),
        upstreams,
        routes,
        backends,
        outcomes,
        rates: has_rates.then(|| rates.unwrap_or_else(new_rates)),
        doors: Doors {
            connections_max: forwarder.connections_max,
            per_client_max: forwarder.per_client_max,
        },
        unrouted: telling.unrouted(),
        rtts: before.map_or_else(Arc::default, |before| Arc::clone(&before.rtts)),
        logs: telling.logs(),
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

fn listener(beside: &Beside<'_>, at: usize, listener: &written::Listener) -> Arc<Listener> {
    Arc::new(Listener {
        access: access::access(listener.access.as_ref(), beside.maps.by_listener[at]),
        name: listener.name.as_str().into(),
        addresses: listener.listen.clone().into(),
        http: http(&listener.http),
        entrance: Arc::clone(&beside.transport.entrances[at]),
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

/// The pools that a route may lead to.
fn reach(pools: &Pools, to: pools::Member) -> Vec<PoolId> {
    match to {
        pools::Member::Pool(pool) => vec![pool],
        pools::Member::Policy(policy) => pools.policies[policy.index()].reach.to_vec(),
    }
}

fn route(
    beside: &Beside<'_>,
    at: usize,
    route: &written::Route,
    telling: &mut telling::Telling<'_>,
) -> Route {
    let name: Box<str> = match &route.name {
        Some(name) => name.as_str().into(),
        None => route.place.to_string().into(),
    };
    Route {
        matching: route.matching.clone(),
        access: access::access(route.access.as_ref(), beside.maps.by_route[at]),
        rates: access::rates(route, known_by(route)),
        action: action(beside, route),
        rewrite: route.rewrite.clone(),
        request_headers: route.request_headers.clone(),
        response_headers: route.response_headers.clone(),
        error_pages: route.error_pages.clone(),
        compress: route.compress.clone(),
        cache: route.cache.as_ref().map(|rules| Caching {
            rules: rules.clone(),
            space: space(route),
        }),
        told: telling.of_route(&name, route.access_log.as_ref()),
        name,
    }
}

/// For whom a route is: the same wherever in the configuration it stands.
fn known_by(route: &written::Route) -> u64 {
    of_octets(format!("{:?}", (&route.name, &route.matching)).as_bytes())
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

fn action(beside: &Beside<'_>, route: &written::Route) -> Action {
    let forward = |to| choosing::forward(beside, member(to), &route.choosing);
    match &route.action {
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

pub(super) fn member(member: Member) -> pools::Member {
    match member {
        Member::Pool(PoolId(id)) => pools::Member::Pool(PoolId(id)),
        Member::Policy(PolicyId(id)) => pools::Member::Policy(PolicyId(id)),
    }
}

fn upstream(
    beside: &Beside<'_>,
    id: PoolId,
    (backends, outcomes): (&[Option<Arc<Backend>>], &Arc<Outcomes>),
    preferences: Preferences,
) -> Upstream {
    let pool = &beside.steering.pools.pools[id.index()];
    let backend = &beside.config.pools[id.index()].backend;
    let own = pool
        .endpoint_ids()
        .filter_map(|id| backends[id.index()].clone());
    Upstream {
        pool: pool.name.clone(),
        protocol: match backend.protocol {
            written::Protocol::Http1 => Protocol::Http1,
            written::Protocol::Http2 => Protocol::Http2,
        },
        connect_timeout: backend.connect_timeout,
        response_timeout: backend.response_timeout,
        body_timeout: backend.body_timeout,
        idle_timeout: backend.idle_timeout,
        retries: backend.retries,
        way: beside.transport.way(id.index()),
        care: care::care(beside, id, &backend.care, outcomes),
        backends: own.collect(),
        preferences,
    }
}

/// Numbers that no two backends of the process share.
pub(super) fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn backends(
    beside: &Beside<'_>,
    is_reached: &[bool],
    threads: usize,
) -> Box<[Option<Arc<Backend>>]> {
    let Beside { config, before, .. } = *beside;
    let pools = &beside.steering.pools;
    let known = before
        .iter()
        .flat_map(|before| before.backends.iter().flatten());
    let mut known: HashMap<(SocketAddr, u64), Arc<Backend>> = known
        .map(|backend| ((backend.address, backend.way.number), Arc::clone(backend)))
        .collect();
    let endpoints = pools.endpoints.iter();
    let backends = endpoints.map(|endpoint| {
        let pool = endpoint.pool.index();
        if !is_reached[pool] {
            return None;
        }
        let way = beside.transport.way(pool);
        let address = endpoint.destination.address()?;
        let port = endpoint.destination.port();
        let port = port.unwrap_or(config.pools[pool].backend.port);
        let address = SocketAddr::new(address, port);
        let backend = known.entry((address, way.number)).or_insert_with(|| {
            Arc::new(Backend::new(
                address,
                Arc::clone(&way),
                next_number(),
                threads,
            ))
        });
        Some(Arc::clone(backend))
    });
    backends.collect()
}
