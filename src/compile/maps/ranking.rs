//! Location -> class: how one map orders its regions.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::serves::Serves;
use super::sphere::{Centre, Point};
use crate::geoip::Location;
use crate::prefix_table::CLASSES_MAX;
use crate::state::map::CLASS_DEFAULT;

/// The orders that one map has, and how it finds them.
///
/// An order begins with the regions that serve the location, the more specific match first and of
/// equals the nearer; then the others by distance. Of these the first `depth` count. The rest is
/// ordered by distance from the first of all, so that it is fixed by what counts: without this,
/// every line that is equally far from two far regions would cut scopes. Regions without coordinates
/// have no distance and come last, in the order in which the policy lists them.
pub struct Ranking {
    serves: Serves,
    /// By slot.
    places: Vec<Option<Centre>>,
    depth: usize,
    /// Slot -> all other slots by distance from it.
    around: Vec<Vec<u8>>,
    /// Class -> order, one after another.
    orders: Vec<u8>,
    classes: HashMap<Box<[u8]>, u16>,
    /// For one location at a time.
    order: Order,
}

/// A map distinguishes more than [`CLASSES_MAX`] classes.
#[derive(Debug, PartialEq)]
pub struct TooManyClasses;

impl Ranking {
    /// `default` holds each slot of `places` once; there are at most 255. `depth` is at least 1.
    pub fn new(
        serves: Serves,
        places: Vec<Option<Centre>>,
        depth: usize,
        default: Vec<u8>,
    ) -> Self {
        let slots = 0..places.len() as u8;
        let around = slots.map(|slot| {
            let mut others: Vec<u8> = (0..places.len() as u8).filter(|s| *s != slot).collect();
            if let Some(here) = places[usize::from(slot)] {
                others.sort_by(|a, b| nearer(&places, here.point, *a, *b));
            }
            others
        });
        Ranking {
            serves,
            depth: depth.max(1),
            around: around.collect(),
            orders: default.clone(),
            classes: HashMap::from([(default.into(), CLASS_DEFAULT)]),
            order: Order {
                slots: Vec::with_capacity(places.len()),
                taken: [false; 256],
            },
            places,
        }
    }

    /// The class of a location, which is at `place`. What says nothing that this map could go by
    /// has the default class.
    pub fn class(
        &mut self,
        location: &Location,
        place: Option<Point>,
    ) -> Result<u16, TooManyClasses> {
        self.order.truncate(0);
        self.rank_serving(location, place);
        if let Some(place) = place {
            self.rank_near(place);
        }
        let Some(&first) = self.order.slots.first() else {
            return Ok(CLASS_DEFAULT);
        };
        self.order.truncate(self.depth);
        self.order.extend(&self.around[usize::from(first)]);
        self.intern()
    }

    /// The regions that serve the location.
    fn rank_serving(&mut self, location: &Location, place: Option<Point>) {
        let Ranking { order, places, .. } = self;
        self.serves.matching(location, |slots| {
            let known = order.slots.len();
            order.extend(slots);
            if let Some(place) = place {
                order.slots[known..].sort_by(|a, b| nearer(places, place, *a, *b));
            }
        });
    }

    /// Then the nearest of the others up to `depth`, unless no region has coordinates.
    fn rank_near(&mut self, place: Point) {
        let Ranking { order, places, .. } = self;
        let serving = order.slots.len();
        if serving >= self.depth || places.iter().all(Option::is_none) {
            return;
        }
        for slot in 0..places.len() as u8 {
            order.push(slot);
        }
        let others = &mut order.slots[serving..];
        let wanted = others.len().min(self.depth - serving);
        if wanted < others.len() {
            others.select_nth_unstable_by(wanted, |a, b| nearer(places, place, *a, *b));
        }
        others[..wanted].sort_by(|a, b| nearer(places, place, *a, *b));
    }

    fn intern(&mut self) -> Result<u16, TooManyClasses> {
        let order = self.order.slots.as_slice();
        if let Some(class) = self.classes.get(order) {
            return Ok(*class);
        }
        let class = u16::try_from(self.classes.len()).map_err(|_| TooManyClasses)?;
        if class >= CLASSES_MAX {
            return Err(TooManyClasses);
        }
        self.orders.extend(order);
        self.classes.insert(order.into(), class);
        Ok(class)
    }

    /// Class -> order, one after another, as [`crate::state::Map`] holds them.
    pub fn into_orders(self) -> Box<[u8]> {
        self.orders.into()
    }
}

/// Slots in order, each at most once.
struct Order {
    slots: Vec<u8>,
    /// By slot: whether it is there.
    taken: [bool; 256],
}

impl Order {
    fn push(&mut self, slot: u8) {
        let taken = &mut self.taken[usize::from(slot)];
        if !*taken {
            *taken = true;
            self.slots.push(slot);
        }
    }

    fn extend(&mut self, slots: &[u8]) {
        for slot in slots {
            self.push(*slot);
        }
    }

    fn truncate(&mut self, length: usize) {
        for slot in self.slots.iter().skip(length) {
            self.taken[usize::from(*slot)] = false;
        }
        self.slots.truncate(length);
    }
}

/// Which of two slots is nearer to `place`, as their bias has it; those without coordinates are last, of equals the lower
/// slot is first.
fn nearer(places: &[Option<Centre>], place: Point, a: u8, b: u8) -> Ordering {
    let distance =
        |slot: u8| places[usize::from(slot)].map_or(f64::INFINITY, |region| region.distance(place));
    distance(a).total_cmp(&distance(b)).then(a.cmp(&b))
}
