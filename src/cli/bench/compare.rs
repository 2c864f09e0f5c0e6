//! Compares answers with what `explain` says of the same query.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use serde::Serialize;

use super::samples::Sample;
use crate::admin::explain::{Answer, Explanation, Question};
use crate::admin::record::decode;
use crate::cli::explain::explanation;
use crate::dns::mnemonic::TypeName;
use crate::dns::parse::{parse, skip_name};
use crate::dns::{HEADER_LEN, Name, QueryName};

/// What comparing came to.
#[derive(Debug, Default, Serialize)]
pub struct Comparison {
    pub compared: usize,
    pub mismatches: usize,
    /// The first few, in words.
    pub shown: Vec<String>,
}

const SHOWN_MAX: usize = 10;

/// What explain draws at once to learn which addresses come first, and how often it is asked again for a
/// record that none of them was.
const DRAWS: u32 = 10_000;
const TRIES: usize = 50;

impl Comparison {
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} answers compared with explain, {} differ",
            self.compared, self.mismatches
        );
        for mismatch in &self.shown {
            text += &format!("\n{:11}{mismatch}", "");
        }
        text
    }
}

/// Whether explain can be asked at all, to be told before the load and not after it.
///
/// # Errors
/// In words, if not.
pub async fn can_ask(config: Option<&Path>) -> Result<(), String> {
    let question = Question {
        name: ".".to_owned(),
        rtype: "SOA".to_owned(),
        client: None,
        resolver: None,
        clients: 0,
        seed: None,
    };
    explanation(config, &question).await.map(drop)
}

/// Asks the server of `config` (or the one that runs) about each sample. `source` tells from which
/// address a socket's queries came.
///
/// # Errors
/// In words, when it cannot be asked.
pub async fn compare(
    samples: Vec<Sample>,
    config: Option<&Path>,
    source: impl Fn(usize) -> IpAddr,
) -> Result<Comparison, String> {
    let mut comparison = Comparison::default();
    // Explain answers as over TCP, where nothing is cut off.
    let whole = samples.iter().filter(|sample| !is_truncated(&sample.reply));
    for sample in whole {
        let question = question(&sample.query, source(sample.link))
            .ok_or("a query of this program's does not parse")?;
        comparison.compared += 1;
        if let Some(difference) = difference(&sample.reply, &question, config).await? {
            comparison.mismatches += 1;
            if comparison.shown.len() < SHOWN_MAX {
                let subnet = question
                    .client
                    .map_or_else(String::new, |net| format!(" {net}"));
                let (name, rtype) = (&question.name, &question.rtype);
                comparison
                    .shown
                    .push(format!("{name} {rtype}{subnet}: {difference}"));
            }
        }
    }
    Ok(comparison)
}

fn is_truncated(reply: &[u8]) -> bool {
    reply.get(2).is_some_and(|flags| flags & 0x02 != 0)
}

/// The same query, as explain is asked.
fn question(query: &[u8], source: IpAddr) -> Option<Question> {
    let parsed = parse(query, &mut QueryName::default()).ok()?;
    let name_end = skip_name(query, HEADER_LEN)?;
    let subnet = parsed.edns.and_then(|edns| edns.subnet);
    Some(Question {
        name: Name::from_wire(&query[HEADER_LEN..name_end])
            .ok()?
            .to_string(),
        rtype: TypeName(parsed.qtype).to_string(),
        client: subnet.and_then(|subnet| IpNet::new(subnet.address, subnet.source).ok()),
        resolver: Some(source),
        clients: DRAWS,
        seed: None,
    })
}

/// How the reply differs from all that explain has drawn. Draws are random, so it is asked until all
/// records of the reply have been seen.
async fn difference(
    reply: &[u8],
    question: &Question,
    config: Option<&Path>,
) -> Result<Option<String>, String> {
    let Some(answer) = decode(reply) else {
        return Ok(Some("the answer does not parse".to_owned()));
    };
    let mut question = question.clone();
    let mut missing: HashSet<String> = answer
        .records
        .iter()
        .filter_map(|record| data(record))
        .collect();
    for _ in 0..TRIES {
        let explained = explanation(config, &question).await?;
        if let Some(difference) = whole_difference(&answer, &explained.answer) {
            return Ok(Some(difference));
        }
        for seen in drawn(&explained) {
            missing.remove(&seen);
        }
        if missing.is_empty() {
            return Ok(None);
        }
        question.clients = 0;
    }
    let missing: Vec<_> = missing.into_iter().collect();
    Ok(Some(format!(
        "explain never answers {}",
        missing.join(", ")
    )))
}

/// What does not depend on draws.
fn whole_difference(answer: &Answer, explained: &Answer) -> Option<String> {
    let of = |answer: &Answer| {
        let scope = answer
            .scope
            .map_or_else(String::new, |scope| format!(" scope /{scope}"));
        let records = answer.records.len();
        format!("{} {records} records{scope}", answer.rcode)
    };
    let (found, expected) = (of(answer), of(explained));
    (found != expected).then(|| format!("{found} instead of {expected}"))
}

/// The data of the records that explain has drawn.
fn drawn(explained: &Explanation) -> impl Iterator<Item = String> {
    let records = explained
        .answer
        .records
        .iter()
        .filter_map(|record| data(record));
    records.chain(
        explained
            .distribution
            .iter()
            .map(|share| share.answer.clone()),
    )
}

/// Of `owner ttl IN TYPE data`.
fn data(record: &str) -> Option<String> {
    record.splitn(5, ' ').nth(4).map(str::to_owned)
}
