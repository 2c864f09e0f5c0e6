//! Does `explain` tell the answer that is sent?

use std::net::IpAddr;

use hickory_proto::op::Message;
use hickory_proto::rr::{RData, Record};
use ipnet::IpNet;
use meridian::admin::explain::{Believed, Line, Question, explain};
use meridian::dns::{MESSAGE_LEN_MAX, Name, query, rcode_mnemonic};
use meridian::nameserver::answer::{Query, Worker, answer};
use meridian::random::Random;
use meridian::state::Root;
use proptest::prelude::*;

use crate::configurations::{balanced_question, configuration, shares};
use crate::engine::{RESOLVER, TCP, decode, destination, scope};

fn sent(
    root: &Root,
    name: &str,
    rtype: u16,
    client: Option<IpNet>,
    peer: IpAddr,
    seed: u64,
) -> Message {
    let subnet = client.map(|net| (net.addr(), net.prefix_len()));
    let message = query::compose(9, &Name::parse(name).unwrap(), rtype, subnet);
    let mut worker = Worker::new(Random::from_seed(seed), None);
    worker.fit(root);
    let query = Query {
        message: &message,
        peer,
        transport: TCP,
    };
    let mut reply = vec![0; MESSAGE_LEN_MAX];
    let len = answer(&mut worker, root, &query, &mut reply).unwrap();
    decode(&reply[..len])
}

/// As hickory-proto has them; it writes strings without quotes.
fn texts(records: &[Record]) -> Vec<String> {
    let quoted = |text: &[u8]| format!("\"{}\"", String::from_utf8_lossy(text));
    let text = |record: &Record| {
        let strings: Vec<_> = match &record.data {
            RData::HINFO(host) => vec![quoted(&host.cpu), quoted(&host.os)],
            RData::TXT(text) => text.txt_data.iter().map(|text| quoted(text)).collect(),
            _ => return record.to_string(),
        };
        let (name, rtype) = (&record.name, record.record_type());
        format!("{name} {} IN {rtype} {}", record.ttl, strings.join(" "))
    };
    records.iter().map(text).collect()
}

fn client() -> impl Strategy<Value = Option<(u32, u8)>> {
    prop::option::of((0x1400_0000..0x1500_0000u32, 8..=32u8))
}

/// Whether a step that tells a TTL or a scope tells those of `sent`.
fn holds(line: &Line, sent: &Message) -> bool {
    let number = |text: &str| {
        text.split([' ', ','])
            .next()
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    match line.step.as_str() {
        "scope" => {
            let told = number(line.text.strip_prefix('/').unwrap());
            scope(sent).map(u32::from) == Some(told)
        }
        "ttl" => match line.text.strip_prefix("at most ") {
            Some(text) => sent.authorities.iter().all(|soa| soa.ttl <= number(text)),
            // Static CNAMEs before what is steered have their own.
            None => {
                let mut steered = sent.answers.iter().filter(|it| destination(it).is_some());
                steered.all(|it| it.ttl == number(&line.text))
            }
        },
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_explained_answer_is_the_one_that_is_sent(
        configuration in configuration(), (name, rtype) in balanced_question(), client in client(),
        shares in shares(), seed: u64,
    ) {
        let root = configuration.root_of(&configuration.verdicts, &shares);
        let client = client.map(|(address, source)| IpNet::new(std::net::Ipv4Addr::from(address).into(), source).unwrap());
        let question = Question {
            name: name.to_string(),
            rtype: rtype.to_string(),
            client,
            resolver: Some(RESOLVER),
            clients: 0,
            seed: Some(seed),
        };
        let believed = Believed::default();
        let explanation = explain(&root, &configuration.world, &believed, &question).unwrap();
        let sent = sent(&root, &question.name, rtype.into(), client, RESOLVER, seed);
        for line in &explanation.steps {
            prop_assert!(holds(line, &sent), "{line:?}");
        }
        let explained = explanation.answer;
        prop_assert_eq!(explained.rcode, rcode_mnemonic(sent.metadata.response_code.into()));
        prop_assert_eq!(explained.authoritative, sent.metadata.authoritative);
        prop_assert_eq!(explained.records, texts(&sent.answers));
        prop_assert_eq!(explained.authority, texts(&sent.authorities));
        prop_assert_eq!(explained.scope, scope(&sent));
    }
}
