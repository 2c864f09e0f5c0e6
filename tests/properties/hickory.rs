//! Do zones answer as hickory-server's do?
//!
//! Where they do not, the standard decides; [`difference`] names the sentences.

use std::collections::BTreeMap;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{LowerName, Name, Record, RecordSet, RecordType, RrKey};
use hickory_proto::serialize::binary::BinDecodable;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, LookupError, LookupOptions, ZoneHandler, ZoneType};
use proptest::prelude::*;

use crate::engine::{Said, ask_decoded, query, root_of, text};
use crate::zones::{APEX, StaticZone, question, zone};

/// What both implementations have in common to say.
#[derive(Debug, PartialEq)]
struct Gist {
    rcode: ResponseCode,
    answers: Vec<String>,
    /// NS: a referral; SOA: a "no".
    authority: Option<RecordType>,
}

impl From<&Said> for Gist {
    fn from(said: &Said) -> Self {
        let has = |rtype: &str| said.authorities.iter().any(|record| record.contains(rtype));
        Gist {
            rcode: said.rcode,
            answers: said.answers.clone(),
            authority: match (has(" in ns "), has(" in soa ")) {
                (true, _) => Some(RecordType::NS),
                (_, true) => Some(RecordType::SOA),
                _ => None,
            },
        }
    }
}

/// A zone as hickory-server serves it.
struct Hickory {
    apex: Name,
    handler: InMemoryZoneHandler,
    runtime: tokio::runtime::Runtime,
}

impl Hickory {
    fn new(zone: &StaticZone) -> Self {
        let apex = Name::from_ascii(APEX).unwrap();
        let mut sets: BTreeMap<RrKey, RecordSet> = BTreeMap::new();
        for record in zone.hickory_records() {
            let key = RrKey::new(LowerName::new(&record.name), record.record_type());
            let set = RecordSet::new(record.name.clone(), record.record_type(), 1);
            sets.entry(key).or_insert(set).insert(record, 1);
        }
        let handler =
            InMemoryZoneHandler::new(apex.clone(), sets, ZoneType::Primary, AxfrPolicy::Deny);
        Hickory {
            apex,
            handler: handler.unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
        }
    }

    fn answer(&self, name: &Name, rtype: RecordType) -> Gist {
        let name = LowerName::new(name);
        let lookup = self
            .handler
            .lookup(&name, rtype, None, LookupOptions::default());
        let found = self
            .runtime
            .block_on(lookup)
            .map_result()
            .expect("no other handler");
        match found {
            Ok(found) => self.positive(found.iter().cloned().collect()),
            Err(LookupError::NameExists) => no(ResponseCode::NoError),
            Err(LookupError::ResponseCode(rcode)) => no(rcode),
            Err(other) => panic!("{other}"),
        }
    }

    /// The NS records of a cut stand for a referral.
    fn positive(&self, records: Vec<Record>) -> Gist {
        let is_cut =
            |record: &Record| record.record_type() == RecordType::NS && record.name != self.apex;
        let is_referral = records.iter().any(is_cut);
        let mut answers: Vec<_> = match is_referral {
            true => Vec::new(),
            false => records.iter().map(text).collect(),
        };
        answers.sort();
        Gist {
            rcode: ResponseCode::NoError,
            answers,
            authority: is_referral.then_some(RecordType::NS),
        }
    }
}

fn no(rcode: ResponseCode) -> Gist {
    Gist {
        rcode,
        answers: Vec::new(),
        authority: (rcode != ResponseCode::Refused).then_some(RecordType::SOA),
    }
}

/// Why both may differ: what the standard says where hickory-server 0.26 does otherwise.
fn difference(
    zone: &StaticZone,
    name: &Name,
    rtype: RecordType,
    gist: &Gist,
) -> Option<&'static str> {
    if zone.records.iter().any(|record| record.rtype == 39) {
        return Some("RFC 6672: hickory-server has no DNAME");
    }
    let owners = |rtype| {
        zone.records
            .iter()
            .filter(move |record| record.rtype == rtype)
    };
    if rtype == RecordType::ANY {
        return Some("RFC 8482, 4.1: a responder may provide a subset of the available RRsets");
    }
    if gist.authority.is_some() && !gist.answers.is_empty() {
        return Some(
            "RFC 1034, 4.3.2, 3a: change QNAME to the canonical name and go back to step 1, \
             whatever is found there; RFC 6604, 3: the RCODE is that of the last name",
        );
    }
    let is_alias = |record: &String| record.contains(" in cname ") && record.ends_with(APEX);
    if rtype != RecordType::CNAME && !gist.answers.is_empty() && gist.answers.iter().all(is_alias) {
        return Some(
            "RFC 2181, 5: no duplicates; where the answer ends that goes round in a circle of \
             CNAMEs, or along many, is up to the server",
        );
    }
    if gist.answers.len() > 7 && gist.answers.iter().any(is_alias) {
        return Some("how many CNAMEs one answer follows is up to the server");
    }
    let met = names_met(name, gist);
    let is_below = |owner: &meridian::dns::Name| {
        let owner = as_hickory_writes(owner);
        met.iter().any(|name| is_at_or_below(name, &owner))
    };
    let cuts = || owners(u16::from(RecordType::NS)).filter(|ns| ns.owner.to_string() != APEX);
    if cuts().any(|upper| {
        is_below(upper.owner)
            && cuts().any(|lower| lower.owner != upper.owner && lower.owner.is_in(upper.owner))
    }) {
        return Some(
            "RFC 1034, 4.3.2, 3: matching down, label by label: the first cut is the referral",
        );
    }
    // What lies below the name that an asterisk stands under.
    let mut covered = zone.records.iter().flat_map(|record| {
        let owner = as_hickory_writes(record.owner);
        let labels: Vec<_> = owner.match_indices("*.").map(|(at, _)| at + 2).collect();
        labels.into_iter().map(move |at| owner[at..].to_owned())
    });
    let is_covered = covered.any(|above| met.iter().any(|name| is_at_or_below(name, &above)));
    if is_covered
        && (gist.authority == Some(RecordType::SOA) || met.iter().any(|n| n.contains('*')))
    {
        return Some(
            "RFC 4592, 3.3.1: only the wildcard at the closest encloser is a source of synthesis; \
             2.2.1: never for a name that exists; 2.3: an asterisk in QNAME means nothing special",
        );
    }
    None
}

/// The question's name, and what the answer's records are about and lead to, in lower case.
fn names_met(name: &Name, gist: &Gist) -> Vec<String> {
    let in_answers = gist.answers.iter().flat_map(|record| {
        let mut words = record.split(' ');
        [words.next(), words.next_back()]
    });
    let asked = name.to_string().to_lowercase();
    let mut names: Vec<_> = in_answers.flatten().map(str::to_owned).collect();
    names.push(asked);
    names
}

/// In lower case; octets past ASCII look different there.
fn as_hickory_writes(name: &meridian::dns::Name) -> String {
    let name = Name::from_bytes(name.as_wire()).unwrap();
    name.to_string().to_lowercase()
}

fn is_at_or_below(name: &str, above: &str) -> bool {
    let rest = name.strip_suffix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn zones_answer_as_hickory_servers_do(
        zone in zone(), questions in prop::collection::vec(question(), 40),
    ) {
        let root = root_of(zone.compiled());
        let hickory = Hickory::new(&zone);
        for (name, rtype) in questions {
            let gist = Gist::from(&ask_decoded(&root, &query(&name, rtype), 1));
            if difference(&zone, &name, rtype, &gist).is_none() {
                prop_assert_eq!(gist, hickory.answer(&name, rtype), "{} {}\n{}", name, rtype, zone.text);
            }
        }
    }
}
