//! Reads `when` of a policy, and makes policies of its rules.

use std::collections::HashSet;

use super::location::clients;
use super::policy::{Draft, DraftMember, DraftOrder, region_order, when_all_down};
use super::reader::{Reader, Table, Value, ticked};
use super::references::References;
use super::scalar::{list, text};
use super::{At, Member, Place, Pool, Rule, Selector};
use crate::model::{Balance, PolicyId, RegionId, WhenAllDown};

/// Rules of one policy at most.
pub(super) const RULES_MAX: usize = 255;

/// A rule that was read, but has no policy yet.
#[derive(Clone)]
pub(super) struct DraftRule {
    clients: Option<Vec<Selector>>,
    except: Vec<Selector>,
    then: Then,
    when_all_down: Option<WhenAllDown>,
    place: Place,
}

/// What holds for clients whom a rule fits.
#[derive(Clone)]
enum Then {
    /// `use = "web-cn"`
    Use(DraftMember),
    /// `within = ["eu"]` or `never = ["cn"]`: the same policy, as if it had no members but these.
    Fenced {
        regions: Vec<At<RegionId>>,
        within: bool,
    },
}

/// `[{ clients = ["country:CN"], use = "web-cn" }]`
pub(super) fn rules(
    reader: &mut Reader,
    references: &mut References,
    value: &Value,
) -> Option<Vec<DraftRule>> {
    let expected = "a list of rules such as [{ clients = [\"country:CN\"], use = \"web-cn\" }]";
    let rules = list(reader, value, expected, |r, v| rule(r, references, v))?;
    if rules.len() > RULES_MAX {
        let message = format!("{} rules in one policy", rules.len());
        let help = format!("at most {RULES_MAX} are allowed; a rule may `use` a policy with more");
        reader.error(value.span(), message, Some(help));
    }
    Some(rules)
}

fn rule(reader: &mut Reader, references: &mut References, value: &Value) -> Option<DraftRule> {
    let expected = "a rule such as { clients = [\"country:CN\"], use = \"web-cn\" }";
    let mut table = Table::of(reader, "a rule", value, expected)?;
    let whom = table.optional(reader, "clients", |r, v| clients(r, references, v));
    let except = table.optional(reader, "except", |r, v| clients(r, references, v));
    let uses = table.optional(reader, "use", |r, v| used(r, references, v));
    let within = table.optional(reader, "within", |r, v| region_order(r, references, v));
    let never = table.optional(reader, "never", |r, v| region_order(r, references, v));
    let then_down = table.optional(reader, "when_all_down", |r, v| {
        when_all_down(r, references, v)
    });
    for key in ["clients", "except", "within", "never"] {
        let written = table
            .entry(key)
            .and_then(|(_, value)| value.get_ref().as_array());
        if !written.is_some_and(|list| list.is_empty()) {
            continue;
        }
        table.refuse(reader, key, "is empty");
    }
    let has = |key: &str| table.key_span(key).is_some();
    let thens = ["use", "within", "never"]
        .into_iter()
        .filter(|key| has(key))
        .count();
    let names_none = !has("clients") && !has("except");
    table.finish(reader);
    if thens != 1 {
        let message = "a rule needs one of `use`, `within` and `never`";
        let help = "for example `use = \"web-cn\"`, or `within = [\"eu\"]`".to_owned();
        reader.error(value.span(), message, Some(help));
        return None;
    }
    if names_none {
        let message = "a rule without `clients` and `except` is about everybody";
        let help = "for example `clients = [\"country:CN\"]`, or `except = [\"continent:EU\"]`";
        reader.error(value.span(), message, Some(help.to_owned()));
    }
    let then = match (uses, within, never) {
        (Some(member), ..) => {
            if matches!(member.member, Member::Policy(_)) && then_down.is_some() {
                let message = format!("{} has its own `when_all_down`", ticked(&member.name));
                let help = "write it there".to_owned();
                reader.error(value.span(), message, Some(help));
            }
            Then::Use(member)
        }
        (_, Some(regions), _) => Then::Fenced {
            regions,
            within: true,
        },
        (_, _, Some(regions)) => Then::Fenced {
            regions,
            within: false,
        },
        // It could not be read, and was reported.
        _ => return None,
    };
    Some(DraftRule {
        clients: whom,
        except: except.unwrap_or_default(),
        then,
        when_all_down: then_down,
        place: reader.place(value.span().start),
    })
}

fn used(reader: &mut Reader, references: &mut References, value: &Value) -> Option<DraftMember> {
    let name = text(reader, value, "the name of a pool or a policy")?;
    Some(DraftMember {
        member: references.member(reader, name, value.span())?,
        name: name.to_owned(),
        weight: 1,
        place: reader.place(value.span().start),
    })
}

/// Makes policies of all rules, and of what the policies that have them say besides. They come after those that
/// are written.
pub(super) fn expand(
    reader: &mut Reader,
    references: &References,
    pools: &[Option<Pool>],
    mut drafts: Vec<Option<Draft>>,
) -> Vec<Option<Draft>> {
    for id in 0..drafts.len() {
        let Some(draft) = drafts[id].as_mut().filter(|draft| !draft.rules.is_empty()) else {
            continue;
        };
        let read = std::mem::take(&mut draft.rules);
        let mut general = draft.clone();
        general.name = format!("{}/otherwise", draft.name);
        let mut rules = Vec::with_capacity(read.len());
        for (number, rule) in read.into_iter().enumerate() {
            let name = format!("{}/rule-{}", general_name(&general), number + 1);
            let policy = match &rule.then {
                Then::Use(DraftMember {
                    member: Member::Policy(policy),
                    ..
                }) => *policy,
                _ => {
                    let draft = Fence {
                        reader,
                        references,
                        pools,
                        drafts: &drafts,
                    }
                    .of_rule(&general, &rule, name);
                    drafts.push(draft);
                    PolicyId(drafts.len() as u32 - 1)
                }
            };
            rules.push(Rule {
                clients: rule.clients,
                except: rule.except,
                policy,
            });
        }
        drafts.push(Some(general));
        let otherwise = PolicyId(drafts.len() as u32 - 1);
        if let Some(draft) = &mut drafts[id] {
            draft.order = DraftOrder::When { rules, otherwise };
            draft.members = Vec::new();
            draft.last_resort = Vec::new();
            draft.spread = Vec::new();
        }
    }
    drafts
}

fn general_name(general: &Draft) -> &str {
    let name = &general.name;
    name.strip_suffix("/otherwise").unwrap_or(name)
}

struct Fence<'a, 'r, 't> {
    reader: &'a mut Reader<'r>,
    references: &'a References<'t>,
    pools: &'a [Option<Pool>],
    drafts: &'a [Option<Draft>],
}

impl Fence<'_, '_, '_> {
    /// The policy that holds for those whom `rule` fits.
    fn of_rule(&mut self, general: &Draft, rule: &DraftRule, name: String) -> Option<Draft> {
        let mut draft = general.clone();
        draft.name = name;
        draft.place = rule.place.clone();
        draft.when_all_down = rule.when_all_down.unwrap_or(general.when_all_down);
        match &rule.then {
            Then::Use(member) => {
                draft.order = DraftOrder::Listed;
                draft.balance = Balance::Failover;
                draft.members = vec![member.clone()];
                draft.last_resort = Vec::new();
                draft.spread = Vec::new();
            }
            Then::Fenced { regions, within } => {
                let named = |region: RegionId| regions.iter().any(|at| at.value == region);
                let is_inside = |region: RegionId| named(region) == *within;
                draft.members = self.inside(rule, draft.members, is_inside)?;
                draft.last_resort = self.inside(rule, draft.last_resort, is_inside)?;
                if draft.members.is_empty() {
                    let message =
                        format!("no member of {} lies there", ticked(general_name(general)));
                    self.reader.error_at(&rule.place, message, None);
                    return None;
                }
                let left: HashSet<RegionId> = self.regions(&draft.members).collect();
                if let DraftOrder::Geo { serves, default } = &mut draft.order {
                    serves.retain(|(region, _)| left.contains(&region.value));
                    default.retain(|region| left.contains(&region.value));
                }
                self.warn_of_way_out(&draft, is_inside);
            }
        }
        Some(draft)
    }

    /// The members whose pools are all inside; those whose pools are all outside are left out.
    fn inside(
        &mut self,
        rule: &DraftRule,
        members: Vec<DraftMember>,
        is_inside: impl Fn(RegionId) -> bool,
    ) -> Option<Vec<DraftMember>> {
        let mut kept = Vec::new();
        for member in members {
            let regions: Vec<_> = self.regions(std::slice::from_ref(&member)).collect();
            if regions.iter().all(|&region| is_inside(region)) {
                kept.push(member);
            } else if regions.iter().any(|&region| is_inside(region)) {
                let message = format!("{} has pools inside and outside", ticked(&member.name));
                let help = "write a policy of those inside, and `use` it".to_owned();
                self.reader.error_at(&rule.place, message, Some(help));
                return None;
            }
        }
        Some(kept)
    }

    /// Where the pools within reach of `members` lie.
    fn regions(&self, members: &[DraftMember]) -> impl Iterator<Item = RegionId> {
        let mut regions = HashSet::new();
        let mut seen = HashSet::new();
        let mut left: Vec<Member> = members.iter().map(|member| member.member).collect();
        while let Some(member) = left.pop() {
            if !seen.insert(member) {
                continue;
            }
            match member {
                Member::Pool(pool) => {
                    let pool = self.pools.get(pool.index()).and_then(Option::as_ref);
                    regions.extend(pool.map(|pool| pool.region));
                }
                Member::Policy(policy) => {
                    let draft = self.drafts.get(policy.index()).and_then(Option::as_ref);
                    let Some(draft) = draft else { continue };
                    let members = draft.members.iter().chain(&draft.last_resort);
                    left.extend(members.map(|member| member.member));
                    left.extend(draft.nested().map(Member::Policy));
                    left.extend(draft.rules.iter().filter_map(|rule| match &rule.then {
                        Then::Use(member) => Some(member.member),
                        Then::Fenced { .. } => None,
                    }));
                }
            }
        }
        regions.into_iter()
    }

    /// Warns of a fallback that is not inside.
    fn warn_of_way_out(&mut self, draft: &Draft, is_inside: impl Fn(RegionId) -> bool) {
        let WhenAllDown::Fallback(id) = draft.when_all_down else {
            return;
        };
        let pool = self.pools.get(id.index()).and_then(Option::as_ref);
        if let Some(pool) = pool.filter(|pool| !is_inside(pool.region)) {
            let region = self.references.regions.name(pool.region.index());
            let message = format!(
                "in need, clients leave these regions: the fallback {} is in {}",
                ticked(&pool.name),
                ticked(region)
            );
            let help = "the rule may have a `when_all_down` of its own".to_owned();
            self.reader.warning_at(&draft.place, message, Some(help));
        }
    }
}
