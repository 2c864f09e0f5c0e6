//! Configuration, zone files and GeoIP -> root.

pub mod maps;
pub mod zonefile;
