//! Which endpoints does an override mean?

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::glob;
use crate::model::{Destination, EndpointId, PoolId};
use crate::state::Pools;
use crate::state::pools::Pool;

/// Endpoints by name, so that it means the same after a reload and on another node:
///
/// | written | means |
/// |---|---|
/// | `eu` | the region and the pool of that name |
/// | `region:eu`, `pool:web-eu` | the one or the other |
/// | `192.0.2.1`, `2001:db8::1` | that address, at any port, in every pool |
/// | `192.0.2.1:8080` | what has that address and port, in every pool |
/// | `web-eu/192.0.2.1`, `cdn/a.example.net` | that address, or other name, in one pool |
///
/// In names, `*` stands for any characters. A name of digits alone is written with what it is (`pool:7`), as
/// by itself it is the number of an override.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct What {
    kind: Kind,
    /// With `*`.
    name: String,
    destination: Option<Destination>,
}

/// Octets: names have 63 at most.
const TEXT_MAX: usize = 150;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Any,
    Region,
    Pool,
}

/// Why a text means no endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no region, pool or endpoint: expected a name such as `eu`, `region:eu` or \
             `pool:web-*`, an address such as `192.0.2.1`, or both: `web-eu/192.0.2.1`",
            self.0
        )
    }
}

impl std::error::Error for Unreadable {}

impl FromStr for What {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let unreadable = || Unreadable(text.chars().take(TEXT_MAX).collect());
        if text.len() > TEXT_MAX || text.ends_with(':') || text.starts_with('/') {
            return Err(unreadable());
        }
        if let Some(destination @ (Destination::Address(_) | Destination::Socket(_))) =
            Destination::parse(text)
        {
            return Ok(What {
                kind: Kind::Pool,
                name: "*".to_owned(),
                destination: Some(destination),
            });
        }
        let (kind, name, destination) = match text.split_once('/') {
            Some((pool, destination)) => {
                let destination = Destination::parse(destination).ok_or_else(unreadable)?;
                let pool = pool.strip_prefix("pool:").unwrap_or(pool);
                (Kind::Pool, pool, Some(destination))
            }
            None => match text.split_once(':') {
                Some(("region", name)) => (Kind::Region, name, None),
                Some(("pool", name)) => (Kind::Pool, name, None),
                Some(_) => return Err(unreadable()),
                None => (Kind::Any, text, None),
            },
        };
        let is_number = kind == Kind::Any && name.chars().all(|c| c.is_ascii_digit());
        if is_number || name.contains(|c: char| c.is_whitespace() || ":/".contains(c)) {
            return Err(unreadable());
        }
        Ok(What {
            kind,
            name: name.to_owned(),
            destination,
        })
    }
}

impl TryFrom<String> for What {
    type Error = Unreadable;

    fn try_from(text: String) -> Result<Self, Unreadable> {
        text.parse()
    }
}

impl From<What> for String {
    fn from(what: What) -> String {
        what.to_string()
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (self.kind, &self.destination) {
            (_, Some(destination)) if name == "*" && destination.address().is_some() => {
                write!(f, "{destination}")
            }
            (_, Some(destination)) => write!(f, "{name}/{destination}"),
            (Kind::Any, None) => f.write_str(name),
            (Kind::Region, None) => write!(f, "region:{name}"),
            (Kind::Pool, None) => write!(f, "pool:{name}"),
        }
    }
}

impl What {
    /// Whether it means endpoints one by one, and not all of a pool.
    pub fn is_of_endpoints(&self) -> bool {
        self.destination.is_some()
    }

    /// The pools that it means, or endpoints of which it means.
    pub fn pools(&self, pools: &Pools) -> Vec<PoolId> {
        let fits = |name: &str| glob::fits(self.name.as_bytes(), name.as_bytes());
        let is_meant = |pool: &Pool| {
            let region = &pools.regions[pool.region.index()].name;
            (self.kind != Kind::Region && fits(&pool.name))
                || (self.kind != Kind::Pool && fits(region))
        };
        let ids = (0..).map(PoolId).zip(&pools.pools);
        ids.filter(|(_, pool)| is_meant(pool))
            .map(|(id, _)| id)
            .collect()
    }

    /// The endpoints of `pools` that it means.
    pub fn endpoints(&self, pools: &Pools) -> Vec<EndpointId> {
        let pools_meant = self.pools(pools).into_iter();
        let ids = pools_meant.flat_map(|id| pools.pools[id.index()].endpoint_ids());
        ids.filter(|id| {
            let meant = self.destination.as_ref();
            meant.is_none_or(|meant| meant.means(&pools.endpoints[id.index()].destination))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overrides::imposed::tests::pools;

    #[test]
    fn a_text_means_what_the_table_says() {
        // Region eu has pools `web-eu` (10.0.0.0, 10.0.0.1) and `us` (10.0.0.2), region us has `web-us`
        // (10.0.0.0 again).
        let pools = pools();
        let meant = |text: &str| -> Vec<u32> {
            let what: What = text.parse().unwrap();
            assert_eq!(what.to_string().parse(), Ok(what.clone()));
            what.endpoints(&pools).iter().map(|id| id.0).collect()
        };
        for (text, ids) in [
            ("eu", &[0, 1, 2][..]),
            ("region:eu", &[0, 1, 2]),
            ("us", &[2, 3]),
            ("region:us", &[3]),
            ("pool:us", &[2]),
            ("web-*", &[0, 1, 3]),
            ("*", &[0, 1, 2, 3]),
            ("10.0.0.0", &[0, 3]),
            ("web-us/10.0.0.0", &[3]),
            ("pool:web-*/10.0.0.0", &[0, 3]),
            ("10.9.9.9", &[]),
            ("pool:nobody", &[]),
        ] {
            assert_eq!(meant(text), ids, "{text}");
        }
    }

    #[test]
    fn what_means_nothing_is_refused_with_what_would() {
        for text in [
            "",
            "7",
            "a b",
            "pool:",
            "planet:mars",
            "web-eu/",
            "web-eu/eu",
            "/10.0.0.0",
            "a:b:c",
        ] {
            let error = text.parse::<What>().unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{text}`")) && error.contains("expected"),
                "{error}"
            );
        }
    }
}
