//! Aliases: what they lead to becomes endpoints, behind those that are written. So whoever reads a
//! configuration sees addresses only.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use super::{Config, Endpoint, OfAlias, Pool};
use crate::dns::Name;
use crate::model::Destination;

/// Addresses of one name and family that are used at most.
pub const ALIAS_ADDRESSES_MAX: usize = 64;

/// What names lead to; nothing is known of those that are not here.
pub type Addresses = HashMap<Name, Vec<Resolved>>;

/// An address that a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub address: IpAddr,
    /// No answer with it may be believed for longer, in seconds.
    pub ttl_s: u32,
}

impl Config {
    /// The names that some pool has as aliases.
    pub fn alias_names(&self) -> BTreeSet<Name> {
        let aliases = self.pools.iter().flat_map(|pool| &pool.aliases);
        aliases.map(|alias| alias.name.clone()).collect()
    }

    /// The pools as they are when names lead to `addresses`; `None` if that is what they are.
    pub fn expanded(&self, addresses: &Addresses) -> Option<Vec<Pool>> {
        let with_aliases = self.pools.iter().filter(|pool| !pool.aliases.is_empty());
        let has_changed = with_aliases
            .into_iter()
            .any(|pool| pool.expanded(addresses) != *pool);
        has_changed.then(|| {
            let pools = self.pools.iter();
            pools.map(|pool| pool.expanded(addresses)).collect()
        })
    }

    /// Makes the pools what they are when names lead to `addresses`.
    pub fn expand(&mut self, addresses: &Addresses) {
        if let Some(pools) = self.expanded(addresses) {
            self.pools = pools;
        }
    }
}

impl Pool {
    /// The aliases of which no address is known.
    pub fn unresolved(&self) -> impl Iterator<Item = &Name> {
        let aliases = self.aliases.iter().filter(|alias| !alias.is_resolved);
        aliases.map(|alias| &alias.name)
    }

    fn expanded(&self, addresses: &Addresses) -> Pool {
        let mut pool = self.clone();
        pool.endpoints
            .retain(|endpoint| endpoint.of_alias.is_none());
        let mut seen: HashSet<Destination> = pool
            .endpoints
            .iter()
            .map(|endpoint| endpoint.destination.clone())
            .collect();
        for alias in &mut pool.aliases {
            let known = addresses.get(&alias.name).map_or(&[][..], Vec::as_slice);
            alias.is_resolved = !known.is_empty();
            for resolved in known {
                let destination = Destination::Address(resolved.address);
                if seen.insert(destination.clone()) {
                    pool.endpoints.push(Endpoint {
                        destination,
                        weight: alias.weight,
                        check: None,
                        capacity: alias.capacity,
                        of_alias: Some(OfAlias {
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
                let alias = endpoint.of_alias.as_ref();
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
        config.expand(&known);
        let expected = [
            "192.0.2.1 x1",
            "192.0.2.7 x3 of a.example.",
            "2001:db8::7 x1 of b.example.",
        ];
        assert_eq!(shown(&config), expected);
        assert_eq!(config.pools[0].unresolved().count(), 0);
        assert_eq!(config.pools[1].endpoints.len(), 1);
        // Twice is as good as once, and what is gone is gone.
        assert!(config.expanded(&known).is_none());
        config.expand(&addresses(&[("A.example", &["192.0.2.8"])]));
        assert_eq!(
            shown(&config),
            ["192.0.2.1 x1", "192.0.2.8 x3 of a.example."]
        );
        assert_eq!(config.pools[0].unresolved().count(), 1);
        config.expand(&Addresses::new());
        assert_eq!(config, self::config());
    }
}
