//! Verdicts read from a file instead of probed, for tests and for looking at what would happen.
//!
//! ```toml
//! "127.0.10.1" = "down"            # the address in every pool
//! web-us = "down"                  # every endpoint of the pool
//! "web-eu/127.0.10.2" = "up"       # the address in one pool; wins over both
//! ```
//!
//! An address wins over a pool. What is not named is unknown, and counts as its monitor's
//! `unknown_is`.

use std::path::Path;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::config::{Config, Diagnostics, Place, Pool};
use crate::model::{Destination, PoolId, Verdict};

/// A larger file is refused.
const OCTETS_MAX: u64 = 16 << 20;

/// Verdicts by pool and, within it, by endpoint, in the order of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen(Vec<Vec<Verdict>>);

/// What a line is about, from the widest to the narrowest: later ones win.
#[derive(Clone, Debug)]
enum Subject<'a> {
    Pool(&'a str),
    /// In every pool.
    Destination(Destination),
    Endpoint(&'a str, Destination),
}

impl Frozen {
    /// Reads the file at `path` for the endpoints of `config`.
    ///
    /// # Errors
    /// Every line that names no endpoint or gives no verdict, with its place.
    pub fn read(path: &Path, config: &Config) -> Result<Self, Diagnostics> {
        let refuse = |why: String| {
            let mut diagnostics = Diagnostics::new();
            diagnostics.error(&Place::file(path), why, None);
            diagnostics
        };
        let size = std::fs::metadata(path).map_err(|e| refuse(format!("cannot read: {e}")))?;
        if size.len() > OCTETS_MAX {
            return Err(refuse(format!("larger than {OCTETS_MAX} octets")));
        }
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|e| refuse(format!("cannot read: {e}")))?;
        Self::parse(path, &text, config)
    }

    /// Reads `text`, which `path` only names. Errors as with [`Frozen::read`].
    pub fn parse(path: &Path, text: &str, config: &Config) -> Result<Self, Diagnostics> {
        let places = Places::new(path, text);
        let mut diagnostics = Diagnostics::new();
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let place = places.at(error.span().map_or(0, |span| span.start));
                diagnostics.error(&place, error.message().trim(), None);
                return Err(diagnostics);
            }
        };
        let mut lines = Vec::new();
        for (key, value) in table.get_ref() {
            let verdict = verdict(value.get_ref()).ok_or(value.span().start);
            let subject = subject(key.get_ref(), config).ok_or(key.span().start);
            match (subject, verdict) {
                (Ok(subject), Ok(verdict)) => lines.push((subject, verdict)),
                (Err(at), _) => diagnostics.error(
                    &places.at(at),
                    format!("no endpoint is called `{}`", key.get_ref()),
                    Some("expected an address, a pool, or \"pool/address\"".into()),
                ),
                (_, Err(at)) => diagnostics.error(
                    &places.at(at),
                    format!("`{}` needs a verdict", key.get_ref()),
                    Some("expected \"up\", \"down\" or \"unknown\"; addresses are quoted".into()),
                ),
            }
        }
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        lines.sort_by_key(|(subject, _)| subject.rank());
        Ok(Self::apply(&lines, config))
    }

    fn apply(lines: &[(Subject, Verdict)], config: &Config) -> Self {
        let pools = config.pools.iter();
        let mut frozen: Vec<Vec<Verdict>> = pools
            .map(|pool| vec![Verdict::Unknown; pool.endpoints.len()])
            .collect();
        for (subject, verdict) in lines {
            for (pool, verdicts) in config.pools.iter().zip(&mut frozen) {
                for (endpoint, slot) in pool.endpoints.iter().zip(verdicts) {
                    if subject.covers(&pool.name, &endpoint.destination) {
                        *slot = *verdict;
                    }
                }
            }
        }
        Frozen(frozen)
    }

    /// The verdict for an endpoint, by its place within its pool. Unknown where the file is silent.
    pub fn verdict(&self, pool: PoolId, endpoint: usize) -> Verdict {
        let verdicts = self.0.get(pool.index());
        let verdict = verdicts.and_then(|verdicts| verdicts.get(endpoint));
        verdict.copied().unwrap_or(Verdict::Unknown)
    }
}

impl Subject<'_> {
    fn rank(&self) -> u8 {
        match self {
            Subject::Pool(_) => 0,
            Subject::Destination(_) => 1,
            Subject::Endpoint(..) => 2,
        }
    }

    fn covers(&self, pool: &str, destination: &Destination) -> bool {
        match self {
            Subject::Pool(name) => *name == pool,
            Subject::Destination(meant) => meant.means(destination),
            Subject::Endpoint(name, of_pool) => *name == pool && of_pool.means(destination),
        }
    }

    /// Whether it is an address that an alias of the pool may lead to at some time, or that may register.
    fn could_come(&self, pool: &Pool) -> bool {
        let is_meant = match self {
            Subject::Pool(_) => false,
            Subject::Destination(_) => true,
            Subject::Endpoint(name, of_pool) => *name == pool.name && of_pool.address().is_some(),
        };
        is_meant && (!pool.aliases.is_empty() || pool.registration.is_some())
    }
}

/// `None` when no endpoint of `config` is meant.
fn subject<'a>(key: &'a str, config: &Config) -> Option<Subject<'a>> {
    let subject = match (key.rsplit_once('/'), Destination::parse(key)) {
        (Some((pool, destination)), _) => Subject::Endpoint(pool, Destination::parse(destination)?),
        (None, Some(meant)) if meant.address().is_some() => Subject::Destination(meant),
        (None, _) => Subject::Pool(key),
    };
    let named = config.pools.iter().any(|pool| match &subject {
        Subject::Pool(name) => pool.name == *name,
        _ => {
            let mut endpoints = pool.endpoints.iter();
            endpoints.any(|endpoint| subject.covers(&pool.name, &endpoint.destination))
                || subject.could_come(pool)
        }
    });
    named.then_some(subject)
}

fn verdict(value: &DeValue) -> Option<Verdict> {
    match value.as_str()? {
        "up" => Some(Verdict::Up),
        "down" => Some(Verdict::Down),
        "unknown" => Some(Verdict::Unknown),
        _ => None,
    }
}

/// Turns offsets into places.
struct Places<'a> {
    file: Arc<Path>,
    text: &'a str,
}

impl<'a> Places<'a> {
    fn new(path: &Path, text: &'a str) -> Self {
        Places {
            file: Arc::from(path),
            text,
        }
    }

    fn at(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            file: Arc::clone(&self.file),
            line: before.matches('\n').count() as u32 + 1,
            column: before[line_start..].chars().count() as u32 + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::target::tests::config_of;

    fn parse(text: &str) -> Result<Frozen, Vec<String>> {
        let config = config_of(&[
            ("web-eu", &["127.0.10.1", "127.0.10.2"]),
            ("web-us", &["127.0.20.1", "127.0.10.1"]),
        ]);
        Frozen::parse(Path::new("frozen.toml"), text, &config).map_err(|diagnostics| {
            let sorted = diagnostics.sorted().into_iter();
            sorted.map(|diagnostic| diagnostic.to_string()).collect()
        })
    }

    fn verdicts(text: &str) -> [[Verdict; 2]; 2] {
        let frozen = parse(text).expect("no mistakes");
        [0, 1].map(|pool| [0, 1].map(|endpoint| frozen.verdict(PoolId(pool), endpoint)))
    }

    #[test]
    fn the_narrowest_line_wins_whatever_the_order() {
        use Verdict::{Down, Unknown, Up};
        assert_eq!(verdicts(""), [[Unknown; 2]; 2]);
        assert_eq!(verdicts("web-us = \"down\""), [[Unknown; 2], [Down; 2]]);
        let text = r#"
            "web-us/127.0.10.1" = "up"
            "127.0.10.1" = "down"
            web-us = "down"
            web-eu = "up"
        "#;
        assert_eq!(verdicts(text), [[Down, Up], [Down, Up]]);
    }

    #[test]
    fn every_mistake_is_reported_with_its_place() {
        let mistakes =
            parse("web-eu = \"up\"\n  web-ue = \"up\"\nweb-us = 1\n").expect_err("refused");
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
        assert!(mistakes[0].starts_with("frozen.toml:2:3: error: no endpoint is called `web-ue`"));
        assert!(mistakes[1].starts_with("frozen.toml:3:10: error: `web-us` needs a verdict"));
    }

    #[test]
    fn an_address_that_no_pool_has_is_a_mistake() {
        for text in [
            "\"192.0.2.9\" = \"up\"",
            "\"web-eu/127.0.20.1\" = \"up\"",
            "\"web-eu/x\" = \"up\"",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn broken_toml_is_a_mistake_with_its_place() {
        let mistakes = parse("web-eu = \"up\"\nweb-us =").expect_err("refused");
        assert!(mistakes[0].starts_with("frozen.toml:2:"), "{mistakes:?}");
    }
}
