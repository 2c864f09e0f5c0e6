//! Reads `[geoip]`.

use super::GeoIp;
use super::reader::{Reader, Table};
use super::scalar::{integer, one_or_many, path};

impl Default for GeoIp {
    fn default() -> Self {
        GeoIp {
            databases: Vec::new(),
            feeds: Vec::new(),
            depth: 3,
        }
    }
}

pub(super) fn geoip<'t>(reader: &mut Reader, top: &mut Table<'t>) -> GeoIp {
    let mut geoip = GeoIp::default();
    let Some((_, value)) = top.entry("geoip") else {
        return geoip;
    };
    let Some(mut table) = Table::of(reader, "[geoip]", value, "a table [geoip]") else {
        return geoip;
    };
    let paths = |table: &mut Table<'t>, reader: &mut Reader, key| {
        table.optional(reader, key, |r, v| one_or_many(r, v, path))
    };
    geoip.databases = paths(&mut table, reader, "databases").unwrap_or_default();
    geoip.feeds = paths(&mut table, reader, "networks").unwrap_or_default();
    if let Some(depth) = table.optional(reader, "depth", |r, v| integer(r, v, 1..=8)) {
        geoip.depth = depth;
    }
    table.finish(reader);
    geoip
}
