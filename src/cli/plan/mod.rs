//! `meridian plan`: who would be sent elsewhere?

mod chart;
mod groups;
mod recording;
pub mod report;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::imagined;
use crate::clock;
use crate::compile::{self, Whole};
use crate::dns::{Name, mnemonic, rtype};
use crate::model::{Family, PolicyId};
use crate::overrides::What;
use crate::plan::{Moves, Places, Policies, Population, Side, Sides};
use crate::state::Root;
use chart::Chart;
use groups::{Group, Groups};
use recording::{Recording, Wanted};
use report::{Clients, MeanScope, Moved, OfPolicy, Report};

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration as it is
    #[arg(value_name = "OLD")]
    before: PathBuf,
    /// The configuration as it would be [default: the same]
    #[arg(value_name = "NEW")]
    after: Option<PathBuf>,
    /// A region, pool or endpoint that would be down: eu, pool:web-eu, 192.0.2.1, web-eu/192.0.2.1
    #[arg(long, value_name = "WHAT", visible_alias = "down")]
    drain: Vec<What>,
    /// The same of what is down already, and would stay so
    #[arg(long, value_name = "WHAT")]
    already_down: Vec<What>,
    /// Only what becomes of this name [default: every balanced name]
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    name: Option<Name>,
    /// The type that is asked for, A or AAAA [default: A, or AAAA where there are no IPv4 endpoints]
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_family)]
    family: Option<Family>,
    /// Count recorded queries (lines of NAME TYPE CLIENT, pcap, pcapng or dnstap) instead of addresses
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    /// Of packets, those to this port are queries
    #[arg(long, value_name = "PORT", default_value_t = 53, requires = "queries")]
    port: u16,
    /// List all countries, not only those that most of the moved clients are in
    #[arg(long)]
    all: bool,
    /// Draw a map of the world: of the policy of which most clients move, and of IPv4 clients if there are any
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_name(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|e| format!("it is no name: {e}"))
}

fn parse_family(text: &str) -> Result<Family, String> {
    match mnemonic::rtype(text.as_bytes()) {
        Some(rtype::A) => Ok(Family::V4),
        Some(rtype::AAAA) => Ok(Family::V6),
        _ => Err("expected A or AAAA".to_owned()),
    }
}

/// The type of records with addresses of `family`.
fn type_of(family: Family) -> &'static str {
    match family {
        Family::V4 => "A",
        Family::V6 => "AAAA",
    }
}

pub fn run(arguments: &Arguments) -> ExitCode {
    super::finish(plan(arguments).map(|report| match arguments.json {
        true => super::json(&report),
        false => table::render(&report, arguments.all),
    }))
}

fn plan(arguments: &Arguments) -> Result<Report, String> {
    if arguments.after.is_none() && arguments.drain.is_empty() {
        return Err(
            "there is nothing to compare: give a second configuration, or --drain".to_owned(),
        );
    }
    let before = load(&arguments.before)?;
    let after = match &arguments.after {
        Some(path) => load_after(&before, path)?,
        None => before.clone(),
    };
    let down: Vec<What> = [&arguments.already_down[..], &arguments.drain[..]].concat();
    let roots = (
        imagined::root(&before, &arguments.already_down)?,
        imagined::root(&after, &down)?,
    );
    let networks = (networks(&before), networks(&after));
    let sides = Sides {
        before: side(&before, &roots.0, &networks.0),
        after: side(&after, &roots.1, &networks.1),
    };
    let groups = match &arguments.name {
        Some(name) => Groups::of_name(&sides, name)?,
        None => Groups::new(&before.config, &after.config),
    };
    let places = Places::new(&sides);
    let mut planning = Planning {
        arguments,
        sides,
        places: &places,
        policies: Vec::new(),
        drawn: None,
    };
    let recording = match &arguments.queries {
        Some(path) => Some(planning.by_queries(path)?),
        None => {
            planning.by_space(&groups.groups);
            None
        }
    };
    let texts = |whats: &[What]| whats.iter().map(ToString::to_string).collect();
    let mut report = Report {
        before: arguments.before.display().to_string(),
        after: after.config.path.display().to_string(),
        drained: texts(&arguments.drain),
        already_down: texts(&arguments.already_down),
        names_only_before: groups.only_before,
        names_only_after: groups.only_after,
        recording,
        policies: planning.policies,
    };
    if let Some(path) = &arguments.svg {
        let drawn = planning
            .drawn
            .ok_or("there is nobody to draw: no database knows any client")?;
        let policy = &report.policies[drawn.policy];
        let chart = Chart {
            title: table::headline(&report),
            subtitle: format!("{}: {}", policy.title(), report::listed(&policy.names)),
            moved: &policy.clients[drawn.clients],
            moves: &drawn.moves,
            regions: chart::regions(&after.config),
        };
        std::fs::write(path, chart.svg()).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    report.sort();
    Ok(report)
}

fn load(path: &Path) -> Result<Whole, String> {
    match compile::load(path, None) {
        Ok((whole, _)) => Ok(whole),
        Err(diagnostics) => {
            super::print_diagnostics(&diagnostics);
            Err(format!("{} cannot be used", path.display()))
        }
    }
}

/// What is the same `before` is taken as it is, the databases above all.
fn load_after(before: &Whole, path: &Path) -> Result<Whole, String> {
    let (diagnostics, whole) = match compile::reload(before, clock::unix_ms(), path, None) {
        Ok((whole, diagnostics)) => (diagnostics, Some(whole)),
        Err(diagnostics) => (diagnostics, None),
    };
    match whole.filter(|_| !diagnostics.has_errors()) {
        Some(whole) => Ok(whole),
        None => {
            super::print_diagnostics(&diagnostics);
            Err(format!("{} cannot be used", path.display()))
        }
    }
}

/// The names of own networks.
fn networks(whole: &Whole) -> Vec<&str> {
    let networks = whole.config.networks.iter();
    networks.map(|network| network.name.as_str()).collect()
}

fn side<'a>(whole: &'a Whole, root: &'a Root, networks: &'a [&'a str]) -> Side<'a> {
    Side {
        root,
        world: &whole.world,
        networks,
    }
}

struct Planning<'a> {
    arguments: &'a Arguments,
    sides: Sides<'a>,
    places: &'a Places,
    policies: Vec<OfPolicy>,
    /// What the picture shows.
    drawn: Option<Drawn>,
}

/// The clients of whom most move.
struct Drawn {
    /// Indices into the policies, and their clients.
    policy: usize,
    clients: usize,
    share: f64,
    moves: Moves,
}

impl Planning<'_> {
    /// Counts addresses.
    fn by_space(&mut self, groups: &[Group]) {
        // Populations depend on maps alone: those of one set are found once.
        for with_same_maps in groups::by_maps(&self.sides, groups) {
            for asked in [Family::V4, Family::V6] {
                let asking: Vec<_> = with_same_maps
                    .iter()
                    .filter(|group| self.asked(group) == asked)
                    .collect();
                let Some(first) = asking.first() else {
                    continue;
                };
                let mut found: Vec<_> = asking.iter().map(|group| self.of_policy(group)).collect();
                for clients in [Family::V4, Family::V6] {
                    let mut population = Population::of_space(
                        self.sides,
                        self.places,
                        first.policies,
                        clients,
                        asked,
                    );
                    let scope = self.mean_scope(first, clients);
                    let clients = match clients {
                        Family::V4 => Clients::Ipv4,
                        Family::V6 => Clients::Ipv6,
                    };
                    for (index, (group, found)) in asking.iter().zip(&mut found).enumerate() {
                        let moves = Moves::new(&self.sides, group.policies, &mut population);
                        let mut moved = Moved::new(clients, type_of(asked), &moves, self.places);
                        moved.mean_scope = scope;
                        self.draw(self.policies.len() + index, &found.clients, &moved, moves);
                        found.clients.push(moved);
                    }
                }
                self.policies.extend(found);
            }
        }
    }

    /// Counts recorded queries.
    fn by_queries(&mut self, path: &Path) -> Result<Recording, String> {
        let wanted = Wanted {
            name: self.arguments.name.as_ref(),
            family: self.arguments.family,
            port: self.arguments.port,
        };
        let (recording, found) = recording::read(&self.sides, path, &wanted)?;
        for of_policies in found {
            let group = Group {
                policies: of_policies.policies,
                names: of_policies.names,
            };
            let mut population =
                Population::of_asked(self.sides, self.places, group.policies, &of_policies.asked);
            let moves = Moves::new(&self.sides, group.policies, &mut population);
            let families: Vec<_> = of_policies.families.into_iter().collect();
            let rtype = families.join(" and ");
            let moved = Moved::new(Clients::Recorded, &rtype, &moves, self.places);
            let mut found = self.of_policy(&group);
            self.draw(self.policies.len(), &[], &moved, moves);
            found.clients.push(moved);
            self.policies.push(found);
        }
        Ok(recording)
    }

    /// Keeps what a picture would show: of each policy, the first clients that there are after those in `others`.
    fn draw(&mut self, policy: usize, others: &[Moved], moved: &Moved, moves: Moves) {
        let is_first = others.iter().all(|other| other.total == 0.0);
        let is_more = |drawn: &Drawn| drawn.share < moved.moved;
        if is_first && moved.total > 0.0 && self.drawn.as_ref().is_none_or(is_more) {
            self.drawn = Some(Drawn {
                policy,
                clients: others.len(),
                share: moved.moved,
                moves,
            });
        }
    }

    fn of_policy(&self, group: &Group) -> OfPolicy {
        let Sides { before, after } = &self.sides;
        let name =
            |side: &Side<'_>, id: PolicyId| side.root.pools.policies[id.index()].name.to_string();
        OfPolicy {
            before: name(before, group.policies.before),
            after: name(after, group.policies.after),
            names: group.names.clone(),
            clients: Vec::new(),
        }
    }

    /// Addresses of which family are asked for.
    fn asked(&self, group: &Group) -> Family {
        let Sides { before, after } = &self.sides;
        let has =
            |side: &Side<'_>, id: PolicyId| side.root.pools.policies[id.index()].has(Family::V4);
        let is_v4 = has(before, group.policies.before) || has(after, group.policies.after);
        let usual = if is_v4 { Family::V4 } else { Family::V6 };
        self.arguments.family.unwrap_or(usual)
    }

    fn mean_scope(&self, group: &Group, clients: Family) -> Option<MeanScope> {
        let Sides { before, after } = &self.sides;
        let Policies {
            before: old,
            after: new,
        } = group.policies;
        let mean = before.mean_scope(old, clients)?;
        Some(MeanScope {
            before: mean,
            after: match before.reads_alike(old, after, new) {
                true => mean,
                false => after.mean_scope(new, clients)?,
            },
        })
    }
}
