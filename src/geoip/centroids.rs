//! Where countries and continents are, for networks and regions without coordinates of their own.

use super::countries::COUNTRIES;
use crate::model::Coordinates;

/// One row of the table of countries.
pub(super) struct Country {
    pub code: [u8; 2],
    pub continent: [u8; 2],
    pub latitude: f64,
    pub longitude: f64,
}

/// The middle of where most of a continent's people are, rather than of its land: what is asked is
/// how far its networks are.
const CONTINENTS: [([u8; 2], f64, f64); 7] = [
    (*b"AF", 5.0, 20.0),
    (*b"AN", -80.0, 0.0),
    (*b"AS", 28.0, 95.0),
    (*b"EU", 50.0, 12.0),
    (*b"NA", 39.0, -95.0),
    (*b"OC", -28.0, 145.0),
    (*b"SA", -15.0, -58.0),
];

fn find(code: [u8; 2]) -> Option<&'static Country> {
    let index = COUNTRIES.binary_search_by_key(&code, |country| country.code);
    COUNTRIES.get(index.ok()?)
}

/// About the middle of a country, by ISO 3166-1 alpha-2 code in capitals.
pub fn country(code: [u8; 2]) -> Option<Coordinates> {
    find(code).map(|country| Coordinates {
        latitude: country.latitude,
        longitude: country.longitude,
    })
}

/// About the middle of a continent: AF AN AS EU NA OC SA.
pub fn continent(code: [u8; 2]) -> Option<Coordinates> {
    let found = CONTINENTS.iter().find(|(continent, ..)| *continent == code);
    found.map(|&(_, latitude, longitude)| Coordinates {
        latitude,
        longitude,
    })
}

/// The continent that a country counts to.
pub fn continent_of(country: [u8; 2]) -> Option<[u8; 2]> {
    find(country).map(|country| country.continent)
}

/// Whether this is a country's ISO 3166-1 alpha-2 code, in capitals (or `XK`, user-assigned, which
/// databases use for Kosovo).
pub fn is_country(code: [u8; 2]) -> bool {
    find(code).is_some()
}

/// Whether this is one of AF AN AS EU NA OC SA.
pub fn is_continent(code: [u8; 2]) -> bool {
    CONTINENTS.iter().any(|(continent, ..)| *continent == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_complete() {
        assert!(COUNTRIES.windows(2).all(|pair| pair[0].code < pair[1].code));
        // ISO 3166-1 has 249 codes; XK is not among them.
        assert_eq!(COUNTRIES.len(), 250);
    }

    #[test]
    fn every_row_lies_on_earth_and_on_a_continent() {
        for row in &COUNTRIES {
            assert!(is_continent(row.continent), "{:?}", row.code);
            assert!((-90.0..=90.0).contains(&row.latitude), "{:?}", row.code);
            assert!((-180.0..=180.0).contains(&row.longitude), "{:?}", row.code);
        }
    }

    #[test]
    fn known_places_are_where_they_are() {
        let germany = country(*b"DE").unwrap();
        assert!((47.0..55.1).contains(&germany.latitude));
        assert!((5.8..15.1).contains(&germany.longitude));
        assert_eq!(continent_of(*b"JP"), Some(*b"AS"));
        assert_eq!(continent_of(*b"BR"), Some(*b"SA"));
        assert!(continent(*b"OC").unwrap().latitude < 0.0);
    }

    #[test]
    fn what_is_no_code_is_nowhere() {
        assert_eq!(country(*b"ZZ"), None);
        assert_eq!(continent_of(*b"eu"), None);
        assert!(!is_country(*b"UK"));
        assert!(!is_continent(*b"XX"));
    }
}
