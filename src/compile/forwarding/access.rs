//! Access lists and rates -> what requests are compared with.

use crate::compile::maps::access_rules;
use crate::compile::maps::rules::{Rules, RulesView};
use crate::config::forwarder as written;
use crate::hashing;
use crate::model::MapId;
use crate::prefix_table::NetworkSet;
use crate::state::forwarding::{Access, Placed, Rate, RatedBy};
use crate::state::rate_table::Pace;

/// `map` tells the places that the lists name.
pub fn access(written: Option<&written::Access>, map: Option<MapId>) -> Option<Access> {
    let written = written?;
    let set = |clients: &written::Clients| {
        let prefixes = clients.prefixes.iter();
        NetworkSet::new(prefixes.map(|prefix| (prefix.addr(), prefix.prefix_len())))
    };
    let placed = map.zip(access_rules(written)).map(|(map, rules)| {
        let rules = Rules::new(&RulesView::new(&rules));
        let means = rules.by_class().map(|rule| match rule {
            Some(0) => Placed::Denied,
            Some(_) => Placed::Allowed,
            None => Placed::Neither,
        });
        (map, means.collect())
    });
    Some(Access {
        deny: set(&written.deny),
        allow: written.allow.as_ref().map(set),
        placed,
    })
}

/// The limits of a route, by which of them they are and for whom it is, so that a reload that keeps them keeps what they
/// have counted.
pub fn rates(route: &written::Route, known_by: u64) -> Box<[Rate]> {
    let rates = route.rates.iter().zip(0..);
    rates
        .map(|(rate, number)| Rate {
            seed: hashing::mix(known_by ^ number),
            pace: Pace::of_burst(rate.requests, rate.per, rate.burst),
            by: match &rate.by {
                written::RatedBy::Client => RatedBy::Client,
                written::RatedBy::Route => RatedBy::Route,
                written::RatedBy::Header(name) => RatedBy::Header(name.as_str().into()),
            },
        })
        .collect()
}
