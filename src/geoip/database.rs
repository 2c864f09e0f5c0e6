//! An MMDB file as ranges of locations.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use maxminddb::{MaxMindDbError, Reader};

use super::file;
use super::interner::Locations;
use super::ranges::Ranges;
use super::record::Record;
use super::search_tree::{Leaf, SearchTree};
use super::weight::Scales;
use super::world::{Location, Range};
use crate::prefix_table::ipv4_forms;

/// Files larger than this are refused; the largest databases sold are about a quarter of it.
const SIZE_BYTES_MAX: u64 = 2 << 30;
/// Networks of one database at most: five times as many as City databases have.
pub const NETWORKS_MAX: u32 = 32_000_000;
/// Different records of one database at most.
pub const RECORDS_MAX: usize = 8_000_000;

/// What stands at the beginning of the metadata.
const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// Reads a database of the GeoIP2 schema.
///
/// IPv4 networks of an IPv6 tree (those in ::/96) come out as IPv4; the IPv6 forms of IPv4
/// addresses come out unknown.
///
/// # Errors
///
/// The reason, without the path: the file cannot be read, is too large, is broken, has more than
/// [`NETWORKS_MAX`] networks or [`RECORDS_MAX`] records, or has none of the schema's fields.
pub(super) fn read(path: &Path, locations: &mut Locations) -> Result<Ranges, String> {
    let bytes = file::read(path, SIZE_BYTES_MAX)?;
    let reader = Reader::from_source(bytes.as_slice()).map_err(|error| error.to_string())?;
    let tree = SearchTree::new(&bytes, reader.metadata());
    verify(&reader, &tree)?;

    let scales = Scales::new(data_section(&bytes, tree.data_start()));
    let mut records = Records::new(&reader, scales, locations);
    let mut ranges = Ranges::default();
    tree.walk(|leaf| {
        if let Some(location) = records.location(&leaf, &tree)? {
            add(&mut ranges, &leaf, tree.address_bits(), location);
        }
        Ok(())
    })?;
    records.finish()?;
    Ok(ranges)
}

/// From `start` to the metadata; the reader has made sure that these are in this order.
fn data_section(bytes: &[u8], start: usize) -> &[u8] {
    let mut windows = bytes.windows(METADATA_MARKER.len());
    let end = windows.rposition(|window| window == METADATA_MARKER);
    bytes.get(start..end.unwrap_or(start)).unwrap_or_default()
}

/// Refuses a file that is broken anywhere, also where this program does not read.
fn verify(reader: &Reader<&[u8]>, tree: &SearchTree<'_>) -> Result<(), String> {
    tree.check(NETWORKS_MAX)?;
    let metadata = reader.metadata();
    // The verifier insists on both, though writers leave them empty. Of such a file only the records
    // that are read are checked, each within the decoder's limits.
    if metadata.description.is_empty() || metadata.database_type.is_empty() {
        return Ok(());
    }
    reader.verify().map_err(|error| error.to_string())
}

/// The records of a database, each decoded once however many networks share it.
struct Records<'a, 'r> {
    reader: &'a Reader<&'r [u8]>,
    scales: Scales<'r>,
    locations: &'a mut Locations,
    /// By the tree's record value; None for a record that says nothing of use.
    decoded: HashMap<u32, Option<u32>>,
    /// The first record that is not of the schema.
    foreign: Option<MaxMindDbError>,
}

impl<'a, 'r> Records<'a, 'r> {
    fn new(reader: &'a Reader<&'r [u8]>, scales: Scales<'r>, locations: &'a mut Locations) -> Self {
        Records {
            reader,
            scales,
            locations,
            decoded: HashMap::new(),
            foreign: None,
        }
    }

    fn location(&mut self, leaf: &Leaf, tree: &SearchTree<'_>) -> Result<Option<u32>, String> {
        if let Some(&location) = self.decoded.get(&leaf.record) {
            return Ok(location);
        }
        if self.decoded.len() == RECORDS_MAX {
            return Err(format!("has more than {RECORDS_MAX} different records"));
        }
        self.scales.weigh(tree.data_offset(leaf))?;
        let location = self.decode(leaf, tree.address_bits())?;
        let id = self.locations.intern(location);
        self.decoded.insert(leaf.record, id);
        Ok(id)
    }

    fn decode(&mut self, leaf: &Leaf, address_bits: u8) -> Result<Location, String> {
        // The reader decodes what it has looked up, so the leaf is looked up by its first address.
        let address = match address_bits {
            128 => IpAddr::V6(Ipv6Addr::from(leaf.start)),
            _ => IpAddr::V4(Ipv4Addr::from(leaf.start as u32)),
        };
        let found = self
            .reader
            .lookup(address)
            .map_err(|error| error.to_string())?;
        match found.decode::<Record<'_>>() {
            Ok(record) => Ok(record.unwrap_or_default().into_location()),
            // A field has another type than in the schema, which is no damage.
            Err(error @ MaxMindDbError::Decoding { .. }) => {
                self.foreign.get_or_insert(error);
                Ok(Location::default())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Refuses a database that is of another schema, wholly or in part.
    fn finish(self) -> Result<(), String> {
        let useful = self.decoded.values().any(Option::is_some);
        match self.foreign {
            _ if !useful => Err("has no GeoIP2 location or ASN fields".to_owned()),
            Some(error) => Err(format!("not of the GeoIP2 schema: {error}")),
            None => Ok(()),
        }
    }
}

/// Adds a leaf where its addresses belong. A leaf of an IPv6 tree that holds all of ::/96 speaks
/// for all of IPv4 too.
fn add(ranges: &mut Ranges, leaf: &Leaf, address_bits: u8, location: u32) {
    let host_bits = address_bits - leaf.prefix_len;
    let last = match host_bits {
        128 => u128::MAX,
        bits => leaf.start | ((1 << bits) - 1),
    };
    if leaf.start <= u128::from(u32::MAX) {
        ranges.v4.push(Range {
            start: leaf.start as u32,
            end: u32::try_from(last).unwrap_or(u32::MAX),
            location,
        });
    }
    if address_bits == 128 && last > u128::from(u32::MAX) {
        add_v6(ranges, leaf.start, last, location);
    }
}

/// Adds what of `start..=last` is no form of IPv4: what is true of those follows from IPv4, not from a
/// database.
fn add_v6(ranges: &mut Ranges, mut start: u128, last: u128, location: u32) {
    for (form_start, form_last) in ipv4_forms() {
        if form_last < start {
            continue;
        }
        if form_start > last {
            break;
        }
        if start < form_start {
            let end = form_start - 1;
            ranges.v6.push(Range {
                start,
                end,
                location,
            });
        }
        if last <= form_last {
            return;
        }
        start = form_last + 1;
    }
    ranges.v6.push(Range {
        start,
        end: last,
        location,
    });
}
