//! Reads `[server.rate_limit]`.

use std::time::Duration;

use super::RateLimit;
use super::access::client_networks;
use super::reader::{Reader, Table, Value};
use super::references::References;
use super::scalar::{boolean, integer};
use super::units::duration;

/// What `responses_per_second` is when it is not written.
const RESPONSES_PER_SECOND: u32 = 200;

impl Default for RateLimit {
    fn default() -> Self {
        RateLimit {
            responses_per_second: RESPONSES_PER_SECOND,
            referrals_per_second: RESPONSES_PER_SECOND,
            negatives_per_second: RESPONSES_PER_SECOND,
            errors_per_second: RESPONSES_PER_SECOND,
            window: Duration::from_secs(15),
            slip: 2,
            ipv4_prefix: 24,
            ipv6_prefix: 56,
            table_size: 1_000_000,
            exempt: Vec::new(),
            dry_run: false,
        }
    }
}

pub(super) fn rate_limit<'t>(
    reader: &mut Reader,
    references: &mut References,
    value: &'t Value<'t>,
) -> Option<RateLimit> {
    let title = "[server.rate_limit]";
    let mut table = Table::of(reader, title, value, "a table [server.rate_limit]")?;
    let mut limit = RateLimit::default();
    rates(reader, &mut table, &mut limit);
    let second = Duration::from_secs(1);
    if let Some(window) = table.optional(reader, "window", |r, v| {
        duration(r, v, second..=3600 * second)
    }) {
        limit.window = window;
    }
    if let Some(slip) = table.optional(reader, "slip", |r, v| integer(r, v, 0..=100)) {
        limit.slip = slip;
    }
    if let Some(bits) = table.optional(reader, "ipv4_prefix", |r, v| integer(r, v, 1..=32)) {
        limit.ipv4_prefix = bits;
    }
    if let Some(bits) = table.optional(reader, "ipv6_prefix", |r, v| integer(r, v, 1..=128)) {
        limit.ipv6_prefix = bits;
    }
    if let Some(size) = table.optional(reader, "table_size", |r, v| {
        integer(r, v, 1000..=100_000_000)
    }) {
        limit.table_size = size;
    }
    if let Some(exempt) = table.optional(reader, "exempt", |r, v| client_networks(r, references, v))
    {
        limit.exempt = exempt;
    }
    if let Some(dry_run) = table.optional(reader, "dry_run", boolean) {
        limit.dry_run = dry_run;
    }
    table.finish(reader);
    Some(limit)
}

/// `responses_per_second` holds for every kind that has no rate of its own.
fn rates(reader: &mut Reader, table: &mut Table, limit: &mut RateLimit) {
    let mut rate = |key| table.optional(reader, key, |r, v| integer(r, v, 0..=100_000));
    let common = rate("responses_per_second").unwrap_or(RESPONSES_PER_SECOND);
    limit.responses_per_second = common;
    limit.referrals_per_second = rate("referrals_per_second").unwrap_or(common);
    limit.negatives_per_second = rate("negatives_per_second").unwrap_or(common);
    limit.errors_per_second = rate("errors_per_second").unwrap_or(common);
}
