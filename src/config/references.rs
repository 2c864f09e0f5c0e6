//! Names of tables, and references to them. All names are known before the first table is read,
//! so a reference is resolved (or refused) where it stands.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use toml::de::DeValue;

use super::Member;
use super::near::did_you_mean;
use super::reader::{Reader, Table, Value, in_order, listed, ticked};
use super::scalar::text;
use crate::model::{MonitorId, NetworkId, PolicyId, PoolId, RegionId};

/// Regions, monitors, networks and policies that can be configured, each.
const TABLES_MAX: usize = 65_535;
/// Pools that can be configured: as many as endpoints, since each has one at least.
const POOLS_MAX: usize = 1_000_000;
/// Longest name of a table.
const NAME_LEN_MAX: usize = 63;

/// The tables `[kind.NAME]`, in the order of the file; a table's id is its place here.
pub(super) struct Group<'t> {
    kind: &'static str,
    members: Vec<(&'t str, Range<usize>)>,
    /// By place. None: what stands there is no table (and was reported).
    tables: Vec<Option<Table<'t>>>,
    ids: HashMap<&'t str, usize>,
    used: Vec<bool>,
}

impl<'t> Group<'t> {
    /// Takes the tables of one kind from the top of the file.
    pub fn read(
        reader: &mut Reader,
        top: &mut Table<'t>,
        kind: &'static str,
        members_max: usize,
    ) -> Self {
        let mut group = Group {
            kind,
            members: Vec::new(),
            tables: Vec::new(),
            ids: HashMap::new(),
            used: Vec::new(),
        };
        let Some((_, value)) = top.entry(kind) else {
            return group;
        };
        let expected = format!("a table [{kind}.NAME]");
        let DeValue::Table(entries) = value.get_ref() else {
            reader.wrong_type::<()>(value, &expected);
            return group;
        };
        for (key, value) in in_order(entries) {
            let name: &str = key.get_ref();
            check_name(reader, kind, name, key.span());
            let title = format!("[{kind}.{name}]");
            let table = Table::of(reader, title, value, &expected).map(|mut table| {
                table.span = key.span();
                table
            });
            group.ids.insert(name, group.members.len());
            group.members.push((name, key.span()));
            group.tables.push(table);
        }
        group.check_size(reader, members_max);
        group.used = vec![false; group.members.len()];
        group
    }

    fn check_size(&self, reader: &mut Reader, members_max: usize) {
        if let Some((_, span)) = self.members.get(members_max) {
            let message = format!("too many tables [{}.NAME]", self.kind);
            let help = format!("at most {members_max} are allowed");
            reader.error(span.clone(), message, Some(help));
        }
    }

    /// The place of `name` in the group, marked as used.
    fn find(&mut self, name: &str) -> Option<usize> {
        let id = self.place(name)?;
        self.used[id] = true;
        Some(id)
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.ids.get(name).copied()
    }

    /// The tables with their names, to be read; what is no table stays as `None`.
    pub fn take(&mut self) -> impl Iterator<Item = (&'t str, Option<Table<'t>>)> + use<'t> {
        let tables = std::mem::take(&mut self.tables);
        let names: Vec<_> = self.names().collect();
        names.into_iter().zip(tables)
    }

    /// Where the table `name` begins, if there is one.
    pub fn span(&self, name: &str) -> Option<Range<usize>> {
        let id = self.ids.get(name)?;
        self.members.get(*id).map(|(_, span)| span.clone())
    }

    /// The name of the member with this place.
    pub fn name(&self, id: usize) -> &'t str {
        self.members.get(id).map_or("", |(name, _)| name)
    }

    /// Members that nothing has referred to.
    pub fn unused(&self) -> impl Iterator<Item = (&'t str, Range<usize>)> {
        let members = self.members.iter().zip(&self.used);
        members
            .filter(|(_, used)| !**used)
            .map(|((name, span), _)| (*name, span.clone()))
    }

    fn dangling(&self, reader: &mut Reader, name: &str, span: Range<usize>) {
        let message = format!("no {} named {}", self.kind, ticked(name));
        let help = did_you_mean(name, self.names()).or_else(|| self.known());
        reader.error(span, message, help);
    }

    fn names(&self) -> impl Iterator<Item = &'t str> {
        self.members.iter().map(|(name, _)| *name)
    }

    /// A help text that lists the names, where they are few.
    fn known(&self) -> Option<String> {
        let names: Vec<_> = self.names().take(9).collect();
        match names.len() {
            0 => Some(format!("no table [{}.NAME] is written", self.kind)),
            1..9 => Some(format!("known: {}", listed(&names))),
            _ => None,
        }
    }
}

fn check_name(reader: &mut Reader, kind: &str, name: &str, span: Range<usize>) {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.is_empty() || name.len() > NAME_LEN_MAX || !name.bytes().all(allowed) {
        let message = format!("{} is no name for a {kind}", ticked(name));
        let help = "expected 1 to 63 ASCII letters, digits, `-` and `_`".to_owned();
        reader.error(span, message, Some(help));
    }
}

/// Every name that another table can refer to.
pub(super) struct References<'t> {
    pub networks: Group<'t>,
    pub regions: Group<'t>,
    pub monitors: Group<'t>,
    pub pools: Group<'t>,
    pub policies: Group<'t>,
    /// Networks that some list of client networks names.
    listed_networks: HashSet<usize>,
    /// Monitors of which some pool needs all; their ids follow those of `monitors`.
    combinations: Vec<Vec<MonitorId>>,
    combination_ids: HashMap<Vec<MonitorId>, MonitorId>,
}

impl<'t> References<'t> {
    pub fn read(reader: &mut Reader, top: &mut Table<'t>) -> Self {
        References {
            networks: Group::read(reader, top, "network", TABLES_MAX),
            regions: Group::read(reader, top, "region", TABLES_MAX),
            monitors: Group::read(reader, top, "monitor", TABLES_MAX),
            pools: Group::read(reader, top, "pool", POOLS_MAX),
            policies: Group::read(reader, top, "policy", TABLES_MAX),
            listed_networks: HashSet::new(),
            combinations: Vec::new(),
            combination_ids: HashMap::new(),
        }
    }

    /// A network whose prefixes are meant, not its place: it counts as listed, not as used.
    pub fn listed_network(
        &mut self,
        reader: &mut Reader,
        name: &str,
        span: Range<usize>,
    ) -> Option<NetworkId> {
        let Some(id) = self.networks.place(name) else {
            self.networks.dangling(reader, name, span);
            return None;
        };
        self.listed_networks.insert(id);
        u16::try_from(id).ok().map(NetworkId)
    }

    pub fn has_network(&self, name: &str) -> bool {
        self.networks.place(name).is_some()
    }

    /// Whether some list of client networks has the network `name`.
    pub fn is_listed(&self, name: &str) -> bool {
        let place = self.networks.place(name);
        place.is_some_and(|id| self.listed_networks.contains(&id))
    }

    pub fn network(
        &mut self,
        reader: &mut Reader,
        name: &str,
        span: Range<usize>,
    ) -> Option<NetworkId> {
        let id = resolve(reader, &mut self.networks, name, span)?;
        u16::try_from(id).ok().map(NetworkId)
    }

    pub fn region(&mut self, reader: &mut Reader, value: &Value) -> Option<RegionId> {
        let name = text(reader, value, "the name of a region such as \"eu\"")?;
        self.region_named(reader, name, value.span())
    }

    pub fn region_named(
        &mut self,
        reader: &mut Reader,
        name: &str,
        span: Range<usize>,
    ) -> Option<RegionId> {
        let id = resolve(reader, &mut self.regions, name, span)?;
        u16::try_from(id).ok().map(RegionId)
    }

    pub fn monitor(&mut self, reader: &mut Reader, value: &Value) -> Option<MonitorId> {
        let name = text(reader, value, "the name of a monitor such as \"web\"")?;
        let id = resolve(reader, &mut self.monitors, name, value.span())?;
        u16::try_from(id).ok().map(MonitorId)
    }

    /// The monitor that is up when all `members` are.
    pub fn combined(
        &mut self,
        reader: &mut Reader,
        members: &[MonitorId],
        span: Range<usize>,
    ) -> Option<MonitorId> {
        if let Some(&id) = self.combination_ids.get(members) {
            return Some(id);
        }
        let id = self.monitors.members.len() + self.combinations.len();
        let Some(id) = u16::try_from(id).ok().map(MonitorId) else {
            let message = format!("more than {TABLES_MAX} monitors, lists of them included");
            reader.error(span, message, None);
            return None;
        };
        self.combinations.push(members.to_vec());
        self.combination_ids.insert(members.to_vec(), id);
        Some(id)
    }

    pub fn combinations(&self) -> &[Vec<MonitorId>] {
        &self.combinations
    }

    pub fn pool(&mut self, reader: &mut Reader, value: &Value) -> Option<PoolId> {
        let name = text(reader, value, "the name of a pool such as \"web-eu\"")?;
        let id = resolve(reader, &mut self.pools, name, value.span())?;
        u32::try_from(id).ok().map(PoolId)
    }

    pub fn policy(&mut self, reader: &mut Reader, value: &Value) -> Option<PolicyId> {
        let name = text(reader, value, "the name of a policy such as \"world\"")?;
        let id = resolve(reader, &mut self.policies, name, value.span())?;
        u32::try_from(id).ok().map(PolicyId)
    }

    /// A member of a policy: a pool, or another policy.
    pub fn member(
        &mut self,
        reader: &mut Reader,
        name: &str,
        span: Range<usize>,
    ) -> Option<Member> {
        if let Some(id) = self.pools.find(name) {
            return u32::try_from(id).ok().map(|id| Member::Pool(PoolId(id)));
        }
        if let Some(id) = self.policies.find(name) {
            return u32::try_from(id)
                .ok()
                .map(|id| Member::Policy(PolicyId(id)));
        }
        let message = format!("no pool or policy named {}", ticked(name));
        let names = self.pools.names().chain(self.policies.names());
        let help = did_you_mean(name, names).or_else(|| self.pools.known());
        reader.error(span, message, help);
        None
    }
}

/// The place of `name` in its group; reports a name that is not there.
fn resolve(
    reader: &mut Reader,
    group: &mut Group,
    name: &str,
    span: Range<usize>,
) -> Option<usize> {
    let id = group.find(name);
    if id.is_none() {
        group.dangling(reader, name, span);
    }
    id
}
