//! Where would a request go, and why? What [`service`](super::service) asks, asked with a recorder.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::{HeaderMap, Method, Uri};

use super::admission::lets_in;
use super::balance::{self, Ask, Choice};
use super::few::Few;
use super::known::Known;
use super::{route, split};
use crate::clock;
use crate::locate::Client;
use crate::model::routing::Asked;
use crate::model::{ANSWERS_MAX, EndpointId, PoolId};
use crate::random::Random;
use crate::state::Root;
use crate::state::forwarding::{Access, Action, Backend, Mode, Route};
use crate::state::listening::Listener;
use crate::state::pools::Member;
use crate::steering::{Draw, Step, cursor_count, forward};

/// What would become of a request.
#[derive(Default)]
pub struct Explained<'r> {
    /// Of the root's; `None`: none fits.
    pub route: Option<&'r Route>,
    /// Of a route that splits its requests: where this one goes, by the die.
    pub side: Option<&'r str>,
    /// Where it leads.
    pub to: Option<Member>,
    /// How the pool was come to.
    pub steps: Vec<Step>,
    /// Who lets the client not in.
    pub refused_by: Option<Refuser>,
    /// `None`: nothing is up.
    pub pool: Option<PoolId>,
    /// Pools that are not asked for so long, as they mostly fail.
    pub open: Vec<(PoolId, Duration)>,
    /// In the order in which they would be tried, each with its pool.
    pub endpoints: Vec<(PoolId, EndpointId, Arc<Backend>)>,
}

/// Whose access list keeps a client out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuser {
    Listener,
    Route,
}

/// The first listener that such a request could come to.
fn listener_of<'r>(root: &'r Root, uri: &Uri) -> Option<&'r Listener> {
    let is_tls = uri.scheme_str() == Some("https");
    let mut listeners = root.forwarding.listeners.iter();
    let fits = listeners.find(|listener| {
        let entrance = &listener.entrance;
        matches!(entrance.mode, Mode::Http) && entrance.tls.is_some() == is_tls
    });
    fits.map(|listener| &**listener)
}

/// `host` in lower case, without a port.
pub fn explain<'r>(
    root: &'r Root,
    host: &str,
    uri: &Uri,
    client: IpAddr,
    random: &mut Random,
) -> Explained<'r> {
    let mut explained = Explained::default();
    let headers = HeaderMap::new();
    let listener = listener_of(root, uri);
    let client = Client {
        subnet: None,
        resolver: client,
    };
    let lets_in =
        |access: Option<&Access>| access.is_none_or(|access| lets_in(root, access, &client));
    if !lets_in(listener.and_then(|listener| listener.access.as_ref())) {
        explained.refused_by = Some(Refuser::Listener);
        return explained;
    }
    let asked = Asked {
        host,
        path: uri.path(),
        method: &Method::GET,
        headers: &headers,
        listener: listener.map_or("", |listener| &listener.name),
    };
    explained.route = route::find(&root.forwarding, &asked).map(|(_, route)| route);
    let Some(route) = explained.route else {
        return explained;
    };
    if !lets_in(route.access.as_ref()) {
        explained.refused_by = Some(Refuser::Route);
        return explained;
    }
    let forward = match &route.action {
        Action::Forward(forward) => forward,
        Action::Split(split) => {
            let side = split::by_hash(&split.sides, random.next_u64());
            explained.side = Some(&split.sides[side].name);
            &split.sides[side].to
        }
        Action::Redirect(_) | Action::Respond(_) | Action::Files(_) => return explained,
    };
    explained.to = Some(forward.to);
    // The same die for each question, so that all of them are about the same request.
    let seed = random.next_u64();
    let drawn = |with: &mut dyn FnMut(&mut Draw<'_>)| {
        let mut cursors = vec![0; cursor_count(&root.pools)];
        with(&mut Draw {
            random: &mut Random::from_seed(seed),
            cursors: &mut cursors,
        });
    };
    let steps = &mut explained.steps;
    let mut served = None;
    drawn(&mut |draw| served = forward::serve(root, forward.to, &client, &[], draw, steps));
    explained.pool = served.map(|served| served.pool);
    let known = Known::of_client(&client);
    let (mut tried, mut shut) = (Vec::new(), Few::default());
    let now_ms = clock::steady_ms(clock::now());
    while explained.pool.is_some() && tried.len() < ANSWERS_MAX {
        let ask = Ask {
            root,
            forward,
            client: &client,
            known: &known,
            tried: &tried,
            shut,
            now_ms,
        };
        let mut choice = None;
        drawn(&mut |draw| choice = balance::choose(&ask, draw).ok());
        let Some(choice) = choice else {
            break;
        };
        if let Some(left) = choice.upstream.care.open_for(now_ms) {
            explained.open.push((choice.pool, left));
            if !shut.push(choice.pool) {
                break;
            }
            continue;
        }
        tried.push(choice.backend.number);
        let Choice {
            pool,
            endpoint,
            backend,
            ..
        } = choice;
        explained.endpoints.push((pool, endpoint, backend));
    }
    explained
}

impl Explained<'_> {
    /// Where the route's addresses are, as the forwarder speaks to them.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let backends = self.endpoints.iter().map(|(.., backend)| backend);
        backends.map(|backend| backend.address)
    }
}
