//! Reads `rate_limit` of a route.

use std::time::Duration;

use super::balance::token;
use crate::config::reader::{Reader, Table, Value};
use crate::config::scalar::{choice, integer, one_or_many};
use crate::config::units::duration;

/// `rate_limit = { requests = 100, per = "1s" }`: how many requests are taken; the others are answered 429.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// 1..=1,000,000 within `per`.
    pub requests: u32,
    /// 100 ms..=1 h. Default 1 s.
    pub per: Duration,
    /// At once, by those who were quiet before: 1..=1,000,000. Default: as `requests`.
    pub burst: u32,
    /// Default client.
    pub by: RatedBy,
}

/// Whose requests are counted together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RatedBy {
    /// `"client"`: those of an IPv4 address, or of an IPv6 network of 64 bits.
    #[default]
    Client,
    /// `"route"`: all of the route's.
    Route,
    /// `{ header = "X-Key" }`: those that have the same there; without it, those of one client.
    Header(String),
}

/// One of them, or several.
pub(super) fn rates(reader: &mut Reader, value: &Value) -> Option<Vec<Rate>> {
    one_or_many(reader, value, rate)
}

fn rate(reader: &mut Reader, value: &Value) -> Option<Rate> {
    let expected = "a table such as { requests = 100, per = \"1s\" }";
    let mut table = Table::of(reader, "`rate_limit`", value, expected)?;
    let requests = table.required(reader, "requests", "100", |r, v| {
        integer(r, v, 1..=1_000_000)
    });
    let per = table.optional(reader, "per", |r, v| {
        duration(
            r,
            v,
            Duration::from_millis(100)..=Duration::from_secs(3_600),
        )
    });
    let burst = table.optional(reader, "burst", |r, v| integer(r, v, 1..=1_000_000));
    let by = table.optional(reader, "by", by);
    table.finish(reader);
    Some(Rate {
        requests: requests?,
        per: per.unwrap_or(Duration::from_secs(1)),
        burst: burst.or(requests)?,
        by: by.unwrap_or_default(),
    })
}

fn by(reader: &mut Reader, value: &Value) -> Option<RatedBy> {
    if value.get_ref().as_str().is_some() {
        let is_client = choice(reader, value, &[("client", true), ("route", false)])?;
        return Some(match is_client {
            true => RatedBy::Client,
            false => RatedBy::Route,
        });
    }
    let expected = "\"client\", \"route\" or { header = \"X-Key\" }";
    let mut table = Table::of(reader, "`by`", value, expected)?;
    let header = table.required(reader, "header", "\"X-Key\"", |r, v| {
        token(r, v, "the name of a header")
    });
    table.finish(reader);
    header.map(|header| RatedBy::Header(header.to_ascii_lowercase()))
}
