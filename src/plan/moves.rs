//! How many move, from where to where?

use std::collections::BTreeMap;

use super::destination::{decided, drawn};
use super::places::{NOWHERE, Place, UNKNOWN};
use super::population::Population;
use super::{Asker, Cell, Destination, Policies, Sides};

/// Clients by where they are sent before and after: indices into [`Moves::destinations`], and how many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    flows: Vec<(u16, u16, f64)>,
}

impl Account {
    fn add(&mut self, (from, to, weight): (u16, u16, f64)) {
        let known = self
            .flows
            .iter_mut()
            .find(|flow| (flow.0, flow.1) == (from, to));
        match known {
            Some(flow) => flow.2 += weight,
            None => self.flows.push((from, to, weight)),
        }
    }

    /// From, to and how many; of those who stay as well, and in no order.
    pub fn flows(&self) -> &[(u16, u16, f64)] {
        &self.flows
    }

    /// How many there are.
    pub fn total(&self) -> f64 {
        self.sum(|_, _| true)
    }

    /// How many are sent elsewhere.
    pub fn moved(&self) -> f64 {
        self.sum(|from, to| from != to)
    }

    pub fn before(&self, destination: u16) -> f64 {
        self.sum(|from, _| from == destination)
    }

    pub fn after(&self, destination: u16) -> f64 {
        self.sum(|_, to| to == destination)
    }

    fn sum(&self, counts: impl Fn(u16, u16) -> bool) -> f64 {
        let flows = self.flows.iter().filter(|flow| counts(flow.0, flow.1));
        // The sum of nothing would be -0.0.
        flows.fold(0.0, |sum, flow| sum + flow.2)
    }
}

/// What becomes of a population.
#[derive(Clone, Debug)]
pub struct Moves {
    pub destinations: Vec<Destination>,
    /// Clients in places that some source knows, or all of a recording.
    pub counted: Account,
    /// All others.
    pub unlocated: Account,
    /// Of those that count: by [`Places::land`](super::Places::land).
    pub lands: BTreeMap<u32, Account>,
    /// Of those that count, as far as it is known where on the globe they are.
    pub cells: BTreeMap<Cell, Account>,
    /// Whether the policies draw, so that shares are estimated from many draws.
    pub is_drawn: bool,
}

impl Moves {
    pub fn new(sides: &Sides<'_>, policies: Policies, population: &mut Population<'_>) -> Self {
        let mut finding = Finding {
            sides,
            policies,
            destinations: Vec::new(),
            is_drawn: false,
        };
        let flows: Vec<_> = (0..population.kinds.len())
            .map(|kind| finding.flows(kind, population))
            .collect();
        let mut moves = Moves {
            destinations: finding.destinations,
            counted: Account::default(),
            unlocated: Account::default(),
            lands: BTreeMap::new(),
            cells: BTreeMap::new(),
            is_drawn: finding.is_drawn,
        };
        for count in &population.counts {
            for &(from, to, share) in &flows[count.kind as usize] {
                let flow = (from, to, share * count.weight as f64);
                let place = match count.place {
                    NOWHERE if !population.counts_everybody => {
                        moves.unlocated.add(flow);
                        continue;
                    }
                    NOWHERE => Place {
                        land: UNKNOWN,
                        cell: None,
                    },
                    place => population.places.place(place),
                };
                moves.counted.add(flow);
                moves.lands.entry(place.land).or_default().add(flow);
                if let Some(cell) = place.cell {
                    moves.cells.entry(cell).or_default().add(flow);
                }
            }
        }
        moves
    }
}

/// Asks steering.
struct Finding<'a> {
    sides: &'a Sides<'a>,
    policies: Policies,
    destinations: Vec<Destination>,
    is_drawn: bool,
}

/// Destinations, and which share of clients goes there: they sum to 1.
type Shares = Vec<(u16, f64)>;

impl Finding<'_> {
    /// What becomes of a kind of clients: from, to and which share of it.
    fn flows(&mut self, kind: usize, population: &mut Population<'_>) -> Vec<(u16, u16, f64)> {
        let asker = population.clients.asker(population.kinds[kind].code);
        let Policies {
            before: old,
            after: new,
        } = self.policies;
        let (before, is_drawn_before) =
            decided(&self.sides.before, old, asker.family, &asker.before);
        let (after, is_drawn_after) = decided(&self.sides.after, new, asker.family, &asker.after);
        if !is_drawn_before && !is_drawn_after {
            return vec![(self.number(before), self.number(after), 1.0)];
        }
        let codes = population.samples()[kind].clone();
        let (mut before, mut after) = (Shares::new(), Shares::new());
        let mut pairs = Account::default();
        let mut goes_by_client = true;
        for (index, &code) in codes.iter().enumerate() {
            // The same die before and after, so that what is drawn alike does not seem to move.
            let seed = (kind as u64) << 32 | index as u64;
            let asker = population.clients.asker(code);
            let (from, to) = self.pair(&asker, seed);
            goes_by_client = goes_by_client && self.pair(&asker, !seed) == (from, to);
            add(&mut before, from);
            add(&mut after, to);
            pairs.add((from, to, 1.0 / codes.len() as f64));
        }
        self.is_drawn |= before.len() > 1 || after.len() > 1;
        // Where the die decides nothing, each client has a place of its own to be moved from.
        if goes_by_client {
            return pairs.flows;
        }
        for (_, share) in before.iter_mut().chain(&mut after) {
            *share /= codes.len() as f64;
        }
        flows(&before, &after)
    }

    /// Where the client goes before and after.
    fn pair(&mut self, asker: &Asker, seed: u64) -> (u16, u16) {
        let Policies { before, after } = self.policies;
        let family = asker.family;
        let from = drawn(
            &self.sides.before,
            before,
            family,
            &asker.before,
            seed,
            &mut (),
        );
        let to = drawn(
            &self.sides.after,
            after,
            family,
            &asker.after,
            seed,
            &mut (),
        );
        (self.number(from), self.number(to))
    }

    fn number(&mut self, destination: Destination) -> u16 {
        let known = self.destinations.iter().position(|d| *d == destination);
        known.unwrap_or_else(|| {
            self.destinations.push(destination);
            self.destinations.len() - 1
        }) as u16
    }
}

fn add(shares: &mut Shares, destination: u16) {
    match shares.iter_mut().find(|share| share.0 == destination) {
        Some(share) => share.1 += 1.0,
        None => shares.push((destination, 1.0)),
    }
}

/// The fewest moves that make `after` of `before`. Who leaves goes where others arrive, in proportion.
fn flows(before: &Shares, after: &Shares) -> Vec<(u16, u16, f64)> {
    let share = |shares: &Shares, of: u16| {
        let found = shares.iter().find(|share| share.0 == of);
        found.map_or(0.0, |share| share.1)
    };
    let stays = |of: u16| share(before, of).min(share(after, of));
    let left = |&(of, share): &(u16, f64)| (of, share - stays(of));
    let leaving: Shares = before
        .iter()
        .map(left)
        .filter(|left| left.1 > 0.0)
        .collect();
    let arriving: Shares = after.iter().map(left).filter(|left| left.1 > 0.0).collect();
    let arrivals: f64 = arriving.iter().map(|share| share.1).sum();
    let staying = before.iter().map(|&(of, _)| (of, of, stays(of)));
    let mut flows: Vec<_> = staying.filter(|flow| flow.2 > 0.0).collect();
    for &(from, gone) in &leaving {
        let moving = arriving.iter();
        flows.extend(moving.map(|&(to, come)| (from, to, gone * come / arrivals)));
    }
    flows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_stay_as_can() {
        let shares = |list: &[(u16, f64)]| list.to_vec();
        let same = shares(&[(0, 0.25), (1, 0.75)]);
        assert_eq!(flows(&same, &same), [(0, 0, 0.25), (1, 1, 0.75)]);
        let drained = shares(&[(1, 0.5), (2, 0.5)]);
        let third = shares(&[(0, 0.5), (1, 0.25), (2, 0.25)]);
        let expected = [(1, 1, 0.25), (2, 2, 0.25), (1, 0, 0.25), (2, 0, 0.25)];
        assert_eq!(flows(&drained, &third), expected);
        assert_eq!(
            flows(&shares(&[(0, 1.0)]), &shares(&[(1, 1.0)])),
            [(0, 1, 1.0)]
        );
    }
}
