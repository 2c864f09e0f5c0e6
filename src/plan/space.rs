//! Which addresses are there? All, along the runs of all maps and the ranges of the world, side by side.

use std::iter::Peekable;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::places::{NOWHERE, Places, is_one_world};
use super::population::{Clients, Portion};
use super::{Asker, Policies, Sides, client_at};
use crate::geoip::{Spans, World};
use crate::model::Family;
use crate::prefix_table::{Address, PrefixTable, RESERVED};
use crate::state::Map;
use crate::state::map::CLASS_DEFAULT;

/// The clients of one family's address space. IPv6 forms of IPv4 addresses are no clients of their own, and
/// private and unroutable space has some only where own networks say so.
pub(super) struct Space<'a> {
    sides: Sides<'a>,
    places: &'a Places,
    /// Every map within reach of either policy, each once.
    maps: Vec<&'a PrefixTable>,
    clients: Family,
    /// Of the addresses that they ask for.
    asked: Family,
}

impl<'a> Space<'a> {
    pub fn new(
        sides: Sides<'a>,
        places: &'a Places,
        policies: Policies,
        clients: Family,
        asked: Family,
    ) -> Self {
        let mut maps: Vec<&Arc<Map>> = Vec::new();
        for (side, policy) in [
            (&sides.before, policies.before),
            (&sides.after, policies.after),
        ] {
            for map in side.maps(policy) {
                // A map that did not change is one, and its runs are walked once.
                if !maps.iter().any(|known| Arc::ptr_eq(known, map)) {
                    maps.push(map);
                }
            }
        }
        Space {
            sides,
            places,
            maps: maps.into_iter().map(|map| &map.table).collect(),
            clients,
            asked,
        }
    }

    fn walk_family<A: Number>(&self, each: &mut dyn FnMut(&Portion<'_>)) {
        let Sides { before, after } = &self.sides;
        // What it does not have at its default is no client of its own: private and unroutable space, and IPv6
        // forms of IPv4 addresses.
        let special = PrefixTable::default();
        let mut sources: Vec<Source<'_, A>> = Vec::new();
        for map in &self.maps {
            let runs = A::runs(map).map(|(start, class)| (start, u32::from(class)));
            sources.push(Source::new(runs));
        }
        sources.push(Source::new(steps(A::spans(after.world))));
        sources.push(match is_one_world(&self.sides) {
            true => Source::new([(A::MIN, NOWHERE)].into_iter()),
            false => Source::new(steps(A::spans(before.world))),
        });
        let special = A::runs(&special).map(|(start, class)| (start, class.into()));
        sources.push(Source::new(special));
        let maps = self.maps.len();
        let mut classes = vec![0; maps];
        let mut start = A::MIN;
        loop {
            let mut has_other_classes = start == A::MIN;
            for (index, source) in sources.iter_mut().enumerate() {
                has_other_classes |= source.advance(start) && index < maps;
            }
            let next = sources.iter_mut().filter_map(Source::next_start).min();
            let end = next.and_then(A::previous).unwrap_or(A::MAX);
            if has_other_classes {
                for (class, source) in classes.iter_mut().zip(&sources) {
                    *class = source.value as u16;
                }
            }
            let [after, before, special] = [0, 1, 2].map(|place| sources[maps + place].value);
            let place = self.places.of_locations(before, after);
            // An own network may lie in private space.
            let is_client = match special as u16 {
                CLASS_DEFAULT => true,
                RESERVED => place != NOWHERE,
                _ => false,
            };
            if is_client {
                each(&Portion {
                    classes: &classes,
                    place,
                    weight: start.count_to(end),
                    code: start.code(),
                    is_spread: true,
                });
            }
            match next {
                Some(next) => start = next,
                None => return,
            }
        }
    }
}

impl Clients for Space<'_> {
    fn walk(&self, each: &mut dyn FnMut(&Portion<'_>)) {
        match self.clients {
            Family::V4 => self.walk_family::<u32>(each),
            Family::V6 => self.walk_family::<u128>(each),
        }
    }

    /// The code is the address.
    fn asker(&self, code: u128) -> Asker {
        let address = match self.clients {
            Family::V4 => IpAddr::V4(Ipv4Addr::from_bits(code as u32)),
            Family::V6 => IpAddr::V6(Ipv6Addr::from_bits(code)),
        };
        let client = client_at(address);
        Asker {
            family: self.asked,
            before: client,
            after: client,
        }
    }
}

/// Values that hold from one address up to the next.
struct Source<'a, A> {
    steps: Peekable<Box<dyn Iterator<Item = (A, u32)> + 'a>>,
    value: u32,
}

impl<'a, A: Address> Source<'a, A> {
    fn new(steps: impl Iterator<Item = (A, u32)> + 'a) -> Self {
        let steps: Box<dyn Iterator<Item = (A, u32)> + 'a> = Box::new(steps);
        Source {
            steps: steps.peekable(),
            value: NOWHERE,
        }
    }

    /// Goes to what holds at `address`, which is not beyond the next step; whether there is one.
    fn advance(&mut self, address: A) -> bool {
        let step = self.steps.next_if(|(start, _)| *start <= address);
        if let Some((_, value)) = step {
            self.value = value;
        }
        step.is_some()
    }

    fn next_start(&mut self) -> Option<A> {
        self.steps.peek().map(|(start, _)| *start)
    }
}

/// The ranges, and the holes around them as [`NOWHERE`].
fn steps<A: Address>(spans: &Spans<A>) -> impl Iterator<Item = (A, u32)> {
    // Where the next range begins unless there is a hole.
    let mut next = Some(A::MIN);
    let ranges = spans.iter().map(Some).chain([None]);
    ranges.flat_map(move |range| {
        let hole = next.filter(|next| range.is_none_or(|range| range.start != *next));
        next = range.and_then(|range| range.end.next());
        let hole = hole.map(|start| (start, NOWHERE));
        let range = range.map(|range| (range.start, range.location));
        hole.into_iter().chain(range)
    })
}

/// What differs between the families.
trait Number: Address {
    fn runs(table: &PrefixTable) -> Box<dyn Iterator<Item = (Self, u16)> + '_>;
    fn spans(world: &World) -> &Spans<Self>;
    fn code(self) -> u128;
}

impl Number for u32 {
    fn runs(table: &PrefixTable) -> Box<dyn Iterator<Item = (u32, u16)> + '_> {
        Box::new(table.runs_v4())
    }

    fn spans(world: &World) -> &Spans<u32> {
        &world.v4
    }

    fn code(self) -> u128 {
        self.into()
    }
}

impl Number for u128 {
    fn runs(table: &PrefixTable) -> Box<dyn Iterator<Item = (u128, u16)> + '_> {
        Box::new(table.runs_v6())
    }

    fn spans(world: &World) -> &Spans<u128> {
        &world.v6
    }

    fn code(self) -> u128 {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geoip::Range;

    #[test]
    fn ranges_and_holes_cover_everything() {
        let of = |ranges: &[(u32, u32)]| -> Vec<(u32, u32)> {
            let ranges = ranges
                .iter()
                .zip(7..)
                .map(|(&(start, end), location)| Range {
                    start,
                    end,
                    location,
                });
            steps(&ranges.collect()).collect()
        };
        assert_eq!(of(&[]), [(0, NOWHERE)]);
        assert_eq!(of(&[(0, u32::MAX)]), [(0, 7)]);
        assert_eq!(
            of(&[(5, 9), (10, 12), (20, u32::MAX)]),
            [(0, NOWHERE), (5, 7), (10, 8), (13, NOWHERE), (20, 9)]
        );
        assert_eq!(of(&[(0, 3)]), [(0, 7), (4, NOWHERE)]);
    }
}
