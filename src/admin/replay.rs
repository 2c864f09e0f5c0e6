//! What recorded queries are answered: the answer engine, asked for each of them.

use std::net::IpAddr;

use super::record::decode;
use crate::dns::parse::parse;
use crate::dns::{MESSAGE_LEN_MAX, Name, QueryName};
use crate::model::RegionId;
use crate::nameserver::answer::{DEFAULT_PAYLOAD, Query, Transport, Worker, answer_recorded};
use crate::random::Random;
use crate::state::Root;
use crate::steering::{Recorder, Step};

/// Answers out of one root, as a thread that serves would.
pub struct Replay<'a> {
    root: &'a Root,
    worker: Worker,
    name: QueryName,
    reply: Vec<u8>,
}

/// What became of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The name, in lower case, and the type that was asked for; none of what is no proper query.
    pub question: Option<(Name, u16)>,
    /// "NOERROR", "NXDOMAIN", …; none where nothing is answered.
    pub rcode: Option<String>,
    /// Where it was steered to.
    pub region: Option<RegionId>,
    /// The data of the first record.
    pub first: Option<String>,
}

impl<'a> Replay<'a> {
    /// Equal seeds make equal draws.
    pub fn new(root: &'a Root, seed: u64) -> Self {
        let mut worker = Worker::new(Random::from_seed(seed), None);
        worker.fit(root);
        Replay {
            root,
            worker,
            name: QueryName::default(),
            reply: vec![0; MESSAGE_LEN_MAX],
        }
    }

    /// Answers a message as if it came from `peer`, with room for everything.
    pub fn answer(&mut self, message: &[u8], peer: IpAddr) -> Replayed {
        let query = Query {
            message,
            peer,
            transport: Transport::Tcp {
                payload_max: DEFAULT_PAYLOAD,
            },
        };
        let mut steered = Steered {
            root: self.root,
            region: None,
        };
        let (worker, reply) = (&mut self.worker, &mut self.reply);
        let len = answer_recorded(worker, self.root, &query, reply, &mut steered);
        let answer = len.and_then(|len| decode(&self.reply[..len]));
        let parsed = parse(message, &mut self.name);
        let question = parsed.ok().and_then(|parsed| {
            let name = Name::from_wire(self.name.wire()).ok()?;
            Some((name, parsed.qtype))
        });
        Replayed {
            question,
            region: steered.region,
            rcode: answer.as_ref().map(|answer| answer.rcode.clone()),
            first: answer.and_then(|answer| answer.first),
        }
    }
}

/// Remembers where a query was steered to.
struct Steered<'a> {
    root: &'a Root,
    region: Option<RegionId>,
}

impl Recorder for Steered<'_> {
    fn record(&mut self, step: impl FnOnce() -> Step) {
        if let Step::Drawn { pool, .. } = step() {
            self.region = Some(self.root.pools.pools[pool.index()].region);
        }
    }
}
