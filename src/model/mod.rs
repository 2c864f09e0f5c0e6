//! Nouns without behaviour: ids and small values that every layer speaks of.
//!
//! An id is an index into one part of a root and means nothing outside that part. What must
//! survive a reload is looked up again by a stable key (a name, a [`TargetKey`]).

mod destination;
pub mod routing;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

pub use destination::Destination;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);
        impl $name {
            /// The id as an index into its table.
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(/// A region, by its place in the configuration.
    RegionId(u16));
id!(/// A pool, by its place in the configuration.
    PoolId(u32));
id!(/// An endpoint; those of one pool are contiguous.
    EndpointId(u32));
id!(/// A policy, by its place in the configuration.
    PolicyId(u32));
id!(/// A map, by its place in a root.
    MapId(u16));
id!(/// A monitor, by its place in the configuration.
    MonitorId(u16));
id!(/// A `[network.NAME]` table, by its place in the configuration.
    NetworkId(u16));

/// The most addresses that one answer can carry.
pub const ANSWERS_MAX: usize = 16;
/// How deep policies may nest.
pub const POLICY_DEPTH_MAX: usize = 8;
/// Bits of a client's address that are its network, where the same network is to get the same: IPv4, IPv6. What
/// resolvers send of it by default (RFC 7871, 11.1), and what one site has.
pub const CLIENT_BITS: [u8; 2] = [24, 56];
/// How many maps one policy tree may read.
pub const POLICY_MAPS_MAX: usize = 8;

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub enum Family {
    #[serde(rename = "ipv4")]
    V4,
    #[serde(rename = "ipv6")]
    V6,
}

impl Family {
    pub const BOTH: [Family; 2] = [Family::V4, Family::V6];

    /// The family of an address.
    pub const fn of(address: &IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }

    /// Bits in an address: 32 or 128.
    pub const fn bits(self) -> u8 {
        match self {
            Family::V4 => 32,
            Family::V6 => 128,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        })
    }
}

/// What is believed of one endpoint after thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Up,
    Down,
    /// Never observed. Counts as the monitor's `unknown_is`.
    Unknown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Up => "up",
            Verdict::Down => "down",
            Verdict::Unknown => "unknown",
        })
    }
}

/// The range of a balanced name's TTL, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtlRange {
    pub min_s: u32,
    pub max_s: u32,
}

/// Latitude and longitude in degrees: -90..=90, -180..=180.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Coordinates {
    pub latitude: f64,
    pub longitude: f64,
}

/// Who is taken out of several that could be: members of a policy, endpoints of a pool. Of weight 0 is who is
/// taken only when nobody with a weight can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    #[default]
    /// By chance, in proportion to weight; further endpoints without replacement.
    Weighted,
    /// The first in the order in which they are listed.
    Failover,
    /// Each in turn.
    RoundRobin,
    /// By chance, each as likely as another.
    Random,
    /// In turn, as often as the weight says, and spread evenly.
    Smooth,
    /// In proportion to weight, by the client's network: the same for the same, as long as nothing changes.
    SourceHash,
    /// By the client's network on a ring: when one is gone, only its clients move.
    ConsistentHash,
    /// By the client's network, whom it likes best: when one is gone, only its clients move.
    Rendezvous,
    /// As random, but who has more connections takes less.
    LeastConnections,
    /// As weighted, but who has more connections for its weight takes less.
    WeightedLeastConnections,
    /// As weighted, but who takes longer takes less.
    LeastTime,
}

impl Balance {
    /// Those that know nothing of load.
    pub const ALL: [Balance; 8] = [
        Balance::Weighted,
        Balance::Failover,
        Balance::RoundRobin,
        Balance::Random,
        Balance::Smooth,
        Balance::SourceHash,
        Balance::ConsistentHash,
        Balance::Rendezvous,
    ];
    /// Those by load: what is reported of endpoints, or of pools, decides which share each of them takes.
    pub const BY_LOAD: [Balance; 3] = [
        Balance::LeastConnections,
        Balance::WeightedLeastConnections,
        Balance::LeastTime,
    ];

    /// As configurations write it.
    pub const fn name(self) -> &'static str {
        match self {
            Balance::Weighted => "weighted",
            Balance::Failover => "failover",
            Balance::RoundRobin => "round-robin",
            Balance::Random => "random",
            Balance::Smooth => "smooth",
            Balance::SourceHash => "source-hash",
            Balance::ConsistentHash => "consistent-hash",
            Balance::Rendezvous => "rendezvous",
            Balance::LeastConnections => "least-connections",
            Balance::WeightedLeastConnections => "weighted-least-connections",
            Balance::LeastTime => "least-time",
        }
    }

    /// Whether a greater weight means more.
    pub const fn weighs(self) -> bool {
        !matches!(
            self,
            Balance::Failover | Balance::RoundRobin | Balance::Random | Balance::LeastConnections
        )
    }

    /// Whether who has more to do takes less.
    pub fn is_by_load(self) -> bool {
        Balance::BY_LOAD.contains(&self)
    }

    /// Whether the same client gets the same.
    pub const fn is_by_client(self) -> bool {
        matches!(
            self,
            Balance::SourceHash | Balance::ConsistentHash | Balance::Rendezvous
        )
    }
}

/// Which part of the queries that would come to it a pool or an endpoint takes: of 65,535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(pub u16);

impl Share {
    pub const ALL: Self = Share(u16::MAX);
    pub const NONE: Self = Share(0);

    /// A part of 1.
    pub fn of_part(part: f64) -> Share {
        Share((part.clamp(0.0, 1.0) * f64::from(u16::MAX)).round() as u16)
    }

    /// What is left when both hold.
    pub fn and(self, other: Share) -> Share {
        match (self, other) {
            (Share::ALL, share) | (share, Share::ALL) => share,
            (Share(a), Share(b)) => {
                Share((u32::from(a) * u32::from(b) / u32::from(u16::MAX)) as u16)
            }
        }
    }

    /// Whether it takes the query that has this die.
    #[inline]
    pub const fn takes(self, die: u16) -> bool {
        self.0 == u16::MAX || die < self.0
    }
}

impl Default for Share {
    fn default() -> Self {
        Share::ALL
    }
}

impl fmt::Display for Share {
    /// In per cent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = f64::from(self.0) / f64::from(u16::MAX) * 100.0;
        write!(f, "{} %", (percent * 10.0).round() / 10.0)
    }
}

/// How many endpoints of a family have to be up for their pool to be asked before others are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinHealthy {
    Count(u32),
    /// 1..=100, rounded up.
    Percent(u8),
}

impl Default for MinHealthy {
    fn default() -> Self {
        MinHealthy::Count(1)
    }
}

impl MinHealthy {
    /// Whether `up` of `all` are enough. Of none, none are.
    pub fn is_met(self, up: usize, all: usize) -> bool {
        up > 0 && up as u64 >= self.of(all as u64)
    }

    /// How many are enough. More than there are cannot be asked for.
    pub fn of(self, all: u64) -> u64 {
        match self {
            MinHealthy::Count(count) => u64::from(count).min(all),
            MinHealthy::Percent(percent) => (u64::from(percent) * all).div_ceil(100),
        }
    }
}

/// What a name answers when nothing that its policy can reach is up, in either family. While the
/// other family is up, the one that is down is NODATA, so that clients turn to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenAllDown {
    /// As if all were up.
    All,
    /// The endpoints of a last-resort pool, whatever their verdicts.
    Fallback(PoolId),
    NoData,
    ServFail,
    Refuse,
}

/// Where a family that is not usable in the chosen region is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyFallback {
    /// In the next region that has it up.
    Region,
    /// Nowhere: both families go to the same region or are not answered.
    NoData,
}

/// How much an answer says beyond what it cannot do without: the SOA of a "no", and the nameservers of a
/// delegation with their addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Responses {
    /// Nothing; but the addresses of the zone's own nameservers come along with their names, as whoever
    /// asks for these is about to ask them (RFC 9609, 4).
    Minimal,
    /// Addresses of the hosts that the answer names, where there is room (RFC 1034, 4.3.2, step 6).
    #[default]
    Additional,
    /// The zone's nameservers and their addresses as well.
    Full,
}

/// In which order the records of one name and type are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RrsetOrder {
    /// That of the zone file.
    #[default]
    Fixed,
    /// The same circle, but each answer begins it at another record.
    Rotated,
}

/// The stable identity of a probe target: what is asked of whom. Two endpoints with an equal key
/// share one probe; a verdict outlives a reload exactly when its key does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetKey(pub Arc<str>);

impl fmt::Display for TargetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
