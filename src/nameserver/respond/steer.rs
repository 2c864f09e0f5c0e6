//! Which addresses does a balanced name have for this client?

use super::chain::append_cname;
use super::decided::Decided;
use super::{Reply, Responder};
use crate::dns::compose::{Composer, ExtendedError, Section};
use crate::dns::{Rcode, rtype};
use crate::locate::{Client, Subnet};
use crate::model::{Destination, Family};
use crate::nameserver::answer::Worker;
use crate::state::feedback::{Sample, SampleQueue};
use crate::state::zone::{BalancedName, NodeId};
use crate::steering::{Ask, Decision, Draw, Outcome, Recorder, decide};

impl<R: Recorder> Responder<'_, R> {
    pub(super) fn steer(
        &mut self,
        composer: &mut Composer<'_>,
        balanced: BalancedName,
        family: Family,
    ) -> Reply {
        let decision = self.decide(balanced, family);
        if decision.outcome != Outcome::Answer {
            return self.respond_in_need(composer, family, &decision);
        }
        self.append_decided(composer, family, &decision);
        Reply {
            rcode: Rcode::NoError,
            scope: decision.scope,
            error: None,
        }
    }

    /// Whatever the type: a name that may be answered by CNAME has nothing else. `None` where it may not be.
    #[cold]
    pub(super) fn steer_to_name(
        &mut self,
        composer: &mut Composer<'_>,
        node: NodeId,
    ) -> Option<Reply> {
        let balanced = *self.entry.zone.balanced(node)?;
        let policy = self.entry.policies[usize::from(balanced.policy)];
        let policy = &self.root.pools.policies[policy.index()];
        if !policy.has_names {
            return None;
        }
        // A CNAME is the same for both.
        let family = match policy.has(Family::V4) {
            true => Family::V4,
            false => Family::V6,
        };
        let decision = self.decide(balanced, family);
        if decision.is_name || matches!(decision.outcome, Outcome::ServFail | Outcome::Refuse) {
            return Some(self.respond_in_need(composer, family, &decision));
        }
        match self.qtype {
            rtype::ANY => self.append_hinfo(composer),
            _ => self.negative(composer, decision.ttl_s),
        }
        Some(Reply {
            rcode: Rcode::NoError,
            scope: decision.scope,
            error: None,
        })
    }

    /// What becomes of the query, with the scope that the answer has: 0 where no client subnet was sent.
    #[inline(always)]
    pub(super) fn decide(&mut self, balanced: BalancedName, family: Family) -> Decision {
        let client = self.client();
        let ask = Ask {
            policy: self.entry.policies[usize::from(balanced.policy)],
            family,
            answers: balanced.answers,
            ttl: balanced.ttl,
        };
        let Worker {
            random, cursors, ..
        } = &mut *self.worker;
        let mut decision = decide(
            self.root,
            &ask,
            &client,
            &mut Draw { random, cursors },
            self.recorder,
        );
        self.worker.counters.balanced.add(1);
        if let Some(samples) = &self.worker.samples {
            self.sample(samples, &client, &decision);
        }
        if client.subnet.is_none() {
            decision.scope = 0;
        }
        decision
    }

    /// Where nothing that is up is answered, with the reason.
    #[cold]
    fn respond_in_need(
        &mut self,
        composer: &mut Composer<'_>,
        family: Family,
        decision: &Decision,
    ) -> Reply {
        let (rcode, error) = match decision.outcome {
            Outcome::Answer | Outcome::NoFamily => (Rcode::NoError, None),
            Outcome::AnswerAllDown => (Rcode::NoError, Some(&ALL_DOWN_ANSWERED)),
            Outcome::NoData => (Rcode::NoError, Some(&FAMILY_DOWN)),
            Outcome::NoDataAllDown => (Rcode::NoError, Some(&ALL_DOWN_EMPTY)),
            Outcome::ServFail => (Rcode::ServFail, Some(&ALL_DOWN_EMPTY)),
            Outcome::Refuse => (Rcode::Refused, Some(&ALL_DOWN_EMPTY)),
        };
        if !decision.endpoints().is_empty() {
            self.append_decided(composer, family, decision);
        } else if rcode == Rcode::NoError {
            self.negative(composer, decision.ttl_s);
        }
        Reply {
            rcode,
            scope: decision.scope,
            error,
        }
    }

    /// Who asks. SOURCE 0 asks for privacy: the resolver's address serves (RFC 7871, 7.1.2).
    #[inline]
    fn client(&self) -> Client {
        let subnet = self
            .subnet
            .filter(|subnet| subnet.source > 0)
            .map(|subnet| Subnet {
                address: subnet.address,
                source: subnet.source,
            });
        Client {
            subnet,
            resolver: self.peer,
        }
    }

    /// The decision's addresses, and what comes along with them in this zone.
    #[inline]
    fn append_decided(&mut self, composer: &mut Composer<'_>, family: Family, decision: &Decision) {
        let (section, owner) = (Section::Answer, self.name.at);
        let fits = match decision.is_name {
            false => self.append_addresses(composer, section, owner, family, decision),
            true => self.append_name(composer, decision),
        };
        if !fits {
            composer.set_truncated();
        } else if self.entry.zone.is_full {
            self.append_nameservers(composer, None, None, &mut Decided::default());
        }
    }

    /// All of the decision's addresses, or none when they do not fit, and then false.
    #[inline]
    pub(super) fn append_addresses(
        &self,
        composer: &mut Composer<'_>,
        section: Section,
        owner: u16,
        family: Family,
        decision: &Decision,
    ) -> bool {
        let mark = composer.mark();
        for &endpoint in decision.endpoints() {
            let address = self.root.pools.addresses.get(family, endpoint);
            if !composer.append_address(section, owner, decision.ttl_s, address) {
                composer.rewind(mark);
                return false;
            }
        }
        true
    }

    /// The CNAME that leads to the other name; false when it does not fit. A chain of names is not followed from there: the
    /// answer is for this client, and what comes after it may be for others (RFC 7871, 7.2.1).
    #[cold]
    fn append_name(&self, composer: &mut Composer<'_>, decision: &Decision) -> bool {
        let pools = &self.root.pools;
        let mut endpoints = decision.endpoints().iter();
        let destination = endpoints
            .next()
            .map(|id| &pools.endpoints[id.index()].destination);
        let Some(Destination::Name(name)) = destination else {
            return false;
        };
        let (owner, ttl) = (self.name.at, decision.ttl_s.to_be_bytes());
        append_cname(composer, owner, &ttl, &[], name.as_wire())
    }

    #[cold]
    fn sample(&self, samples: &SampleQueue, client: &Client, decision: &Decision) {
        let (network, source_prefix) = match client.subnet {
            Some(subnet) => (subnet.address, subnet.source),
            None => (client.resolver, Family::of(&client.resolver).bits()),
        };
        let sample = Sample {
            root_generation: self.root.generation,
            network,
            source_prefix,
            from_client_subnet: client.subnet.is_some(),
            scope: decision.scope,
            endpoint: decision.endpoints().first().copied(),
            ttl_s: decision.ttl_s,
        };
        if !samples.offer(sample) {
            self.worker.counters.samples_dropped.add(1);
        }
    }
}

/// RFC 8914, 4.1 ("Other"): none of the registered codes says that steering fails open or closed.
pub(super) static ALL_DOWN_ANSWERED: ExtendedError = ExtendedError {
    code: 0,
    text: "no endpoint for this query is up: answered all the same",
};
static ALL_DOWN_EMPTY: ExtendedError = ExtendedError {
    code: 0,
    text: "no endpoint for this query is up",
};
static FAMILY_DOWN: ExtendedError = ExtendedError {
    code: 0,
    text: "no address of this family is up for this client",
};
