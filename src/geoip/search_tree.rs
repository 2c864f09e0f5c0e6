//! A bounded walk over the search tree of an MMDB file.
//!
//! The reader's own `networks()` and `verify()` (maxminddb 0.32) enter a node once per path that
//! leads to it. In a sound file that is once; but a file of a few hundred octets whose nodes share
//! their children has 2^100 paths. So this walk comes first, and refuses such a file.

use maxminddb::Metadata;

/// A network of the tree that has a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// First address, as a number of the tree's family.
    pub start: u128,
    pub prefix_len: u8,
    /// What the tree says of it: equal values mean the same data.
    pub record: u32,
}

/// The search tree at the beginning of a file
/// (<https://maxmind.github.io/MaxMind-DB/>, "Binary Search Tree Section").
pub(super) struct SearchTree<'a> {
    bytes: &'a [u8],
    node_count: u32,
    record_size_bits: u16,
    /// Bits in an address of the tree: 32 or 128.
    address_bits: u8,
    /// The node of ::/96, when the tree has one: what other paths lead to it are aliases of IPv4.
    ipv4_root: Option<u32>,
}

/// Zeros between the tree and the data.
const SEPARATOR_BYTES: usize = 16;

/// How often nodes may be entered, per node of the tree. Once would do for every known writer;
/// this is what `verify()` allows too.
const VISITS_PER_NODE: u64 = 3;

impl<'a> SearchTree<'a> {
    /// The tree of a file whose metadata the reader has accepted (which makes sure that the tree
    /// lies within the file).
    pub fn new(bytes: &'a [u8], metadata: &Metadata) -> Self {
        let mut tree = SearchTree {
            bytes,
            node_count: metadata.node_count,
            record_size_bits: metadata.record_size,
            address_bits: if metadata.ip_version == 6 { 128 } else { 32 },
            ipv4_root: None,
        };
        tree.ipv4_root = tree.find_ipv4_root();
        tree
    }

    /// Bits in an address of the tree: 32 or 128.
    pub fn address_bits(&self) -> u8 {
        self.address_bits
    }

    /// Where the data section begins in the file: past the tree and sixteen zeros.
    pub fn data_start(&self) -> usize {
        self.node_count as usize * usize::from(self.record_size_bits) / 4 + SEPARATOR_BYTES
    }

    /// Where a leaf's record stands in the data section, or would.
    pub fn data_offset(&self, leaf: &Leaf) -> usize {
        let past_nodes = leaf.record.saturating_sub(self.node_count) as usize;
        past_nodes
            .checked_sub(SEPARATOR_BYTES)
            .unwrap_or(usize::MAX)
    }

    /// Refuses what forms no tree, or has more than `networks_max` networks.
    pub fn check(&self, networks_max: u32) -> Result<(), String> {
        let mut networks = 0;
        self.walk(|_| {
            networks += 1;
            match networks > networks_max {
                true => Err(format!("has more than {networks_max} networks")),
                false => Ok(()),
            }
        })
    }

    /// Calls `visit` for every leaf, in ascending order of address. Aliases of IPv4 are left out.
    ///
    /// # Errors
    ///
    /// The first one of `visit`, or that the nodes form no tree.
    pub fn walk(&self, mut visit: impl FnMut(Leaf) -> Result<(), String>) -> Result<(), String> {
        let mut visits_left = u64::from(self.node_count) * VISITS_PER_NODE;
        let mut stack = vec![Leaf {
            start: 0,
            prefix_len: 0,
            record: 0,
        }];
        while let Some(at) = stack.pop() {
            if at.record > self.node_count {
                visit(at)?;
            }
            if at.record >= self.node_count || self.is_ipv4_alias(&at) {
                continue;
            }
            visits_left = match visits_left.checked_sub(1) {
                Some(left) if at.prefix_len < self.address_bits => left,
                _ => return Err("the search tree has a cycle or shares its nodes".to_owned()),
            };
            let prefix_len = at.prefix_len + 1;
            let (left, right) = self.children(at.record);
            // The left child is popped first.
            stack.push(Leaf {
                start: at.start | 1 << (self.address_bits - prefix_len),
                prefix_len,
                record: right,
            });
            stack.push(Leaf {
                start: at.start,
                prefix_len,
                record: left,
            });
        }
        Ok(())
    }

    fn is_ipv4_alias(&self, at: &Leaf) -> bool {
        self.ipv4_root == Some(at.record) && at.start > u128::from(u32::MAX)
    }

    fn find_ipv4_root(&self) -> Option<u32> {
        if self.address_bits != 128 {
            return None;
        }
        let mut node = 0;
        for _ in 0..96 {
            if node >= self.node_count {
                return None;
            }
            node = self.children(node).0;
        }
        (node < self.node_count).then_some(node)
    }

    /// The two records of a node below `node_count`.
    fn children(&self, node: u32) -> (u32, u32) {
        let size = usize::from(self.record_size_bits) / 4;
        let node = &self.bytes[node as usize * size..][..size];
        let number = |octets: &[u8]| {
            octets
                .iter()
                .fold(0, |number, &octet| number << 8 | u32::from(octet))
        };
        match self.record_size_bits {
            // The middle octet holds the highest four bits of both.
            28 => (
                u32::from(node[3] >> 4) << 24 | number(&node[..3]),
                number(&node[3..]) & 0x0fff_ffff,
            ),
            _ => (number(&node[..size / 2]), number(&node[size / 2..])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The octets of nodes of 24-bit records.
    fn octets(nodes: &[(u32, u32)]) -> Vec<u8> {
        let octets = |record: u32| record.to_be_bytes()[1..].to_vec();
        nodes
            .iter()
            .flat_map(|&(left, right)| [octets(left), octets(right)].concat())
            .collect()
    }

    /// An IPv6 tree of such nodes.
    fn tree(bytes: &[u8]) -> SearchTree<'_> {
        let mut tree = SearchTree {
            bytes,
            node_count: bytes.len() as u32 / 6,
            record_size_bits: 24,
            address_bits: 128,
            ipv4_root: None,
        };
        tree.ipv4_root = tree.find_ipv4_root();
        tree
    }

    fn walk(nodes: &[(u32, u32)]) -> Result<Vec<Leaf>, String> {
        let bytes = octets(nodes);
        let tree = tree(&bytes);
        let mut leaves = Vec::new();
        tree.walk(|leaf| {
            leaves.push(leaf);
            Ok(())
        })?;
        Ok(leaves)
    }

    #[test]
    fn leaves_come_in_order_of_address() {
        // ::/2 has data 20, 4000::/2 none, 8000::/1 data 21.
        let leaves = walk(&[(1, 21), (20, 2)]).unwrap();
        assert_eq!(leaves.len(), 2);
        assert_eq!((leaves[0].start, leaves[0].prefix_len), (0, 2));
        assert_eq!((leaves[1].start, leaves[1].prefix_len), (1 << 127, 1));
        assert_eq!((leaves[0].record, leaves[1].record), (20, 21));
    }

    #[test]
    fn more_networks_than_allowed_are_refused() {
        let bytes = octets(&[(1, 21), (20, 22)]);
        assert_eq!(tree(&bytes).check(3), Ok(()));
        let refused = tree(&bytes).check(2).unwrap_err();
        assert_eq!(refused, "has more than 2 networks");
    }

    #[test]
    fn a_cycle_is_refused() {
        assert!(walk(&[(0, 1)]).unwrap_err().contains("cycle"));
        assert!(walk(&[(1, 1), (0, 0)]).unwrap_err().contains("cycle"));
    }

    #[test]
    fn a_tree_with_more_paths_than_any_machine_could_walk_is_refused() {
        let nodes: Vec<_> = (1..=100).map(|next| (next, next)).collect();
        assert!(walk(&nodes).unwrap_err().contains("shares its nodes"));
    }

    #[test]
    fn more_paths_than_can_be_walked_to_an_alias_are_refused() {
        // Node 0's left side leads to the root of IPv4 (node 96); its right side forks at every
        // node before it gets there.
        let mut nodes: Vec<_> = (1..=96).map(|next| (next, 97 + 96)).collect();
        nodes[0].1 = 97;
        nodes.push((500, 500));
        nodes.extend((98..=97 + 95).map(|next| (next, next)));
        nodes.push((96, 96));
        assert!(walk(&nodes).unwrap_err().contains("shares its nodes"));
    }

    #[test]
    fn records_of_28_bits_share_their_middle_octet() {
        let tree = SearchTree {
            bytes: &[0x23, 0x45, 0x67, 0x18, 0x9a, 0xbc, 0xde],
            node_count: 1,
            record_size_bits: 28,
            address_bits: 32,
            ipv4_root: None,
        };
        assert_eq!(tree.children(0), (0x0123_4567, 0x089a_bcde));
    }
}
