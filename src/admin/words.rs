//! Steps of a decision in words.

use super::Overridden;
use super::explain::Line;
use crate::geoip::Location;
use crate::locate::{Located, LocatedBy};
use crate::model::{EndpointId, PolicyId, PoolId, RegionId, Share, WhenAllDown};
use crate::overrides;
use crate::state::pools::Member;
use crate::state::{Map, Root};
use crate::steering::{Candidate, Choice, Step, TtlReason, Unusable};

/// Speaks of a root's ids by their names.
pub struct Words<'a> {
    pub root: &'a Root,
    pub overridden: &'a Overridden,
}

impl Words<'_> {
    /// One step as a line of `explain`.
    pub fn line(&self, step: &Step) -> Line {
        let (label, text) = match step {
            Step::Located { map, located } => ("map", self.located(self.root.map(*map), located)),
            Step::Scope { bits } => ("scope", format!("/{bits}, the longest of all in reach")),
            Step::Network { network, bits } => (
                "network",
                format!("{network}/{bits}: what goes by the client goes by this"),
            ),
            Step::Ruled { policy, by } => (
                "when",
                format!(
                    "{} stands for {} here",
                    self.policy(*by),
                    self.policy(*policy)
                ),
            ),
            Step::AllDecline { policy } => (
                "decline",
                format!(
                    "all that {} can reach and is up declines this query, so it goes to those that \
                     decline",
                    self.policy(*policy)
                ),
            ),
            Step::Elsewhere { than } => (
                "spread",
                format!(
                    "more from elsewhere than {}",
                    self.regions(than.iter().copied())
                ),
            ),
            Step::Addresses { name, family } => (
                "beside",
                format!("{family} addresses of {name}, beside what was asked for:"),
            ),
            Step::NoFamily { family } => (
                "family",
                format!(
                    "no endpoint in reach has an {family} address: NODATA for every client, for as \
                     long as the zone's SOA says"
                ),
            ),
            Step::Regions { policy, order, .. } => {
                let order = self.regions(order.iter().copied());
                (
                    "policy",
                    format!("{}: regions in the order {order}", self.policy(*policy)),
                )
            }
            Step::PassedOver {
                policy,
                member,
                why,
            } => (
                "pass",
                format!(
                    "{}: passed over by {}: {}",
                    self.member(*member),
                    self.policy(*policy),
                    self.unusable(pool_of(*member), why)
                ),
            ),
            Step::Eligible {
                policy,
                member,
                weight,
            } => (
                "member",
                format!(
                    "{}: can serve for {}, weight {weight}",
                    self.member(*member),
                    self.policy(*policy)
                ),
            ),
            Step::Taken { policy, member, by } => (
                "take",
                format!(
                    "{}: taken by {}: {}",
                    self.member(*member),
                    self.policy(*policy),
                    choice(*by)
                ),
            ),
            Step::FamilyNowhereUp { policy, family } => (
                "family",
                format!(
                    "nothing that {} can reach has an {family} address now that is up, but one of the \
                     other family is up: answers NODATA",
                    self.policy(*policy)
                ),
            ),
            Step::AllDown { policy, then } => (
                "all down",
                format!(
                    "nothing that {} can reach is up, in either family: {}",
                    self.policy(*policy),
                    self.when_all_down(*then)
                ),
            ),
            Step::Fallback { pool, up } => {
                let what = if *up {
                    "what is up there"
                } else {
                    "all of it, since nothing is up there either"
                };
                ("fallback", format!("pool {}: {what}", self.pool(*pool)))
            }
            Step::FamilyNotUp { pool, family } => (
                "family",
                format!("pool {} has no {family} address up", self.pool(*pool)),
            ),
            Step::Unresolved { pool } if self.unresolved(*pool).is_empty() => (
                "pool",
                format!(
                    "{}: nobody has registered, so nobody can say that there is no address: answers SERVFAIL",
                    self.pool(*pool),
                ),
            ),
            Step::Unresolved { pool } => (
                "alias",
                format!(
                    "pool {}: no address of {} is known, so nobody can say that there is none: \
                     answers SERVFAIL",
                    self.pool(*pool),
                    self.unresolved(*pool)
                ),
            ),
            Step::Candidates {
                pool,
                balance,
                candidates,
            } => {
                let candidates: Vec<_> = candidates.iter().map(|c| self.candidate(c)).collect();
                let balance = balance.name();
                (
                    "endpoints",
                    format!(
                        "pool {} ({balance}): {}",
                        self.pool(*pool),
                        candidates.join("; ")
                    ),
                )
            }
            Step::Drawn { endpoints, .. } => {
                let drawn: Vec<_> = endpoints.iter().map(|&id| self.endpoint(id)).collect();
                ("draw", drawn.join(", "))
            }
            Step::Ttl {
                ttl_s,
                range,
                reason,
            } => {
                let at_most = match reason {
                    TtlReason::Outage => "at most ",
                    _ => "",
                };
                let reason = self.ttl_reason(*reason);
                (
                    "ttl",
                    format!(
                        "{at_most}{ttl_s} s, within {}..{} s: {reason}",
                        range.min_s, range.max_s
                    ),
                )
            }
        };
        Line {
            step: label.to_owned(),
            text,
        }
    }

    /// Where a map puts a client: its class, the regions that it prefers, and for how many others
    /// that is true.
    pub fn located(&self, map: &Map, located: &Located) -> String {
        let order = map
            .order(located.class)
            .iter()
            .map(|&slot| map.regions[usize::from(slot)]);
        let by = match located.by {
            LocatedBy::Subnet => "by the client subnet",
            LocatedBy::Resolver => "by the resolver's address",
            LocatedBy::Default => "which is the default",
        };
        // Where there are rules, regions are not ranked.
        let order = match map.regions.is_empty() {
            true => String::new(),
            false => format!(": {}", self.regions(order)),
        };
        format!(
            "class {}{order} ({by}; holds for its /{})",
            located.class, located.scope
        )
    }

    /// What is known of a network, coarsest first.
    pub fn location(&self, location: &Location) -> String {
        let code = |code: [u8; 2]| String::from_utf8_lossy(&code).into_owned();
        let mut parts = Vec::new();
        parts.extend(location.network.map(|_| "an own network".to_owned()));
        parts.extend(location.continent.map(|c| format!("continent {}", code(c))));
        parts.extend(location.country.map(|c| format!("country {}", code(c))));
        if let (Some(country), Some(part)) = (location.country, location.subdivisions.last()) {
            parts.push(format!("subdivision {}-{part}", code(country)));
        }
        parts.extend(
            location
                .coordinates
                .map(|c| format!("at {:.2}, {:.2}", c.latitude, c.longitude)),
        );
        parts.extend(location.asn.map(|asn| format!("AS{asn}")));
        parts.join(", ")
    }

    fn regions(&self, order: impl Iterator<Item = RegionId>) -> String {
        let names: Vec<_> = order
            .map(|id| &*self.root.pools.regions[id.index()].name)
            .collect();
        names.join(", ")
    }

    fn pool(&self, id: PoolId) -> String {
        let pool = &self.root.pools.pools[id.index()];
        format!(
            "{} (region {})",
            pool.name,
            self.root.pools.regions[pool.region.index()].name
        )
    }

    fn policy(&self, id: PolicyId) -> String {
        let policy = &self.root.pools.policies[id.index()];
        let kind = policy.kind();
        format!("policy {} ({kind})", policy.name)
    }

    fn member(&self, member: Member) -> String {
        match member {
            Member::Pool(id) => format!("pool {}", self.pool(id)),
            Member::Policy(id) => self.policy(id),
        }
    }

    fn endpoint(&self, id: EndpointId) -> String {
        let pools = &self.root.pools;
        let destination = &pools.endpoints[id.index()].destination;
        match pools.of_alias.get(&id) {
            Some(of) => format!("{destination} (of {})", of.name),
            None => destination.to_string(),
        }
    }

    /// An endpoint, and what is believed of it.
    pub fn told(&self, id: EndpointId) -> String {
        let verdict = self.root.health.endpoint(id).verdict;
        let endpoint = &self.root.pools.endpoints[id.index()];
        self.candidate(&Candidate {
            endpoint: id,
            weight: endpoint.weight,
            verdict,
            share: self.root.health.endpoint(id).share,
            usable: true,
        })
    }

    /// The names in a pool of which no address is known.
    fn unresolved(&self, pool: PoolId) -> String {
        let names = self.root.pools.unresolved.get(&pool);
        names.map_or_else(String::new, |names| names.join(", "))
    }

    fn candidate(&self, candidate: &Candidate) -> String {
        let usable = if candidate.usable { "" } else { ", not used" };
        let Candidate {
            endpoint,
            weight,
            verdict,
            share,
            ..
        } = *candidate;
        let share = match share {
            Share::ALL => String::new(),
            share => format!(", takes {share}"),
        };
        let key = overrides::key(&self.root.pools, endpoint);
        let word = self.overridden.why.get(&key);
        let slow = self.overridden.why_slow.get(&key);
        let words: String = (slow.into_iter().chain(word))
            .map(|word| format!(", {word}"))
            .collect();
        format!(
            "{} weight {weight} {verdict}{share}{words}{usable}",
            self.endpoint(endpoint)
        )
    }

    fn unusable(&self, pool: Option<PoolId>, why: &Unusable) -> String {
        match why {
            Unusable::Unresolved => {
                let names = pool.map_or_else(String::new, |id| self.unresolved(id));
                match names.is_empty() {
                    true => "nobody has registered there".to_owned(),
                    false => format!("no such address of {names} is known"),
                }
            }
            Unusable::FamilyMissing => "it has no address of the family".to_owned(),
            Unusable::NoneUp(candidates) => {
                let list: Vec<_> = candidates.iter().map(|c| self.candidate(c)).collect();
                format!("none of its endpoints is up ({})", list.join("; "))
            }
            Unusable::Declined(share) => {
                let name = pool.map(|id| &*self.root.pools.pools[id.index()].name);
                let why = name.and_then(|name| self.overridden.why_pools.get(name));
                let why = why.map_or_else(String::new, |why| format!(" ({why})"));
                format!("it takes {share} of what would come to it{why}, and this is not of it")
            }
            Unusable::TooFewUp(candidates) => {
                let list: Vec<_> = candidates.iter().map(|c| self.candidate(c)).collect();
                format!("fewer than `min_healthy` are up ({})", list.join("; "))
            }
            Unusable::RegionAnswered => "its region is in the answer already".to_owned(),
            Unusable::Tried => "it was tried already".to_owned(),
            Unusable::NothingWithinReach(pools) => {
                let list: Vec<_> = pools
                    .iter()
                    .map(|(id, why)| {
                        format!("{}: {}", self.pool(*id), self.unusable(Some(*id), why))
                    })
                    .collect();
                format!("no pool in its reach can serve ({})", list.join("; "))
            }
        }
    }

    fn when_all_down(&self, then: WhenAllDown) -> String {
        match then {
            WhenAllDown::All => "answers as if all were up".to_owned(),
            WhenAllDown::Fallback(pool) => format!("falls back to pool {}", self.pool(pool)),
            WhenAllDown::NoData => "answers NODATA".to_owned(),
            WhenAllDown::ServFail => "answers SERVFAIL".to_owned(),
            WhenAllDown::Refuse => "answers REFUSED".to_owned(),
        }
    }

    /// Whether it is the TTL of another name's records which says how soon an endpoint can change.
    fn is_of_records(&self, endpoint: EndpointId, flip_after_ms: u32) -> bool {
        let of_alias = self.root.pools.of_alias.get(&endpoint);
        of_alias.is_some_and(|of| of.ttl_max_ms == flip_after_ms)
    }

    fn ttl_reason(&self, reason: TtlReason) -> String {
        match reason {
            TtlReason::Flip {
                endpoint,
                flip_after_ms,
            } if self.is_of_records(endpoint, flip_after_ms) => format!(
                "the records that led to {} hold for {} s",
                self.endpoint(endpoint),
                flip_after_ms / 1000
            ),
            TtlReason::Flip {
                endpoint,
                flip_after_ms: 0,
            } => format!("nothing is known of {} yet", self.endpoint(endpoint)),
            TtlReason::Flip {
                endpoint,
                flip_after_ms,
            } => {
                format!(
                    "the verdict of {} can flip after {flip_after_ms} ms",
                    self.endpoint(endpoint)
                )
            }
            TtlReason::Awaited {
                pool,
                up_after_ms: 0,
            } => format!(
                "pool {}, which is down, can be up any moment",
                self.pool(pool)
            ),
            TtlReason::Awaited { pool, up_after_ms } => format!(
                "pool {}, which is down, can be up after {up_after_ms} ms",
                self.pool(pool)
            ),
            TtlReason::Unwatched => "no monitor watches what is answered".to_owned(),
            TtlReason::Outage => {
                "nothing is answered for now; less if the zone's SOA says so".to_owned()
            }
        }
    }
}

fn pool_of(member: Member) -> Option<PoolId> {
    match member {
        Member::Pool(id) => Some(id),
        Member::Policy(_) => None,
    }
}

fn choice(by: Choice) -> String {
    match by {
        Choice::First => "the first in order that can serve".to_owned(),
        Choice::Turn => "it was its turn".to_owned(),
        Choice::Hashed => "the client's network says so".to_owned(),
        Choice::LastResort => "the last resort".to_owned(),
        Choice::Drawn { total: 0, .. } => "drawn: only members of weight 0 can serve".to_owned(),
        Choice::Drawn { weight, total } => format!("drawn with odds {weight} in {total}"),
    }
}
