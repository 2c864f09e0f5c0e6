//! In which country, and on which degree of the globe, is a network?

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Side, Sides};
use crate::geoip::{Location, World, centroids};
use crate::locate::Client;
use crate::prefix_table::ipv4_client;

/// The place of clients that no source knows.
pub(super) const NOWHERE: u32 = u32::MAX;
/// The land of those, and of networks of which no more is known than that they are there.
pub(super) const UNKNOWN: u32 = 0;

/// A square of one degree, by its south-western corner, in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    pub latitude: i16,
    pub longitude: i16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Index into the lands.
    pub land: u32,
    /// None where not even the continent is known.
    pub cell: Option<Cell>,
}

/// The places of all locations of both worlds. What the world says that comes after holds; what it does not
/// know is where the one before has it.
pub struct Places {
    /// A country's code, or what else is known.
    lands: Vec<String>,
    places: Vec<Place>,
    /// Place by location; of `before` none, if both worlds are the same.
    before: Vec<u32>,
    after: Vec<u32>,
}

impl Places {
    pub fn new(sides: &Sides<'_>) -> Self {
        let mut places = Places {
            lands: Vec::new(),
            places: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
        };
        let mut known = Known::default();
        known.lands.insert("unknown".to_owned(), UNKNOWN);
        places.after = known.places_of(&sides.after, &mut places.places);
        if !is_one_world(sides) {
            places.before = known.places_of(&sides.before, &mut places.places);
        }
        let mut lands: Vec<_> = known.lands.into_iter().collect();
        lands.sort_by_key(|(_, id)| *id);
        places.lands = lands.into_iter().map(|(land, _)| land).collect();
        places
    }

    /// The code of a country (ISO 3166-1 alpha-2), the name of an own network without one
    /// (`network:office`), `continent:EU`, or `unknown`.
    pub fn land(&self, id: u32) -> &str {
        &self.lands[id as usize]
    }

    pub(super) fn place(&self, id: u32) -> Place {
        self.places[id as usize]
    }

    /// The place of what has these locations before and after, or [`NOWHERE`].
    pub(super) fn of_locations(&self, before: u32, after: u32) -> u32 {
        let known = self.after.get(after as usize);
        let known = known.or_else(|| self.before.get(before as usize));
        known.copied().unwrap_or(NOWHERE)
    }

    /// The place of a client's subnet, or else of its resolver.
    pub(super) fn of_client(&self, sides: &Sides<'_>, client: &Client) -> u32 {
        let subnet = client.subnet.map(|subnet| subnet.address);
        let addresses = subnet.into_iter().chain([client.resolver]);
        let places = addresses.map(|address| {
            let before = match is_one_world(sides) {
                true => NOWHERE,
                false => location_of(sides.before.world, address),
            };
            self.of_locations(before, location_of(sides.after.world, address))
        });
        places
            .into_iter()
            .find(|p| *p != NOWHERE)
            .unwrap_or(NOWHERE)
    }
}

/// Whether no database and no own network has changed.
pub(super) fn is_one_world(sides: &Sides<'_>) -> bool {
    std::ptr::eq(sides.before.world, sides.after.world)
}

/// The location of an address by its number, or [`NOWHERE`].
fn location_of(world: &World, address: IpAddr) -> u32 {
    let form = match address {
        IpAddr::V6(form) => ipv4_client(form, 128).map(|(client, _)| client.into()),
        IpAddr::V4(_) => None,
    };
    let location = match form.unwrap_or(address) {
        IpAddr::V4(address) => world.v4.find(address.into()).map(|range| range.location),
        IpAddr::V6(address) => world.v6.find(address.into()).map(|range| range.location),
    };
    location.unwrap_or(NOWHERE)
}

/// What has a number already.
#[derive(Default)]
struct Known {
    lands: HashMap<String, u32>,
    places: HashMap<Place, u32>,
}

impl Known {
    fn places_of(&mut self, side: &Side<'_>, places: &mut Vec<Place>) -> Vec<u32> {
        let locations = side.world.locations.iter();
        let place = |location| {
            let land = land_of(side, location);
            let next = self.lands.len() as u32;
            let place = Place {
                land: *self.lands.entry(land).or_insert(next),
                cell: cell_of(location),
            };
            *self.places.entry(place).or_insert_with(|| {
                places.push(place);
                places.len() as u32 - 1
            })
        };
        locations.map(place).collect()
    }
}

fn land_of(side: &Side<'_>, location: &Location) -> String {
    let text = |code: [u8; 2]| String::from_utf8_lossy(&code).into_owned();
    let network = || {
        let name = side.networks.get(location.network?.index())?;
        Some(format!("network:{name}"))
    };
    let continent = || Some(format!("continent:{}", text(location.continent?)));
    let country = location.country.map(text);
    let known = country.or_else(network).or_else(continent);
    known.unwrap_or_else(|| "unknown".to_owned())
}

fn cell_of(location: &Location) -> Option<Cell> {
    let country = || centroids::country(location.country?);
    let continent = || centroids::continent(location.continent?);
    let at = location.coordinates.or_else(country).or_else(continent)?;
    Some(Cell {
        latitude: at.latitude.clamp(-90.0, 89.0).floor() as i16,
        longitude: at.longitude.clamp(-180.0, 179.0).floor() as i16,
    })
}
