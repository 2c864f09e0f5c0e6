//! Where locations and regions are on the earth.

use super::sphere::Point;
use crate::config::LocationSpec;
use crate::geoip::{Location, centroids};

/// Where a location is: by its coordinates, or else by its country or continent.
pub fn of_location(location: &Location) -> Option<Point> {
    let country = || centroids::country(location.country?);
    let continent = || centroids::continent(continent_of(location)?);
    let coordinates = location.coordinates.or_else(country).or_else(continent);
    coordinates.map(Point::from)
}

/// The continent of a location: as it says itself, or else that of its country.
pub fn continent_of(location: &Location) -> Option<[u8; 2]> {
    let of_country = || centroids::continent_of(location.country?);
    location.continent.or_else(of_country)
}

/// Where a region is, as its configuration says.
pub fn of_region(location: &LocationSpec) -> Option<Point> {
    let coordinates = match location {
        LocationSpec::Coordinates(coordinates) => Some(*coordinates),
        LocationSpec::Country(country) | LocationSpec::Subdivision(country, _) => {
            let continent = || centroids::continent(centroids::continent_of(*country)?);
            centroids::country(*country).or_else(continent)
        }
        LocationSpec::Continent(continent) => centroids::continent(*continent),
    };
    coordinates.map(Point::from)
}
