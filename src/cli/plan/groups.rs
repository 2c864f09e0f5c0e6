//! Which balanced names are steered alike?

use std::collections::{BTreeMap, HashMap};

use crate::config::Config;
use crate::dns::{Name, QueryName, rtype};
use crate::model::PolicyId;
use crate::plan::{Policies, Sides, policy_of};

/// Names that have one policy before and one after.
#[derive(Clone, Debug)]
pub struct Group {
    pub policies: Policies,
    pub names: Vec<String>,
}

/// All names of two configurations.
#[derive(Debug, Default)]
pub struct Groups {
    pub groups: Vec<Group>,
    pub only_before: Vec<String>,
    pub only_after: Vec<String>,
}

impl Groups {
    pub fn new(before: &Config, after: &Config) -> Self {
        let known: HashMap<Name, PolicyId> = balanced(before).collect();
        let mut only_before: BTreeMap<Name, ()> = known.keys().map(|n| (n.clone(), ())).collect();
        let mut groups: BTreeMap<Policies, Vec<String>> = BTreeMap::new();
        let mut only_after = Vec::new();
        for (name, after) in balanced(after) {
            match known.get(&name) {
                Some(&before) => {
                    only_before.remove(&name);
                    let policies = Policies { before, after };
                    groups.entry(policies).or_default().push(name.to_string());
                }
                None => only_after.push(name.to_string()),
            }
        }
        let groups = groups.into_iter();
        Groups {
            groups: groups
                .map(|(policies, names)| Group { policies, names })
                .collect(),
            only_before: only_before.keys().map(ToString::to_string).collect(),
            only_after,
        }
    }

    /// Nothing but `name`.
    ///
    /// # Errors
    /// In words, where it is no balanced name before or after.
    pub fn of_name(sides: &Sides<'_>, name: &Name) -> Result<Self, String> {
        let mut asked = QueryName::default();
        asked.read(name.as_wire());
        let policy = |side: &crate::plan::Side<'_>, when| {
            let found = policy_of(side.root, &asked, rtype::A);
            let policy = found.map(|(policy, _)| policy);
            policy.ok_or_else(|| format!("{name} is no balanced name {when}"))
        };
        let policies = Policies {
            before: policy(&sides.before, "in the configuration as it is")?,
            after: policy(&sides.after, "in the configuration as it would be")?,
        };
        Ok(Groups {
            groups: vec![Group {
                policies,
                names: vec![name.to_string()],
            }],
            ..Groups::default()
        })
    }
}

/// In lower case, as names are compared.
fn balanced(config: &Config) -> impl Iterator<Item = (Name, PolicyId)> {
    let balanced = config.zones.iter().flat_map(|zone| &zone.balanced);
    balanced.map(|balanced| (balanced.owner.to_lowercase(), balanced.policy))
}

/// Groups whose policies read the same maps.
pub fn by_maps<'g>(sides: &Sides<'_>, groups: &'g [Group]) -> Vec<Vec<&'g Group>> {
    let mut by_maps: BTreeMap<_, Vec<&Group>> = BTreeMap::new();
    for group in groups {
        let Policies { before, after } = group.policies;
        let of = |side: &crate::plan::Side<'_>, id: PolicyId| {
            side.root.pools.policies[id.index()].maps.clone()
        };
        let maps = (of(&sides.before, before), of(&sides.after, after));
        by_maps.entry(maps).or_default().push(group);
    }
    by_maps.into_values().collect()
}
