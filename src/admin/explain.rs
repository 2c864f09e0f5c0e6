//! Why a name is answered as it is: the answer engine itself, asked with a recorder.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Overridden;
use super::record::decode;
use super::words::Words;
use crate::dns::mnemonic::{self, TypeName};
use crate::dns::{MESSAGE_LEN_MAX, Name, QueryName, query};
use crate::geoip::World;
use crate::model::PoolId;
use crate::nameserver::access;
use crate::nameserver::answer::{
    DEFAULT_PAYLOAD, Query, Transport, Worker, answer, answer_recorded,
};
use crate::random::Random;
use crate::state::Root;
use crate::state::pools::Member;
use crate::state::zone::ZoneEntry;
use crate::steering::Step;

/// The most clients that one explanation draws for.
pub const CLIENTS_MAX: u32 = 1_000_000;

/// What is to be explained.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    pub name: String,
    /// A type's mnemonic or `TYPEnnn`.
    pub rtype: String,
    /// The client subnet; without one, the query is as from a resolver that sends none.
    pub client: Option<IpNet>,
    /// The address that the query comes from. Default: the client's.
    pub resolver: Option<IpAddr>,
    /// How many queries are drawn for the distribution; 0 for none.
    #[serde(default)]
    pub clients: u32,
    /// Makes the draws repeatable.
    pub seed: Option<u64>,
}

/// An answer with its reasons. This is what `explain --json` prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explanation {
    pub name: String,
    #[serde(rename = "type")]
    pub rtype: String,
    /// Which zone answers.
    pub zone: Option<String>,
    /// Where the verdicts come from.
    pub verdicts: String,
    pub steps: Vec<Line>,
    pub answer: Answer,
    /// Only when clients were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distribution: Vec<Share>,
}

/// One step: what it is about, and what was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    pub step: String,
    pub text: String,
}

/// The message that the engine composed, decoded again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// "NOERROR", "NXDOMAIN", …
    pub rcode: String,
    pub authoritative: bool,
    /// The data of the first record.
    #[serde(skip)]
    pub first: Option<String>,
    /// As zone files have them.
    pub records: Vec<String>,
    pub authority: Vec<String>,
    /// SCOPE PREFIX-LENGTH, where the query carried a client subnet.
    pub scope: Option<u8>,
    /// Extended DNS Error: the name of its code, and its text if it has one.
    pub error: Option<String>,
}

/// How often an address came first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Share {
    pub answer: String,
    pub count: u32,
    /// 0.0..=1.0
    pub share: f64,
}

/// What an explanation says of where health comes from.
#[derive(Clone, Debug, Default)]
pub struct Believed {
    /// Where verdicts come from, in words.
    pub verdicts: String,
    pub overridden: Arc<Overridden>,
    /// By pool that may shed: what it takes by its load, and why.
    pub shed: Arc<HashMap<String, String>>,
}

/// Asks the engine and tells the reasons.
///
/// # Errors
/// In words, when the question is none: a bad name or type, too many clients.
pub fn explain(
    root: &Root,
    world: &World,
    believed: &Believed,
    question: &Question,
) -> Result<Explanation, String> {
    let name =
        Name::parse(&question.name).map_err(|e| format!("`{}` is no name: {e}", question.name))?;
    let (code, rtype) = parse_type(&question.rtype)?;
    if question.clients > CLIENTS_MAX {
        return Err(format!(
            "{} clients are too many: at most {CLIENTS_MAX}",
            question.clients
        ));
    }
    // With EDNS, so that Extended DNS Errors are told.
    let message = query::compose_edns(
        0,
        &name,
        code,
        question.client.map(|net| (net.addr(), net.prefix_len())),
    );
    let resolver = question.resolver.or(question.client.map(|net| net.addr()));
    let asked = Query {
        message: &message,
        peer: resolver.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        transport: Transport::Tcp {
            payload_max: DEFAULT_PAYLOAD,
        },
    };
    let mut worker = Worker::new(
        question
            .seed
            .map_or_else(Random::from_os, Random::from_seed),
        None,
    );
    worker.fit(root);
    let mut reply = vec![0; MESSAGE_LEN_MAX];
    let mut recorded: Vec<Step> = Vec::new();
    let length = answer_recorded(&mut worker, root, &asked, &mut reply, &mut recorded).unwrap_or(0);
    let words = Words {
        root,
        overridden: &believed.overridden,
    };
    let mut steps = vec![client_line(question, asked.peer, world, &words)];
    let mut lookup = QueryName::default();
    lookup.read(name.as_wire());
    let entry = root.zones.find(&lookup, code).map(|(entry, _)| entry);
    steps.push(zone_line(entry));
    steps.extend(access_line(root, entry, asked.peer));
    let mut told = HashSet::new();
    for step in &recorded {
        steps.push(words.line(step));
        let pool = pool_of(step).filter(|&pool| told.insert(pool));
        steps.extend(pool.and_then(|pool| load_line(root, believed, pool)));
    }
    Ok(Explanation {
        name: name.to_string(),
        rtype,
        zone: entry.map(|entry| entry.zone.apex.to_string()),
        verdicts: believed.verdicts.clone(),
        steps,
        answer: decode(&reply[..length]).ok_or("there is no answer")?,
        distribution: distribution(&mut worker, root, &asked, &mut reply, question.clients),
    })
}

/// The pool that a step is about.
fn pool_of(step: &Step) -> Option<PoolId> {
    match step {
        Step::PassedOver { member, .. } | Step::Taken { member, .. } => match member {
            Member::Pool(pool) => Some(*pool),
            Member::Policy(_) => None,
        },
        Step::Candidates { pool, .. } => Some(*pool),
        _ => None,
    }
}

/// What the pool takes by its load, if it may shed.
fn load_line(root: &Root, believed: &Believed, pool: PoolId) -> Option<Line> {
    let name = &root.pools.pools[pool.index()].name;
    let why = believed.shed.get(&**name)?;
    Some(Line {
        step: "load".to_owned(),
        text: format!("pool {name} {why}"),
    })
}

fn parse_type(text: &str) -> Result<(u16, String), String> {
    let code = mnemonic::rtype(text.as_bytes())
        .ok_or_else(|| format!("`{text}` is no record type; A or AAAA are usual"))?;
    Ok((code, TypeName(code).to_string()))
}

fn client_line(question: &Question, peer: IpAddr, world: &World, words: &Words<'_>) -> Line {
    let (who, address) = match question.client.filter(|net| net.prefix_len() > 0) {
        Some(net) => (format!("client subnet {}", net.trunc()), net.network()),
        None => (
            format!("no client subnet; the resolver's address {peer}"),
            peer,
        ),
    };
    let known = match crate::geoip::lookup(world, address) {
        Some((network, location)) => format!("in {network}: {}", words.location(location)),
        None => "in no database and no own network".to_owned(),
    };
    Line {
        step: "client".to_owned(),
        text: format!("{who}, {known}"),
    }
}

fn zone_line(entry: Option<&ZoneEntry>) -> Line {
    let text = match entry {
        Some(ZoneEntry { zone, has_data, .. }) if !has_data => {
            format!("{}, whose file could not be read", zone.apex)
        }
        Some(ZoneEntry { zone, .. }) if zone.client_subnet => zone.apex.to_string(),
        Some(ZoneEntry { zone, .. }) => {
            format!("{} (does not steer by client subnet)", zone.apex)
        }
        None => "none of ours: refused".to_owned(),
    };
    Line {
        step: "zone".to_owned(),
        text,
    }
}

/// What the access list says, if there is one.
fn access_line(root: &Root, entry: Option<&ZoneEntry>, peer: IpAddr) -> Option<Line> {
    let listed = access::listed(root, entry, peer)?;
    let list = match entry.filter(|_| !listed.by_server) {
        Some(entry) => format!("`allow_query` of zone {}", entry.zone.apex),
        None => "`allow_query` of [server]".to_owned(),
    };
    let text = match listed.is_allowed {
        true => format!("{peer} is in {list}"),
        false => format!("refused: {peer} is not in {list}"),
    };
    Some(Line {
        step: "access".to_owned(),
        text,
    })
}

fn distribution(
    worker: &mut Worker,
    root: &Root,
    query: &Query<'_>,
    reply: &mut [u8],
    clients: u32,
) -> Vec<Share> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..clients {
        let length = answer(worker, root, query, reply).unwrap_or(0);
        let answer = decode(&reply[..length]);
        let first = answer.map(|answer| answer.first.unwrap_or(answer.rcode));
        *counts.entry(first.unwrap_or_default()).or_default() += 1;
    }
    let mut shares: Vec<_> = counts
        .into_iter()
        .map(|(answer, count)| Share {
            answer,
            count,
            share: f64::from(count) / f64::from(clients),
        })
        .collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.count));
    shares
}
