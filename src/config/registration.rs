//! Reads `registration = { … }` of a pool.

use std::time::Duration;

use super::Registration;
use super::reader::{Reader, Table, Value};
use super::scalar::integer;
use super::units::duration;

/// Endpoints that may be registered in one pool.
pub const REGISTERED_MAX: u32 = 10_000;

const LEASE_MIN: Duration = Duration::from_secs(1);
const LEASE_MAX: Duration = Duration::from_secs(86_400);

pub(super) fn registration<'t>(reader: &mut Reader, value: &'t Value<'t>) -> Option<Registration> {
    let expected = "a table such as { max = 64, lease_max = \"10m\" }";
    let mut table = Table::of(reader, "`registration`", value, expected)?;
    let max = table.optional(reader, "max", |r, v| integer(r, v, 1..=REGISTERED_MAX));
    let lease_max = table.optional(reader, "lease_max", |r, v| {
        duration(r, v, LEASE_MIN..=LEASE_MAX)
    });
    table.finish(reader);
    Some(Registration {
        max: max.unwrap_or(64),
        lease_max: lease_max.unwrap_or(Duration::from_secs(600)),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{Joined, Origin, Unwritten, parse};
    use crate::model::Destination;

    fn pool(text: &str) -> Result<crate::config::Config, String> {
        let text = format!("[region.r]\n[pool.p]\nregion = \"r\"\n{text}");
        let parsed = parse(&text, Path::new("m.toml"));
        parsed.map(|loaded| loaded.config).map_err(|refused| {
            let told = refused.diagnostics.sorted().into_iter();
            told.map(|mistake| mistake.to_string()).collect()
        })
    }

    #[test]
    fn nobody_need_be_written_where_somebody_may_come() {
        let config = pool("registration = {}").unwrap();
        let registration = config.pools[0].registration.unwrap();
        assert_eq!(
            (registration.max, registration.lease_max.as_secs()),
            (64, 600)
        );
        assert!(config.pools[0].is_awaited());
        assert!(pool("endpoints = []\nregistration = { max = 1 }").is_ok());
        for (text, why) in [
            ("endpoints = []", "`endpoints` is empty"),
            ("registration = { max = 0 }", "0"),
            ("registration = { lease_max = \"25h\" }", "25h"),
            (
                "endpoints = [{ cname = \"a.example.\" }]\nregistration = {}",
                "cannot register in a pool of names",
            ),
        ] {
            let told = pool(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }

    #[test]
    fn those_who_join_stand_behind_those_that_are_written_each_once_and_no_more_than_may() {
        let mut config = pool("endpoints = [\"192.0.2.1\"]\nregistration = { max = 3 }").unwrap();
        let joined = |text: &str| Joined {
            destination: Destination::parse(text).unwrap(),
            weight: 2,
        };
        let all = ["192.0.2.1:80", "192.0.2.1", "192.0.2.2", "192.0.2.3"];
        let mut unwritten = Unwritten::default();
        unwritten
            .registered
            .insert("p".to_owned(), all.map(joined).into());
        config.expand(&unwritten);
        let endpoints = config.pools[0].endpoints.iter();
        let told = endpoints.map(|e| {
            (
                e.destination.to_string(),
                e.weight,
                e.origin == Origin::Written,
            )
        });
        let told: Vec<_> = told.collect();
        assert_eq!(
            told,
            [
                ("192.0.2.1".to_owned(), 1, true),
                ("192.0.2.1:80".to_owned(), 2, false),
                ("192.0.2.2".to_owned(), 2, false),
            ]
        );
        assert!(config.expanded(&unwritten).is_none());
        config.expand(&Unwritten::default());
        assert_eq!(config.pools[0].endpoints.len(), 1);
    }
}
