//! The configuration as data. Each field says its unit, range and default.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::{Backend, Forwarder, Place, ProbeKind, VerdictOptions};
use crate::dns::Name;
use crate::dns::cookie::Secret;
use crate::model::{
    Balance, Coordinates, Destination, FamilyFallback, MinHealthy, MonitorId, NetworkId, PolicyId,
    PoolId, RegionId, Responses, RrsetOrder, TtlRange, WhenAllDown,
};

/// A value and where it was written, for mistakes that only show later (a file that is missing).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    pub value: T,
    pub place: Place,
}

/// A whole configuration, checked and with its references resolved.
///
/// It may stand in several files. `include`, a path or a list, at the top of any of them names
/// others: `"teams/web.toml"`, `["conf.d/*.toml"]`, relative to the folder of that file. `*` stands
/// for any part of one file or folder name. Each of at most 65,536 files is read once and may hold any
/// table, but no table or name stands twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    pub server: Server,
    pub geoip: GeoIp,
    pub resolver: Resolver,
    /// By [`NetworkId`].
    pub networks: Vec<Network>,
    /// By [`RegionId`].
    pub regions: Vec<Region>,
    /// By [`MonitorId`].
    pub monitors: Vec<Monitor>,
    /// By [`PoolId`].
    pub pools: Vec<Pool>,
    /// By [`PolicyId`].
    pub policies: Vec<Policy>,
    pub zones: Vec<Zone>,
    /// Default: nobody can read any. Follows a reload.
    pub metrics: Option<Metrics>,
    /// Default: nobody is told. Follows a reload.
    pub webhook: Option<Webhook>,
    /// Default: nothing is forwarded.
    pub forwarder: Option<Forwarder>,
}

/// `[metrics]`: where `GET /metrics` is answered, for Prometheus and what reads the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Default `127.0.0.1:9153`; port 0 takes a free one. Elsewhere than on loopback only with
    /// `allow_remote = true`.
    pub listen: SocketAddr,
}

/// `[webhook]`: who is told when verdicts change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// `http` or `https`, without credentials.
    pub url: String,
    /// What is sent is signed by this, 16..=1024 octets. Either this or `secret_file`.
    pub secret: Option<At<Hidden>>,
    /// A file that holds nothing else, which only its owner may write and only owner and group may read;
    /// read again by a reload. White space around it is not part of it.
    pub secret_file: Option<At<PathBuf>>,
    /// Trust anchors, PEM. Default: the machine's.
    pub ca: Option<At<PathBuf>>,
    /// `on = ["down", "up"]` (the default), or one of them: whether changes to down are told,
    pub on_down: bool,
    /// and those from down to up.
    pub on_up: bool,
}

/// Text that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// `[server]`
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Addresses for UDP and TCP. Default `["0.0.0.0:53", "[::]:53"]`. Port 0 takes a free one
    /// (the same for UDP and TCP).
    pub listen: Vec<SocketAddr>,
    /// Saved state and the admin socket. Default: none is kept, and there is no admin socket.
    pub state_dir: Option<PathBuf>,
    /// UDP threads per listen address, 1..=1024. Default: one per core.
    pub udp_threads: Option<u16>,
    /// Largest UDP answer, 512..=4096 octets. Default 1232 (DNS Flag Day 2020).
    pub udp_payload_max: u16,
    /// TCP connections at most, in all, 1..=1,000,000; past it, the one that has waited longest for
    /// its client makes room. Default 15,000. No more than leave a quarter of the file descriptors
    /// (1,024 at most) to everything else.
    pub tcp_connections_max: u32,
    /// TCP connections at most from one client network (/32, /64), 1..=1,000,000; past it, the one of
    /// its own that has waited longest makes room. Default 200.
    pub tcp_per_client_max: u32,
    /// A TCP connection is closed when a whole query does not arrive within this time after the last
    /// one's answer, or answers are not taken within it, 1 s..=1 h; a quarter of it while more than
    /// three quarters of `tcp_connections_max` are taken. Default 10 s (RFC 7766, 6.2.3: a few seconds).
    pub tcp_idle_timeout: Duration,
    /// How long a probe round may hold back the first answers, 0 s..=1 min. Default 2 s.
    pub startup_grace: Duration,
    /// Saved verdicts older than this are not used, 0 s..=24 h. Default 10 min.
    pub saved_max_age: Duration,
    /// After SIGTERM, how long answers go on while readiness is off, 0 s..=1 h. Default 0 s.
    pub drain_time: Duration,
    /// Commands of `command` monitors that run at a time, 1..=1024. Default 16.
    pub commands_max: u16,
    /// The panic guard.
    pub panic: Panic,
    /// Follows a reload.
    pub identity: Identity,
    /// Follows a reload.
    pub cookies: Cookies,
    /// Whom queries are answered; others get REFUSED with EDE 18 (RFC 8914, 4.19). It is the address that
    /// a query comes from which counts, never its client subnet. A zone's own list replaces this
    /// one. Default: everyone. Follows a reload.
    pub allow_query: Option<Vec<ClientNetwork>>,
    /// Who may ask for TXT at `_explain.NAME` and `_explain-aaaa.NAME`, to be told how they are answered A and AAAA of
    /// a name, and why. Default: nobody, and such names are as any others.
    pub explain_to: Option<Vec<ClientNetwork>>,
    /// Response rate limiting. Default: none; an empty table `[server.rate_limit]` turns it on with
    /// its defaults. Follows a reload, which forgets who has asked how much.
    pub rate_limit: Option<RateLimit>,
}

/// `[server.identity]`: what the server says of itself to those who ask. Default: nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// NSID (RFC 5001), 1..=128 octets: text, or "0x" and hexadecimal digits.
    pub nsid: Option<Vec<u8>>,
    /// `version.bind` and `version.server`, class CH, 1..=255 octets.
    pub version: Option<String>,
    /// `hostname.bind`, class CH, 1..=255 octets.
    pub hostname: Option<String>,
    /// `id.server`, class CH (RFC 4892), 1..=255 octets.
    pub id: Option<String>,
}

/// `[server.cookies]`: DNS cookies (RFC 7873 and 9018).
#[derive(Clone, Debug, PartialEq)]
pub struct Cookies {
    /// Default true. If not, cookies are ignored.
    pub enabled: bool,
    /// 1..=4 secrets of 128 bits, each as 32 hexadecimal digits. The first signs, all verify. Servers
    /// behind one address (anycast, a load balancer) need the same ones. Default: a random one,
    /// until the process ends.
    pub secrets: Option<At<Vec<Secret>>>,
    /// Instead of `secrets`, a file with one on each line, which only its owner may write and only owner
    /// and group may read; read again by a reload. Blank lines and lines that begin with `#` are skipped.
    pub secret_file: Option<At<PathBuf>>,
    /// Whether a client that sends cookies over UDP gets BADCOOKIE and a new cookie instead of an answer
    /// as long as it has no valid one (RFC 7873, 5.2.3). Clients without cookies are answered. Default
    /// false.
    pub require: bool,
}

/// An element of a list of client networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientNetwork {
    /// `"10.0.0.0/8"`
    Prefix(IpNet),
    /// `"network:office"`: every prefix of `[network.office]`.
    Named(NetworkId),
}

/// `[server.rate_limit]`: how many answers of one kind a client network gets over UDP, so that forged
/// queries cannot turn this server against the network that they claim to come from (P. Vixie, V.
/// Schryver: "DNS Response Rate Limiting", ISC-TN-2012-1).
///
/// The rates are of the whole server, 0..=100,000 answers per second; 0 is no limit. A client network
/// may have one second's answers at once.
#[derive(Clone, Debug, PartialEq)]
pub struct RateLimit {
    /// For one name and type (all names that one wildcard makes count as one). Default 200: a public
    /// resolver asks for one name once per client network of its own, as it should, since answers
    /// depend on that.
    pub responses_per_second: u32,
    /// For one delegation. Default: `responses_per_second`, as for the two below.
    pub referrals_per_second: u32,
    /// NXDOMAIN and NODATA, for one zone.
    pub negatives_per_second: u32,
    /// REFUSED, FORMERR and other errors, in all.
    pub errors_per_second: u32,
    /// How long a client network that goes on asking too much is held off after it has stopped, at
    /// most: 1 s..=1 h. Default 15 s.
    pub window: Duration,
    /// One in so many of the answers held back is sent after all, without records and with TC set, so
    /// that a real client asks again over TCP. 0..=100; 0: none, 1: all. Default 2.
    pub slip: u32,
    /// Bits of an IPv4 client network, 1..=32. Default 24.
    pub ipv4_prefix: u8,
    /// Bits of an IPv6 client network, 1..=128. Default 56.
    pub ipv6_prefix: u8,
    /// How many rates are told apart, 1,000..=100,000,000, rounded up to a power of two; 8 octets each.
    /// Past it, those that are furthest from their limit are forgotten. Default 1,000,000.
    pub table_size: u32,
    /// Client networks without a limit. Default none.
    pub exempt: Vec<ClientNetwork>,
    /// Count what would be held back, and send it. Default false.
    pub dry_run: bool,
}

/// `[server.panic]`: doubt about one's own way out (design: a node that loses its own network
/// should not empty the answers).
#[derive(Clone, Debug, PartialEq)]
pub struct Panic {
    /// Share of the targets that were up and fall within one window, 0.0..=1.0; 1.0 turns the
    /// guard off. Default 0.8.
    pub share: f64,
    /// How long verdicts are held, 0 s..=1 h. Default 30 s.
    pub hold: Duration,
    /// Well-known addresses that settle the doubt at once: reachable by TCP means that the fall is
    /// real, unreachable means that it is ours. Default none.
    pub control: Vec<SocketAddr>,
}

/// `[geoip]`
#[derive(Clone, Debug, PartialEq)]
pub struct GeoIp {
    /// `databases`, a path or a list: MMDB files with the GeoIP2 schema, of any vendor; what a later one
    /// says adds to an earlier one.
    pub databases: Vec<At<PathBuf>>,
    /// `networks`, a path or a list: CSV files with RFC 8805 geofeed columns; they win over the
    /// databases.
    pub feeds: Vec<At<PathBuf>>,
    /// How many regions distinguish one class from another, 1..=8. Default 3.
    pub depth: u8,
}

/// `[resolver]`: who is asked for the addresses of names that belong to others. Follows a reload.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolver {
    /// Recursive resolvers, port 53 unless one is written. Default: those of `/etc/resolv.conf`, which is
    /// read again at each reload.
    pub servers: Option<Vec<SocketAddr>>,
    /// For each attempt, 100 ms..=30 s; there are three at most. Default 2 s.
    pub timeout: Duration,
    /// How long the last known addresses of a name go on being used when it cannot be resolved any
    /// more, 0 s..=7 days. Default 1 h.
    pub keep: Duration,
}

/// `[network.NAME]`: an own network; wins over feeds and databases.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub name: String,
    pub prefixes: Vec<At<IpNet>>,
    /// Where it is; needed unless a region `serves` it by name, or a list of client networks has it.
    pub location: Option<LocationSpec>,
    /// Whether it says where clients are: it has a location, or a region `serves` it. One that only
    /// stands in lists leaves to the databases where its clients are.
    pub places_clients: bool,
}

/// A place on earth, as an operator writes it.
#[derive(Clone, Debug, PartialEq)]
pub enum LocationSpec {
    /// `[50.11, 8.68]`
    Coordinates(Coordinates),
    /// `"DE"`: ISO 3166-1 alpha-2, upper case.
    Country([u8; 2]),
    /// `"US-CA"`: ISO 3166-2 (country, the part after the dash, upper case).
    Subdivision([u8; 2], String),
    /// `"continent:EU"`: AF AN AS EU NA OC SA.
    Continent([u8; 2]),
}

/// What a region `serves` before distance is asked. More specific ones win, in this order:
/// network, ASN, subdivision, country, continent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// `"network:office"`
    Network(NetworkId),
    /// `"asn:64500"`
    Asn(u32),
    /// `"subdivision:US-CA"`
    Subdivision([u8; 2], String),
    /// `"country:DE"`
    Country([u8; 2]),
    /// `"continent:EU"`
    Continent([u8; 2]),
    /// `"unlocated"`: of whom nothing is known. In rules only.
    Unlocated,
}

/// `[region.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    pub name: String,
    /// Without one, the region has no distance and comes after those that have one.
    pub location: Option<LocationSpec>,
    /// How far its catchment is stretched (positive) or shrunk, in percent: -99..=99. Distances to a region
    /// of +50 count half, those to one of -50 double. Default 0.
    pub bias: i8,
    pub serves: Vec<Selector>,
}

/// `[monitor.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    pub name: String,
    pub probe: ProbeKind,
    /// Destination port; `check = "address:port"` of an endpoint wins. Default: 80, 443 for https and tls, 53
    /// for dns; 0 where there is none (icmp, file, a command that is not given any); else required.
    pub port: u16,
    /// Whether that goes before the port that an endpoint has of its own: where it is written, and where there is none.
    pub keeps_port: bool,
    /// What it asks, whatever endpoint it watches: the database that they all need. Default: the endpoint.
    pub at: Option<SocketAddr>,
    /// From start to start of two probes of one target. Default 5 s; 50 ms..=1 h.
    pub interval: Duration,
    /// For a whole probe, name to body; 10 ms or more, less than `interval`. Default 2 s, or half
    /// the interval where that is less.
    pub timeout: Duration,
    /// Successes in a row from down to up, 1..=100. Default 2.
    pub rise: u32,
    /// Failures in a row from up to down, 1..=100. Default 2.
    pub fall: u32,
    /// Share of the interval by which a probe's start is drawn early or late, 0.0..=0.5. Default 0.1.
    pub jitter: f64,
    /// `unknown_is = "up"` or `"down"`: what a target counts as that was never observed. Default up.
    pub unknown_is_up: bool,
    /// How observations become verdicts, beyond that.
    pub options: VerdictOptions,
    /// Where it is written what it asks.
    pub place: Place,
}

/// `[pool.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    pub name: String,
    pub region: RegionId,
    /// None: its endpoints are always up.
    pub monitor: Option<MonitorId>,
    /// Default weighted.
    pub balance: Balance,
    /// While fewer endpoints of a family are up, the pool is asked only when no other can serve. `2` or `"50%"`;
    /// default 1.
    pub min_healthy: MinHealthy,
    /// While as many are up, the others are answered as well. Default false.
    pub serve_whole: bool,
    /// An endpoint that comes back from being down takes a tenth of its part at first, and all of it after this time; so
    /// does a pool of which nothing was up. 1 s..=1 h. Default: all of it at once.
    pub slow_start: Option<Duration>,
    /// Whether an endpoint that went down stays down until somebody clears that. Default false.
    pub manual_resume: bool,
    pub load: PoolLoad,
    /// Who may join while the server runs. Default: nobody.
    pub registration: Option<Registration>,
    /// How the forwarder speaks to its endpoints.
    pub backend: Backend,
    /// Addresses, or names, but not both. Behind those that are written stand those that registered, and then what
    /// `aliases` lead to. None need be written where endpoints may register.
    pub endpoints: Vec<Endpoint>,
    pub aliases: Vec<Alias>,
}

impl Pool {
    /// Whether its endpoints are names, which are answered by CNAME.
    pub fn is_of_names(&self) -> bool {
        let mut endpoints = self.endpoints.iter();
        endpoints.any(|endpoint| matches!(endpoint.destination, Destination::Name(_)))
    }
}

/// What a pool can bear.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolLoad {
    /// Connections, or whatever is reported as such: 1..=1,000,000,000. Default: the sum of its endpoints'
    /// where they have one; without any, only loads that are reported as a part of it count.
    pub capacity: Option<u32>,
    /// Default: it takes all that comes to it.
    pub shed: Option<Shed>,
    /// `load_from = "backends"`, or a list: pools that this server's forwarder sends requests to, where the pool's endpoint
    /// is this forwarder: what they have to do is the pool's load. Default: it is reported, or not known.
    pub from: Vec<PoolId>,
    /// `load_max_age`: a report that is older is ignored. 1 s..=1 h. Default 10 s.
    pub max_age: Duration,
}

/// `shed = { above = "90%", floor = "10%" }`: the excess goes to the next pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shed {
    /// The load past which the excess goes elsewhere, as a part of the capacity: 0.2..=1.0. All is taken again
    /// below what is 0.1 less.
    pub above: f64,
    /// The part of what would come that is taken whatever the load: 0.01..=1.0. Default 0.1.
    pub floor: f64,
}

/// One element of `endpoints`: `"192.0.2.1"`, `"192.0.2.1:8080"`, `{ address, weight, check, capacity }`, or the same with `cname` instead
/// of `address`.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    pub destination: Destination,
    /// 0..=65535; 0 is the last resort of its pool. Default 1.
    pub weight: u16,
    /// What is probed. Default: the address, at the monitor's port if one is written there, or else its own, or else that
    /// of the monitor's kind; of a name, the first address that it has at the
    /// time (`[resolver]`).
    pub check: Option<SocketAddr>,
    /// As that of a pool. Default: its part of the pool's, by weight.
    pub capacity: Option<u32>,
    pub origin: Origin,
    pub place: Place,
}

/// Where an endpoint comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// It is written as it is.
    Written,
    /// It registered, for as long as it says so.
    Registered,
    /// Another name leads there.
    Alias(OfAlias),
}

/// `registration = { max = 64, lease_max = "10m" }`: endpoints may join the pool while the server runs, each for as long
/// as its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// At a time: 1..=10,000. Default 64.
    pub max: u32,
    /// The longest that a lease may be: 1 s..=24 h. Default 10 min.
    pub lease_max: Duration,
}

/// Which alias led to an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct OfAlias {
    pub name: Name,
    /// The TTL that no answer with it exceeds, in seconds.
    pub ttl_s: u32,
}

/// Another element of `endpoints`: `{ alias, weight, capacity }`, for each of the addresses, of both families, that
/// the name `alias` has at any time: 64 of each family at most. A running server resolves it (`[resolver]`).
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// A dot at its end is added where there is none.
    pub name: Name,
    /// Of each address, as that of an endpoint.
    pub weight: u16,
    /// Of each address, as that of an endpoint.
    pub capacity: Option<u32>,
    /// Whether any address of it is known.
    pub is_resolved: bool,
    pub place: Place,
}

/// `[policy.NAME]`; exactly one of `geo` and the names of [`Balance`], with its members.
///
/// A policy with `when` is several here: it itself has rules only; what it says besides is a policy of its own
/// (`world/otherwise`), and so is each rule that does not name another (`world/rule-1`).
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub name: String,
    pub order: PolicyOrder,
    /// None where there are rules.
    pub members: Vec<PolicyMember>,
    /// Whom of the members that come first in the order: the kind of policy, or in `geo` policies `balance`. Default
    /// failover there, or weighted where members have weights.
    pub balance: Balance,
    /// Pools and policies that are tried in this order when no member can serve. Default none.
    pub last_resort: Vec<Member>,
    /// `spread = [2, 1]`: so many addresses out of the preferred region, so many out of the next, in one answer, whatever
    /// `answers` says. At most 16 in all. Default: all from one pool.
    pub spread: Vec<u8>,
    /// Default all. Only the policy that a name refers to, or the rule that stands for it, is asked.
    pub when_all_down: WhenAllDown,
    /// Default region; always nodata where `has_names`.
    pub family_fallback: FamilyFallback,
    /// Whether it may come to a pool of names: then balanced names have no other records.
    pub has_names: bool,
    pub place: Place,
}

impl Policy {
    /// What it may come to at once.
    pub fn all_members(&self) -> impl Iterator<Item = Member> {
        let (rules, otherwise) = match &self.order {
            PolicyOrder::When { rules, otherwise } => (&rules[..], Some(*otherwise)),
            PolicyOrder::Listed | PolicyOrder::Geo { .. } => (&[][..], None),
        };
        let ruled = rules.iter().map(|rule| rule.policy).chain(otherwise);
        let members = self.members.iter().map(|member| member.member);
        (members.chain(self.last_resort.iter().copied())).chain(ruled.map(Member::Policy))
    }

    /// Whether it stands in the file as it is, and was not made of a rule.
    pub fn is_written(&self) -> bool {
        !self.name.contains('/')
    }
}

/// A pool, or another policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Member {
    Pool(PoolId),
    Policy(PolicyId),
}

#[derive(Clone, Debug, PartialEq)]
pub struct PolicyMember {
    pub member: Member,
    /// 0..=65535; 1 where none is written.
    pub weight: u16,
    /// The one that it stands for, in `geo` policies: that of a nested policy is the one that all its pools lie
    /// in.
    pub region: Option<RegionId>,
}

/// In which order members are asked.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyOrder {
    /// All are equal but for the balance.
    Listed,
    /// `geo = ["web-eu", "web-us"]`: those of the nearest region first. Several members may share a region.
    Geo {
        /// `serves = { eu = ["country:DE"] }`: replaces the region's own list in this policy.
        serves: Vec<(RegionId, Vec<Selector>)>,
        /// `default = ["us", "eu"]`: order of regions for clients in no database. Default: as
        /// `geo` lists them; regions not named follow in that order.
        default: Vec<RegionId>,
    },
    /// `when = [{ clients = ["country:CN"], use = "web-cn" }]`: for a client whom a rule fits, its policy stands for
    /// this one. The first that fits counts.
    When {
        rules: Vec<Rule>,
        otherwise: PolicyId,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Whom it fits, if not `except`. Default: everybody.
    pub clients: Option<Vec<Selector>>,
    pub except: Vec<Selector>,
    pub policy: PolicyId,
}

/// `[zone."NAME"]`, or a file that `[zones]` finds: `files = "zones/*.zone"`, or a list of patterns,
/// makes a zone of each file that fits, named by what the one `*` of the last part stands for (`\DDD`
/// for octets that no file name can have, as in presentation format). Such a zone needs no table, but
/// may have one without `file`. What else a zone has but `balanced` may stand in `[zones]`, as the
/// default for those found there.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    pub apex: Name,
    pub file: At<PathBuf>,
    /// Whether client subnets steer here (RFC 7871). Default true; when false, the option is
    /// ignored and never answered.
    pub client_subnet: bool,
    /// What answers say besides: `"minimal"`, `"additional"` (addresses of hosts that they name: the
    /// default) or `"full"` (the zone's nameservers as well). Referrals always have what they need.
    pub responses: Responses,
    /// The order of static records of one name and type: `"fixed"`, as in the zone file (default), or
    /// `"rotated"`.
    pub rrset_order: RrsetOrder,
    /// Whom queries for this zone are answered, whatever the server's list says. Default: that list.
    pub allow_query: Option<Arc<[ClientNetwork]>>,
    pub balanced: Vec<Balanced>,
}

/// `[zone."NAME".balanced]`: `owner = { policy, ttl, answers }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Balanced {
    /// Fully qualified; `@` is the apex; may start with `*`.
    pub owner: Name,
    pub policy: PolicyId,
    /// `"10s"` or `["5s", "30s"]`; 0 s..=1 day. Default `["5s", "30s"]`.
    pub ttl: TtlRange,
    /// Addresses per answer, 1..=16. Default 2.
    pub answers: u8,
    pub place: Place,
}
