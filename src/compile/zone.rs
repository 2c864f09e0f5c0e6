//! Records and balanced names -> a [`Zone`] that answers without thinking.
//!
//! | module | question it answers |
//! |---|---|
//! | `names` | which names exist, and who answers below each? |
//! | `nodes` | how are they found meanwhile? |
//! | `rrsets` | which octets does an RRset have in a message? |
//! | `compression` | which end of a name stands in the message already? |
//! | `targets` | whose addresses come along with an RRset? |
//! | `hints` | what does a service's record say without its hints? |

mod compression;
mod hints;
mod names;
mod nodes;
mod rrsets;
mod targets;

use std::collections::HashMap;

use super::zonefile::{Records, ZoneRecord};
use crate::config::Place;
use crate::dns::{Name, rtype};
use crate::model::{Responses, RrsetOrder, TtlRange};
use crate::state::zone::{BalancedName, Rrset, Target, Zone};
use nodes::Nodes;

/// A balanced name before its policy is linked.
#[derive(Clone, Debug)]
pub struct BalancedSpec<'a> {
    pub owner: &'a Name,
    pub policy: &'a str,
    pub ttl: TtlRange,
    pub answers: u8,
}

/// How a zone answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether client subnets steer here (RFC 7871).
    pub client_subnet: bool,
    pub responses: Responses,
    pub rrset_order: RrsetOrder,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            client_subnet: true,
            responses: Responses::default(),
            rrset_order: RrsetOrder::default(),
        }
    }
}

/// Why there is no zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where the first record stands that makes it so.
    pub place: Option<Place>,
    pub message: String,
}

impl Refused {
    fn at(record: &ZoneRecord<'_>, message: String) -> Self {
        Refused {
            place: Some(record.place()),
            message,
        }
    }
}

/// Builds the zone `apex` out of checked records (exactly one SOA, all owners inside the zone).
/// Those below a DNAME are left out: they do not exist (RFC 6672, 2.4).
///
/// # Errors
/// When an RRset does not fit a message, an owner has more than 256 types, or the whole has more than
/// 4 GiB.
pub fn build(
    apex: &Name,
    settings: Settings,
    records: &Records,
    balanced: &[BalancedSpec<'_>],
) -> Result<Zone, Refused> {
    let mut builder = Builder::new(apex, settings);
    builder.add_owners(records, balanced);
    builder.link_cuts(records);
    builder.link_redirections(records);
    let policy_names = builder.add_balanced(balanced);
    let more_rrsets = builder.add_rrsets(records)?;
    let soa = records
        .iter()
        .find(|record| record.rtype == rtype::SOA && record.owner == apex)
        .ok_or_else(|| Refused {
            place: None,
            message: format!("zone `{apex}` has no SOA record"),
        })?;
    let negative_soa = builder.negative_soa(soa)?;
    builder.finish(more_rrsets, negative_soa, policy_names)
}

struct Builder<'a> {
    apex: &'a Name,
    settings: Settings,
    nodes: Nodes,
    /// By record: the node of its owner, or `NONE`.
    owners: Vec<u32>,
    blob: Vec<u8>,
    patches: Vec<u16>,
    targets: Vec<Target>,
    balanced: Vec<BalancedName>,
}

/// Splits a relative name into its first label and the rest.
fn split_label(relative: &[u8]) -> (&[u8], &[u8]) {
    relative.split_at(1 + usize::from(relative[0]))
}

impl<'a> Builder<'a> {
    fn new(apex: &'a Name, settings: Settings) -> Self {
        Builder {
            apex,
            settings,
            nodes: Nodes::new(),
            owners: Vec::new(),
            blob: Vec::new(),
            patches: Vec::new(),
            targets: Vec::new(),
            balanced: Vec::new(),
        }
    }

    fn add_balanced(&mut self, specs: &[BalancedSpec<'_>]) -> Vec<Box<str>> {
        let mut policy_names: Vec<Box<str>> = Vec::new();
        let mut known: HashMap<&str, u16> = HashMap::new();
        for spec in specs {
            let policy = *known.entry(spec.policy).or_insert_with(|| {
                policy_names.push(spec.policy.into());
                (policy_names.len() - 1) as u16
            });
            if let Some(node) = self.node_of(spec.owner) {
                self.nodes.all[node as usize].balanced = self.balanced.len() as u32;
                self.balanced.push(BalancedName {
                    policy,
                    ttl: spec.ttl,
                    answers: spec.answers,
                });
            }
        }
        policy_names
    }

    /// The SOA once more, its TTL the lesser of its own and MINIMUM (RFC 2308, 5).
    fn negative_soa(&mut self, soa: ZoneRecord<'_>) -> Result<Rrset, Refused> {
        let minimum = soa
            .rdata
            .last_chunk()
            .map_or(0, |octets| u32::from_be_bytes(*octets));
        let mut negative = soa;
        negative.ttl = soa.ttl.min(minimum);
        self.rrset(&[negative])
    }

    fn finish(
        mut self,
        more_rrsets: Vec<Rrset>,
        negative_soa: Rrset,
        policy_names: Vec<Box<str>>,
    ) -> Result<Zone, Refused> {
        let (table, nodes) = self.nodes.finish(&mut self.blob);
        // They are found by 32 bits. A text of 1 GiB can have more, below a long `$ORIGIN`.
        if u32::try_from(self.blob.len()).is_err() {
            let apex = self.apex;
            return Err(Refused {
                place: None,
                message: format!("zone `{apex}` has more than 4 GiB in memory; split it"),
            });
        }
        Ok(Zone {
            apex: self.apex.clone(),
            apex_lower: self.apex.to_lowercase().as_wire().into(),
            client_subnet: self.settings.client_subnet,
            is_full: self.settings.responses == Responses::Full,
            is_rotated: self.settings.rrset_order == RrsetOrder::Rotated,
            table,
            nodes,
            more_rrsets: more_rrsets.into(),
            blob: self.blob.into(),
            patches: self.patches.into(),
            targets: self.targets.into(),
            balanced: self.balanced.into(),
            policy_names: policy_names.into(),
            negative_soa,
        })
    }
}
