//! Asks the answer engine, and reads what it says with an implementation that is not ours.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use hickory_proto::op::{Message, MessageType, OpCode, Query as Question, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use meridian::dns::cookie::{Secret, Secrets};
use meridian::dns::edns::NSID_LEN_MAX;
use meridian::model::Destination;
use meridian::nameserver::answer::{Query, Transport, Worker, answer};
use meridian::random::Random;
use meridian::state::identity::{Chaos, Cookies, Identity};
use meridian::state::zone::ZoneEntry;
use meridian::state::{Root, Service, Zone, Zones};

/// Where queries come from that carry no client subnet.
pub const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(20, 1, 2, 3));

/// With room for everything.
pub const TCP: Transport = Transport::Tcp { payload_max: 1232 };

/// Where a record sends clients to, if steering made it: an address, or a name out of all zones.
pub fn destination(record: &Record) -> Option<Destination> {
    match &record.data {
        RData::CNAME(name) => {
            let name = name.to_string();
            let is_other = name.ends_with(".example.net.");
            is_other.then(|| Destination::parse(&name)).flatten()
        }
        data => data.ip_addr().map(Destination::Address),
    }
}

/// A root that has nothing but `zone`.
pub fn root_of(zone: Zone) -> Root {
    Root {
        generation: 1,
        zones: Arc::new(Zones::new(vec![ZoneEntry {
            zone: Arc::new(zone),
            policies: Box::default(),
            allow_query: None,
            has_data: true,
            explains: false,
        }])),
        maps: Arc::new([]),
        pools: Arc::default(),
        health: Arc::default(),
        forwarding: Arc::default(),
        service: Arc::new(Service {
            identity: identity(),
            ..Service::default()
        }),
    }
}

/// As long as it may be.
fn identity() -> Identity {
    let text: Option<Box<[u8]>> = Some([b'x'; 255].into());
    Identity {
        nsid: Some([b'x'; NSID_LEN_MAX].into()),
        chaos: Chaos {
            version: text.clone(),
            hostname: text.clone(),
            id: text,
        },
        cookies: Some(Cookies {
            secrets: Secrets::new(vec![Secret::new([1; 16])]).expect("a secret"),
            require: false,
        }),
    }
}

/// The plainest query.
pub fn query(name: &Name, rtype: RecordType) -> Vec<u8> {
    let mut message = Message::new(0x4d45, MessageType::Query, OpCode::Query);
    message.add_query(Question::query(name.clone(), rtype));
    message.to_vec().unwrap()
}

/// What a worker that was never asked before answers.
pub fn ask(root: &Root, message: &[u8], transport: Transport, seed: u64) -> Option<Vec<u8>> {
    let mut worker = Worker::new(Random::from_seed(seed), None);
    worker.fit(root);
    worker.idle_timeout_100ms = Some(100);
    let query = Query {
        message,
        peer: RESOLVER,
        transport,
    };
    let mut reply = vec![0; 65_535];
    let len = answer(&mut worker, root, &query, &mut reply)?;
    reply.truncate(len);
    Some(reply)
}

/// As [`ask`], over TCP and decoded.
pub fn ask_decoded(root: &Root, message: &[u8], seed: u64) -> Said {
    let reply = ask(root, message, TCP, seed).expect("an answer");
    Said::read(&reply)
}

/// An answer in a form that can be compared: records as text in lower case, sorted where order means
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub rcode: ResponseCode,
    pub authoritative: bool,
    pub answers: Vec<String>,
    pub authorities: Vec<String>,
}

impl Said {
    pub fn read(reply: &[u8]) -> Self {
        Self::of(&decode(reply))
    }

    pub fn of(message: &Message) -> Self {
        Said {
            rcode: message.metadata.response_code,
            authoritative: message.metadata.authoritative,
            answers: sorted(&message.answers),
            authorities: sorted(&message.authorities),
        }
    }
}

pub fn decode(reply: &[u8]) -> Message {
    Message::from_vec(reply).unwrap_or_else(|e| panic!("{e}: {reply:02x?}"))
}

pub fn text(record: &Record) -> String {
    record.to_string().to_lowercase()
}

pub fn sorted<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<String> {
    let mut texts: Vec<_> = records.into_iter().map(text).collect();
    texts.sort();
    texts
}

/// SCOPE PREFIX-LENGTH of the client subnet option.
pub fn scope(message: &Message) -> Option<u8> {
    match message.edns.as_ref()?.option(EdnsCode::Subnet)? {
        EdnsOption::Subnet(subnet) => Some(subnet.scope_prefix()),
        _ => None,
    }
}
