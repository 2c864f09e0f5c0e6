//! Which networks a made-up database has: disjoint, in ascending order, as many as asked for.

use super::places::Locality;
use crate::random::Random;

/// A network in an IPv6 tree; IPv4 lies in ::/96.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub start: u128,
    pub prefix_len: u8,
}

/// How the networks of one family are spread. Lengths are those of the IPv6 tree.
pub struct Family {
    /// Where addresses are given out, in ascending order.
    registries: &'static [Registry],
    /// Length of an allocation, which has one country for the most part.
    allocation_len: u8,
    /// Where most networks stop: what is routed.
    routed_len: u8,
    /// Where all others stop.
    finest_len: u8,
    /// Networks per allocation, on the average; 0 for as many allocations as there is room for.
    networks_per_allocation: u32,
    /// How many of a hundred leaves are shrunk to what is routed.
    routed_percent: u32,
    /// How many of a hundred leaves are shrunk to the finest length.
    finest_percent: u32,
    /// Leaves that are no network, per thousand that are one.
    holes_per_mille: u32,
}

/// A part of the address space.
struct Registry {
    start: u128,
    prefix_len: u8,
    continent: [u8; 2],
    /// Its share of the allocations.
    weight: u32,
}

const fn v6(start: u128, prefix_len: u8, continent: &[u8; 2], weight: u32) -> Registry {
    Registry {
        start: start << 112,
        prefix_len,
        continent: *continent,
        weight,
    }
}

const fn v4(first: u128, length: u8, continent: &[u8; 2]) -> Registry {
    Registry {
        start: first << 24,
        prefix_len: 96 + length,
        continent: *continent,
        weight: 1 << (8 - length),
    }
}

/// Unicast space without the /8s of private and loopback addresses; who has it is about as in the IANA
/// registry.
pub const IPV4: Family = Family {
    registries: &[
        v4(1, 8, b"AS"),
        v4(2, 7, b"EU"),
        v4(4, 6, b"NA"),
        v4(8, 7, b"NA"),
        v4(11, 8, b"NA"),
        v4(12, 6, b"NA"),
        v4(16, 4, b"NA"),
        v4(32, 5, b"NA"),
        v4(40, 8, b"NA"),
        v4(41, 8, b"AF"),
        v4(42, 7, b"AS"),
        v4(44, 6, b"NA"),
        v4(48, 5, b"NA"),
        v4(56, 6, b"AS"),
        v4(60, 6, b"AS"),
        v4(64, 4, b"NA"),
        v4(80, 4, b"EU"),
        v4(96, 6, b"NA"),
        v4(100, 6, b"NA"),
        v4(104, 7, b"NA"),
        v4(106, 7, b"AS"),
        v4(108, 6, b"AS"),
        v4(112, 5, b"AS"),
        v4(120, 6, b"AS"),
        v4(124, 7, b"AS"),
        v4(126, 8, b"AS"),
        v4(128, 4, b"NA"),
        v4(144, 4, b"EU"),
        v4(160, 5, b"NA"),
        v4(168, 6, b"NA"),
        v4(172, 6, b"NA"),
        v4(176, 5, b"EU"),
        v4(184, 8, b"NA"),
        v4(185, 8, b"EU"),
        v4(186, 7, b"SA"),
        v4(188, 6, b"EU"),
        v4(192, 6, b"EU"),
        v4(196, 7, b"AF"),
        v4(198, 7, b"NA"),
        v4(200, 7, b"SA"),
        v4(202, 7, b"AS"),
        v4(204, 6, b"NA"),
        v4(208, 5, b"NA"),
        v4(216, 7, b"NA"),
        v4(218, 7, b"AS"),
        v4(220, 6, b"AS"),
    ],
    allocation_len: 96 + 16,
    routed_len: 96 + 24,
    finest_len: 96 + 32,
    networks_per_allocation: 0,
    routed_percent: 10,
    finest_percent: 2,
    holes_per_mille: 40,
};

/// The /12s of the regional registries, and the part of 2001::/16 that was given out before them.
pub const IPV6: Family = Family {
    registries: &[
        v6(0x2003, 18, b"EU", 1),
        v6(0x2400, 12, b"AS", 25),
        v6(0x2600, 12, b"NA", 25),
        v6(0x2800, 12, b"SA", 7),
        v6(0x2a00, 12, b"EU", 40),
        v6(0x2c00, 12, b"AF", 3),
    ],
    allocation_len: 32,
    routed_len: 48,
    finest_len: 64,
    networks_per_allocation: 48,
    routed_percent: 25,
    finest_percent: 6,
    holes_per_mille: 250,
};

/// Calls `lay` for each of `count` networks.
pub fn make_up(
    family: &Family,
    count: u32,
    random: &mut Random,
    mut lay: impl FnMut(Network, &mut Locality, &mut Random),
) {
    let leaves = count + (u64::from(count) * u64::from(family.holes_per_mille) / 1000) as u32;
    let mut holes = Holes {
        leaves_left: leaves,
        networks_left: count,
    };
    let allocations = allocations(family, leaves, random);
    let mut spread = Spread {
        leaves_left: leaves,
        allocations_left: allocations.len() as u32,
        leaves_max: 1 << (family.finest_len - family.allocation_len).min(18),
    };
    let mut locality = Locality::default();
    let mut carved = Vec::new();
    for (block, continent) in allocations {
        locality.enter(continent, random);
        carve(family, block, spread.draw(random), random, &mut carved);
        for network in carved.drain(..) {
            if holes.is_network(random) {
                lay(network, &mut locality, random);
            }
        }
    }
}

/// Chooses exactly as many of the leaves as there are to be networks (Knuth, "Seminumerical
/// Algorithms", 3.4.2, algorithm S).
struct Holes {
    leaves_left: u32,
    networks_left: u32,
}

impl Holes {
    fn is_network(&mut self, random: &mut Random) -> bool {
        let chosen = random.below(self.leaves_left) < self.networks_left;
        self.leaves_left -= 1;
        self.networks_left -= u32::from(chosen);
        chosen
    }
}

/// The allocations that `leaves` networks lie in, in ascending order, each with the continent of its
/// registry.
fn allocations(family: &Family, leaves: u32, random: &mut Random) -> Vec<(Network, [u8; 2])> {
    let wanted = match family.networks_per_allocation {
        0 => u32::MAX,
        networks => leaves.div_ceil(networks),
    };
    let weights: u32 = family.registries.iter().map(|r| r.weight).sum();
    let mut allocations = Vec::new();
    for registry in family.registries {
        let share = u64::from(wanted) * u64::from(registry.weight) / u64::from(weights) + 1;
        let room = 1u64 << (family.allocation_len - registry.prefix_len);
        let share = share.min(room);
        for index in 0..share {
            // Evenly, with a random step to the side: registries leave room to grow.
            let (here, next) = (index * room / share, (index + 1) * room / share);
            let place = here + u64::from(random.below((next - here) as u32));
            let start = registry.start + (u128::from(place) << (128 - family.allocation_len));
            let prefix_len = family.allocation_len;
            if !is_private(start) {
                allocations.push((Network { start, prefix_len }, registry.continent));
            }
        }
    }
    allocations
}

/// Whether this /16 of IPv4 is given out to nobody (RFC 6890) and not left out already.
fn is_private(start: u128) -> bool {
    matches!(
        (start >> 24, start >> 16 & 0xff),
        (100, 64..128) | (169, 254) | (172, 16..32) | (192, 0 | 168) | (198, 18..20)
    )
}

/// Deals leaves out to allocations.
struct Spread {
    leaves_left: u32,
    allocations_left: u32,
    leaves_max: u32,
}

impl Spread {
    fn draw(&mut self, random: &mut Random) -> u32 {
        let mean = f64::from(self.leaves_left) / f64::from(self.allocations_left);
        self.allocations_left -= 1;
        // What the others can still take bounds this one from below.
        let others = u64::from(self.allocations_left) * u64::from(self.leaves_max);
        let least = u64::from(self.leaves_left).saturating_sub(others) as u32;
        let most = self.leaves_left.min(self.leaves_max);
        // The mean of u^7 is an eighth: most get little, and one in ten gets four times the mean.
        let drawn = (mean * 8.0 * power(random.fraction(), 7)).round() as u32;
        let leaves = match self.allocations_left {
            0 => most,
            _ => drawn.clamp(least.min(most), most),
        };
        self.leaves_left -= leaves;
        leaves
    }
}

/// By multiplication alone, so that every machine gets the same bits.
fn power(base: f64, exponent: u32) -> f64 {
    (0..exponent).fold(1.0, |product, _| product * base)
}

/// A block that is not cut further, as a network: mostly all of it, else what is routed of it, or
/// one customer's smallest piece.
fn leaf(family: &Family, block: Network, random: &mut Random) -> Network {
    let chance = random.below(100);
    let (finest, routed) = (family.finest_percent, family.routed_percent);
    let prefix_len = match block.prefix_len < family.routed_len {
        _ if chance < finest => family.finest_len,
        true if chance < finest + routed => family.routed_len,
        _ => block.prefix_len,
    };
    Network {
        prefix_len,
        ..block
    }
}

/// Cuts `block` into `leaves` networks, in ascending order.
fn carve(
    family: &Family,
    block: Network,
    leaves: u32,
    random: &mut Random,
    carved: &mut Vec<Network>,
) {
    if leaves <= 1 {
        if leaves == 1 {
            carved.push(leaf(family, block, random));
        }
        return;
    }
    let length = block.prefix_len + 1;
    let room = |finest: u8| 1u32 << (finest.saturating_sub(length)).min(30);
    // Whatever can stay as coarse as what is routed mostly does, until shortly before.
    let coarse_percent = match length + 2 > family.routed_len {
        true => 80,
        false => 97,
    };
    let routed = room(family.routed_len);
    let finest = room(family.finest_len);
    let stays_coarse = length <= family.routed_len
        && leaves <= routed.saturating_mul(2)
        && random.below(100) < coarse_percent;
    let most = if stays_coarse { routed } else { finest };
    // Halves are seldom alike.
    let drawn = f64::from(leaves) * power(random.fraction(), 2);
    let drawn = (drawn as u32).clamp(leaves.saturating_sub(most).max(1), most.min(leaves - 1));
    let swapped = random.below(2) == 0 && leaves - drawn <= most;
    let low = if swapped { leaves - drawn } else { drawn };
    let half = |start| Network {
        start,
        prefix_len: length,
    };
    let middle = block.start | 1 << (128 - length);
    carve(family, half(block.start), low, random, carved);
    carve(family, half(middle), leaves - low, random, carved);
}
