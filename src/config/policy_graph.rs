//! What must hold between policies: no loops, not too deep, not too many maps, and one region
//! for every member of a `geo` policy.
//!
//! Policies are visited members first, so that every question about a policy is answered from
//! the answers of its members; nothing here recurses.

use std::collections::HashMap;

use super::policy::{Draft, DraftMember, DraftOrder};
use super::reader::{Reader, ticked};
use super::references::References;
use super::{At, Member, Policy, PolicyMember, PolicyOrder, Pool, Rule, Selector};
use crate::model::{
    Balance, FamilyFallback, POLICY_DEPTH_MAX, POLICY_MAPS_MAX, PolicyId, PoolId, RegionId,
    WhenAllDown,
};

/// Regions that one `geo` policy can rank.
const GEO_REGIONS_MAX: usize = 255;

/// The finished policies; `None` for each that has a mistake, here or before.
pub(super) fn policies(
    reader: &mut Reader,
    references: &References,
    pools: &[Option<Pool>],
    drafts: Vec<Option<Draft>>,
) -> Vec<Option<Policy>> {
    let Some(order) = members_first(reader, &drafts) else {
        return drafts.iter().map(|_| None).collect();
    };
    let mut graph = Graph {
        reader,
        references,
        pools,
        facts: drafts.iter().map(|_| None).collect(),
    };
    let mut finished: Vec<Option<Policy>> = drafts.iter().map(|_| None).collect();
    for id in order {
        if let Some(draft) = &drafts[id] {
            finished[id] = graph.finish(id, draft);
        }
    }
    finished
}

/// What is known of a policy once its members are.
struct Facts {
    /// Policies on the longest way down, itself included.
    depth: usize,
    regions: Span,
    has_rules: bool,
    has_names: bool,
    has_addresses: bool,
    /// Distinct maps within reach; one past the limit at most.
    maps: Vec<MapKey>,
}

/// The regions that pools lie in: as far as it matters, one or several.
#[derive(Clone, Copy)]
enum Span {
    One(RegionId),
    Several(RegionId, RegionId),
}

/// What makes two policies share a map.
#[derive(Clone, PartialEq)]
enum MapKey {
    Geo {
        regions: Vec<RegionId>,
        serves: Vec<(RegionId, Vec<Selector>)>,
        default: Vec<RegionId>,
    },
    When(Vec<Clients>),
}

/// Whom a rule is about.
type Clients = (Option<Vec<Selector>>, Vec<Selector>);

/// Where a walk stands with a policy.
#[derive(Clone, Copy, PartialEq)]
enum Visit {
    New,
    Open,
    Done,
}

/// The policies in an order where members come before those they are members of; None (and a
/// report) if some refer to one another in a circle.
fn members_first(reader: &mut Reader, drafts: &[Option<Draft>]) -> Option<Vec<usize>> {
    let mut visits = vec![Visit::New; drafts.len()];
    let mut order = Vec::with_capacity(drafts.len());
    let mut has_loop = false;
    for start in 0..drafts.len() {
        // Policies on the way from `start`, each with the number of members already seen.
        let mut way: Vec<(usize, usize)> = Vec::new();
        if visits[start] == Visit::New {
            visits[start] = Visit::Open;
            way.push((start, 0));
        }
        while let Some((id, seen)) = way.last_mut() {
            let id = *id;
            let draft = drafts[id].as_ref();
            let next = draft.and_then(|draft| draft.nested().nth(*seen));
            *seen += 1;
            let Some(next) = next else {
                visits[id] = Visit::Done;
                order.push(id);
                way.pop();
                continue;
            };
            let Some(visit) = visits.get(next.index()) else {
                continue;
            };
            match visit {
                Visit::New => {
                    visits[next.index()] = Visit::Open;
                    way.push((next.index(), 0));
                }
                Visit::Open => {
                    has_loop = true;
                    report_loop(reader, drafts, &way, next);
                }
                Visit::Done => {}
            }
        }
    }
    (!has_loop).then_some(order)
}

fn report_loop(
    reader: &mut Reader,
    drafts: &[Option<Draft>],
    way: &[(usize, usize)],
    first: PolicyId,
) {
    let first = first.index();
    const SHOWN_MAX: usize = 10;
    let members = way.iter().map(|(id, _)| *id).skip_while(|id| *id != first);
    let names: Vec<_> = members
        .chain([first])
        .filter_map(|id| drafts[id].as_ref().map(|draft| draft.name.as_str()))
        .collect();
    let shown = if names.len() > SHOWN_MAX {
        let (head, last) = (&names[..SHOWN_MAX - 1], names[names.len() - 1]);
        format!("{} -> … -> {last}", head.join(" -> "))
    } else {
        names.join(" -> ")
    };
    let message = format!("policies refer to one another in a circle: {shown}");
    let Some(closing) = way.last().and_then(|(id, _)| drafts[*id].as_ref()) else {
        return;
    };
    let mut members = closing.members.iter().chain(&closing.last_resort);
    let member = members.find(|member| member.member == Member::Policy(PolicyId(first as u32)));
    let place = member.map_or(&closing.place, |member| &member.place);
    reader.error_at(place, message, None);
}

struct Graph<'a, 'r, 't> {
    reader: &'a mut Reader<'r>,
    references: &'a References<'t>,
    pools: &'a [Option<Pool>],
    /// By policy; None until visited, and for policies with mistakes.
    facts: Vec<Option<Facts>>,
}

impl Graph<'_, '_, '_> {
    /// Checks a policy whose members were visited.
    fn finish(&mut self, id: usize, draft: &Draft) -> Option<Policy> {
        let members = draft.members.iter().chain(&draft.last_resort);
        let spans: Option<Vec<Span>> = members.map(|m| self.span(m.member)).collect();
        let spans = spans?;
        self.refuse_members_with_rules(draft);
        let (order, members) = self.order(draft, &spans[..draft.members.len()])?;
        let depth = self.depth(draft)?;
        let maps = self.maps(draft, &order, &members)?;
        let ruled = self.ruled(draft)?;
        let has_names = self.has_names(draft);
        self.refuse_spread_names(draft, has_names);
        let family_fallback = self.family_fallback(draft, has_names);
        self.warn_of_mixed_draws(draft, &order, &members);
        let has_addresses = self.has_addresses(draft);
        let regions = spans.into_iter().chain(ruled).reduce(Span::join)?;
        self.facts[id] = Some(Facts {
            depth,
            regions,
            has_rules: matches!(draft.order, DraftOrder::When { .. }),
            has_names,
            has_addresses,
            maps,
        });
        Some(Policy {
            name: draft.name.clone(),
            order,
            members,
            balance: draft.balance,
            last_resort: draft.last_resort.iter().map(|m| m.member).collect(),
            spread: draft.spread.clone(),
            when_all_down: draft.when_all_down,
            family_fallback,
            has_names,
            place: draft.place.clone(),
        })
    }

    /// Whom a policy with rules can come to depends on the client, and members are chosen by what they can come to.
    fn refuse_members_with_rules(&mut self, draft: &Draft) {
        for listed in draft.members.iter().chain(&draft.last_resort) {
            let Member::Policy(id) = listed.member else {
                continue;
            };
            let facts = self.facts.get(id.index()).and_then(Option::as_ref);
            if facts.is_some_and(|facts| facts.has_rules) {
                let message = format!(
                    "{} has rules, and so cannot be a member",
                    ticked(&listed.name)
                );
                let help = "write `when` in the policy that names refer to; a rule may `use` another with rules";
                self.reader
                    .error_at(&listed.place, message, Some(help.to_owned()));
            }
        }
    }

    /// Whether it may come to a pool whose endpoints are names.
    fn has_names(&self, draft: &Draft) -> bool {
        let is_of_names = |id: PoolId| {
            let pool = self.pools.get(id.index()).and_then(Option::as_ref);
            pool.is_some_and(Pool::is_of_names)
        };
        let listed = draft.members.iter().chain(&draft.last_resort);
        let mut pools = listed.filter_map(|listed| match listed.member {
            Member::Pool(id) => Some(id),
            Member::Policy(_) => None,
        });
        let fallback = match draft.when_all_down {
            WhenAllDown::Fallback(pool) => Some(pool),
            _ => None,
        };
        pools.any(is_of_names)
            || fallback.is_some_and(is_of_names)
            || self.nested(draft).any(|facts| facts.has_names)
    }

    /// Whether it may come to a pool whose endpoints are addresses.
    fn has_addresses(&self, draft: &Draft) -> bool {
        let mut listed = draft.members.iter().chain(&draft.last_resort);
        let has_addresses = |listed: &DraftMember| match listed.member {
            Member::Pool(_) => self.may_come_to(listed.member)[1],
            Member::Policy(_) => false,
        };
        listed.any(has_addresses) || self.nested(draft).any(|facts| facts.has_addresses)
    }

    /// Whether a member may come to names, and whether to addresses.
    fn may_come_to(&self, member: Member) -> [bool; 2] {
        match member {
            Member::Pool(id) => {
                let pool = self.pools.get(id.index()).and_then(Option::as_ref);
                pool.map_or([false; 2], |pool| [pool.is_of_names(), !pool.is_of_names()])
            }
            Member::Policy(id) => {
                let facts = self.facts.get(id.index()).and_then(Option::as_ref);
                facts.map_or([false; 2], |facts| [facts.has_names, facts.has_addresses])
            }
        }
    }

    /// A name with a CNAME has no addresses (RFC 1034, 3.6.2): where the family chose the pool, A could be answered
    /// with addresses and AAAA with a name.
    fn family_fallback(&mut self, draft: &Draft, has_names: bool) -> FamilyFallback {
        if has_names && draft.family_fallback == Some(FamilyFallback::Region) {
            let message = format!(
                "`family_fallback = \"region\"` of policy {} has no effect: it may come to a pool of names",
                ticked(&draft.name)
            );
            let help = "a name has either a CNAME or addresses, so that both families are answered from the same \
                        pool, as with \"nodata\"";
            self.reader
                .warning_at(&draft.place, message, Some(help.to_owned()));
        }
        match draft.family_fallback {
            _ if has_names => FamilyFallback::NoData,
            written => written.unwrap_or(FamilyFallback::Region),
        }
    }

    /// Where every query has a draw of its own, A and AAAA of one name may come to different members.
    fn warn_of_mixed_draws(
        &mut self,
        draft: &Draft,
        order: &PolicyOrder,
        members: &[PolicyMember],
    ) {
        if draft.balance.is_by_client() || draft.balance == Balance::Failover {
            return;
        }
        // By what is drawn together: how many may come to names, to addresses, to either.
        let mut counts: HashMap<Option<RegionId>, [usize; 3]> = HashMap::new();
        for member in members {
            let [names, addresses] = self.may_come_to(member.member);
            let together = match order {
                PolicyOrder::Geo { .. } => member.region,
                PolicyOrder::Listed | PolicyOrder::When { .. } => None,
            };
            let counts = counts.entry(together).or_default();
            for (count, may) in counts
                .iter_mut()
                .zip([names, addresses, names || addresses])
            {
                *count += usize::from(may);
            }
        }
        let mut counts = counts.values();
        let is_mixed =
            counts.any(|&[names, addresses, either]| names > 0 && addresses > 0 && either > 1);
        if is_mixed {
            let message = format!(
                "policy {} chooses per query between names and addresses: a resolver may hold both",
                ticked(&draft.name)
            );
            let help = "use `rendezvous`, `source-hash` or `failover`: a name with a CNAME has no other records \
                        (RFC 1034, 3.6.2)";
            self.reader
                .warning_at(&draft.place, message, Some(help.to_owned()));
        }
    }

    /// An answer has one CNAME, and nothing else.
    fn refuse_spread_names(&mut self, draft: &Draft, has_names: bool) {
        if has_names && !draft.spread.is_empty() {
            let message = format!(
                "policy {} has `spread`, and may come to a pool of names",
                ticked(&draft.name)
            );
            let help = "an answer has one CNAME; `spread` is for addresses".to_owned();
            self.reader.error_at(&draft.place, message, Some(help));
        }
    }

    /// Where the pools of those policies lie that its rules name; `None` if one of them has a mistake.
    fn ruled(&self, draft: &Draft) -> Option<Vec<Span>> {
        let DraftOrder::When { rules, otherwise } = &draft.order else {
            return Some(Vec::new());
        };
        let policies = rules.iter().map(|rule| rule.policy).chain([*otherwise]);
        policies.map(|id| self.span(Member::Policy(id))).collect()
    }

    fn span(&self, member: Member) -> Option<Span> {
        match member {
            Member::Pool(id) => Some(Span::One(self.pools.get(id.index())?.as_ref()?.region)),
            Member::Policy(id) => Some(self.facts.get(id.index())?.as_ref()?.regions),
        }
    }

    fn nested<'s>(&'s self, draft: &'s Draft) -> impl Iterator<Item = &'s Facts> {
        draft
            .nested()
            .filter_map(|id| self.facts.get(id.index())?.as_ref())
    }

    fn depth(&mut self, draft: &Draft) -> Option<usize> {
        let depth = 1 + self
            .nested(draft)
            .map(|facts| facts.depth)
            .max()
            .unwrap_or(0);
        if depth > POLICY_DEPTH_MAX {
            let message = format!("policy {} nests too deep", ticked(&draft.name));
            let help = format!("at most {POLICY_DEPTH_MAX} policies may lie on one way to a pool");
            self.reader.error_at(&draft.place, message, Some(help));
            return None;
        }
        Some(depth)
    }

    /// The maps within reach of a policy.
    fn maps(
        &mut self,
        draft: &Draft,
        order: &PolicyOrder,
        members: &[PolicyMember],
    ) -> Option<Vec<MapKey>> {
        let mut maps: Vec<MapKey> = map_key(order, members).into_iter().collect();
        for nested in self.nested(draft) {
            for map in &nested.maps {
                if !maps.contains(map) {
                    maps.push(map.clone());
                }
            }
        }
        if maps.len() > POLICY_MAPS_MAX {
            let message = format!("policy {} reaches too many maps", ticked(&draft.name));
            let help = format!(
                "at most {POLICY_MAPS_MAX} `geo` policies that rank regions differently, or policies with \
                 other rules, may lie below one"
            );
            self.reader.error_at(&draft.place, message, Some(help));
            return None;
        }
        Some(maps)
    }

    fn order(&mut self, draft: &Draft, spans: &[Span]) -> Option<(PolicyOrder, Vec<PolicyMember>)> {
        let members = draft.members.iter().map(|m| PolicyMember {
            member: m.member,
            weight: m.weight,
            region: None,
        });
        match &draft.order {
            DraftOrder::Geo { serves, default } => self.geo(draft, spans, serves, default),
            DraftOrder::Listed => Some((PolicyOrder::Listed, members.collect())),
            DraftOrder::When { rules, otherwise } => {
                let (rules, otherwise) = (rules.clone(), *otherwise);
                Some((PolicyOrder::When { rules, otherwise }, Vec::new()))
            }
        }
    }

    fn geo(
        &mut self,
        draft: &Draft,
        spans: &[Span],
        serves: &[(At<RegionId>, Vec<Selector>)],
        default: &[At<RegionId>],
    ) -> Option<(PolicyOrder, Vec<PolicyMember>)> {
        let mut members = Vec::with_capacity(draft.members.len());
        for (listed, span) in draft.members.iter().zip(spans) {
            match *span {
                Span::One(region) => members.push(PolicyMember {
                    member: listed.member,
                    weight: listed.weight,
                    region: Some(region),
                }),
                Span::Several(a, b) => self.report_several(listed, a, b),
            }
        }
        if members.len() < draft.members.len() {
            return None;
        }
        let regions = distinct_regions(&members);
        if regions.len() > GEO_REGIONS_MAX {
            let message = format!(
                "policy {} ranks {} regions",
                ticked(&draft.name),
                regions.len()
            );
            let help = format!("at most {GEO_REGIONS_MAX} are allowed; nest policies for more");
            self.reader.error_at(&draft.place, message, Some(help));
        }
        for region in serves.iter().map(|(region, _)| region).chain(default) {
            self.check_member_region(region, &regions);
        }
        let order = PolicyOrder::Geo {
            serves: serves.iter().map(|(r, s)| (r.value, s.clone())).collect(),
            default: default.iter().map(|region| region.value).collect(),
        };
        Some((order, members))
    }

    fn report_several(&mut self, listed: &DraftMember, a: RegionId, b: RegionId) {
        let name = &listed.name;
        let region = |id: RegionId| self.references.regions.name(id.index());
        let message = format!(
            "{} has pools in several regions, such as {} and {}",
            ticked(name),
            ticked(region(a)),
            ticked(region(b)),
        );
        let help = "a member of `geo` stands for one region".to_owned();
        self.reader.error_at(&listed.place, message, Some(help));
    }

    fn check_member_region(&mut self, region: &At<RegionId>, regions: &[RegionId]) {
        if !regions.contains(&region.value) {
            let name = self.references.regions.name(region.value.index());
            let message = format!("no member of this policy lies in region {}", ticked(name));
            self.reader.error_at(&region.place, message, None);
        }
    }
}

impl Span {
    fn join(self, other: Span) -> Span {
        match (self, other) {
            (Span::One(a), Span::One(b)) if a == b => self,
            (Span::One(a), Span::One(b)) => Span::Several(a, b),
            (several @ Span::Several(..), _) | (_, several) => several,
        }
    }
}

fn distinct_regions(members: &[PolicyMember]) -> Vec<RegionId> {
    let mut seen = std::collections::HashSet::new();
    let regions = members.iter().filter_map(|member| member.region);
    regions.filter(|region| seen.insert(*region)).collect()
}

fn map_key(order: &PolicyOrder, members: &[PolicyMember]) -> Option<MapKey> {
    match order {
        PolicyOrder::Listed => None,
        PolicyOrder::Geo { serves, default } => Some(MapKey::Geo {
            regions: distinct_regions(members),
            serves: serves.clone(),
            default: default.clone(),
        }),
        PolicyOrder::When { rules, .. } => {
            let clients = |rule: &Rule| (rule.clients.clone(), rule.except.clone());
            Some(MapKey::When(rules.iter().map(clients).collect()))
        }
    }
}
