//! Reads `[region.NAME]`.

use super::Region;
use super::location::{location, serves};
use super::reader::{Reader, Table};
use super::references::References;
use super::scalar::integer;

/// In percent. At 100 all distances would be 0.
const BIAS_MAX: i8 = 99;

/// All regions, by their place in the file; `None` where one cannot be read.
pub(super) fn regions(reader: &mut Reader, references: &mut References) -> Vec<Option<Region>> {
    let tables = references.regions.take();
    tables
        .map(|(name, table)| region(reader, references, name, table?))
        .collect()
}

fn region(
    reader: &mut Reader,
    references: &mut References,
    name: &str,
    mut table: Table,
) -> Option<Region> {
    let location = table.optional(reader, "location", location);
    if table.entry("location").is_none() {
        table.refuse(reader, "bias", "is for regions with a `location`");
    }
    let bias = table.optional(reader, "bias", |reader, value| {
        integer(reader, value, -BIAS_MAX..=BIAS_MAX)
    });
    let serves = table.optional(reader, "serves", |r, v| serves(r, references, v));
    table.finish(reader);
    Some(Region {
        name: name.to_owned(),
        location,
        bias: bias.unwrap_or_default(),
        serves: serves.unwrap_or_default(),
    })
}
