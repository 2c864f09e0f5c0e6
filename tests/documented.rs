//! The pages of docs/steering and the cookbook in examples keep their promises: each example is loaded and asked.
//!
//! What is promised is a line each, behind an example in a block `asked`, or as a comment `# asked:` in a file of
//! the cookbook:
//!
//! | line | promise |
//! |---|---|
//! | `from WHO[, X down]: A, B` | these are answered, in this order; one alone: nothing else is |
//! | `from WHO[, X down]: SERVFAIL` | that |
//! | `from WHO twice: the same pool` | whatever the die says |
//! | `from many in WHO[, X down]: A 75 %, B 25 %` | each comes first for so many client networks |
//! | `from many in WHO, X down: only those of X moved` | and some of these did |
//! | `NAME TYPE from WHO[, X down]: DATA; CNAME NAME; with RECORD` | these are the answer's records, of the type that is asked for or another, and the additional ones |
//! | `NAME TYPE from a resolver in WHO[, X down]: …` | the same without a client subnet |
//!
//! Names that an example has as aliases lead where it says in a comment `# resolved: NAME: A, B`.
//!
//! WHO is a network or, in the pages, one of [`PLACES`]; X, A and B are pools or addresses. A block `zone` between an
//! example and what is asked has records of its zone.

#[path = "in_process/mod.rs"]
mod in_process;

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use in_process::{Query, Server};
use ipnet::Ipv4Net;
use meridian::compile::{self, Whole};
use meridian::config::{Addresses, Config, Resolved};
use meridian::dns::Name;
use meridian::locate::{Client, Subnet};
use meridian::model::{EndpointId, Family, Verdict};
use meridian::random::Random;
use meridian::state::{EndpointHealth, Health, Root};
use meridian::steering::{Ask, Decision, Draw, Outcome, cursor_count, decide};

/// Networks that the pages speak of.
const PLACES: [(&str, &str); 4] = [
    ("DE", "20.16.0.0/12"),
    ("US", "20.32.0.0/12"),
    ("JP", "20.48.0.0/12"),
    ("nowhere", "21.0.0.0/12"),
];

/// Client networks that are many.
const MANY: u32 = 4096;
/// Points of a hundred by which shares may be off: more than three standard deviations of so many draws.
const OFF: f64 = 2.5;

/// What stands before every example of the pages.
fn prelude() -> String {
    let located = PLACES.iter().filter(|(name, _)| *name != "nowhere");
    let networks: String = located
        .map(|(name, net)| {
            format!("[network.{name}]\nprefixes = [\"{net}\"]\nlocation = \"{name}\"\n")
        })
        .collect();
    let regions = [
        ("eu", "[50.11, 8.68]", "192.0.2"),
        ("us", "[39.04, -77.49]", "198.51.100"),
        ("ap", "[1.35, 103.82]", "203.0.113"),
    ];
    let regions: String = regions
        .iter()
        .map(|(name, location, net)| {
            format!(
                "[region.{name}]\nlocation = {location}\n[pool.web-{name}]\nregion = \"{name}\"\n\
                 endpoints = [\"{net}.11\", \"{net}.12\"]\n"
            )
        })
        .collect();
    networks
        + &regions
        + "[zone.\"example.com\"]\nfile = \"zone\"\n[zone.\"example.com\".balanced]\n\
           www = { policy = \"world\" }\n"
}

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(in_repository(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    paths.sort();
    paths
}

/// The blocks of a page, with their languages.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(of), None) => open = Some((of.to_owned(), String::new())),
            (None, Some((_, text))) => *text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block has no end");
    found
}

/// What an example's comments say that names lead to.
fn resolved(text: &str) -> Addresses {
    let lines = text.lines();
    let said = lines.filter_map(|line| line.strip_prefix("# resolved: "));
    said.map(|said| {
        let (name, addresses) = said.split_once(": ").expect("name: addresses");
        let addresses = addresses.split(", ").map(|address| Resolved {
            address: address.parse().expect("an address"),
            ttl_s: 60,
        });
        (Name::parse(name).expect("a name"), addresses.collect())
    })
    .collect()
}

/// An example, and who asks it.
struct Example {
    title: String,
    whole: Whole,
}

impl Example {
    fn load(title: String, path: &Path) -> Self {
        let addresses = resolved(&fs::read_to_string(path).unwrap());
        let adjust = move |config: &mut Config| config.expand(&addresses.clone().into());
        match compile::load(path, Some(&adjust)) {
            Ok((whole, _)) => Example { title, whole },
            Err(mistakes) => panic!("{title}: {:#?}", mistakes.sorted()),
        }
    }

    fn pool_of(&self, id: EndpointId) -> &str {
        let pools = &self.whole.parts.pools;
        &pools.pools[pools.endpoints[id.index()].pool.index()].name
    }

    /// Whether an endpoint is what a pool's name, an address or another name says.
    fn is(&self, id: EndpointId, what: &str) -> bool {
        let destination = &self.whole.parts.pools.endpoints[id.index()].destination;
        self.pool_of(id) == what || destination.to_string() == what
    }

    /// With those down that are named, and all others up.
    fn asker(&self, down: &[&str]) -> Asker<'_> {
        let pools = &self.whole.parts.pools;
        for name in down {
            let mut ids = (0..pools.endpoints.len() as u32).map(EndpointId);
            assert!(ids.any(|id| self.is(id, name)), "{}: no {name}", self.title);
        }
        let health = Health::new(pools, |id| {
            let verdict = match down.iter().any(|name| self.is(id, name)) {
                true => Verdict::Down,
                false => Verdict::Up,
            };
            EndpointHealth::new(verdict, 1_000)
        });
        let balanced = &self.whole.config.zones[0].balanced[0];
        Asker {
            example: self,
            root: self.whole.parts.root(1, Arc::new(health)),
            random: Random::from_seed(1),
            cursors: vec![0; cursor_count(pools)],
            ask: Ask {
                policy: balanced.policy,
                family: Family::V4,
                answers: balanced.answers,
                ttl: balanced.ttl,
            },
        }
    }

    fn check(&self, promise: &str) {
        let (who, expected) = promise.split_once(": ").expect("who: what");
        let mut parts = who.split(", ");
        let who = parts.next().unwrap_or_default();
        let down: Vec<&str> = parts
            .map(|part| part.strip_suffix(" down").expect("who is down"))
            .collect();
        let mut asker = self.asker(&down);
        let said = format!("{}: {promise}", self.title);
        let Some(who) = who.strip_prefix("from ") else {
            return self.check_records(asker.root, who, expected, &said);
        };
        if let Some(who) = who.strip_prefix("many in ") {
            let net = network(who);
            match expected.strip_prefix("only those of ") {
                Some(gone) => {
                    let gone = gone.strip_suffix(" moved").expect("moved");
                    let (before, after) = (self.asker(&[]).firsts(net), asker.firsts(net));
                    let is_moved = |(was, is): &(&EndpointId, &EndpointId)| {
                        self.pool_of(**was) != self.pool_of(**is)
                    };
                    let moved = before.iter().zip(&after).filter(is_moved);
                    let moved: Vec<_> = moved.map(|(was, _)| *was).collect();
                    assert!(!moved.is_empty(), "{said}");
                    assert!(moved.iter().all(|was| self.is(*was, gone)), "{said}");
                }
                None => self.check_shares(&asker.firsts(net), expected, &said),
            }
            return;
        }
        if let Some(who) = who.strip_suffix(" twice") {
            assert_eq!(expected, "the same pool");
            let first = asker.decide(network(who).network()).pool;
            for _ in 0..20 {
                assert_eq!(asker.decide(network(who).network()).pool, first, "{said}");
            }
            return;
        }
        let decision = asker.decide(network(who).network());
        if expected == "SERVFAIL" {
            assert_eq!(decision.outcome, Outcome::ServFail, "{said}");
            return;
        }
        let answered = decision.endpoints();
        let expected: Vec<&str> = match expected.split(", ").collect::<Vec<_>>()[..] {
            [one] => vec![one; answered.len().max(1)],
            ref several => several.to_vec(),
        };
        let is_so = answered.len() == expected.len()
            && (answered.iter().zip(&expected)).all(|(id, what)| self.is(*id, what));
        assert!(is_so, "{said}: {decision:?}");
    }

    /// What is asked of a name of the zone by the answer engine.
    fn check_records(&self, root: Root, asked: &str, expected: &str, said: &str) {
        let (what, who) = asked.split_once(" from ").expect("what from who");
        let (name, rtype) = what.split_once(' ').expect("a name and a type");
        let name = match name {
            "@" => "example.com".to_owned(),
            name => format!("{name}.example.com"),
        };
        let query = Query::new(&name, rtype);
        let query = match who.strip_prefix("a resolver in ") {
            Some(who) => query.from(&network(who).network().to_string()),
            None => query.subnet(&format!("{}/24", network(who).network())),
        };
        let mut server = Server::new(&self.whole, 1);
        server.set_root(root);
        let reply = server.ask(&query);
        let mut found: Vec<String> = Vec::new();
        for line in reply.answers() {
            let data = match line.split_once(&format!(" IN {rtype} ")) {
                Some((_, data)) => data,
                None => line.split_once(" IN ").expect("a record").1,
            };
            // hickory-proto ends lists with a comma.
            found.push(data.replace(", ", " ").trim_end_matches(',').to_owned());
        }
        for line in reply.additional() {
            let mut words = line.split(' ');
            let (owner, _ttl, _class) = (words.next(), words.next(), words.next());
            let rest: Vec<_> = words.collect();
            found.push(format!(
                "with {} {}",
                owner.unwrap_or_default(),
                rest.join(" ")
            ));
        }
        assert_eq!(found, expected.split("; ").collect::<Vec<_>>(), "{said}");
    }

    fn check_shares(&self, firsts: &[EndpointId], expected: &str, said: &str) {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for &id in firsts {
            *counts.entry(self.pool_of(id)).or_default() += 1;
        }
        let shares = expected.split(", ").map(|share| {
            let (name, percent) = share.split_once(' ').expect("a share");
            let percent = percent.strip_suffix(" %").expect("per cent");
            (name, percent.parse::<f64>().expect("a number"))
        });
        let mut total = 0.0;
        for (name, percent) in shares {
            let count = counts.remove(name).unwrap_or_default();
            let share = f64::from(count) * 100.0 / f64::from(MANY);
            assert!((share - percent).abs() < OFF, "{said}: {name} {share} %");
            total += percent;
        }
        assert!(counts.is_empty(), "{said}: {counts:?}");
        assert!((total - 100.0).abs() < 0.5, "{said}");
    }
}

struct Asker<'e> {
    example: &'e Example,
    root: Root,
    random: Random,
    cursors: Vec<u32>,
    ask: Ask,
}

impl Asker<'_> {
    fn decide(&mut self, network: Ipv4Addr) -> Decision {
        let client = Client {
            subnet: Some(Subnet {
                address: IpAddr::V4(network),
                source: 24,
            }),
            resolver: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let mut draw = Draw {
            random: &mut self.random,
            cursors: &mut self.cursors,
        };
        decide(&self.root, &self.ask, &client, &mut draw, &mut ())
    }

    /// Who comes first for each of the first [`MANY`] /24 of a network.
    fn firsts(&mut self, net: Ipv4Net) -> Vec<EndpointId> {
        let first = net.network().to_bits();
        let networks = (0..MANY).map(|number| Ipv4Addr::from(first + (number << 8)));
        let networks: Vec<_> = networks.collect();
        assert!(networks.iter().all(|network| net.contains(network)));
        let mut first = |network: &Ipv4Addr| {
            let endpoints = self.decide(*network);
            let first = endpoints.endpoints().first().copied();
            first.unwrap_or_else(|| panic!("{}: no answer", self.example.title))
        };
        networks.iter().map(&mut first).collect()
    }
}

fn network(who: &str) -> Ipv4Net {
    let place = PLACES.iter().find(|(name, _)| *name == who);
    let text = place.map_or(who, |(_, network)| network);
    text.parse().unwrap_or_else(|_| panic!("who is {who}?"))
}

#[test]
fn every_example_of_the_pages_does_what_it_promises() {
    let mut tried = 0;
    for page in files("docs/steering", "md") {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&page).unwrap();
        let mut written: Option<String> = None;
        let mut zone = String::new();
        for (language, text) in blocks(&text) {
            match &*language {
                "toml" => {
                    assert!(written.is_none(), "{name}: an example that nobody asks");
                    written = Some(text);
                    zone = "$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS ns.net.\n".to_owned();
                }
                "zone" => zone += &text,
                "asked" => {
                    let example = written.take().expect("an example before it");
                    let folder = tempfile::tempdir().unwrap();
                    let config = folder.path().join("meridian.toml");
                    fs::write(&config, prelude() + &example).unwrap();
                    fs::write(folder.path().join("zone"), &zone).unwrap();
                    let example = Example::load(name.clone(), &config);
                    for promise in text.lines() {
                        example.check(promise);
                        tried += 1;
                    }
                }
                other => panic!("{name}: a block in {other:?}"),
            }
        }
        assert!(written.is_none(), "{name}: an example that nobody asks");
        assert!(
            name == "README.md" || text.contains("**Source**: "),
            "{name} names no source"
        );
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn every_balance_has_a_page() {
    let index = fs::read_to_string(in_repository("docs/steering/README.md")).unwrap();
    let kinds = meridian::model::Balance::ALL.map(|balance| balance.name());
    for kind in kinds.into_iter().chain(["geo"]) {
        assert!(index.contains(&format!("[{kind}]({kind}.md)")), "{kind}");
        let page = in_repository(&format!("docs/steering/{kind}.md"));
        assert!(page.exists(), "{kind}");
    }
    for balance in meridian::model::Balance::BY_LOAD {
        let kind = balance.name();
        assert!(index.contains(&format!("[{kind}](least.md)")), "{kind}");
    }
}

#[test]
fn every_recipe_of_the_cookbook_does_what_it_promises() {
    for path in files("examples/cookbook", "toml") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let example = Example::load(name.clone(), &path);
        let text = fs::read_to_string(&path).unwrap();
        let promises: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# asked: "))
            .collect();
        assert!(promises.len() > 1, "{name} promises nothing");
        for promise in promises {
            example.check(promise);
        }
    }
}
