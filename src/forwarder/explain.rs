//! Where would a request go, and why? What [`service`](super::service) asks, asked with a recorder.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::Uri;

use super::{balance, route};
use crate::locate::Client;
use crate::model::{EndpointId, PoolId};
use crate::random::Random;
use crate::state::Root;
use crate::state::forwarding::{Action, Backend, Route};
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
    let mut explained = Explained {
        route: route::find(&root.forwarding, host, uri.path()),
        ..Explained::default()
    };
    let Some(route) = explained.route else {
        return explained;
    };
    let Action::Forward(forward) = &route.action;
    explained.to = Some(forward.to);
    let client = Client {
        subnet: None,
        resolver: client,
    };
    let mut cursors = vec![0; cursor_count(&root.pools)];
    let mut draw = Draw {
        random,
        cursors: &mut cursors,
    };
    let steps = &mut explained.steps;
    let served = forward::serve(root, forward.to, &client, &mut draw, steps);
    let Some(served) = served else {
        return explained;
    };
    explained.pool = Some(served.pool);
    let by = balance::by(root, served, &client);
    let tried = forward::endpoints(root, served, by, &mut draw);
    let backends = tried.as_slice().iter();
    let backends = backends.filter_map(|&id| Some((id, Arc::clone(root.forwarding.backend(id)?))));
    explained.endpoints = backends.collect();
    explained
}

impl Explained<'_> {
    /// Where the route's addresses are, as the forwarder speaks to them.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.endpoints.iter().map(|(_, backend)| backend.address)
    }
}
