//! Routes and pools -> what the forwarder reads.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use hyper::header::HeaderValue;

use super::transport::Transport;
use crate::config::forwarder as written;
use crate::config::{self, Config, Member};
use crate::model::{PolicyId, PoolId};
use crate::random::Random;
use crate::state::Pools;
use crate::state::forwarding::{
    Action, Backend, Entrance, Forward, Forwarding, HostPattern, PathPattern, Protocol, Route,
    Upstream, Way,
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
    let of_routes = routes.iter().map(|route| {
        let Action::Forward(forward) = &route.action;
        forward.to
    });
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
        listeners: listeners.map(listener).collect(),
        routes,
        upstreams: upstreams.into(),
        backends,
    }
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
    let written::Action::Forward { to } = route.action;
    Route {
        name: route.place.to_string().into(),
        hosts: route.hosts.iter().map(host).collect(),
        path: match &route.path {
            written::PathPattern::Any => PathPattern::Any,
            written::PathPattern::Exact(path) => PathPattern::Exact(path.as_str().into()),
            written::PathPattern::Prefix(path) => PathPattern::Prefix(path.as_str().into()),
        },
        action: Action::Forward(Forward { to: member(to) }),
    }
}

pub(super) fn host(host: &written::HostPattern) -> HostPattern {
    match host {
        written::HostPattern::Exact(name) => HostPattern::Exact(name.as_str().into()),
        written::HostPattern::Below(name) => HostPattern::Below(name.as_str().into()),
    }
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
