//! Endpoints that nobody has written: those that registered, and what aliases lead to. They become endpoints of their
//! pools, behind those that are written. So whoever reads a configuration sees addresses only.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use super::{Config, Endpoint, Member, OfAlias, Origin, Place, Pool};
use crate::dns::Name;
use crate::model::{Destination, PoolId, WhenAllDown};

/// Addresses of one name and family that are used at most.
pub const ALIAS_ADDRESSES_MAX: usize = 64;

/// What names lead to; nothing is known of those that are not here.
pub type Addresses = HashMap<Name, Vec<Resolved>>;

/// What is known of endpoints beside the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unwritten {
    pub addresses: Addresses,
    /// By pool, in the order in which they came. Those of pools where nobody may register are left out.
    pub registered: HashMap<String, Vec<Joined>>,
}

/// An address that a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub address: IpAddr,
    /// No answer with it may be believed for longer, in seconds.
    pub ttl_s: u32,
}

/// An endpoint that registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    pub destination: Destination,
    pub weight: u16,
}

impl From<Addresses> for Unwritten {
    fn from(addresses: Addresses) -> Self {
        Unwritten {
            addresses,
            ..Unwritten::default()
        }
    }
}

impl Config {
    /// The names that some pool has as aliases.
    pub fn alias_names(&self) -> BTreeSet<Name> {
        let aliases = self.pools.iter().flat_map(|pool| &pool.aliases);
        aliases.map(|alias| alias.name.clone()).collect()
    }

    /// The pools as they are with what is `unwritten`; `None` if that is what they are.
    pub fn expanded(&self, unwritten: &Unwritten) -> Option<Vec<Pool>> {
        let is_open = |pool: &&Pool| !pool.aliases.is_empty() || pool.registration.is_some();
        if !self.pools.iter().any(|pool| is_open(&pool)) {
            return None;
        }
        let answered = self.answered_pools();
        let expanded = |(id, pool): (PoolId, &Pool)| match is_open(&pool) {
            true => pool.expanded(unwritten, answered.contains(&id)),
            false => pool.clone(),
        };
        let numbered = || (0..).map(PoolId).zip(&self.pools);
        let mut open = numbered().filter(|(_, pool)| is_open(pool));
        let has_changed = open.any(|(id, pool)| expanded((id, pool)) != *pool);
        has_changed.then(|| numbered().map(expanded).collect())
    }

    /// Makes the pools what they are with what is `unwritten`.
    pub fn expand(&mut self, unwritten: &Unwritten) {
        if let Some(pools) = self.expanded(unwritten) {
            self.pools = pools;
        }
    }

    /// The pools that balanced names may be answered with.
    pub fn answered_pools(&self) -> BTreeSet<PoolId> {
        let balanced = self.zones.iter().flat_map(|zone| &zone.balanced);
        let mut to_see: Vec<_> = balanced.map(|balanced| balanced.policy).collect();
        let mut seen: BTreeSet<_> = to_see.iter().copied().collect();
        let mut answered = BTreeSet::new();
        while let Some(id) = to_see.pop() {
            let policy = &self.policies[id.index()];
            if let WhenAllDown::Fallback(pool) = policy.when_all_down {
                answered.insert(pool);
            }
            for member in policy.all_members() {
                match member {
                    Member::Pool(pool) => drop(answered.insert(pool)),
                    Member::Policy(policy) => to_see.extend(seen.insert(policy).then_some(policy)),
                }
            }
        }
        answered
    }
}

impl Pool {
    /// The aliases of which no address is known.
    pub fn unresolved(&self) -> impl Iterator<Item = &Name> {
        let aliases = self.aliases.iter().filter(|alias| !alias.is_resolved);
        aliases.map(|alias| &alias.name)
    }

    /// Whether there is nobody in it, and somebody may come.
    pub fn is_awaited(&self) -> bool {
        self.registration.is_some() && self.endpoints.is_empty()
    }

    /// One that `is_answered` has no address twice, as records have no ports.
    fn expanded(&self, unwritten: &Unwritten, is_answered: bool) -> Pool {
        let mut pool = self.clone();
        pool.endpoints
            .retain(|endpoint| endpoint.origin == Origin::Written);
        let known = |destination: &Destination| match (is_answered, destination.address()) {
            (true, Some(address)) => Destination::Address(address),
            _ => destination.clone(),
        };
        let written = pool.endpoints.iter();
        let mut seen: HashSet<Destination> = written.map(|e| known(&e.destination)).collect();
        if let Some(registration) = pool.registration {
            let registered = unwritten.registered.get(&pool.name);
            let registered = registered.map_or(&[][..], Vec::as_slice);
            for joined in registered.iter().take(registration.max as usize) {
                if seen.insert(known(&joined.destination)) {
                    pool.endpoints.push(Endpoint {
                        destination: joined.destination.clone(),
                        weight: joined.weight,
                        check: None,
                        capacity: None,
                        origin: Origin::Registered,
                        place: Place::file("registrations"),
                    });
                }
            }
        }
        for alias in &mut pool.aliases {
            let addresses = unwritten.addresses.get(&alias.name);
            let addresses = addresses.map_or(&[][..], Vec::as_slice);
            alias.is_resolved = !addresses.is_empty();
            for resolved in addresses {
                let destination = Destination::Address(resolved.address);
                if seen.insert(destination.clone()) {
                    pool.endpoints.push(Endpoint {
                        destination,
                        weight: alias.weight,
                        check: None,
                        capacity: alias.capacity,
                        origin: Origin::Alias(OfAlias {
                            name: alias.name.clone(),
                            ttl_s: resolved.ttl_s,
                        }),
                        place: alias.place.clone(),
                    });
                }
            }
        }
        pool
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    const TEXT: &str = "[region.r]\n\
        [pool.p]\nregion = \"r\"\n\
        endpoints = [{ alias = \"a.example\", weight = 3 }, \"192.0.2.1\", { alias = \"b.example.\" }]\n\
        [pool.q]\nregion = \"r\"\nendpoints = [\"192.0.2.2\"]\n";

    fn config() -> Config {
        let parsed = parse(TEXT, Path::new("m.toml"));
        parsed
            .map_err(|refused| refused.diagnostics)
            .expect("a configuration")
            .config
    }

    fn addresses(all: &[(&str, &[&str])]) -> Addresses {
        let resolved = |text: &&str| Resolved {
            address: text.parse().unwrap(),
            ttl_s: 5,
        };
        all.iter()
            .map(|(name, texts)| {
                let known = texts.iter().map(resolved).collect();
                (Name::parse(name).unwrap(), known)
            })
            .collect()
    }

    fn shown(config: &Config) -> Vec<String> {
        let endpoints = config.pools[0].endpoints.iter();
        endpoints
            .map(|endpoint| {
                let alias = match &endpoint.origin {
                    Origin::Alias(of) => Some(of),
                    _ => None,
                };
                let alias = alias.map_or_else(String::new, |of| format!(" of {}", of.name));
                format!("{} x{}{alias}", endpoint.destination, endpoint.weight)
            })
            .collect()
    }

    #[test]
    fn what_aliases_lead_to_stands_behind_what_is_written_each_once() {
        let mut config = config();
        let names: Vec<_> = config.alias_names().iter().map(Name::to_string).collect();
        assert_eq!(names, ["a.example.", "b.example."]);
        assert_eq!(shown(&config), ["192.0.2.1 x1"]);
        assert_eq!(config.pools[0].unresolved().count(), 2);
        let known = addresses(&[
            ("a.example", &["192.0.2.7", "192.0.2.1"]),
            ("b.example", &["192.0.2.7", "2001:db8::7"]),
        ]);
        config.expand(&known.clone().into());
        let expected = [
            "192.0.2.1 x1",
            "192.0.2.7 x3 of a.example.",
            "2001:db8::7 x1 of b.example.",
        ];
        assert_eq!(shown(&config), expected);
        assert_eq!(config.pools[0].unresolved().count(), 0);
        assert_eq!(config.pools[1].endpoints.len(), 1);
        // Twice is as good as once, and what is gone is gone.
        assert!(config.expanded(&known.clone().into()).is_none());
        config.expand(&addresses(&[("A.example", &["192.0.2.8"])]).into());
        assert_eq!(
            shown(&config),
            ["192.0.2.1 x1", "192.0.2.8 x3 of a.example."]
        );
        assert_eq!(config.pools[0].unresolved().count(), 1);
        config.expand(&Unwritten::default());
        assert_eq!(config, self::config());
    }
}
