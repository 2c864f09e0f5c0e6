//! An MMDB file as ranges of locations.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use ipnet::{IpNet, Ipv6Net};
use maxminddb::{MaxMindDbError, Reader};

use super::file;
use super::interner::Locations;
use super::ranges::{Ranges, push};
use super::record::Record;
use super::search_tree::{Leaf, SearchTree};
use super::world::{Location, Range};

/// Files larger than this are refused; the largest databases sold are about a quarter of it.
const SIZE_BYTES_MAX: u64 = 2 << 30;

/// IPv6 forms of IPv4 addresses: mapped (RFC 4291, 2.5.5.2), NAT64 (RFC 6052), 6to4 (RFC 3056) and
/// Teredo (RFC 4380). What is true of them follows from IPv4, not from a database.
const IPV4_FORMS: [Ipv6Net; 4] = [
    Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
    Ipv6Net::new_assert(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32),
];

/// Reads a database of the GeoIP2 schema.
///
/// IPv4 networks of an IPv6 tree (those in ::/96) come out as IPv4; the IPv6 forms of IPv4
/// addresses come out unknown.
///
/// # Errors
///
/// The reason, without the path: the file cannot be read, is too large, is broken, or has none of
/// the schema's fields.
pub(super) fn read(path: &Path, locations: &mut Locations) -> Result<Ranges, String> {
    let bytes = file::read(path, SIZE_BYTES_MAX)?;
    let reader = Reader::from_source(bytes.as_slice()).map_err(|error| error.to_string())?;
    let tree = SearchTree::new(&bytes, reader.metadata());
    verify(&reader, &tree)?;

    let mut records = Records::new(&reader, locations);
    let mut ranges = Ranges::default();
    tree.walk(|leaf| {
        if let Some(location) = records.location(&leaf, tree.address_bits())? {
            add(&mut ranges, &leaf, tree.address_bits(), location);
        }
        Ok(())
    })?;
    records.finish()?;
    let forms = IPV4_FORMS.map(|form| (IpNet::V6(form), 0));
    Ok(ranges.overlay(&Ranges::of_networks(forms), |_, _| None))
}

/// Refuses a file that is broken anywhere, also where this program does not read.
fn verify(reader: &Reader<&[u8]>, tree: &SearchTree<'_>) -> Result<(), String> {
    tree.walk(|_| Ok(()))?;
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
    locations: &'a mut Locations,
    /// By the tree's record value; None for a record that says nothing of use.
    decoded: HashMap<u32, Option<u32>>,
    /// The first record that is not of the schema.
    foreign: Option<MaxMindDbError>,
}

impl<'a, 'r> Records<'a, 'r> {
    fn new(reader: &'a Reader<&'r [u8]>, locations: &'a mut Locations) -> Self {
        Records {
            reader,
            locations,
            decoded: HashMap::new(),
            foreign: None,
        }
    }

    fn location(&mut self, leaf: &Leaf, address_bits: u8) -> Result<Option<u32>, String> {
        if let Some(&location) = self.decoded.get(&leaf.record) {
            return Ok(location);
        }
        let location = self.decode(leaf, address_bits)?;
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
        let range = Range {
            start: leaf.start as u32,
            end: u32::try_from(last).unwrap_or(u32::MAX),
            location,
        };
        push(&mut ranges.v4, range);
    }
    if address_bits == 128 && last > u128::from(u32::MAX) {
        let range = Range {
            start: leaf.start,
            end: last,
            location,
        };
        push(&mut ranges.v6, range);
    }
}
