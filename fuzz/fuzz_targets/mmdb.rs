//! Any octets as a GeoIP database, or any tree and data in an envelope that is sound: no panic, and a
//! world of sorted, disjoint ranges.
#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use meridian::config::{At, Diagnostics, GeoIp, Place};
use meridian::geoip::{self, Range, Spans};
use meridian::prefix_table::Address;

/// Input that begins so is a tree and data; other input is a whole file.
const TREE: &[u8] = b"tree";

fuzz_target!(|input: &[u8]| {
    let file = match input.strip_prefix(TREE) {
        Some(parts) => enveloped(parts),
        None => input.to_vec(),
    };
    let path = path();
    std::fs::write(path, file).expect("a temporary folder that can be written to");
    let sources = GeoIp {
        databases: vec![At {
            value: path.clone(),
            place: Place::file(path),
        }],
        feeds: Vec::new(),
        depth: 3,
    };
    let mut diagnostics = Diagnostics::new();
    let world = geoip::load_sources(&sources, &[], &mut diagnostics);
    assert!(world == geoip::World::default() || !diagnostics.has_errors());
    assert_sound(&world.v4, world.locations.len());
    assert_sound(&world.v6, world.locations.len());
});

fn assert_sound<A: Address>(spans: &Spans<A>, locations: usize) {
    let ranges: Vec<Range<A>> = spans.iter().collect();
    assert_eq!(ranges.len(), spans.len());
    assert!(ranges.iter().all(|range| range.start <= range.end));
    assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
    for range in &ranges {
        assert!((range.location as usize) < locations);
        assert_eq!(spans.find(range.start), Some(*range));
        assert_eq!(spans.find(range.end), Some(*range));
    }
}

/// A file whose metadata is sound: an octet that chooses the kind of tree, one that counts nodes,
/// two for each node's children, and what is left is data.
fn enveloped(parts: &[u8]) -> Vec<u8> {
    let [kind, nodes, rest @ ..] = parts else {
        return Vec::new();
    };
    let record_bits = [24u16, 28, 32][usize::from(kind % 3)];
    let ip_version = if kind & 4 == 0 { 4u16 } else { 6 };
    let (children, data) = rest.split_at(rest.len().min(2 * usize::from(*nodes)));
    let node_count = (children.len() / 2) as u32;
    // Nodes are 0..=127, no network is 128, and further on every second octet of data.
    let number = |child: u8| match child {
        0..=127 => u32::from(child),
        128 => node_count,
        _ => node_count + 16 + 2 * u32::from(child - 129),
    };
    let mut file = Vec::new();
    for pair in children.chunks_exact(2) {
        let [left, right] = [number(pair[0]), number(pair[1])].map(u32::to_be_bytes);
        match record_bits {
            24 => file.extend([left[1], left[2], left[3], right[1], right[2], right[3]]),
            28 => file.extend([left[1], left[2], left[3], 0, right[1], right[2], right[3]]),
            _ => file.extend([left, right].concat()),
        }
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com\xe9");
    let mut field = |key: &str, value: &[u8]| {
        file.push(0x40 | key.len() as u8);
        file.extend(key.as_bytes());
        file.extend(value);
    };
    let uint16 = |number: u16| [&[0xa2], &number.to_be_bytes()[..]].concat();
    field("binary_format_major_version", &uint16(2));
    field("binary_format_minor_version", &uint16(0));
    field("build_epoch", b"\x08\x02\0\0\0\0\0\0\0\0");
    // Without these two, the reader's own verifier is not asked.
    let is_named = kind & 8 == 0;
    field("database_type", if is_named { b"\x41x" } else { b"\x40" });
    field(
        "description",
        if is_named {
            b"\xe1\x42en\x41x"
        } else {
            b"\xe0"
        },
    );
    field("ip_version", &uint16(ip_version));
    field("languages", b"\0\x04");
    let count = [&[0xc4], &node_count.to_be_bytes()[..]].concat();
    field("node_count", &count);
    field("record_size", &uint16(record_bits));
    file
}

/// Databases are read from files; in memory where the machine has a file system for that.
fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let folder = match memory.is_dir() {
            true => memory,
            false => std::env::temp_dir(),
        };
        folder.join(format!("meridian-fuzz-{}.mmdb", std::process::id()))
    })
}
