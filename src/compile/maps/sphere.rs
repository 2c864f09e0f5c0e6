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

/// Where a region is, and how far that counts.
#[derive(Clone, Copy, Debug)]
pub struct Centre {
    pub point: Point,
    /// What squares of distances are multiplied by.
    factor: f64,
}

impl Centre {
    /// `bias` in percent, -99..=99. Distances are multiplied by `1 - bias / 100`, or divided by
    /// `1 + bias / 100` where it is negative, so that +50 and -50 make up for each other. (The same as in
    /// "Geoproximity routing", Amazon Route 53 Developer Guide; but distances are straight lines through
    /// the earth.)
    pub fn new(point: Point, bias: i8) -> Self {
        let bias = f64::from(bias) / 100.0;
        let factor = if bias < 0.0 {
            1.0 / (1.0 + bias)
        } else {
            1.0 - bias
        };
        Centre {
            point,
            factor: factor * factor,
        }
    }

    /// The square of the biased distance of `other`: it orders as [`Point::distance`] does.
    pub fn distance(self, other: Point) -> f64 {
        self.factor * self.point.distance(other)
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

    #[test]
    fn a_bias_multiplies_distances_and_its_opposite_divides_them() {
        let (here, there) = (point(50.0, 8.0), point(39.0, -77.0));
        let biased = |bias| Centre::new(here, bias).distance(there).sqrt();
        let plain = here.distance(there).sqrt();
        for (bias, factor) in [(0, 1.0), (50, 0.5), (-50, 2.0), (99, 0.01), (-99, 100.0)] {
            let error = biased(bias) / plain - factor;
            assert!(error.abs() < 1e-9, "{bias}: {error}");
        }
    }
}
