use std::net::IpAddr;

use ipnet::IpNet;
use proptest::prelude::*;

use super::address::Address;
use super::ahead::Search;
use super::build::Painter;
use super::*;

const OWN: bool = true;
const DATABASE: bool = false;

/// A table of networks, in ascending order, with the default class 0.
fn table(networks: &[(&str, u16, bool)]) -> PrefixTable {
    let mut builder = Builder::new(0);
    for &(network, class, own) in networks {
        match network.parse().unwrap() {
            IpNet::V4(net) => builder.v4(ClassRange {
                start: net.network().to_bits(),
                end: net.broadcast().to_bits(),
                class,
                own,
            }),
            IpNet::V6(net) => builder.v6(ClassRange {
                start: net.network().to_bits(),
                end: net.broadcast().to_bits(),
                class,
                own,
            }),
        }
    }
    builder.finish()
}

/// Class and scope of a network written as `address/source`.
fn look(table: &PrefixTable, network: &str) -> (u16, u8) {
    let network: IpNet = network.parse().unwrap();
    let found = table.lookup(network.addr(), network.prefix_len());
    (found.class, found.scope)
}

#[test]
fn an_exception_cuts_the_scope_of_the_network_around_it() {
    let table = table(&[
        ("20.0.0.0/16", 1, DATABASE),
        ("20.1.0.0/24", 2, DATABASE),
        ("20.1.1.0/24", 1, DATABASE),
        ("20.1.2.0/23", 1, DATABASE),
    ]);
    assert_eq!(look(&table, "20.1.0.9/32"), (2, 24));
    assert_eq!(look(&table, "20.1.1.9/32"), (1, 24));
    assert_eq!(look(&table, "20.1.3.9/32"), (1, 23));
    assert_eq!(look(&table, "20.0.9.9/32"), (1, 16));
}

#[test]
fn neighbours_of_equal_class_are_one_leaf() {
    let halves = [("20.0.0.0/9", 1, DATABASE), ("20.128.0.0/9", 1, DATABASE)];
    let whole = [("20.0.0.0/8", 1, DATABASE)];
    assert_eq!(table(&halves), table(&whole));
    assert_eq!(look(&table(&halves), "20.1.0.0/24"), (1, 8));
}

#[test]
fn a_hole_has_the_default_class_and_the_scope_of_the_hole() {
    let table = table(&[("20.0.0.0/8", 1, DATABASE)]);
    assert_eq!(look(&table, "21.1.1.0/24"), (0, 8));
    assert_eq!(look(&table, "64.1.1.0/24"), (0, 3));
    assert_eq!(look(&table, "2a00::/48"), (0, 5));
}

#[test]
fn a_short_source_gets_the_class_of_most_of_its_block_and_the_longest_leaf() {
    let table = table(&[
        ("20.0.0.0/10", 1, DATABASE),
        ("20.64.0.0/10", 2, DATABASE),
        ("20.128.0.0/24", 3, DATABASE),
        ("20.192.0.0/10", 2, DATABASE),
    ]);
    assert_eq!(look(&table, "20.0.0.0/8"), (2, 24));
    assert_eq!(look(&table, "20.0.0.0/9"), (1, 10), "of equals the first");
    assert_eq!(look(&table, "20.192.0.0/10"), (2, 10));
}

#[test]
fn reserved_space_is_not_for_databases_but_for_own_networks() {
    let table = table(&[
        ("10.0.0.0/8", 1, DATABASE),
        ("172.16.5.0/24", 2, OWN),
        ("203.0.113.0/24", 3, OWN),
        ("2001:db8::/33", 4, DATABASE),
        ("2001:db8:8000::/48", 5, OWN),
    ]);
    assert_eq!(look(&table, "10.1.2.0/24"), (RESERVED, 8));
    assert_eq!(look(&table, "172.16.5.0/24"), (2, 24));
    assert_eq!(look(&table, "172.16.4.0/24"), (RESERVED, 24));
    assert_eq!(look(&table, "172.31.0.0/24"), (RESERVED, 13));
    assert_eq!(look(&table, "203.0.113.7/32"), (3, 24));
    assert_eq!(look(&table, "192.0.2.7/32"), (RESERVED, 24));
    assert_eq!(look(&table, "2001:db8:1::/48"), (RESERVED, 33));
    assert_eq!(look(&table, "2001:db8:8000::/56"), (5, 48));
    assert_eq!(look(&table, "fd00::/56"), (RESERVED, 7));
    assert_eq!(look(&table, "::1/128"), (RESERVED, 81));
}

#[test]
fn reserved_blocks_are_disjoint_and_in_ascending_order() {
    assert!(reserved::V4.windows(2).all(|w| w[0].end < w[1].start));
    assert!(reserved::V6.windows(2).all(|w| w[0].end < w[1].start));
}

#[test]
fn ipv6_forms_of_an_ipv4_client_are_placed_by_it() {
    let table = table(&[
        ("20.0.0.0/8", 1, DATABASE),
        ("2001::/16", 7, DATABASE),
        ("2002::/16", 8, OWN),
    ]);
    assert_eq!(look(&table, "::ffff:20.1.2.3/128"), (1, 104));
    assert_eq!(look(&table, "64:ff9b::20.1.2.3/128"), (1, 104));
    assert_eq!(look(&table, "2002:1401:203::/56"), (1, 24));
    assert_eq!(look(&table, "2002:a01:203::/56"), (RESERVED, 24));
    // 20.1.2.3 with all bits flipped is ebfe:fdfc.
    assert_eq!(look(&table, "2001:0:9:9:9:9:ebfe:fdfc/128"), (1, 104));
    assert_eq!(look(&table, "2001:1::/48"), (7, 32));
}

#[test]
fn a_graft_whose_ipv4_bits_are_not_given_counts_as_most_of_the_ipv4_space() {
    let table = table(&[
        ("16.0.0.0/4", 1, DATABASE),
        ("32.0.0.0/3", 1, DATABASE),
        ("64.0.0.0/2", 1, DATABASE),
    ]);
    let (class, longest) = look(&table, "0.0.0.0/0");
    assert_eq!((class, longest), (1, 24));
    assert_eq!(look(&table, "2001::/56"), (1, 96 + 24));
    assert_eq!(look(&table, "::ffff:0:0/96"), (1, 96 + 24));
    assert_eq!(look(&table, "2002::/16"), (1, 16 + 24));
    assert_eq!(
        look(&table, "2002::/15"),
        (1, 16 + 24),
        "as many in 2003::/16 come later"
    );
    assert_eq!(look(&table, "::/64"), (RESERVED, 96 + 24));
}

#[test]
fn a_graft_counts_as_most_of_the_ipv4_space_among_many_networks_too() {
    let others: Vec<String> = (0..100).map(|i| format!("2003:{i}::/32")).collect();
    let others = others.iter().enumerate();
    let mut networks = vec![("0.0.0.0/0", 3, DATABASE)];
    networks.extend(others.map(|(i, net)| (net.as_str(), 1 + i as u16 % 2, DATABASE)));
    networks.sort_by_key(|entry| entry.0.parse::<IpNet>().unwrap());
    let table = table(&networks);
    assert_eq!(look(&table, "2003::/16"), (0, 32));
    assert_eq!(look(&table, "2002::/15"), (3, 16 + 24));
}

#[test]
fn grafts_of_one_ipv4_class_are_one_leaf_each() {
    let table = table(&[("0.0.0.0/0", 3, OWN), ("::/0", 3, OWN)]);
    assert_eq!(look(&table, "10.0.0.0/24"), (3, 0));
    assert_eq!(look(&table, "2001:0:9::/128"), (3, 32));
    assert_eq!(look(&table, "::ffff:10.0.0.0/128"), (3, 96));
    assert_eq!(look(&table, "2002:a00::/56"), (3, 16));
    assert_eq!(look(&table, "::/0"), (3, 96));
}

#[test]
fn an_empty_table_and_lengths_out_of_range_are_no_trouble() {
    let table = PrefixTable::default();
    assert_eq!(table.lookup_v4(0x1401_0203, 255).class, 0);
    assert_eq!(table.lookup_v6(0x2a00 << 112, 255).class, 0);
    assert!(table.bytes() > 0 && table.run_count() > 0);
}

#[test]
fn ranges_that_overlap_or_end_before_they_begin_do_no_harm() {
    let mut builder = Builder::new(0);
    let range = |start, end, class| ClassRange {
        start,
        end,
        class,
        own: OWN,
    };
    builder.v4(range(100, 200, 1));
    builder.v4(range(150, 300, 2));
    builder.v4(range(50, 60, 3));
    builder.v4(range(400, 350, 4));
    builder.v4(range(301, u32::MAX, 5));
    builder.v4(range(7, 9, 6));
    let table = builder.finish();
    let class = |address| table.lookup_v4(address, 32).class;
    assert_eq!([200, 201, 300, 301].map(class), [1, 2, 2, 5]);
}

// A space of 16 bits, compared whole with what counting finds.

/// Class and leaf length of every 16-bit address.
struct Model {
    classes: Vec<u16>,
    leaves: Vec<u8>,
}

impl Model {
    fn new(classes: Vec<u16>) -> Self {
        let mut leaves = vec![0; classes.len()];
        Self::split(&classes, &mut leaves, 0);
        Model { classes, leaves }
    }

    fn split(classes: &[u16], leaves: &mut [u8], length: u8) {
        if classes.iter().all(|class| *class == classes[0]) {
            return leaves.fill(length);
        }
        let half = classes.len() / 2;
        Self::split(&classes[..half], &mut leaves[..half], length + 1);
        Self::split(&classes[half..], &mut leaves[half..], length + 1);
    }

    fn lookup(&self, address: u16, source: u8) -> Found {
        let block = usize::from(address.first(source))..=usize::from(address.last(source));
        let mut counts: Vec<(u16, u32)> = Vec::new();
        for class in &self.classes[block.clone()] {
            match counts.iter_mut().find(|count| count.0 == *class) {
                Some(count) => count.1 += 1,
                None => counts.push((*class, 1)),
            }
        }
        let most = counts.iter().map(|count| count.1).max();
        let first = counts.iter().find(|count| Some(count.1) == most).unwrap();
        Found {
            class: first.0,
            scope: *self.leaves[block].iter().max().unwrap(),
        }
    }
}

/// Ranges between ascending cuts; class 0 is a hole.
fn cuts(count: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<(u16, u16)>> {
    let cut = prop_oneof![
        any::<u16>(),
        (any::<u16>(), 0u8..=16).prop_map(|(address, length)| address.first(length)),
        (0x4000u16..0x4400),
    ];
    prop::collection::btree_map(cut, 0u16..5, count).prop_map(|cuts| cuts.into_iter().collect())
}

fn small(cuts: &[(u16, u16)]) -> (Runs<u16>, Model) {
    let mut painter = Painter::new(&[], 0);
    let mut classes = vec![0; 1 << 16];
    for (i, &(start, class)) in cuts.iter().enumerate() {
        let end = cuts.get(i + 1).map_or(u16::MAX, |next| next.0 - 1);
        classes[usize::from(start)..=usize::from(end)].fill(class);
        if class != 0 {
            painter.range(ClassRange {
                start,
                end,
                class,
                own: DATABASE,
            });
        }
    }
    (painter.finish(itself), Model::new(classes))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_address_finds_its_class_and_the_largest_block_of_equal_class(cuts in cuts(0..400)) {
        let (runs, model) = small(&cuts);
        for address in 0..=u16::MAX {
            let found = runs.lookup(address, 16, itself);
            let i = usize::from(address);
            prop_assert_eq!((found.class, found.scope), (model.classes[i], model.leaves[i]));
        }
    }

    #[test]
    fn every_block_finds_what_counting_its_addresses_finds(cuts in cuts(0..2_000)) {
        let (runs, model) = small(&cuts);
        for source in 0..=16u8 {
            for block in (0..=u16::MAX).step_by(1 << (16 - source).min(15)) {
                if block.first(source) != block { continue }
                prop_assert_eq!(runs.lookup(block, source, itself), model.lookup(block, source));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_search_walked_ahead_ends_in_the_run_that_is_found(cuts in cuts(0..2_000)) {
        let (runs, _) = small(&cuts);
        for address in 0..=u16::MAX {
            let mut search = Search::new(&runs, address, 16);
            search.bucket();
            search.span();
            while search.is_wide() {
                search.halve();
            }
            search.find();
            search.run();
            search.result();
            prop_assert_eq!(search.first, runs.run_of(address));
        }
    }
}

// Both families in full, compared with a list of networks.

/// A random network; some lie in or beside reserved blocks and grafts.
fn network() -> impl Strategy<Value = IpNet> {
    let near = prop::sample::select(vec![
        "10.0.0.0/8",
        "100.64.0.0/10",
        "192.0.2.0/24",
        "20.0.0.0/8",
        "20.1.0.0/16",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "2001::/32",
        "2001:db8::/32",
        "2002::/16",
        "2a00::/16",
        "2a00:1::/32",
        "::/8",
        "fc00::/7",
    ]);
    (near, any::<u128>(), any::<u8>()).prop_map(|(near, noise, length)| {
        let near: IpNet = near.parse().unwrap();
        // Bits from a little before the end of the prefix on are noise.
        let keep = near.prefix_len() - (length % 3).min(near.prefix_len());
        let address = match near.addr() {
            IpAddr::V4(v4) => {
                IpAddr::V4((v4.to_bits() ^ ((noise as u32) & !u32::MAX.first(keep))).into())
            }
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() ^ (noise & !u128::MAX.first(keep))).into()),
        };
        let longest = near.max_prefix_len();
        let length = keep + (length / 3) % (longest - keep + 1);
        IpNet::new(address, length).unwrap().trunc()
    })
}

/// Disjoint networks in ascending order, each with a class and whether it is an own one.
fn networks() -> impl Strategy<Value = Vec<(IpNet, u16, bool)>> {
    let entry = (network(), 1u16..4, any::<bool>());
    prop::collection::vec(entry, 0..40).prop_map(disjoint)
}

/// Those that lie in no other, in ascending order.
fn disjoint(mut entries: Vec<(IpNet, u16, bool)>) -> Vec<(IpNet, u16, bool)> {
    entries.sort_by_key(|entry| entry.0);
    let mut disjoint: Vec<(IpNet, u16, bool)> = Vec::new();
    for entry in entries {
        if !disjoint.iter().any(|other| other.0.contains(&entry.0)) {
            disjoint.push(entry);
        }
    }
    disjoint
}

fn table_of(networks: &[(IpNet, u16, bool)]) -> PrefixTable {
    let named: Vec<_> = networks
        .iter()
        .map(|(net, class, own)| (net.to_string(), *class, *own))
        .collect();
    let named: Vec<_> = named.iter().map(|(n, c, o)| (n.as_str(), *c, *o)).collect();
    table(&named)
}

/// The IPv4 client that an IPv6 address stands for.
fn ipv4_client(address: u128) -> Option<u32> {
    let groups = std::net::Ipv6Addr::from_bits(address).segments();
    let join = |high: u16, low: u16| (u32::from(high) << 16) | u32::from(low);
    match groups {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some(join(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2001, 0, _, _, _, _, high, low] => Some(!join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// What the list of networks says about one address.
fn class_of(networks: &[(IpNet, u16, bool)], address: IpAddr) -> u16 {
    let address = match address {
        IpAddr::V6(v6) => match ipv4_client(v6.to_bits()) {
            Some(v4) => IpAddr::V4(v4.into()),
            None => address,
        },
        v4 => v4,
    };
    let reserved = match address {
        IpAddr::V4(v4) => {
            let v4 = v4.to_bits();
            reserved::V4.iter().any(|r| r.start <= v4 && v4 <= r.end)
        }
        IpAddr::V6(v6) => {
            let v6 = v6.to_bits();
            reserved::V6.iter().any(|r| r.start <= v6 && v6 <= r.end)
        }
    };
    match networks.iter().find(|entry| entry.0.contains(&address)) {
        Some(&(_, class, own)) if own || !reserved => class,
        _ if reserved => RESERVED,
        _ => 0,
    }
}

fn bits(address: &IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn leaf(table: &PrefixTable, address: IpAddr) -> (IpNet, u16) {
    let found = table.lookup(address, bits(&address));
    let net = IpNet::new(address, found.scope).unwrap().trunc();
    (net, found.class)
}

/// Addresses in question: those of random networks and, beside each given network, its neighbours.
fn addresses(networks: &[(IpNet, u16, bool)], others: &[IpNet]) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = others.iter().map(|net| net.addr()).collect();
    for (net, ..) in networks {
        all.extend([net.network(), net.broadcast()]);
        all.extend(match (net.network(), net.broadcast()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => [
                IpAddr::V4(first.to_bits().wrapping_sub(1).into()),
                IpAddr::V4(last.to_bits().wrapping_add(1).into()),
            ],
            (IpAddr::V6(first), IpAddr::V6(last)) => [
                IpAddr::V6(first.to_bits().wrapping_sub(1).into()),
                IpAddr::V6(last.to_bits().wrapping_add(1).into()),
            ],
            _ => unreachable!("a network has one family"),
        });
    }
    all
}

proptest! {
    #[test]
    fn an_address_finds_what_the_list_of_networks_says(
        networks in networks(),
        others in prop::collection::vec(network(), 20),
    ) {
        let table = table_of(&networks);
        for address in addresses(&networks, &others) {
            let (_, class) = leaf(&table, address);
            prop_assert_eq!(class, class_of(&networks, address), "{}", address);
        }
    }

    #[test]
    fn leaves_are_of_one_class_and_never_overlap(
        networks in networks(),
        others in prop::collection::vec(network(), 20),
    ) {
        let table = table_of(&networks);
        let all = addresses(&networks, &others);
        let leaves: Vec<_> = all.iter().map(|address| leaf(&table, *address)).collect();
        for found in &leaves {
            prop_assert_eq!(&leaf(&table, found.0.network()), found);
            prop_assert_eq!(&leaf(&table, found.0.broadcast()), found);
            for other in &leaves {
                let nested = found.0.contains(&other.0);
                prop_assert!(!nested || found == other, "{:?} {:?}", found, other);
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_source_as_long_as_the_leaf_finds_the_same_and_a_shorter_one_a_longer_scope(
        networks in networks(),
        others in prop::collection::vec(network(), 20),
    ) {
        let table = table_of(&networks);
        for address in addresses(&networks, &others) {
            let (leaf, class) = leaf(&table, address);
            for source in 0..=bits(&address) {
                let found = table.lookup(address, source);
                if source >= leaf.prefix_len() {
                    prop_assert_eq!((found.class, found.scope), (class, leaf.prefix_len()));
                } else {
                    prop_assert!(found.scope > source, "{}/{} {:?}", address, source, found);
                    prop_assert!(found.scope >= leaf.prefix_len());
                }
            }
        }
    }
}

/// Small networks, several of which share a /24 or a /56.
fn small_networks() -> impl Strategy<Value = Vec<(IpNet, u16, bool)>> {
    let near = prop::sample::select(vec!["20.1.0.0/22", "2a00:1:0::/54"]);
    let network = (near, any::<u128>(), 0u8..12).prop_map(|(near, noise, length)| {
        let near: IpNet = near.parse().unwrap();
        let length = near.prefix_len() + length.min(near.max_prefix_len() - near.prefix_len());
        let keep = near.prefix_len();
        let address = match near.addr() {
            IpAddr::V4(v4) => {
                IpAddr::V4((v4.to_bits() | (noise as u32) & !u32::MAX.first(keep)).into())
            }
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() | noise & !u128::MAX.first(keep)).into()),
        };
        IpNet::new(address, length).unwrap().trunc()
    });
    prop::collection::vec((network, 1u16..4, Just(OWN)), 0..40).prop_map(disjoint)
}

fn ready_is_weighed<A: Address>(
    runs: &Runs<A>,
    address: A,
    resolve: impl Fn(Found) -> Found,
) -> Result<(), TestCaseError> {
    let block = address.first(A::USUAL);
    let (run, last) = (runs.run_of(block), runs.run_of(block.last(A::USUAL)));
    let found = runs.lookup(address, A::USUAL, &resolve);
    if run < last {
        prop_assert_eq!(found, runs.lookup_wide(block, A::USUAL, run, &resolve));
    } else {
        prop_assert!(found.scope <= A::USUAL);
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_ready_result_is_what_weighing_finds(
        networks in prop_oneof![networks(), small_networks()],
        others in prop::collection::vec(network(), 20),
    ) {
        let table = table_of(&networks);
        for address in addresses(&networks, &others) {
            match address {
                IpAddr::V4(v4) => ready_is_weighed(&table.v4, v4.to_bits(), itself)?,
                IpAddr::V6(v6) => ready_is_weighed(&table.v6, v6.to_bits(), |leaf| {
                    stand_in(table.whole_v4, leaf)
                })?,
            }
        }
    }
}

#[test]
fn a_crowded_block_of_the_usual_length_has_its_result_ready_too() {
    let class = |i: u16| if i == 255 { 1 } else { 1 + i % 2 };
    let networks: Vec<_> = (0..=255)
        .map(|i| (format!("20.1.1.{i}/32").parse().unwrap(), class(i), OWN))
        .collect();
    let table = table_of(&networks);
    assert_eq!(look(&table, "20.1.1.0/24"), (1, 32));
    assert_eq!(look(&table, "20.1.1.128/25"), (1, 32));
}
