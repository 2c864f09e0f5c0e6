//! Distances on the earth, taken as a sphere.

use crate::model::Coordinates;

/// A place as a point on the unit sphere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point([f64; 3]);

impl From<Coordinates> for Point {
    fn from(place: Coordinates) -> Self {
        let (latitude, longitude) = (place.latitude.to_radians(), place.longitude.to_radians());
        let radius = latitude.cos();
        Point([
            radius * longitude.cos(),
            radius * longitude.sin(),
            latitude.sin(),
        ])
    }
}

impl Point {
    /// The square of the chord between two places, 0.0..=4.0: it orders places as their
    /// great-circle distance does, and takes no trigonometry per pair.
    pub fn distance(self, other: Point) -> f64 {
        let difference = |i: usize| self.0[i] - other.0[i];
        (0..3).map(|i| difference(i) * difference(i)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(latitude: f64, longitude: f64) -> Point {
        Point::from(Coordinates {
            latitude,
            longitude,
        })
    }

    #[test]
    fn nearer_is_less_across_the_date_line_and_the_poles() {
        let fiji = point(-17.7, 178.0);
        assert!(fiji.distance(point(-13.8, -172.1)) < fiji.distance(point(-33.9, 151.2)));
        let pole = point(89.0, 0.0);
        assert!(pole.distance(point(85.0, 180.0)) < pole.distance(point(80.0, 0.0)));
        assert_eq!(fiji.distance(fiji), 0.0);
    }
}
