//! Places around the world, for examples that make configurations.

/// Name, latitude and longitude.
pub const REGIONS: [(&str, f64, f64); 10] = [
    ("eu-west", 53.3, -6.3),
    ("eu-mid", 50.1, 8.7),
    ("eu-north", 59.3, 18.1),
    ("us-east", 39.0, -77.5),
    ("us-west", 45.8, -119.7),
    ("sa", -23.5, -46.6),
    ("af", -33.9, 18.4),
    ("in", 19.1, 72.9),
    ("ap", 1.4, 103.8),
    ("au", -33.9, 151.2),
];
