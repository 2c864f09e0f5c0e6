//! What did steering choose for names beside the one that was asked for?

use super::Responder;
use crate::dns::compose::{Composer, Section};
use crate::dns::rtype;
use crate::model::{EndpointId, Family};
use crate::random::Random;
use crate::state::zone::{BalancedName, Found, NodeId};
use crate::steering::{Decision, Outcome, Recorder, Step};

/// Balanced names of one answer whose addresses are chosen beside what was asked for; those past it get
/// none. So an answer costs no more than so many decisions of each family.
const NAMES_MAX: usize = 8;

/// The decisions of one answer: one for each name and family, wherever in the answer it is needed.
#[derive(Default)]
pub(super) struct Decided {
    /// Nothing as long as nothing is needed, as in most answers.
    names: Option<[Option<Both>; NAMES_MAX]>,
}

/// The decisions for one balanced name.
#[derive(Clone, Copy)]
pub(super) struct Both {
    node: NodeId,
    by_family: [Decision; 2],
}

impl Both {
    fn of(&self, family: Family) -> &Decision {
        &self.by_family[family as usize]
    }

    /// The endpoints of a family that have addresses: none where another name is answered.
    pub fn addresses(&self, family: Family) -> &[EndpointId] {
        let decision = self.of(family);
        match decision.is_name {
            false => decision.endpoints(),
            true => &[],
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Decision> {
        self.by_family.iter()
    }
}

impl<R: Recorder> Responder<'_, R> {
    /// The decisions for a name, made when they are first needed; none where the name is not balanced, or
    /// one too many.
    pub(super) fn decided(&mut self, decided: &mut Decided, node: NodeId) -> Option<Both> {
        let balanced = *self.entry.zone.balanced(node)?;
        let is_its = |known: &Option<Both>| known.is_none_or(|known| known.node == node);
        let names = decided.names.get_or_insert_default();
        let place = names.iter_mut().find(|known| is_its(known))?;
        Some(*place.get_or_insert_with(|| self.decide_both(node, balanced)))
    }

    /// Both families with the same dice, so that both come from one pool wherever chance or the client
    /// decides and the pool has both up.
    #[inline(never)]
    fn decide_both(&mut self, node: NodeId, balanced: BalancedName) -> Both {
        let seed = self.worker.random.next_u64();
        let by_family = Family::BOTH.map(|family| {
            let zone = &self.entry.zone;
            self.recorder.record(|| Step::Addresses {
                name: zone.name(node).map(|n| n.to_string()).unwrap_or_default(),
                family,
            });
            let after = std::mem::replace(&mut self.worker.random, Random::from_seed(seed));
            let decision = self.decide(balanced, family);
            self.worker.random = after;
            decision
        });
        Both { node, by_family }
    }

    /// The addresses that a balanced name has for this client to the additional section, as far as they
    /// are up; false when not all of them fit. That section has no scope, so that nobody's client subnet
    /// may show in it (RFC 7871, 7.4); a query without one is answered for its resolver.
    #[inline(never)]
    pub(super) fn append_steered(
        &mut self,
        composer: &mut Composer<'_>,
        node: NodeId,
        owner: u16,
        decided: &mut Decided,
    ) -> bool {
        if self.subnet.is_some() {
            return true;
        }
        let Some(both) = self.decided(decided, node) else {
            return true;
        };
        let mut fit = true;
        for family in Family::BOTH {
            let decision = both.of(family);
            let is_up = decision.outcome == Outcome::Answer && !decision.is_name;
            if is_up && !self.is_answered(node, family) {
                fit &=
                    self.append_addresses(composer, Section::Additional, owner, family, decision);
            }
        }
        fit
    }

    /// Whether the answer is about just these addresses.
    fn is_answered(&self, node: NodeId, family: Family) -> bool {
        let rtype = match family {
            Family::V4 => rtype::A,
            Family::V6 => rtype::AAAA,
        };
        let found = || self.entry.zone.find(&self.worker.name, self.apex);
        self.qtype == rtype && found() == Found::Node(node)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hickory_proto::op::Message;

    use super::*;
    use crate::dns::{Name, query};
    use crate::nameserver::answer::{Query, Transport, Worker, answer};
    use crate::nameserver::tests::root;

    const CONFIG: &str = "[region.eu]\nlocation = [50.0, 8.0]\n\
        [pool.eu]\nregion = \"eu\"\nbalance = \"round-robin\"\n\
        endpoints = [\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\", \"2001:db8::1\"]\n\
        [policy.p]\nfailover = [\"eu\"]\n\
        [zone.\"example.com\"]\nfile = \"zone\"\nresponses = \"full\"\n\
        [zone.\"example.com\".balanced]\n\"*\" = { policy = \"p\" }\n";
    const HEAD: &str = "$TTL 60\n@ SOA ns hostmaster 1 7200 1800 1209600 60\n";

    /// The answer, and how many names steering decided for, both families counted.
    fn ask(names: &[&str], records: &str, name: &str, rtype: u16) -> (Message, u64) {
        let balanced: String = names
            .iter()
            .map(|name| format!("{name} = {{ policy = \"p\", answers = 1 }}\n"))
            .collect();
        let zone = format!("{HEAD}{records}");
        let root = root(&format!("{CONFIG}{balanced}"), &[("zone", &zone)]);
        let name = Name::parse(&format!("{name}.example.com")).unwrap();
        let message = query::compose(0, &name, rtype, None);
        let asked = Query {
            message: &message,
            peer: IpAddr::from([192, 0, 2, 53]),
            transport: Transport::Tcp { payload_max: 1232 },
        };
        let mut worker = Worker::new(Random::from_seed(1), None);
        worker.fit(&root);
        let mut reply = vec![0; 65_535];
        let len = answer(&mut worker, &root, &asked, &mut reply).unwrap();
        let decisions = worker.counters.balanced.get();
        (Message::from_vec(&reply[..len]).unwrap(), decisions)
    }

    fn additional(message: &Message) -> Vec<String> {
        let lines = message.additionals.iter().map(|record| record.to_string());
        lines.collect()
    }

    #[test]
    fn a_name_is_decided_once_in_an_answer() {
        let records = "@ NS www\nsvc HTTPS 1 www\nsvc HTTPS 2 www port=1\nsvc HTTPS 3 www port=2\n";
        let (message, decisions) = ask(&["www"], records, "svc", rtype::HTTPS);
        assert_eq!(decisions, 2);
        let hints = message.answers.iter().map(|record| {
            let text = record.to_string();
            text.split_once("ipv4hint=").expect("a hint").1.to_owned()
        });
        let hints: Vec<_> = hints.collect();
        assert_eq!(hints.len(), 3);
        assert!(hints.iter().all(|hint| *hint == hints[0]), "{hints:?}");
        // The same as hint, for the host of the service, and for the nameserver, which is that.
        let added = additional(&message);
        assert_eq!(added.len(), 2, "{added:?}");
        let address = added[0].rsplit(' ').next().unwrap();
        assert!(hints[0].starts_with(address), "{added:?}");
    }

    #[test]
    fn what_is_asked_for_is_not_decided_again() {
        let (message, decisions) = ask(&["www"], "@ NS www\n", "www", rtype::A);
        assert_eq!((message.answers.len(), decisions), (1, 3));
        assert_eq!(
            additional(&message),
            ["www.example.com. 30 IN AAAA 2001:db8::1"]
        );
    }

    #[test]
    fn an_answer_costs_no_more_than_so_many_decisions() {
        let names: Vec<String> = (0..2 * NAMES_MAX).map(|n| format!("n{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let records: String = names.iter().map(|n| format!("all HTTPS 1 {n}\n")).collect();
        let records = format!("@ NS ns.example.net.\n{records}");
        let (message, decisions) = ask(&names, &records, "all", rtype::HTTPS);
        assert_eq!(message.answers.len(), 2 * NAMES_MAX);
        assert_eq!(decisions, 2 * NAMES_MAX as u64);
        assert_eq!(message.additionals.len(), 2 * NAMES_MAX);
        let has_hint = |record: &&hickory_proto::rr::Record| record.to_string().contains("hint=");
        let hinted = message.answers.iter().filter(has_hint).count();
        assert_eq!(hinted, NAMES_MAX);
    }
}
