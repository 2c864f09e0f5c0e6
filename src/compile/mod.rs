//! Configuration, zone files and GeoIP -> root.
