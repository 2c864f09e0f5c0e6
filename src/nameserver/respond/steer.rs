//! Which addresses does a balanced name have for this client?

use super::{Reply, Responder};
use crate::dns::Rcode;
use crate::dns::compose::{Composer, ExtendedError};
use crate::locate::{Client, Subnet};
use crate::model::Family;
use crate::nameserver::answer::Worker;
use crate::state::feedback::{Sample, SampleQueue};
use crate::state::zone::BalancedName;
use crate::steering::{Ask, Decision, Draw, Outcome, Recorder, decide};

impl<R: Recorder> Responder<'_, R> {
    pub(super) fn steer(
        &mut self,
        composer: &mut Composer<'_>,
        balanced: BalancedName,
        family: Family,
    ) -> Reply {
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
        let decision = decide(
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
        let scope = if client.subnet.is_some() {
            decision.scope
        } else {
            0
        };
        if decision.outcome != Outcome::Answer {
            return self.respond_in_need(composer, family, &decision, scope);
        }
        self.append_decided(composer, family, &decision);
        Reply {
            rcode: Rcode::NoError,
            scope,
            error: None,
        }
    }

    /// Where nothing that is up is answered, with the reason.
    #[cold]
    fn respond_in_need(
        &self,
        composer: &mut Composer<'_>,
        family: Family,
        decision: &Decision,
        scope: u8,
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
            scope,
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
    fn append_decided(&self, composer: &mut Composer<'_>, family: Family, decision: &Decision) {
        if self.append_addresses(composer, family, decision) && self.entry.zone.is_full {
            self.append_nameservers(composer, None, None);
        }
    }

    /// All of the decision's addresses, or none and TC, and then false.
    #[inline]
    fn append_addresses(
        &self,
        composer: &mut Composer<'_>,
        family: Family,
        decision: &Decision,
    ) -> bool {
        let mark = composer.mark();
        for &endpoint in decision.endpoints() {
            let address = self.root.pools.addresses.get(family, endpoint);
            if !composer.append_address(self.name.at, decision.ttl_s, address) {
                composer.rewind(mark);
                composer.set_truncated();
                return false;
            }
        }
        true
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
static ALL_DOWN_ANSWERED: ExtendedError = ExtendedError {
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
