//! What is said of a plan: `meridian plan --json` prints this.

use std::collections::BTreeMap;

use serde::Serialize;

use super::recording::Recording;
use crate::plan::{Account, Moves, Places};

#[derive(Debug, Serialize)]
pub struct Report {
    pub before: String,
    pub after: String,
    pub drained: Vec<String>,
    pub already_down: Vec<String>,
    /// Balanced names that there are no longer.
    pub names_only_before: Vec<String>,
    pub names_only_after: Vec<String>,
    /// Where clients are from, if not address space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recording>,
    /// Of which most clients move first.
    pub policies: Vec<OfPolicy>,
}

/// What becomes of the names of one policy.
#[derive(Debug, Serialize)]
pub struct OfPolicy {
    /// The policy's name.
    pub before: String,
    pub after: String,
    pub names: Vec<String>,
    pub clients: Vec<Moved>,
}

/// Whose share is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Clients {
    Ipv4,
    Ipv6,
    Recorded,
}

impl Clients {
    /// What is counted.
    pub fn unit(self) -> &'static str {
        match self {
            Clients::Ipv4 => "addresses",
            Clients::Ipv6 => "/48s",
            Clients::Recorded => "queries",
        }
    }

    /// Of the numbers that populations have, how many are one of the unit.
    pub fn per_unit(self) -> f64 {
        match self {
            Clients::Ipv4 | Clients::Recorded => 1.0,
            Clients::Ipv6 => 2f64.powi(80),
        }
    }
}

/// Where clients go. All shares are 0.0..=1.0: of the clients in places that some source knows, or of a recording's.
#[derive(Debug, Serialize)]
pub struct Moved {
    pub clients: Clients,
    /// What the total is in.
    pub unit: &'static str,
    #[serde(rename = "type")]
    pub rtype: String,
    /// How many there are.
    pub total: f64,
    pub moved: f64,
    /// Shares of what is drawn are counted among many draws.
    pub is_estimated: bool,
    pub regions: Vec<OfRegion>,
    /// Of those who move.
    pub flows: Vec<Flow>,
    /// Where most clients move first.
    pub countries: Vec<OfCountry>,
    /// Clients that no source knows, which count nowhere else.
    pub unlocated: Unlocated,
    /// Of the ECS scopes; none without a map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_scope: Option<MeanScope>,
}

#[derive(Debug, Serialize)]
pub struct OfRegion {
    pub region: String,
    pub before: f64,
    pub after: f64,
}

#[derive(Debug, Serialize)]
pub struct Flow {
    pub from: String,
    pub to: String,
    pub share: f64,
}

#[derive(Debug, Serialize)]
pub struct OfCountry {
    pub country: String,
    pub share: f64,
    pub moved: f64,
    pub flows: Vec<Flow>,
}

#[derive(Debug, Serialize)]
pub struct Unlocated {
    /// In the same unit.
    pub total: f64,
    /// The share of these.
    pub moved: f64,
    pub flows: Vec<Flow>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct MeanScope {
    pub before: f64,
    pub after: f64,
}

impl Report {
    /// Puts what matters most first.
    pub fn sort(&mut self) {
        self.policies
            .sort_by(|a, b| b.most_moved().total_cmp(&a.most_moved()));
    }
}

impl OfPolicy {
    /// The largest share that moves of any clients.
    pub fn most_moved(&self) -> f64 {
        let moved = self.clients.iter().map(|clients| clients.moved);
        moved.fold(0.0, f64::max)
    }

    /// Whether even those whom no source knows stay where they are.
    pub fn stays(&self) -> bool {
        let stays = |clients: &Moved| clients.moved == 0.0 && clients.unlocated.moved == 0.0;
        self.clients.iter().all(stays)
    }
}

impl Moved {
    pub fn new(clients: Clients, rtype: &str, moves: &Moves, places: &Places) -> Self {
        let total = moves.counted.total();
        let unlocated = moves.unlocated.total();
        let countries = moves.lands.iter().map(|(&land, account)| OfCountry {
            country: places.land(land).to_owned(),
            share: share(account.total(), total),
            moved: share(account.moved(), total),
            flows: flows(moves, account, total),
        });
        let mut countries: Vec<OfCountry> = countries.collect();
        countries.sort_by(|a, b| {
            let by_moved = b.moved.total_cmp(&a.moved);
            let by_share = b.share.total_cmp(&a.share);
            by_moved.then(by_share).then(a.country.cmp(&b.country))
        });
        Moved {
            clients,
            unit: clients.unit(),
            rtype: rtype.to_owned(),
            total: total / clients.per_unit(),
            moved: share(moves.counted.moved(), total),
            is_estimated: moves.is_drawn,
            regions: regions(moves, total),
            flows: flows(moves, &moves.counted, total),
            countries,
            unlocated: Unlocated {
                total: unlocated / clients.per_unit(),
                moved: share(moves.unlocated.moved(), unlocated),
                flows: flows(moves, &moves.unlocated, unlocated),
            },
            mean_scope: None,
        }
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn regions(moves: &Moves, total: f64) -> Vec<OfRegion> {
    let regions = moves.destinations.iter().zip(0..);
    let regions = regions.map(|(destination, number)| OfRegion {
        region: destination.to_string(),
        before: share(moves.counted.before(number), total),
        after: share(moves.counted.after(number), total),
    });
    let is_used = |region: &OfRegion| region.before > 0.0 || region.after > 0.0;
    let mut regions: Vec<OfRegion> = regions.filter(is_used).collect();
    regions.sort_by(|a, b| {
        let by_share = (b.before + b.after).total_cmp(&(a.before + a.after));
        by_share.then(a.region.cmp(&b.region))
    });
    regions
}

/// Of those who move, the largest first.
fn flows(moves: &Moves, account: &Account, total: f64) -> Vec<Flow> {
    let mut sums: BTreeMap<(u16, u16), f64> = BTreeMap::new();
    for &(from, to, weight) in account.flows() {
        if from != to && weight > 0.0 {
            *sums.entry((from, to)).or_default() += weight;
        }
    }
    let name = |number: u16| moves.destinations[usize::from(number)].to_string();
    let flows = sums.into_iter().map(|((from, to), weight)| Flow {
        from: name(from),
        to: name(to),
        share: share(weight, total),
    });
    let mut flows: Vec<Flow> = flows.collect();
    flows.sort_by(|a, b| {
        let by_share = b.share.total_cmp(&a.share);
        by_share.then_with(|| (&a.from, &a.to).cmp(&(&b.from, &b.to)))
    });
    flows
}

/// The longest of `texts`, in characters, but no less than `least`.
pub fn width<'t>(texts: impl Iterator<Item = &'t str>, least: usize) -> usize {
    texts
        .map(|text| text.chars().count())
        .chain([least])
        .max()
        .unwrap_or(least)
}

/// How many names a line lists.
const NAMES_MAX: usize = 3;

/// The first few of `names`, in order of length.
pub fn listed(names: &[String]) -> String {
    let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
    sorted.sort_by_key(|name| (name.len(), *name));
    let more = sorted.len().saturating_sub(NAMES_MAX);
    let first = &sorted[..sorted.len() - more];
    match more {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Digits in groups of three.
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// "12.34 %"; what is more than nothing never looks like nothing, and what is less than all never like all.
pub fn percent(share: f64) -> String {
    match share {
        share if share > 0.0 && share < 0.000_05 => "< 0.01 %".to_owned(),
        share if (0.999_95..1.0).contains(&share) => "> 99.99 %".to_owned(),
        share => format!("{:.2} %", share * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_people() {
        assert_eq!(grouped(0.0), "0");
        assert_eq!(grouped(999.0), "999");
        assert_eq!(grouped(3_712_345_600.0), "3,712,345,600");
        assert_eq!(percent(0.0), "0.00 %");
        assert_eq!(percent(1e-9), "< 0.01 %");
        assert_eq!(percent(0.123_44), "12.34 %");
        assert_eq!(percent(0.999_999), "> 99.99 %");
        assert_eq!(percent(1.0), "100.00 %");
    }

    #[test]
    fn a_few_names_stand_for_many() {
        let names: Vec<String> = ["www.e.", "b.e.", "a.e.", "*.long.e."]
            .map(str::to_owned)
            .into();
        assert_eq!(listed(&names), "a.e., b.e., www.e. and 1 more");
        assert_eq!(listed(&names[..1]), "www.e.");
    }
}
