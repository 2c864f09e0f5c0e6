//! Queries, ready-made: what is sent is copied, and gets an id.

use ipnet::IpNet;

use super::clients;
use super::queries::Question;
use crate::dns::{HEADER_LEN, Name, query};
use crate::random::Random;

/// The UDP payload size that queries announce: 1232, as resolvers do (RFC 9715, 3.2).
const PAYLOAD: u16 = 1232;

/// All queries, those of equal length side by side: only equal lengths go out in one burst.
pub struct Replay {
    octets: Vec<u8>,
    classes: Vec<Class>,
    count: u32,
    random: Random,
}

/// The queries of one length, in random order.
#[derive(Clone, Copy, Debug)]
struct Class {
    len: usize,
    count: u32,
    /// Where the first one stands.
    at: usize,
    /// The next one that is sent.
    next: u32,
}

/// Where a query stands, to compare its answer with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    at: u32,
    len: u16,
}

impl Replay {
    /// One query at least for each question and for each subnet, paired at random. Without EDNS there
    /// can be no subnets.
    pub fn new(
        questions: &[Question],
        subnets: &[IpNet],
        with_edns: bool,
        mut random: Random,
    ) -> Self {
        let count = questions.len().max(subnets.len());
        let mut pick = |i: usize, of: usize| {
            let other = random.below(of as u32) as usize;
            if i < of { i } else { other }
        };
        let mut messages: Vec<Vec<u8>> = (0..count)
            .map(|i| {
                let (name, qtype) = &questions[pick(i, questions.len())];
                let subnet = (!subnets.is_empty()).then(|| subnets[pick(i, subnets.len())]);
                compose(name, *qtype, subnet, with_edns)
            })
            .collect();
        shuffle(&mut messages, &mut random);
        // Stable, so that each class keeps the random order.
        messages.sort_by_key(Vec::len);
        let mut classes: Vec<Class> = Vec::new();
        let mut octets = Vec::new();
        for message in messages {
            let len = message.len();
            match classes.last_mut().filter(|class| class.len == len) {
                Some(class) => class.count += 1,
                None => classes.push(Class {
                    len,
                    count: 1,
                    at: octets.len(),
                    next: 0,
                }),
            }
            octets.extend(message);
        }
        Replay {
            octets,
            classes,
            count: count as u32,
            random,
        }
    }

    /// Appends the next `count` queries to `burst`, all of one length, and tells each one's place.
    /// Returns the length.
    pub fn next(
        &mut self,
        count: usize,
        burst: &mut Vec<u8>,
        mut tell: impl FnMut(Place),
    ) -> usize {
        // In proportion to how many they are, so that each query is as likely as any other.
        let mut drawn = self.random.below(self.count);
        let mut at = 0;
        while drawn >= self.classes[at].count {
            drawn -= self.classes[at].count;
            at += 1;
        }
        let class = &mut self.classes[at];
        for _ in 0..count {
            let start = class.at + class.len * class.next as usize;
            burst.extend_from_slice(&self.octets[start..start + class.len]);
            tell(Place {
                at: start as u32,
                len: class.len as u16,
            });
            class.next = if class.next + 1 == class.count {
                0
            } else {
                class.next + 1
            };
        }
        class.len
    }

    /// The query that stands there; its id is 0.
    pub fn query(&self, place: Place) -> &[u8] {
        let start = place.at as usize;
        &self.octets[start..start + usize::from(place.len)]
    }
}

fn compose(name: &Name, qtype: u16, subnet: Option<IpNet>, with_edns: bool) -> Vec<u8> {
    if !with_edns {
        return query::compose(0, name, qtype, None);
    }
    let mut message = query::compose_edns(0, name, qtype, subnet.map(clients::as_option));
    // After the question: the root as owner, the type, and then the payload size.
    let payload_at = HEADER_LEN + name.as_wire().len() + 4 + 3;
    message[payload_at..payload_at + 2].copy_from_slice(&PAYLOAD.to_be_bytes());
    message
}

/// Fisher and Yates.
fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for last in (1..items.len()).rev() {
        items.swap(last, random.below(last as u32 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::dns::parse::parse;
    use crate::dns::{QueryName, rtype};

    fn replay(names: &[&str], subnets: &[&str]) -> Replay {
        let questions: Vec<_> = names
            .iter()
            .map(|name| (Name::parse(name).unwrap(), rtype::A))
            .collect();
        let subnets: Vec<_> = subnets.iter().map(|net| net.parse().unwrap()).collect();
        Replay::new(&questions, &subnets, true, Random::from_seed(1))
    }

    #[test]
    fn a_burst_has_one_length_and_every_query_its_share() {
        let mut replay = replay(&["a.e", "b.e", "c.e", "dd.e"], &[]);
        let mut counts: HashMap<String, u32> = HashMap::new();
        for _ in 0..10_000 {
            let (mut burst, mut places) = (Vec::new(), Vec::new());
            let len = replay.next(4, &mut burst, |place| places.push(place));
            assert_eq!((burst.len(), places.len()), (4 * len, 4));
            for (message, place) in burst.chunks(len).zip(places) {
                assert_eq!(message, replay.query(place));
                let mut name = QueryName::default();
                assert_eq!(parse(message, &mut name).unwrap().qtype, rtype::A);
                let text = Name::from_wire(name.wire()).unwrap().to_string();
                *counts.entry(text).or_default() += 1;
            }
        }
        assert_eq!(counts.len(), 4);
        assert!(
            counts.values().all(|n| (9_000..11_000).contains(n)),
            "{counts:?}"
        );
    }

    #[test]
    fn every_name_and_every_subnet_is_asked_for() {
        let subnets = ["193.0.0.0/24", "8.8.8.0/24", "2001:db8::/56"];
        let replay = replay(&["a.e", "b.e"], &subnets);
        let mut seen = Vec::new();
        for class in &replay.classes {
            for i in 0..class.count {
                let place = Place {
                    at: (class.at + class.len * i as usize) as u32,
                    len: class.len as u16,
                };
                let parsed = parse(replay.query(place), &mut QueryName::default()).unwrap();
                let edns = parsed.edns.unwrap();
                assert_eq!(edns.payload, PAYLOAD);
                let subnet = edns.subnet.unwrap();
                seen.push(format!("{}/{}", subnet.address, subnet.source));
            }
        }
        seen.sort();
        assert_eq!(seen, ["193.0.0.0/24", "2001:db8::/56", "8.8.8.0/24"]);
    }
}
