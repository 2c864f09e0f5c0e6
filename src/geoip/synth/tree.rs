//! The search tree of an MMDB file, from networks to octets.
//!
//! mmdb-writer would do, but takes minutes and gigabytes for millions of networks: it allows for
//! networks in any order, inside one another, with values to merge. Here they come in ascending order
//! and disjoint.

use super::data::Data;

/// A child of a node: another node, or one of these.
type Child = u32;
/// No network.
const EMPTY: Child = u32::MAX;
/// With this bit, the offset of a record in the data section.
const RECORD: Child = 1 << 31;

/// Zeros between the tree and the data.
const SEPARATOR: [u8; 16] = [0; 16];
const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// Where IPv6 databases repeat IPv4: mapped, Teredo and 6to4, with the lengths of their prefixes.
const ALIASES: [(u128, u8); 3] = [(0xffff << 32, 96), (0x2001 << 112, 32), (0x2002 << 112, 16)];

/// An IPv6 tree, with IPv4 in ::/96.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<[Child; 2]>,
    /// The nodes on the way to the last network, the root first.
    path: Vec<u32>,
    /// That network's first address.
    last: u128,
}

impl Tree {
    /// With room for about so many networks.
    pub fn new(networks: usize) -> Self {
        let mut nodes = Vec::with_capacity(networks + networks / 4 + 128);
        nodes.push([EMPTY; 2]);
        Tree {
            nodes,
            path: vec![0],
            last: 0,
        }
    }

    /// Adds a network that no other contains; `record` is an offset in the data section. Those of ::/96
    /// are IPv4.
    pub fn insert(&mut self, start: u128, prefix_len: u8, record: u32) {
        self.set(start, prefix_len, RECORD | record);
    }

    /// Makes the tree say of the IPv6 forms of IPv4 what it says of IPv4.
    pub fn alias_ipv4(&mut self) {
        let mut node = 0;
        for _ in 0..96 {
            node = self.nodes[node as usize][0];
            if node >= RECORD {
                return;
            }
        }
        for (start, prefix_len) in ALIASES {
            self.set(start, prefix_len, node);
        }
    }

    fn set(&mut self, start: u128, prefix_len: u8, child: Child) {
        // Networks come in order, so most of the way is that to the one before.
        let common = (start ^ self.last).leading_zeros() as usize;
        self.path.truncate(common + 1);
        self.last = start;
        let side = |depth: usize| usize::from(start >> (127 - depth) & 1 == 1);
        while self.path.len() < usize::from(prefix_len) {
            let depth = self.path.len() - 1;
            let next = self.nodes.len() as u32;
            let place = &mut self.nodes[self.path[depth] as usize][side(depth)];
            if *place == EMPTY {
                *place = next;
                self.nodes.push([EMPTY; 2]);
            }
            self.path
                .push(self.nodes[self.path[depth] as usize][side(depth)]);
        }
        let depth = usize::from(prefix_len) - 1;
        self.path.truncate(depth + 1);
        self.nodes[self.path[depth] as usize][side(depth)] = child;
    }

    /// The whole file.
    ///
    /// # Errors
    ///
    /// It would not fit the format.
    pub fn into_file(self, data: &[u8]) -> Result<Vec<u8>, String> {
        let node_count = self.nodes.len();
        let past_end = node_count + SEPARATOR.len() + data.len();
        let record_bits: u16 = match past_end {
            0..0x100_0000 => 24,
            0x100_0000..0x1000_0000 => 28,
            0x1000_0000..0x8000_0000 => 32,
            _ => return Err("larger than the format allows".to_owned()),
        };
        let size = node_count * usize::from(record_bits) / 4;
        let mut bytes = Vec::with_capacity(size + data.len() + 1024);
        let number = |child: Child| match child {
            EMPTY => node_count as u32,
            node if node < RECORD => node,
            record => (node_count + SEPARATOR.len()) as u32 + (record & !RECORD),
        };
        for node in self.nodes {
            write_node(&mut bytes, node.map(number), record_bits);
        }
        bytes.extend(SEPARATOR);
        bytes.extend(data);
        bytes.extend(METADATA_MARKER);
        bytes.extend(metadata(node_count as u32, record_bits));
        Ok(bytes)
    }
}

fn write_node(bytes: &mut Vec<u8>, [left, right]: [u32; 2], record_bits: u16) {
    let (l, r) = (left.to_be_bytes(), right.to_be_bytes());
    match record_bits {
        24 => bytes.extend([l[1], l[2], l[3], r[1], r[2], r[3]]),
        // The octet in the middle holds the highest four bits of both.
        28 => bytes.extend([l[1], l[2], l[3], l[0] << 4 | r[0], r[1], r[2], r[3]]),
        _ => bytes.extend([l, r].concat()),
    }
}

fn metadata(node_count: u32, record_bits: u16) -> Vec<u8> {
    let mut data = Data::default();
    data.map(9);
    data.string("binary_format_major_version").uint16(2);
    data.string("binary_format_minor_version").uint16(0);
    // Not when it was made: equal plans make equal files. With 0, libmaxminddb refuses them.
    data.string("build_epoch").uint64(1);
    data.string("database_type")
        .string("Meridian-Synthetic-City");
    data.string("description").map(1);
    data.string("en").string("Made up: true of no network");
    data.string("ip_version").uint16(6);
    data.string("languages").array(1).string("en");
    data.string("node_count").uint32(node_count);
    data.string("record_size").uint16(record_bits);
    data.into_bytes()
}
