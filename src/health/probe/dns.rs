//! The DNS probe: a query over UDP or TCP, and what must be answered.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::DNSClass;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::datagram;
use super::deadline::Deadline;
use super::{Ask, Asking, Outcome, dial};
use crate::config::{DnsProbe, Way};
use crate::dns::rcode_mnemonic;
use crate::health::failure::{Failure, Step};
use crate::random::Random;

/// Recursion desired, so that resolvers can be asked, too; one question.
const HEADER: [u8; 10] = [1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const CLASS_IN: u16 = 1;
/// Octets of an answer over UDP, which has 512 at most where nothing is said of more (RFC 1035, 4.2.1).
const ANSWER_MAX: usize = 4096;
/// Datagrams that are no answers to the query, until no more are waited for.
const STRAY_MAX: usize = 16;

/// Asks one address over DNS.
#[derive(Debug)]
pub struct DnsAsker {
    address: SocketAddr,
    timeout: Duration,
    probe: DnsProbe,
    random: Random,
}

impl DnsAsker {
    pub fn new(address: SocketAddr, timeout: Duration, probe: DnsProbe) -> Self {
        let random = Random::from_os();
        DnsAsker {
            address,
            timeout,
            probe,
            random,
        }
    }

    async fn attempt(&mut self) -> Outcome {
        let deadline = Deadline::new(self.timeout);
        let id = self.random.next_u64() as u16;
        let query = query(&self.probe, id);
        let answer = match self.probe.over_tcp {
            true => self.over_tcp(id, &query, &deadline).await?,
            false => self.over_udp(id, &query, &deadline).await?,
        };
        judge(&self.probe, &answer)
    }

    async fn over_udp(
        &self,
        id: u16,
        query: &[u8],
        deadline: &Deadline,
    ) -> Result<Message, Failure> {
        let connecting = datagram::connect(self.probe.source, self.address);
        let socket = deadline.io(Step::Connection, connecting).await?;
        deadline.io(Step::Answer, socket.send(query)).await?;
        let mut datagram = [0; ANSWER_MAX];
        for _ in 0..STRAY_MAX {
            let receiving = socket.recv(&mut datagram);
            let length = deadline.io(Step::Answer, receiving).await?;
            // What is no answer to this may be somebody's guess, and the answer may still come.
            if let Ok(message) = answer_to(&self.probe, id, &datagram[..length]) {
                return Ok(message);
            }
        }
        Err(Failure::protocol("what came was not to the query"))
    }

    async fn over_tcp(
        &self,
        id: u16,
        query: &[u8],
        deadline: &Deadline,
    ) -> Result<Message, Failure> {
        let way = Way {
            source: self.probe.source,
            proxy_protocol: None,
        };
        let mut stream = dial::connect(self.address, &way, deadline).await?;
        let framed = [&(query.len() as u16).to_be_bytes(), query].concat();
        let sending = stream.write_all(&framed);
        deadline.io(Step::Answer, sending).await?;
        let length = deadline.io(Step::Answer, stream.read_u16()).await?;
        let mut message = vec![0; usize::from(length)];
        let reading = stream.read_exact(&mut message);
        deadline.io(Step::Answer, reading).await?;
        answer_to(&self.probe, id, &message).map_err(|why| Failure::protocol(&why))
    }
}

impl Ask for DnsAsker {
    fn ask(&mut self) -> Asking<'_> {
        Box::pin(self.attempt())
    }
}

fn query(probe: &DnsProbe, id: u16) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend_from_slice(&HEADER);
    query.extend_from_slice(probe.name.as_wire());
    query.extend_from_slice(&probe.rtype.to_be_bytes());
    query.extend_from_slice(&CLASS_IN.to_be_bytes());
    query
}

/// The message, if it answers this query; or why not.
fn answer_to(probe: &DnsProbe, id: u16, octets: &[u8]) -> Result<Message, String> {
    let message = Message::from_vec(octets).map_err(|error| error.to_string())?;
    let head = &message.metadata;
    if head.id != id || head.message_type != MessageType::Response {
        return Err("not to the query".into());
    }
    let [question] = message.queries.as_slice() else {
        // Who cannot read a query, or will not, may answer without it (RFC 1035, 4.1.1).
        let says_error = u16::from(head.response_code) != 0 && message.queries.is_empty();
        return match says_error {
            true => Ok(message),
            false => Err("not to the question".into()),
        };
    };
    let labels = probe.name.labels().map(<[u8]>::to_ascii_lowercase);
    let is_it = question
        .name()
        .iter()
        .map(<[u8]>::to_ascii_lowercase)
        .eq(labels)
        && u16::from(question.query_type()) == probe.rtype
        && question.query_class() == DNSClass::IN;
    match is_it {
        true => Ok(message),
        false => Err("not to the question".into()),
    }
}

fn judge(probe: &DnsProbe, message: &Message) -> Outcome {
    let rcode = u16::from(message.metadata.response_code);
    if rcode != probe.rcode {
        let found = rcode_mnemonic(rcode);
        return Err(Failure::Rcode(found));
    }
    let Some(wanted) = &probe.answer else {
        return Ok(());
    };
    let mut answers = message.answers.iter();
    let is_it = |text: String| text.eq_ignore_ascii_case(wanted);
    let found = answers.any(|record| {
        u16::from(record.record_type()) == probe.rtype && is_it(record.data.to_string())
    });
    match (found, message.metadata.truncation) {
        (true, _) => Ok(()),
        (false, true) => Err(Failure::protocol(
            "it is truncated: ask with `over = \"tcp\"`",
        )),
        (false, false) => Err(Failure::NotAmongAnswers {
            expected: wanted.clone(),
            answers: message.answers.len(),
        }),
    }
}
