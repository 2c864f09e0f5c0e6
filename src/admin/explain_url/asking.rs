//! Asks the forwarder itself, with a recorder.

use std::net::{IpAddr, Ipv4Addr};

use hyper::Uri;

use super::super::explain::{Believed, Line};
use super::super::words::Words;
use super::{UrlExplanation, UrlQuestion};
use crate::forwarder::explain::{Refuser, explain as ask};
use crate::random::Random;
use crate::state::Root;
use crate::state::forwarding::Action;
use crate::state::pools::Member;

/// # Errors
/// In words: nothing is forwarded here.
pub fn explained(
    root: &Root,
    believed: &Believed,
    question: &UrlQuestion,
    (uri, host): (&Uri, &str),
) -> Result<UrlExplanation, String> {
    if root.forwarding.routes.is_empty() {
        return Err("nothing is forwarded here: there is no [forwarder]".to_owned());
    }
    let client = question.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let random = question.seed.map(Random::from_seed);
    let mut random = random.unwrap_or_else(Random::from_os);
    let explained = ask(root, host, uri, client, &mut random);
    let words = Words {
        root,
        overridden: &believed.overridden,
    };
    let line = |step: &str, text: String| Line {
        step: step.to_owned(),
        text,
    };
    let mut steps = vec![line(
        "request",
        format!("GET {} of {host}, from {client}", uri.path()),
    )];
    let pool_name = |pool: crate::model::PoolId| &root.pools.pools[pool.index()].name;
    match (explained.route, explained.to) {
        _ if explained.refused_by == Some(Refuser::Listener) => {
            let text = "the listener's `allow` and `deny` do not let this client in: 403";
            steps.push(line("access", text.to_owned()));
        }
        (Some(route), None) if explained.refused_by == Some(Refuser::Route) => {
            let text = format!("{}, which does not let this client in: 403", route.name);
            steps.push(line("route", text));
        }
        (Some(route), Some(to)) => {
            let to = match to {
                Member::Pool(pool) => format!("pool {}", pool_name(pool)),
                Member::Policy(id) => format!("policy {}", root.pools.policies[id.index()].name),
            };
            let side = explained
                .side
                .map(|side| format!(" (side {side} of a split)"));
            let side = side.unwrap_or_default();
            steps.push(line("route", format!("{}: to {to}{side}", route.name)));
            let limits = route.rates.len();
            if limits > 0 {
                let text = format!("{limits} of the route: what is too much for them gets 429");
                steps.push(line("limits", text));
            }
        }
        (Some(route), None) => {
            let does = match route.action {
                Action::Redirect(_) => "redirects",
                Action::Respond(_) => "responds itself",
                _ => "sends a file",
            };
            steps.push(line("route", format!("{}: {does}", route.name)));
        }
        (None, _) => steps.push(line("route", "none fits: 404".to_owned())),
    }
    steps.extend(explained.steps.iter().map(|step| words.line(step)));
    match explained.pool {
        Some(pool) => {
            let pool = &root.pools.pools[pool.index()];
            let text = format!(
                "{} ({}), whose endpoints would be tried in this order",
                pool.name,
                pool.balance.name()
            );
            steps.push(line("pool", text));
        }
        None if explained.to.is_some() => {
            steps.push(line("pool", "nothing is up: 503".to_owned()));
        }
        None => {}
    }
    for (pool, left) in &explained.open {
        let text = format!(
            "pool {} mostly fails and is not asked for {} ms more",
            pool_name(*pool),
            left.as_millis()
        );
        steps.push(line("circuit", text));
    }
    let mut last = explained.pool;
    for (pool, id, backend) in &explained.endpoints {
        if last.replace(*pool) != Some(*pool) {
            steps.push(line("pool", format!("{}, after that", pool_name(*pool))));
        }
        let requests = backend.tally.requests();
        let in_flight = backend.in_flight();
        let text = format!(
            "{}: {in_flight} in flight, {requests} so far",
            words.told(*id)
        );
        steps.push(line("endpoint", text));
    }
    Ok(UrlExplanation {
        url: question.url.clone(),
        steps,
        endpoints: explained.addresses().map(|a| a.to_string()).collect(),
    })
}
