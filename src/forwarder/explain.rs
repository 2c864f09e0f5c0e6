//! Where would a request go, and why? What [`service`](super::service) asks, asked with a recorder.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::{HeaderMap, Method, Uri};

use super::balance::{self, Ask, Choice};
use super::known::Known;
use super::route;
use crate::clock;
use crate::locate::Client;
use crate::model::routing::{Asked, path};
use crate::model::{ANSWERS_MAX, EndpointId, PoolId};
use crate::random::Random;
use crate::state::Root;
use crate::state::forwarding::{Backend, Route};
use crate::state::pools::Member;
use crate::steering::{Draw, Step, cursor_count, forward};

/// What would become of a request.
#[derive(Default)]
pub struct Explained<'r> {
    /// Of the root's; `None`: none fits.
    pub route: Option<&'r Route>,
    /// Where it leads.
    pub to: Option<Member>,
    /// How the pool was come to.
    pub steps: Vec<Step>,
    /// `None`: nothing is up.
    pub pool: Option<PoolId>,
    /// Those of the pool in the order in which they would be tried.
    pub endpoints: Vec<(EndpointId, Arc<Backend>)>,
}

/// `host` in lower case, without a port.
pub fn explain<'r>(
    root: &'r Root,
    host: &str,
    uri: &Uri,
    client: IpAddr,
    random: &mut Random,
) -> Explained<'r> {
    let is_tls = uri.scheme_str() == Some("https");
    let listeners = root.forwarding.listeners.iter();
    let mut listeners = listeners.filter(|listener| listener.entrance.tls.is_some() == is_tls);
    let asked = Asked {
        host,
        path: &path::normalise(uri.path()).unwrap_or(Cow::Borrowed(uri.path())),
        method: &Method::GET,
        headers: &HeaderMap::new(),
        listener: listeners.next().map_or("", |listener| &listener.name),
    };
    let found = route::find_asked(&root.forwarding, &asked);
    let mut explained = Explained {
        route: found.map(|(_, route)| route),
        ..Explained::default()
    };
    // Of a split, the first side; where no backend is asked, there is none.
    let forward = explained
        .route
        .and_then(|route| route.action.forwards().next());
    let Some(forward) = forward else {
        return explained;
    };
    explained.to = Some(forward.to);
    let client = Client {
        subnet: None,
        resolver: client,
    };
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
    drawn(&mut |draw| served = forward::serve(root, forward.to, &client, draw, steps));
    explained.pool = served.map(|served| served.pool);
    let known = Known::of_client(&client);
    let mut tried = Vec::new();
    while explained.pool.is_some() && tried.len() < ANSWERS_MAX {
        let ask = Ask {
            root,
            forward,
            client: &client,
            known: &known,
            tried: &tried,
            now_ms: clock::steady_ms(clock::now()),
        };
        let mut choice = None;
        drawn(&mut |draw| choice = balance::choose(&ask, draw).ok());
        let Some(Choice {
            backend, endpoint, ..
        }) = choice
        else {
            break;
        };
        tried.push(backend.number);
        explained.endpoints.push((endpoint, backend));
    }
    explained
}

impl Explained<'_> {
    /// Where the route's addresses are, as the forwarder speaks to them.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.endpoints.iter().map(|(_, backend)| backend.address)
    }
}
