//! Reads monitors that probe nothing themselves: those that are calculated from others, and those that are told.

use std::collections::HashMap;
use std::time::Duration;

use super::reader::{Reader, Table, Value, ticked};
use super::references::References;
use super::scalar::{boolean, choice, integer, list};
use super::units::duration;
use super::{Monitor, Place, ProbeKind, VerdictOptions};
use crate::model::MonitorId;

/// Monitors that one is calculated from at most, and leaves in all.
const MEMBERS_MAX: usize = 64;
/// How deep calculated monitors may nest.
const DEPTH_MAX: usize = 4;

/// How a monitor's verdict comes of those of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Calculation {
    /// `all = ["web", "db"]`; a pool's `monitor = ["web", "db"]` is the same.
    All(Vec<MonitorId>),
    /// `any = ["web", "db"]`
    Any(Vec<MonitorId>),
    /// `at_least = { count = 2, of = ["a", "b", "c"] }`
    AtLeast { count: u32, of: Vec<MonitorId> },
    /// `not = "maintenance"`
    Not(MonitorId),
}

impl Calculation {
    pub fn members(&self) -> &[MonitorId] {
        match self {
            Calculation::All(of) | Calculation::Any(of) | Calculation::AtLeast { of, .. } => of,
            Calculation::Not(of) => std::slice::from_ref(of),
        }
    }
}

/// `push = { max_age = "30s", fall = 1, rise = 1 }`: others say how its targets are (`POST /v1/observations`, `meridian
/// observe`), and nothing is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Push {
    /// When nothing was said for so long, the target is unknown. 1 s..=24 h. Default 30 s.
    pub max_age: Duration,
}

/// Their kinds.
pub(super) const KINDS: [&str; 5] = ["all", "any", "at_least", "not", "push"];

/// The monitor, if it is one of these; `Some(None)` if it cannot be read.
pub(super) fn unprobed(
    reader: &mut Reader,
    references: &mut References,
    name: &str,
    table: &mut Table,
) -> Option<Option<Monitor>> {
    let written = KINDS
        .iter()
        .filter_map(|kind| Some((*kind, table.key_span(kind)?)));
    let written: Vec<_> = written.collect();
    let (kind, _) = *written.first()?;
    if let Some((second, span)) = written.get(1) {
        let message = format!("a monitor is one thing, not `{kind}` and `{second}`");
        let help = "write one monitor for each, and a third of both".to_owned();
        reader.error(span.clone(), message, Some(help));
        table.know(&KINDS);
    }
    let mut members = |reader: &mut Reader, value: &Value| members(reader, references, value);
    let calculated = |calculation| (ProbeKind::Calculated(calculation), Duration::ZERO, (1, 1));
    let place = reader.place(table.span.start);
    let read = match kind {
        "all" => table
            .optional(reader, "all", members)
            .map(|of| calculated(Calculation::All(of))),
        "any" => table
            .optional(reader, "any", members)
            .map(|of| calculated(Calculation::Any(of))),
        "at_least" => table
            .optional(reader, "at_least", |r, v| at_least(r, v, &mut members))
            .map(calculated),
        "not" => table
            .optional(reader, "not", |r, v| references.monitor(r, v))
            .map(|of| calculated(Calculation::Not(of))),
        _ => table
            .optional(reader, "push", push)
            .map(|(push, rise, fall)| {
                // Whoever pushes says something several times within that.
                (ProbeKind::Push(push), push.max_age / 3, (rise, fall))
            }),
    };
    let unknown_is_up = table.optional(reader, "unknown_is", |r, v| {
        choice(r, v, &[("up", true), ("down", false)])
    });
    Some(read.map(|(probe, interval, (rise, fall))| Monitor {
        name: name.to_owned(),
        probe,
        port: 0,
        keeps_port: true,
        at: None,
        interval,
        timeout: Duration::ZERO,
        rise,
        fall,
        jitter: 0.0,
        unknown_is_up: unknown_is_up.unwrap_or(true),
        options: VerdictOptions::default(),
        place,
    }))
}

/// At least one monitor, each once.
fn members(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Vec<MonitorId>> {
    let expected = "a list of monitors such as [\"web\", \"db\"]";
    let mut found: Vec<MonitorId> = Vec::new();
    let written = list(reader, value, expected, |reader, value| {
        let id = references.monitor(reader, value)?;
        if found.contains(&id) {
            let name = ticked(references.monitors.name(id.index()));
            reader.error(value.span(), format!("{name} stands here twice"), None);
        } else {
            found.push(id);
        }
        Some(())
    })?;
    let count = value.get_ref().as_array().map_or(0, |array| array.len());
    if count == 0 || count > MEMBERS_MAX {
        let message = format!("expected 1 to {MEMBERS_MAX} monitors, found {count}");
        reader.error(value.span(), message, None);
        return None;
    }
    (written.len() == count).then_some(found)
}

/// One monitor, or several that all have to be up.
pub(super) fn one_or_all(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<MonitorId> {
    if value.get_ref().as_array().is_none() {
        return references.monitor(reader, value);
    }
    match members(reader, references, value)?.as_slice() {
        [one] => Some(*one),
        several => references.combined(reader, several, value.span()),
    }
}

fn at_least<'t>(
    reader: &mut Reader,
    value: &'t Value<'t>,
    members: &mut impl FnMut(&mut Reader, &Value) -> Option<Vec<MonitorId>>,
) -> Option<Calculation> {
    const EXPECTED: &str = "a table such as `{ count = 2, of = [\"a\", \"b\", \"c\"] }`";
    let mut table = Table::of(reader, "`at_least`", value, EXPECTED)?;
    let count = table.required(reader, "count", "2", |r, v| {
        integer(r, v, 1..=MEMBERS_MAX as u32)
    });
    let of = table.required(reader, "of", "[\"a\", \"b\", \"c\"]", |r, v| members(r, v));
    if let (Some(count), Some(of)) = (count, &of)
        && count as usize > of.len()
        && let Some((_, value)) = table.entry("count")
    {
        let message = format!("`count` asks for {count} of {} monitors", of.len());
        reader.error(value.span(), message, None);
    }
    table.finish(reader);
    Some(Calculation::AtLeast {
        count: count?,
        of: of?,
    })
}

/// What it is, `rise` and `fall`.
fn push(reader: &mut Reader, value: &Value) -> Option<(Push, u32, u32)> {
    const EXPECTED: &str = "a table such as `{ max_age = \"30s\" }`, or `true`";
    if value.get_ref().as_bool().is_some() {
        let help = "a pool that nothing is said of has no `monitor`".to_owned();
        if boolean(reader, value) != Some(true) {
            reader.error(value.span(), "expected `push = true`", Some(help));
            return None;
        }
        return Some((Push { max_age: MAX_AGE }, 1, 1));
    }
    let mut table = Table::of(reader, "`push`", value, EXPECTED)?;
    let max_age = table.optional(reader, "max_age", |r, v| {
        duration(
            r,
            v,
            Duration::from_secs(1)..=Duration::from_secs(24 * 3600),
        )
    });
    let mut count = |key| table.optional(reader, key, |r, v| integer(r, v, 1..=100));
    let (rise, fall) = (count("rise"), count("fall"));
    table.finish(reader);
    let max_age = max_age.unwrap_or(MAX_AGE);
    Some((Push { max_age }, rise.unwrap_or(1), fall.unwrap_or(1)))
}

const MAX_AGE: Duration = Duration::from_secs(30);

/// Adds those that pools name as lists, and checks that none is calculated from itself, too deep, or from too many.
pub(super) fn complete(
    reader: &mut Reader,
    references: &References,
    monitors: &mut Vec<Option<Monitor>>,
) {
    let mut known = HashMap::new();
    for id in 0..monitors.len() {
        let mut path = Vec::new();
        if let Err(why) = leaves(monitors, MonitorId(id as u16), &mut path, &mut known)
            && !why.is_empty()
        {
            let name = references.monitors.name(id);
            let span = references.monitors.span(name).unwrap_or_default();
            reader.error(span, format!("monitor {} {why}", ticked(name)), None);
        }
    }
    for members in references.combinations() {
        let of = members.iter().map(|id| monitors[id.index()].as_ref());
        let of: Option<Vec<&Monitor>> = of.collect();
        let combined = of.map(|of| Monitor {
            name: of.iter().map(|m| &*m.name).collect::<Vec<_>>().join(", "),
            probe: ProbeKind::Calculated(Calculation::All(members.clone())),
            port: 0,
            keeps_port: true,
            at: None,
            interval: Duration::ZERO,
            timeout: Duration::ZERO,
            rise: 1,
            fall: 1,
            jitter: 0.0,
            unknown_is_up: of.iter().all(|monitor| monitor.unknown_is_up),
            options: VerdictOptions::default(),
            place: Place::file(reader.path()),
        });
        monitors.push(combined);
    }
}

/// How many monitors that are not calculated one comes down to. `path` leads to it; what is `known` is right.
fn leaves(
    monitors: &[Option<Monitor>],
    id: MonitorId,
    path: &mut Vec<MonitorId>,
    known: &mut HashMap<MonitorId, (usize, usize)>,
) -> Result<(usize, usize), String> {
    let monitor = monitors.get(id.index()).and_then(Option::as_ref);
    let Some(ProbeKind::Calculated(calculation)) = monitor.map(|monitor| &monitor.probe) else {
        return Ok((1, 0));
    };
    if let Some(&known) = known.get(&id) {
        return Ok(known);
    }
    if path.contains(&id) {
        // Those that only come to such a circle are not to blame.
        let is_of_circle = path.first() == Some(&id);
        let why = "is calculated from itself".to_owned();
        return Err(if is_of_circle { why } else { String::new() });
    }
    let too_deep = || format!("is calculated in more than {DEPTH_MAX} steps");
    if path.len() >= DEPTH_MAX {
        return Err(too_deep());
    }
    path.push(id);
    let (mut count, mut depth) = (0usize, 0);
    for &member in calculation.members() {
        let (leaves, nested) = leaves(monitors, member, path, known)?;
        count += leaves;
        depth = depth.max(nested + 1);
    }
    path.pop();
    if depth > DEPTH_MAX {
        return Err(too_deep());
    }
    if count > MEMBERS_MAX {
        return Err(format!(
            "comes down to {count} monitors, more than {MEMBERS_MAX}"
        ));
    }
    known.insert(id, (count, depth));
    Ok((count, depth))
}
