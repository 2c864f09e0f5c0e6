//! One query, one answer: bytes in, bytes out.
//!
//! [`answer`] is the only engine: UDP, TCP, tests and `explain` all call it. It allocates nothing,
//! locks nothing, makes no system call and reads no clock, but to explain itself to those who may ask.

use std::net::IpAddr;
use std::sync::Arc;

use super::access::{self, NOT_ALLOWED};
use super::chaos;
use super::explaining::{self, Explainer};
use super::options::{Greeting, answer_options};
use super::respond::{Reply, Responder};
use super::unparsed::answer_unparsed;
use crate::dns::compose::{Composer, ExtendedError, OptReply};
use crate::dns::edns::{Edns, SubnetOption};
use crate::dns::parse::{Parsed, parse_any, parse_plain};
use crate::dns::placed::PlacedName;
use crate::dns::{MESSAGE_LEN_MAX, QueryName, Rcode, UDP_PAYLOAD_MIN, class, rtype};
use crate::random::Random;
use crate::state::Root;
use crate::state::feedback::{Counters, SampleQueue};
use crate::state::zone::ZoneEntry;
use crate::steering::{Recorder, cursor_count};

/// What one thread keeps between queries.
pub struct Worker {
    pub counters: Arc<Counters>,
    pub random: Random,
    /// Wall-clock time in milliseconds since the Unix epoch, as whoever received the query read it.
    pub unix_ms: u64,
    /// How long a TCP connection may stay idle, for clients that ask (RFC 7828); 0 asks them to close
    /// it. `None`: they are not told.
    pub idle_timeout_100ms: Option<u16>,
    /// Whether the last query showed by a server cookie of ours (RFC 7873) that it came from where it
    /// says.
    pub has_valid_cookie: bool,
    /// Round-robin cursors; see [`Worker::fit`].
    pub cursors: Vec<u32>,
    /// Where steered answers are reported, when somebody watches.
    pub samples: Option<Arc<SampleQueue>>,
    /// Who tells why, where that may be asked over DNS.
    pub explainer: Option<Arc<dyn Explainer>>,
    pub(super) name: QueryName,
    /// Where rotated RRsets begin; see [`Worker::turn`].
    turns: u32,
}

impl Worker {
    pub fn new(random: Random, samples: Option<Arc<SampleQueue>>) -> Self {
        Worker {
            counters: Arc::default(),
            random,
            unix_ms: 0,
            idle_timeout_100ms: None,
            has_valid_cookie: false,
            cursors: Vec::new(),
            samples,
            explainer: None,
            name: QueryName::default(),
            turns: 0,
        }
    }

    /// Which of `count` records comes first this time. Steps by the golden ratio: each comes equally often,
    /// also for who asks in a rhythm (A and AAAA in turn), as with a plain counter it would not.
    #[inline]
    pub(super) fn turn(&mut self, count: u16) -> usize {
        self.turns = self.turns.wrapping_add(0x9E37_79B9);
        ((u64::from(self.turns) * u64::from(count)) >> 32) as usize
    }

    /// Makes room for the cursors of `root`: once per new root, so that answering needs not allocate.
    pub fn fit(&mut self, root: &Root) {
        self.cursors.resize(cursor_count(&root.pools), 0);
    }
}

/// How a query came. `payload_max` is the largest UDP answer that we send, in octets; EDNS tells it
/// over TCP, too, as it is about the server (RFC 6891, 6.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Answers are cut to the client's EDNS payload size, and to ours.
    Udp { payload_max: u16 },
    /// Answers may have 65,535 octets.
    Tcp { payload_max: u16 },
}

impl Transport {
    /// Octets that an answer may have (RFC 6891, 6.2.5; RFC 1035, 4.2).
    pub(super) fn limit(self, edns: Option<&Edns>) -> usize {
        match self {
            Transport::Tcp { .. } => MESSAGE_LEN_MAX,
            Transport::Udp { payload_max } => {
                usize::from(edns.map_or(UDP_PAYLOAD_MIN, |edns| edns.payload.min(payload_max)))
            }
        }
    }

    /// The UDP payload size that we say we take.
    pub(super) fn payload(self) -> u16 {
        match self {
            Transport::Udp { payload_max } | Transport::Tcp { payload_max } => payload_max,
        }
    }
}

/// DNS Flag Day 2020's: fits every path without fragments.
pub const DEFAULT_PAYLOAD: u16 = 1232;

/// One query as received.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    pub message: &'a [u8],
    pub peer: IpAddr,
    pub transport: Transport,
}

/// Answers `query` out of `root` into `reply` and returns the answer's length, or `None` when
/// nothing may be sent (not a query, or shorter than a header).
///
/// `reply` must hold 65,535 octets for TCP, and the larger of 512 and `payload_max` for UDP.
#[inline]
pub fn answer(
    worker: &mut Worker,
    root: &Root,
    query: &Query<'_>,
    reply: &mut [u8],
) -> Option<usize> {
    answer_recorded(worker, root, query, reply, &mut ())
}

/// [`answer`], telling `recorder` every reason of what it steers.
pub fn answer_recorded<R: Recorder>(
    worker: &mut Worker,
    root: &Root,
    query: &Query<'_>,
    reply: &mut [u8],
    recorder: &mut R,
) -> Option<usize> {
    worker.counters.queries.add(1);
    worker.has_valid_cookie = false;
    let mut parsed = Parsed::default();
    let answered = if parse_plain(query.message, &mut worker.name, &mut parsed) {
        Some(answer_parsed(worker, root, query, &parsed, reply, recorder))
    } else {
        answer_odd(worker, root, query, reply, recorder)
    };
    let Some((length, rcode)) = answered else {
        worker.counters.dropped.add(1);
        return None;
    };
    worker
        .counters
        .count_answer(rcode as u16, reply[2] & 0x02 != 0);
    Some(length)
}

/// Answers what is more, or less, than a plain query; `None`: nothing may be sent.
#[cold]
fn answer_odd<R: Recorder>(
    worker: &mut Worker,
    root: &Root,
    query: &Query<'_>,
    reply: &mut [u8],
    recorder: &mut R,
) -> Option<(usize, Rcode)> {
    match parse_any(query.message, &mut worker.name) {
        Ok(parsed) => Some(answer_parsed(worker, root, query, &parsed, reply, recorder)),
        Err(error) => answer_unparsed(worker, root, query, error, reply),
    }
}

#[inline(always)]
fn answer_parsed<R: Recorder>(
    worker: &mut Worker,
    root: &Root,
    query: &Query<'_>,
    parsed: &Parsed,
    reply: &mut [u8],
    recorder: &mut R,
) -> (usize, Rcode) {
    worker.counters.count_type(parsed.qtype);
    let found = root.zones.find(&worker.name, parsed.qtype);
    let edns = parsed.edns.as_ref();
    // A zone that does not steer by client subnet treats the option as unknown.
    let is_heard = found.is_none_or(|(entry, _)| entry.zone.client_subnet);
    let subnet = edns.and_then(|edns| edns.subnet.as_ref().filter(|_| is_heard));
    let opt = edns.map(|edns| OptReply {
        payload: query.transport.payload(),
        dnssec_ok: edns.dnssec_ok,
        subnet,
    });
    let limit = query.transport.limit(edns);
    let mut composer = Composer::new(reply, query.message, parsed.question_end, limit, opt);
    let mut asking = Asking {
        worker,
        root,
        query,
        parsed,
        subnet,
        recorder,
    };
    let reply = match found {
        Some((entry, apex)) if is_plain(parsed) && entry.is_open() => {
            asking.respond(entry, apex, &mut composer)
        }
        _ => asking.respond_with_care(found, &mut composer),
    };
    let length = composer.finish(reply.rcode, reply.scope, reply.error);
    (length, reply.rcode)
}

/// Whether a query asks for nothing but records of class IN.
#[inline]
fn is_plain(parsed: &Parsed) -> bool {
    let asks_more = |edns: &Edns| edns.version > 0 || edns.asked.is_some();
    is_ordinary(parsed) && !parsed.edns.as_ref().is_some_and(asks_more)
}

/// Whether a zone may have what is asked for.
#[inline]
fn is_ordinary(parsed: &Parsed) -> bool {
    parsed.qclass == class::IN && !matches!(parsed.qtype, rtype::OPT | rtype::TKEY..=rtype::MAILA)
}

/// A query on its way to an answer.
struct Asking<'a, R> {
    worker: &'a mut Worker,
    root: &'a Root,
    query: &'a Query<'a>,
    parsed: &'a Parsed,
    subnet: Option<&'a SubnetOption>,
    recorder: &'a mut R,
}

impl<R: Recorder> Asking<'_, R> {
    /// What the zone `entry` says, whose apex is suffix `apex` of the name.
    #[inline(always)]
    fn respond(&mut self, entry: &ZoneEntry, apex: usize, composer: &mut Composer<'_>) -> Reply {
        if self.subnet.is_some() {
            self.worker.counters.client_subnet.add(1);
        }
        Responder {
            name: PlacedName::question(self.worker.name.wire().len()),
            worker: self.worker,
            root: self.root,
            entry,
            apex,
            qtype: self.parsed.qtype,
            peer: self.query.peer,
            subnet: self.subnet,
            recorder: self.recorder,
        }
        .respond(composer)
    }

    /// The same where that is not all that counts: options that ask for more, access lists, zones without
    /// data, names of no zone.
    #[inline(never)]
    fn respond_with_care(
        &mut self,
        found: Option<(&ZoneEntry, usize)>,
        composer: &mut Composer<'_>,
    ) -> Reply {
        let edns = self.parsed.edns.as_ref();
        let identity = &self.root.service.identity;
        let greeting = match edns.and_then(|edns| edns.asked) {
            Some(options) => answer_options(self.worker, identity, self.query, options, composer),
            None => Greeting::default(),
        };
        let zone = found.map(|(entry, _)| entry);
        let may_answer = is_ordinary(self.parsed)
            && edns.is_none_or(|edns| edns.version == 0)
            && greeting.refusal.is_none()
            && access::is_allowed(self.root, zone, self.query.peer);
        match found {
            Some((entry, _)) if may_answer && !entry.has_data => NO_DATA,
            Some((entry, apex)) if may_answer => match self.explain(entry, composer) {
                Some(reply) => reply,
                None => self.respond(entry, apex, composer),
            },
            None if may_answer => NOT_OURS,
            _ => self.respond_without_zone(zone, greeting, composer),
        }
    }

    /// Why a name is answered as it is, if that is what is asked for.
    fn explain(&self, entry: &ZoneEntry, composer: &mut Composer<'_>) -> Option<Reply> {
        let explainer = self.worker.explainer.as_ref();
        let explainer = explainer.filter(|_| entry.explains && self.parsed.qtype == rtype::TXT)?;
        let name = &self.worker.name;
        explaining::respond(
            self.root,
            &**explainer,
            name,
            self.query,
            self.subnet,
            composer,
        )
    }

    /// Queries that no zone can answer, or may.
    #[cold]
    fn respond_without_zone(
        &self,
        zone: Option<&ZoneEntry>,
        greeting: Greeting,
        composer: &mut Composer<'_>,
    ) -> Reply {
        let (root, parsed) = (self.root, self.parsed);
        if parsed.edns.as_ref().is_some_and(|edns| edns.version > 0) {
            return Reply::code(Rcode::BadVers);
        }
        if let Some(rcode) = greeting.refusal {
            return Reply::code(rcode);
        }
        // Zones are of class IN: names of other classes are none of theirs.
        let zone = zone.filter(|_| parsed.qclass == class::IN);
        if !access::is_allowed(root, zone, self.query.peer) {
            return Reply {
                error: Some(&NOT_ALLOWED),
                ..Reply::code(Rcode::Refused)
            };
        }
        let (rcode, error) = match (parsed.qclass, parsed.qtype) {
            // OPT is no type that records of a zone can have.
            (_, rtype::OPT) => (Rcode::FormErr, None),
            (class::IN, rtype::TKEY | rtype::TSIG | rtype::MAILA | rtype::MAILB) => {
                (Rcode::NotImp, Some(&NOT_SUPPORTED))
            }
            // AXFR and IXFR: nobody may transfer.
            (class::IN, _) => (Rcode::Refused, Some(&PROHIBITED)),
            (class::CH, qtype) => {
                let chaos = &root.service.identity.chaos;
                match chaos::respond(chaos, self.worker.name.wire(), qtype, composer) {
                    Some(reply) => return reply,
                    None => (Rcode::Refused, Some(&NOT_SUPPORTED)),
                }
            }
            _ => (Rcode::Refused, Some(&NOT_SUPPORTED)),
        };
        Reply {
            error,
            ..Reply::code(rcode)
        }
    }
}

/// The answer of a zone whose file could not be read (RFC 8914, 4.25: Invalid Data).
const NO_DATA: Reply = Reply {
    rcode: Rcode::ServFail,
    scope: 0,
    error: Some(&ExtendedError {
        code: 24,
        text: "this server could not read the zone",
    }),
};

/// RFC 8914, 4.19: Prohibited.
static PROHIBITED: ExtendedError = ExtendedError { code: 18, text: "" };
/// RFC 8914, 4.21: Not Authoritative.
const NOT_OURS: Reply = Reply {
    rcode: Rcode::Refused,
    scope: 0,
    error: Some(&ExtendedError { code: 20, text: "" }),
};
/// RFC 8914, 4.22: Not Supported.
pub(super) static NOT_SUPPORTED: ExtendedError = ExtendedError { code: 21, text: "" };
