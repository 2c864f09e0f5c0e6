//! Listeners and the ways to endpoints, with the certificates and keys that they name -> what the forwarder's
//! connections are made of.
//!
//! Files are read at the start and at each reload, and at no other time: what follows from pools alone is compiled
//! with what was read before.

mod certificates;
mod server;
mod ways;

use std::sync::Arc;

use hyper::header::HeaderValue;

use super::Parts;
use super::forwarding::member;
use crate::config::forwarder as written;
use crate::config::{self, Config, Diagnostics};
use crate::state::forwarding::{ByName, Entrance, Forward, Mode, Tcp, Way};
use crate::state::pools::Member;

/// A part of what the forwarder reads.
pub(super) struct Transport {
    pub entrances: Box<[Arc<Entrance>]>,
    /// By pool; `None`: TCP and nothing else.
    ways: Box<[Option<Arc<Way>>]>,
    plain: Arc<Way>,
}

impl Transport {
    /// To the endpoints of a pool.
    pub fn way(&self, pool: usize) -> Arc<Way> {
        let way = self.ways.get(pool).and_then(Option::as_ref);
        Arc::clone(way.unwrap_or(&self.plain))
    }
}

/// `None`: files are not what they should be, and `diagnostics` says why.
pub(super) fn compile(
    config: &Config,
    before: Option<&Parts>,
    diagnostics: &mut Diagnostics,
) -> Option<Transport> {
    let had_errors = diagnostics.has_errors();
    let before = before.map(|parts| &*parts.transport);
    let mut transport = Transport {
        entrances: Box::default(),
        ways: Box::default(),
        plain: before.map_or_else(Arc::default, |before| Arc::clone(&before.plain)),
    };
    let Some(forwarder) = &config.forwarder else {
        return Some(transport);
    };
    let mut entrances = Vec::new();
    for listener in &forwarder.listeners {
        let before = before.and_then(|before| {
            let mut all = before.entrances.iter();
            all.find(|entrance| *entrance.name == *listener.name)
        });
        warn_of_tls_in_tls(config, listener, diagnostics);
        entrances.extend(entrance(config, listener, before, diagnostics).map(Arc::new));
    }
    transport.entrances = entrances.into();
    transport.ways = ways::compile(config, before, diagnostics);
    (had_errors || !diagnostics.has_errors()).then_some(transport)
}

fn entrance(
    config: &Config,
    written: &written::Listener,
    before: Option<&Arc<Entrance>>,
    diagnostics: &mut Diagnostics,
) -> Option<Entrance> {
    let tls = match &written.tls {
        Some(tls) => {
            let before = before.and_then(|before| before.tls.as_ref());
            Some(server::compile(config, written, tls, before, diagnostics)?)
        }
        None => None,
    };
    let mode = match &written.mode {
        written::Mode::Http => Mode::Http,
        written::Mode::Tcp(tcp) => {
            let forward = |to| Forward::plain(member(to));
            let routes = tcp.sni.iter();
            Mode::Tcp(Tcp {
                by_name: ByName::new(routes.map(|(name, to)| (name.clone(), forward(*to)))),
                to: tcp.to.map(forward),
                idle_timeout: tcp.idle_timeout,
            })
        }
    };
    Some(Entrance {
        name: written.name.as_str().into(),
        mode,
        tls,
        proxy_protocol: written.proxy_protocol,
        redirect_to_https: written.redirect_to_https,
        hsts: written.hsts.as_ref().and_then(hsts),
        counts: before.map_or_else(Arc::default, |before| Arc::clone(&before.counts)),
    })
}

/// Warns of pools whose `tls` goes around what is TLS already: hardly an endpoint expects that.
fn warn_of_tls_in_tls(
    config: &Config,
    listener: &written::Listener,
    diagnostics: &mut Diagnostics,
) {
    let written::Mode::Tcp(tcp) = &listener.mode else {
        return;
    };
    if listener.tls.is_some() {
        return;
    }
    for (_, to) in &tcp.sni {
        if let config::Member::Pool(pool) = to
            && let pool = &config.pools[pool.index()]
            && let Some(tls) = &pool.backend.tls
        {
            let message = format!(
                "what [forwarder.listener.{}] passes on to pool `{}` is TLS already",
                listener.name, pool.name
            );
            let help = "this `tls` goes around it: leave it out, or end TLS at the listener";
            diagnostics.warning(&tls.place, message, Some(help.to_owned()));
        }
    }
}

/// RFC 6797, 6.1.
fn hsts(hsts: &written::Hsts) -> Option<HeaderValue> {
    let mut value = format!("max-age={}", hsts.max_age.as_secs());
    if hsts.include_subdomains {
        value += "; includeSubDomains";
    }
    if hsts.preload {
        value += "; preload";
    }
    HeaderValue::try_from(value).ok()
}

impl Entrance {
    /// Where its connections go as a whole.
    pub(super) fn members(&self) -> Vec<Member> {
        match &self.mode {
            Mode::Http => Vec::new(),
            Mode::Tcp(tcp) => {
                let all = tcp.by_name.values().chain(&tcp.to);
                all.map(|forward| forward.to).collect()
            }
        }
    }
}
