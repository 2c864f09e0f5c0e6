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
