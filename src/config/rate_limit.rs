//! Reads `[server.rate_limit]`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::RateLimit;
use super::access::client_networks;
use super::reader::{Reader, Table, Value};
use super::references::References;
use super::scalar::{boolean, integer};
use super::units::duration;

/// What `responses_per_second` is when it is not written.
const RESPONSES_PER_SECOND: u32 = 200;

const WINDOW_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

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
    let default = RateLimit::default();
    let common = rate(
        reader,
        &mut table,
        "responses_per_second",
        RESPONSES_PER_SECOND,
    );
    let limit = RateLimit {
        responses_per_second: common,
        referrals_per_second: rate(reader, &mut table, "referrals_per_second", common),
        negatives_per_second: rate(reader, &mut table, "negatives_per_second", common),
        errors_per_second: rate(reader, &mut table, "errors_per_second", common),
        window: table
            .optional(reader, "window", |r, v| duration(r, v, WINDOW_RANGE))
            .unwrap_or(default.window),
        slip: table
            .optional(reader, "slip", |r, v| integer(r, v, 0..=100))
            .unwrap_or(default.slip),
        ipv4_prefix: table
            .optional(reader, "ipv4_prefix", |r, v| integer(r, v, 1..=32))
            .unwrap_or(default.ipv4_prefix),
        ipv6_prefix: table
            .optional(reader, "ipv6_prefix", |r, v| integer(r, v, 1..=128))
            .unwrap_or(default.ipv6_prefix),
        table_size: table
            .optional(reader, "table_size", |r, v| {
                integer(r, v, 1000..=100_000_000)
            })
            .unwrap_or(default.table_size),
        exempt: table
            .optional(reader, "exempt", |r, v| client_networks(r, references, v))
            .unwrap_or(default.exempt),
        dry_run: table
            .optional(reader, "dry_run", boolean)
            .unwrap_or(default.dry_run),
    };
    table.finish(reader);
    Some(limit)
}

fn rate(reader: &mut Reader, table: &mut Table, key: &'static str, default: u32) -> u32 {
    let rate = table.optional(reader, key, |r, v| integer(r, v, 0..=100_000));
    rate.unwrap_or(default)
}
