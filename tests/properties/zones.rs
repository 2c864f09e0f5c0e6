//! Random zones below `example.com`, and questions that hit them often.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, Restrict};
use meridian::compile::zone::{self, Settings};
use meridian::compile::zonefile::{self, Records, ZoneRecord};
use meridian::config::{Diagnostics, Severity};
use meridian::model::{Responses, RrsetOrder};
use meridian::state::Zone;
use proptest::prelude::*;

pub const APEX: &str = "example.com.";

/// What stands at one owner. Names in data are relative, or absolute with a dot at the end.
#[derive(Clone, Debug)]
enum Node {
    Records(Vec<String>),
    Alias(String),
    Redirection(String),
    Delegation { servers: Vec<String>, signed: bool },
}

/// A zone as text, and what was read from it.
#[derive(Clone)]
pub struct StaticZone {
    pub text: String,
    pub records: Records,
}

impl fmt::Debug for StaticZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StaticZone {
    fn new(nodes: &BTreeMap<String, Node>) -> Self {
        let mut text = String::from(
            "$TTL 300\n@ SOA ns.a hostmaster 1 7200 900 86400 60\n@ NS ns.a\n@ NS ns.example.net.\n@ MX 5 a\n",
        );
        for (owner, node) in nodes {
            node.write(owner, topmost_cut(owner, nodes), &mut text);
        }
        let apex = meridian::dns::Name::parse(APEX).unwrap();
        let mut diagnostics = Diagnostics::new();
        let path = Path::new("random.zone");
        let records = zonefile::parse(text.as_bytes(), path, &apex, &[], &mut diagnostics);
        let records = records.unwrap_or_else(|| panic!("{}\n{text}", errors(diagnostics)));
        StaticZone { text, records }
    }

    /// As the answer engine reads it.
    pub fn compiled(&self) -> Zone {
        self.compiled_with(Settings::default())
    }

    pub fn compiled_with(&self, settings: Settings) -> Zone {
        let apex = meridian::dns::Name::parse(APEX).unwrap();
        zone::build(&apex, settings, &self.records, &[]).unwrap()
    }

    /// As hickory-proto reads it.
    pub fn hickory_records(&self) -> Vec<Record> {
        self.records.iter().map(hickory_record).collect()
    }
}

pub fn errors(diagnostics: Diagnostics) -> String {
    let mut errors = diagnostics.sorted();
    errors.retain(|diagnostic| diagnostic.severity == Severity::Error);
    errors.iter().map(|error| format!("{error}\n")).collect()
}

fn hickory_record(record: ZoneRecord<'_>) -> Record {
    let rdata = &record.rdata;
    let length = Restrict::new(u16::try_from(rdata.len()).unwrap());
    let data = RData::read(&mut BinDecoder::new(rdata), record.rtype.into(), length).unwrap();
    let owner = Name::from_bytes(record.owner.as_wire()).unwrap();
    Record::from_rdata(owner.to_lowercase(), record.ttl, data)
}

impl Node {
    fn write(&self, owner: &str, cut: &str, text: &mut String) {
        let mut line = |data: &str| text.push_str(&format!("{owner} {data}\n"));
        match self {
            Node::Records(records) => records.iter().for_each(|record| line(record)),
            Node::Alias(target) => line(&format!("CNAME {target}")),
            Node::Redirection(target) => line(&format!("DNAME {target}")),
            // A wildcard cannot delegate (RFC 4592, 4.2).
            Node::Delegation { servers, .. } if owner.starts_with('*') => {
                servers
                    .iter()
                    .for_each(|server| line(&format!("MX 1 {server}")));
            }
            Node::Delegation { servers, signed } => {
                let servers = servers.iter().map(|server| reachable(server, cut));
                servers.for_each(|server| line(&format!("NS {server}")));
                if *signed {
                    line(&format!("DS 1 13 2 {}", "5f".repeat(32)));
                }
                text.push_str(&format!("glue.{cut} A 192.0.2.99\n"));
                text.push_str(&format!("glue.{cut} AAAA 2001:db8::99\n"));
            }
        }
    }
}

/// The delegation nearest to the apex that `owner` is or lies below; else `owner`.
fn topmost_cut<'n>(owner: &'n str, nodes: &BTreeMap<String, Node>) -> &'n str {
    let is_cut = |name: &&str| {
        !name.starts_with('*') && matches!(nodes.get(*name), Some(Node::Delegation { .. }))
    };
    let dots = owner.match_indices('.').map(|(at, _)| &owner[at + 1..]);
    let suffixes: Vec<_> = std::iter::once(owner).chain(dots).collect();
    suffixes.into_iter().rev().find(is_cut).unwrap_or(owner)
}

/// A nameserver at or below the cut is `glue`, which always has an address: without, there is no way
/// down, and the zone would be refused.
fn reachable(server: &str, cut: &str) -> String {
    match server == cut || server.ends_with(&format!(".{cut}")) {
        true => format!("glue.{cut}"),
        false => server.to_owned(),
    }
}

fn label() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        9 => Just("a"),
        9 => Just("b"),
        6 => Just("ns"),
        3 => Just("*"),
        // Octets that need care: a dot, a zero, one past ASCII.
        1 => prop::sample::select(vec!["q\\.r", "\\000", "\\200"]),
    ]
}

/// One to three labels; few enough that names meet.
fn relative_name() -> impl Strategy<Value = String> {
    prop::collection::vec(label(), 1..=3).prop_map(|labels| labels.join("."))
}

fn target() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => relative_name(),
        1 => Just("www.example.net.".to_owned()),
        1 => Just("@".to_owned()),
    ]
}

fn record() -> impl Strategy<Value = String> {
    let data = prop_oneof![
        4 => (1..40u8).prop_map(|host| format!("A 192.0.2.{host}")),
        3 => (1..40u8).prop_map(|host| format!("AAAA 2001:db8::{host}")),
        2 => (1..90u8).prop_map(|n| format!("TXT \"{}\"", "t".repeat(usize::from(n) * 2))),
        2 => (0..3u8, target()).prop_map(|(n, name)| format!("MX {n} {name}")),
        1 => (0..3u8, target()).prop_map(|(n, name)| format!("SRV {n} 1 53 {name}")),
        1 => target().prop_map(|name| format!("PTR {name}")),
        1 => Just("CAA 0 issue \"example.net\"".to_owned()),
        2 => rare_record(),
    ];
    (
        prop::sample::select(vec![0, 1, 300, 86400, 2_147_483_647_u32]),
        data,
    )
        .prop_map(|(ttl, data)| format!("{ttl} {data}"))
}

/// Of types whose data nobody looks into.
fn rare_record() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..3u8, target()).prop_map(|(n, name)| format!("NAPTR {n} 1 \"s\" \"x\" \"\" {name}")),
        (1..3u8, target()).prop_map(|(n, name)| format!("HTTPS {n} {name} alpn=h2")),
        (1..3u8, target()).prop_map(|(n, name)| format!("SVCB {n} {name} port=53")),
        any::<[u8; 4]>().prop_map(|data| format!("TLSA 3 1 1 {}", hex(&data))),
        any::<[u8; 4]>().prop_map(|data| format!("SSHFP 4 2 {}", hex(&data))),
        (0..3u8).prop_map(|n| format!("HINFO \"cpu{n}\" \"os\"")),
        // What looks like a compression pointer is none.
        any::<u8>().prop_map(|octet| format!("TYPE65280 \\# 3 c00c{octet:02x}")),
    ]
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn node() -> impl Strategy<Value = Node> {
    let delegation = (prop::collection::vec(target(), 1..4), any::<bool>());
    // Up to five thousand octets, so that some fit no UDP answer.
    let texts = prop::collection::vec("TXT [a-z]{200,250}", 2..20);
    prop_oneof![
        6 => prop::collection::vec(record(), 1..12).prop_map(Node::Records),
        1 => texts.prop_map(Node::Records),
        3 => target().prop_map(Node::Alias),
        1 => target().prop_map(Node::Redirection),
        1 => delegation.prop_map(|(servers, signed)| Node::Delegation { servers, signed }),
    ]
}

/// A zone that has an apex and nothing more.
pub fn empty() -> StaticZone {
    StaticZone::new(&BTreeMap::new())
}

pub fn zone() -> impl Strategy<Value = StaticZone> {
    prop::collection::btree_map(relative_name(), node(), 0..14)
        .prop_map(|nodes| StaticZone::new(&nodes))
}

pub fn order() -> impl Strategy<Value = RrsetOrder> {
    prop::sample::select(vec![RrsetOrder::Fixed, RrsetOrder::Rotated])
}

/// Every way to answer.
pub fn settings() -> impl Strategy<Value = Settings> {
    let responses = vec![Responses::Minimal, Responses::Additional, Responses::Full];
    let choices = (prop::sample::select(responses), order());
    choices.prop_map(|(responses, rrset_order)| Settings {
        responses,
        rrset_order,
        ..Settings::default()
    })
}

/// A name and a type to ask for: mostly in the zone, in any case of letters.
pub fn question() -> impl Strategy<Value = (Name, RecordType)> {
    let labels = prop::collection::vec(label(), 0..=4);
    let name = (labels, prop::bool::weighted(0.95), any::<bool>()).prop_map(
        |(labels, is_inside, is_upper)| {
            let apex = if is_inside { APEX } else { "example.net." };
            let name = [labels.join("."), apex.to_owned()].join(".");
            let name = name.trim_start_matches('.');
            let name = if is_upper {
                name.to_uppercase()
            } else {
                name.to_owned()
            };
            let name = meridian::dns::Name::parse(&name).unwrap();
            Name::from_bytes(name.as_wire()).unwrap()
        },
    );
    (name, rtype())
}

fn rtype() -> impl Strategy<Value = RecordType> {
    prop_oneof![
        4 => Just(RecordType::A),
        2 => Just(RecordType::AAAA),
        2 => Just(RecordType::MX),
        2 => Just(RecordType::TXT),
        1 => prop::sample::select(vec![
            RecordType::NS, RecordType::SOA, RecordType::TXT, RecordType::SRV,
            RecordType::PTR, RecordType::CNAME, RecordType::DNAME, RecordType::DS, RecordType::CAA,
            RecordType::NAPTR, RecordType::HTTPS, RecordType::SVCB, RecordType::TLSA,
            RecordType::SSHFP, RecordType::HINFO, RecordType::RRSIG, RecordType::NSEC,
        ]),
        1 => Just(RecordType::ANY),
        1 => Just(RecordType::Unknown(65_280)),
    ]
}
